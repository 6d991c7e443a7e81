/* A model that is shipped: trained in one driver, written to a file, and read into a fresh one that
 * does not learn, it gives the same lists; a file that was cut off or changed is refused. */
#include "processors/runtime/driver.h"
#include "state/model_file.h"
#include "state/model_store.h"
#include "tests/test.h"

#include <unistd.h>

#define START_MS 1700000000000
#define EVENTS 3000
#define ITEMS 120

static struct driver *new_driver(const char *assignment)
{
    struct config config;
    struct driver *driver = NULL;
    struct error error = {0};
    config_init(&config);
    CHECK(config_assign(&config, "ranker.merge.ms=100", &error) == VERDICT_OK);
    if (assignment)
        CHECK(config_assign(&config, assignment, &error) == VERDICT_OK);
    CHECK(config_finish(&config, &error) == VERDICT_OK);
    CHECK(driver_new(&config, true, NULL, NULL, &driver, &error) == VERDICT_OK);
    return driver;
}

static void view(struct driver *driver, int number, uint32_t visitor, uint32_t item_number)
{
    char id[16], name[16], item_id[16];
    struct event event;
    struct event_item item;
    struct error error = {0};
    enum fate fate;
    snprintf(id, sizeof id, "e%d", number);
    snprintf(name, sizeof name, "v%u", visitor);
    snprintf(item_id, sizeof item_id, "i%u", item_number);
    event_init(&event, EVENT_VIEW);
    event_item_init(&item);
    item.item_id = bytes_text(item_id);
    event.event_id = bytes_text(id);
    event.visitor_id = bytes_text(name);
    event.event_time_ms = START_MS + number * INT64_C(1000);
    event.items = &item;
    event.item_count = 1;
    CHECK(driver_event(driver, &event, &fate, &error) == VERDICT_OK && fate == FATE_PROCESSED);
}

static void train(struct driver *driver)
{
    struct random random = random_from(3);
    uint32_t last[30] = {0};
    for (int i = 0; i < EVENTS; i++) {
        uint32_t visitor = random_below(&random, 30);
        last[visitor] = random_one_in(&random, 8)
                            ? random_below(&random, ITEMS)
                            : (last[visitor] + 1 + random_below(&random, 3)) % ITEMS;
        view(driver, i, visitor, last[visitor]);
    }
}

/* The model lacks what the worker has learned since its last merge. */
static void drop_unmerged(struct driver *driver)
{
    struct learner *learner = recommender_learner(driver_recommender(driver));
    memcpy(learner->own, driver_model(driver)->weights, sizeof *learner->own);
    memcpy(learner->known, driver_model(driver)->weights, sizeof *learner->known);
}

static uint32_t next_of(struct driver *driver, const char *name, struct ranked_item *ret_items)
{
    struct visitor *visitor = driver_visitor(driver, bytes_text(name));
    CHECK(visitor != NULL);
    return recommend_next(driver_recommender(driver), driver_model(driver),
                          driver_catalogue(driver), visitor, 20, ret_items);
}

/* A new visitor's walk, the same in both: after each view the same items with the same scores. */
static void check_same(struct driver *a, struct driver *b)
{
    struct ranked_item x[20], y[20];
    for (uint32_t i = 0; i < 12; i++) {
        view(a, EVENTS + (int)i, 99, i * 7 % ITEMS);
        view(b, EVENTS + (int)i, 99, i * 7 % ITEMS);
        uint32_t count = next_of(a, "v99", x);
        CHECK_INT(next_of(b, "v99", y), count);
        CHECK_INT(count, 20);
        for (uint32_t k = 0; k < count; k++) {
            CHECK_INT(x[k].item, y[k].item);
            CHECK(memcmp(&x[k].score, &y[k].score, sizeof x[k].score) == 0);
        }
    }
}

static void path_of(char *to, const char *name)
{
    snprintf(to, 100, "/tmp/weft-model-%d-%s", (int)getpid(), name);
}

static struct bytes file_of(const char *path, struct buffer *buffer)
{
    FILE *file = fopen(path, "rb");
    char part[4096];
    CHECK(file != NULL);
    buffer_clear(buffer);
    for (size_t size; (size = fread(part, 1, sizeof part, file)) > 0;)
        buffer_append(buffer, part, size);
    fclose(file);
    return buffer_bytes(buffer);
}

static void write_file(const char *path, struct bytes bytes)
{
    unlink(path);
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL && fwrite(bytes.at, 1, bytes.size, file) == bytes.size);
    CHECK(fclose(file) == 0);
}

static void test_same_lists(void)
{
    char path[100], again_path[100];
    struct error error = {0};
    struct snapshot_header header;
    struct buffer first = {0}, second = {0};
    uint64_t rows, again;
    struct driver *trained = new_driver(NULL);
    path_of(path, "trained");
    path_of(again_path, "again");
    train(trained);
    drop_unmerged(trained);
    CHECK(driver_model(trained)->weights->merges > 3);
    CHECK(driver_save(trained, &error) == VERDICT_OK);
    CHECK_SAY(model_file_write(path, driver_store(trained), 77, &rows, &error) == VERDICT_OK, "%s",
              error.message);
    CHECK(rows > ITEMS);

    struct driver *fresh = new_driver("learning=off");
    struct store *store = store_memory_new();
    CHECK_SAY(model_file_read(path, store, &header, &error) == VERDICT_OK, "%s", error.message);
    CHECK(header.offset == 77 && header.rows == rows);
    CHECK(model_load(driver_model(fresh), store, &error) == VERDICT_OK);
    CHECK_INT(driver_model(fresh)->latest_ms, START_MS + (EVENTS - 1) * INT64_C(1000));
    CHECK(model_file_write(again_path, store, 77, &again, &error) == VERDICT_OK);
    CHECK_INT(again, rows);
    CHECK_BYTES(file_of(path, &first), file_of(again_path, &second));
    driver_ranking(trained, false);
    driver_learning(trained, false);
    driver_learning(fresh, false);
    check_same(trained, fresh);
    struct driver *empty = new_driver("learning=off"); /* the comparison can tell */
    struct ranked_item items[20];
    view(empty, EVENTS, 99, 0);
    CHECK(next_of(empty, "v99", items) < 20);
    driver_free(empty);

    /* With learning=off the log is folded on, but neither ranker nor vectors change. */
    struct weights *weights = memory_get(sizeof *weights);
    memcpy(weights, driver_model(fresh)->weights, sizeof *weights);
    uint64_t steps = driver_model(fresh)->vectors->steps;
    uint64_t folded = driver_model(fresh)->folded;
    driver_learning(fresh, true);
    train(fresh);
    CHECK(driver_model(fresh)->folded > folded + 1000);
    CHECK(memcmp(weights, driver_model(fresh)->weights, sizeof *weights) == 0);
    CHECK_INT(driver_model(fresh)->vectors->steps, steps);
    free(weights);
    store->free(store);
    driver_free(trained);
    driver_free(fresh);
    buffer_release(&first);
    buffer_release(&second);
    unlink(path);
    unlink(again_path);
}

/* ---- files that are not whole ---- */

static enum verdict count_row(struct store_visitor *self, struct bytes key, struct bytes value,
                              struct error *error)
{
    (void)self, (void)key, (void)value;
    return error_set(error, VERDICT_FATAL, "there is a row");
}

/* It is refused with the message, and nothing of it is in the store. */
static void check_refused(const char *path, struct bytes bytes, const char *why)
{
    struct store_visitor none = {.row = count_row};
    struct snapshot_header header;
    struct error error = {0};
    struct store *store = store_memory_new();
    write_file(path, bytes);
    CHECK(model_file_read(path, store, &header, &error) == VERDICT_FATAL);
    CHECK_CONTAINS(error.message, path);
    CHECK_CONTAINS(error.message, why);
    CHECK(store->scan(store, FAMILY_MODEL, bytes_of("", 0), &none, NULL) == VERDICT_OK);
    store->free(store);
}

static void test_refused(void)
{
    char path[100];
    struct random random = random_from(8);
    struct error error = {0};
    struct snapshot_header header;
    struct buffer whole = {0}, changed = {0};
    struct store_batch batch = {0};
    struct store *store = store_memory_new();
    uint64_t rows;
    path_of(path, "refused");
    CHECK(model_file_write(path, store, 0, &rows, &error) == VERDICT_SKIP);
    CHECK_CONTAINS(error.message, "there is no model yet");
    CHECK(access(path, F_OK) != 0);
    for (uint32_t i = 0; i < 20; i++) {
        char key[3] = {'i', (char)i, 'x'};
        batch_put(&batch, FAMILY_MODEL, bytes_of(key, 3), bytes_of(key, i % 4));
    }
    CHECK(store->write(store, &batch, NULL) == VERDICT_OK);
    CHECK(model_file_write(path, store, 5, &rows, &error) == VERDICT_OK && rows == 20);
    struct bytes bytes = file_of(path, &whole);
    for (size_t size = 0; size < bytes.size; size++)
        check_refused(path, bytes_of(bytes.at, size), size < 15 ? "no model" : "cut off");
    buffer_append(&changed, bytes.at, bytes.size);
    for (size_t bit = 0; bit < 8 * bytes.size; bit++) {
        changed.at[bit / 8] = (char)(changed.at[bit / 8] ^ (1 << bit % 8));
        check_refused(path, buffer_bytes(&changed),
                      bit < 8 * 11   ? "no model"
                      : bit < 8 * 15 ? "use the newer weft"
                                     : "cut off");
        changed.at[bit / 8] = (char)(changed.at[bit / 8] ^ (1 << bit % 8));
    }
    buffer_byte(&changed, 0); /* something behind the end */
    check_refused(path, buffer_bytes(&changed), "cut off");
    for (int i = 0; i < 300; i++) { /* rows that were swapped or left out, whatever comes */
        size_t from = random_below(&random, (uint32_t)bytes.size);
        size_t to = from + 1 + random_below(&random, 60);
        buffer_clear(&changed);
        buffer_append(&changed, bytes.at, from);
        if (to < bytes.size)
            buffer_append(&changed, bytes.at + to, bytes.size - to);
        check_refused(path, buffer_bytes(&changed), "");
    }
    CHECK(model_file_read("/nowhere/model", NULL, &header, &error) == VERDICT_FATAL);
    CHECK(model_file_write("/nowhere/model", store, 5, &rows, &error) == VERDICT_FATAL);
    write_file(path, bytes);
    CHECK(model_file_read(path, NULL, &header, &error) == VERDICT_OK && header.offset == 5);
    unlink(path);
    store->free(store);
    batch_release(&batch);
    buffer_release(&whole);
    buffer_release(&changed);
}

int main(void)
{
    TEST_RUN(test_same_lists);
    TEST_RUN(test_refused);
    return test_done();
}
