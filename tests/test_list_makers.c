/* Several makers make the same lists as one, and each click meets the recommender that served it.
 */
#include "processors/runtime/interactions_log.h"
#include "processors/runtime/list_makers.h"
#include "processors/runtime/pipeline.h"
#include "tests/test.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define START_MS 1700000000000
#define VISITORS 120
#define ITEMS 40
#define ROUNDS 12
#define LOG_MAX 4000

struct shop {
    struct outlet outlet; /* first */
    struct buffer log[LOG_MAX];
    size_t log_count, folded;
    uint64_t lists;     /* hash of all records of lists, in any order */
    uint64_t lists_out; /* how many */
    size_t shown_bytes; /* of lists that wait for their click, at the end */
    pthread_t thread;   /* that may emit */
};

static enum verdict emit(struct outlet *self, enum output output, int32_t partition,
                         struct bytes key, struct bytes value, struct error *error)
{
    struct shop *shop = (struct shop *)(void *)self;
    (void)partition, (void)error;
    CHECK(pthread_equal(pthread_self(), shop->thread));
    if (output == OUTPUT_RECOMMENDATIONS) {
        shop->lists += bytes_hash(key) * 31 + bytes_hash(value);
        shop->lists_out++;
    } else if (output == OUTPUT_INTERACTIONS && shop->log_count < LOG_MAX) {
        buffer_append(&shop->log[shop->log_count++], value.at, value.size);
    }
    return VERDICT_OK;
}

static void view(struct pipeline *pipeline, struct arena *arena, int round, int visitor)
{
    char key[16], value[200];
    const char *step;
    int item = (visitor * 7 + round * (1 + visitor % 3)) % ITEMS;
    snprintf(key, sizeof key, "v%d", visitor);
    snprintf(value, sizeof value,
             "{\"event_id\":\"%d-%d\",\"visitor_id\":\"v%d\",\"event_time\":%lld,"
             "\"item\":{\"item_id\":\"i%d\"}}",
             round, visitor, visitor, (long long)START_MS + round * 60000 + visitor, item);
    struct record record = {.type = EVENT_VIEW, .key = bytes_text(key), .value = bytes_text(value)};
    CHECK(pipeline_decode(pipeline, &record, arena, NULL) == VERDICT_OK);
    CHECK(pipeline_event(pipeline, &record, &step, NULL) == VERDICT_OK);
    CHECK_INT(record.fate, FATE_PROCESSED);
}

static void fold_log(struct shop *shop, const struct topology *topology, struct model *model)
{
    struct log_reader reader;
    struct log_record record;
    log_reader_init(&reader);
    model_lock_write(model);
    for (; shop->folded < shop->log_count; shop->folded++) {
        CHECK(log_read(&reader, buffer_bytes(&shop->log[shop->folded]), &record, NULL) ==
              VERDICT_OK);
        log_fold(topology, model, &record);
    }
    model_unlock_write(model);
    log_reader_release(&reader);
}

/* Every third batch has too few visitors for several threads. */
static struct counts run_shop(struct shop *shop, const char *setting, int threads)
{
    struct config config;
    struct topology topology;
    struct pipeline *pipeline;
    struct arena arena = {0};
    struct error error = {0};
    *shop = (struct shop){.outlet.emit = emit, .thread = pthread_self()};
    config_init(&config);
    CHECK(config_assign(&config, setting, &error) == VERDICT_OK);
    CHECK(config_finish(&config, &error) == VERDICT_OK);
    CHECK(topology_build(&config, &topology, NULL) == VERDICT_OK);
    struct store *store = store_memory_new();
    struct model *model = model_new(&config.settings.model);
    struct catalogue *catalogue = catalogue_new(&config.settings.catalogue);
    CHECK(pipeline_new(&config, &topology, store, model, catalogue, &shop->outlet, NULL, &pipeline,
                       &error) == VERDICT_OK);
    CHECK(pipeline_start_makers(pipeline, threads, &error) == VERDICT_OK);
    pipeline_ignore_clock(pipeline); /* no second looks between the batches of a slow machine */
    pipeline_context(pipeline)->generated_ms = START_MS;
    for (int round = 0; round < ROUNDS; round++) {
        int visitors = round % 3 == 2 ? LISTS_SIDE_BY_SIDE_MIN - 1 : VISITORS;
        for (int v = 0; v < visitors; v++)
            view(pipeline, &arena, round, v);
        CHECK(pipeline_close(pipeline, &error) == VERDICT_OK);
        pipeline_committed(pipeline);
        arena_clear(&arena);
        fold_log(shop, &topology, model);
    }
    struct counts counts = *pipeline_counts(pipeline);
    shop->shown_bytes = pipeline_shown_bytes(pipeline);
    pipeline_free(pipeline);
    model_free(model);
    catalogue_free(catalogue);
    store->free(store);
    arena_release(&arena);
    for (size_t i = 0; i < shop->log_count; i++)
        buffer_release(&shop->log[i]);
    return counts;
}

static void test_same_lists(void)
{
    static struct shop alone, together;
    struct counts one = run_shop(&alone, "learning=off", 1);
    for (int threads = 2; threads <= 5; threads += 3) {
        struct counts more = run_shop(&together, "learning=off", threads);
        CHECK(alone.lists_out > ROUNDS / 3 * VISITORS);
        CHECK_INT(together.lists_out, alone.lists_out);
        CHECK(together.lists == alone.lists);
        CHECK(memcmp(more.counters, one.counters, sizeof one.counters) == 0);
        CHECK(memcmp(more.fates, one.fates, sizeof one.fates) == 0);
    }
}

/* A click that met another recommender would find no list that waits for it. */
static void test_learning(void)
{
    static struct shop shop;
    struct counts one = run_shop(&shop, "learning=on", 1);
    struct counts more = run_shop(&shop, "learning=on", 3);
    CHECK(one.counters[COUNT_MEASURED] > VISITORS);
    CHECK_INT(more.counters[COUNT_MEASURED], one.counters[COUNT_MEASURED]);
}

/* The makers share the worker's memory for lists that wait. */
static void test_bound(void)
{
    static struct shop shop;
    for (int threads = 1; threads <= 5; threads += 2) {
        run_shop(&shop, "quality.shown.bytes=30000", threads);
        CHECK_SAY(shop.shown_bytes > 15000 && shop.shown_bytes <= 30000, "%d threads: %zu bytes",
                  threads, shop.shown_bytes);
    }
}

int main(void)
{
    TEST_RUN(test_same_lists);
    TEST_RUN(test_learning);
    TEST_RUN(test_bound);
    return test_done();
}
