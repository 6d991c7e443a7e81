#include "processors/runtime/kafka/topics.h"

#include "processors/runtime/kafka/faults.h"
#include "processors/runtime/kafka/rights.h"
#include "processors/runtime/kafka/topic_declare.h"
#include "processors/runtime/kafka/topic_settings.h"
#include "processors/runtime/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FIRST_BROKER_MS 30000
#define DELETE_MS 30000

struct ensuring {
    const struct config *config;
    const struct topology *topology;
    bool create;
    const atomic_bool *stop;
    rd_kafka_t *rk;
    struct kafka_trouble trouble;
};

/* ---- creating ---- */

/* RETRY: it may pass. */
static enum verdict creation_verdict(int code)
{
    return fault_find(FAULT_OF_KAFKA, code)->fault == FAULT_SETUP ? VERDICT_FATAL : VERDICT_RETRY;
}

/* The first of the answers that is an error. */
static enum verdict check_created(rd_kafka_event_t *event, struct error *error)
{
    if (event == NULL)
        return error_set(error, VERDICT_RETRY, "topics can't be created: no answer");
    if (rd_kafka_event_error(event))
        return error_set(error, creation_verdict(rd_kafka_event_error(event)),
                         "topics can't be created: %s", rd_kafka_event_error_string(event));
    size_t count = 0;
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    for (size_t i = 0; i < count; i++) {
        rd_kafka_resp_err_t err = rd_kafka_topic_result_error(results[i]);
        const char *why = rd_kafka_topic_result_error_string(results[i]);
        if (err && err != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
            return error_set(error, creation_verdict(err), "topic %s can't be created: %s",
                             rd_kafka_topic_result_name(results[i]),
                             why ? why : rd_kafka_err2str(err));
    }
    return VERDICT_OK;
}

/* NULL: no answer until `until_us`, or the process stops. */
static rd_kafka_event_t *await_answer(rd_kafka_queue_t *queue, int64_t until_us,
                                      const atomic_bool *stop)
{
    rd_kafka_event_t *event = NULL;
    while (event == NULL && clock_monotonic_us() < until_us && !(stop && atomic_load(stop)))
        event = rd_kafka_queue_poll(queue, 100);
    return event;
}

static enum verdict create_topics(const struct ensuring *ensuring, const bool *missing,
                                  int32_t partitions, int64_t until_us, struct error *error)
{
    rd_kafka_t *rk = ensuring->rk;
    rd_kafka_NewTopic_t *declared[TOPICS];
    size_t count;
    enum verdict verdict = topics_declare(ensuring->config, ensuring->topology, missing, partitions,
                                          declared, &count, error);
    if (verdict != VERDICT_OK)
        return verdict;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_CreateTopics(rk, declared, count, NULL, queue);
    rd_kafka_event_t *event = await_answer(queue, until_us, ensuring->stop);
    verdict = check_created(event, error);
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_NewTopic_destroy_array(declared, count);
    return verdict;
}

/* ---- checking ---- */

/* The number of partitions of every input; `fallback` if no input exists yet. */
static enum verdict input_partitions(const struct topology *topology,
                                     const struct rd_kafka_metadata *metadata, int32_t fallback,
                                     int32_t *ret_partitions, struct error *error)
{
    int32_t partitions = 0;
    const char *first = "";
    for (int i = 0; i < INPUT_TOPICS; i++) {
        int32_t count = kafka_partitions_in(metadata, topology->topics[i]);
        if (count == 0 || !topology_uses(topology, i))
            continue;
        if (partitions != 0 && count != partitions)
            return error_set(error, VERDICT_FATAL,
                             "%s has %d partitions but %s has %d: a visitor's events must be in "
                             "the same partition of every input; create them with the same number, "
                             "or name others (topics.user, ...)",
                             first, (int)partitions, topology->topics[i], (int)count);
        partitions = count;
        first = topology->topics[i];
    }
    *ret_partitions = partitions ? partitions : fallback;
    return VERDICT_OK;
}

static enum verdict check_topics(const struct topology *topology,
                                 const struct rd_kafka_metadata *metadata, int32_t partitions,
                                 bool *ret_missing, struct error *error)
{
    for (int i = 0; i < TOPICS; i++) {
        int32_t count = kafka_partitions_in(metadata, topology->topics[i]);
        int32_t wanted = topic_rows[i].partitioned ? partitions : 1;
        ret_missing[i] = count == 0 && topology_uses(topology, i);
        if (count != 0 && count != wanted && !topic_rows[i].input)
            return error_set(error, VERDICT_FATAL,
                             "%s has %d partitions and needs %d, as many as the inputs; if "
                             "partitions were added to an input, see 'Adding partitions' in "
                             "deploy/README.md",
                             topology->topics[i], (int)count, (int)wanted);
    }
    return VERDICT_OK;
}

/* A topic that weft may not see can't be told from one that is missing. */
static enum verdict check_sight(const struct topology *topology,
                                const struct rd_kafka_metadata *metadata, struct error *error)
{
    for (int i = 0; i < metadata->topic_cnt; i++)
        for (int k = 0; k < TOPICS; k++)
            if (metadata->topics[i].err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED &&
                strcmp(metadata->topics[i].topic, topology->topics[k]) == 0)
                return error_set(error, VERDICT_FATAL,
                                 "weft may not see topic %s; grant the rights that 'weft check "
                                 "--acls' prints, and 'weft check --preflight' checks",
                                 topology->topics[k]);
    return VERDICT_OK;
}

static enum verdict look(struct ensuring *ensuring, int64_t until_us, int32_t *ret_partitions,
                         bool *ret_missing, struct error *error)
{
    const struct topology *topology = ensuring->topology;
    const struct rd_kafka_metadata *metadata;
    enum verdict verdict = kafka_await(ensuring->rk, false, until_us, ensuring->stop,
                                       &ensuring->trouble, &metadata, error);
    if (verdict != VERDICT_OK)
        return verdict;
    verdict = check_sight(topology, metadata, error);
    if (verdict == VERDICT_OK)
        verdict = input_partitions(topology, metadata, (int32_t)ensuring->config->partitions,
                                   ret_partitions, error);
    if (verdict == VERDICT_OK)
        verdict = check_topics(topology, metadata, *ret_partitions, ret_missing, error);
    rd_kafka_metadata_destroy(metadata);
    return verdict;
}

static enum verdict refuse_missing(const struct ensuring *ensuring, int topic, int32_t partitions,
                                   struct error *error)
{
    struct topic_settings settings;
    struct buffer list = {0};
    topic_settings_declared(ensuring->config, (enum topic)topic, &settings);
    for (size_t i = 0; i < settings.count; i++)
        buffer_format(&list, ", %s=%s", settings.at[i].name, settings.at[i].value);
    error_set(error, VERDICT_FATAL,
              "topic %s does not exist; create it (%d partitions%.*s) or run without --no-create",
              ensuring->topology->topics[topic],
              (int)(topic_rows[topic].partitioned ? partitions : 1), (int)list.size,
              list.size ? list.at : "");
    buffer_release(&list);
    return VERDICT_FATAL;
}

/* ---- settings ---- */

/* librdkafka refuses records above its own message.max.bytes, which kafka.* may set. */
static int64_t producer_limit(const struct config *config)
{
    char text[24];
    size_t size = sizeof text;
    int64_t limit = RECORD_BYTES_MAX;
    rd_kafka_conf_t *conf = kafka_conf(config, KAFKA_PRODUCER, NULL, NULL);
    if (conf && rd_kafka_conf_get(conf, "message.max.bytes", text, &size) == RD_KAFKA_CONF_OK)
        limit = strtoll(text, NULL, 10);
    if (conf)
        rd_kafka_conf_destroy(conf);
    return limit;
}

/* A topic that is compacted takes no record without a key. */
static enum verdict check_policy(rd_kafka_t *rk, const struct config *config,
                                 const struct topology *topology, enum topic topic,
                                 struct error *error)
{
    struct error why = {0};
    char policy[SETTING_BYTES_MAX] = "";
    const char *name = topology->topics[topic];
    struct bytes broker = rights_broker(config);
    if (topic_rows[topic].cleanup == CLEANUP_COMPACT)
        return VERDICT_OK;
    enum verdict verdict = topic_setting_text(rk, name, "cleanup.policy", policy, &why);
    if (verdict == VERDICT_RETRY)
        return error_set(error, verdict, "%s", why.message);
    if (strstr(policy, "compact") == NULL)
        return VERDICT_OK;
    return error_set(
        error, VERDICT_FATAL,
        "%s has cleanup.policy=%s and takes no records without keys, which weft writes; "
        "mend it: kafka-configs.sh --bootstrap-server %.*s --alter --entity-type topics "
        "--entity-name %s --add-config cleanup.policy=delete",
        name, policy, (int)broker.size, broker.at, name);
}

/* RETRY: no answer. FATAL: the topic takes too little. */
static enum verdict read_size(rd_kafka_t *rk, const struct topology *topology, enum topic topic,
                              int64_t own, struct size_budget *sizes, struct error *error)
{
    struct error why = {0};
    int64_t limit = RECORD_BYTES_MAX;
    enum verdict verdict =
        topic_setting_number(rk, topology->topics[topic], "max.message.bytes", &limit, &why);
    if (verdict == VERDICT_RETRY)
        return error_set(error, verdict, "%s", why.message);
    if (verdict == VERDICT_FATAL)
        limit = KAFKA_RECORD_BYTES; /* weft may not ask, which the preflight told */
    return size_budget_set(sizes, topic, limit < own ? limit : own, error);
}

static enum verdict read_settings(rd_kafka_t *rk, const struct config *config,
                                  const struct topology *topology, struct size_budget *sizes,
                                  struct error *error)
{
    int64_t own = producer_limit(config);
    for (int i = 0; i < TOPICS; i++) {
        if (topic_rows[i].input || !topology_uses(topology, i))
            continue;
        enum verdict verdict = check_policy(rk, config, topology, (enum topic)i, error);
        if (verdict == VERDICT_OK)
            verdict = read_size(rk, topology, (enum topic)i, own, sizes, error);
        if (verdict != VERDICT_OK)
            return verdict;
    }
    return VERDICT_OK;
}

/* `ret_done`: every topic exists. Topics that this call creates show in the metadata a moment
 * later, so the call that finds them is a later one. */
static enum verdict ensure_once(struct ensuring *ensuring, int64_t until_us,
                                int32_t *ret_partitions, struct size_budget *sizes, bool *ret_done,
                                struct error *error)
{
    bool missing[TOPICS];
    const struct config *config = ensuring->config;
    const struct topology *topology = ensuring->topology;
    *ret_done = false;
    enum verdict verdict = look(ensuring, until_us, ret_partitions, missing, error);
    if (verdict != VERDICT_OK)
        return verdict;
    bool any = false;
    for (int i = 0; i < TOPICS; i++) {
        if (!missing[i])
            continue;
        if (!ensuring->create)
            return refuse_missing(ensuring, i, *ret_partitions, error);
        log_line(LOG_LEVEL_INFO, "topics", "creating %s", topology->topics[i]);
        any = true;
    }
    if (any)
        return create_topics(ensuring, missing, *ret_partitions, until_us, error);
    enum verdict sized =
        sizes ? read_settings(ensuring->rk, config, topology, sizes, error) : VERDICT_OK;
    *ret_done = sized == VERDICT_OK;
    return sized;
}

static enum verdict ensure(struct ensuring *ensuring, int32_t *ret_partitions,
                           struct size_budget *sizes, struct error *error)
{
    const char *brokers = ensuring->config->bootstrap_servers;
    rd_kafka_topic_t *known[TOPICS] = {NULL};
    struct error why;
    enum verdict verdict;
    bool done = false, stops;
    int64_t until_us = clock_monotonic_us() + FIRST_BROKER_MS * 1000;
    for (int i = 0; i < TOPICS; i++) /* the metadata has these, and no others */
        if (topology_uses(ensuring->topology, i))
            known[i] = rd_kafka_topic_new(ensuring->rk, ensuring->topology->topics[i], NULL);
    do {
        why = (struct error){0};
        verdict = ensure_once(ensuring, until_us, ret_partitions, sizes, &done, &why);
        stops = ensuring->stop && atomic_load(ensuring->stop);
        if (!done && verdict != VERDICT_FATAL && !stops)
            usleep(100000);
    } while (!done && verdict != VERDICT_FATAL && !stops && clock_monotonic_us() < until_us);
    for (int i = 0; i < TOPICS; i++)
        if (known[i])
            rd_kafka_topic_destroy(known[i]);
    if (verdict == VERDICT_FATAL)
        return error_set(error, verdict, "%s", why.message);
    if (stops && !done)
        return error_set(error, VERDICT_RETRY, "stopped while no broker answered");
    if (!done)
        return error_set(error, VERDICT_RETRY, "no broker answers at %.150s after %d s: %.200s",
                         brokers, FIRST_BROKER_MS / 1000, why.message);
    return VERDICT_OK;
}

enum verdict topics_ensure(const struct config *config, const struct topology *topology,
                           bool create, const atomic_bool *stop, int32_t *ret_partitions,
                           struct size_budget *sizes, struct error *error)
{
    struct ensuring ensuring = {
        .config = config, .topology = topology, .create = create, .stop = stop};
    ensuring.rk = kafka_open_watched(config, NULL, &ensuring.trouble, error);
    if (ensuring.rk == NULL)
        return VERDICT_FATAL;
    enum verdict verdict = ensure(&ensuring, ret_partitions, sizes, error);
    rd_kafka_destroy(ensuring.rk);
    return verdict;
}

/* ---- deleting ---- */

/* The first of the answers that is an error. */
static enum verdict check_deleted(rd_kafka_event_t *event, struct error *error)
{
    if (event == NULL || rd_kafka_event_error(event))
        return error_set(error, VERDICT_RETRY, "topics can't be deleted: %s",
                         event ? rd_kafka_event_error_string(event) : "no answer");
    size_t count = 0;
    const rd_kafka_topic_result_t **results =
        rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &count);
    for (size_t i = 0; i < count; i++) {
        rd_kafka_resp_err_t err = rd_kafka_topic_result_error(results[i]);
        if (err && err != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
            return error_set(error, VERDICT_RETRY, "topic %s can't be deleted: %s",
                             rd_kafka_topic_result_name(results[i]), rd_kafka_err2str(err));
    }
    return VERDICT_OK;
}

enum verdict topics_delete(const struct config *config, const char *const *topics, size_t count,
                           struct error *error)
{
    rd_kafka_DeleteTopic_t *deletions[TOPICS];
    rd_kafka_t *rk = kafka_open(config, KAFKA_PRODUCER, NULL, error);
    if (rk == NULL)
        return VERDICT_FATAL;
    for (size_t i = 0; i < count; i++)
        deletions[i] = rd_kafka_DeleteTopic_new(topics[i]);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_DeleteTopics(rk, deletions, count, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, DELETE_MS);
    enum verdict verdict = check_deleted(event, error);
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_DeleteTopic_destroy_array(deletions, count);
    rd_kafka_destroy(rk);
    return verdict;
}

/* ---- partitions ---- */

enum verdict topics_partitions(const struct config *config, const char *topic,
                               int32_t *ret_partitions, struct error *error)
{
    rd_kafka_t *rk = kafka_open(config, KAFKA_READER, NULL, error);
    if (rk == NULL)
        return VERDICT_FATAL;
    enum verdict verdict = kafka_partitions(rk, topic, ret_partitions, error);
    rd_kafka_destroy(rk);
    return verdict;
}

int32_t topics_partition_of(struct bytes key, int32_t partitions)
{
    return rd_kafka_msg_partitioner_murmur2(NULL, key.at, key.size, partitions, NULL, NULL);
}
