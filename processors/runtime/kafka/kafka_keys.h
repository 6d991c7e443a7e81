/* Checks the configuration's kafka.* keys before any client is made. Thread: any. */
#ifndef WEFT_KAFKA_KAFKA_KEYS_H
#define WEFT_KAFKA_KAFKA_KEYS_H

#include "processors/runtime/config.h"

/* Whether librdkafka knows each kafka.* key and takes its value, whether weft leaves the key to the
 * configuration, and whether this librdkafka can use the SASL mechanism. Values are never in the
 * error unless librdkafka quotes one of a choice. SKIP: with the key, the reason and what to do. */
enum verdict kafka_keys_check(const struct config *config, struct error *error);

/* The same for another version of librdkafka, as rd_kafka_version() gives it. */
enum verdict kafka_keys_check_version(const struct config *config, int version,
                                      struct error *error);

#endif
