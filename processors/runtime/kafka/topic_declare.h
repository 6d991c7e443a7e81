/* weft's topics as requests of CreateTopics. Only files in processors/runtime/kafka/ include it.
 * Thread: any. */
#ifndef WEFT_KAFKA_TOPIC_DECLARE_H
#define WEFT_KAFKA_TOPIC_DECLARE_H

#include "processors/runtime/kafka/kafka.h"

#define TOPIC_SETTINGS_MAX 6
#define TOPIC_VALUE_BYTES_MAX 24

struct topic_setting {
    const char *name;
    char value[TOPIC_VALUE_BYTES_MAX];
};

struct topic_settings {
    size_t count;
    struct topic_setting at[TOPIC_SETTINGS_MAX];
};

/* The settings that weft gives a topic when it creates it. */
void topic_settings_declared(const struct config *config, enum topic topic,
                             struct topic_settings *ret_settings);

/* Declares each topic that is `missing`, an array of TOPICS as `declared` is. The caller destroys
 * the `ret_count` declarations. FATAL: librdkafka refuses one. */
enum verdict topics_declare(const struct config *config, const struct topology *topology,
                            const bool *missing, int32_t partitions, rd_kafka_NewTopic_t **declared,
                            size_t *ret_count, struct error *error);

#endif
