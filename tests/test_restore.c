/* Restore against librdkafka's mock cluster: rows and deletions of several partitions, the store's
 * offsets, a damaged record, and a store that is ahead of the topic. */
#include "processors/runtime/visitors/restore.h"
#include "state/visitor_codec.h"
#include "tests/mock_broker.h"

#define PARTITIONS 3
#define VISITORS 700 /* of partition 0; partition 1 has none */
#define DELETED(i) ((i) % 7 == 3)

static struct mock_broker mock;

static const char *changelog(void)
{
    return mock.topology.topics[TOPIC_VISITOR_CHANGELOG];
}

static void visitor_name(char *to, int number)
{
    snprintf(to, 32, "visitor %d", number);
}

static void encode(int partition, const char *name, struct buffer *value)
{
    struct visitor *visitor = visitor_new(partition, bytes_text(name));
    buffer_clear(value);
    visitor_encode(visitor, value);
    visitor_free(visitor);
}

static struct client_producer *new_producer(void)
{
    struct error error = {0};
    struct client_producer *producer = client_producer_new(&mock.config, &error);
    CHECK_SAY(producer != NULL, "%s", error.message);
    return producer;
}

static void end_producer(struct client_producer *producer)
{
    struct error error = {0};
    check_ok(client_producer_flush(producer, 30000, &error), &error);
    client_producer_free(producer);
}

static void send(struct client_producer *producer, int partition, const char *name,
                 struct bytes value)
{
    struct error error = {0};
    check_ok(client_send(producer, changelog(), partition, bytes_text(name), value, &error),
             &error);
}

/* Partition 0 has every visitor, some of them deleted again. Partition 2 has one visitor. */
static void fill(void)
{
    struct client_producer *producer = new_producer();
    struct buffer value = {0};
    char name[32];
    for (int i = 0; i < VISITORS; i++) {
        visitor_name(name, i);
        encode(0, name, &value);
        send(producer, 0, name, buffer_bytes(&value));
    }
    for (int i = 0; i < VISITORS; i++) {
        visitor_name(name, i);
        if (DELETED(i))
            send(producer, 0, name, bytes_of(NULL, 0));
    }
    encode(2, "alone", &value);
    send(producer, 2, "alone", buffer_bytes(&value));
    buffer_release(&value);
    end_producer(producer);
}

struct fixture {
    struct run run;
    struct task tasks[PARTITIONS], *pointers[PARTITIONS];
};

static void open_fixture(struct fixture *fixture)
{
    memset(fixture, 0, sizeof *fixture);
    fixture->run.config = &mock.config;
    fixture->run.topology = mock.topology;
    fixture->run.store = store_memory_new();
    for (int32_t i = 0; i < PARTITIONS; i++) {
        fixture->tasks[i].partition = i;
        fixture->tasks[i].state = TASK_RESTORING;
        fixture->pointers[i] = &fixture->tasks[i];
    }
}

static void close_fixture(struct fixture *fixture)
{
    fixture->run.store->free(fixture->run.store);
}

static enum verdict run_restore(struct fixture *fixture, uint64_t *ret_rows, struct error *error)
{
    struct restore *restore = NULL;
    *ret_rows = 0;
    enum verdict verdict =
        restore_new(&fixture->run, fixture->pointers, PARTITIONS, &restore, error);
    if (verdict == VERDICT_OK)
        do {
            verdict = restore_step(restore, ret_rows, error);
        } while (verdict == VERDICT_RETRY);
    restore_free(restore);
    return verdict;
}

static bool has_row(struct fixture *fixture, int32_t partition, const char *name)
{
    char to[VISITOR_KEY_BYTES_MAX];
    struct buffer value = {0};
    struct store *store = fixture->run.store;
    struct bytes key = visitor_store_key(to, partition, bytes_text(name));
    enum verdict verdict = store->get(store, FAMILY_VISITOR, key, &value, NULL);
    buffer_release(&value);
    return verdict == VERDICT_OK;
}

static int64_t stored_offset(struct fixture *fixture, int32_t partition)
{
    int64_t offset = -1;
    store_get_offset(fixture->run.store, OFFSETS_CHANGELOG, changelog(), partition, &offset, NULL);
    return offset;
}

static void store_offset(struct fixture *fixture, int32_t partition, int64_t offset)
{
    struct store_batch batch = {0};
    batch_put_offset(&batch, OFFSETS_CHANGELOG, changelog(), partition, offset);
    CHECK(fixture->run.store->write(fixture->run.store, &batch, NULL) == VERDICT_OK);
    batch_release(&batch);
}

static int deleted_count(void)
{
    int count = 0;
    for (int i = 0; i < VISITORS; i++)
        count += DELETED(i);
    return count;
}

static void test_all(void)
{
    struct fixture fixture;
    struct error error = {0};
    uint64_t rows;
    char name[32];
    open_fixture(&fixture);
    check_ok(run_restore(&fixture, &rows, &error), &error);
    CHECK_INT(rows, VISITORS + deleted_count() + 1);
    for (int i = 0; i < VISITORS; i++) {
        visitor_name(name, i);
        CHECK(has_row(&fixture, 0, name) == !DELETED(i));
    }
    CHECK(has_row(&fixture, 2, "alone"));
    CHECK_INT(stored_offset(&fixture, 0), VISITORS + deleted_count());
    CHECK_INT(stored_offset(&fixture, 2), 1);
    for (int32_t i = 0; i < PARTITIONS; i++)
        CHECK(fixture.tasks[i].state == TASK_RUNNING);

    /* a second restore has nothing to read */
    for (int32_t i = 0; i < PARTITIONS; i++)
        fixture.tasks[i].state = TASK_RESTORING;
    check_ok(run_restore(&fixture, &rows, &error), &error);
    CHECK_INT(rows, 0);
    close_fixture(&fixture);
}

static void test_from_stored_offset(void)
{
    struct fixture fixture;
    struct error error = {0};
    uint64_t rows;
    char name[32];
    open_fixture(&fixture);
    store_offset(&fixture, 0, VISITORS - 10);
    check_ok(run_restore(&fixture, &rows, &error), &error);
    CHECK_INT(rows, 10 + deleted_count() + 1);
    visitor_name(name, 0);
    CHECK(!has_row(&fixture, 0, name)); /* the changelog before the offset is not read */
    visitor_name(name, VISITORS - 1);
    CHECK(has_row(&fixture, 0, name) == !DELETED(VISITORS - 1));
    close_fixture(&fixture);
}

static void test_store_ahead(void)
{
    struct fixture fixture;
    struct error error = {0};
    uint64_t rows;
    open_fixture(&fixture);
    store_offset(&fixture, 1, 5);
    CHECK(run_restore(&fixture, &rows, &error) == VERDICT_FATAL);
    CHECK_CONTAINS(error.message, "another cluster");
    close_fixture(&fixture);
}

static void test_damaged(void)
{
    struct fixture fixture;
    struct error error = {0};
    struct buffer value = {0};
    uint64_t rows;
    struct client_producer *producer = new_producer();
    encode(1, "good", &value);
    send(producer, 1, "good", buffer_bytes(&value));
    value.at[value.size / 2] ^= 1;
    send(producer, 1, "bad", buffer_bytes(&value));
    buffer_release(&value);
    end_producer(producer);
    open_fixture(&fixture);
    CHECK(run_restore(&fixture, &rows, &error) == VERDICT_FATAL);
    CHECK_CONTAINS(error.message, "is damaged");
    CHECK(!has_row(&fixture, 1, "bad"));
    CHECK(stored_offset(&fixture, 1) <= 1); /* never behind the damaged record */
    close_fixture(&fixture);
}

int main(void)
{
    mock = mock_broker_open(PARTITIONS);
    fill();
    TEST_RUN(test_all);
    TEST_RUN(test_from_stored_offset);
    TEST_RUN(test_store_ahead);
    TEST_RUN(test_damaged); /* last: the changelog can't be restored afterwards */
    mock_broker_close(&mock);
    return test_done();
}
