/* Reads partitions of one topic without a consumer group: from an offset on, record by record, and
 * tells where each partition ends. Restore, standby, both folds, snapshots, rankings and the tools
 * all read through it. Names no librdkafka.
 *
 * Use: open, partition_reader_ends() where the end matters, partition_reader_assign(), then read.
 *
 *     ends     low                        position          high
 *              |---- records -------------|---- not read ---|
 *
 * A partition's position is the offset of the next record to read. Control records of transactions
 * take offsets too, so the last record's offset + 1 can lie before the end: when the reader meets
 * the end, the position moves there.
 *
 * Thread: one at a time. */
#ifndef WEFT_KAFKA_PARTITION_READER_H
#define WEFT_KAFKA_PARTITION_READER_H

#include "processors/runtime/config.h"
#include "processors/runtime/kafka/lease.h"

#define READER_RECORDS_MAX 256 /* of one partition_reader_read() */
#define READER_BEGINNING (-2)  /* the offset of the first record that the topic still has */

enum reader_isolation {
    READ_COMMITTED,   /* the end is the first offset that an open transaction may still change */
    READ_UNCOMMITTED, /* the end is behind the last record, whoever wrote it */
};

struct reader_options {
    const char *topic;    /* borrowed */
    const char *log_name; /* names the reader in log lines; borrowed */
    enum reader_isolation isolation;
    bool strict; /* an offset that the topic does not have is FATAL; otherwise the reader goes on at
                  * the topic's beginning */
    bool follows; /* it stays at the end of its partitions for long: it hears of new records as soon
                   * as others do, but asks the broker seldom while there are none */
    atomic_ullong *queued_bytes; /* takes about how much memory the records take that wait in the
                                  * client, at each read; borrowed; NULL: nobody wants it */
    const atomic_bool *stop;     /* once it is set, calls that ask the broker end with RETRY within
                                  * about 10 s; borrowed; NULL: none */
};

struct reader_start {
    int32_t partition;
    int64_t offset; /* of the first record to read; or READER_BEGINNING */
};

/* A record as the broker has it. Key and value are borrowed from the reader until its next call of
 * partition_reader_read(), _next(), _await() or _free(). */
struct kafka_record {
    int32_t partition;
    int64_t offset;
    int64_t time_ms;    /* Kafka's timestamp */
    struct bytes key;   /* absent: none */
    struct bytes value; /* absent: a tombstone */
};

struct partition_reader;

/* Connects in the background: that the broker is away shows at the first call that needs it. NULL
 * with the error when librdkafka refuses the configuration. */
struct partition_reader *partition_reader_open(const struct config *config,
                                               const struct reader_options *options,
                                               struct error *error);
void partition_reader_free(struct partition_reader *reader); /* takes NULL */

/* Number of the topic's partitions; 0: there is no such topic. RETRY: no answer within 10 s. */
enum verdict partition_reader_partitions(struct partition_reader *reader, int32_t *ret_count,
                                         struct error *error);

/* Asks the broker for the offset of a partition's first record and for its end. RETRY: no answer
 * within 30 s. */
enum verdict partition_reader_ends(struct partition_reader *reader, int32_t partition,
                                   int64_t *ret_low, int64_t *ret_high, struct error *error);
/* The same, but asks until there is an answer, with a warning every 30 s. RETRY: `stop` was set. */
enum verdict partition_reader_await_ends(struct partition_reader *reader, int32_t partition,
                                         const atomic_bool *stop, int64_t *ret_low,
                                         int64_t *ret_high, struct error *error);

/* The offset of a partition's first record whose Kafka timestamp is `time_ms` or later; -1: there
 * is none. The reader must be READ_UNCOMMITTED: an open transaction would hide records. RETRY: no
 * answer within 30 s. */
enum verdict partition_reader_since(struct partition_reader *reader, int32_t partition,
                                    int64_t time_ms, int64_t *ret_offset, struct error *error);

/* How long the topic remembers a deletion at least, in ms: its delete.retention.ms. If weft may not
 * ask, it warns and takes Kafka's default, a day. SKIP: the broker has no such setting. RETRY: no
 * answer. */
enum verdict partition_reader_delete_retention(struct partition_reader *reader, int64_t *ret_ms,
                                               struct error *error);

/* Reads these partitions from now on, and no others. Calls may follow one another: what was fetched
 * for the partitions from before is dropped. */
void partition_reader_assign(struct partition_reader *reader, const struct reader_start *starts,
                             size_t count);

/* Waits up to `timeout_ms` for the first record and takes what else is there, `max` records at most
 * (up to READER_RECORDS_MAX), in the order of their offsets within a partition. OK with a count of
 * 0: nothing came, or only ends. Errors that pass are logged. FATAL: a strict reader's topic does
 * not have the next offset; the caller writes the error. */
enum verdict partition_reader_read(struct partition_reader *reader, int timeout_ms, size_t max,
                                   struct kafka_record *ret_records, size_t *ret_count);

/* The next record. SKIP: every partition is at its end for now. RETRY: nothing within the time.
 * FATAL: as above. */
enum verdict partition_reader_next(struct partition_reader *reader, int timeout_ms,
                                   struct kafka_record *ret_record);

/* The next record, awaited for up to 30 s. SKIP: every partition is at its end for now. RETRY:
 * nothing came, or the lease is gone. */
enum verdict partition_reader_await(struct partition_reader *reader, struct lease *lease,
                                    struct kafka_record *ret_record, struct error *error);

/* A header of the record that _next() or _await() returned last; the last one of that name. The
 * value is borrowed as the record's is. False: there is none. */
bool partition_reader_header(const struct partition_reader *reader, const char *name,
                             struct bytes *ret_value);

/* The position counts every record that was handed out; it is READER_BEGINNING until the first
 * record or end when reading began there. The end is the newest one that the reader met; -1: it met
 * none yet. Both are -1 for a partition that is not assigned. */
int64_t partition_reader_position(const struct partition_reader *reader, int32_t partition);
int64_t partition_reader_end(const struct partition_reader *reader, int32_t partition);
/* Records behind the position, by what the last fetch told; 0: unknown. Cheap. */
int64_t partition_reader_left(const struct partition_reader *reader, int32_t partition);

#endif
