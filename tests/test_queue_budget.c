/* Records that wait in memory to be read stay within memory.queue.bytes: by the settings that
 * follow from it, and with a backlog in 64 partitions that is read slowly. */
#include "processors/runtime/kafka/kafka.h"
#include "processors/runtime/kafka/queue_budget.h"
#include "processors/runtime/log.h"
#include "tests/mock_broker.h"

#include <unistd.h>

#define MEGABYTE ((int64_t)1 << 20)
#define INPUTS 7
#define PARTITIONS 64
#define RECORDS 12000
#define VALUE_BYTES 1000
#define CALM_US 2000000
#define PATIENCE_US 30000000

/* All queues full, and an answer on its way to each consumer. */
static int64_t most(const struct queue_bounds *bounds, int64_t partitions, int64_t consumers)
{
    return bounds->queued_kbytes * 1024 * QUEUE_RECORD_SHARE * partitions +
           bounds->answer_bytes * QUEUE_ANSWER_SHARE * consumers;
}

static void test_sums(void)
{
    static const int64_t partitions[] = {1, 4, 12, 64, 256}, megabytes[] = {160, 512, 2048};
    for (size_t p = 0; p < sizeof partitions / sizeof *partitions; p++) {
        for (size_t m = 0; m < sizeof megabytes / sizeof *megabytes; m++) {
            int64_t bytes = megabytes[m] * MEGABYTE, count = partitions[p], workers = 4, sum = 0;
            struct queue_bounds inputs = queue_bounds_inputs(bytes, INPUTS, count, workers);
            struct queue_bounds reader = queue_bounds_reader(bytes);
            sum = most(&inputs, INPUTS * count, workers) + 5 * most(&reader, 1, 1);
            CHECK_SAY(sum <= bytes, "%ld partitions in %ld MB take %ld MB", count, megabytes[m],
                      sum / MEGABYTE);
            CHECK(inputs.queued_kbytes >= 1 && reader.queued_kbytes >= 1);
            CHECK(inputs.partition_bytes <= inputs.answer_bytes);
        }
    }
    struct queue_bounds few = queue_bounds_inputs(128 * MEGABYTE, INPUTS, 4, 1);
    struct queue_bounds many = queue_bounds_inputs(128 * MEGABYTE, INPUTS, 256, 1);
    CHECK(few.queued_kbytes > 200 && many.queued_kbytes < 10);
}

static void check_setting(const rd_kafka_conf_t *conf, const char *name, int64_t expected)
{
    char value[32];
    size_t size = sizeof value;
    CHECK(rd_kafka_conf_get(conf, name, value, &size) == RD_KAFKA_CONF_OK);
    CHECK_INT(atoll(value), expected);
}

/* librdkafka gets the bounds: a worker's consumer for the partitions that the inputs have. */
static void test_settings(void)
{
    static struct config config;
    struct error error = {0};
    config_init(&config);
    CHECK(config_assign(&config, "workers=2", &error) == VERDICT_OK);
    CHECK(config_finish(&config, &error) == VERDICT_OK);
    config.input_partitions = PARTITIONS;
    struct queue_bounds inputs =
        queue_bounds_inputs(config.queue_bytes, INPUT_TOPICS, PARTITIONS, 2);
    struct queue_bounds reader = queue_bounds_reader(config.queue_bytes);
    CHECK(inputs.queued_kbytes < reader.queued_kbytes);
    rd_kafka_conf_t *member = kafka_conf(&config, KAFKA_MEMBER, NULL, &error);
    check_setting(member, "queued.max.messages.kbytes", inputs.queued_kbytes);
    check_setting(member, "fetch.max.bytes", inputs.answer_bytes);
    check_setting(member, "fetch.message.max.bytes", inputs.partition_bytes);
    rd_kafka_conf_destroy(member);
    rd_kafka_conf_t *other = kafka_conf(&config, KAFKA_READER, NULL, &error);
    check_setting(other, "queued.max.messages.kbytes", reader.queued_kbytes);
    rd_kafka_conf_destroy(other);
}

static void fill(struct mock_broker *mock, const char *topic)
{
    struct error error = {0};
    char value[VALUE_BYTES];
    struct client_producer *producer = client_producer_new(&mock->config, &error);
    CHECK(producer != NULL);
    struct random random = random_from(1);
    for (int i = 0; i < RECORDS; i++) {
        for (int k = 0; k < VALUE_BYTES; k++) /* so that compression does not hide them */
            value[k] = (char)('a' + random_below(&random, 26));
        check_ok(client_send(producer, topic, i % PARTITIONS, bytes_text("key"),
                             bytes_of(value, sizeof value), &error),
                 &error);
    }
    check_ok(client_producer_flush(producer, 30000, &error), &error);
    client_producer_free(producer);
}

/* Reads one record a time, so that the queue fills behind it, until more than `enough` wait or the
 * time is up. Returns the most that waited. */
static unsigned long long fill_queue(struct mock_broker *mock, const char *topic,
                                     unsigned long long enough, int64_t wait_us)
{
    struct error error = {0};
    atomic_ullong queued = 0;
    unsigned long long peak = 0;
    struct reader_start starts[PARTITIONS];
    const struct reader_options options = {
        .topic = topic, .log_name = "test", .queued_bytes = &queued};
    struct partition_reader *reader = partition_reader_open(&mock->config, &options, &error);
    CHECK(reader != NULL);
    for (int32_t i = 0; i < PARTITIONS; i++)
        starts[i] = (struct reader_start){.partition = i, .offset = READER_BEGINNING};
    partition_reader_assign(reader, starts, PARTITIONS);
    int64_t until_us = clock_monotonic_us() + wait_us;
    while (peak <= enough && clock_monotonic_us() < until_us) {
        struct kafka_record record;
        size_t count;
        CHECK(partition_reader_read(reader, 50, 1, &record, &count) == VERDICT_OK);
        if (atomic_load(&queued) > peak)
            peak = atomic_load(&queued);
        usleep(20000);
    }
    partition_reader_free(reader);
    CHECK_INT(atomic_load(&queued), 0);
    return peak;
}

static void test_backlog(void)
{
    struct mock_broker mock = mock_broker_open(PARTITIONS);
    const char *topic = mock.topology.topics[TOPIC_VIEW];
    CHECK(config_assign(&mock.config, "kafka.producer.batch.size=2500", NULL) == VERDICT_OK);
    fill(&mock, topic);
    mock.config.queue_bytes = 8 * MEGABYTE;
    const unsigned long long share = 8 * MEGABYTE / 10;
    unsigned long long bounded = fill_queue(&mock, topic, 2 * share, CALM_US);
    mock.config.queue_bytes = 160 * MEGABYTE;
    unsigned long long more = fill_queue(&mock, topic, 2 * share, PATIENCE_US);
    printf("%d partitions: %.1f MB waited of %.1f MB; with a larger bound %.1f MB\n", PARTITIONS,
           (double)bounded / 1e6, (double)share / 1e6, (double)more / 1e6);
    CHECK(bounded > 50000);
    CHECK_SAY(bounded <= share, "%llu bytes waited, %llu may", bounded, share);
    CHECK_SAY(more > 2 * share, "the test has too few records: %llu", more);
    mock_broker_close(&mock);
}

int main(void)
{
    TEST_RUN(test_sums);
    TEST_RUN(test_settings);
    TEST_RUN(test_backlog);
    return test_done();
}
