/* A producer that sends whole sets of records: the publisher's, to partition 0 of one topic, and
 * that of `weft dead-letters`, to the inputs.
 *
 * Under exactly-once it works in transactions, whose id all processes share: of two processes that
 * write, the broker fences the older. With at_least_once it sends without transactions.
 *
 * Long calls ask the lease now and then and end early when it is gone. Thread: one at a time. Names
 * no librdkafka. */
#ifndef WEFT_KAFKA_SENDER_H
#define WEFT_KAFKA_SENDER_H

#include "processors/runtime/config.h"
#include "processors/runtime/kafka/lease.h"

struct sender;

struct sender_options {
    const char *topic;
    const char *role;       /* the transactional id is <application.id>-`role` */
    const char *timeout_ms; /* of the transaction, in decimal digits */
    int64_t batch_bytes;    /* of a batch at most, unless one record is larger (size_budget.h) */
    struct lease *lease;    /* borrowed until sender_close() */
};

/* Opens a producer and aborts the transaction that an earlier one left open. RETRY: the broker does
 * not answer. FATAL: librdkafka refuses the configuration. */
enum verdict sender_open(const struct config *config, const struct sender_options *options,
                         struct sender **ret_sender, struct error *error);

/* Sends a record; begins a transaction if none is open. Copies everything. `value` absent: a
 * deletion. `header_name` NULL: no header. Waits while the producer's queue is full. SKIP: the
 * lease is gone. RETRY: refused. */
enum verdict sender_send(struct sender *sender, struct bytes key, struct bytes value,
                         const char *header_name, const char *header, struct error *error);

/* A record for any topic. All is borrowed for the call. */
struct sender_record {
    const char *topic;
    int32_t partition;                /* -1: chosen by the key, as Java's producers do */
    struct bytes key, value;          /* absent: none */
    const char *header_name, *header; /* NULL: none */
};

/* The same as sender_send() for any topic. */
enum verdict sender_send_to(struct sender *sender, const struct sender_record *record,
                            struct error *error);

/* Takes in delivery reports without waiting. False: the lease is gone. */
bool sender_poll(struct sender *sender);

/* Waits until every record is delivered. SKIP: the lease is gone. RETRY: some were not delivered,
 * for the reason in `error`. */
enum verdict sender_flush(struct sender *sender, struct error *error);
/* The offset of the first record that was delivered; -1: none was yet. */
int64_t sender_first(const struct sender *sender);

/* sender_flush(), then commits: from now on readers see the records. */
enum verdict sender_commit(struct sender *sender, struct error *error);

/* Aborts the open transaction. Takes NULL. */
void sender_close(struct sender *sender);

#endif
