/* A worker's outputs: two producers that take turns, and the transaction that is open on one of
 * them. Two, strictly one after the other, because a broker keeps a producer waiting for 20 ms when
 * its next transaction follows at once.
 *
 * Verdicts of all calls: OK; RETRY: abort, and start anew from what was committed (the outcome of a
 * commit may be unknown: the same start resolves it); FATAL. Thread: the worker. Names librdkafka;
 * the worker's own. With at_least_once the same calls send without transactions. */
#ifndef WEFT_KAFKA_TRANSACTION_H
#define WEFT_KAFKA_TRANSACTION_H

#include "processors/runtime/kafka/kafka.h"
#include "processors/runtime/process.h"
#include "processors/runtime/visitors/task.h"

struct transactions;

/* `name` is for the log, `index` the worker's; both producers' ids are made of the instance, the
 * index and a letter. Nothing is opened yet. `run` and `name` are borrowed. */
struct transactions *transactions_new(struct run *run, const char *name, int index);
void transactions_free(struct transactions *transactions);

/* New producers, initialised: predecessors of the same ids are fenced and what they left open is
 * aborted. Each commits a first harmless record. RETRY also when the run stops meanwhile. */
enum verdict transactions_open(struct transactions *transactions, struct error *error);
/* Aborts what is open, if it can: the next opening does at the latest. Returns whether something
 * was. After it only closing makes sense. */
bool transactions_abort(struct transactions *transactions);
void transactions_close(struct transactions *transactions); /* aborts first */

/* Begins a transaction if none is open. */
enum verdict transaction_begin(struct transactions *transactions, struct error *error);
bool transaction_is_open(const struct transactions *transactions);

/* Sends one record in the transaction, which is begun if need be. Copies key and value. Waits while
 * the producer's queue is full. */
enum verdict transaction_send(struct transactions *transactions, enum topic topic,
                              int32_t partition, struct bytes key, struct bytes value,
                              struct error *error);
/* The input's head as it came, with headers that say where from and why. */
enum verdict transaction_send_raw(struct transactions *transactions, enum topic topic,
                                  const struct input *input, const char *step, const char *message,
                                  struct error *error);

/* Returns when every record is delivered. */
enum verdict transaction_flush(struct transactions *transactions, struct error *error);
/* The inputs' offsets, with the generation of the consumer's group, and the commit. */
enum verdict transaction_commit(struct transactions *transactions, rd_kafka_t *consumer,
                                const rd_kafka_topic_partition_list_t *offsets,
                                struct error *error);

/* Highest offset of the visitors' changelog that this transaction's flushed records have in the
 * partition; -1: none. */
int64_t transaction_changelog(const struct transactions *transactions, int32_t partition);

/* After a commit: the other producer's turn. RETRY: the one that was committed with had to be made
 * anew, since its commit came late, and could not be. */
enum verdict transactions_turn(struct transactions *transactions, struct error *error);
/* Lets librdkafka work. */
void transactions_poll(struct transactions *transactions);

#endif
