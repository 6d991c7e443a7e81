#include "processors/runtime/kafka/topic_declare.h"

#include "processors/runtime/kafka/size_budget.h"
#include "processors/runtime/kafka/topic_settings.h"

#include <inttypes.h>
#include <stdio.h>

#define RANKINGS_SEGMENT_BYTES 67108864

static void add_text(struct topic_settings *settings, const char *name, const char *value)
{
    struct topic_setting *setting = &settings->at[settings->count++];
    setting->name = name;
    snprintf(setting->value, sizeof setting->value, "%s", value);
}

static void add_number(struct topic_settings *settings, const char *name, int64_t value)
{
    char text[TOPIC_VALUE_BYTES_MAX];
    snprintf(text, sizeof text, "%" PRId64, value);
    if (value != 0)
        add_text(settings, name, text);
}

void topic_settings_declared(const struct config *config, enum topic topic,
                             struct topic_settings *ret_settings)
{
    const struct topic_row *row = &topic_rows[topic];
    ret_settings->count = 0;
    if (row->cleanup == CLEANUP_COMPACT)
        add_text(ret_settings, "cleanup.policy", "compact");
    add_number(ret_settings, "retention.ms", row->retention_ms);
    add_number(ret_settings, DELETE_RETENTION, row->delete_retention_ms);
    if (topic == TOPIC_VISITOR_CHANGELOG) /* the brokers' clocks alone tell which copies are old */
        add_text(ret_settings, "message.timestamp.type", "LogAppendTime");
    if (topic == TOPIC_EARLY) { /* a segment that is written to outlives the retention */
        add_text(ret_settings, "cleanup.policy", "delete");
        add_number(ret_settings, "retention.ms", config->early_retention_ms);
        add_number(ret_settings, "segment.ms", config->early_retention_ms);
    }
    /* the publisher reads them at its election: compacted early */
    if (topic == TOPIC_RANKINGS || topic == TOPIC_ITEMS)
        add_number(ret_settings, "segment.bytes", RANKINGS_SEGMENT_BYTES);
    add_number(ret_settings, "max.message.bytes", size_budget_created(topic));
}

static rd_kafka_NewTopic_t *declare_topic(const struct config *config, const char *name,
                                          enum topic topic, int32_t partitions, struct error *error)
{
    struct topic_settings settings;
    char why[256];
    rd_kafka_NewTopic_t *declared =
        rd_kafka_NewTopic_new(name, topic_rows[topic].partitioned ? partitions : 1,
                              (int)config->replication_factor, why, sizeof why);
    if (declared == NULL) {
        error_set(error, VERDICT_FATAL, "%s: %s", name, why);
        return NULL;
    }
    topic_settings_declared(config, topic, &settings);
    for (size_t i = 0; i < settings.count; i++)
        rd_kafka_NewTopic_set_config(declared, settings.at[i].name, settings.at[i].value);
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
