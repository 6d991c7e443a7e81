/* Tells whether a copy of a partition's visitors is too old to be brought level.
 *
 * A copy is the rows of one partition in the store of one process. It learns of an erasure from the
 * visitor's tombstone in the changelog. Kafka keeps a tombstone for delete.retention.ms, then it
 * may remove it. A copy that has not read it by then would have the erased visitor for ever. Such a
 * copy is stale: it is dropped, and read from the beginning.
 *
 *     changelog   |---- the copy has it ----|---- it has not ----|--------------|
 *                low                       next                since           high
 *
 * A tombstone that is gone was written before T = now - 9/10 delete.retention.ms. `since` is the
 * first record from T on. So a copy is stale if it lacks records before `since`. The last tenth is
 * the margin: for clocks that differ, and for the time that the copy takes to read on.
 *
 * The answer holds for a tenth of the retention: until a deadline. A reader that meets its deadline
 * before it is level asks again, before it applies a record or an end. This covers a process that
 * stood still. A copy that is read from the beginning has nine tenths of the retention, or longer
 * if that did not suffice.
 *
 * Thread: any, one at a time for a check. */
#ifndef WEFT_VISITORS_COPY_AGE_H
#define WEFT_VISITORS_COPY_AGE_H

#include "processors/runtime/kafka/partition_reader.h"
#include "processors/runtime/process.h"

/* A copy beside its changelog. Offsets. */
struct copy_view {
    int64_t next;      /* of the first record that the copy does not have */
    int64_t low, high; /* where the changelog begins and ends, read_uncommitted */
    int64_t since;     /* of the first record from T on; -1: there is none */
    bool clock_behind; /* records are from after now: this machine's clock can't tell T */
    bool marked;       /* exactly_once: the offset behind a record may be its commit's mark */
};

enum copy_age {
    COPY_FRESH,       /* no tombstone that it lacks can be gone */
    COPY_STALE,       /* it lacks records from before T */
    COPY_CUT_OFF,     /* the changelog begins behind its place */
    COPY_UNKNOWN_AGE, /* it lacks records, and the clock can't tell their age */
};

enum copy_age copy_age(const struct copy_view *view);

/* Until when an answer holds, by two clocks: the monotonic one stands still with the machine. */
struct copy_deadline {
    int64_t until_us; /* monotonic */
    int64_t from_ms, until_ms;
    int rebuilds; /* times in a row that the copy was dropped; 0: it counts as fresh */
};

bool copy_deadline_passed(const struct copy_deadline *deadline);

/* Some checks in a row. */
struct copy_check {
    struct run *run;
    const char *topic;
    bool marked; /* see struct copy_view */
    const char *log_name;
    struct partition_reader *watcher; /* READ_UNCOMMITTED */
    int64_t retention_ms;             /* as the topic has it now; -1: it forgets nothing */
};

/* Connects to a compacted topic and asks for its retention. All is borrowed until
 * copy_check_close(). RETRY: no answer, or the process stops. FATAL: the configuration is wrong.
 * After a failure there is nothing to close. */
enum verdict copy_check_open(struct copy_check *check, struct run *run, enum topic topic,
                             const char *log_name, struct error *error);
void copy_check_close(struct copy_check *check);

/* Asks for the age of a reader that has read the topic up to `next`. COPY_FRESH too if the topic
 * forgets nothing. RETRY: as above. */
enum verdict copy_check_age(struct copy_check *check, int32_t partition, int64_t next,
                            enum copy_age *ret_age, struct error *error);

/* Asks for the age of a copy that has the changelog up to `next`. One that is not fresh is logged,
 * with the reason, and the caller drops it. A fresh one gets a deadline. RETRY: as above. */
enum verdict copy_check_partition(struct copy_check *check, int32_t partition, int64_t next,
                                  struct copy_deadline *deadline, bool *ret_fresh,
                                  struct error *error);

/* Adds to the batch: the partition has no rows and no changelog offset. Sets the deadline for
 * reading it from the beginning. Visitors in memory are the caller's to forget. */
void copy_drop(const struct copy_check *check, int32_t partition, struct copy_deadline *deadline,
               struct store_batch *batch);
/* Only sets the deadline, for the caller that drops a copy of its own. */
void copy_begin_again(const struct copy_check *check, int32_t partition,
                      struct copy_deadline *deadline);

#endif
