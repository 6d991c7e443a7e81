#include "processors/runtime/kafka/faults.h"
#include "processors/runtime/kafka/preflight.h"
#include "processors/runtime/kafka/rights.h"
#include "processors/runtime/kafka/size_budget.h"
#include "processors/runtime/kafka/topic_declare.h"
#include "processors/runtime/kafka/topic_settings.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define MIB (1024 * 1024)
#define STATE_LEAST_BYTES ((int64_t)64 * MIB) /* with less weft does not start */
#define STATE_FREE_BYTES ((int64_t)1024 * MIB)
#define CLOCK_AHEAD_MS 60000
#define SNAPSHOTS_REMEMBERED 6 /* the log reaches back this many snapshots at least */

struct judging {
    const struct config *config;
    const struct topology *topology;
    const struct look *look;
    struct findings *findings;
    const char *check; /* the row's name */
};

/* ---- findings ---- */

bool findings_have(const struct findings *findings, enum finding_kind kind)
{
    for (size_t i = 0; i < findings->count; i++)
        if (findings->at[i].kind == kind)
            return true;
    return false;
}

static void find(const struct judging *judging, enum finding_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void find(const struct judging *judging, enum finding_kind kind, const char *format, ...)
{
    struct findings *findings = judging->findings;
    va_list arguments;
    if (findings->count == FINDINGS_MAX) {
        findings->more++;
        return;
    }
    struct finding *finding = &findings->at[findings->count++];
    finding->kind = kind;
    finding->check = judging->check;
    va_start(arguments, format);
    vsnprintf(finding->text, sizeof finding->text, format, arguments);
    va_end(arguments);
}

/* The start of a sentence, then a command. */
static void find_command(const struct judging *judging, enum finding_kind kind, const char *text,
                         const struct buffer *command)
{
    find(judging, kind, "%s: %.*s", text, (int)command->size, command->at);
}

static const char *topic_name(const struct judging *judging, int topic)
{
    return judging->topology->topics[topic];
}

static void find_setting(const struct judging *judging, enum finding_kind kind, int topic,
                         const char *text, const char *assignment)
{
    struct bytes broker = rights_broker(judging->config);
    find(judging, kind,
         "%s %s; mend it: kafka-configs.sh --bootstrap-server %.*s --alter --entity-type topics "
         "--entity-name %s --add-config %s",
         topic_name(judging, topic), text, (int)broker.size, broker.at, topic_name(judging, topic),
         assignment);
}

/* A code that no row knows: the table of faults decides, and has the advice. */
static void find_code(const struct judging *judging, int code, const char *text)
{
    char advice[FAULT_ADVICE_BYTES_MAX];
    const struct fault_row *row = fault_find(FAULT_OF_KAFKA, code);
    find(judging, row->fault == FAULT_SETUP ? FINDING_FIX : FINDING_WAIT, "%s: %s%s", text,
         rd_kafka_err2str((rd_kafka_resp_err_t)code), fault_advice(row, advice));
}

static bool tried(int code)
{
    return code != PREFLIGHT_UNTRIED;
}

static bool is_there(const struct judging *judging, int topic)
{
    return judging->look->topics[topic].seen == 0;
}

/* ---- the brokers ---- */

static void check_client(const struct judging *judging)
{
    if (judging->look->client_why[0])
        find(judging, FINDING_FIX, "%s", judging->look->client_why);
}

static bool says(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

static void check_connection(const struct judging *judging)
{
    const struct look *look = judging->look;
    const char *brokers = judging->config->bootstrap_servers, *why = look->connection_why;
    if (!tried(look->connection) || look->connection == 0)
        return;
    switch (fault_refusal(look->connection, why)) {
    case REFUSAL_OF_LOGIN:
        find(judging, FINDING_FIX,
             "the brokers at %.200s refuse the user or the password (%s): set kafka.sasl.username, "
             "kafka.sasl.password and kafka.sasl.mechanisms",
             brokers, why);
        break;
    case REFUSAL_OF_TLS:
        find(judging, FINDING_FIX,
             "no encrypted connection to %.200s (%s): set kafka.ssl.ca.location, and "
             "kafka.ssl.certificate.location if the brokers want a certificate",
             brokers, why);
        break;
    case REFUSAL_OF_PROTOCOL:
        find(judging, FINDING_FIX,
             "the listener at %.200s speaks another protocol (%s): set kafka.security.protocol to "
             "that of the listener",
             brokers, why);
        break;
    case REFUSAL_OF_NAME:
        find(judging, FINDING_FIX, "no machine has the name (%s): set bootstrap.servers", why);
        break;
    default:
        find(judging, FINDING_WAIT, "no broker answers at %.200s (%s); start the brokers", brokers,
             why);
    }
}

/* ---- topics ---- */

static int32_t input_partitions(const struct judging *judging)
{
    for (int i = 0; i < INPUT_TOPICS; i++)
        if (is_there(judging, i))
            return judging->look->topics[i].partitions;
    return (int32_t)judging->config->partitions;
}

static void create_command(const struct judging *judging, int topic, struct buffer *command)
{
    struct topic_settings settings;
    struct bytes broker = rights_broker(judging->config);
    buffer_format(command,
                  "kafka-topics.sh --bootstrap-server %.*s --create --topic %s --partitions %d",
                  (int)broker.size, broker.at, topic_name(judging, topic),
                  (int)(topic_rows[topic].partitioned ? input_partitions(judging) : 1));
    if (judging->config->replication_factor > 0)
        buffer_format(command, " --replication-factor %d",
                      (int)judging->config->replication_factor);
    topic_settings_declared(judging->config, (enum topic)topic, &settings);
    for (size_t i = 0; i < settings.count; i++)
        buffer_format(command, " --config %s=%s", settings.at[i].name, settings.at[i].value);
}

static void find_missing(const struct judging *judging, int topic)
{
    const struct look *look = judging->look;
    struct buffer command = {0};
    char text[FINDING_BYTES_MAX];
    const char *name = topic_name(judging, topic);
    int code = look->topics[topic].create;
    if (look->may_create &&
        (code == 0 || !tried(code) || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS))
        return; /* weft creates it, or another process has done so meanwhile */
    if (look->may_create && fault_find(FAULT_OF_KAFKA, code)->fault != FAULT_SETUP) {
        snprintf(text, sizeof text, "topic %s does not exist and can't be created now", name);
        find_code(judging, code, text);
        return;
    }
    create_command(judging, topic, &command);
    if (!look->may_create)
        snprintf(text, sizeof text, "topic %s does not exist; create it", name);
    else if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
             code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED)
        snprintf(text, sizeof text,
                 "topic %s does not exist, and weft may not create it; create it, or grant Create",
                 name);
    else
        snprintf(
            text, sizeof text, "topic %s does not exist and can't be created (%s); create it", name,
            look->create_why[0] ? look->create_why : rd_kafka_err2str((rd_kafka_resp_err_t)code));
    find_command(judging, FINDING_FIX, text, &command);
    buffer_release(&command);
}

/* "weft may not <action> <topic><harm>": the harm may be empty. */
static void find_right(const struct judging *judging, enum finding_kind kind, int topic,
                       uint32_t rights, const char *action, const char *harm)
{
    struct buffer command = {0};
    char text[FINDING_BYTES_MAX];
    right_topic_command(judging->config, judging->topology, (enum topic)topic, rights, &command);
    snprintf(text, sizeof text, "weft may not %s %s%s; allow it", action,
             topic_name(judging, topic), harm);
    find_command(judging, kind, text, &command);
    buffer_release(&command);
}

static void check_topics(const struct judging *judging)
{
    char text[FINDING_BYTES_MAX];
    for (int i = 0; i < TOPICS; i++) {
        int seen = judging->look->topics[i].seen;
        if (seen == 0 || !tried(seen))
            continue;
        if (seen == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
            find_right(judging, FINDING_FIX, i, rights_needed((enum topic)i), "see topic",
                       ", which may not exist either");
        else if (seen == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
            find_missing(judging, i);
        else {
            snprintf(text, sizeof text, "topic %s can't be used", topic_name(judging, i));
            find_code(judging, seen, text);
        }
    }
}

static void check_partitions(const struct judging *judging)
{
    const struct look *look = judging->look;
    int32_t wanted = input_partitions(judging);
    int first = 0;
    while (first < INPUT_TOPICS && !is_there(judging, first))
        first++;
    for (int i = 0; i < TOPICS; i++) {
        int32_t count = look->topics[i].partitions;
        if (!is_there(judging, i) || i == TOPIC_PRODUCT)
            continue;
        if (i < INPUT_TOPICS && count != wanted)
            find(judging, FINDING_FIX,
                 "%s has %d partitions but %s has %d: a visitor's events must be in the same "
                 "partition of every input; create them with the same number, or name others "
                 "(topics.user, ...)",
                 topic_name(judging, first), (int)wanted, topic_name(judging, i), (int)count);
        else if (i >= INPUT_TOPICS && count != (topic_rows[i].partitioned ? wanted : 1))
            find(judging, FINDING_FIX,
                 "%s has %d partitions and needs %d%s; if partitions were added to an input, see "
                 "'Adding partitions' in deploy/README.md",
                 topic_name(judging, i), (int)count, (int)(topic_rows[i].partitioned ? wanted : 1),
                 topic_rows[i].partitioned ? ", as many as the inputs" : "");
    }
}

/* ---- rights ---- */

static bool is_refused(enum right right, int code)
{
    return code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
           (right == RIGHT_SETTINGS && code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED);
}

/* The sentences of a right that the brokers refuse, and of another error. */
struct right_words {
    enum finding_kind kind;
    const char *action, *harm; /* see find_right() */
    const char *what, *done;   /* "<what> <topic> can't be <done>" */
};

static const struct right_words right_words[RIGHTS] = {
    [RIGHT_READ] = {FINDING_FIX, "read topic", "", "topic", "read"},
    [RIGHT_WRITE] = {FINDING_FIX, "write to topic", "", "topic", "written"},
    [RIGHT_SETTINGS] = {FINDING_ADVISE, "read the settings of topic",
                        ", so it takes Kafka's defaults", "the settings of topic", "read"},
};

/* `code`: the answer to the try of a right. */
static void check_try(const struct judging *judging, int topic, enum right right, int code)
{
    const struct right_words *words = &right_words[right];
    char text[FINDING_BYTES_MAX];
    if (!is_there(judging, topic) || code == 0 || !tried(code))
        return;
    if (is_refused(right, code)) {
        find_right(judging, words->kind, topic, RIGHT_BIT(right), words->action, words->harm);
        return;
    }
    snprintf(text, sizeof text, "%s %s can't be %s", words->what, topic_name(judging, topic),
             words->done);
    find_code(judging, code, text);
}

static void check_read(const struct judging *judging)
{
    for (int i = 0; i < TOPICS; i++)
        check_try(judging, i, RIGHT_READ, judging->look->topics[i].read);
}

static void check_write(const struct judging *judging)
{
    for (int i = 0; i < TOPICS; i++)
        check_try(judging, i, RIGHT_WRITE, judging->look->topics[i].write);
}

static void check_settings_right(const struct judging *judging)
{
    for (int i = 0; i < TOPICS; i++)
        check_try(judging, i, RIGHT_SETTINGS, judging->look->topics[i].settings);
}

static void check_group(const struct judging *judging, const char *group, int code)
{
    struct buffer command = {0};
    char text[FINDING_BYTES_MAX];
    if (code == 0 || !tried(code))
        return;
    if (code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED) {
        right_group_command(judging->config, group, &command);
        snprintf(text, sizeof text, "weft may not use the consumer group %s; allow it", group);
        find_command(judging, FINDING_FIX, text, &command);
        buffer_release(&command);
        return;
    }
    snprintf(text, sizeof text, "the consumer group %s can't be used", group);
    find_code(judging, code, text);
}

static void check_groups(const struct judging *judging)
{
    check_group(judging, judging->config->application_id, judging->look->group);
    check_group(judging, judging->topology->publisher, judging->look->publisher);
}

static void check_transactions(const struct judging *judging)
{
    int code = judging->look->transactions;
    struct buffer command = {0};
    char text[FINDING_BYTES_MAX];
    if (code == 0 || !tried(code))
        return;
    if (code == RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED ||
        code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED) {
        right_transactions_command(judging->config, &command);
        snprintf(text, sizeof text,
                 "weft may not use transactional ids that start with %s-; "
                 "allow it",
                 judging->config->application_id);
        find_command(judging, FINDING_FIX, text, &command);
        buffer_release(&command);
        return;
    }
    find_code(judging, code, "transactions can't be used");
}

/* ---- settings of topics ---- */

static void check_cleanup(const struct judging *judging)
{
    char text[FINDING_BYTES_MAX];
    for (int i = 0; i < TOPICS; i++) {
        const char *policy = judging->look->topics[i].cleanup;
        bool compact = says(policy, "compact"), wanted = topic_rows[i].cleanup == CLEANUP_COMPACT;
        if (!is_there(judging, i) || policy[0] == '\0')
            continue;
        if (!wanted && compact && !topic_rows[i].input) {
            snprintf(text, sizeof text,
                     "has cleanup.policy=%s and takes no records without keys, which weft writes",
                     policy);
            find_setting(judging, FINDING_FIX, i, text, "cleanup.policy=delete");
        } else if (wanted && says(policy, "delete")) {
            bool is_state = i == TOPIC_VISITOR_CHANGELOG && !compact;
            snprintf(text, sizeof text,
                     "has cleanup.policy=%s, so the newest record of a key is lost after "
                     "retention.ms",
                     policy);
            find_setting(judging, is_state ? FINDING_FIX : FINDING_ADVISE, i, text,
                         "cleanup.policy=compact");
        }
    }
}

static void check_sizes(const struct judging *judging)
{
    char text[FINDING_BYTES_MAX], assignment[64];
    for (int i = 0; i < TOPICS; i++) {
        int64_t bytes = judging->look->topics[i].bytes;
        int64_t created = size_budget_created((enum topic)i);
        struct size_budget budget;
        struct error why = {0};
        if (!is_there(judging, i) || bytes == PREFLIGHT_UNKNOWN || topic_rows[i].input)
            continue;
        size_budget_init(&budget, judging->config, judging->topology);
        if (size_budget_set(&budget, (enum topic)i, bytes, &why) != VERDICT_OK) {
            find(judging, FINDING_FIX, "%s", why.message);
        } else if (bytes < created && bytes < KAFKA_RECORD_BYTES) {
            snprintf(text, sizeof text, "takes records of %" PRId64 " bytes, so weft cuts more",
                     bytes);
            snprintf(assignment, sizeof assignment, "max.message.bytes=%" PRId64, created);
            find_setting(judging, FINDING_ADVISE, i, text, assignment);
        }
    }
}

struct remembering {
    enum topic topic;
    const char *harm; /* of forgetting a deletion too soon */
};

static const struct remembering remembering[] = {
    {TOPIC_VISITOR_CHANGELOG, "a process that is away longer must read all its visitors again"},
    {TOPIC_RECOMMENDATIONS, "a reader that is away longer keeps the lists of erased visitors"},
    {TOPIC_USER, "while weft is stopped for longer, requests to erase a user are lost"},
};

static void find_forgetting(const struct judging *judging, int topic, const char *harm)
{
    char text[FINDING_BYTES_MAX], assignment[64];
    snprintf(text, sizeof text, "forgets deletions after %" PRId64 " ms: %s",
             judging->look->topics[topic].delete_retention_ms, harm);
    snprintf(assignment, sizeof assignment, DELETE_RETENTION "=%" PRId64,
             topic_rows[TOPIC_VISITOR_CHANGELOG].delete_retention_ms);
    find_setting(judging, FINDING_ADVISE, topic, text, assignment);
}

static void check_erasure(const struct judging *judging)
{
    const struct topic_look *product = &judging->look->topics[TOPIC_PRODUCT];
    char harm[200];
    for (size_t i = 0; i < sizeof remembering / sizeof remembering[0]; i++) {
        const struct topic_look *topic = &judging->look->topics[remembering[i].topic];
        if (is_there(judging, (int)remembering[i].topic) &&
            topic->delete_retention_ms != PREFLIGHT_UNKNOWN &&
            topic->delete_retention_ms < DELETE_RETENTION_DEFAULT_MS)
            find_forgetting(judging, (int)remembering[i].topic, remembering[i].harm);
    }
    if (!is_there(judging, TOPIC_PRODUCT) || product->delete_retention_ms == PREFLIGHT_UNKNOWN ||
        judging->config->catalogue_rescan_ms < product->delete_retention_ms)
        return;
    snprintf(harm, sizeof harm,
             "a process that is away longer, but not for catalogue.rescan.ms (%" PRId64
             "), keeps deleted products",
             judging->config->catalogue_rescan_ms);
    find_forgetting(judging, TOPIC_PRODUCT, harm);
}

static void check_retention(const struct judging *judging)
{
    const struct topic_look *log = &judging->look->topics[TOPIC_INTERACTIONS];
    int64_t least_ms = SNAPSHOTS_REMEMBERED * judging->config->snapshot_interval_ms;
    char text[FINDING_BYTES_MAX];
    if (!is_there(judging, TOPIC_INTERACTIONS) || log->retention_ms == PREFLIGHT_UNKNOWN ||
        log->retention_ms < 0 || log->retention_ms >= least_ms)
        return;
    snprintf(text, sizeof text,
             "deletes records after %" PRId64
             " ms, sooner than %d snapshots (snapshot.interval.ms)",
             log->retention_ms, SNAPSHOTS_REMEMBERED);
    find_setting(judging, FINDING_FIX, TOPIC_INTERACTIONS, text, "retention.ms=-1");
}

static void check_replicas(const struct judging *judging)
{
    char text[FINDING_BYTES_MAX], assignment[64];
    for (int i = 0; i < TOPICS; i++) {
        const struct topic_look *topic = &judging->look->topics[i];
        if (!is_there(judging, i) || topic_rows[i].input ||
            topic->in_sync_min == PREFLIGHT_UNKNOWN || topic->replicas == 0)
            continue;
        if (topic->in_sync_min > topic->replicas) {
            snprintf(text, sizeof text,
                     "has min.insync.replicas=%" PRId64 " but %d replicas, so nobody can write",
                     topic->in_sync_min, (int)topic->replicas);
            snprintf(assignment, sizeof assignment, "min.insync.replicas=%d", (int)topic->replicas);
            find_setting(judging, FINDING_FIX, i, text, assignment);
        } else if (topic->in_sync < topic->in_sync_min) {
            find(judging, FINDING_WAIT,
                 "%s has %d replicas in sync and needs %" PRId64
                 "; start the brokers that are down",
                 topic_name(judging, i), (int)topic->in_sync, topic->in_sync_min);
        }
    }
}

/* ---- this machine, and the registry ---- */

/* The newest record that weft wrote, or that a broker dated. */
static void check_clock(const struct judging *judging)
{
    int newest = -1;
    for (int i = 0; i < TOPICS; i++)
        if (!topic_rows[i].input && judging->look->topics[i].newest_ms != PREFLIGHT_UNKNOWN &&
            (newest < 0 ||
             judging->look->topics[i].newest_ms > judging->look->topics[newest].newest_ms))
            newest = i;
    if (newest < 0)
        return;
    int64_t ahead_ms = judging->look->topics[newest].newest_ms - judging->look->now_ms;
    if (ahead_ms > CLOCK_AHEAD_MS)
        find(judging, FINDING_FIX,
             "the clock of this machine is at least %" PRId64 " s behind: %s has a record from "
             "after now; set it: timedatectl set-ntp true",
             ahead_ms / 1000, topic_name(judging, newest));
}

static void check_state(const struct judging *judging)
{
    const struct look *look = judging->look;
    const char *path = judging->config->state_dir;
    int64_t free_mib = look->state_free_bytes / MIB;
    if (look->state_errno != 0)
        find(
            judging, FINDING_FIX,
            "state.dir %.200s can't be written (%s): mkdir -p %.200s && chown USER %.200s && chmod "
            "700 %.200s",
            path, strerror(look->state_errno), path, path, path);
    else if (look->state_free_bytes != PREFLIGHT_UNKNOWN &&
             look->state_free_bytes < STATE_FREE_BYTES)
        find(judging, look->state_free_bytes < STATE_LEAST_BYTES ? FINDING_FIX : FINDING_ADVISE,
             "the disk of state.dir %.200s has %" PRId64 " MiB free, less than %d: free some, or "
             "set state.dir",
             path, free_mib, (int)(STATE_FREE_BYTES / MIB));
}

/* `weft run` waits for a registry whatever it answers: it loses nothing meanwhile. */
static void check_registry(const struct judging *judging)
{
    const struct look *look = judging->look;
    char advice[FAULT_ADVICE_BYTES_MAX];
    long status = look->registry_status;
    if (!look->has_registry)
        return;
    if (look->registry_unusable) {
        find(judging, FINDING_FIX, "%s", look->registry_why);
        return;
    }
    if (status == 200 || (status == 404 && !look->registry_is_other))
        return;
    const struct fault_row *row = fault_find(FAULT_OF_REGISTRY, (int)status);
    if (look->registry_refuses_tls)
        find(judging, FINDING_ADVISE,
             "no encrypted connection to the schema registry (%s): set schema.registry.ca.file",
             look->registry_why);
    else if (status == 0)
        find(judging, FINDING_WAIT, "the schema registry does not answer: %s", look->registry_why);
    else if (status == 404)
        find(judging, FINDING_ADVISE,
             "schema.registry.url names no schema registry: %s answers 404 without an error code",
             look->registry_why);
    else
        find(judging, status == 429 || status / 100 == 5 ? FINDING_WAIT : FINDING_ADVISE,
             "the schema registry answers with status %ld to %s%s", status, look->registry_why,
             fault_advice(row, advice));
}

/* ---- the rows ---- */

struct check {
    const char *name;
    void (*judge)(const struct judging *judging);
};

static const struct check checks[] = {
    {"librdkafka and the keys kafka.*", check_client},
    {"the connection to the brokers", check_connection},
    {"topics, and the right to create them", check_topics},
    {"numbers of partitions", check_partitions},
    {"the right to read topics", check_read},
    {"the right to write topics", check_write},
    {"the right to read settings of topics", check_settings_right},
    {"the right to use consumer groups", check_groups},
    {"the right to use transactions", check_transactions},
    {"cleanup.policy of topics", check_cleanup},
    {"max.message.bytes of topics", check_sizes},
    {"delete.retention.ms of topics", check_erasure},
    {"retention.ms of the log", check_retention},
    {"replicas of topics", check_replicas},
    {"the clock", check_clock},
    {"the state's folder and its disk", check_state},
    {"the schema registry", check_registry},
};

const size_t preflight_check_count = sizeof checks / sizeof checks[0];

const char *preflight_check_name(size_t index)
{
    return checks[index].name;
}

void look_init(struct look *look)
{
    memset(look, 0, sizeof *look);
    look->connection = look->group = look->publisher = look->transactions = PREFLIGHT_UNTRIED;
    look->state_free_bytes = PREFLIGHT_UNKNOWN;
    for (int i = 0; i < TOPICS; i++) {
        struct topic_look *topic = &look->topics[i];
        topic->seen = topic->read = topic->write = PREFLIGHT_UNTRIED;
        topic->settings = topic->create = PREFLIGHT_UNTRIED;
        topic->bytes = topic->delete_retention_ms = topic->retention_ms = PREFLIGHT_UNKNOWN;
        topic->in_sync_min = topic->newest_ms = PREFLIGHT_UNKNOWN;
    }
}

void preflight_judge(const struct config *config, const struct topology *topology,
                     const struct look *look, struct findings *findings)
{
    struct judging judging = {
        .config = config, .topology = topology, .look = look, .findings = findings};
    for (size_t i = 0; i < preflight_check_count; i++) {
        judging.check = checks[i].name;
        checks[i].judge(&judging);
    }
}
