/* A seed model through librdkafka's mock cluster: who may start from one, and that it becomes the
 * application's first snapshot. */
#include "processors/runtime/model/seed_model.h"
#include "processors/runtime/model/snapshots.h"
#include "state/model_file.h"
#include "state/model_store.h"
#include "tests/mock_broker.h"

#define ITEMS 40

static struct mock_broker mock;
static const struct model_limits limits = {.items_max = 1000,
                                           .row_entries_max = 8,
                                           .pair_half_life_ms = 1000000,
                                           .popular_half_life_ms = 1000000,
                                           .quick_half_life_ms = 1000000,
                                           .queries = {100, 50}};

static struct run new_run(const char *path)
{
    return (struct run){
        .config = &mock.config,
        .topology = mock.topology,
        .model_store = store_memory_new(),
        .model = model_new(&limits),
        .seed_model = path,
    };
}

static void free_run(struct run *run)
{
    run->model_store->free(run->model_store);
    model_free(run->model);
}

static void put_rows(struct store *store, uint32_t format)
{
    struct model *model = model_new(&limits);
    struct store_batch batch = {0};
    for (int i = 0; i < ITEMS; i++) {
        char id[16];
        snprintf(id, sizeof id, "item %d", i);
        model_intern(model, bytes_text(id), 0);
    }
    model_save(model, &batch);
    if (format != MODEL_FORMAT)
        batch_put(&batch, FAMILY_MODEL, bytes_of("m", 1),
                  bytes_of((const char *)&format, sizeof format));
    CHECK(store->write(store, &batch, NULL) == VERDICT_OK);
    batch_release(&batch);
    model_free(model);
}

static void write_file(const char *path, uint32_t format)
{
    struct store *store = store_memory_new();
    struct error error = {0};
    uint64_t rows = 0;
    put_rows(store, format);
    check_ok(model_file_write(path, store, 1234, &rows, &error), &error);
    CHECK(rows >= ITEMS);
    store->free(store);
}

static void check_refused(struct run *run, int64_t folded, int64_t log_end)
{
    struct error error = {0};
    CHECK(seed_model_check(run, folded, log_end, &error) == VERDICT_FATAL);
    CHECK_CONTAINS(error.message, "a model of its own");
}

static void test_check(void)
{
    struct run run = new_run("some.model");
    struct error error = {0};
    check_ok(seed_model_check(&run, 0, 0, &error), &error);
    check_refused(&run, 1, 0);
    check_refused(&run, 0, 1);
    free_run(&run);
}

static void check_not_loaded(const char *path, const char *why, bool stops)
{
    struct run run = new_run(path);
    struct error error = {0};
    atomic_store(&run.stop, stops);
    CHECK(seed_model_load(&run, &error) == VERDICT_FATAL);
    CHECK_CONTAINS(error.message, why);
    CHECK_CONTAINS(error.message, path);
    atomic_store(&run.stop, false);
    struct snapshot_header header;
    int64_t time_ms;
    CHECK(snapshots_find(&run, &header, &time_ms, &error) == VERDICT_SKIP);
    free_run(&run);
}

static void test_load(const char *folder)
{
    char good[256], older[256], missing[256];
    snprintf(good, sizeof good, "%s/good.model", folder);
    snprintf(older, sizeof older, "%s/older.model", folder);
    snprintf(missing, sizeof missing, "%s/missing.model", folder);
    write_file(good, MODEL_FORMAT);
    write_file(older, MODEL_FORMAT + 1);
    check_not_loaded(missing, "No such file", false);
    check_not_loaded(older, "format", false);
    check_not_loaded(good, "no snapshot", true);

    struct run run = new_run(good), other = new_run(good);
    struct snapshot_header header = {0};
    struct error error = {0};
    int64_t time_ms, offset = -1;
    check_ok(seed_model_load(&run, &error), &error);
    CHECK_INT(run.model->item_count, ITEMS);
    /* every other process has it from the snapshot, as of the log's beginning */
    check_ok(snapshots_find(&other, &header, &time_ms, &error), &error);
    CHECK_INT(header.offset, 0);
    check_ok(snapshots_load(&other, &header, &error), &error);
    check_ok(model_load(other.model, other.model_store, &error), &error);
    CHECK_INT(other.model->item_count, ITEMS);
    check_ok(store_get_offset(other.model_store, OFFSETS_MODEL,
                              mock.topology.topics[TOPIC_INTERACTIONS], 0, &offset, &error),
             &error);
    CHECK_INT(offset, 0);
    check_refused(&other, 0, 0); /* there is a snapshot now */
    free_run(&run);
    free_run(&other);
}

static void test_files(void)
{
    char *folder = test_new_folder();
    test_load(folder);
    test_remove_folder(folder);
    free(folder);
}

int main(void)
{
    mock = mock_broker_open(1);
    TEST_RUN(test_check);
    TEST_RUN(test_files);
    mock_broker_close(&mock);
    return test_done();
}
