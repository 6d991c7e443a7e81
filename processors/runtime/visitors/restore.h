/* Restore: brings a partition's visitors in the store level with their changelog.
 *
 * The store is never ahead of Kafka, so nothing is wiped after a crash: restore reads the changelog
 * (read_committed) from the stored offset on and writes its rows. Only a copy that was away for
 * longer than the changelog remembers deletions is dropped and read from the beginning
 * (copy_age.h).
 *
 * The target is the changelog's end for read_uncommitted, as it is at the start: a record of an
 * open transaction counts until the transaction ends. Thread: the worker that owns the tasks. */
#ifndef WEFT_VISITORS_RESTORE_H
#define WEFT_VISITORS_RESTORE_H

#include "processors/runtime/kafka/partition_reader.h"
#include "processors/runtime/process.h"
#include "processors/runtime/visitors/task.h"

struct restore;

/* Starts on tasks that are all RESTORING. `run` and the tasks are borrowed until restore_free().
 * FATAL: the store and the topic do not belong together. RETRY: the broker does not answer. */
enum verdict restore_new(struct run *run, struct task **tasks, size_t count,
                         struct restore **ret_restore, struct error *error);
void restore_free(struct restore *restore);

/* Works for about 20 ms. Tasks that are level become RUNNING. Adds the rows that it read to
 * `ret_rows`. OK: all tasks are level. RETRY: call again. FATAL: a record is damaged, or the store
 * can't be written. */
enum verdict restore_step(struct restore *restore, uint64_t *ret_rows, struct error *error);

/* A standby reads the same records, so it shares these two. */

/* Puts a record of the changelog into the batch as a row of the store. FATAL: the record is
 * damaged. */
enum verdict restore_put_row(const char *topic, const struct kafka_record *record,
                             struct store_batch *batch, struct error *error);
/* Goes into the same batch: the changelog's offset behind the partition's rows. */
void restore_put_offset(const char *topic, int32_t partition, int64_t next,
                        struct store_batch *batch);

#endif
