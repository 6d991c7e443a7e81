/* Shared by the tests of visitors: a visitor of a table with activities and preferences, and the
 * check that its bytes are read back as they were written. */
#ifndef WEFT_TESTS_VISITORS_H
#define WEFT_TESTS_VISITORS_H

#include "state/visitor_codec.h"
#include "state/visitor_history.h"
#include "state/visitor_table.h"
#include "tests/test.h"

static inline struct visitor *visitor_of(struct visitor_table *table, int32_t partition,
                                         const char *key)
{
    struct visitor *visitor = NULL;
    struct error error = {0};
    CHECK_SAY(visitor_table_get(table, partition, bytes_text(key), &visitor, &error) == VERDICT_OK,
              "%s", error.message);
    return visitor;
}

static inline void insert(struct visitor *visitor, int64_t time_ms, enum kind kind,
                          const char *subject, uint32_t max)
{
    struct activity activity = {.time_ms = time_ms,
                                .kind = (uint8_t)kind,
                                .price = 1.5f,
                                .event_hash = (uint64_t)time_ms * 7 + kind};
    visitor_insert(visitor, visitor_position(visitor, time_ms, kind), activity, bytes_text(subject),
                   max, NULL);
}

/* Likes something, of brands that are not many. */
static inline void prefer(struct visitor *visitor, struct random *random, int64_t time_ms)
{
    struct buffer scratch = {0};
    struct preferences preferences;
    struct tasted tasted = {.brand = 1 + random_below(random, 12),
                            .category = 1 + random_below(random, 9),
                            .words = {{5, 6}, {1 + random_below(random, 6)}, {0}},
                            .price = (float)(1 + random_below(random, 500)),
                            .discount = .2f};
    visitor_preferences(visitor, &preferences);
    preferences_learn(&preferences, &tasted, (enum taste_kind)random_below(random, TASTE_KINDS),
                      time_ms, 60000);
    visitor_set_preferences(visitor, &preferences, &scratch);
    buffer_release(&scratch);
}

static inline void check_decoded(struct visitor_table *table, struct visitor *visitor)
{
    struct visitor *again = NULL;
    CHECK(visitor_decode(visitor->partition, visitor_key(visitor),
                         visitor_table_encode(table, visitor), &again, NULL) == VERDICT_OK);
    CHECK_INT(again->count, visitor->count);
    CHECK_INT(again->accepted, visitor->accepted);
    CHECK_INT(again->latest_time_ms, visitor->latest_time_ms);
    CHECK_INT(again->truncated, visitor->truncated);
    CHECK_INT(again->list_hash, visitor->list_hash);
    CHECK_BYTES(visitor_key(again), visitor_key(visitor));
    CHECK_INT(again->tastes_size, visitor->tastes_size);
    CHECK_INT(again->display_count, visitor->display_count);
    for (uint32_t i = 0; i < visitor->display_count; i++)
        CHECK_INT(visitor_shown(again, visitor->displays[i].item), visitor->displays[i].times);
    CHECK_INT(again->refused, visitor->refused);
    CHECK_BYTES(visitor_gender(again), visitor_gender(visitor));
    CHECK_BYTES(visitor_age_group(again), visitor_age_group(visitor));
    CHECK_BYTES(visitor_channel(again), visitor_channel(visitor));
    CHECK_INT(again->channel_time_ms, visitor->channel_time_ms);
    CHECK_INT(again->orders.count, visitor->orders.count);
    for (uint32_t i = 0; i < visitor->orders.count; i++) {
        const struct order_line *a = &visitor->orders.lines[i], *b = &again->orders.lines[i];
        CHECK(a->order == b->order && a->item == b->item && a->time_ms == b->time_ms &&
              a->event == b->event && a->bought == b->bought && a->returned == b->returned);
    }
    CHECK(memcmp(&again->noise, &visitor->noise, sizeof again->noise) == 0);
    CHECK_INT(visitor_history_places(again), visitor_history_places(visitor));
    for (uint32_t i = 0; i < visitor_history_places(visitor); i++) {
        struct history_place a = visitor_history_place(visitor, i);
        struct history_place b = visitor_history_place(again, i);
        CHECK(a.kind == b.kind && a.counting == b.counting && a.time_ms == b.time_ms &&
              a.event == b.event && a.settled == b.settled);
        CHECK_BYTES(a.subject, b.subject);
    }
    CHECK_INT(again->cart.count, visitor->cart.count);
    CHECK_BYTES(bytes_of(again->cart.text, again->cart.size),
                bytes_of(visitor->cart.text, visitor->cart.size));
    CHECK_INT(again->exposure != NULL, visitor->exposure != NULL);
    if (visitor->exposure && again->exposure)
        CHECK(memcmp(again->exposure, visitor->exposure, sizeof *visitor->exposure) == 0);
    if (visitor->tastes && again->tastes)
        CHECK_BYTES(bytes_of(again->tastes, again->tastes_size),
                    bytes_of(visitor->tastes, visitor->tastes_size));
    for (uint32_t i = 0; i < visitor->count; i++) {
        const struct activity *a = &visitor->activities[i], *b = &again->activities[i];
        CHECK(a->time_ms == b->time_ms && a->kind == b->kind && a->event_hash == b->event_hash &&
              memcmp(&a->price, &b->price, sizeof a->price) == 0);
        CHECK_BYTES(activity_subject(visitor, a), activity_subject(again, b));
    }
    visitor_free(again);
}

#endif
