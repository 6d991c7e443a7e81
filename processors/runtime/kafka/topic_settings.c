#include "processors/runtime/kafka/topic_settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define ANSWER_MS 10000

/* ---- asking ---- */

/* Any broker can answer. librdkafka would ask the controller, and wait in vain for that of its own
 * embedded broker, which names one that does not exist. */
static rd_kafka_resp_err_t choose_broker(rd_kafka_t *rk, int32_t *ret_broker)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t err = rd_kafka_metadata(rk, 0, NULL, &metadata, ANSWER_MS);
    if (err)
        return err;
    if (metadata->broker_cnt > 0)
        *ret_broker = metadata->brokers[0].id;
    else
        err = RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE;
    for (int i = 0; i < metadata->broker_cnt; i++)
        if (metadata->brokers[i].id == metadata->orig_broker_id)
            *ret_broker = metadata->orig_broker_id;
    rd_kafka_metadata_destroy(metadata);
    return err;
}

rd_kafka_event_t *topic_settings_ask(rd_kafka_t *rk, const char *const *topics, size_t count,
                                     rd_kafka_resp_err_t *ret_err)
{
    char why[256];
    int32_t broker;
    *ret_err = choose_broker(rk, &broker);
    if (*ret_err)
        return NULL;
    rd_kafka_ConfigResource_t **resources = memory_zero(count, sizeof(rd_kafka_ConfigResource_t *));
    for (size_t i = 0; i < count; i++)
        resources[i] = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topics[i]);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_AdminOptions_set_request_timeout(options, ANSWER_MS, why, sizeof why);
    rd_kafka_AdminOptions_set_broker(options, broker, why, sizeof why);
    rd_kafka_DescribeConfigs(rk, resources, count, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 2 * ANSWER_MS);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ConfigResource_destroy_array(resources, count);
    rd_kafka_queue_destroy(queue);
    free(resources);
    *ret_err = event ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
    if (event == NULL || *ret_err == RD_KAFKA_RESP_ERR_NO_ERROR)
        return event;
    rd_kafka_event_destroy(event);
    return NULL;
}

static enum verdict refuse(const char *topic, rd_kafka_resp_err_t err, struct error *error)
{
    switch (err) {
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
        return error_set(error, VERDICT_SKIP, "the broker has no settings of topics");
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
        return error_set(error, VERDICT_FATAL,
                         "weft may not read the settings of %s; allow it: kafka-acls.sh --add "
                         "--allow-principal User:NAME --operation DescribeConfigs --topic %s",
                         topic, topic);
    default:
        return error_set(error, VERDICT_RETRY, "the broker does not tell the settings of %s: %s",
                         topic, rd_kafka_err2str(err));
    }
}

static enum verdict find_text(const rd_kafka_ConfigResource_t *resource, const char *setting,
                              char *ret_value, struct error *error)
{
    size_t count;
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource, &count);
    for (size_t i = 0; i < count; i++) {
        const char *value = rd_kafka_ConfigEntry_value(entries[i]);
        if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), setting) != 0 || value == NULL)
            continue;
        snprintf(ret_value, SETTING_BYTES_MAX, "%s", value);
        return VERDICT_OK;
    }
    return error_set(error, VERDICT_SKIP, "the broker does not tell %s of %s", setting,
                     rd_kafka_ConfigResource_name(resource));
}

static enum verdict read_answer(rd_kafka_event_t *event, const char *topic, const char *setting,
                                char *ret_value, struct error *error)
{
    size_t count;
    const rd_kafka_ConfigResource_t **resources = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(event), &count);
    if (count != 1)
        return refuse(topic, RD_KAFKA_RESP_ERR__BAD_MSG, error);
    if (rd_kafka_ConfigResource_error(resources[0]))
        return refuse(topic, rd_kafka_ConfigResource_error(resources[0]), error);
    return find_text(resources[0], setting, ret_value, error);
}

enum verdict topic_setting_text(rd_kafka_t *rk, const char *topic, const char *setting,
                                char *ret_value, struct error *error)
{
    rd_kafka_resp_err_t err;
    rd_kafka_event_t *event = topic_settings_ask(rk, &topic, 1, &err);
    if (event == NULL)
        return refuse(topic, err, error);
    enum verdict verdict = read_answer(event, topic, setting, ret_value, error);
    rd_kafka_event_destroy(event);
    return verdict;
}

enum verdict topic_setting_number(rd_kafka_t *rk, const char *topic, const char *setting,
                                  int64_t *ret_number, struct error *error)
{
    char value[SETTING_BYTES_MAX], *end;
    enum verdict verdict = topic_setting_text(rk, topic, setting, value, error);
    if (verdict != VERDICT_OK)
        return verdict;
    errno = 0;
    int64_t number = strtoll(value, &end, 10);
    if (end == value || *end || errno)
        return error_set(error, VERDICT_SKIP, "%s of %s is no number: %s", setting, topic, value);
    *ret_number = number;
    return VERDICT_OK;
}
