/* A broker inside the process, for `weft broker` and for tests: librdkafka's mock cluster on
 * loopback, with the topology's topics. It does not isolate transactions, drops the offsets that
 * they commit, and keeps everything in memory. Names no librdkafka. Thread: any; the cluster has
 * threads of its own. */
#ifndef WEFT_KAFKA_EMBEDDED_BROKER_H
#define WEFT_KAFKA_EMBEDDED_BROKER_H

#include "processors/runtime/topology.h"

struct embedded_broker;

/* Starts it on a free port. NULL with the error. */
struct embedded_broker *embedded_broker_new(const struct config *config,
                                            const struct topology *topology, struct error *error);
/* Stops it; its records are gone. Takes NULL. */
void embedded_broker_free(struct embedded_broker *broker);
/* For bootstrap.servers; holds as long as the broker. */
const char *embedded_broker_address(const struct embedded_broker *broker);

#endif
