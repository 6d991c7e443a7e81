#include "processors/runtime/model/snapshots.h"

#include "processors/runtime/failpoint.h"
#include "processors/runtime/kafka/partition_reader.h"
#include "processors/runtime/kafka/sender.h"
#include "processors/runtime/log.h"

/* The newest header is among the last offsets, unless a snapshot was aborted after it. */
#define TAIL_OFFSETS 16
#define BATCH_BYTES_MAX ((size_t)4 << 20)
#define PROGRESS_US 2000000
#define ROWS_A_LOOK 256
#define TRANSACTION_TIMEOUT_MS "600000"

/* ---- reading ---- */

static struct partition_reader *open_reader(struct run *run, struct error *error)
{
    const struct reader_options options = {.topic = run->topology.topics[TOPIC_MODEL],
                                           .log_name = "snapshot"};
    return partition_reader_open(run->config, &options, error);
}

/* SKIP: the record is no header, or a damaged one. */
static enum verdict read_header(const struct kafka_record *record,
                                struct snapshot_header *ret_header, struct error *error)
{
    struct error why = {0};
    if (!snapshot_is_header(record->key) || record->value.at == NULL)
        return VERDICT_SKIP;
    enum verdict verdict = snapshot_read_header(record->value, ret_header, &why);
    if (verdict == VERDICT_SKIP)
        log_line(LOG_LEVEL_ERROR, "snapshot", "@%lld: %s", (long long)record->offset, why.message);
    else if (verdict != VERDICT_OK)
        error_set(error, verdict, "%s", why.message);
    return verdict;
}

/* The last header from `from` on. */
static enum verdict find_from(struct run *run, struct partition_reader *reader, int64_t from,
                              struct snapshot_header *ret_header, int64_t *ret_time_ms,
                              struct error *error)
{
    struct stop_lease lease = stop_lease_of(&run->stop);
    struct kafka_record record;
    bool found = false;
    partition_reader_assign(reader, &(struct reader_start){.partition = 0, .offset = from}, 1);
    for (;;) {
        enum verdict verdict = partition_reader_await(reader, &lease.lease, &record, error);
        if (verdict == VERDICT_SKIP) /* the end */
            return found ? VERDICT_OK : VERDICT_SKIP;
        if (verdict != VERDICT_OK)
            return verdict;
        verdict = read_header(&record, ret_header, error);
        if (verdict == VERDICT_FATAL)
            return verdict;
        if (verdict != VERDICT_OK)
            continue;
        found = true;
        *ret_time_ms = record.time_ms;
    }
}

static enum verdict find_newest(struct run *run, struct partition_reader *reader,
                                struct snapshot_header *ret_header, int64_t *ret_time_ms,
                                struct error *error)
{
    int64_t low, high;
    enum verdict verdict = partition_reader_ends(reader, 0, &low, &high, error);
    if (verdict != VERDICT_OK)
        return verdict;
    if (high <= low)
        return VERDICT_SKIP;
    int64_t tail = high - TAIL_OFFSETS > low ? high - TAIL_OFFSETS : low;
    verdict = find_from(run, reader, tail, ret_header, ret_time_ms, error);
    if (verdict == VERDICT_SKIP && tail > low)
        verdict = find_from(run, reader, low, ret_header, ret_time_ms, error);
    return verdict;
}

enum verdict snapshots_find(struct run *run, struct snapshot_header *ret_header,
                            int64_t *ret_time_ms, struct error *error)
{
    struct partition_reader *reader = open_reader(run, error);
    if (reader == NULL)
        return VERDICT_FATAL;
    enum verdict verdict = find_newest(run, reader, ret_header, ret_time_ms, error);
    partition_reader_free(reader);
    return verdict;
}

/* ---- loading ---- */

struct load {
    struct run *run;
    const struct snapshot_header *header;
    struct store_batch batch;
    uint64_t rows, sum;
    int64_t started_us, progress_us;
};

static enum verdict write_rows(struct load *load, struct error *error)
{
    struct store *store = load->run->model_store;
    enum verdict verdict = store->write(store, &load->batch, error);
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

/* Rows of other snapshots are passed over. */
static enum verdict load_row(struct load *load, const struct kafka_record *record,
                             struct error *error)
{
    struct bytes value;
    int64_t offset;
    uint64_t check;
    if (!snapshot_read_row(record->key, record->value, &offset, &value, &check)) {
        log_line(LOG_LEVEL_ERROR, "snapshot", "%s @%lld is damaged",
                 load->run->topology.topics[TOPIC_MODEL], (long long)record->offset);
        return VERDICT_OK; /* the snapshot is then short of a row */
    }
    if (offset != load->header->offset)
        return VERDICT_OK;
    batch_put(&load->batch, FAMILY_MODEL, record->key, value);
    load->rows++;
    load->sum += check;
    if (load->batch.changes.size < BATCH_BYTES_MAX)
        return VERDICT_OK;
    show_load(load);
    return write_rows(load, error);
}

static bool is_its_header(const struct load *load, const struct kafka_record *record)
{
    struct snapshot_header header;
    return snapshot_is_header(record->key) &&
           snapshot_read_header(record->value, &header, NULL) == VERDICT_OK &&
           header.offset == load->header->offset;
}

/* Reads up to the snapshot's header. OK: it was reached, or the topic's end. */
static enum verdict load_rows(struct load *load, struct partition_reader *reader,
                              struct error *error)
{
    struct stop_lease lease = stop_lease_of(&load->run->stop);
    const struct reader_start start = {.partition = 0, .offset = load->header->first};
    struct kafka_record record;
    partition_reader_assign(reader, &start, 1);
    for (;;) {
        enum verdict verdict = partition_reader_await(reader, &lease.lease, &record, error);
        if (verdict == VERDICT_SKIP || (verdict == VERDICT_OK && is_its_header(load, &record)))
            return VERDICT_OK;
        if (verdict == VERDICT_OK && !snapshot_is_header(record.key))
            verdict = load_row(load, &record, error);
        if (verdict != VERDICT_OK)
            return verdict;
    }
}

/* With the last rows the log's offset, which makes the store's model one to go on from. */
static enum verdict finish_load(struct load *load, struct error *error)
{
    const struct snapshot_header *header = load->header;
    if (load->rows != header->rows || load->sum != header->sum) {
        log_line(LOG_LEVEL_WARN, "snapshot",
                 "the snapshot of the model as of %lld is not whole: %llu of %llu rows",
                 (long long)header->offset, (unsigned long long)load->rows,
                 (unsigned long long)header->rows);
        return VERDICT_SKIP;
    }
    batch_put_offset(&load->batch, OFFSETS_MODEL, load->run->topology.topics[TOPIC_INTERACTIONS], 0,
                     header->offset);
    enum verdict verdict = write_rows(load, error);
    if (verdict != VERDICT_OK)
        return verdict;
    double seconds = (double)(clock_monotonic_us() - load->started_us) / 1e6;
    log_line(LOG_LEVEL_INFO, "snapshot", "the model as of %lld: %llu rows in %.2f s, %.0f rows/s",
             (long long)header->offset, (unsigned long long)load->rows, seconds,
             (double)load->rows / (seconds > 0 ? seconds : 1e-6));
    return VERDICT_OK;
}

enum verdict snapshots_load(struct run *run, const struct snapshot_header *header,
                            struct error *error)
{
    struct load load = {.run = run, .header = header, .started_us = clock_monotonic_us()};
    load.progress_us = load.started_us + PROGRESS_US;
    struct partition_reader *reader = open_reader(run, error);
    if (reader == NULL)
        return VERDICT_FATAL;
    enum verdict verdict = load_rows(&load, reader, error);
    partition_reader_free(reader);
    if (verdict == VERDICT_OK)
        verdict = finish_load(&load, error);
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

/* The scan has a view of the store. It was made after the first look at the offset and before this
 * one: if both are the same, it is the offset of the view. */
static enum verdict check_view(struct writer *writer, struct error *error)
{
    int64_t offset = -1;
    if (saved_offset(writer->run, &offset, error) == VERDICT_FATAL)
        return VERDICT_FATAL;
    if (offset != writer->header.offset)
        return error_set(error, VERDICT_RETRY, "the fold saved the model just now");
    return VERDICT_OK;
}

static enum verdict send_row(struct store_visitor *self, struct bytes key, struct bytes value,
                             struct error *error)
{
    struct writer *writer = (struct writer *)(void *)self;
    if (writer->header.rows == 0) {
        enum verdict verdict = check_view(writer, error);
        if (verdict != VERDICT_OK)
            return verdict;
    }
    failpoint("mid_snapshot");
    buffer_clear(&writer->record);
    writer->header.sum += snapshot_write_row(key, value, writer->header.offset, &writer->record);
    writer->header.rows++;
    if (writer->header.rows % ROWS_A_LOOK == 0 && !sender_poll(writer->sender))
        return VERDICT_SKIP;
    return sender_send(writer->sender, key, buffer_bytes(&writer->record), NULL, NULL, error);
}

static enum verdict send_header(struct writer *writer, struct error *error)
{
    buffer_clear(&writer->record);
    snapshot_write_header(&writer->header, &writer->record);
    return sender_send(writer->sender, snapshot_header_key(), buffer_bytes(&writer->record), NULL,
                       NULL, error);
}

/* The header names the offset of the first row, so the rows are delivered before it is made. */
static enum verdict send_all(struct writer *writer, struct error *error)
{
    struct store *store = writer->run->model_store;
    enum verdict verdict =
        store->scan(store, FAMILY_MODEL, bytes_of("", 0), &writer->visitor, error);
    if (verdict != VERDICT_OK)
        return verdict;
    verdict = sender_flush(writer->sender, error);
    if (verdict != VERDICT_OK)
        return verdict;
    writer->header.first = sender_first(writer->sender);
    if (writer->header.first < 0)
        return VERDICT_SKIP; /* no rows */
    verdict = send_header(writer, error);
    if (verdict != VERDICT_OK)
        return verdict;
    return sender_commit(writer->sender, error);
}

enum verdict snapshots_write(struct run *run, struct lease *lease,
                             struct snapshot_header *ret_header, struct error *error)
{
    struct writer writer = {.visitor.row = send_row, .run = run};
    enum verdict verdict = saved_offset(run, &writer.header.offset, error);
    if (verdict != VERDICT_OK)
        return verdict;
    const struct sender_options options = {
        .topic = run->topology.topics[TOPIC_MODEL],
        .role = "publisher",
        .timeout_ms = TRANSACTION_TIMEOUT_MS,
        .batch_bytes = size_budget_batch(&run->sizes, TOPIC_MODEL),
        .lease = lease,
    };
    verdict = sender_open(run->config, &options, &writer.sender, error);
    if (verdict != VERDICT_OK)
        return verdict;
    verdict = send_all(&writer, error);
    sender_close(writer.sender);
    buffer_release(&writer.record);
    if (verdict == VERDICT_OK)
        *ret_header = writer.header;
    return verdict;
}
