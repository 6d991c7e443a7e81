/* The preflight's judgement: from answers of brokers, registry and machine to sentences. A row is a
 * good set-up with one thing broken; the good one has no finding. */
#include "processors/runtime/kafka/preflight.h"
#include "processors/runtime/kafka/rights.h"
#include "tests/test.h"

#include <errno.h>
#include <librdkafka/rdkafka.h>

#define GIB ((int64_t)1 << 30)

static void make_good(struct look *look)
{
    look_init(look);
    look->connection = look->group = look->publisher = look->transactions = 0;
    look->now_ms = 1700000000000;
    look->state_free_bytes = 100 * GIB;
    look->may_create = true;
    look->has_registry = true;
    look->registry_status = 404;
    for (int i = 0; i < TOPICS; i++) {
        struct topic_look *topic = &look->topics[i];
        topic->seen = topic->read = topic->write = topic->settings = 0;
        topic->partitions = topic_rows[i].partitioned ? 4 : 1;
        topic->replicas = topic->in_sync = 3;
        topic->in_sync_min = 2;
        topic->bytes = 16777216;
        topic->delete_retention_ms = 30 * (int64_t)86400000;
        topic->retention_ms = -1;
        topic->newest_ms = look->now_ms - 5;
        strcpy(topic->cleanup, topic_rows[i].cleanup == CLEANUP_COMPACT ? "compact" : "delete");
    }
}

/* A row breaks a field of the look, or one of a topic. */
enum { WHOLE = TOPICS };

struct broken {
    size_t topic; /* WHOLE: none */
    size_t offset, size;
    int64_t value;
    const char *text; /* for fields of text */
    enum finding_kind kind;
    size_t count;
    const char *parts[3]; /* of the sentence */
};

#define LOOK(field) WHOLE, offsetof(struct look, field), sizeof(((struct look *)0)->field)
#define TOPIC(topic, field)                                                                        \
    TOPIC_##topic, offsetof(struct topic_look, field), sizeof(((struct topic_look *)0)->field)
#define CODE(code) RD_KAFKA_RESP_ERR_##code, NULL

static const struct broken rows[] = {
    /* rights */
    {TOPIC(VIEW, read),
     CODE(TOPIC_AUTHORIZATION_FAILED),
     FINDING_FIX,
     1,
     {"weft may not read topic events.view", "kafka-acls.sh", "--operation Read --topic"}},
    {TOPIC(INTERACTIONS, write),
     CODE(TOPIC_AUTHORIZATION_FAILED),
     FINDING_FIX,
     1,
     {"weft may not write to topic weft-interactions", "User:alice --operation Write"}},
    {TOPIC(USER, settings),
     CODE(TOPIC_AUTHORIZATION_FAILED),
     FINDING_ADVISE,
     1,
     {"topic users, so it takes Kafka's defaults", "--operation DescribeConfigs --topic users"}},
    {TOPIC(PRODUCT, seen),
     CODE(TOPIC_AUTHORIZATION_FAILED),
     FINDING_FIX,
     1,
     {"weft may not see", "--operation Read --operation DescribeConfigs --topic catalog.product"}},
    {LOOK(group),
     CODE(GROUP_AUTHORIZATION_FAILED),
     FINDING_FIX,
     1,
     {"consumer group weft;", "--operation Read --group weft"}},
    {LOOK(publisher),
     CODE(GROUP_AUTHORIZATION_FAILED),
     FINDING_FIX,
     1,
     {"--operation Read --group weft-publisher"}},
    {LOOK(transactions),
     CODE(TRANSACTIONAL_ID_AUTHORIZATION_FAILED),
     FINDING_FIX,
     1,
     {"transactional ids", "--transactional-id weft- --resource-pattern-type prefixed"}},
    {LOOK(transactions),
     CODE(INVALID_TRANSACTION_TIMEOUT),
     FINDING_FIX,
     1,
     {"transaction.max.timeout.ms"}},
    {LOOK(transactions), CODE(COORDINATOR_NOT_AVAILABLE), FINDING_WAIT, 1, {"transactions"}},
    {LOOK(group), CODE(_WAIT_COORD), FINDING_WAIT, 1, {"consumer group weft"}},
    /* topics */
    {TOPIC(LATE, seen), CODE(LEADER_NOT_AVAILABLE), FINDING_WAIT, 1, {"weft-late can't be used"}},
    {TOPIC(LATE, seen), CODE(TOPIC_EXCEPTION), FINDING_FIX, 1, {"topic's name"}},
    {TOPIC(LATE, read), CODE(_TIMED_OUT), FINDING_WAIT, 1, {"weft-late can't be read"}},
    {TOPIC(LATE, write), CODE(_MSG_TIMED_OUT), FINDING_WAIT, 1, {"weft-late can't be written"}},
    {TOPIC(CART, partitions),
     3,
     NULL,
     FINDING_FIX,
     1,
     {"events.view has 4 partitions but events.cart has 3"}},
    {TOPIC(VISITOR_CHANGELOG, partitions),
     8,
     NULL,
     FINDING_FIX,
     1,
     {"weft-visitor-changelog has 8 partitions and needs 4", "Adding partitions"}},
    {TOPIC(INTERACTIONS, partitions), 4, NULL, FINDING_FIX, 1, {"has 4 partitions and needs 1"}},
    {TOPIC(PRODUCT, partitions), 4, NULL, FINDING_FIX, 0, {""}}, /* the catalogue may have many */
    {TOPIC(VISITOR_CHANGELOG, cleanup),
     0,
     "delete",
     FINDING_FIX,
     1,
     {"cleanup.policy=delete, so", "kafka-configs.sh", "--add-config cleanup.policy=compact"}},
    {TOPIC(VISITOR_CHANGELOG, cleanup), 0, "compact,delete", FINDING_ADVISE, 1, {"retention.ms"}},
    {TOPIC(RECOMMENDATIONS, cleanup), 0, "delete", FINDING_ADVISE, 1, {"recommendations has"}},
    {TOPIC(DEAD_LETTERS, cleanup),
     0,
     "compact",
     FINDING_FIX,
     1,
     {"takes no records without keys", "--add-config cleanup.policy=delete"}},
    {TOPIC(VIEW, cleanup), 0, "compact", FINDING_FIX, 0, {""}}, /* the shop's own choice */
    {TOPIC(VISITOR_CHANGELOG, bytes),
     1000,
     NULL,
     FINDING_FIX,
     1,
     {"takes records of 1000 bytes; weft needs 65536", "max.message.bytes=16777216"}},
    {TOPIC(MODEL, bytes), 100000, NULL, FINDING_ADVISE, 1, {"so weft cuts more"}},
    {TOPIC(MODEL, bytes), 1048588, NULL, FINDING_FIX, 0, {""}},
    {TOPIC(RECOMMENDATIONS, delete_retention_ms),
     1000,
     NULL,
     FINDING_ADVISE,
     1,
     {"forgets deletions after 1000 ms", "delete.retention.ms=2592000000"}},
    {TOPIC(USER, delete_retention_ms), 0, NULL, FINDING_ADVISE, 1, {"erase a user"}},
    {TOPIC(PRODUCT, delete_retention_ms), 1, NULL, FINDING_ADVISE, 1, {"catalogue.rescan.ms"}},
    {TOPIC(INTERACTIONS, retention_ms),
     600000,
     NULL,
     FINDING_FIX,
     1,
     {"after 600000 ms, sooner than 6 snapshots", "retention.ms=-1"}},
    {TOPIC(INTERACTIONS, retention_ms), 86400000, NULL, FINDING_FIX, 0, {""}},
    {TOPIC(METRICS, in_sync_min),
     4,
     NULL,
     FINDING_FIX,
     1,
     {"min.insync.replicas=4 but 3 replicas", "min.insync.replicas=3"}},
    {TOPIC(METRICS, in_sync), 1, NULL, FINDING_WAIT, 1, {"start the brokers that are down"}},
    /* this machine */
    {TOPIC(MODEL, newest_ms),
     1700000100000,
     NULL,
     FINDING_FIX,
     1,
     {"at least 100 s behind", "weft-model", "timedatectl"}},
    {TOPIC(VIEW, newest_ms), 1800000000000, NULL, FINDING_FIX, 0, {""}}, /* a sender's clock */
    {LOOK(state_errno), EACCES, NULL, FINDING_FIX, 1, {"state.dir weft-state", "chmod 700"}},
    {LOOK(state_free_bytes), GIB / 2, NULL, FINDING_ADVISE, 1, {"512 MiB free"}},
    {LOOK(state_free_bytes), GIB / 100, NULL, FINDING_FIX, 1, {"10 MiB free"}},
    {LOOK(client_why), 0, "kafka.x: no", FINDING_FIX, 1, {"kafka.x: no"}},
    /* the registry */
    {LOOK(registry_status), 0, NULL, FINDING_WAIT, 1, {"does not answer"}},
    {LOOK(registry_status), 401, NULL, FINDING_ADVISE, 1, {"401", "schema.registry.user"}},
    {LOOK(registry_status), 403, NULL, FINDING_ADVISE, 1, {"let the registry's user read schemas"}},
    {LOOK(registry_status), 429, NULL, FINDING_WAIT, 1, {"429"}},
    {LOOK(registry_status), 503, NULL, FINDING_WAIT, 1, {"503"}},
    {LOOK(registry_status), 200, NULL, FINDING_FIX, 0, {""}},
    {LOOK(registry_is_other), 1, NULL, FINDING_ADVISE, 1, {"names no schema registry"}},
    {LOOK(registry_unusable), 1, NULL, FINDING_FIX, 1, {""}},
};

static void break_look(struct look *look, const struct broken *row)
{
    char *base = row->topic == WHOLE ? (char *)look : (char *)&look->topics[row->topic];
    char *field = base + row->offset;
    int32_t number = (int32_t)row->value;
    if (row->text)
        snprintf(field, row->size, "%s", row->text);
    else if (row->size == 1)
        *(bool *)field = row->value != 0;
    else if (row->size == 4)
        memcpy(field, &number, sizeof number);
    else
        memcpy(field, &row->value, sizeof row->value);
}

static void make_config(struct config *config, struct topology *topology)
{
    config_init(config);
    CHECK(config_set(config, "kafka.sasl.username", "alice", NULL) == VERDICT_OK);
    CHECK(config_set(config, "lists.early", "on", NULL) == VERDICT_OK);
    CHECK(config_set(config, "items.lists", "on", NULL) == VERDICT_OK);
    CHECK(config_finish(config, NULL) == VERDICT_OK);
    CHECK(topology_build(config, topology, NULL) == VERDICT_OK);
}

/* Judges, and expects so many findings of the kind, of which the first has the parts. */
static void expect(const char *name, const struct look *look, enum finding_kind kind, size_t count,
                   const char *const *parts, size_t part_count)
{
    static struct config config;
    static struct topology topology;
    struct findings *findings = memory_zero(1, sizeof *findings);
    make_config(&config, &topology);
    preflight_judge(&config, &topology, look, findings);
    CHECK_SAY(findings->count == count, "%s: %zu findings: %s", name, findings->count,
              findings->at[0].text);
    for (size_t i = 0; i < findings->count && i < count; i++)
        CHECK_SAY(findings->at[i].kind == kind, "%s: kind %d: %s", name, findings->at[i].kind,
                  findings->at[i].text);
    CHECK(findings_have(findings, kind) == (count > 0));
    for (size_t i = 0; count > 0 && i < part_count && parts[i]; i++)
        CHECK_SAY(strstr(findings->at[0].text, parts[i]), "%s: no '%s' in: %s", name, parts[i],
                  findings->at[0].text);
    free(findings);
}

static void test_one_thing_broken(void)
{
    char name[32];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct look look;
        make_good(&look);
        break_look(&look, &rows[i]);
        snprintf(name, sizeof name, "row %zu", i);
        expect(name, &look, rows[i].kind, rows[i].count, rows[i].parts, 3);
    }
}

static void test_nothing_broken(void)
{
    struct look look;
    make_good(&look);
    expect("good", &look, FINDING_FIX, 0, NULL, 0);
    look_init(&look); /* nothing was tried: nothing is known */
    expect("untried", &look, FINDING_FIX, 0, NULL, 0);
}

struct connection {
    int code;
    const char *why;
    enum finding_kind kind;
    const char *part;
};

static void test_connections(void)
{
    static const struct connection cases[] = {
        {RD_KAFKA_RESP_ERR__AUTHENTICATION, "Authentication failed: Invalid username or password",
         FINDING_FIX, "refuse the user or the password"},
        {RD_KAFKA_RESP_ERR__SSL, "certificate verify failed", FINDING_FIX, "kafka.ssl.ca.location"},
        {RD_KAFKA_RESP_ERR__SSL, "wrong version number: connecting to a PLAINTEXT broker listener?",
         FINDING_FIX, "kafka.security.protocol"},
        {RD_KAFKA_RESP_ERR__TRANSPORT, "might be caused by incorrect security.protocol",
         FINDING_FIX, "kafka.security.protocol"},
        {RD_KAFKA_RESP_ERR__TRANSPORT, "SSL routines::sslv3 alert bad certificate", FINDING_FIX,
         "kafka.ssl.certificate.location"},
        {RD_KAFKA_RESP_ERR__RESOLVE, "Name or service not known", FINDING_FIX, "bootstrap.servers"},
        {RD_KAFKA_RESP_ERR__RESOLVE, "Temporary failure in name resolution", FINDING_WAIT,
         "no broker answers"},
        {RD_KAFKA_RESP_ERR__TRANSPORT, "Connection refused", FINDING_WAIT, "start the brokers"},
        {RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, "1/1 brokers are down", FINDING_WAIT,
         "no broker answers"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct look look;
        look_init(&look);
        look.connection = cases[i].code;
        snprintf(look.connection_why, sizeof look.connection_why, "%s", cases[i].why);
        expect(cases[i].why, &look, cases[i].kind, 1, &cases[i].part, 1);
    }
}

static void test_missing_topics(void)
{
    struct look look;
    const char *parts[] = {"kafka-topics.sh", "--create --topic weft-visitor-changelog",
                           "--partitions 4 --config cleanup.policy=compact"};
    make_good(&look);
    look.topics[TOPIC_VISITOR_CHANGELOG].seen = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    look.topics[TOPIC_VISITOR_CHANGELOG].create = 0;
    expect("weft creates it", &look, FINDING_FIX, 0, NULL, 0);
    look.topics[TOPIC_VISITOR_CHANGELOG].create = RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    expect("no right to create", &look, FINDING_FIX, 1, parts, 3);
    parts[1] = "Replication factor: 3 larger";
    snprintf(look.create_why, sizeof look.create_why, "Replication factor: 3 larger than 1");
    look.topics[TOPIC_VISITOR_CHANGELOG].create = RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR;
    expect("too few brokers", &look, FINDING_FIX, 1, parts, 3);
    look.topics[TOPIC_VISITOR_CHANGELOG].create = RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS;
    expect("another process has created it", &look, FINDING_FIX, 0, NULL, 0);
    expect("and nothing is waited for", &look, FINDING_WAIT, 0, NULL, 0);
    const char *passing[] = {"weft-visitor-changelog does not exist and can't be created now"};
    look.topics[TOPIC_VISITOR_CHANGELOG].create = RD_KAFKA_RESP_ERR_NOT_CONTROLLER;
    expect("the controller moves", &look, FINDING_WAIT, 1, passing, 1);
    look.topics[TOPIC_VISITOR_CHANGELOG].create = RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR;
    parts[1] = "does not exist; create it: ";
    look.may_create = false;
    expect("--no-create", &look, FINDING_FIX, 1, parts, 3);
    const char *rankings[] = {"--topic rankings --partitions 1",
                              "--config cleanup.policy=compact --config segment.bytes=67108864"};
    make_good(&look);
    look.may_create = false;
    look.topics[TOPIC_RANKINGS].seen = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    expect("every setting", &look, FINDING_FIX, 1, rankings, 2);
}

/* A user without any right hears of each at once. */
static void test_all_at_once(void)
{
    struct look look;
    make_good(&look);
    for (int i = 0; i < TOPICS; i++)
        look.topics[i].seen = RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    look.group = look.publisher = RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED;
    look.transactions = RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
    expect("no rights", &look, FINDING_FIX, TOPICS + 3, NULL, 0);
}

/* The sentences and the list of rights are of one table. */
static void test_rights(void)
{
    static struct config config;
    static struct topology topology;
    struct buffer text = {0};
    size_t count = 3; /* two groups, the transactional ids */
    make_config(&config, &topology);
    rights_text(&config, &topology, &text);
    buffer_byte(&text, '\0');
    for (int i = 0; i < TOPICS; i++) {
        CHECK(right_needed((enum topic)i, RIGHT_READ) || right_needed((enum topic)i, RIGHT_WRITE));
        CHECK_CONTAINS(text.at, topology.topics[i]);
        count += right_needed((enum topic)i, RIGHT_READ);
        count += right_needed((enum topic)i, RIGHT_WRITE);
    }
    CHECK_INT(count, 26);
    buffer_release(&text);
}

int main(void)
{
    TEST_RUN(test_nothing_broken);
    TEST_RUN(test_one_thing_broken);
    TEST_RUN(test_connections);
    TEST_RUN(test_missing_topics);
    TEST_RUN(test_all_at_once);
    TEST_RUN(test_rights);
    return test_done();
}
