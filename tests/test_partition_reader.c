/* The partition reader against librdkafka's mock cluster: records, positions, ends, assignments. */
#include "processors/runtime/kafka/partition_reader.h"
#include "tests/mock_broker.h"

#define RECORDS 1000
#define FEW 10
#define PARTITIONS 3
#define TIMEOUT_MS 10000

static struct mock_broker mock;
static const char *topic;

static bool is_tombstone(int64_t number)
{
    return number % 100 == 7;
}

/* Partition 0 has RECORDS records, partition 1 has FEW, partition 2 has none. */
static void fill(void)
{
    struct error error = {0};
    struct client_producer *producer = client_producer_new(&mock.config, &error);
    for (int i = 0; i < RECORDS + FEW; i++) {
        char key[32], value[32];
        int number = i % RECORDS;
        snprintf(key, sizeof key, "key %d", number);
        snprintf(value, sizeof value, "value %d", number);
        check_ok(client_send(producer, topic, i / RECORDS, bytes_text(key),
                             is_tombstone(number) ? bytes_of(NULL, 0) : bytes_text(value), &error),
                 &error);
    }
    check_ok(client_producer_flush(producer, 3 * TIMEOUT_MS, &error), &error);
    client_producer_free(producer);
}

static struct partition_reader *open_reader(bool strict)
{
    struct error error = {0};
    const struct reader_options options = {.topic = topic, .log_name = "test", .strict = strict};
    struct partition_reader *reader = partition_reader_open(&mock.config, &options, &error);
    CHECK_SAY(reader != NULL, "%s", error.message);
    return reader;
}

static void check_record(const struct kafka_record *record, int64_t offset)
{
    char key[32], value[32];
    snprintf(key, sizeof key, "key %lld", (long long)offset);
    snprintf(value, sizeof value, "value %lld", (long long)offset);
    CHECK_INT(record->offset, offset);
    CHECK_BYTES(record->key, bytes_text(key));
    CHECK(record->time_ms > 0);
    if (is_tombstone(offset))
        CHECK(record->value.at == NULL);
    else
        CHECK_BYTES(record->value, bytes_text(value));
}

static void test_ends(void)
{
    struct partition_reader *reader = open_reader(false);
    const int64_t highs[PARTITIONS] = {RECORDS, FEW, 0};
    const atomic_bool stop = false;
    struct error error = {0};
    int32_t count = 0;
    check_ok(partition_reader_partitions(reader, &count, &error), &error);
    CHECK_INT(count, PARTITIONS);
    for (int32_t i = 0; i < PARTITIONS; i++) {
        int64_t low = -1, high = -1;
        check_ok(partition_reader_ends(reader, i, &low, &high, &error), &error);
        CHECK_INT(low, 0);
        CHECK_INT(high, highs[i]);
        check_ok(partition_reader_await_ends(reader, i, &stop, &low, &high, &error), &error);
        CHECK_INT(high, highs[i]);
    }
    partition_reader_free(reader);
}

/* All records of a batch hold together, and the position counts what was handed out. */
static void test_batches(void)
{
    const int64_t from = 300;
    struct partition_reader *reader = open_reader(false);
    struct kafka_record records[READER_RECORDS_MAX];
    int64_t next = from;
    size_t largest = 0;
    partition_reader_assign(reader, &(struct reader_start){.partition = 0, .offset = from}, 1);
    CHECK_INT(partition_reader_position(reader, 0), from);
    while (partition_reader_end(reader, 0) < 0 && next <= RECORDS) {
        size_t count = 0;
        CHECK(partition_reader_read(reader, TIMEOUT_MS, 100, records, &count) == VERDICT_OK);
        for (size_t i = 0; i < count; i++)
            check_record(&records[i], next++);
        CHECK_INT(partition_reader_position(reader, 0), next);
        largest = count > largest ? count : largest;
    }
    CHECK_INT(next, RECORDS);
    CHECK_INT(partition_reader_end(reader, 0), RECORDS);
    CHECK(largest > 1 && largest <= 100);
    partition_reader_free(reader);
}

static void test_one_by_one(void)
{
    struct partition_reader *reader = open_reader(false);
    struct kafka_record record;
    int64_t next[PARTITIONS] = {0};
    struct reader_start starts[PARTITIONS];
    for (int32_t i = 0; i < PARTITIONS; i++)
        starts[i] = (struct reader_start){.partition = i, .offset = READER_BEGINNING};
    partition_reader_assign(reader, starts, PARTITIONS);
    CHECK_INT(partition_reader_position(reader, 0), READER_BEGINNING);
    enum verdict verdict;
    while ((verdict = partition_reader_next(reader, TIMEOUT_MS, &record)) == VERDICT_OK)
        check_record(&record, next[record.partition]++);
    CHECK(verdict == VERDICT_SKIP); /* every partition is at its end */
    CHECK(partition_reader_next(reader, 10, &record) == VERDICT_SKIP);
    CHECK_INT(next[0], RECORDS);
    CHECK_INT(next[1], FEW);
    CHECK_INT(partition_reader_end(reader, 2), 0);
    CHECK_INT(partition_reader_position(reader, 2), 0);
    partition_reader_free(reader);
}

/* Records of partitions that are no longer assigned are dropped, positions start afresh. */
static void test_assign_again(void)
{
    struct partition_reader *reader = open_reader(false);
    struct kafka_record record;
    struct error error = {0};
    const atomic_bool stop = false;
    struct stop_lease lease = stop_lease_of(&stop);
    partition_reader_assign(reader, &(struct reader_start){.partition = 0, .offset = 0}, 1);
    for (int64_t i = 0; i < 50; i++) {
        check_ok(partition_reader_await(reader, &lease.lease, &record, &error), &error);
        check_record(&record, i);
    }
    partition_reader_assign(reader, &(struct reader_start){.partition = 1, .offset = 4}, 1);
    for (int64_t i = 4; i < FEW; i++) {
        CHECK(partition_reader_next(reader, TIMEOUT_MS, &record) == VERDICT_OK);
        CHECK_INT(record.partition, 1);
        check_record(&record, i);
    }
    CHECK(partition_reader_next(reader, TIMEOUT_MS, &record) == VERDICT_SKIP);
    partition_reader_assign(reader, NULL, 0);
    CHECK(partition_reader_next(reader, 10, &record) == VERDICT_SKIP);
    partition_reader_free(reader);
}

static void test_strict(void)
{
    struct kafka_record record;
    enum verdict verdict = VERDICT_RETRY;
    const struct reader_start behind = {.partition = 1, .offset = FEW + 5};
    struct partition_reader *reader = open_reader(true);
    partition_reader_assign(reader, &behind, 1);
    for (int i = 0; i < 100 && verdict == VERDICT_RETRY; i++)
        verdict = partition_reader_next(reader, 100, &record);
    CHECK(verdict == VERDICT_FATAL);
    partition_reader_free(reader);
    reader = open_reader(false); /* any other reader goes on at the beginning */
    partition_reader_assign(reader, &behind, 1);
    CHECK(partition_reader_next(reader, TIMEOUT_MS, &record) == VERDICT_OK);
    check_record(&record, 0);
    partition_reader_free(reader);
}

static void test_lease_gone(void)
{
    const atomic_bool stop = true;
    struct stop_lease lease = stop_lease_of(&stop);
    struct kafka_record record;
    struct error error = {0};
    struct partition_reader *reader = open_reader(false);
    partition_reader_assign(reader, &(struct reader_start){.partition = 0, .offset = 0}, 1);
    CHECK(partition_reader_await(reader, &lease.lease, &record, &error) == VERDICT_RETRY);
    CHECK_CONTAINS(error.message, topic);
    partition_reader_free(reader);
    partition_reader_free(NULL);
}

int main(void)
{
    mock = mock_broker_open(PARTITIONS);
    topic = mock.topology.topics[TOPIC_VIEW];
    fill();
    TEST_RUN(test_ends);
    TEST_RUN(test_batches);
    TEST_RUN(test_one_by_one);
    TEST_RUN(test_assign_again);
    TEST_RUN(test_strict);
    TEST_RUN(test_lease_gone);
    mock_broker_close(&mock);
    return test_done();
}
