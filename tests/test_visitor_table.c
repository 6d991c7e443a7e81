/* The visitor table: batches, commit and abort against a naive model, eviction. */
#include "tests/visitors.h"

static void commit(struct visitor_table *table, struct store *store)
{
    struct store_batch batch = {0};
    for (size_t i = 0; i < visitor_table_dirty_count(table); i++)
        visitor_table_encode(table, visitor_table_dirty_at(table, i));
    visitor_table_batch(table, &batch);
    CHECK_INT(batch.count, visitor_table_dirty_count(table));
    CHECK(store->write(store, &batch, NULL) == VERDICT_OK);
    visitor_table_commit(table);
    batch_release(&batch);
}

#define VISITORS 200
#define PARTITIONS 3

/* Batches at random, committed or aborted, under a cache of which few fit; the model is how many
 * activities each visitor has, as committed and as of now. */
static void test_batches(void)
{
    struct random random = random_from(83);
    struct store *store = store_memory_new();
    size_t cache_bytes = 8000;
    struct visitor_table *table = visitor_table_new(store, cache_bytes);
    static uint32_t committed[VISITORS], now[VISITORS];
    memset(committed, 0, sizeof committed);
    memset(now, 0, sizeof now);
    for (int round = 0; round < 1500; round++) {
        size_t dirty = 0;
        bool is_dirty[VISITORS] = {false};
        for (uint32_t k = random_below(&random, 8); k > 0; k--) {
            uint32_t which = random_below(&random, VISITORS);
            char key[16];
            snprintf(key, sizeof key, "visitor %u", which / PARTITIONS);
            struct visitor *visitor = visitor_of(table, (int32_t)(which % PARTITIONS), key);
            CHECK_INT(visitor->count, now[which]);
            CHECK_INT(visitor->accepted, now[which]);
            CHECK_INT(visitor->dirty, is_dirty[which]);
            if (random_one_in(&random, 3))
                continue;
            visitor_table_mark_dirty(table, visitor);
            visitor_table_mark_dirty(table, visitor);
            dirty += !is_dirty[which];
            is_dirty[which] = true;
            insert(visitor, round, KIND_VIEW, "item", 1000);
            now[which]++;
        }
        CHECK_INT(visitor_table_dirty_count(table), dirty);
        if (random_one_in(&random, 3)) {
            visitor_table_abort(table);
            memcpy(now, committed, sizeof now);
        } else {
            commit(table, store);
            memcpy(committed, now, sizeof now);
            CHECK(visitor_table_bytes(table) <= cache_bytes);
        }
        CHECK_INT(visitor_table_dirty_count(table), 0);
        if (random_one_in(&random, 20)) {
            visitor_table_forget(table, (int32_t)random_below(&random, PARTITIONS));
        }
    }
    for (int32_t i = 0; i < PARTITIONS; i++)
        visitor_table_forget(table, i);
    CHECK_INT(visitor_table_count(table), 0);
    CHECK_INT(visitor_table_bytes(table), 0);
    visitor_table_free(table);
    store->free(store);
}

/* The one used last stays the longest. */
static void test_eviction(void)
{
    struct store *store = store_memory_new();
    struct visitor_table *table = visitor_table_new(store, 0);
    struct visitor *visitor = visitor_of(table, 0, "a");
    size_t bytes = visitor_table_bytes(table);
    CHECK(bytes >= sizeof *visitor);
    visitor_table_commit(table);
    CHECK_INT(visitor_table_count(table), 0);
    visitor_table_free(table);
    table = visitor_table_new(store, 2 * bytes);
    visitor_of(table, 0, "a");
    visitor_of(table, 0, "b");
    visitor_of(table, 0, "a");
    visitor_of(table, 0, "c");
    CHECK_INT(visitor_table_count(table), 3); /* pointers hold until the commit */
    visitor_table_commit(table);
    CHECK_INT(visitor_table_count(table), 2);
    visitor_of(table, 0, "a");
    CHECK_INT(visitor_table_count(table), 2); /* it was b that went */
    visitor_of(table, 0, "b");
    CHECK_INT(visitor_table_count(table), 3);
    visitor = visitor_of(table, 0, "a");
    visitor_table_mark_dirty(table, visitor);
    visitor_table_abort(table);
    CHECK_INT(visitor_table_count(table), 2);
    visitor_of(table, 1, "c"); /* another partition: another visitor */
    CHECK_INT(visitor_table_count(table), 3);
    visitor_table_forget(table, 0);
    CHECK_INT(visitor_table_count(table), 1);
    visitor_table_free(table);
    visitor_table_free(NULL);
    store->free(store);
}

int main(void)
{
    TEST_RUN(test_batches);
    TEST_RUN(test_eviction);
    return test_done();
}
