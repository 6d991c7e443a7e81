/* A visitor: the sequence against a sorted array, shown items, exposure, channel, consent. */
#include "schemas/event.h"
#include "tests/visitors.h"

#define ACTIVITIES 400 /* room of the sorted array */

struct naive_activity {
    int64_t time_ms;
    uint32_t kind, arrival;
    char subject[16];
};

static int compare_naive(const void *a, const void *b)
{
    const struct naive_activity *x = a, *y = b;
    if (x->time_ms != y->time_ms)
        return x->time_ms < y->time_ms ? -1 : 1;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return x->arrival < y->arrival ? -1 : 1;
}

static void check_sequence(const struct visitor *visitor, const struct naive_activity *naive,
                           uint32_t count)
{
    CHECK_INT(visitor->count, count);
    for (uint32_t i = 0; i < count && i < visitor->count; i++) {
        const struct activity *activity = &visitor->activities[i];
        CHECK_INT(activity->time_ms, naive[i].time_ms);
        CHECK_INT(activity->kind, naive[i].kind);
        CHECK_BYTES(activity_subject(visitor, activity), bytes_text(naive[i].subject));
    }
}

/* One visitor's activities in any order; the oldest falls out at the bound. */
static void test_sequences(void)
{
    struct random random = random_from(81);
    static struct naive_activity naive[ACTIVITIES];
    for (int round = 0; round < 60; round++) {
        struct store *store = store_memory_new();
        struct visitor_table *table = visitor_table_new(store, 0);
        struct visitor *visitor = visitor_of(table, 0, "v");
        uint32_t max = 1 + random_below(&random, 100), count = 0;
        int64_t latest_ms = INT64_MIN;
        bool truncated = false;
        visitor_table_mark_dirty(table, visitor);
        for (uint32_t i = 0; i < 300; i++) {
            struct naive_activity *next = &naive[count++];
            *next = (struct naive_activity){random_below(&random, 200) - 50,
                                            random_below(&random, KINDS), i, ""};
            snprintf(next->subject, sizeof next->subject, "%.*s", (int)random_below(&random, 15),
                     "abcdefghijklmnop");
            latest_ms = next->time_ms > latest_ms ? next->time_ms : latest_ms;
            insert(visitor, next->time_ms, (enum kind)next->kind, next->subject, max);
            if (round % 4 > 0)
                visitor_update_channel(visitor, bytes_of("web", 1 + (uint32_t)round % 3),
                                       next->time_ms);
            if (round % 2 > 0)
                visitor_show(visitor, bytes_of(&"abcdefghijkl"[random_below(&random, 10)], 2),
                             1000000, 1000);
            if (round % 3 > 0)
                prefer(visitor, &random, next->time_ms * 1000 * (round % 3));
            qsort(naive, count, sizeof naive[0], compare_naive);
            if (count > max) {
                memmove(naive, naive + 1, --count * sizeof naive[0]);
                truncated = true;
            }
        }
        check_sequence(visitor, naive, count);
        CHECK_INT(visitor->accepted, 300);
        CHECK_INT(visitor->latest_time_ms, latest_ms);
        CHECK_INT(visitor->truncated, truncated);
        CHECK(visitor->text_size <= 2 * 15 * (count + 1) + 64); /* what fell out makes room */
        visitor->list_hash = random_next(&random);
        check_decoded(table, visitor);
        visitor_table_free(table);
        store->free(store);
    }
}

/* The longest sequence of newest activities whose row fits: recomputed from all that came. */
static uint32_t naive_fit(const uint32_t *sizes, uint32_t count, size_t bytes_max)
{
    size_t bytes = VISITOR_ROW_REST_BYTES;
    uint32_t fitting = 0;
    while (fitting < count &&
           (bytes += ACTIVITY_ROW_BYTES + sizes[count - 1 - fitting]) <= bytes_max)
        fitting++;
    return fitting > 0 ? fitting : 1;
}

/* Long searches under any bound: the row fits, no activity falls out without need, and it does not
 * matter when the bound is applied. */
static void test_fit(void)
{
    struct random random = random_from(82);
    static char text[4096];
    memset(text, 's', sizeof text);
    for (int round = 0; round < 40; round++) {
        struct store *store = store_memory_new();
        struct visitor_table *table = visitor_table_new(store, 0);
        struct visitor *visitor = visitor_of(table, 0, "v");
        size_t bytes_max = VISITOR_ROW_REST_BYTES + 16384 + random_below(&random, 200000);
        uint32_t sizes[300], fallen = 0, every = 1 + random_below(&random, 20);
        visitor_table_mark_dirty(table, visitor);
        for (uint32_t i = 0; i < 300; i++) {
            sizes[i] = random_below(&random, 3) ? random_below(&random, 50)
                                                : random_below(&random, sizeof text + 1);
            struct activity activity = {.time_ms = 1700000000000 + i * 1000ll,
                                        .kind = KIND_SEARCH,
                                        .price = 1,
                                        .event_hash = random_next(&random)};
            visitor_insert(visitor, visitor->count, activity, bytes_of(text, sizes[i]), 1000, NULL);
            if (i % every > 0 && i < 299)
                continue;
            fallen += visitor_fit(visitor, bytes_max, NULL);
            CHECK_INT(visitor->count, naive_fit(sizes, i + 1, bytes_max));
            CHECK_INT(visitor->truncated, fallen > 0);
            CHECK_INT(fallen + visitor->count, i + 1);
            CHECK(visitor_table_encode(table, visitor).size + visitor->key_size <= bytes_max);
        }
        CHECK_INT(visitor->accepted, 300);
        check_decoded(table, visitor);
        uint32_t all = visitor->count;
        CHECK_INT(visitor_fit(visitor, 0, NULL), all - 1);
        CHECK_INT(visitor->count, 1); /* the newest one stays under any bound */
        visitor_table_free(table);
        store->free(store);
    }
}

/* Everything in a row but the activities, as large as it can be. */
static void test_rest_of_row(void)
{
    struct random random = random_from(83);
    struct store *store = store_memory_new();
    struct visitor_table *table = visitor_table_new(store, 0);
    char key[EVENT_ID_BYTES_MAX + 1], word[EVENT_ID_BYTES_MAX];
    memset(word, 'w', sizeof word);
    memset(key, 'k', sizeof key);
    key[EVENT_ID_BYTES_MAX] = '\0';
    struct visitor *visitor = visitor_of(table, 0, key);
    visitor_table_mark_dirty(table, visitor);
    insert(visitor, INT64_MAX / 2, KIND_VIEW, "", 1);
    for (int i = 0; i < 3000; i++) {
        prefer(visitor, &random, 1700000000000 + i * 1000);
        visitor_count_exposure(visitor, (uint32_t)random_next(&random), i % 2);
        snprintf(word, 16, "%d", i);
        visitor_show(visitor, bytes_of(word, 8), 1700000000000, INT64_MAX / 4);
    }
    for (uint32_t i = 0; i < ORDER_LINES_MAX; i++)
        orders_buy(&visitor->orders,
                   (struct order_line){.order = (uint32_t)random_next(&random) | 1u << 31,
                                       .item = (uint32_t)random_next(&random) | 1u << 31,
                                       .event = (uint32_t)random_next(&random) | 1u << 31,
                                       .bought = ORDER_QUANTITY_MAX,
                                       .returned = ORDER_QUANTITY_MAX,
                                       .time_ms = i % 2 ? INT64_MAX / 4 : 1},
                   ORDER_LINES_MAX);
    struct activity_bounds bounds = {
        .cart.items_max = 1, .retractable = {1000, 1000, 0}, .session_gap_ms = 1000};
    for (int i = 0; i < 1000; i++) { /* they fall out, as far apart as can be */
        struct activity activity = {
            .time_ms = i % 2 ? INT64_MAX / 2 : 1, .event_hash = 1u << 31, .kind = KIND_PURCHASE};
        visitor_insert(visitor, visitor->count, activity, bytes_text("i"), 1, &bounds);
    }
    for (uint32_t i = 0; i < CART_ITEMS_MAX; i++) {
        memcpy(word, &i, sizeof i);
        cart_apply(&visitor->cart, KIND_CART, bytes_of(word, 6), NULL);
    }
    memset(word, 'w', sizeof word);
    visitor_set_declared(visitor, bytes_of(word, sizeof word), bytes_of(word, sizeof word));
    visitor_update_channel(visitor, bytes_of(word, CHANNEL_BYTES_MAX), 1);
    visitor->list_hash = UINT64_MAX / 2;
    visitor->exposure->impressions = visitor->exposure->clicks = INT64_MAX;
    size_t bytes = visitor_table_encode(table, visitor).size + visitor->key_size;
    CHECK(bytes > 1000);
    CHECK_SAY(bytes * 5 / 4 < VISITOR_ROW_REST_BYTES, "%zu bytes", bytes);
    visitor_table_free(table);
    store->free(store);
}

/* Counts of lists, with what is clicked left out, at the bound, and from period to period. */
static void test_shown(void)
{
    struct store *store = store_memory_new();
    struct visitor_table *table = visitor_table_new(store, 0);
    struct visitor *visitor = visitor_of(table, 0, "v");
    struct bytes a = bytes_text("a"), b = bytes_text("b");
    visitor_table_mark_dirty(table, visitor);
    for (int i = 0; i < 300; i++)
        visitor_show(visitor, a, 5000000, 60000);
    visitor_show(visitor, b, 5000000, 60000);
    CHECK_INT(visitor_shown(visitor, shown_tag(a)), SHOWN_TIMES_MAX);
    CHECK_INT(visitor_shown(visitor, shown_tag(b)), 1);
    visitor_reset_shown(visitor, a);
    CHECK_INT(visitor_shown(visitor, shown_tag(a)), 0);
    CHECK_INT(visitor_shown(visitor, shown_tag(b)), 1);
    visitor_show(visitor, b, 5000000, 60000);
    for (int i = 0; i < 2 * SHOWN_ITEMS_MAX; i++) {
        char id[16];
        snprintf(id, sizeof id, "i%d", i);
        visitor_show(visitor, bytes_text(id), 5059000, 60000);
        CHECK_INT(visitor_shown(visitor, shown_tag(bytes_text(id))), 1);
    }
    CHECK_INT(visitor->display_count, SHOWN_ITEMS_MAX);
    CHECK_INT(visitor_shown(visitor, shown_tag(b)), 2); /* what was shown least gave way */
    check_decoded(table, visitor);
    visitor_show(visitor, a, 5060000, 60000);
    CHECK_INT(visitor->display_count, 1);
    CHECK_INT(visitor_shown(visitor, shown_tag(a)), 1);
    visitor_table_free(table);
    store->free(store);
}

/* The newest one counts, in whatever order they come; it is stored and read back. */
static void test_channel(void)
{
    static const struct {
        int64_t time_ms;
        const char *name;
    } came[] = {
        {5000, "web"}, {3000, "mail"}, {5000, "app"}, {7000, "kiosk"}, {7000, "partner shop"}};
    static const int orders[][5] = {{0, 1, 2, 3, 4}, {4, 3, 2, 1, 0}, {3, 1, 4, 0, 2}};
    for (int o = 0; o < 3; o++) {
        struct store *store = store_memory_new();
        struct visitor_table *table = visitor_table_new(store, 0);
        struct visitor *visitor = visitor_of(table, 0, "v");
        visitor_table_mark_dirty(table, visitor);
        CHECK_INT(visitor_channel(visitor).size, 0);
        for (int i = 0; i < 5; i++) {
            int64_t time_ms = came[orders[o][i]].time_ms;
            visitor_update_channel(visitor, bytes_text(came[orders[o][i]].name), time_ms);
            insert(visitor, time_ms, KIND_VIEW, "item", 10);
            check_decoded(table, visitor);
        }
        CHECK_BYTES(visitor_channel(visitor), bytes_text("partner shop"));
        insert(visitor, 20000, KIND_VIEW, "item", 10); /* by none that is known */
        check_decoded(table, visitor);
        CHECK_INT(visitor->channel_time_ms, 7000);
        visitor_table_free(table);
        store->free(store);
    }
}

/* Impressions and clicks against a list of the last marks. */
static void test_exposed(void)
{
    struct random random = random_from(83);
    struct store *store = store_memory_new();
    struct visitor_table *table = visitor_table_new(store, 0);
    struct visitor *visitor = visitor_of(table, 0, "v");
    uint32_t marks[1000], count = 0;
    int64_t clicks = 0;
    visitor_table_mark_dirty(table, visitor);
    CHECK(visitor_is_blank(visitor));
    for (int i = 0; i < 1000; i++) {
        uint32_t mark = random_below(&random, 2 * MARKS_MAX) * 0x9E3779B9u;
        bool click = random_one_in(&random, 3), known = false;
        for (uint32_t k = count > MARKS_MAX ? count - MARKS_MAX : 0; k < count; k++)
            known = known || marks[k] == mark;
        CHECK_INT(visitor_count_exposure(visitor, mark, click), !known);
        if (!known) {
            marks[count++] = mark;
            clicks += click;
        }
        if (i % 50 == 0)
            check_decoded(table, visitor);
    }
    CHECK(count > 300 && count < 900);
    CHECK_INT(visitor->exposure->impressions + visitor->exposure->clicks, count);
    CHECK_INT(visitor->exposure->clicks, clicks);
    CHECK(!visitor_is_blank(visitor));
    visitor_table_free(table);
    store->free(store);
}

static void write_batch(struct visitor_table *table, struct store *store)
{
    struct store_batch batch = {0};
    for (size_t i = 0; i < visitor_table_dirty_count(table); i++)
        visitor_table_encode(table, visitor_table_dirty_at(table, i));
    visitor_table_batch(table, &batch);
    CHECK(store->write(store, &batch, NULL) == VERDICT_OK);
    batch_release(&batch);
    visitor_table_commit(table);
}

static bool has_row(struct store *store, const char *name)
{
    char key[VISITOR_KEY_BYTES_MAX];
    struct buffer value = {0};
    enum verdict verdict = store->get(store, FAMILY_VISITOR,
                                      visitor_store_key(key, 0, bytes_text(name)), &value, NULL);
    buffer_release(&value);
    return verdict == VERDICT_OK;
}

/* Declared gender and age group are stored. An erased visitor has no row, and a visitor who refused
 * has a row with the refusal alone. */
static void test_erased(void)
{
    struct store *store = store_memory_new();
    struct visitor_table *table = visitor_table_new(store, 0); /* nothing stays in memory */
    struct random random = random_from(84);
    for (int refused = 0; refused < 2; refused++) {
        struct visitor *visitor = visitor_of(table, 0, "a visitor");
        visitor_table_mark_dirty(table, visitor);
        insert(visitor, 1000, KIND_VIEW, "item", 10);
        prefer(visitor, &random, 1000);
        visitor_show(visitor, bytes_text("item"), 1000, 1000);
        visitor_count_exposure(visitor, 7, false);
        visitor_set_declared(visitor, bytes_text("female"), bytes_text("30-39"));
        visitor_update_channel(visitor, bytes_text("by mail"), 1000);
        CHECK_BYTES(visitor_gender(visitor), bytes_text("female"));
        visitor_set_declared(visitor, bytes_text(""), bytes_text("40-49"));
        visitor->list_hash = 5;
        write_batch(table, store);
        CHECK(has_row(store, "a visitor"));
        visitor = visitor_of(table, 0, "a visitor");
        CHECK_BYTES(visitor_gender(visitor), bytes_text(""));
        CHECK_BYTES(visitor_age_group(visitor), bytes_text("40-49"));
        CHECK_BYTES(visitor_channel(visitor), bytes_text("by mail"));
        check_decoded(table, visitor);
        visitor_table_mark_dirty(table, visitor);
        visitor_erase(visitor, refused);
        CHECK_BYTES(visitor_key(visitor), bytes_text("a visitor"));
        CHECK(visitor->dirty && visitor->list_hash == 0 && visitor->count == 0);
        CHECK(visitor->channel == NULL);
        CHECK_INT(visitor_is_blank(visitor), !refused);
        if (refused) {
            struct bytes value = visitor_table_encode(table, visitor);
            CHECK(memmem(value.at, value.size, "item", 4) == NULL);
            CHECK(memmem(value.at, value.size, "mail", 4) == NULL);
            check_decoded(table, visitor);
        }
        write_batch(table, store);
        CHECK_INT(has_row(store, "a visitor"), refused);
        CHECK_INT(visitor_of(table, 0, "a visitor")->refused, refused);
    }
    visitor_table_free(table);
    store->free(store);
}

int main(void)
{
    TEST_RUN(test_sequences);
    TEST_RUN(test_fit);
    TEST_RUN(test_rest_of_row);
    TEST_RUN(test_shown);
    TEST_RUN(test_channel);
    TEST_RUN(test_exposed);
    TEST_RUN(test_erased);
    return test_done();
}
