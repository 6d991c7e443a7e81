/* Shared by the files that use librdkafka: handles with weft's settings, and topics. Only files in
 * processors/runtime/kafka/ and run.c include it. */
#ifndef WEFT_KAFKA_KAFKA_H
#define WEFT_KAFKA_KAFKA_H

#include "processors/runtime/topology.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

enum kafka_role {
    KAFKA_MEMBER,  /* consumer of the group; read_committed */
    KAFKA_READER,  /* consumer of given partitions; read_committed */
    KAFKA_WATCHER, /* the same, read_uncommitted: sees the true ends */
    KAFKA_PRODUCER,
};

/* A property that a caller adds to those of the role. */
struct kafka_extra {
    const char *name; /* NULL ends the list */
    const char *value;
};

/* The properties of a role, then `extra`, then the configuration's kafka.* keys (kafka.consumer.*
 * and kafka.producer.* only for their kind). NULL, with the error, when librdkafka refuses one. */
rd_kafka_conf_t *kafka_conf(const struct config *config, enum kafka_role role,
                            const struct kafka_extra *extra, struct error *error);

/* Takes the conf over. NULL with the error. */
rd_kafka_t *kafka_new(enum kafka_role role, rd_kafka_conf_t *conf, struct error *error);

/* kafka_conf() and kafka_new() in one. */
rd_kafka_t *kafka_open(const struct config *config, enum kafka_role role,
                       const struct kafka_extra *extra, struct error *error);

/* Partitions of a topic; 0: there is no such topic. RETRY: no answer. */
enum verdict kafka_partitions(rd_kafka_t *rk, const char *topic, int32_t *ret_count,
                              struct error *error);

/* Makes sure that all topics are there, as declared, and that the inputs and what is written beside
 * them have the same number of partitions, which is returned. Missing topics are created, unless
 * `create` is false. FATAL, with what to do. Waits up to 30 s for the first broker. */
enum verdict kafka_ensure_topics(const struct config *config, const struct topology *topology,
                                 bool create, int32_t *ret_partitions, struct error *error);

#endif
