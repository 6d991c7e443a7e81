/* The same events give the same log and the same model; the same log gives the same bytes of model
 * rows and of rankings: folded twice, folded by another process, and with saving and loading in the
 * middle. Once with room for all items, and once with so little that most are evicted. */
#include "processors/runtime/driver.h"
#include "processors/runtime/interactions_log.h"
#include "schemas/hash_index.h"
#include "state/model_store.h"
#include "tests/hashes.h"

#include <sys/wait.h>

#define START_MS 1700000000000
#define EVENTS (TEST_SANITIZED ? 3000 : 6000)
#define RECORDS_MAX (3 * EVENTS)

struct log {
    struct driver_sink sink;
    struct buffer bytes;
    size_t ends[RECORDS_MAX];
    uint32_t count;
    uint64_t lists; /* hash of all that was recommended */
};

static void written(struct driver_sink *self, enum output output, struct bytes key,
                    struct bytes value)
{
    struct log *log = (struct log *)(void *)self;
    (void)key;
    if (output != OUTPUT_INTERACTIONS) {
        log->lists = log->lists * 31 + bytes_hash(value);
        return;
    }
    CHECK(log->count < RECORDS_MAX);
    buffer_append(&log->bytes, value.at, value.size);
    log->ends[log->count++] = log->bytes.size;
}

static bool little_room; /* the test at hand has items.max far below its items */

static void configure(struct config *config)
{
    struct error error = {0};
    config_init(config);
    CHECK(config_assign(config, "vectors.items.max=150", &error) == VERDICT_OK); /* some give way */
    CHECK(config_assign(config, "vectors.ring.clicks=2000", &error) == VERDICT_OK);
    CHECK(config_assign(config, "cooccurrence.row.entries.max=8", &error) == VERDICT_OK);
    CHECK(config_assign(config, "ranker.merge.ms=100", &error) == VERDICT_OK);
    CHECK(config_assign(config, "cart.learn.every=1", &error) == VERDICT_OK);
    CHECK(config_assign(config, "channels.max=3", &error) == VERDICT_OK);
    CHECK(config_assign(config, "channels.entries.max=20", &error) == VERDICT_OK);
    if (little_room)
        CHECK(config_assign(config, "items.max=60", &error) == VERDICT_OK);
    CHECK(config_finish(config, &error) == VERDICT_OK);
    config->settings.model.sweep_steps = 64; /* so that numbers are used again */
}

/* Visitors whose next item is near the last one, so that there is something to learn. */
static void run_shop(struct log *log, struct store **ret_store, struct driver **ret_driver)
{
    struct random random = random_from(1);
    struct config config;
    struct driver *driver = NULL;
    struct error error = {0};
    uint32_t last[50] = {0};
    log->sink.written = written;
    configure(&config);
    CHECK(driver_new(&config, true, &log->sink, NULL, &driver, &error) == VERDICT_OK);
    for (int i = 0; i < EVENTS; i++) {
        char id[16], name[16], item_id[16];
        uint32_t visitor = random_below(&random, 50);
        last[visitor] = random_one_in(&random, 10)
                            ? random_below(&random, 300)
                            : (last[visitor] + random_below(&random, 4)) % 300;
        snprintf(id, sizeof id, "e%d", i);
        snprintf(name, sizeof name, "v%u", visitor);
        snprintf(item_id, sizeof item_id, "i%u", last[visitor]);
        struct event event;
        struct event_item item;
        event_init(&event, random_one_in(&random, 3) ? EVENT_CART : EVENT_VIEW);
        event_item_init(&item);
        item.item_id = bytes_text(item_id);
        item.price = random_one_in(&random, 20) ? (double)NAN : 5;
        event.event_id = bytes_text(id);
        event.visitor_id = bytes_text(name);
        event.event_time_ms = START_MS + i * 700 - random_below(&random, 2000); /* some are late */
        if (visitor % 5 >
            0) /* six channels, of which three are kept, with the best of their items */
            event.channel = bytes_of("ABCDEF", 1 + visitor % 6);
        event.items = &item;
        event.item_count = 1;
        enum fate fate;
        CHECK(driver_event(driver, &event, &fate, &error) == VERDICT_OK);
    }
    CHECK(driver_save(driver, &error) == VERDICT_OK);
    *ret_store = driver_store(driver);
    *ret_driver = driver;
}

static uint64_t hash_model(struct store *store)
{
    struct row_hasher hasher = hash_rows(store, FAMILY_MODEL);
    check_tables(&hasher, "isrepqhcwv"); /* nothing is left out */
    return hasher.hash;
}

/* Hashes the bytes of all rankings. The catalogue's products come in another order each time. */
static uint64_t hash_shop_rankings(const struct model *model, uint32_t turn)
{
    struct config config;
    configure(&config);
    struct catalogue *catalogue = catalogue_new(&config.settings.catalogue);
    for (uint32_t i = 0; i < 300; i++) {
        char id[16], brand[16];
        struct event event;
        uint32_t number = (i * 7 + turn * 100) % 300;
        snprintf(id, sizeof id, "i%u", number);
        snprintf(brand, sizeof brand, "B%u", number % 9);
        event_init(&event, EVENT_PRODUCT);
        event.item_id = bytes_text(id);
        event.item_brand = bytes_text(brand);
        event.availability = number % 11 ? IN_STOCK : OUT_OF_STOCK;
        catalogue_put(catalogue, &event);
    }
    const struct rankings_inputs inputs = {.catalogue = catalogue,
                                           .filters = &config.settings.recommend.filters,
                                           .settings = &config.settings.rankings};
    struct ranking_hasher hasher = hash_rankings(model, &inputs);
    CHECK_SAY(hasher.count >= 20, "%u rankings", hasher.count);
    catalogue_free(catalogue);
    return hasher.hash;
}

static void save(struct model *model, struct store *store)
{
    struct store_batch batch = {0};
    model_save(model, &batch);
    CHECK(store->write(store, &batch, NULL) == VERDICT_OK);
    batch_release(&batch);
}

/* Hash of the rows after the whole log; one in `stops` records is followed by a stop and a start.
 */
static uint64_t fold(const struct log *log, uint64_t seed, uint32_t stops)
{
    struct random random = {seed};
    struct config config;
    struct topology topology;
    struct log_reader reader;
    struct error error = {0};
    configure(&config);
    CHECK(topology_build(&config, &topology, &error) == VERDICT_OK);
    struct store *store = store_memory_new();
    struct model *model = model_new(&config.settings.model);
    log_reader_init(&reader);
    for (uint32_t i = 0; i < log->count; i++) {
        size_t start = i ? log->ends[i - 1] : 0;
        struct log_record record;
        struct bytes bytes = bytes_of(log->bytes.at + start, log->ends[i] - start);
        CHECK(log_read(&reader, bytes, &record, &error) == VERDICT_OK);
        log_fold(&topology, model, &record);
        if (stops == 0 || !random_one_in(&random, stops))
            continue;
        save(model, store);
        model_free(model);
        model = model_new(&config.settings.model);
        CHECK_SAY(model_load(model, store, &error) == VERDICT_OK, "%s", error.message);
    }
    save(model, store);
    CHECK(model->weights->merges > 3);
    CHECK_SAY(model->cart_weights->merges > 0, "%llu steps",
              (unsigned long long)model->cart_weights->steps);
    CHECK(model->vectors->steps > (little_room ? 50 : EVENTS / 12));
    uint64_t hash = hash_model(store) ^ hash_shop_rankings(model, stops);
    log_reader_release(&reader);
    model_free(model);
    store->free(store);
    return hash;
}

static uint64_t fold_in_another_process(const struct log *log)
{
    int ends[2], status = 1;
    uint64_t hash = 0;
    CHECK(pipe(ends) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        hash = fold(log, 0, 0);
        _exit(write(ends[1], &hash, sizeof hash) == sizeof hash && test_failed == 0 ? 0 : 1);
    }
    CHECK(pid > 0 && read(ends[0], &hash, sizeof hash) == sizeof hash);
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    close(ends[0]);
    close(ends[1]);
    return hash;
}

static void test_same(void)
{
    struct log *logs[2];
    struct driver *drivers[2];
    uint64_t hashes[2];
    for (int d = 0; d < 2; d++) {
        struct store *store;
        hash_index_seed((uint64_t)d); /* no result depends on it */
        logs[d] = memory_zero(1, sizeof *logs[d]);
        run_shop(logs[d], &store, &drivers[d]);
        hashes[d] = hash_model(store) ^ hash_shop_rankings(driver_model(drivers[d]), (uint32_t)d);
    }
    CHECK_BYTES(buffer_bytes(&logs[0]->bytes), buffer_bytes(&logs[1]->bytes));
    CHECK(logs[0]->lists == logs[1]->lists && logs[0]->lists != 0);
    CHECK(hashes[0] == hashes[1]);
    if (little_room) {
        CHECK(driver_model(drivers[0])->items_evicted > 500);
        CHECK(driver_model(drivers[0])->renumbered > 5);
    } else {
        CHECK(driver_model(drivers[0])->vectors->evicted > 10);
    }
    CHECK(driver_model(drivers[0])->channels->evicted > 10);
    CHECK(driver_model(drivers[0])->channels->entries_evicted > 10);
    CHECK(fold(logs[0], 0, 0) == hashes[0]);
    CHECK(fold_in_another_process(logs[0]) == hashes[0]);
    CHECK(fold(logs[0], 1, 2000) == hashes[0]);
    CHECK(fold(logs[0], 2, 150) == hashes[0]);
    for (int d = 0; d < 2; d++) {
        driver_free(drivers[d]);
        buffer_release(&logs[d]->bytes);
        free(logs[d]);
    }
}

static void test_same_in_little_room(void)
{
    little_room = true;
    test_same();
}

int main(void)
{
    TEST_RUN(test_same);
    TEST_RUN(test_same_in_little_room);
    return test_done();
}
