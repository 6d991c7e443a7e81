#include "processors/runtime/kafka/kafka.h"

#include "processors/runtime/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ANSWER_MS 10000
#define FIRST_BROKER_MS 30000
#define RECORD_BYTES_MAX "16777216" /* of a dead letter: the bytes as they came */
#define RANKINGS_SEGMENT_BYTES "67108864"

static const struct kafka_extra common[] = {
    {"client.id", "weft"},
    {"broker.address.family", "v4"},
    {"log.connection.close", "false"},
    {NULL, NULL},
};

/* queued.min.messages: at the default, librdkafka 2.0.2 pauses fetching for a second each time the
 * queue has been full (librdkafka#2879). */
static const struct kafka_extra consumer[] = {
    {"enable.auto.commit", "false"},
    {"enable.auto.offset.store", "false"},
    {"auto.offset.reset", "earliest"},
    {"enable.partition.eof", "true"},
    {"queued.min.messages", "1000000"},
    {"queued.max.messages.kbytes", "4096"},
    {"fetch.wait.max.ms", "100"},
    {"fetch.error.backoff.ms", "50"},
    {"fetch.message.max.bytes", "524288"},
    {"check.crcs", "true"},
    {NULL, NULL},
};

/* Only range gives partition i of every input to one member. Java's partitioner, so that keys go
 * where Java producers put them. */
static const struct kafka_extra member[] = {
    {"partition.assignment.strategy", "range"},
    {"isolation.level", "read_committed"},
    {"topic.metadata.refresh.interval.ms", "30000"}, /* partitions that were added are met soon */
    {NULL, NULL},
};

static const struct kafka_extra producer[] = {
    {"partitioner", "murmur2_random"},
    {"compression.codec", "lz4"},
    {"linger.ms", "20"},
    {"batch.num.messages", "100000"},
    {"socket.nagle.disable", "true"},
    {"message.max.bytes", RECORD_BYTES_MAX},
    {"queue.buffering.max.messages", "1000000"},
    {"queue.buffering.max.kbytes", "131072"},
    {NULL, NULL},
};

static void log_kafka(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    enum log_level mine = level <= 3   ? LOG_LEVEL_WARN
                          : level <= 4 ? LOG_LEVEL_INFO
                                       : LOG_LEVEL_DEBUG;
    log_line(mine, rk ? rd_kafka_name(rk) : "kafka", "%s: %s", facility, text);
}

static bool set_all(rd_kafka_conf_t *conf, const struct kafka_extra *extra, struct error *error)
{
    char why[256];
    for (; extra && extra->name; extra++) {
        if (rd_kafka_conf_set(conf, extra->name, extra->value, why, sizeof why) !=
            RD_KAFKA_CONF_OK) {
            error_set(error, VERDICT_FATAL, "kafka.%s: %s", extra->name, why);
            return false;
        }
    }
    return true;
}

static bool set_configured(rd_kafka_conf_t *conf, const struct config *config, bool produces,
                           struct error *error)
{
    for (size_t i = 0; i < config->kafka_count; i++) {
        const char *name = config->kafka[i].name;
        bool for_consumers = strncmp(name, "consumer.", 9) == 0;
        bool for_producers = strncmp(name, "producer.", 9) == 0;
        if ((for_consumers && produces) || (for_producers && !produces))
            continue;
        struct kafka_extra one[] = {
            {for_consumers || for_producers ? name + 9 : name, config->kafka[i].value},
            {NULL, NULL},
        };
        if (!set_all(conf, one, error))
            return false;
    }
    return true;
}

rd_kafka_conf_t *kafka_conf(const struct config *config, enum kafka_role role,
                            const struct kafka_extra *extra, struct error *error)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    bool produces = role == KAFKA_PRODUCER;
    struct kafka_extra own[] = {
        {"bootstrap.servers", config->bootstrap_servers},
        {"isolation.level",
         role == KAFKA_WATCHER || produces ? "read_uncommitted" : "read_committed"},
        {NULL, NULL},
    };
    if (produces)
        own[1].name = NULL;
    rd_kafka_conf_set_log_cb(conf, log_kafka);
    if (set_all(conf, common, error) && set_all(conf, produces ? producer : consumer, error) &&
        (role != KAFKA_MEMBER || set_all(conf, member, error)) && set_all(conf, own, error) &&
        set_all(conf, extra, error) && set_configured(conf, config, produces, error))
        return conf;
    rd_kafka_conf_destroy(conf);
    return NULL;
}

rd_kafka_t *kafka_new(enum kafka_role role, rd_kafka_conf_t *conf, struct error *error)
{
    char why[256];
    rd_kafka_t *rk = rd_kafka_new(role == KAFKA_PRODUCER ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER,
                                  conf, why, sizeof why);
    if (rk == NULL) {
        rd_kafka_conf_destroy(conf);
        error_set(error, VERDICT_FATAL, "librdkafka: %s", why);
        return NULL;
    }
    if (role != KAFKA_PRODUCER)
        rd_kafka_poll_set_consumer(rk);
    return rk;
}

rd_kafka_t *kafka_open(const struct config *config, enum kafka_role role,
                       const struct kafka_extra *extra, struct error *error)
{
    const struct kafka_extra nobody[] = {{"group.id", "weft-reader"}, {NULL, NULL}};
    bool reads = role == KAFKA_READER || role == KAFKA_WATCHER;
    rd_kafka_conf_t *conf = kafka_conf(config, role, reads && !extra ? nobody : extra, error);
    return conf ? kafka_new(role, conf, error) : NULL;
}

static enum verdict get_metadata(rd_kafka_t *rk, const struct rd_kafka_metadata **ret_metadata,
                                 int timeout_ms, struct error *error)
{
    rd_kafka_resp_err_t err = rd_kafka_metadata(rk, 1, NULL, ret_metadata, timeout_ms);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
        return VERDICT_OK;
    return error_set(error, VERDICT_RETRY, "the broker's metadata can't be had: %s",
                     rd_kafka_err2str(err));
}

static int32_t count_in(const struct rd_kafka_metadata *metadata, const char *topic)
{
    for (int i = 0; i < metadata->topic_cnt; i++)
        if (strcmp(metadata->topics[i].topic, topic) == 0)
            return metadata->topics[i].err ? 0 : metadata->topics[i].partition_cnt;
    return 0;
}

enum verdict kafka_partitions(rd_kafka_t *rk, const char *topic, int32_t *ret_count,
                              struct error *error)
{
    const struct rd_kafka_metadata *metadata;
    enum verdict verdict = get_metadata(rk, &metadata, ANSWER_MS, error);
    if (verdict != VERDICT_OK)
        return verdict;
    *ret_count = count_in(metadata, topic);
    rd_kafka_metadata_destroy(metadata);
    return VERDICT_OK;
}

/* ---- topics ---- */

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
    if (topic == TOPIC_RANKINGS) /* whoever is elected reads it back: compacted early */
        rd_kafka_NewTopic_set_config(declared, "segment.bytes", RANKINGS_SEGMENT_BYTES);
    if (topic == TOPIC_DEAD_LETTERS || topic == TOPIC_LATE || topic == TOPIC_MODEL)
        rd_kafka_NewTopic_set_config(declared, "max.message.bytes", RECORD_BYTES_MAX);
    return declared;
}

static enum verdict create_topics(rd_kafka_t *rk, const struct config *config,
                                  const struct topology *topology, const bool *missing,
                                  int32_t partitions, struct error *error)
{
    rd_kafka_NewTopic_t *declared[TOPICS];
    size_t count = 0;
    enum verdict verdict = VERDICT_OK;
    for (int i = 0; i < TOPICS && verdict == VERDICT_OK; i++) {
        if (!missing[i])
            continue;
        declared[count] =
            declare_topic(config, topology->topics[i], (enum topic)i, partitions, error);
        if (declared[count] == NULL)
            verdict = VERDICT_FATAL;
        else
            count++;
    }
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    if (verdict == VERDICT_OK) {
        rd_kafka_CreateTopics(rk, declared, count, NULL, queue);
        rd_kafka_event_t *event = rd_kafka_queue_poll(queue, FIRST_BROKER_MS);
        if (event == NULL || rd_kafka_event_error(event))
            verdict = error_set(error, VERDICT_FATAL, "topics can't be created: %s",
                                event ? rd_kafka_event_error_string(event) : "no answer");
        size_t result_count = 0;
        const rd_kafka_topic_result_t **results = NULL;
        if (verdict == VERDICT_OK)
            results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event),
                                                          &result_count);
        for (size_t i = 0; i < result_count && verdict == VERDICT_OK; i++) {
            rd_kafka_resp_err_t err = rd_kafka_topic_result_error(results[i]);
            const char *why = rd_kafka_topic_result_error_string(results[i]);
            if (err && err != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
                verdict = error_set(error, VERDICT_FATAL, "topic %s can't be created: %s",
                                    rd_kafka_topic_result_name(results[i]),
                                    why ? why : rd_kafka_err2str(err));
        }
        if (event)
            rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(queue);
    rd_kafka_NewTopic_destroy_array(declared, count);
    return verdict;
}

/* How many partitions the inputs have; `fallback` if there is none yet. */
static enum verdict input_partitions(const struct topology *topology,
                                     const struct rd_kafka_metadata *metadata, int32_t fallback,
                                     int32_t *ret_partitions, struct error *error)
{
    int32_t partitions = 0;
    const char *first = "";
    for (int i = 0; i < INPUT_TOPICS; i++) {
        int32_t count = count_in(metadata, topology->topics[i]);
        if (count == 0)
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
        int32_t count = count_in(metadata, topology->topics[i]);
        int32_t wanted = topic_rows[i].partitioned ? partitions : 1;
        ret_missing[i] = count == 0;
        if (count != 0 && count != wanted && !topic_rows[i].input)
            return error_set(error, VERDICT_FATAL,
                             "%s has %d partitions and needs %d, as many as the inputs; if "
                             "partitions were added to an input, see 'Adding partitions' in the "
                             "README",
                             topology->topics[i], (int)count, (int)wanted);
    }
    return VERDICT_OK;
}

static enum verdict ensure_once(rd_kafka_t *rk, const struct config *config,
                                const struct topology *topology, bool create,
                                int32_t *ret_partitions, bool *ret_done, struct error *error)
{
    const struct rd_kafka_metadata *metadata;
    bool missing[TOPICS];
    *ret_done = false;
    enum verdict verdict = get_metadata(rk, &metadata, ANSWER_MS, error);
    if (verdict != VERDICT_OK)
        return verdict;
    verdict =
        input_partitions(topology, metadata, (int32_t)config->partitions, ret_partitions, error);
    if (verdict == VERDICT_OK)
        verdict = check_topics(topology, metadata, *ret_partitions, missing, error);
    rd_kafka_metadata_destroy(metadata);
    if (verdict != VERDICT_OK)
        return verdict;
    *ret_done = true;
    for (int i = 0; i < TOPICS; i++) {
        if (!missing[i])
            continue;
        *ret_done = false;
        if (!create)
            return error_set(
                error, VERDICT_FATAL,
                "topic %s does not exist; create it (%d partitions%s) or run without "
                "--no-create",
                topology->topics[i], (int)(topic_rows[i].partitioned ? *ret_partitions : 1),
                topic_rows[i].cleanup == CLEANUP_COMPACT ? ", cleanup.policy=compact" : "");
        log_line(LOG_LEVEL_INFO, "topics", "creating %s", topology->topics[i]);
    }
    return *ret_done ? VERDICT_OK
                     : create_topics(rk, config, topology, missing, *ret_partitions, error);
}

enum verdict kafka_ensure_topics(const struct config *config, const struct topology *topology,
                                 bool create, int32_t *ret_partitions, struct error *error)
{
    rd_kafka_t *rk = kafka_open(config, KAFKA_PRODUCER, NULL, error);
    if (rk == NULL)
        return VERDICT_FATAL;
    enum verdict verdict = VERDICT_RETRY;
    bool done = false;
    int64_t until_us = clock_monotonic_us() + FIRST_BROKER_MS * 1000;
    while (!done && verdict != VERDICT_FATAL && clock_monotonic_us() < until_us) {
        struct error inner = {0};
        verdict = ensure_once(rk, config, topology, create, ret_partitions, &done, &inner);
        if (verdict == VERDICT_FATAL)
            error_set(error, verdict, "%s", inner.message);
        else if (!done)
            usleep(100000); /* what was created shows in the metadata a moment later */
    }
    rd_kafka_destroy(rk);
    if (verdict == VERDICT_FATAL)
        return verdict;
    if (!done)
        return error_set(error, VERDICT_FATAL, "no broker answers at %s after %d s",
                         config->bootstrap_servers, FIRST_BROKER_MS / 1000);
    return VERDICT_OK;
}
