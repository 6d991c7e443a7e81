#include "processors/runtime/kafka/partition_reader.h"

#include "processors/runtime/kafka/topic_settings.h"
#include "processors/runtime/log.h"
#include "schemas/array.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

#define ANSWER_MS 10000
#define SHORT_ANSWER_MS 1000     /* between looks at whether the process stops */
#define FIRST_ANSWER_US 30000000 /* until a broker that is silent counts as away */
#define AWAIT_POLL_MS 100        /* between looks at the lease */

/* An idle fetch costs a broker as much as a busy one: at 20 ms, three readers that wait for records
 * took a tenth of a core. */
#define FOLLOW_WAIT_MS "200"

/* Both are macros for the same number today; the header must not include librdkafka's. */
/* NOLINTNEXTLINE(misc-redundant-expression) */
_Static_assert(READER_BEGINNING == RD_KAFKA_OFFSET_BEGINNING, "librdkafka's number");

struct partition {
    bool assigned;
    bool at_end; /* nothing was read since the end that was met last */
    int64_t position;
    int64_t end; /* -1: none was met yet */
};

struct partition_reader {
    rd_kafka_t *rk;
    struct reader_options options;
    struct partition *partitions; /* by number */
    size_t partition_capacity;
    size_t assigned_count, ended_count;
    rd_kafka_message_t *messages[READER_RECORDS_MAX]; /* handed out, until the next read */
    size_t message_count;
    rd_kafka_queue_t *queue;
    uint32_t record_bytes; /* the mean of the last ones */
    bool wakes;            /* the fetcher must be woken after the queue has been full */
    bool was_full;
    size_t full_bytes; /* with so many, the queue counts as full */
    size_t woken;      /* the partition whose leader is asked next */
};

/* librdkafka before 2.2 looks again at a queue that has been full when a second is over, or when
 * something arrives from the partition's leader. Later versions have fetch.queue.backoff.ms. */
#define VERSION_THAT_WAKES 0x02020000

static size_t full_bytes(const rd_kafka_t *rk)
{
    char value[32];
    size_t size = sizeof value;
    rd_kafka_conf_get(rd_kafka_conf((rd_kafka_t *)rk), "queued.max.messages.kbytes", value, &size);
    /* the fetcher stops within an answer of its bound */
    return (size_t)atoll(value) * 1024 / 4 * 3;
}

struct partition_reader *partition_reader_open(const struct config *config,
                                               const struct reader_options *options,
                                               struct error *error)
{
    struct kafka_extra extra[3] = {{NULL, NULL}};
    size_t count = 0;
    if (options->strict)
        extra[count++] = (struct kafka_extra){"auto.offset.reset", "error"};
    if (options->follows)
        extra[count++] = (struct kafka_extra){"fetch.wait.max.ms", FOLLOW_WAIT_MS};
    enum kafka_role role = options->isolation == READ_COMMITTED ? KAFKA_READER : KAFKA_WATCHER;
    rd_kafka_t *rk = kafka_open(config, role, extra, error);
    if (rk == NULL)
        return NULL;
    struct partition_reader *reader = memory_zero(1, sizeof *reader);
    reader->rk = rk;
    reader->options = *options;
    reader->queue = rd_kafka_queue_get_consumer(rk);
    reader->wakes = rd_kafka_version() < VERSION_THAT_WAKES;
    reader->full_bytes = full_bytes(rk);
    return reader;
}

static void release_records(struct partition_reader *reader)
{
    for (size_t i = 0; i < reader->message_count; i++)
        rd_kafka_message_destroy(reader->messages[i]);
    reader->message_count = 0;
}

void partition_reader_free(struct partition_reader *reader)
{
    if (reader == NULL)
        return;
    release_records(reader);
    rd_kafka_queue_destroy(reader->queue);
    if (reader->options.queued_bytes)
        atomic_store(reader->options.queued_bytes, 0);
    rd_kafka_consumer_close(reader->rk);
    rd_kafka_destroy(reader->rk);
    free(reader->partitions);
    free(reader);
}

/* ---- ends ---- */

enum verdict partition_reader_partitions(struct partition_reader *reader, int32_t *ret_count,
                                         struct error *error)
{
    return kafka_partitions(reader->rk, reader->options.topic, ret_count, error);
}

/* librdkafka sends its request to the leader that it remembers and looks for no newer one. */
static void refresh_leaders(rd_kafka_t *rk, int timeout_ms)
{
    const struct rd_kafka_metadata *metadata;
    if (rd_kafka_metadata(rk, 1, NULL, &metadata, timeout_ms) == RD_KAFKA_RESP_ERR_NO_ERROR)
        rd_kafka_metadata_destroy(metadata);
}

static enum verdict ask_ends(struct partition_reader *reader, int32_t partition,
                             const atomic_bool *stop, int64_t *ret_low, int64_t *ret_high,
                             struct error *error)
{
    const char *topic = reader->options.topic;
    int timeout_ms = stop ? SHORT_ANSWER_MS : ANSWER_MS;
    int64_t until_us = clock_monotonic_us() + FIRST_ANSWER_US;
    rd_kafka_resp_err_t err;
    do { /* the metadata names a new topic before its leader answers */
        err = rd_kafka_query_watermark_offsets(reader->rk, topic, partition, ret_low, ret_high,
                                               timeout_ms);
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
            return VERDICT_OK;
        usleep(100000);
        refresh_leaders(reader->rk, timeout_ms);
    } while (clock_monotonic_us() < until_us && !(stop && atomic_load(stop)));
    return error_set(error, VERDICT_RETRY, "the broker does not tell where %s [%d] ends: %s", topic,
                     (int)partition, rd_kafka_err2str(err));
}

enum verdict partition_reader_ends(struct partition_reader *reader, int32_t partition,
                                   int64_t *ret_low, int64_t *ret_high, struct error *error)
{
    return ask_ends(reader, partition, reader->options.stop, ret_low, ret_high, error);
}

enum verdict partition_reader_await_ends(struct partition_reader *reader, int32_t partition,
                                         const atomic_bool *stop, int64_t *ret_low,
                                         int64_t *ret_high, struct error *error)
{
    for (;;) {
        struct error why = {0};
        if (ask_ends(reader, partition, stop, ret_low, ret_high, &why) == VERDICT_OK)
            return VERDICT_OK;
        if (atomic_load(stop))
            return error_set(error, VERDICT_RETRY, "%s", why.message);
        log_line(LOG_LEVEL_WARN, reader->options.log_name, "%s; waiting for its leader",
                 why.message);
    }
}

/* ---- age ---- */

static rd_kafka_resp_err_t query_since(const struct partition_reader *reader, int32_t partition,
                                       int64_t time_ms, int timeout_ms, int64_t *ret_offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *place =
        rd_kafka_topic_partition_list_add(list, reader->options.topic, partition);
    place->offset = time_ms;
    rd_kafka_resp_err_t err = rd_kafka_offsets_for_times(reader->rk, list, timeout_ms);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
        err = place->err;
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
        *ret_offset = place->offset >= 0 ? place->offset : -1;
    rd_kafka_topic_partition_list_destroy(list);
    return err;
}

enum verdict partition_reader_since(struct partition_reader *reader, int32_t partition,
                                    int64_t time_ms, int64_t *ret_offset, struct error *error)
{
    const atomic_bool *stop = reader->options.stop;
    int timeout_ms = stop ? SHORT_ANSWER_MS : ANSWER_MS;
    int64_t until_us = clock_monotonic_us() + FIRST_ANSWER_US;
    rd_kafka_resp_err_t err;
    assert(time_ms >= 0); /* Kafka gives negative times a meaning of their own */
    do {
        err = query_since(reader, partition, time_ms, timeout_ms, ret_offset);
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
            return VERDICT_OK;
        usleep(100000);
        refresh_leaders(reader->rk, timeout_ms);
    } while (clock_monotonic_us() < until_us && !(stop && atomic_load(stop)));
    return error_set(error, VERDICT_RETRY, "the broker does not tell how old %s [%d] is: %s",
                     reader->options.topic, (int)partition, rd_kafka_err2str(err));
}

enum verdict partition_reader_delete_retention(struct partition_reader *reader, int64_t *ret_ms,
                                               struct error *error)
{
    struct error why = {0};
    enum verdict verdict =
        topic_setting_number(reader->rk, reader->options.topic, DELETE_RETENTION, ret_ms, &why);
    if (verdict == VERDICT_FATAL) {
        log_line(LOG_LEVEL_WARN, reader->options.log_name,
                 "%s; until then weft takes Kafka's default for its " DELETE_RETENTION,
                 why.message);
        *ret_ms = DELETE_RETENTION_DEFAULT_MS;
        return VERDICT_OK;
    }
    return verdict == VERDICT_OK ? verdict : error_set(error, verdict, "%s", why.message);
}

/* ---- reading ---- */

static struct partition *make_partition(struct partition_reader *reader, int32_t number)
{
    size_t old = reader->partition_capacity;
    ARRAY_RESERVE(reader->partitions, reader->partition_capacity, (size_t)number + 1);
    for (size_t i = old; i < reader->partition_capacity; i++)
        reader->partitions[i] = (struct partition){0};
    return &reader->partitions[number];
}

void partition_reader_assign(struct partition_reader *reader, const struct reader_start *starts,
                             size_t count)
{
    for (size_t i = 0; i < reader->partition_capacity; i++)
        reader->partitions[i] = (struct partition){0};
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++) {
        *make_partition(reader, starts[i].partition) =
            (struct partition){.assigned = true, .position = starts[i].offset, .end = -1};
        rd_kafka_topic_partition_list_add(list, reader->options.topic, starts[i].partition)
            ->offset = starts[i].offset;
    }
    rd_kafka_assign(reader->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    reader->assigned_count = count;
    reader->ended_count = 0;
}

static struct partition *assigned_partition(const struct partition_reader *reader, int32_t number)
{
    if (number < 0 || (size_t)number >= reader->partition_capacity ||
        !reader->partitions[number].assigned)
        return NULL;
    return &reader->partitions[number];
}

static void meet_end(struct partition_reader *reader, struct partition *partition, int64_t offset)
{
    reader->ended_count += !partition->at_end;
    partition->at_end = true;
    partition->end = offset;
    if (offset > partition->position)
        partition->position = offset;
}

static void hand_out(struct partition_reader *reader, struct partition *partition,
                     rd_kafka_message_t *message, struct kafka_record *ret_record)
{
    reader->ended_count -= partition->at_end;
    partition->at_end = false;
    partition->position = message->offset + 1;
    reader->messages[reader->message_count++] = message;
    kafka_note_size(&reader->record_bytes, message->key_len + message->len);
    *ret_record = (struct kafka_record){
        .partition = message->partition,
        .offset = message->offset,
        .time_ms = rd_kafka_message_timestamp(message, NULL),
        .key = bytes_of(message->key, message->key_len),
        .value = bytes_of(message->payload, message->len),
    };
}

/* A question to the leader of a partition that is not at its end; the answer wakes the fetcher.
 * With several leaders, they take turns. */
static void wake_fetcher(struct partition_reader *reader)
{
    for (size_t tries = 0; tries < reader->partition_capacity; tries++) {
        size_t number = reader->woken++ % reader->partition_capacity;
        const struct partition *partition = &reader->partitions[number];
        if (!partition->assigned || partition->at_end)
            continue;
        int64_t low, high;
        rd_kafka_query_watermark_offsets(reader->rk, reader->options.topic, (int32_t)number, &low,
                                         &high, SHORT_ANSWER_MS);
        return;
    }
}

/* After each read: tells what waits in the queue, and has it filled again once it is half empty. */
static void look_at_queue(struct partition_reader *reader)
{
    size_t count = rd_kafka_queue_length(reader->queue);
    size_t bytes = count * reader->record_bytes;
    if (reader->options.queued_bytes)
        atomic_store(reader->options.queued_bytes,
                     kafka_records_bytes(count, reader->record_bytes));
    if (bytes >= reader->full_bytes) {
        reader->was_full = true;
    } else if (reader->was_full && bytes < reader->full_bytes / 2) {
        reader->was_full = false;
        if (reader->wakes)
            wake_fetcher(reader);
    }
}

enum polled { POLLED_NOTHING, POLLED_RECORD, POLLED_OTHER, POLLED_LOST };

/* One by one: librdkafka 2.0.2's call for a batch loses messages around an assignment. */
static enum polled poll_one(struct partition_reader *reader, int timeout_ms,
                            struct kafka_record *ret_record)
{
    rd_kafka_message_t *message = rd_kafka_consumer_poll(reader->rk, timeout_ms);
    if (message == NULL)
        return POLLED_NOTHING;
    struct partition *partition = assigned_partition(reader, message->partition);
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR && partition) {
        hand_out(reader, partition, message, ret_record);
        return POLLED_RECORD;
    }
    bool lost = message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET && reader->options.strict;
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF && partition)
        meet_end(reader, partition, message->offset);
    else if (message->err && message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF && !lost)
        log_line(LOG_LEVEL_WARN, reader->options.log_name, "%s: %s", reader->options.topic,
                 rd_kafka_message_errstr(message));
    rd_kafka_message_destroy(message);
    return lost ? POLLED_LOST : POLLED_OTHER;
}

enum verdict partition_reader_read(struct partition_reader *reader, int timeout_ms, size_t max,
                                   struct kafka_record *ret_records, size_t *ret_count)
{
    assert(max <= READER_RECORDS_MAX);
    release_records(reader);
    while (reader->message_count < max) {
        enum polled polled = poll_one(reader, timeout_ms, &ret_records[reader->message_count]);
        if (polled == POLLED_LOST)
            return VERDICT_FATAL;
        if (polled == POLLED_NOTHING)
            break;
        timeout_ms = 0;
    }
    *ret_count = reader->message_count;
    look_at_queue(reader);
    return VERDICT_OK;
}

static bool all_at_end(const struct partition_reader *reader)
{
    return reader->ended_count == reader->assigned_count;
}

enum verdict partition_reader_next(struct partition_reader *reader, int timeout_ms,
                                   struct kafka_record *ret_record)
{
    release_records(reader);
    for (;;) {
        enum polled polled = poll_one(reader, timeout_ms, ret_record);
        if (polled == POLLED_RECORD) {
            look_at_queue(reader);
            return VERDICT_OK;
        }
        if (polled == POLLED_LOST)
            return VERDICT_FATAL;
        if (all_at_end(reader))
            return VERDICT_SKIP;
        if (polled == POLLED_NOTHING)
            return VERDICT_RETRY;
    }
}

enum verdict partition_reader_await(struct partition_reader *reader, struct lease *lease,
                                    struct kafka_record *ret_record, struct error *error)
{
    int64_t until_us = clock_monotonic_us() + FIRST_ANSWER_US;
    while (clock_monotonic_us() < until_us && lease_holds(lease)) {
        enum verdict verdict = partition_reader_next(reader, AWAIT_POLL_MS, ret_record);
        if (verdict != VERDICT_RETRY)
            return verdict;
    }
    return error_set(error, VERDICT_RETRY, "%s can't be read", reader->options.topic);
}

bool partition_reader_header(const struct partition_reader *reader, const char *name,
                             struct bytes *ret_value)
{
    rd_kafka_headers_t *headers;
    const void *at;
    size_t size;
    if (reader->message_count == 0 ||
        rd_kafka_message_headers(reader->messages[reader->message_count - 1], &headers) != 0 ||
        rd_kafka_header_get_last(headers, name, &at, &size) != 0)
        return false;
    *ret_value = bytes_of(at, size);
    return true;
}

int64_t partition_reader_position(const struct partition_reader *reader, int32_t partition)
{
    const struct partition *assigned = assigned_partition(reader, partition);
    return assigned ? assigned->position : -1;
}

int64_t partition_reader_end(const struct partition_reader *reader, int32_t partition)
{
    const struct partition *assigned = assigned_partition(reader, partition);
    return assigned ? assigned->end : -1;
}

int64_t partition_reader_left(const struct partition_reader *reader, int32_t partition)
{
    const struct partition *assigned = assigned_partition(reader, partition);
    int64_t low, high;
    if (assigned == NULL || assigned->position < 0 ||
        rd_kafka_get_watermark_offsets(reader->rk, reader->options.topic, partition, &low, &high) !=
            RD_KAFKA_RESP_ERR_NO_ERROR)
        return 0;
    return high > assigned->position ? high - assigned->position : 0;
}
