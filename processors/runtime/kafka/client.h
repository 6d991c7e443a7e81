/* Plain producing and reading, without transactions and groups: for the tools, and for what `weft
 * run` writes beside its transactions. Names no librdkafka. */
#ifndef WEFT_KAFKA_CLIENT_H
#define WEFT_KAFKA_CLIENT_H

#include "processors/runtime/kafka/partition_reader.h"
#include "processors/runtime/topology.h"

/* Creates the topics that are missing, as `weft run` does, and checks the others. FATAL, with what
 * to do. */
enum verdict client_ensure_topics(const struct config *config, const struct topology *topology,
                                  int32_t *ret_partitions, struct error *error);

/* ---- producing ---- */

struct client_producer;

struct client_producer *client_producer_new(const struct config *config, struct error *error);
/* Waits up to 10 s for what is under way; what is left then is lost. */
void client_producer_free(struct client_producer *producer);

/* Sends one record; key and value are copied. partition -1: by the key, as Java producers do. Its
 * Kafka timestamp is now, whatever time the event has: retention goes by it.
 * Waits while the queue is full. SKIP: the record can't be sent (too large). */
enum verdict client_send(struct client_producer *producer, const char *topic, int32_t partition,
                         struct bytes key, struct bytes value, struct error *error);
/* A header of a record. Both are borrowed. */
struct client_header {
    const char *name, *value;
};

/* The same with headers, which are copied too. */
enum verdict client_send_with(struct client_producer *producer, const char *topic,
                              int32_t partition, struct bytes key, struct bytes value,
                              const struct client_header *headers, size_t header_count,
                              struct error *error);
/* Lets librdkafka work. Returns how many records are under way. */
size_t client_producer_poll(struct client_producer *producer, int timeout_ms);
/* RETRY: not all was delivered within the time, or some failed. */
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

/* The partition that client_send() chooses for a key. */
int32_t client_partition(struct bytes key, int32_t partitions);
enum verdict client_partitions(const struct config *config, const char *topic,
                               int32_t *ret_partitions, struct error *error);

/* Sum over the partitions of (end - beginning). Counts control records. */
enum verdict client_topic_size(const struct config *config, const char *topic, int64_t *ret_size,
                               struct error *error);

/* ---- reset ---- */

/* Deletes the group's offsets and the named topics. SKIP: the group is active. With `dry_run`
 * nothing is changed. */
enum verdict client_delete_group(const struct config *config, bool dry_run, struct error *error);
enum verdict client_delete_topics(const struct config *config, const char *const *topics,
                                  size_t count, struct error *error);

/* ---- embedded broker ---- */

struct client_broker;

/* librdkafka's mock cluster on loopback with the topology's topics. */
struct client_broker *client_broker_new(const struct config *config,
                                        const struct topology *topology, struct error *error);
void client_broker_free(struct client_broker *broker);
const char *client_broker_address(const struct client_broker *broker);

#endif
