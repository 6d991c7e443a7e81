#include "processors/runtime/model/snapshots.h"

#include "processors/runtime/failpoint.h"
#include "processors/runtime/kafka/kafka.h"
#include "processors/runtime/log.h"

#include <stdlib.h>

#define TAIL_OFFSETS                                                                               \
    16 /* behind which the newest header is, if nothing was broken off after it                    \
        */
#define ANSWER_MS 10000
#define SILENCE_US 30000000 /* no record for so long: the broker is gone */
#define BATCH_BYTES_MAX ((size_t)4 << 20)
#define PROGRESS_US 2000000
#define ROWS_A_LOOK 256
#define TRANSACTION_TIMEOUT_MS "600000"

/* ---- reading ---- */

static rd_kafka_t *open_at(struct run *run, int64_t offset, struct error *error)
{
    rd_kafka_t *reader = kafka_open(run->config, KAFKA_READER, NULL, error);
    if (reader == NULL)
        return NULL;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, run->topology.topics[TOPIC_MODEL], 0)->offset = offset;
    rd_kafka_assign(reader, list);
    rd_kafka_topic_partition_list_destroy(list);
    return reader;
}

static void close_reader(rd_kafka_t *reader)
{
    if (reader == NULL)
        return;
    rd_kafka_consumer_close(reader);
    rd_kafka_destroy(reader);
}

/* The next record. SKIP: the end is reached. RETRY: nobody answers, or the run stops. */
static enum verdict next_record(struct run *run, rd_kafka_t *reader,
                                rd_kafka_message_t **ret_message, struct error *error)
{
    int64_t until_us = clock_monotonic_us() + SILENCE_US;
    while (!run_stops(run) && clock_monotonic_us() < until_us) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(reader, 100);
        if (message == NULL)
            continue;
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            *ret_message = message;
            return VERDICT_OK;
        }
        rd_kafka_resp_err_t err = message->err;
        rd_kafka_message_destroy(message);
        if (err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
            return VERDICT_SKIP;
        log_line(LOG_LEVEL_WARN, "snapshot", "reading: %s", rd_kafka_err2str(err));
    }
    return error_set(error, VERDICT_RETRY, "%s can't be read", run->topology.topics[TOPIC_MODEL]);
}

/* The last header from `from` on. */
static enum verdict find_from(struct run *run, int64_t from, struct snapshot_header *ret_header,
                              int64_t *ret_time_ms, struct error *error)
{
    rd_kafka_t *reader = open_at(run, from, error);
    enum verdict verdict = reader ? VERDICT_OK : VERDICT_FATAL, found = VERDICT_SKIP;
    rd_kafka_message_t *message;
    while (verdict == VERDICT_OK &&
           (verdict = next_record(run, reader, &message, error)) == VERDICT_OK) {
        if (snapshot_is_header(bytes_of(message->key, message->key_len)) && message->payload) {
            struct error why = {0};
            enum verdict read =
                snapshot_read_header(bytes_of(message->payload, message->len), ret_header, &why);
            if (read == VERDICT_FATAL)
                verdict = error_set(error, read, "%s", why.message);
            else if (read == VERDICT_SKIP)
                log_line(LOG_LEVEL_ERROR, "snapshot", "@%lld: %s", (long long)message->offset,
                         why.message);
            else
                found = VERDICT_OK;
            *ret_time_ms = rd_kafka_message_timestamp(message, NULL);
        }
        rd_kafka_message_destroy(message);
    }
    close_reader(reader);
    return verdict == VERDICT_SKIP ? found : verdict;
}

enum verdict snapshots_find(struct run *run, struct snapshot_header *ret_header,
                            int64_t *ret_time_ms, struct error *error)
{
    int64_t low, high;
    rd_kafka_t *reader = kafka_open(run->config, KAFKA_READER, NULL, error);
    if (reader == NULL)
        return VERDICT_FATAL;
    enum verdict verdict =
        kafka_ends(reader, run->topology.topics[TOPIC_MODEL], 0, &low, &high, error);
    close_reader(reader);
    if (verdict != VERDICT_OK)
        return verdict;
    if (high <= low)
        return VERDICT_SKIP;
    int64_t tail = high - TAIL_OFFSETS > low ? high - TAIL_OFFSETS : low;
    verdict = find_from(run, tail, ret_header, ret_time_ms, error);
    if (verdict == VERDICT_SKIP && tail > low)
        verdict = find_from(run, low, ret_header, ret_time_ms, error);
    return verdict;
}

struct load {
    struct run *run;
    const struct snapshot_header *header;
    struct store_batch batch;
    uint64_t rows, sum;
    int64_t started_us, progress_us;
};

static enum verdict write_rows(struct load *load, struct error *error)
{
    enum verdict verdict =
        load->run->model_store->write(load->run->model_store, &load->batch, error);
    batch_clear(&load->batch);
    return verdict;
}

static void show_load(struct load *load)
{
    int64_t now_us = clock_monotonic_us();
    if (now_us < load->progress_us)
        return;
    load->progress_us = now_us + PROGRESS_US;
    log_line(LOG_LEVEL_INFO, "snapshot", "%llu of %llu rows loaded (%.0f %%)",
             (unsigned long long)load->rows, (unsigned long long)load->header->rows,
             100.0 * (double)load->rows / (double)load->header->rows);
}

/* SKIP: the header was reached. */
static enum verdict load_record(struct load *load, const rd_kafka_message_t *message,
                                struct error *error)
{
    struct bytes key = bytes_of(message->key, message->key_len), value;
    struct bytes record = bytes_of(message->payload, message->len);
    int64_t offset;
    uint64_t check;
    if (snapshot_is_header(key)) {
        struct snapshot_header header;
        return snapshot_read_header(record, &header, NULL) == VERDICT_OK &&
                       header.offset == load->header->offset
                   ? VERDICT_SKIP
                   : VERDICT_OK;
    }
    if (!snapshot_read_row(key, record, &offset, &value, &check)) {
        log_line(LOG_LEVEL_ERROR, "snapshot", "%s @%lld is damaged",
                 load->run->topology.topics[TOPIC_MODEL], (long long)message->offset);
        return VERDICT_OK; /* the count will tell */
    }
    if (offset != load->header->offset)
        return VERDICT_OK;
    batch_put(&load->batch, FAMILY_MODEL, key, value);
    load->rows++;
    load->sum += check;
    if (load->batch.changes.size < BATCH_BYTES_MAX)
        return VERDICT_OK;
    show_load(load);
    return write_rows(load, error);
}

enum verdict snapshots_load(struct run *run, const struct snapshot_header *header,
                            struct error *error)
{
    struct load load = {.run = run, .header = header, .started_us = clock_monotonic_us()};
    load.progress_us = load.started_us + PROGRESS_US;
    rd_kafka_t *reader = open_at(run, header->first, error);
    enum verdict verdict = reader ? VERDICT_OK : VERDICT_FATAL;
    rd_kafka_message_t *message;
    while (verdict == VERDICT_OK &&
           (verdict = next_record(run, reader, &message, error)) == VERDICT_OK) {
        verdict = load_record(&load, message, error);
        rd_kafka_message_destroy(message);
    }
    close_reader(reader);
    bool whole = load.rows == header->rows && load.sum == header->sum;
    if (verdict == VERDICT_SKIP && whole) {
        batch_put_offset(&load.batch, OFFSETS_MODEL, run->topology.topics[TOPIC_INTERACTIONS], 0,
                         header->offset);
        verdict = write_rows(&load, error);
        double seconds = (double)(clock_monotonic_us() - load.started_us) / 1e6;
        if (verdict == VERDICT_OK)
            log_line(LOG_LEVEL_INFO, "snapshot",
                     "the model as of %lld: %llu rows in %.2f s, %.0f rows/s",
                     (long long)header->offset, (unsigned long long)load.rows, seconds,
                     (double)load.rows / (seconds > 0 ? seconds : 1e-6));
    } else if (verdict == VERDICT_SKIP) {
        log_line(LOG_LEVEL_WARN, "snapshot", "the model as of %lld: %llu of %llu rows are there",
                 (long long)header->offset, (unsigned long long)load.rows,
                 (unsigned long long)header->rows);
    }
    batch_release(&load.batch);
    return verdict;
}

/* ---- writing ---- */

struct writer {
    struct store_visitor visitor; /* first */
    struct run *run;
    struct sender *sender;
    struct snapshot_header header;
    struct buffer record;
};

static enum verdict saved_offset(struct run *run, int64_t *ret_offset, struct error *error)
{
    return store_get_offset(run->model_store, OFFSETS_MODEL,
                            run->topology.topics[TOPIC_INTERACTIONS], 0, ret_offset, error);
}

static enum verdict send_row(struct store_visitor *self, struct bytes key, struct bytes value,
                             struct error *error)
{
    struct writer *writer = (struct writer *)(void *)self;
    bool first = writer->header.rows == 0;
    if (first) {
        /* the scan's view was made between the two looks at the offset, so it is this one's */
        int64_t offset = -1;
        if (saved_offset(writer->run, &offset, error) == VERDICT_FATAL)
            return VERDICT_FATAL;
        if (offset != writer->header.offset)
            return error_set(error, VERDICT_RETRY, "the model was saved just now");
    }
    failpoint("mid_snapshot");
    buffer_clear(&writer->record);
    writer->header.sum += snapshot_write_row(key, value, writer->header.offset, &writer->record);
    writer->header.rows++;
    if (writer->header.rows % ROWS_A_LOOK == 0 && !sender_poll(writer->sender))
        return VERDICT_SKIP;
    return sender_send(writer->sender, key, buffer_bytes(&writer->record), NULL, NULL, error);
}

enum verdict snapshots_write(struct run *run, struct lease *lease,
                             struct snapshot_header *ret_header, struct error *error)
{
    struct writer writer = {.visitor.row = send_row, .run = run};
    enum verdict verdict = saved_offset(run, &writer.header.offset, error);
    if (verdict != VERDICT_OK)
        return verdict;
    verdict = sender_open(run->config, run->topology.topics[TOPIC_MODEL], "publisher",
                          TRANSACTION_TIMEOUT_MS, lease, &writer.sender, error);
    if (verdict != VERDICT_OK)
        return verdict;
    verdict = run->model_store->scan(run->model_store, FAMILY_MODEL, bytes_of("", 0),
                                     &writer.visitor, error);
    if (verdict == VERDICT_OK)
        verdict = sender_flush(writer.sender, error);
    writer.header.first = sender_first(writer.sender);
    if (verdict == VERDICT_OK && writer.header.first < 0)
        verdict = VERDICT_SKIP; /* no rows */
    if (verdict == VERDICT_OK) {
        buffer_clear(&writer.record);
        snapshot_write_header(&writer.header, &writer.record);
        verdict = sender_send(writer.sender, snapshot_header_key(), buffer_bytes(&writer.record),
                              NULL, NULL, error);
    }
    if (verdict == VERDICT_OK)
        verdict = sender_commit(writer.sender, error);
    sender_close(writer.sender);
    buffer_release(&writer.record);
    if (verdict == VERDICT_OK)
        *ret_header = writer.header;
    return verdict;
}
