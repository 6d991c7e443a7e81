/* The fold of the catalogue's topic through librdkafka's mock cluster, over several lives of a
 * process with one store. Another cluster stands for a topic that was deleted and created again. */
#include "processors/recommend/search/search_index.h"
#include "processors/runtime/kafka/topic_mark.h"
#include "processors/runtime/log.h"
#include "processors/runtime/model/catalogue_fold.h"
#include "tests/mock_broker.h"

#include <pthread.h>

#define WAIT_US 30000000
#define OLD_PRODUCTS 30
#define FEW_PRODUCTS 20
#define MANY_PRODUCTS 50

static struct mock_broker old, few, many; /* each with its topic of products */

static void put(struct mock_broker *mock, const char *prefix, int count)
{
    struct error error = {0};
    struct client_producer *producer = client_producer_new(&mock->config, &error);
    for (int i = 0; i < count; i++) {
        char key[32], value[100];
        snprintf(key, sizeof key, "%s%d", prefix, i);
        snprintf(value, sizeof value, "{\"item_id\":\"%s\",\"title\":\"Coat\"}", key);
        check_ok(client_send(producer, mock->topology.topics[TOPIC_PRODUCT], 0, bytes_text(key),
                             bytes_text(value), &error),
                 &error);
    }
    check_ok(client_producer_flush(producer, 10000, &error), &error);
    client_producer_free(producer);
}

/* A process that reads the topic to its end and stops. Returns the products that it has then, and
 * checks that each begins with the prefix. */
static uint32_t live(struct mock_broker *mock, struct store *store, const char *prefix)
{
    struct run *run = memory_zero(1, sizeof *run);
    pthread_t thread;
    run->config = &mock->config;
    run->topology = mock->topology;
    run->model_store = store;
    run->catalogue = catalogue_new(&mock->config.settings.catalogue);
    run->search = search_index_new(run->catalogue);
    int64_t until_us = clock_monotonic_us() + WAIT_US;
    CHECK(pthread_create(&thread, NULL, catalogue_fold_thread, run) == 0);
    while (!atomic_load(&run->catalogue_whole) && clock_monotonic_us() < until_us)
        usleep(10000);
    CHECK(atomic_load(&run->catalogue_whole));
    atomic_store(&run->stop, true);
    pthread_join(thread, NULL);
    CHECK(!atomic_load(&run->failed));
    for (uint32_t i = 0; i < run->catalogue->product_count; i++) {
        const struct product *product = &run->catalogue->products[i];
        CHECK(product->gone || memcmp(product_id(product).at, prefix, strlen(prefix)) == 0);
    }
    uint32_t present = run->catalogue->present;
    catalogue_free(run->catalogue);
    search_index_free(run->search);
    free(run);
    return present;
}

/* The process meets the old topic, then the new one with so many products. */
static void check_again(struct mock_broker *new, uint32_t products, bool had_more_partitions)
{
    const char *topic = old.topology.topics[TOPIC_PRODUCT];
    struct store *store = store_memory_new();
    CHECK_INT(live(&old, store, "OLD"), OLD_PRODUCTS);
    CHECK_INT(live(&old, store, "OLD"), OLD_PRODUCTS);
    if (had_more_partitions) {
        struct store_batch batch = {0};
        batch_put_offset(&batch, OFFSETS_CATALOGUE, topic, 1, 5);
        batch_delete_offset(&batch, OFFSETS_MARK, topic, 0);
        check_ok(store->write(store, &batch, NULL), &(struct error){0});
        batch_release(&batch);
    }
    CHECK_INT(live(new, store, "NEW"), products);
    CHECK_INT(live(new, store, "NEW"), products);
    store->free(store);
}

static void test_fewer_records(void)
{
    check_again(&few, FEW_PRODUCTS, false);
}

/* The stored offset is within the new topic. */
static void test_more_records(void)
{
    check_again(&many, MANY_PRODUCTS, false);
}

static void test_fewer_partitions(void)
{
    check_again(&many, MANY_PRODUCTS, true);
}

/* ---- marks ---- */

static enum topic_identity compare(struct mock_broker *mock, struct store *store)
{
    const struct reader_options options = {.topic = mock->topology.topics[TOPIC_PRODUCT],
                                           .log_name = "test",
                                           .isolation = READ_UNCOMMITTED};
    const atomic_bool stop = false;
    struct topic_mark mark = {0};
    enum topic_identity identity = TOPIC_OTHER;
    struct error error = {0};
    struct partition_reader *reader = partition_reader_open(&mock->config, &options, &error);
    check_ok(topic_mark_get(store, options.topic, 0, &mark, &error), &error);
    check_ok(topic_mark_compare(&mark, reader, 0, &stop, &identity, &error), &error);
    partition_reader_free(reader);
    return identity;
}

static void put_mark(struct mock_broker *mock, struct store *store, const struct topic_mark *mark)
{
    struct store_batch batch = {0};
    topic_mark_put(mark, mock->topology.topics[TOPIC_PRODUCT], 0, &batch);
    check_ok(store->write(store, &batch, NULL), &(struct error){0});
    batch_release(&batch);
}

static void test_marks(void)
{
    struct store *store = store_memory_new();
    const struct kafka_record record = {
        .offset = 3, .time_ms = 1, .key = bytes_text("NEW3"), .value = bytes_text("{}")};
    struct topic_mark mark = {.offset = -1};
    CHECK_INT(compare(&few, store), TOPIC_UNKNOWN); /* none is stored */
    topic_mark_set(&mark, &record);
    put_mark(&few, store, &mark);
    CHECK_INT(compare(&few, store), TOPIC_OTHER);
    mark.offset = FEW_PRODUCTS; /* behind the end */
    put_mark(&few, store, &mark);
    CHECK_INT(compare(&few, store), TOPIC_OTHER);
    mark.offset = -1;
    put_mark(&few, store, &mark);
    CHECK_INT(compare(&few, store), TOPIC_UNKNOWN);
    store->free(store);
}

static void open_all(void)
{
    struct mock_broker *const mocks[] = {&old, &few, &many};
    const int counts[] = {OLD_PRODUCTS, FEW_PRODUCTS, MANY_PRODUCTS};
    for (int i = 0; i < 3; i++) {
        *mocks[i] = mock_broker_open(1);
        put(mocks[i], i == 0 ? "OLD" : "NEW", counts[i]);
    }
}

static void close_all(void)
{
    mock_broker_close(&old);
    mock_broker_close(&few);
    mock_broker_close(&many);
}

int main(void)
{
    open_all();
    TEST_RUN(test_marks);
    TEST_RUN(test_fewer_records);
    TEST_RUN(test_more_records);
    TEST_RUN(test_fewer_partitions);
    close_all();
    return test_done();
}
