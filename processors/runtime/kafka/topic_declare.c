#include "processors/runtime/kafka/topic_declare.h"

#include "processors/runtime/kafka/size_budget.h"
#include "processors/runtime/kafka/topic_settings.h"

#include <stdio.h>

#define RANKINGS_SEGMENT_BYTES "67108864"

static rd_kafka_NewTopic_t *declare_topic(const struct config *config, const char *name,
                                          enum topic topic, int32_t partitions, struct error *error)
{
    const struct topic_row *row = &topic_rows[topic];
    char why[256], number[32];
    rd_kafka_NewTopic_t *declared = rd_kafka_NewTopic_new(
        name, row->partitioned ? partitions : 1, (int)config->replication_factor, why, sizeof why);
    if (declared == NULL) {
        error_set(error, VERDICT_FATAL, "%s: %s", name, why);
        return NULL;
    }
    if (row->cleanup == CLEANUP_COMPACT)
        rd_kafka_NewTopic_set_config(declared, "cleanup.policy", "compact");
    if (row->retention_ms != 0) {
        snprintf(number, sizeof number, "%lld", (long long)row->retention_ms);
        rd_kafka_NewTopic_set_config(declared, "retention.ms", number);
    }
    if (row->delete_retention_ms != 0) {
        snprintf(number, sizeof number, "%lld", (long long)row->delete_retention_ms);
        rd_kafka_NewTopic_set_config(declared, DELETE_RETENTION, number);
    }
    if (topic == TOPIC_VISITOR_CHANGELOG) /* the brokers' clocks alone tell which copies are old */
        rd_kafka_NewTopic_set_config(declared, "message.timestamp.type", "LogAppendTime");
    if (topic == TOPIC_RANKINGS) /* the publisher reads it at its election: compacted early */
        rd_kafka_NewTopic_set_config(declared, "segment.bytes", RANKINGS_SEGMENT_BYTES);
    if (size_budget_created(topic) != 0) {
        snprintf(number, sizeof number, "%lld", (long long)size_budget_created(topic));
        rd_kafka_NewTopic_set_config(declared, "max.message.bytes", number);
    }
    return declared;
}

enum verdict topics_declare(const struct config *config, const struct topology *topology,
                            const bool *missing, int32_t partitions, rd_kafka_NewTopic_t **declared,
                            size_t *ret_count, struct error *error)
{
    size_t count = 0;
    for (int i = 0; i < TOPICS; i++) {
        if (!missing[i])
            continue;
        declared[count] =
            declare_topic(config, topology->topics[i], (enum topic)i, partitions, error);
        if (declared[count] == NULL) {
            rd_kafka_NewTopic_destroy_array(declared, count);
            return VERDICT_FATAL;
        }
        count++;
    }
    *ret_count = count;
    return VERDICT_OK;
}
