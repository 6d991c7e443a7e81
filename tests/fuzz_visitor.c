/* A visitor as stored. What visitor_decode() takes comes back from visitors_encode(). */
#include "schemas/codec.h"
#include "state/visitors.h"
#include "tests/fuzz.h"

static struct store *store; /* made at the first input, kept for all */

static void check_same(const struct visitor *a, const struct visitor *b)
{
    FUZZ_CHECK(a->count == b->count && a->accepted == b->accepted &&
               a->latest_time_ms == b->latest_time_ms && a->list_hash == b->list_hash &&
               a->truncated == b->truncated);
    for (uint32_t i = 0; i < a->count; i++) {
        const struct activity *x = &a->activities[i], *y = &b->activities[i];
        FUZZ_CHECK(x->time_ms == y->time_ms && x->event_hash == y->event_hash &&
                   x->kind == y->kind && memcmp(&x->price, &y->price, sizeof x->price) == 0 &&
                   bytes_equal(activity_subject(a, x), activity_subject(b, y)));
    }
}

static void check_accepted(const struct visitor *visitor, struct bytes value)
{
    char key[VISITOR_KEY_BYTES_MAX];
    struct store_batch batch = {0};
    struct visitor *stored, *again;
    batch_put(&batch, FAMILY_VISITOR, visitor_store_key(key, 3, visitor_key(visitor)), value);
    FUZZ_CHECK(store->write(store, &batch, NULL) == VERDICT_OK);
    struct visitor_table *table = visitors_new(store, 0);
    FUZZ_CHECK(visitors_get(table, 3, visitor_key(visitor), &stored, NULL) == VERDICT_OK);
    visitors_mark_dirty(table, stored);
    FUZZ_CHECK(visitor_decode(3, visitor_key(visitor), visitors_encode(table, stored), &again,
                              NULL) == VERDICT_OK);
    check_same(visitor, again);
    visitor_free(again);
    visitors_free(table);
    batch_release(&batch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct visitor *visitor;
    struct error error = {0};
    struct bytes value = bytes_of(data, size), key = bytes_text("visitor");
    if (store == NULL)
        store = store_memory_new();
    if (visitor_decode(3, key, value, &visitor, &error) != VERDICT_OK) {
        FUZZ_CHECK(error.message[0]);
        return 0;
    }
    check_accepted(visitor, value);
    visitor_free(visitor);
    return 0;
}

void fuzz_seeds(struct fuzz_sink *sink)
{
    struct store *empty = store_memory_new();
    struct visitor_table *table = visitors_new(empty, 0);
    struct visitor *visitor;
    FUZZ_CHECK(visitors_get(table, 0, bytes_text("visitor"), &visitor, NULL) == VERDICT_OK);
    visitors_mark_dirty(table, visitor);
    for (uint32_t i = 0; i < 6; i++) {
        struct activity activity = {
            .time_ms = 1700000000000 + i * 1000, .kind = (uint8_t)i, .event_hash = i};
        sink->add(sink, visitors_encode(table, visitor));
        visitor_insert(visitor, i < 4 ? i : 3, activity, bytes_text("item"), 4);
    }
    sink->add(sink, visitors_encode(table, visitor));
    visitors_free(table);
    empty->free(empty);
}
