#include "processors/runtime/snapshots.h"

#include "processors/runtime/failpoint.h"
#include "processors/runtime/kafka.h"
#include "processors/runtime/log.h"

#include <stdlib.h>

#define TAIL_OFFSETS 16 /* behind which the newest header is, if nothing was broken off after it */
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
    return error_set(error, VERDICT_RETRY, "%s can't be read",
                     run->topology.topics[TOPIC_MODEL]);
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
            enum verdict read = snapshot_read_header(bytes_of(message->payload, message->len),
                                                     ret_header, &why);
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
        batch_put_offset(&load.batch, 'm', run->topology.topics[TOPIC_INTERACTIONS], 0,
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
    struct store_visitor visitor;
    struct run *run;
    struct snapshot_licence *licence;
    rd_kafka_t *producer;
    rd_kafka_topic_t *topic;
    struct snapshot_header header;
    struct buffer record;
    uint64_t failures;
};

static void delivered(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    struct writer *writer = opaque;
    (void)rk;
    if (message->err)
        writer->failures++;
    else if (message->_private)
        writer->header.first = message->offset;
}

static enum verdict send_record(struct writer *writer, struct bytes key, struct bytes value,
                                bool first, struct error *error)
{
    while (rd_kafka_produce(writer->topic, 0, RD_KAFKA_MSG_F_COPY, (void *)(uintptr_t)value.at,
                            value.size, key.at, key.size, first ? writer : NULL) != 0) {
        rd_kafka_resp_err_t err = rd_kafka_last_error();
        if (err != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            return error_set(error, VERDICT_RETRY, "a row can't be sent: %s",
                             rd_kafka_err2str(err));
        rd_kafka_poll(writer->producer, 10);
        if (!writer->licence->holds(writer->licence))
            return VERDICT_SKIP;
    }
    return VERDICT_OK;
}

static enum verdict saved_offset(struct run *run, int64_t *ret_offset, struct error *error)
{
    return store_get_offset(run->model_store, 'm', run->topology.topics[TOPIC_INTERACTIONS], 0,
                            ret_offset, error);
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
    writer->header.sum +=
        snapshot_write_row(key, value, writer->header.offset, &writer->record);
    writer->header.rows++;
    if (writer->header.rows % ROWS_A_LOOK == 0) {
        rd_kafka_poll(writer->producer, 0);
        if (!writer->licence->holds(writer->licence))
            return VERDICT_SKIP;
    }
    return send_record(writer, key, buffer_bytes(&writer->record), first, error);
}

static enum verdict flush(struct writer *writer, struct error *error)
{
    while (rd_kafka_flush(writer->producer, 500) != RD_KAFKA_RESP_ERR_NO_ERROR)
        if (!writer->licence->holds(writer->licence))
            return VERDICT_SKIP;
    if (writer->failures > 0)
        return error_set(error, VERDICT_RETRY, "%llu rows were not delivered",
                         (unsigned long long)writer->failures);
    return VERDICT_OK;
}

static enum verdict transact(struct writer *writer, rd_kafka_error_t *failed, const char *what,
                             struct error *error)
{
    (void)writer;
    if (failed == NULL)
        return VERDICT_OK;
    error_set(error, VERDICT_RETRY, "%s: %s", what, rd_kafka_error_string(failed));
    rd_kafka_error_destroy(failed);
    return VERDICT_RETRY;
}

static enum verdict open_writer(struct writer *writer, bool transactional, struct error *error)
{
    const struct config *config = writer->run->config;
    char id[CONFIG_TEXT_MAX + 16];
    snprintf(id, sizeof id, "%s-publisher", config->application_id);
    const struct kafka_extra transactions[] = {
        {"transactional.id", id},
        {"transaction.timeout.ms", TRANSACTION_TIMEOUT_MS},
        {NULL, NULL},
    };
    const struct kafka_extra idempotent[] = {{"enable.idempotence", "true"}, {NULL, NULL}};
    rd_kafka_conf_t *conf =
        kafka_conf(config, KAFKA_PRODUCER, transactional ? transactions : idempotent, error);
    if (conf == NULL)
        return VERDICT_FATAL;
    rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    rd_kafka_conf_set_opaque(conf, writer);
    writer->producer = kafka_new(KAFKA_PRODUCER, conf, error);
    if (writer->producer == NULL)
        return VERDICT_FATAL;
    writer->topic =
        rd_kafka_topic_new(writer->producer, writer->run->topology.topics[TOPIC_MODEL], NULL);
    if (!transactional)
        return VERDICT_OK;
    enum verdict verdict =
        transact(writer, rd_kafka_init_transactions(writer->producer, ANSWER_MS), "initialising",
                 error);
    return verdict == VERDICT_OK
               ? transact(writer, rd_kafka_begin_transaction(writer->producer), "beginning", error)
               : verdict;
}

static void close_writer(struct writer *writer, bool aborts)
{
    if (writer->producer && aborts) {
        rd_kafka_purge(writer->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_error_t *failed = rd_kafka_abort_transaction(writer->producer, ANSWER_MS);
        if (failed)
            rd_kafka_error_destroy(failed); /* the next writer's start aborts it */
    }
    if (writer->topic)
        rd_kafka_topic_destroy(writer->topic);
    if (writer->producer) {
        rd_kafka_purge(writer->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_flush(writer->producer, 100);
        rd_kafka_destroy(writer->producer);
    }
    buffer_release(&writer->record);
}

enum verdict snapshots_write(struct run *run, struct snapshot_licence *licence,
                             struct snapshot_header *ret_header, struct error *error)
{
    struct writer writer = {
        .visitor.row = send_row, .run = run, .licence = licence, .header.first = -1};
    bool transactional = config_exactly_once(run->config);
    enum verdict verdict = saved_offset(run, &writer.header.offset, error);
    if (verdict != VERDICT_OK)
        return verdict;
    verdict = open_writer(&writer, transactional, error);
    bool begun = verdict == VERDICT_OK && transactional;
    if (verdict == VERDICT_OK)
        verdict = run->model_store->scan(run->model_store, FAMILY_MODEL, bytes_of("", 0),
                                         &writer.visitor, error);
    if (verdict == VERDICT_OK)
        verdict = flush(&writer, error);
    if (verdict == VERDICT_OK && writer.header.first < 0)
        verdict = VERDICT_SKIP; /* no rows */
    if (verdict == VERDICT_OK) {
        buffer_clear(&writer.record);
        snapshot_write_header(&writer.header, &writer.record);
        verdict = send_record(&writer, snapshot_header_key(), buffer_bytes(&writer.record), false,
                              error);
    }
    if (verdict == VERDICT_OK)
        verdict = flush(&writer, error);
    if (verdict == VERDICT_OK && transactional)
        verdict = transact(&writer, rd_kafka_commit_transaction(writer.producer, ANSWER_MS),
                           "committing", error);
    close_writer(&writer, begun && verdict != VERDICT_OK);
    if (verdict == VERDICT_OK)
        *ret_header = writer.header;
    return verdict;
}
