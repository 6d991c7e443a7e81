/* The partition reader over the broker of fake_broker.h, in place of the one over librdkafka: the
 * restore runs on it unchanged. The configuration names the broker (fake_config()). */
#include "processors/runtime/kafka/partition_reader.h"
#include "tests/fake_broker.h"

#include <stdlib.h>

struct position {
    bool assigned;
    int64_t next, end;
};

struct partition_reader {
    struct fake_broker *broker;
    enum topic topic;
    bool committed;
    struct position positions[FAKE_PARTITIONS_MAX];
};

struct partition_reader *partition_reader_open(const struct config *config,
                                               const struct reader_options *options,
                                               struct error *error)
{
    (void)error;
    struct partition_reader *reader = memory_zero(1, sizeof *reader);
    reader->broker = fake_broker_of(config);
    reader->committed = options->isolation == READ_COMMITTED;
    while (strcmp(reader->broker->topology->topics[reader->topic], options->topic) != 0)
        reader->topic++;
    return reader;
}

void partition_reader_free(struct partition_reader *reader)
{
    free(reader);
}

enum verdict partition_reader_partitions(struct partition_reader *reader, int32_t *ret_count,
                                         struct error *error)
{
    (void)error;
    *ret_count = reader->broker->partitions;
    return VERDICT_OK;
}

static int64_t end_of(const struct partition_reader *reader, int32_t partition)
{
    return reader->committed ? fake_stable_end(reader->broker, reader->topic, partition)
                             : (int64_t)reader->broker->logs[reader->topic][partition].count;
}

enum verdict partition_reader_ends(struct partition_reader *reader, int32_t partition,
                                   int64_t *ret_low, int64_t *ret_high, struct error *error)
{
    (void)error;
    *ret_low = 0;
    *ret_high = end_of(reader, partition);
    return VERDICT_OK;
}

enum verdict partition_reader_await_ends(struct partition_reader *reader, int32_t partition,
                                         const atomic_bool *stop, int64_t *ret_low,
                                         int64_t *ret_high, struct error *error)
{
    (void)stop;
    return partition_reader_ends(reader, partition, ret_low, ret_high, error);
}

enum verdict partition_reader_since(struct partition_reader *reader, int32_t partition,
                                    int64_t time_ms, int64_t *ret_offset, struct error *error)
{
    (void)error;
    const struct fake_log *log = &reader->broker->logs[reader->topic][partition];
    *ret_offset = -1;
    for (size_t i = 0; i < log->count && *ret_offset < 0; i++)
        if (!log->records[i].compacted && log->records[i].written_ms >= time_ms)
            *ret_offset = (int64_t)i;
    return VERDICT_OK;
}

enum verdict partition_reader_delete_retention(struct partition_reader *reader, int64_t *ret_ms,
                                               struct error *error)
{
    (void)error;
    *ret_ms = reader->broker->delete_retention_ms;
    return *ret_ms > 0 ? VERDICT_OK : VERDICT_SKIP;
}

void partition_reader_assign(struct partition_reader *reader, const struct reader_start *starts,
                             size_t count)
{
    memset(reader->positions, 0, sizeof reader->positions);
    for (size_t i = 0; i < count; i++)
        reader->positions[starts[i].partition] =
            (struct position){.assigned = true, .next = starts[i].offset, .end = -1};
}

static bool read_one(struct partition_reader *reader, int32_t partition,
                     struct kafka_record *ret_record)
{
    struct position *position = &reader->positions[partition];
    const struct fake_log *log = &reader->broker->logs[reader->topic][partition];
    int64_t end = end_of(reader, partition);
    if (position->next < 0)
        position->next = 0;
    while (position->next < end) {
        int64_t offset = position->next++;
        const struct fake_record *record = &log->records[offset];
        if (record->is_control || record->compacted ||
            (reader->committed &&
             !fake_is_visible(reader->broker, reader->topic, partition, offset)))
            continue;
        *ret_record = (struct kafka_record){
            .partition = partition, .offset = offset, .key = record->key, .value = record->value};
        return true;
    }
    position->end = end;
    return false;
}

enum verdict partition_reader_read(struct partition_reader *reader, int timeout_ms, size_t max,
                                   struct kafka_record *ret_records, size_t *ret_count)
{
    size_t count = 0;
    for (int32_t p = 0; p < reader->broker->partitions; p++)
        while (reader->positions[p].assigned && count < max &&
               read_one(reader, p, &ret_records[count]))
            count++;
    if (count == 0)
        fake_pass_time(reader->broker, (int64_t)timeout_ms * 1000);
    *ret_count = count;
    return VERDICT_OK;
}

enum verdict partition_reader_next(struct partition_reader *reader, int timeout_ms,
                                   struct kafka_record *ret_record)
{
    size_t count;
    partition_reader_read(reader, timeout_ms, 1, ret_record, &count);
    return count > 0 ? VERDICT_OK : VERDICT_SKIP;
}

enum verdict partition_reader_await(struct partition_reader *reader, struct lease *lease,
                                    struct kafka_record *ret_record, struct error *error)
{
    (void)lease;
    (void)error;
    return partition_reader_next(reader, 1, ret_record);
}

bool partition_reader_header(const struct partition_reader *reader, const char *name,
                             struct bytes *ret_value)
{
    (void)reader;
    (void)name;
    (void)ret_value;
    return false;
}

int64_t partition_reader_position(const struct partition_reader *reader, int32_t partition)
{
    return reader->positions[partition].assigned ? reader->positions[partition].next : -1;
}

int64_t partition_reader_end(const struct partition_reader *reader, int32_t partition)
{
    return reader->positions[partition].assigned ? reader->positions[partition].end : -1;
}

int64_t partition_reader_left(const struct partition_reader *reader, int32_t partition)
{
    int64_t position = partition_reader_position(reader, partition);
    return position < 0 ? 0 : end_of(reader, partition) - position;
}
