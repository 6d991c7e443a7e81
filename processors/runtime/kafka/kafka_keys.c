#include "processors/runtime/kafka/kafka_keys.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>

#define SCRAM_MENDED 0x02060100 /* 2.6.1: librdkafka#4895 */

struct own_key {
    const char *name;
    const char *reason;
};

/* Keys that weft sets, since exactly-once or the order of visitors depends on their values. */
static const struct own_key own_keys[] = {
    {"bootstrap.servers", "set bootstrap.servers, without 'kafka.'"},
    {"metadata.broker.list", "set bootstrap.servers, without 'kafka.'"},
    {"group.id", "application.id is the group"},
    {"group.instance.id", "instance.id is the member"},
    {"group.protocol", "only the classic protocol lets weft choose the partitions"},
    {"session.timeout.ms", "set session.timeout.ms, without 'kafka.'"},
    {"partition.assignment.strategy", "only range gives partition i of every input to one worker"},
    {"isolation.level", "records of aborted transactions would count"},
    {"enable.auto.commit", "offsets are committed with the batch, or records would be lost"},
    {"auto.commit.enable", "offsets are committed with the batch, or records would be lost"},
    {"enable.auto.offset.store", "offsets are committed with the batch"},
    {"auto.offset.reset", "records would be left out without a word"},
    {"enable.partition.eof", "the order of the inputs needs their ends"},
    {"transactional.id", "processing.guarantee and instance.id decide it"},
    {"enable.idempotence", "records would be written twice, or out of order"},
    {"acks", "a written record could be lost with its broker"},
    {"request.required.acks", "a written record could be lost with its broker"},
    {"message.timeout.ms", "session.timeout.ms decides it"},
    {"delivery.timeout.ms", "session.timeout.ms decides it"},
    {"delivery.report.only.error", "weft counts the records that are delivered"},
    {"partitioner", "visitors would go to other partitions than their events"},
};

/* librdkafka lists only properties with a value; these have none. */
static const char *const unset_names[] = {
    "acks",
    "bootstrap.servers",
    "compression.type",
    "enable.ssl.certificate.verification",
    "sasl.mechanism",
    "sasl.username",
    "sasl.password",
    "sasl.oauthbearer.config",
    "sasl.oauthbearer.client.id",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.token.endpoint.url",
    "sasl.oauthbearer.scope",
    "sasl.kerberos.keytab",
    "ssl.ca.location",
    "ssl.ca.pem",
    "ssl.certificate.location",
    "ssl.certificate.pem",
    "ssl.key.location",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.location",
    "ssl.keystore.password",
    "ssl.crl.location",
    "ssl.cipher.suites",
    "ssl.curves.list",
    "ssl.sigalgs.list",
    "ssl.providers",
    "client.rack",
    "plugin.library.paths",
};

static void take_nearer(const char *name, const char *candidate, size_t *best, char *ret_nearest)
{
    size_t distance = config_distance(name, candidate);
    if (distance >= *best)
        return;
    *best = distance;
    snprintf(ret_nearest, CONFIG_TEXT_MAX, "%s", candidate);
}

static void find_nearest(rd_kafka_conf_t *conf, const char *name, char *ret_nearest)
{
    size_t best = SIZE_MAX, count;
    const char **dump = rd_kafka_conf_dump(conf, &count);
    for (size_t i = 0; i < count; i += 2)
        take_nearer(name, dump[i], &best, ret_nearest);
    rd_kafka_conf_dump_free(dump, count);
    for (size_t i = 0; i < sizeof unset_names / sizeof unset_names[0]; i++)
        take_nearer(name, unset_names[i], &best, ret_nearest);
}

static enum verdict check_own(const char *key, const char *name, struct error *error)
{
    for (size_t i = 0; i < sizeof own_keys / sizeof own_keys[0]; i++)
        if (strcmp(own_keys[i].name, name) == 0)
            return error_set(error, VERDICT_SKIP, "weft sets kafka.%s itself: %s", key,
                             own_keys[i].reason);
    return VERDICT_OK;
}

static enum verdict check_mechanism(const char *key, const char *name, const char *value,
                                    int version, struct error *error)
{
    if ((strcmp(name, "sasl.mechanism") != 0 && strcmp(name, "sasl.mechanisms") != 0) ||
        strncmp(value, "SCRAM-", 6) != 0 || version >= SCRAM_MENDED)
        return VERDICT_OK;
    return error_set(error, VERDICT_SKIP,
                     "kafka.%s = %s: this librdkafka (%d.%d.%d) sends a wrong nonce, which Kafka 4 "
                     "refuses as a wrong password (librdkafka#4895); install librdkafka 2.6.1 or "
                     "later, or use PLAIN over SASL_SSL, or SSL with client certificates",
                     key, value, version >> 24 & 255, version >> 16 & 255, version >> 8 & 255);
}

static enum verdict check_key(rd_kafka_conf_t *conf, const struct config *config, size_t index,
                              int version, struct error *error)
{
    const char *key = config->kafka[index].name, *name = key;
    const char *value = config_kafka_value(config, index);
    char why[256], nearest[CONFIG_TEXT_MAX];
    if (strncmp(key, "consumer.", 9) == 0 || strncmp(key, "producer.", 9) == 0)
        name += 9;
    enum verdict verdict = check_own(key, name, error);
    if (verdict == VERDICT_OK)
        verdict = check_mechanism(key, name, value, version, error);
    if (verdict != VERDICT_OK)
        return verdict;
    switch (rd_kafka_conf_set(conf, name, value, why, sizeof why)) {
    case RD_KAFKA_CONF_OK:
        return VERDICT_OK;
    case RD_KAFKA_CONF_UNKNOWN:
        find_nearest(conf, name, nearest);
        return error_set(error, VERDICT_SKIP,
                         "librdkafka has no property '%s' (kafka.%s); the nearest is '%s'", name,
                         key, nearest);
    default:
        return error_set(error, VERDICT_SKIP, "kafka.%s: %s", key, why);
    }
}

enum verdict kafka_keys_check_version(const struct config *config, int version, struct error *error)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    enum verdict verdict = VERDICT_OK;
    for (size_t i = 0; i < config->kafka_count && verdict == VERDICT_OK; i++)
        verdict = check_key(conf, config, i, version, error);
    rd_kafka_conf_destroy(conf);
    return verdict;
}

enum verdict kafka_keys_check(const struct config *config, struct error *error)
{
    return kafka_keys_check_version(config, rd_kafka_version(), error);
}
