#include "processors/runtime/kafka/preflight.h"

#include "processors/runtime/kafka/faults.h"
#include "processors/runtime/kafka/kafka.h"
#include "processors/runtime/kafka/kafka_keys.h"
#include "processors/runtime/kafka/registry_answer.h"
#include "processors/runtime/kafka/registry_http.h"
#include "processors/runtime/kafka/rights.h"
#include "processors/runtime/kafka/topic_declare.h"
#include "processors/runtime/kafka/topic_settings.h"
#include "processors/runtime/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define ANSWERS_MS 10000 /* for all tries together */
#define SLICE_MS 50
#define INIT_SLICE_MS 500
#define NEWEST_RECORDS 3        /* the last offsets may be marks of transactions */
#define NO_PARTITION 1000000000 /* no topic has so many */
/* librdkafka holds a commit for this time if it finds no coordinator */
#define GROUP_ANSWER_MS "3000"
#define PROBE_KEY "weft-preflight"

/* The handles of a look. NULL: not open. */
struct probe {
    const struct config *config;
    const struct topology *topology;
    const atomic_bool *stop;
    struct look *look;
    struct kafka_trouble trouble;
    rd_kafka_t *reader;    /* in the workers' group */
    rd_kafka_t *publisher; /* in the publisher's group */
    rd_kafka_t *writer;
    rd_kafka_queue_t *group_answer, *publisher_answer;
    rd_kafka_topic_t *known[TOPICS]; /* the reader's: its metadata has them */
    int64_t until_us;
};

static bool goes_on(const struct probe *probe)
{
    return clock_monotonic_us() < probe->until_us && !(probe->stop && atomic_load(probe->stop));
}

static int topic_of(const struct probe *probe, const char *name)
{
    for (int i = 0; i < TOPICS; i++)
        if (strcmp(probe->topology->topics[i], name) == 0)
            return i;
    return TOPICS;
}

static bool is_there(const struct probe *probe, int topic)
{
    return probe->look->topics[topic].seen == 0;
}

/* ---- topics ---- */

static void take_partitions(const struct rd_kafka_metadata_topic *found, struct topic_look *topic)
{
    topic->seen = found->err;
    topic->partitions = found->partition_cnt;
    for (int i = 0; i < found->partition_cnt; i++) {
        const struct rd_kafka_metadata_partition *partition = &found->partitions[i];
        if (i > 0 && partition->isr_cnt >= topic->in_sync)
            continue;
        topic->replicas = partition->replica_cnt;
        topic->in_sync = partition->isr_cnt;
    }
}

static enum verdict look_at_topics(struct probe *probe, int patience_ms)
{
    const struct rd_kafka_metadata *metadata;
    struct error why = {0};
    struct look *look = probe->look;
    int64_t until_us = clock_monotonic_us() + (int64_t)patience_ms * 1000;
    for (int i = 0; i < TOPICS; i++)
        if (topology_uses(probe->topology, i))
            probe->known[i] = rd_kafka_topic_new(probe->reader, probe->topology->topics[i], NULL);
    look->connection = 0;
    enum verdict verdict =
        kafka_await(probe->reader, false, until_us, probe->stop, &probe->trouble, &metadata, &why);
    if (verdict != VERDICT_OK) {
        look->connection = probe->trouble.code ? probe->trouble.code : RD_KAFKA_RESP_ERR__TRANSPORT;
        snprintf(look->connection_why, sizeof look->connection_why, "%.255s", why.message);
        return verdict;
    }
    for (int i = 0; i < metadata->topic_cnt; i++) {
        int topic = topic_of(probe, metadata->topics[i].topic);
        if (topic < TOPICS)
            take_partitions(&metadata->topics[i], &look->topics[topic]);
    }
    rd_kafka_metadata_destroy(metadata);
    return VERDICT_OK;
}

/* ---- settings ---- */

static void take_setting(const char *name, const char *value, struct topic_look *topic)
{
    const struct {
        const char *name;
        int64_t *number;
    } numbers[] = {
        {"max.message.bytes", &topic->bytes},
        {DELETE_RETENTION, &topic->delete_retention_ms},
        {"retention.ms", &topic->retention_ms},
        {"min.insync.replicas", &topic->in_sync_min},
    };
    if (value && strcmp(name, "cleanup.policy") == 0)
        snprintf(topic->cleanup, sizeof topic->cleanup, "%s", value);
    for (size_t i = 0; value && i < sizeof numbers / sizeof numbers[0]; i++)
        if (strcmp(name, numbers[i].name) == 0)
            *numbers[i].number = strtoll(value, NULL, 10);
}

static void take_settings(struct probe *probe, const rd_kafka_ConfigResource_t *resource)
{
    size_t count;
    int index = topic_of(probe, rd_kafka_ConfigResource_name(resource));
    if (index == TOPICS)
        return;
    struct topic_look *topic = &probe->look->topics[index];
    topic->settings = rd_kafka_ConfigResource_error(resource);
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource, &count);
    for (size_t i = 0; topic->settings == 0 && i < count; i++)
        take_setting(rd_kafka_ConfigEntry_name(entries[i]), rd_kafka_ConfigEntry_value(entries[i]),
                     topic);
}

static void look_at_settings(struct probe *probe)
{
    const char *names[TOPICS];
    size_t count = 0;
    rd_kafka_resp_err_t err;
    for (int i = 0; i < TOPICS; i++)
        if (is_there(probe, i) && right_needed((enum topic)i, RIGHT_SETTINGS))
            names[count++] = probe->topology->topics[i];
    if (count == 0)
        return;
    rd_kafka_event_t *event = topic_settings_ask(probe->reader, names, count, &err);
    probe->look->no_settings = err == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE;
    for (size_t i = 0; event == NULL && !probe->look->no_settings && i < count; i++)
        probe->look->topics[topic_of(probe, names[i])].settings = err;
    if (event == NULL)
        return;
    const rd_kafka_ConfigResource_t **resources = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(event), &count);
    for (size_t i = 0; i < count; i++)
        take_settings(probe, resources[i]);
    rd_kafka_event_destroy(event);
}

/* ---- creating ---- */

static void take_created(struct probe *probe, rd_kafka_event_t *event)
{
    size_t count;
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    for (size_t i = 0; i < count; i++) {
        int topic = topic_of(probe, rd_kafka_topic_result_name(results[i]));
        const char *why = rd_kafka_topic_result_error_string(results[i]);
        if (topic == TOPICS)
            continue;
        probe->look->topics[topic].create = rd_kafka_topic_result_error(results[i]);
        if (probe->look->topics[topic].create && why)
            snprintf(probe->look->create_why, sizeof probe->look->create_why, "%s", why);
    }
}

static void try_create(struct probe *probe)
{
    bool missing[TOPICS];
    rd_kafka_NewTopic_t *declared[TOPICS];
    size_t count = 0;
    int32_t partitions = (int32_t)probe->config->partitions;
    char why[256];
    struct error error = {0};
    for (int i = TOPICS - 1; i >= 0; i--) {
        missing[i] = probe->look->topics[i].seen == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
        if (i < INPUT_TOPICS && is_there(probe, i))
            partitions = probe->look->topics[i].partitions;
    }
    if (topics_declare(probe->config, probe->topology, missing, partitions, declared, &count,
                       &error) != VERDICT_OK ||
        count == 0)
        return;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(probe->reader);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(probe->reader, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_AdminOptions_set_validate_only(options, 1, why, sizeof why);
    rd_kafka_AdminOptions_set_request_timeout(options, ANSWERS_MS, why, sizeof why);
    rd_kafka_CreateTopics(probe->reader, declared, count, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, ANSWERS_MS);
    if (event)
        take_created(probe, event);
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    rd_kafka_NewTopic_destroy_array(declared, count);
}

/* ---- writing ---- */

static void refused(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    struct probe *probe = opaque;
    int topic = topic_of(probe, rd_kafka_topic_name(message->rkt));
    (void)rk;
    if (topic < TOPICS)
        probe->look->topics[topic].write =
            message->err == RD_KAFKA_RESP_ERR_INVALID_REQUIRED_ACKS ? 0 : message->err;
}

/* A broker checks the right first. Then it refuses acks=2, so nothing is written. */
static void start_writing(struct probe *probe)
{
    char timeout[24];
    struct error why = {0};
    snprintf(timeout, sizeof timeout, "%d", ANSWERS_MS - 1000);
    const struct kafka_extra extra[] = {
        {"acks", "2"}, {"linger.ms", "0"}, {"message.timeout.ms", timeout}, {NULL, NULL}};
    rd_kafka_conf_t *conf = kafka_conf(probe->config, KAFKA_PRODUCER, extra, &why);
    if (conf == NULL)
        return;
    rd_kafka_conf_set_dr_msg_cb(conf, refused);
    rd_kafka_conf_set_opaque(conf, probe);
    probe->writer = kafka_new(KAFKA_PRODUCER, conf, &why);
    for (int i = 0; probe->writer && i < TOPICS; i++) {
        if (!is_there(probe, i) || !right_needed((enum topic)i, RIGHT_WRITE))
            continue;
        rd_kafka_resp_err_t err = rd_kafka_producev(
            probe->writer, RD_KAFKA_V_TOPIC(probe->topology->topics[i]), RD_KAFKA_V_PARTITION(0),
            RD_KAFKA_V_KEY(PROBE_KEY, strlen(PROBE_KEY)), RD_KAFKA_V_END);
        probe->look->topics[i].write = err ? (int)err : RD_KAFKA_RESP_ERR__TIMED_OUT;
    }
}

/* ---- reading, and the groups ---- */

static void start_reading(struct probe *probe)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(TOPICS);
    for (int i = 0; i < TOPICS; i++) {
        if (!is_there(probe, i) || !right_needed((enum topic)i, RIGHT_READ))
            continue;
        rd_kafka_topic_partition_list_add(list, probe->topology->topics[i], 0)->offset =
            RD_KAFKA_OFFSET_TAIL(NEWEST_RECORDS);
        probe->look->topics[i].read = RD_KAFKA_RESP_ERR__TIMED_OUT;
    }
    rd_kafka_assign(probe->reader, list);
    rd_kafka_topic_partition_list_destroy(list);
}

static void take_record(struct probe *probe, const rd_kafka_message_t *message)
{
    rd_kafka_timestamp_type_t type;
    int index = message->rkt ? topic_of(probe, rd_kafka_topic_name(message->rkt)) : TOPICS;
    if (message->err == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED)
        probe->look->group = message->err;
    if (index == TOPICS)
        return;
    struct topic_look *topic = &probe->look->topics[index];
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
        topic->read = 0;
    else if (message->err)
        topic->read = message->err;
    int64_t written_ms = message->err ? -1 : rd_kafka_message_timestamp(message, &type);
    if (written_ms > topic->newest_ms && written_ms >= 0)
        topic->newest_ms = written_ms;
}

/* The broker looks at the group's right first, and then for the partition. */
static void try_group(rd_kafka_t *rk, const char *topic, rd_kafka_queue_t *queue, int *ret_code)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, NO_PARTITION)->offset = 0;
    *ret_code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    rd_kafka_commit_queue(rk, list, queue, NULL, NULL);
    rd_kafka_topic_partition_list_destroy(list);
}

static void take_group(rd_kafka_queue_t *queue, int *code)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 0);
    if (event == NULL)
        return;
    rd_kafka_resp_err_t err = rd_kafka_event_error(event);
    rd_kafka_topic_partition_list_t *list = rd_kafka_event_topic_partition_list(event);
    if (list && list->cnt > 0 && list->elems[0].err)
        err = list->elems[0].err;
    if (*code != RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED)
        *code = err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
                        err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED
                    ? 0
                    : err;
    rd_kafka_event_destroy(event);
}

static void start_groups(struct probe *probe)
{
    struct error why = {0};
    const struct kafka_extra extra[] = {{"group.id", probe->topology->publisher},
                                        {"session.timeout.ms", GROUP_ANSWER_MS},
                                        {"heartbeat.interval.ms", "1000"},
                                        {NULL, NULL}};
    const char *topic = probe->topology->topics[TOPIC_INTERACTIONS];
    probe->group_answer = rd_kafka_queue_new(probe->reader);
    try_group(probe->reader, topic, probe->group_answer, &probe->look->group);
    probe->publisher = kafka_open(probe->config, KAFKA_READER, extra, &why);
    if (probe->publisher == NULL)
        return;
    probe->publisher_answer = rd_kafka_queue_new(probe->publisher);
    try_group(probe->publisher, topic, probe->publisher_answer, &probe->look->publisher);
}

static void poll_publisher(struct probe *probe)
{
    rd_kafka_message_t *message = rd_kafka_consumer_poll(probe->publisher, 0);
    if (message && message->err == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED)
        probe->look->publisher = message->err;
    if (message)
        rd_kafka_message_destroy(message);
    take_group(probe->publisher_answer, &probe->look->publisher);
}

/* ---- transactions ---- */

/* The probe's id is always the same, so it costs the brokers one row. */
static void try_transactions(struct probe *probe)
{
    char id[CONFIG_TEXT_MAX + 16];
    struct error why = {0};
    snprintf(id, sizeof id, "%s-preflight", probe->config->application_id);
    const struct kafka_extra extra[] = {
        {"transactional.id", id}, {"transaction.timeout.ms", "10000"}, {NULL, NULL}};
    if (!config_exactly_once(probe->config))
        return;
    rd_kafka_t *rk = kafka_open(probe->config, KAFKA_PRODUCER, extra, &why);
    while (rk && goes_on(probe)) {
        rd_kafka_error_t *failed = rd_kafka_init_transactions(rk, INIT_SLICE_MS);
        probe->look->transactions = failed ? rd_kafka_error_code(failed) : 0;
        bool again = failed && rd_kafka_error_is_retriable(failed);
        if (failed)
            rd_kafka_error_destroy(failed);
        if (!again)
            break;
    }
    if (rk)
        rd_kafka_destroy(rk);
}

/* ---- all tries ---- */

static bool awaits(const struct probe *probe)
{
    const struct look *look = probe->look;
    bool open = look->group == RD_KAFKA_RESP_ERR__TIMED_OUT ||
                look->publisher == RD_KAFKA_RESP_ERR__TIMED_OUT;
    for (int i = 0; i < TOPICS; i++)
        open = open || look->topics[i].read == RD_KAFKA_RESP_ERR__TIMED_OUT ||
               look->topics[i].write == RD_KAFKA_RESP_ERR__TIMED_OUT;
    return open;
}

static void try_rights(struct probe *probe)
{
    start_writing(probe);
    start_reading(probe);
    start_groups(probe);
    if (probe->trouble.no_group_right)
        probe->look->group = RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED;
    if (probe->look->may_create)
        try_create(probe);
    try_transactions(probe);
    while (awaits(probe) && goes_on(probe)) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(probe->reader, SLICE_MS);
        if (message) {
            take_record(probe, message);
            rd_kafka_message_destroy(message);
        }
        take_group(probe->group_answer, &probe->look->group);
        if (probe->publisher)
            poll_publisher(probe);
        if (probe->writer)
            rd_kafka_poll(probe->writer, 0);
    }
}

static void close_probe(struct probe *probe)
{
    for (int i = 0; i < TOPICS; i++)
        if (probe->known[i])
            rd_kafka_topic_destroy(probe->known[i]);
    if (probe->group_answer)
        rd_kafka_queue_destroy(probe->group_answer);
    if (probe->publisher_answer)
        rd_kafka_queue_destroy(probe->publisher_answer);
    if (probe->writer) {
        rd_kafka_purge(probe->writer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_destroy(probe->writer);
    }
    if (probe->publisher)
        rd_kafka_destroy(probe->publisher);
    if (probe->reader)
        rd_kafka_destroy(probe->reader);
}

static void look_at_kafka(const struct config *config, const struct topology *topology,
                          int patience_ms, const atomic_bool *stop, struct look *look)
{
    struct probe probe = {.config = config, .topology = topology, .stop = stop, .look = look};
    struct error why = {0};
    const struct kafka_extra extra[] = {{"group.id", config->application_id},
                                        {"isolation.level", "read_uncommitted"},
                                        {"session.timeout.ms", GROUP_ANSWER_MS},
                                        {"heartbeat.interval.ms", "1000"},
                                        {NULL, NULL}};
    if (kafka_keys_check(config, &why) == VERDICT_OK)
        probe.reader = kafka_open_watched(config, extra, &probe.trouble, &why);
    if (probe.reader == NULL) {
        snprintf(look->client_why, sizeof look->client_why, "%s", why.message);
        return;
    }
    if (look_at_topics(&probe, patience_ms) == VERDICT_OK) {
        probe.until_us = clock_monotonic_us() + ANSWERS_MS * 1000;
        look_at_settings(&probe);
        if (!look->no_settings)
            try_rights(&probe);
    }
    close_probe(&probe);
}

/* ---- this machine, and the registry ---- */

static void look_at_state(const struct config *config, struct look *look)
{
    char path[sizeof config->state_dir];
    struct stat found;
    struct statvfs disk;
    snprintf(path, sizeof path, "%s", config->state_dir);
    while (stat(path, &found) != 0 && errno == ENOENT) { /* weft makes the folders above, too */
        char *slash = strrchr(path, '/');
        if (slash == NULL)
            strcpy(path, ".");
        else if (slash == path)
            path[1] = '\0';
        else
            *slash = '\0';
    }
    if (stat(path, &found) != 0)
        look->state_errno = errno;
    else if (!S_ISDIR(found.st_mode))
        look->state_errno = ENOTDIR;
    else if (access(path, W_OK | X_OK) != 0)
        look->state_errno = errno;
    else if (statvfs(path, &disk) == 0)
        look->state_free_bytes = (int64_t)disk.f_bavail * (int64_t)disk.f_frsize;
}

/* Every registry has the answer to this request: a schema, or that there is none. */
static void look_at_registry(const struct config *config, const atomic_bool *stop,
                             struct look *look)
{
    struct registry_http *http;
    struct http_answer answer = {0};
    struct error why = {0};
    look->has_registry = config->schema_registry_url[0] != '\0';
    if (!look->has_registry)
        return;
    if (registry_http_new(config, stop, &http, &why) != VERDICT_OK) {
        look->registry_unusable = true;
        snprintf(look->registry_why, sizeof look->registry_why, "%.255s", why.message);
        return;
    }
    enum verdict verdict = registry_http_request(http, "/schemas/ids/1", NULL, &answer, &why);
    const struct registry_answer read = {
        .url = answer.url, .status = answer.status, .body = buffer_bytes(&answer.body)};
    if (verdict == VERDICT_OK) {
        look->registry_status = answer.status;
        look->registry_is_other = !registry_has_error_code(&read);
        snprintf(look->registry_why, sizeof look->registry_why, "%.255s", answer.url);
    } else {
        look->registry_refuses_tls =
            strstr(why.message, "SSL") || strstr(why.message, "certificate");
        snprintf(look->registry_why, sizeof look->registry_why, "%.255s", why.message);
    }
    http_answer_release(&answer);
    registry_http_free(http);
}

bool preflight(const struct config *config, const struct topology *topology, bool may_create,
               int patience_ms, const atomic_bool *stop, struct findings *findings)
{
    struct look look;
    look_init(&look);
    look.may_create = may_create;
    look_at_state(config, &look);
    look_at_registry(config, stop, &look);
    look_at_kafka(config, topology, patience_ms, stop, &look);
    look.now_ms = clock_now_ms();
    preflight_judge(config, topology, &look, findings);
    return look.connection == 0;
}
