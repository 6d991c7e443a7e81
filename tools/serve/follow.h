/* Follows one topic into a table of the copy (copy.h): reads it read_committed from where the store
 * stands, and writes its rows and its place in the same batch.
 *
 * Deletions are the point: a compacted topic forgets them after its delete.retention.ms. A copy
 * that may have missed some is cleared and read from the beginning (runtime/visitors/copy_age.h),
 * at the start and when the process stood still. So an erased visitor does not come back.
 *
 * Thread: one of its own for each follower. */
#ifndef WEFT_SERVE_FOLLOW_H
#define WEFT_SERVE_FOLLOW_H

#include "processors/runtime/kafka/partition_reader.h"
#include "processors/runtime/process.h"

struct follower;

/* The follower gives its records to a sink. Embedded by its owner. Thread: the follower's. */
struct follow_sink {
    /* Adds the record's change to the batch. SKIP, with the reason: the record can't be used; it
     * is left out and counted. RETRY: not yet, the same record comes again. */
    enum verdict (*take)(struct follow_sink *self, const struct kafka_record *record,
                         struct store_batch *batch, struct error *error);
    /* Adds to the batch: there are no rows any more. */
    void (*clear)(struct follow_sink *self, struct store_batch *batch);
    /* The batch of the last records is written. NULL: it is not told. */
    void (*written)(struct follow_sink *self);
};

/* Figures of a follower. Thread: any. */
struct follow_counts {
    uint64_t records, refused, rebuilds;
    int64_t left;  /* records that are not read yet, as last heard; -1: not known yet */
    int64_t total; /* records that the topic had at the start, or -1 */
    bool ready;    /* it has read what the topic had when it started */
};

/* Starts the thread. `run` and `sink` are borrowed until follower_free(); `topic` is one of
 * run->topology. FATAL: no thread can be started. */
enum verdict follower_new(struct run *run, enum topic topic, struct follow_sink *sink,
                          struct follower **ret_follower, struct error *error);
/* Joins the thread, which ends once run->stop is set. Takes NULL. */
void follower_free(struct follower *follower);
/* The topic's partitions; 0: not known yet. Thread: any. */
int32_t follower_partitions(const struct follower *follower);
void follower_counts(const struct follower *follower, struct follow_counts *ret_counts);

#endif
