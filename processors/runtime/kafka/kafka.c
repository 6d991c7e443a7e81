#include "processors/runtime/kafka/kafka.h"

#include "processors/runtime/kafka/client_id.h"
#include "processors/runtime/kafka/faults.h"
#include "processors/runtime/kafka/queue_budget.h"
#include "processors/runtime/kafka/size_budget.h"
#include "processors/runtime/log.h"
#include "state/visitor_codec.h"

#include <stdio.h>

#define ANSWER_MS 10000
#define SLICE_MS 250 /* of a wait, between looks at `stop` */
#define SLICE_MAX_MS 2000
#define PROTOCOL_DOUBT_US 3000000 /* a broker that stops looks like one of another protocol */
#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)

static const struct kafka_extra common[] = {
    {"client.id", "weft"},
    {"broker.address.family", "v4"},
    {"log.connection.close", "false"},
    {NULL, NULL},
};

/* queued.min.messages: at the default, librdkafka 2.0.2 pauses fetching for a second each time the
 * queue has been full (librdkafka#2879).
 *
 * fetch.wait.max.ms: a partition whose queue is full is left out of a fetch. If the others are at
 * their ends, it waits so long for the next one. fetch.error.backoff.ms is the same wait when all
 * queues are full.
 *
 * socket.timeout.ms: a connection that a broken switch swallows is noticed only when a request has
 * waited so long, and all that is read waits with it; the default is 60 s. For producers librdkafka
 * takes about the time-out of their transactions.
 *
 * receive.message.max.bytes: at the default of 100 MB, librdkafka refuses for ever a batch that is
 * larger, or (zstd) that is larger once it is decompressed. */
static const struct kafka_extra consumer[] = {
    {"enable.auto.commit", "false"},
    {"enable.auto.offset.store", "false"},
    {"auto.offset.reset", "earliest"},
    {"enable.partition.eof", "true"},
    {"queued.min.messages", "1000000"},
    {"fetch.wait.max.ms", "20"},
    {"fetch.error.backoff.ms", "10"},
    {"socket.timeout.ms", "15000"},
    {"receive.message.max.bytes", "1073741824"},
    {"check.crcs", "true"},
    {NULL, NULL},
};

#define MEMBER_WAIT_MS "15"
#define EARLY_WAIT_MS "5" /* with lists.early=on, where nothing waits for a commit */

/* fetch.min.bytes: otherwise a broker answers a fetch for each single record. An event that comes
 * alone waits for fetch.wait.max.ms at most, which is little beside the time between commits.
 *
 * Only range gives partition i of every input to one member. Without a reset, a member hears of
 * records that are gone, and does not jump over them without a word. */
static const struct kafka_extra member[] = {
    {"fetch.min.bytes", "65536"},
    {"fetch.wait.max.ms", MEMBER_WAIT_MS},
    {"auto.offset.reset", "error"},
    {"partition.assignment.strategy", "range"},
    {"isolation.level", "read_committed"},
    {"topic.metadata.refresh.interval.ms", "30000"}, /* the group sees added partitions soon */
    {NULL, NULL},
};

/* Java's partitioner: keys go to the partitions that Java's producers choose. */
static const struct kafka_extra producer[] = {
    {"partitioner", "murmur2_random"},
    {"compression.codec", "lz4"},
    {"linger.ms", "20"},
    {"batch.num.messages", "100000"},
    {"socket.nagle.disable", "true"},
    {"message.max.bytes", TEXT(RECORD_BYTES_MAX)},
    {"queue.buffering.max.messages", "1000000"},
    {"queue.buffering.max.kbytes", "131072"},
    {NULL, NULL},
};

static const struct kafka_extra early_member[] = {
    {"fetch.wait.max.ms", EARLY_WAIT_MS},
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

static bool set_bounds(rd_kafka_conf_t *conf, const struct queue_bounds *bounds,
                       struct error *error)
{
    char queued[24], answer[24], partition[24];
    snprintf(queued, sizeof queued, "%lld", (long long)bounds->queued_kbytes);
    snprintf(answer, sizeof answer, "%lld", (long long)bounds->answer_bytes);
    snprintf(partition, sizeof partition, "%lld", (long long)bounds->partition_bytes);
    const struct kafka_extra extra[] = {
        {"queued.max.messages.kbytes", queued},
        {"fetch.max.bytes", answer},
        {"fetch.message.max.bytes", partition},
        {NULL, NULL},
    };
    return set_all(conf, extra, error);
}

/* From librdkafka 2.2 on: time until it looks again at a queue that has been full. */
static void set_queue_backoff(rd_kafka_conf_t *conf)
{
    char why[256];
    rd_kafka_conf_set(conf, "fetch.queue.backoff.ms", "10", why, sizeof why);
}

static struct queue_bounds bounds_of(const struct config *config, enum kafka_role role)
{
    int inputs = config->topic_events[0] ? 2 : INPUT_TOPICS; /* with that of the users */
    if (role == KAFKA_MEMBER && config->input_partitions > 0)
        return queue_bounds_inputs(config->queue_bytes, inputs, config->input_partitions,
                                   config->workers);
    return queue_bounds_reader(config->queue_bytes);
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
            {for_consumers || for_producers ? name + 9 : name, config_kafka_value(config, i)},
            {NULL, NULL},
        };
        if (!set_all(conf, one, error))
            return false;
    }
    return true;
}

/* A member's client.id, which may be configured, also tells the format of visitors' rows. */
static bool tell_format(rd_kafka_conf_t *conf, struct error *error)
{
    char id[CLIENT_ID_SIZE], client_id[CONFIG_TEXT_MAX] = "";
    size_t size = sizeof client_id;
    rd_kafka_conf_get(conf, "client.id", client_id, &size);
    client_id_tell(client_id, VISITOR_FORMAT, id);
    const struct kafka_extra told[] = {{"client.id", id}, {NULL, NULL}};
    return set_all(conf, told, error);
}

rd_kafka_conf_t *kafka_conf(const struct config *config, enum kafka_role role,
                            const struct kafka_extra *extra, struct error *error)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    bool produces = role == KAFKA_PRODUCER;
    const struct queue_bounds bounds = bounds_of(config, role);
    struct kafka_extra own[] = {
        {"bootstrap.servers", config->bootstrap_servers},
        {"isolation.level",
         role == KAFKA_WATCHER || produces ? "read_uncommitted" : "read_committed"},
        {"group.id", config->application_id}, /* without one, a consumer has no queue */
        {NULL, NULL},
    };
    if (produces)
        own[1].name = NULL;
    rd_kafka_conf_set_log_cb(conf, log_kafka);
    if (!produces)
        set_queue_backoff(conf);
    if (set_all(conf, common, error) && set_all(conf, produces ? producer : consumer, error) &&
        (produces || set_bounds(conf, &bounds, error)) &&
        (role != KAFKA_MEMBER || set_all(conf, member, error)) &&
        (role != KAFKA_MEMBER || !config->settings.lists_early ||
         set_all(conf, early_member, error)) &&
        set_all(conf, own, error) && set_all(conf, extra, error) &&
        set_configured(conf, config, produces, error) &&
        (role != KAFKA_MEMBER || tell_format(conf, error)))
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
    rd_kafka_conf_t *conf = kafka_conf(config, role, extra, error);
    return conf ? kafka_new(role, conf, error) : NULL;
}

/* ---- why no broker answers ---- */

/* "No connection at all" follows from the reason of each broker. */
static int rank_trouble(int code, const char *text)
{
    if (code == 0 || code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
        return code != 0;
    return fault_refusal(code, text) == REFUSAL_NONE ? 2 : 3;
}

static void note_trouble(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
    struct kafka_trouble *trouble = opaque;
    (void)rk;
    log_line(LOG_LEVEL_DEBUG, "kafka", "%s: %s", rd_kafka_err2name((rd_kafka_resp_err_t)code),
             reason);
    if (rank_trouble(code, reason) < rank_trouble(trouble->code, trouble->text))
        return;
    trouble->code = code;
    snprintf(trouble->text, sizeof trouble->text, "%s", reason);
}

rd_kafka_t *kafka_open_watched(const struct config *config, const struct kafka_extra *extra,
                               struct kafka_trouble *trouble, struct error *error)
{
    const struct kafka_extra anonymous[] = {{"group.id", config->application_id}, {NULL, NULL}};
    rd_kafka_conf_t *conf = kafka_conf(config, KAFKA_READER, extra ? extra : anonymous, error);
    *trouble = (struct kafka_trouble){0};
    if (conf == NULL)
        return NULL;
    /* a listener of another protocol closes the connection: librdkafka tells it only with this */
    rd_kafka_conf_set(conf, "log.connection.close", "true", NULL, 0);
    rd_kafka_conf_set_error_cb(conf, note_trouble);
    rd_kafka_conf_set_opaque(conf, trouble);
    return kafka_new(KAFKA_READER, conf, error);
}

/* Whether waiting goes on: not once the brokers refuse this client, or its process stops. */
static bool may_pass(const struct kafka_trouble *trouble, int64_t waited_us)
{
    switch (fault_refusal(trouble->code, trouble->text)) {
    case REFUSAL_OF_LOGIN:
        return false;
    case REFUSAL_OF_TLS:
    case REFUSAL_OF_PROTOCOL:
    case REFUSAL_OF_NAME:
        return waited_us < PROTOCOL_DOUBT_US;
    default:
        return true;
    }
}

enum verdict kafka_await(rd_kafka_t *rk, bool all, int64_t until_us, const atomic_bool *stop,
                         struct kafka_trouble *trouble,
                         const struct rd_kafka_metadata **ret_metadata, struct error *error)
{
    int64_t since_us = clock_monotonic_us();
    for (int slice_ms = SLICE_MS;;) {
        rd_kafka_resp_err_t err = rd_kafka_metadata(rk, all, NULL, ret_metadata, slice_ms);
        int64_t now_us = clock_monotonic_us();
        rd_kafka_message_t *message = rd_kafka_consumer_poll(rk, 0); /* serves note_trouble() */
        if (message && message->err == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED)
            trouble->no_group_right = true;
        if (message)
            rd_kafka_message_destroy(message);
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
            return VERDICT_OK;
        if (err == RD_KAFKA_RESP_ERR__TIMED_OUT && slice_ms < SLICE_MAX_MS)
            slice_ms *= 2; /* a broker is there, but slow */
        if (!may_pass(trouble, now_us - since_us))
            return error_set(error, VERDICT_FATAL, "%s", trouble->text);
        if (now_us >= until_us || (stop && atomic_load(stop)))
            return error_set(error, VERDICT_RETRY, "%s",
                             trouble->code ? trouble->text : rd_kafka_err2str(err));
    }
}

/* ---- metadata ---- */

enum verdict kafka_metadata(rd_kafka_t *rk, const struct rd_kafka_metadata **ret_metadata,
                            struct error *error)
{
    rd_kafka_resp_err_t err = rd_kafka_metadata(rk, 1, NULL, ret_metadata, ANSWER_MS);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
        return VERDICT_OK;
    return error_set(error, VERDICT_RETRY, "the broker does not send its metadata: %s",
                     rd_kafka_err2str(err));
}

int32_t kafka_partitions_in(const struct rd_kafka_metadata *metadata, const char *topic)
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
    enum verdict verdict = kafka_metadata(rk, &metadata, error);
    if (verdict != VERDICT_OK)
        return verdict;
    *ret_count = kafka_partitions_in(metadata, topic);
    rd_kafka_metadata_destroy(metadata);
    return VERDICT_OK;
}

enum verdict kafka_describe_group(rd_kafka_t *rk, const char *group, int answer_ms,
                                  const struct rd_kafka_group_list **ret_list, struct error *error)
{
    rd_kafka_resp_err_t err = rd_kafka_list_groups(rk, group, ret_list, answer_ms);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
        return VERDICT_OK;
    enum verdict verdict =
        err == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE ? VERDICT_SKIP : VERDICT_RETRY;
    return error_set(error, verdict, "no broker tells the members of %s: %s", group,
                     rd_kafka_err2str(err));
}
