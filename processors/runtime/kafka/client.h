/* Plain producing and reading, without transactions and groups: for the tools, and for what `weft
 * run` writes beside its transactions. Names no librdkafka. */
#ifndef WEFT_KAFKA_CLIENT_H
#define WEFT_KAFKA_CLIENT_H

#include "processors/runtime/kafka/partition_reader.h"
#include "processors/runtime/topology.h"

/* ---- producing ---- */

/* Thread: one at a time. */
struct client_producer;

/* An idempotent producer. `config` is borrowed during the call. NULL with the error when librdkafka
 * refuses the configuration. */
struct client_producer *client_producer_new(const struct config *config, struct error *error);
/* Waits up to 10 s for records that are not delivered yet; those left then are lost. Takes NULL. */
void client_producer_free(struct client_producer *producer);

/* Sends one record; copies key and value. Partition -1: chosen by the key, as Java's producers do.
 * The record's Kafka timestamp is now, whatever the event's time: retention goes by it. Waits while
 * the queue is full. SKIP: the record can't be sent (too large). */
enum verdict client_send(struct client_producer *producer, const char *topic, int32_t partition,
                         struct bytes key, struct bytes value, struct error *error);

/* A header of a record. Both are borrowed. */
struct client_header {
    const char *name, *value;
};

/* The same with headers, which it copies too. */
enum verdict client_send_with(struct client_producer *producer, const char *topic,
                              int32_t partition, struct bytes key, struct bytes value,
                              const struct client_header *headers, size_t header_count,
                              struct error *error);

/* Takes in delivery reports, for up to `timeout_ms`. Returns how many records are not delivered
 * yet. */
size_t client_producer_poll(struct client_producer *producer, int timeout_ms);
/* RETRY: some records were not delivered within the time, or failed. */
enum verdict client_producer_flush(struct client_producer *producer, int timeout_ms,
                                   struct error *error);
uint64_t client_delivered(const struct client_producer *producer);
uint64_t client_failed(const struct client_producer *producer);

/* ---- reading ---- */

#define CLIENT_ALL_PARTITIONS (-1)

/* Opens a reader of a topic, read_committed, at its beginning or at its end as it is now. SKIP:
 * there is no such topic. RETRY: no answer. FATAL: the configuration is wrong. */
enum verdict client_open_reader(const struct config *config, const char *topic, int32_t partition,
                                bool from_end, struct partition_reader **ret_reader,
                                struct error *error);

/* ---- reset ---- */

/* Deletes the offsets of the workers' consumer group. With `dry_run` it changes nothing and only
 * checks. SKIP: the group has members. RETRY: no answer. */
enum verdict client_delete_group(const struct config *config, bool dry_run, struct error *error);

#endif
