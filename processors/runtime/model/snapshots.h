/* Writing snapshots of the model to <application.id>-model, and loading the newest. The records are
 * drawn in state/snapshot.h. Under exactly-once a snapshot is one transaction, whose id all
 * processes share, so that of two that write the older is fenced. */
#ifndef WEFT_MODEL_SNAPSHOTS_H
#define WEFT_MODEL_SNAPSHOTS_H

#include "processors/runtime/kafka/sender.h"
#include "processors/runtime/process.h"
#include "state/snapshot.h"

/* Header of the newest complete snapshot, and when it was written. SKIP: there is none. RETRY: the
 * broker does not answer. FATAL: of a newer format. Thread: any. */
enum verdict snapshots_find(struct run *run, struct snapshot_header *ret_header,
                            int64_t *ret_time_ms, struct error *error);

/* Puts the rows of that snapshot into the store, whose FAMILY_MODEL is empty, and behind them the
 * log's offset. SKIP: it can't be had whole (a newer one took its place, or it is damaged); the
 * store then has rows but no offset. Thread: the fold. */
enum verdict snapshots_load(struct run *run, const struct snapshot_header *header,
                            struct error *error);

/* Writes what the model's store holds. SKIP: nothing to write, or the lease is gone. RETRY: the
 * model was saved meanwhile, or the broker refused; nothing of it is seen. Thread: the publisher.
 */
enum verdict snapshots_write(struct run *run, struct lease *lease,
                             struct snapshot_header *ret_header, struct error *error);

#endif
