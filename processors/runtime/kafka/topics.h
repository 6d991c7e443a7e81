/* The application's topics: creates and checks them, counts their partitions, deletes them. Names
 * no librdkafka. Thread: any; each call opens a connection of its own and waits for the answer. */
#ifndef WEFT_KAFKA_TOPICS_H
#define WEFT_KAFKA_TOPICS_H

#include "processors/runtime/kafka/size_budget.h"

#include <stdatomic.h>

/* Makes sure that the topology's topics exist as declared, and creates those that are missing,
 * unless `create` is false. All inputs, and all topics that are partitioned as they are, must have
 * the same number of partitions, which is returned. `sizes` learns how large records the outputs
 * take; NULL: nobody asks. `stop` is borrowed; once set, the call ends within a second or two;
 * NULL: none. RETRY: no broker answered for 30 s, with the reason, or `stop` is set. FATAL, with
 * what to do. */
enum verdict topics_ensure(const struct config *config, const struct topology *topology,
                           bool create, const atomic_bool *stop, int32_t *ret_partitions,
                           struct size_budget *sizes, struct error *error);

/* Deletes the topics; one that does not exist is fine. RETRY: no answer, or the broker refuses.
 * FATAL: the configuration is wrong. */
enum verdict topics_delete(const struct config *config, const char *const *topics, size_t count,
                           struct error *error);

/* Number of a topic's partitions; 0: there is no such topic. RETRY: no answer. */
enum verdict topics_partitions(const struct config *config, const char *topic,
                               int32_t *ret_partitions, struct error *error);

/* The partition that Java's producers, and client_send(), choose for a key (murmur2). */
int32_t topics_partition_of(struct bytes key, int32_t partitions);

#endif
