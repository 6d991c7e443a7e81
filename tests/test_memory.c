/* The parts of memory add up to what the kernel says that the process has, after work with real
 * stores: visitors, co-occurrence counts, vectors, sessions, queries, products, the search index.
 */
#include "processors/runtime/interactions_log.h"
#include "processors/runtime/memory.h"
#include "state/catalogue_store.h"
#include "state/model_store.h"
#include "tests/test.h"

#include <stdlib.h>
#include <unistd.h>

#define START_MS 1700000000000
#define EVENTS (TEST_SANITIZED ? 3000 : 80000)
#define PRODUCTS (TEST_SANITIZED ? 500 : 100000)
#define VIEWED (PRODUCTS / 5) /* products that visitors look at */
#define VISITORS 30000
#define EVENTS_A_BATCH 500
#define LOOKS 100

/* One process without Kafka: what the workers write to the log is folded at once. */
struct shop {
    struct outlet outlet; /* first */
    struct config config;
    struct run run;
    struct pipeline *pipeline;
    struct log_reader reader;
    struct store_batch batch;
    struct memory_watch watch;
    char *folders[2];
};

static enum verdict fold(struct outlet *outlet, enum output output, int32_t partition,
                         struct bytes key, struct bytes value, struct error *error)
{
    struct shop *shop = (struct shop *)(void *)outlet;
    struct log_record record;
    (void)partition;
    (void)key;
    if (output == OUTPUT_INTERACTIONS &&
        log_read(&shop->reader, value, &record, error) == VERDICT_OK)
        log_fold(&shop->run.topology, shop->run.model, &record);
    return VERDICT_OK;
}

static struct store *open_store(struct shop *shop, int number)
{
    struct store *store = NULL;
    struct error error = {0};
    const struct store_bounds bounds = {.cache_bytes = 8 << 20, .writes_bytes = 8 << 20};
    shop->folders[number] = test_new_folder();
    CHECK_SAY(store_rocksdb_open_within(shop->folders[number], &bounds, &store, &error) ==
                  VERDICT_OK,
              "%s", error.message);
    return store;
}

static void open_shop(struct shop *shop)
{
    struct error error = {0};
    shop->outlet.emit = fold;
    config_init(&shop->config);
    CHECK(config_assign(&shop->config, "visitor.cache.bytes=40000000", &error) == VERDICT_OK);
    CHECK(config_finish(&shop->config, &error) == VERDICT_OK);
    shop->run.config = &shop->config;
    CHECK(topology_build(&shop->config, &shop->run.topology, &error) == VERDICT_OK);
    shop->run.topology.visitors_count--; /* no lists: they take long */
    shop->run.store = open_store(shop, 0);
    shop->run.model_store = open_store(shop, 1);
    shop->run.model = model_new(&shop->config.settings.model);
    shop->run.catalogue = catalogue_new(&shop->config.settings.catalogue);
    shop->run.search = search_index_new(shop->run.catalogue);
    log_reader_init(&shop->reader);
    CHECK(pipeline_new(&shop->config, &shop->run.topology, shop->run.store, shop->run.model,
                       shop->run.catalogue, &shop->outlet, NULL, &shop->pipeline,
                       &error) == VERDICT_OK);
    memory_start(&shop->watch, &shop->run);
    atomic_store(&shop->run.fold_ready, true);
    atomic_store(&shop->run.catalogue_whole, true);
}

static void close_shop(struct shop *shop)
{
    pipeline_free(shop->pipeline);
    model_free(shop->run.model);
    catalogue_free(shop->run.catalogue);
    search_index_free(shop->run.search);
    shop->run.store->free(shop->run.store);
    shop->run.model_store->free(shop->run.model_store);
    log_reader_release(&shop->reader);
    batch_release(&shop->batch);
    for (int i = 0; i < 2; i++) {
        test_remove_folder(shop->folders[i]);
        free(shop->folders[i]);
    }
}

static void commit(struct shop *shop)
{
    struct error error = {0};
    struct visitor_table *visitors = pipeline_visitors(shop->pipeline);
    CHECK(pipeline_close(shop->pipeline, &error) == VERDICT_OK);
    for (size_t i = 0; i < visitor_table_dirty_count(visitors); i++)
        visitor_table_encode(visitors, visitor_table_dirty_at(visitors, i));
    batch_clear(&shop->batch);
    visitor_table_batch(visitors, &shop->batch);
    CHECK(shop->run.store->write(shop->run.store, &shop->batch, &error) == VERDICT_OK);
    pipeline_committed(shop->pipeline);
}

static void save(struct shop *shop)
{
    struct error error = {0};
    struct store_batch batch = {0};
    model_save(shop->run.model, &batch);
    catalogue_save(shop->run.catalogue, &batch);
    CHECK(shop->run.model_store->write(shop->run.model_store, &batch, &error) == VERDICT_OK);
    batch_release(&batch);
}

static void add_products(struct shop *shop, struct random *random)
{
    for (int i = 0; i < PRODUCTS; i++) {
        char id[24], title[80];
        struct event event;
        event_init(&event, EVENT_PRODUCT);
        snprintf(id, sizeof id, "item-%d", i);
        snprintf(title, sizeof title, "shoe number %d of make %u in colour %u, size %u", i,
                 random_below(random, 3000), random_below(random, 900), random_below(random, 50));
        event.item_id = bytes_text(id);
        event.title = bytes_text(title);
        event.availability = IN_STOCK;
        catalogue_put(shop->run.catalogue, &event);
    }
}

static void send_events(struct shop *shop, struct random *random)
{
    for (int i = 0; i < EVENTS; i++) {
        char id[24], name[24], item_id[24];
        struct event event;
        struct event_item item;
        struct error error = {0};
        const char *step;
        event_init(&event, random_one_in(random, 15) ? EVENT_SEARCH : EVENT_VIEW);
        event_item_init(&item);
        snprintf(id, sizeof id, "e%d", i);
        snprintf(name, sizeof name, "visitor-%u", random_below(random, VISITORS));
        uint32_t number = random_below(random, VIEWED);
        snprintf(item_id, sizeof item_id, "item-%u", number);
        item.item_id = bytes_text(item_id);
        event.event_id = bytes_text(id);
        event.visitor_id = bytes_text(name);
        event.event_time_ms = START_MS + i * 10;
        if (event.type == EVENT_SEARCH)
            event.search_term = bytes_text(item_id);
        else
            event.items = &item;
        event.item_count = event.type == EVENT_SEARCH ? 0 : 1;
        struct record record = {
            .type = event.type, .event = event, .key = event_visitor(&event), .partition = 0};
        CHECK(pipeline_event(shop->pipeline, &record, &step, &error) == VERDICT_OK);
        if (i % EVENTS_A_BATCH == 0)
            commit(shop);
        if (i % 40000 == 0)
            save(shop);
    }
    commit(shop);
    save(shop);
}

static double parts_share(const struct memory_use *use)
{
    double sum = 0;
    for (int i = 0; i < MEMORY_PARTS; i++)
        sum += (double)use->parts[i];
    return sum / (double)use->resident;
}

static bool adds_up(const struct memory_use *use)
{
    return TEST_SANITIZED || (parts_share(use) > .9 && parts_share(use) < 1.1);
}

static void test_parts_add_up(void)
{
    static struct shop shop;
    struct random random = random_from(1);
    struct memory_use use;
    struct totals totals = {0};
    open_shop(&shop);
    add_products(&shop, &random);
    send_events(&shop, &random);
    totals.memory.visitors = visitor_table_memory(pipeline_visitors(shop.pipeline));
    totals.memory.batches = pipeline_batch_bytes(shop.pipeline) + shop.batch.changes.capacity;
    memory_take(&shop.watch, &shop.run, &totals, &use);
    /* While RocksDB writes a memtable to a file, it does not count the memtable. */
    for (int i = 0; i < LOOKS && !adds_up(&use); i++) {
        usleep(100000);
        memory_take(&shop.watch, &shop.run, &totals, &use);
    }
    for (int i = 0; i < MEMORY_PARTS; i++) {
        printf("%-20s %6.1f MB\n", memory_names[i], (double)use.parts[i] / 1e6);
        bool of_allocator =
            i == MEMORY_STORE_TABLES || i == MEMORY_FREE; /* sanitizers have others */
        if (i != MEMORY_LISTS && i != MEMORY_KAFKA && !(TEST_SANITIZED && of_allocator))
            CHECK_SAY(use.parts[i] > 0, "%s is 0", memory_names[i]);
    }
    printf("%.3f of %.1f MB\n", parts_share(&use), (double)use.resident / 1e6);
    CHECK_SAY(adds_up(&use), "the parts are %.3f of the process", parts_share(&use));
    close_shop(&shop);
}

int main(void)
{
    TEST_RUN(test_parts_add_up);
    return test_done();
}
