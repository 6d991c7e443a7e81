/* A worker's outputs: two producers that take turns, and the transaction that is open on one of
 * them. Names no librdkafka: it stands on the Kafka edge.
 *
 * Two producers, strictly one after the other, because a broker delays a producer by 20 ms when its
 * next transaction follows at once.
 *
 * Verdicts of all calls: OK; RETRY: abort, and start again from the last commit; FATAL: rights or
 * settings are wrong. With at_least_once the same calls send without transactions.
 * Thread: the worker. */
#ifndef WEFT_KAFKA_TRANSACTION_H
#define WEFT_KAFKA_TRANSACTION_H

#include "processors/runtime/kafka/edge.h"

#include <stdatomic.h>

/* The surroundings of a worker's outputs. All borrowed until transactions_free(). */
struct transactions_options {
    const struct config *config;
    const struct topology *topology;
    struct kafka_edge *edge;
    const atomic_bool *stop; /* set: the process stops */
    const char *instance;
    const char *name; /* for the log */
    int index;        /* the worker's */
    int32_t partitions;
};

struct transactions;

/* Opens nothing. The producers' transactional ids are made of the application, the instance, the
 * worker's index and a letter. */
struct transactions *transactions_new(const struct transactions_options *options);
void transactions_free(struct transactions *transactions); /* NULL is fine */

/* Opens and initialises both producers: predecessors with the same ids are fenced, and what they
 * left open is aborted. Each producer then commits a first harmless record. RETRY also when the run
 * stops meanwhile. */
enum verdict transactions_open(struct transactions *transactions, struct error *error);
/* Aborts the open transaction, if it can; otherwise the next transactions_open() does. Returns
 * whether one was open. Only closing makes sense afterwards. */
bool transactions_abort(struct transactions *transactions);
void transactions_close(struct transactions *transactions); /* aborts first */

/* Begins a transaction if none is open. */
enum verdict transaction_begin(struct transactions *transactions, struct error *error);
bool transaction_is_open(const struct transactions *transactions);

/* Sends one record in the transaction, which it begins if need be. Copies what the record points
 * to. Waits while the producer's queue is full. */
enum verdict transaction_send(struct transactions *transactions, const struct edge_record *record,
                              struct error *error);

/* Returns when every record is delivered. RETRY: one was not. */
enum verdict transaction_flush(struct transactions *transactions, struct error *error);
/* Adds the inputs' offsets, with the group's generation, and commits. A call whose outcome is
 * unknown is repeated until it is known, for a minute. RETRY: the transaction was aborted, this
 * producer is fenced, or the outcome is still unknown: then only the broker knows what was
 * committed. */
enum verdict transaction_commit(struct transactions *transactions, const struct edge_place *places,
                                size_t count, struct error *error);

/* The topic that refused a record as too large, since the producers were opened; TOPICS: none did.
 * Such a record never fits: the caller must learn the topic's limit before it starts again. */
enum topic transactions_refused(const struct transactions *transactions);

/* Highest offset that the transaction's flushed records have in a partition of the visitors'
 * changelog; -1: none. */
int64_t transaction_changelog(const struct transactions *transactions, int32_t partition);

/* Passes the turn to the other producer. After a commit that needed more than one call, the
 * producer is made again first, so that a late end of its transaction can't end the next one.
 * RETRY: it could not be made. */
enum verdict transactions_turn(struct transactions *transactions, struct error *error);

#endif
