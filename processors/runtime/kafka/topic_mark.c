#include "processors/runtime/kafka/topic_mark.h"

#include "processors/runtime/log.h"
#include "schemas/draw.h"

#define ANSWER_US 30000000
#define POLL_MS 100 /* between looks at whether the process stops */

static int64_t print_of(const struct kafka_record *record)
{
    uint64_t hash = hash_join(bytes_hash(record->key), (uint64_t)record->time_ms);
    return (int64_t)hash_join(hash, record->value.at ? bytes_hash(record->value) : 0);
}

void topic_mark_set(struct topic_mark *mark, const struct kafka_record *record)
{
    *mark = (struct topic_mark){.offset = record->offset, .print = print_of(record)};
}

void topic_mark_put(const struct topic_mark *mark, const char *topic, int32_t partition,
                    struct store_batch *batch)
{
    if (mark->offset < 0) {
        batch_delete_offset(batch, OFFSETS_MARK, topic, partition);
        return;
    }
    batch_put_offset(batch, OFFSETS_MARK, topic, partition, mark->offset);
    batch_put_offset(batch, OFFSETS_PRINT, topic, partition, mark->print);
}

enum verdict topic_mark_get(struct store *store, const char *topic, int32_t partition,
                            struct topic_mark *ret_mark, struct error *error)
{
    struct topic_mark mark;
    enum verdict verdict =
        store_get_offset(store, OFFSETS_MARK, topic, partition, &mark.offset, error);
    if (verdict == VERDICT_OK)
        verdict = store_get_offset(store, OFFSETS_PRINT, topic, partition, &mark.print, error);
    if (verdict == VERDICT_SKIP)
        mark = (struct topic_mark){.offset = -1};
    if (verdict != VERDICT_FATAL)
        *ret_mark = mark;
    return verdict == VERDICT_FATAL ? verdict : VERDICT_OK;
}

/* The first record from the mark on. SKIP: the partition ends before one. */
static enum verdict read_at(const struct topic_mark *mark, struct partition_reader *reader,
                            int32_t partition, const atomic_bool *stop,
                            struct kafka_record *ret_record, struct error *error)
{
    const struct reader_start start = {.partition = partition, .offset = mark->offset};
    int64_t until_us = clock_monotonic_us() + ANSWER_US;
    enum verdict verdict = VERDICT_RETRY;
    partition_reader_assign(reader, &start, 1);
    while (verdict == VERDICT_RETRY && clock_monotonic_us() < until_us && !atomic_load(stop))
        verdict = partition_reader_next(reader, POLL_MS, ret_record);
    return verdict != VERDICT_RETRY
               ? verdict
               : error_set(error, verdict, "the broker does not send %lld of partition %d",
                           (long long)mark->offset, (int)partition);
}

enum verdict topic_mark_compare(const struct topic_mark *mark, struct partition_reader *reader,
                                int32_t partition, const atomic_bool *stop,
                                enum topic_identity *ret_identity, struct error *error)
{
    struct kafka_record record;
    int64_t low, high;
    *ret_identity = TOPIC_UNKNOWN;
    if (mark->offset < 0)
        return VERDICT_OK;
    enum verdict verdict = partition_reader_ends(reader, partition, &low, &high, error);
    if (verdict != VERDICT_OK)
        return verdict;
    if (mark->offset < low)
        return VERDICT_OK;
    if (mark->offset >= high) {
        *ret_identity = TOPIC_OTHER;
        return VERDICT_OK;
    }
    verdict = read_at(mark, reader, partition, stop, &record, error);
    if (verdict == VERDICT_OK && record.offset == mark->offset)
        *ret_identity = print_of(&record) == mark->print ? TOPIC_SAME : TOPIC_OTHER;
    return verdict == VERDICT_SKIP ? VERDICT_OK : verdict;
}
