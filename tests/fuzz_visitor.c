/* A visitor as stored. A row that the table accepts comes back from
 * visitor_table_encode(). */
#include "schemas/codec.h"
#include "state/visitor_codec.h"
#include "state/visitor_history.h"
#include "state/visitor_table.h"
#include "tests/fuzz.h"

/* Made at the first input, kept for all. */
static struct store *store;
static struct visitor_table *table;

static void check_same(const struct visitor *a, const struct visitor *b)
{
    FUZZ_CHECK(
        a->count == b->count && a->accepted == b->accepted &&
        a->latest_time_ms == b->latest_time_ms && a->list_hash == b->list_hash &&
        a->truncated == b->truncated && a->tastes_size == b->tastes_size &&
        a->display_count == b->display_count && a->refused == b->refused &&
        bytes_equal(visitor_gender(a), visitor_gender(b)) &&
        bytes_equal(visitor_age_group(a), visitor_age_group(b)) &&
        bytes_equal(visitor_channel(a), visitor_channel(b)) &&
        a->channel_time_ms == b->channel_time_ms && a->orders.count == b->orders.count &&
        (a->exposure == NULL) == (b->exposure == NULL) &&
        (a->exposure == NULL || memcmp(a->exposure, b->exposure, sizeof *a->exposure) == 0) &&
        (a->tastes_size == 0 || memcmp(a->tastes, b->tastes, a->tastes_size) == 0));
    FUZZ_CHECK(
        bytes_equal(bytes_of(a->cart.text, a->cart.size), bytes_of(b->cart.text, b->cart.size)));
    for (uint32_t i = 0; i < a->orders.count; i++) {
        const struct order_line *x = &a->orders.lines[i], *y = &b->orders.lines[i];
        FUZZ_CHECK(x->order == y->order && x->item == y->item && x->time_ms == y->time_ms &&
                   x->event == y->event && x->bought == y->bought && x->returned == y->returned);
    }
    FUZZ_CHECK(memcmp(&a->noise, &b->noise, sizeof a->noise) == 0);
    FUZZ_CHECK(visitor_history_places(a) == visitor_history_places(b));
    for (uint32_t i = 0; i < visitor_history_places(a); i++) {
        struct history_place x = visitor_history_place(a, i), y = visitor_history_place(b, i);
        FUZZ_CHECK(x.kind == y.kind && x.counting == y.counting && x.time_ms == y.time_ms &&
                   x.event == y.event && x.settled == y.settled &&
                   bytes_equal(x.subject, y.subject));
    }
    for (uint32_t i = 0; i < a->count; i++) {
        const struct activity *x = &a->activities[i], *y = &b->activities[i];
        FUZZ_CHECK(x->time_ms == y->time_ms && x->event_hash == y->event_hash &&
                   x->kind == y->kind && memcmp(&x->price, &y->price, sizeof x->price) == 0 &&
                   bytes_equal(activity_subject(a, x), activity_subject(b, y)));
    }
}

/* Through the table, which has the schema's fingerprint at hand. */
static enum verdict read_stored(const char *name, struct bytes value, struct visitor **ret_visitor,
                                struct error *error)
{
    char key[VISITOR_KEY_BYTES_MAX];
    struct store_batch batch = {0};
    batch_put(&batch, FAMILY_VISITOR, visitor_store_key(key, 3, bytes_text(name)), value);
    FUZZ_CHECK(store->write(store, &batch, NULL) == VERDICT_OK);
    batch_release(&batch);
    return visitor_table_get(table, 3, bytes_text(name), ret_visitor, error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct visitor *visitor, *again;
    struct error error = {0};
    if (store == NULL) {
        store = store_memory_new();
        table = visitor_table_new(store, 1 << 20);
    }
    if (read_stored("one", bytes_of(data, size), &visitor, &error) != VERDICT_OK) {
        FUZZ_CHECK(error.message[0]);
        return 0;
    }
    if (visitor_is_blank(visitor)) /* has no row of weft's */
        return 0;
    visitor_table_mark_dirty(table, visitor);
    FUZZ_CHECK(read_stored("two", visitor_table_encode(table, visitor), &again, &error) ==
               VERDICT_OK);
    check_same(visitor, again);
    visitor_table_mark_dirty(table, again);
    visitor_table_abort(table);
    return 0;
}

void fuzz_seeds(struct fuzz_sink *sink)
{
    struct store *empty = store_memory_new();
    struct visitor_table *seeds = visitor_table_new(empty, 0);
    struct visitor *visitor;
    FUZZ_CHECK(visitor_table_get(seeds, 0, bytes_text("visitor"), &visitor, NULL) == VERDICT_OK);
    visitor_table_mark_dirty(seeds, visitor);
    struct preferences preferences = {0};
    struct buffer scratch = {0};
    for (uint32_t i = 0; i < 6; i++) {
        struct tasted tasted = {.brand = i, .category = 7, .words = {{8}, {9}, {i}}, .price = 20};
        preferences_learn(&preferences, &tasted, TASTE_CARTED, 1700000000000 + i * 90000, 60000);
        visitor_set_preferences(visitor, &preferences, &scratch);
        visitor_show(visitor, bytes_of(&"abcdefghi"[i], 3), 1700000000000, 60000);
        struct activity activity = {
            .time_ms = 1700000000000 + i * 1000, .kind = (uint8_t)i, .event_hash = i};
        visitor_count_exposure(visitor, i, i % 2 > 0);
        visitor_set_declared(visitor, bytes_of("female", i), bytes_text("30-39"));
        const struct order_line line = {
            .order = i / 2, .item = i * 1000000007, .event = i, .bought = i, .time_ms = i * 1000};
        uint32_t out = 0;
        orders_buy(&visitor->orders, line, 5);
        orders_return(&visitor->orders, i / 2, i * 1000000007, i == 4, 9000, 5, &out);
        if (i > 2)
            visitor_update_channel(visitor, bytes_text("web"), activity.time_ms - 1000);
        cart_apply(&visitor->cart, KIND_CART, bytes_of(&"abcdefghi"[i / 2], 2), NULL);
        sink->add(sink, visitor_table_encode(seeds, visitor));
        visitor_insert(visitor, i < 4 ? i : 3, activity, bytes_text("item"), 4, NULL);
        visitor->activities[0].counting = i > 1 ? COUNTING_TAKEN_BACK : COUNTING_QUARANTINED;
        const struct noise_event event = {.time_ms = activity.time_ms, .view = true};
        noise_take(&visitor->noise, &event, &(struct noise_limits){.minute_max = 3});
    }
    for (uint32_t i = 0; i < 4; i++)
        visitor_insert(visitor, 4,
                       (struct activity){.time_ms = 1700000000000 + i,
                                         .kind = i % 2 ? KIND_CART : KIND_PURCHASE},
                       bytes_text("bought"), 4, NULL);
    visitor_fit(visitor, 0, NULL);

    sink->add(sink, visitor_table_encode(seeds, visitor));
    buffer_release(&scratch);
    visitor_table_free(seeds);
    empty->free(empty);
}
