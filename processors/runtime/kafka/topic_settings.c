#include "processors/runtime/kafka/topic_settings.h"

#include "processors/runtime/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define ANSWER_MS 10000
#define DELETE_RETENTION_MIN_MS DELETE_RETENTION_DEFAULT_MS /* a shorter one is warned of */

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

/* NULL: no answer. */
static rd_kafka_event_t *describe(rd_kafka_t *rk, int32_t broker, const char *topic)
{
    char why[256];
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_ConfigResource_t *resource =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_AdminOptions_set_request_timeout(options, ANSWER_MS, why, sizeof why);
    rd_kafka_AdminOptions_set_broker(options, broker, why, sizeof why);
    rd_kafka_DescribeConfigs(rk, &resource, 1, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 2 * ANSWER_MS);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ConfigResource_destroy(resource);
    rd_kafka_queue_destroy(queue);
    return event;
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
    if (event == NULL)
        return refuse(topic, RD_KAFKA_RESP_ERR__TIMED_OUT, error);
    if (rd_kafka_event_error(event))
        return refuse(topic, rd_kafka_event_error(event), error);
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
    int32_t broker;
    rd_kafka_resp_err_t err = choose_broker(rk, &broker);
    if (err)
        return refuse(topic, err, error);
    rd_kafka_event_t *event = describe(rk, broker, topic);
    enum verdict verdict = read_answer(event, topic, setting, ret_value, error);
    if (event)
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

/* ---- checking ---- */

struct remembering {
    enum topic topic;
    const char *harm; /* of forgetting a deletion too soon */
};

static const struct remembering remembering[] = {
    {TOPIC_VISITOR_CHANGELOG, "a process that is away longer must read all its visitors again"},
    {TOPIC_RECOMMENDATIONS, "a reader that is away longer keeps the lists of erased visitors"},
    {TOPIC_USER, "while weft is stopped for longer, requests to erase a user are lost"},
};

static void warn(const struct config *config, const char *topic, int64_t retention_ms,
                 const char *harm)
{
    log_line(LOG_LEVEL_WARN, "topics",
             "%s forgets deletions after %lld ms: %s; mend it: kafka-configs.sh "
             "--bootstrap-server %s --alter --entity-type topics --entity-name %s "
             "--add-config " DELETE_RETENTION "=%lld",
             topic, (long long)retention_ms, harm, config->bootstrap_servers, topic,
             (long long)topic_rows[TOPIC_VISITOR_CHANGELOG].delete_retention_ms);
}

static bool ask(rd_kafka_t *rk, const char *topic, int64_t *ret_retention_ms)
{
    struct error why = {0};
    enum verdict verdict =
        topic_setting_number(rk, topic, DELETE_RETENTION, ret_retention_ms, &why);
    if (verdict == VERDICT_RETRY || verdict == VERDICT_FATAL)
        log_line(LOG_LEVEL_WARN, "topics", "%s", why.message);
    return verdict == VERDICT_OK;
}

static void check_catalogue(rd_kafka_t *rk, const struct config *config, const char *topic)
{
    char harm[160];
    int64_t retention_ms = 0;
    if (!ask(rk, topic, &retention_ms) || config->catalogue_rescan_ms < retention_ms)
        return;
    snprintf(harm, sizeof harm,
             "a process that is away longer, but not for catalogue.rescan.ms (%lld), keeps deleted "
             "products",
             (long long)config->catalogue_rescan_ms);
    warn(config, topic, retention_ms, harm);
}

void topic_settings_check(rd_kafka_t *rk, const struct config *config,
                          const struct topology *topology)
{
    for (size_t i = 0; i < sizeof remembering / sizeof remembering[0]; i++) {
        const char *topic = topology->topics[remembering[i].topic];
        int64_t retention_ms = 0;
        if (ask(rk, topic, &retention_ms) && retention_ms < DELETE_RETENTION_MIN_MS)
            warn(config, topic, retention_ms, remembering[i].harm);
    }
    check_catalogue(rk, config, topology->topics[TOPIC_PRODUCT]);
}
