/* Snapshots through librdkafka's mock cluster: written, found and loaded; not when the lease is
 * gone, the fold saves meanwhile, rows are missing or a newer weft wrote them. */
#include "processors/runtime/model/snapshots.h"
#include "tests/hashes.h"
#include "tests/mock_broker.h"

#define ROWS 3000
#define ROW_BYTES 200

static struct mock_broker mock;

/* A process with a store of its own. */
static struct run new_run(void)
{
    return (struct run){
        .config = &mock.config, .topology = mock.topology, .model_store = store_memory_new()};
}

static void free_run(struct run *run)
{
    run->model_store->free(run->model_store);
}

static const char *log_topic(void)
{
    return mock.topology.topics[TOPIC_INTERACTIONS];
}

/* Saves as the fold does: rows that depend on the offset. */
static void save(struct run *run, int64_t offset)
{
    struct store_batch batch = {0};
    struct error error = {0};
    char key[16], value[ROW_BYTES];
    for (int i = 0; i < ROWS; i++) {
        snprintf(key, sizeof key, "r%d", i);
        memset(value, (int)(offset + i), sizeof value);
        batch_put(&batch, FAMILY_MODEL, bytes_text(key), bytes_of(value, sizeof value));
    }
    batch_put_offset(&batch, OFFSETS_MODEL, log_topic(), 0, offset);
    check_ok(run->model_store->write(run->model_store, &batch, &error), &error);
    batch_release(&batch);
}

static int64_t stored_offset(struct run *run)
{
    int64_t offset = -1;
    store_get_offset(run->model_store, OFFSETS_MODEL, log_topic(), 0, &offset, NULL);
    return offset;
}

/* A lease that is gone after some questions. */
struct short_lease {
    struct lease lease; /* first */
    int left;
};

static bool holds_for_now(struct lease *self)
{
    return ((struct short_lease *)(void *)self)->left-- > 0;
}

static enum verdict write_snapshot(struct run *run, int lease_questions,
                                   struct snapshot_header *ret_header, struct error *error)
{
    struct short_lease lease = {.lease.holds = holds_for_now, .left = lease_questions};
    return snapshots_write(run, &lease.lease, ret_header, error);
}

static void write_good_snapshot(int64_t offset, struct snapshot_header *ret_header)
{
    struct run run = new_run();
    struct error error = {0};
    save(&run, offset);
    check_ok(write_snapshot(&run, 1000000, ret_header, &error), &error);
    CHECK_INT(ret_header->offset, offset);
    CHECK_INT(ret_header->rows, ROWS);
    free_run(&run);
}

static void check_newest(int64_t offset)
{
    struct run run = new_run();
    struct snapshot_header header = {0};
    struct error error = {0};
    int64_t time_ms = 0;
    check_ok(snapshots_find(&run, &header, &time_ms, &error), &error);
    CHECK_INT(header.offset, offset);
    CHECK(time_ms > 0);
    free_run(&run);
}

/* A fresh process that loads it has the rows that the writer's store had. */
static void check_load(const struct snapshot_header *header)
{
    struct run run = new_run(), original = new_run();
    struct error error = {0};
    check_ok(snapshots_load(&run, header, &error), &error);
    CHECK_INT(stored_offset(&run), header->offset);
    save(&original, header->offset);
    struct row_hasher found = hash_rows(run.model_store, FAMILY_MODEL);
    struct row_hasher expected = hash_rows(original.model_store, FAMILY_MODEL);
    CHECK(found.count == expected.count && found.hash == expected.hash);
    free_run(&run);
    free_run(&original);
}

static void test_none(void)
{
    struct run run = new_run();
    struct snapshot_header header;
    struct error error = {0};
    int64_t time_ms;
    CHECK(snapshots_find(&run, &header, &time_ms, &error) == VERDICT_SKIP);
    CHECK(write_snapshot(&run, 1000000, &header, &error) == VERDICT_SKIP); /* no model */
    free_run(&run);
}

static void test_written_and_loaded(void)
{
    struct snapshot_header first, second;
    write_good_snapshot(42, &first);
    check_newest(42);
    check_load(&first);
    write_good_snapshot(50, &second);
    check_newest(50);
    CHECK(second.first > first.first + ROWS);
    check_load(&second);
    check_load(&first); /* the topic still has it */
}

/* The rows that it has sent by then are not a snapshot: the one before stays the newest. */
static void test_lease_gone(void)
{
    struct run run = new_run();
    struct snapshot_header header, newest;
    struct error error = {0};
    write_good_snapshot(60, &newest);
    save(&run, 70);
    CHECK(write_snapshot(&run, 5, &header, &error) == VERDICT_SKIP);
    check_newest(60);
    check_load(&newest);
    free_run(&run);
}

static void test_cut_off(void)
{
    struct run run = new_run();
    struct snapshot_header header;
    struct error error = {0};
    write_good_snapshot(80, &header);
    header.first += 10; /* retention, or compaction, took the first rows */
    CHECK(snapshots_load(&run, &header, &error) == VERDICT_SKIP);
    CHECK_INT(stored_offset(&run), -1);
    header.first -= 10;
    header.sum++; /* a row that is not the one that was written */
    CHECK(snapshots_load(&run, &header, &error) == VERDICT_SKIP);
    CHECK_INT(stored_offset(&run), -1);
    free_run(&run);
}

/* The fold saves between the look at the offset and the scan. */
struct moving_store {
    struct store store; /* first */
    struct run *run;
    struct store *inner;
};

static enum verdict get_row(struct store *store, enum family family, struct bytes key,
                            struct buffer *value, struct error *error)
{
    struct store *inner = ((struct moving_store *)(void *)store)->inner;
    return inner->get(inner, family, key, value, error);
}

static enum verdict save_and_scan(struct store *store, enum family family, struct bytes prefix,
                                  struct store_visitor *visitor, struct error *error)
{
    struct moving_store *moving = (struct moving_store *)(void *)store;
    struct run saver = *moving->run;
    saver.model_store = moving->inner;
    save(&saver, 91);
    return moving->inner->scan(moving->inner, family, prefix, visitor, error);
}

static void test_saved_meanwhile(void)
{
    struct run run = new_run();
    struct moving_store moving = {
        .store = {.get = get_row, .scan = save_and_scan}, .run = &run, .inner = run.model_store};
    struct snapshot_header header;
    struct error error = {0};
    save(&run, 90);
    run.model_store = &moving.store;
    CHECK(write_snapshot(&run, 1000000, &header, &error) == VERDICT_RETRY);
    CHECK_CONTAINS(error.message, "saved");
    check_newest(80);
    moving.inner->free(moving.inner);
}

static void test_run_stops(void)
{
    struct run run = new_run();
    struct snapshot_header header;
    struct error error = {0};
    int64_t time_ms;
    atomic_store(&run.stop, true);
    CHECK(snapshots_find(&run, &header, &time_ms, &error) == VERDICT_RETRY);
    free_run(&run);
}

static void send_header(const struct buffer *record)
{
    struct error error = {0};
    struct client_producer *producer = client_producer_new(&mock.config, &error);
    check_ok(client_send(producer, mock.topology.topics[TOPIC_MODEL], 0, snapshot_header_key(),
                         buffer_bytes(record), &error),
             &error);
    check_ok(client_producer_flush(producer, 30000, &error), &error);
    client_producer_free(producer);
}

/* A damaged header is passed over; one of a newer format is not, since an older weft would write an
 * older model behind it. */
static void test_headers(void)
{
    struct run run = new_run();
    struct snapshot_header header = {.offset = 100, .rows = 1};
    struct error error = {0};
    struct buffer record = {0};
    int64_t time_ms;
    snapshot_write_header(&header, &record);
    record.at[5]++;
    send_header(&record);
    check_newest(80);
    buffer_clear(&record);
    snapshot_write_header(&header, &record);
    record.at[0]++;
    uint64_t check = bytes_hash(bytes_of(record.at, record.size - 8));
    for (int i = 0; i < 8; i++)
        record.at[record.size - 8 + (size_t)i] = (char)(check >> 8 * i);
    send_header(&record);
    CHECK(snapshots_find(&run, &header, &time_ms, &error) == VERDICT_FATAL);
    CHECK_CONTAINS(error.message, "newer weft");
    buffer_release(&record);
    free_run(&run);
}

int main(void)
{
    mock = mock_broker_open(2);
    TEST_RUN(test_none);
    TEST_RUN(test_written_and_loaded);
    TEST_RUN(test_lease_gone);
    TEST_RUN(test_cut_off);
    TEST_RUN(test_saved_meanwhile);
    TEST_RUN(test_run_stops);
    TEST_RUN(test_headers); /* last: the topic is unreadable afterwards */
    mock_broker_close(&mock);
    return test_done();
}
