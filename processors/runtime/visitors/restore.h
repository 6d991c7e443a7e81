/* Restore: brings the store's visitors of a partition level with their changelog.
 *
 * The store is never ahead of Kafka, so nothing is wiped: what the changelog has behind the stored
 * offset is read (read_committed) and written. Thread: the worker that owns the tasks. */
#ifndef WEFT_VISITORS_RESTORE_H
#define WEFT_VISITORS_RESTORE_H

#include "processors/runtime/kafka/kafka.h"
#include "processors/runtime/process.h"
#include "processors/runtime/visitors/task.h"

struct restore;

/* Starts on tasks that are all RESTORING; they are borrowed until restore_free(). FATAL: the store
 * and the topic do not belong together. RETRY: the broker does not answer. */
enum verdict restore_new(struct run *run, struct task **tasks, size_t count,
                         struct restore **ret_restore, struct error *error);
void restore_free(struct restore *restore);

/* Works for some milliseconds. Tasks that are level become RUNNING. `ret_rows` is raised by the
 * rows read. OK: all are level; RETRY: call again. */
enum verdict restore_step(struct restore *restore, uint64_t *ret_rows, struct error *error);

/* What a standby shares. A record of the changelog becomes a row of the store. FATAL: the record is
 * damaged. */
enum verdict restore_put_row(const char *topic, const rd_kafka_message_t *message,
                             struct store_batch *batch, struct error *error);
/* With such rows: up to where the store has the changelog now. */
void restore_put_offset(const char *topic, int32_t partition, int64_t next,
                        struct store_batch *batch);

#endif
