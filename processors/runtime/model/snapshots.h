/* Writes snapshots of the model to the topic <application.id>-model, and loads the newest one.
 * state/snapshot.h draws the records.
 *
 * Under exactly-once a snapshot is one transaction. All processes share its transactional id, so
 * the broker fences the older of two that write at once. A reader (read_committed) sees a snapshot
 * whole or not at all. */
#ifndef WEFT_MODEL_SNAPSHOTS_H
#define WEFT_MODEL_SNAPSHOTS_H

#include "processors/runtime/kafka/lease.h"
#include "processors/runtime/process.h"
#include "state/snapshot.h"

/* Finds the newest complete snapshot: its header, and the time it was written. SKIP: there is none.
 * RETRY: the broker does not answer, or the run stops. FATAL: a newer weft wrote it. Thread: any.
 */
enum verdict snapshots_find(struct run *run, struct snapshot_header *ret_header,
                            int64_t *ret_time_ms, struct error *error);

/* Puts that snapshot's rows into the model's store, whose FAMILY_MODEL is empty, and after them the
 * log's offset. SKIP: the topic no longer has all of it (a newer one took its place, or a record is
 * damaged); the store then has rows but no offset. RETRY: as above. FATAL: the store can't be
 * written. Thread: the fold. */
enum verdict snapshots_load(struct run *run, const struct snapshot_header *header,
                            struct error *error);

/* Writes what the model's store holds. SKIP: the store has no model, or the lease is gone. RETRY:
 * the fold saved the model meanwhile, or the broker refused. No reader sees anything of a snapshot
 * that was not written whole. `lease` is borrowed for the call. Thread: the publisher; for a seed
 * model the fold. */
enum verdict snapshots_write(struct run *run, struct lease *lease,
                             struct snapshot_header *ret_header, struct error *error);

#endif
