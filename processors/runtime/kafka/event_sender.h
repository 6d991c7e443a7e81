/* A producer that tells of each record whether it was delivered: for events that `weft serve` takes
 * over HTTP and answers only once Kafka has them. Idempotent, with acks=all: a record that is told
 * as delivered is in the topic, once, on all in-sync replicas. Names no librdkafka. */
#ifndef WEFT_KAFKA_EVENT_SENDER_H
#define WEFT_KAFKA_EVENT_SENDER_H

#include "processors/runtime/config.h"

struct event_sender;

/* Embedded by its owner, who may have several records under way with it. */
struct event_delivery {
    /* Called once for each record that was sent with it. Not delivered: it took longer than the
     * time-out, or the broker refused it; it may be in the topic all the same. Thread: the
     * sender's. */
    void (*done)(struct event_delivery *self, bool delivered);
};

/* Starts the producer and a thread for its reports. `timeout_ms`: how long a record may wait for
 * its delivery. FATAL: librdkafka refuses the configuration. */
enum verdict event_sender_new(const struct config *config, int64_t timeout_ms,
                              struct event_sender **ret_sender, struct error *error);
/* Waits for what is under way, up to the time-out; done() has been called for all of it then. Takes
 * NULL. */
void event_sender_free(struct event_sender *sender);

/* Sends a record, by its key to the partition that Java's producers choose. Copies key and value;
 * an absent value is a tombstone. RETRY: the queue is full. SKIP: refused, with the reason. On
 * either, done() is not called. Thread: any. */
enum verdict event_sender_send(struct event_sender *sender, const char *topic, struct bytes key,
                               struct bytes value, struct event_delivery *delivery,
                               struct error *error);

/* Records under way. Thread: any. */
uint64_t event_sender_waiting(const struct event_sender *sender);

#endif
