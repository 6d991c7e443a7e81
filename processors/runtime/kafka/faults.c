#include "processors/runtime/kafka/faults.h"

#include "schemas/error.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <string.h>

#define ANY_CODE (-1000) /* the last row of a source: all other codes */

#define KAFKA(code, fault, advice) {FAULT_OF_KAFKA, RD_KAFKA_RESP_ERR_##code, fault, advice}
#define REGISTRY(code, fault, advice) {FAULT_OF_REGISTRY, code, fault, advice}
#define DECODING(code, fault, advice) {FAULT_OF_DECODING, code, fault, advice}

#define GRANT "grant weft's user the right (kafka-acls.sh; deploy/README.md lists the rights)"
#define LOGIN "check kafka.sasl.* and kafka.ssl.*"
#define SAME_NAME "another process may have this instance.id: give each its own (and state.dir)"
#define RESTART_TOPIC "does the topic exist? A new start of weft creates it"

const struct fault_row fault_rows[] = {
    /* ---- outputs that a topic refuses ---- */
    KAFKA(MSG_SIZE_TOO_LARGE, FAULT_TOO_LARGE, "raise max.message.bytes of the topic"),
    KAFKA(RECORD_LIST_TOO_LARGE, FAULT_TOO_LARGE,
          "raise max.message.bytes or segment.bytes of the topic"),
    KAFKA(INVALID_MSG_SIZE, FAULT_TOO_LARGE, "raise max.message.bytes of the topic"),
    KAFKA(INVALID_RECORD, FAULT_SETUP,
          "the topic's settings refuse weft's records: cleanup.policy=compact takes no record "
          "without a key; see message.timestamp.* too"),
    KAFKA(INVALID_TIMESTAMP, FAULT_SETUP,
          "set the clock of this machine, or message.timestamp.* of the topic"),
    KAFKA(UNSUPPORTED_FOR_MESSAGE_FORMAT, FAULT_SETUP, "the topic's message format is too old"),
    KAFKA(UNSUPPORTED_COMPRESSION_TYPE, FAULT_SETUP, "set kafka.producer.compression.codec"),
    KAFKA(INVALID_REQUIRED_ACKS, FAULT_SETUP, "remove kafka.producer.acks"),
    KAFKA(POLICY_VIOLATION, FAULT_SETUP, "the broker's policy refuses this request"),
    KAFKA(TOPIC_EXCEPTION, FAULT_SETUP, "the broker refuses the topic's name"),
    KAFKA(INVALID_REPLICATION_FACTOR, FAULT_SETUP,
          "set replication.factor to at most the number of brokers, or start those that are down"),
    KAFKA(INVALID_PARTITIONS, FAULT_SETUP, "set partitions to 1 or more"),

    /* ---- rights and settings ---- */
    KAFKA(TOPIC_AUTHORIZATION_FAILED, FAULT_SETUP, GRANT),
    KAFKA(GROUP_AUTHORIZATION_FAILED, FAULT_SETUP, GRANT),
    KAFKA(CLUSTER_AUTHORIZATION_FAILED, FAULT_SETUP, GRANT),
    KAFKA(TRANSACTIONAL_ID_AUTHORIZATION_FAILED, FAULT_SETUP, GRANT),
    KAFKA(SASL_AUTHENTICATION_FAILED, FAULT_SETUP, LOGIN),
    KAFKA(_AUTHENTICATION, FAULT_SETUP, LOGIN),
    KAFKA(UNSUPPORTED_SASL_MECHANISM, FAULT_SETUP, LOGIN),
    KAFKA(ILLEGAL_SASL_STATE, FAULT_SETUP, LOGIN),
    KAFKA(SECURITY_DISABLED, FAULT_SETUP, LOGIN),
    KAFKA(INVALID_TRANSACTION_TIMEOUT, FAULT_SETUP,
          "raise the broker's transaction.max.timeout.ms to 600000 or more"),
    KAFKA(INVALID_SESSION_TIMEOUT, FAULT_SETUP,
          "set session.timeout.ms between the broker's group.min.session.timeout.ms and "
          "group.max.session.timeout.ms"),
    KAFKA(INVALID_GROUP_ID, FAULT_SETUP, "set another application.id"),
    KAFKA(GROUP_MAX_SIZE_REACHED, FAULT_SETUP, "raise the broker's group.max.size"),
    KAFKA(OFFSET_METADATA_TOO_LARGE, FAULT_SETUP,
          "raise the broker's offset.metadata.max.bytes to 4096 or more"),
    KAFKA(INVALID_CONFIG, FAULT_SETUP, "the broker refuses a setting"),
    KAFKA(UNSUPPORTED_VERSION, FAULT_SETUP, "weft needs brokers of Kafka 2.5 or newer"),
    KAFKA(_UNSUPPORTED_FEATURE, FAULT_SETUP, "weft needs brokers of Kafka 2.5 or newer"),
    KAFKA(_INVALID_ARG, FAULT_SETUP, NULL),

    /* ---- somebody else has taken over ---- */
    KAFKA(_FENCED, FAULT_FENCED, NULL),
    /* by another process of the same name, or by this one: a member whose session was over has
     * joined again while its transaction goes on */
    KAFKA(FENCED_INSTANCE_ID, FAULT_FENCED, SAME_NAME),
    KAFKA(PRODUCER_FENCED, FAULT_FENCED, NULL),
    KAFKA(INVALID_PRODUCER_EPOCH, FAULT_FENCED, NULL),
    KAFKA(INVALID_PRODUCER_ID_MAPPING, FAULT_FENCED, NULL),
    KAFKA(UNKNOWN_PRODUCER_ID, FAULT_FENCED, NULL),
    KAFKA(OUT_OF_ORDER_SEQUENCE_NUMBER, FAULT_FENCED, NULL),
    KAFKA(INVALID_TXN_STATE, FAULT_FENCED, NULL),
    KAFKA(ILLEGAL_GENERATION, FAULT_FENCED, NULL),
    KAFKA(UNKNOWN_MEMBER_ID, FAULT_FENCED, NULL),
    KAFKA(REBALANCE_IN_PROGRESS, FAULT_FENCED, NULL),
    KAFKA(_ASSIGNMENT_LOST, FAULT_FENCED, NULL),

    /* ---- passing, where a person may help ---- */
    KAFKA(UNKNOWN_TOPIC_OR_PART, FAULT_PASSING, RESTART_TOPIC),
    KAFKA(_UNKNOWN_TOPIC, FAULT_PASSING, RESTART_TOPIC),
    KAFKA(_UNKNOWN_PARTITION, FAULT_PASSING, RESTART_TOPIC),
    KAFKA(NOT_ENOUGH_REPLICAS, FAULT_PASSING, "start the brokers that are down"),
    KAFKA(NOT_ENOUGH_REPLICAS_AFTER_APPEND, FAULT_PASSING, "start the brokers that are down"),
    KAFKA(KAFKA_STORAGE_ERROR, FAULT_PASSING, "look at the broker's disk and log"),
    KAFKA(THROTTLING_QUOTA_EXCEEDED, FAULT_PASSING, "raise the quota of weft's user"),
    KAFKA(_ALL_BROKERS_DOWN, FAULT_PASSING, "are the brokers of bootstrap.servers up?"),
    KAFKA(_TRANSPORT, FAULT_PASSING, "are the brokers of bootstrap.servers up?"),
    KAFKA(_RESOLVE, FAULT_PASSING, "check the names in bootstrap.servers"),
    KAFKA(_SSL, FAULT_PASSING, "check kafka.ssl.* and the brokers' certificates"),
    KAFKA(_MSG_TIMED_OUT, FAULT_PASSING, "are the brokers up, and their disks quick enough?"),
    KAFKA(_BAD_MSG, FAULT_PASSING, "a batch does not fit its checksum: look at the broker's disk"),
    KAFKA(_BAD_COMPRESSION, FAULT_PASSING,
          "a batch can't be decompressed: delete it with kafka-delete-records.sh"),
    KAFKA(NO_ERROR, FAULT_NONE, NULL),
    {FAULT_OF_KAFKA, ANY_CODE, FAULT_PASSING, NULL},

    /* ---- the schema registry: only its answer about a schema makes a dead letter ---- */
    REGISTRY(200, FAULT_NONE, NULL),
    REGISTRY(404, FAULT_RECORD, NULL),
    REGISTRY(0, FAULT_PASSING, "start the registry, or check schema.registry.url"),
    REGISTRY(401, FAULT_PASSING,
             "check schema.registry.user, schema.registry.password.file and "
             "schema.registry.token.file"),
    REGISTRY(403, FAULT_PASSING, "let the registry's user read schemas"),
    REGISTRY(407, FAULT_PASSING, "check the proxy's user and password"),
    REGISTRY(429, FAULT_PASSING, "raise the registry's limit of requests"),
    REGISTRY(ANY_CODE, FAULT_PASSING, "look at the registry's log, and check schema.registry.url"),

    /* ---- decoders: RETRY says that a schema is not known yet ---- */
    DECODING(VERDICT_OK, FAULT_NONE, NULL),
    DECODING(VERDICT_SKIP, FAULT_RECORD, NULL),
    DECODING(VERDICT_RETRY, FAULT_PASSING, "is the registry at schema.registry.url up?"),
    DECODING(ANY_CODE, FAULT_SETUP, NULL),
};

const size_t fault_row_count = sizeof fault_rows / sizeof fault_rows[0];

const struct fault_row *fault_find(enum fault_source source, int code)
{
    size_t i = 0;
    while (fault_rows[i].source != source ||
           (fault_rows[i].code != code && fault_rows[i].code != ANY_CODE))
        i++;
    return &fault_rows[i];
}

const char *fault_advice(const struct fault_row *row, char *to)
{
    snprintf(to, FAULT_ADVICE_BYTES_MAX, "%s%s", row->advice ? "; " : "",
             row->advice ? row->advice : "");
    return to;
}

enum refusal fault_refusal(int code, const char *text)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM:
    case RD_KAFKA_RESP_ERR_ILLEGAL_SASL_STATE:
        return REFUSAL_OF_LOGIN;
    case RD_KAFKA_RESP_ERR__SSL:
        return strstr(text, "PLAINTEXT") || strstr(text, "wrong version number") ||
                       strstr(text, "unexpected eof")
                   ? REFUSAL_OF_PROTOCOL
                   : REFUSAL_OF_TLS;
    case RD_KAFKA_RESP_ERR__TRANSPORT: /* TLS 1.3 refuses a certificate after the handshake */
        return strstr(text, "security.protocol") ? REFUSAL_OF_PROTOCOL
               : strstr(text, "SSL routines")    ? REFUSAL_OF_TLS
                                                 : REFUSAL_NONE;
    case RD_KAFKA_RESP_ERR__RESOLVE:
        return strstr(text, "Temporary") ? REFUSAL_NONE : REFUSAL_OF_NAME;
    default:
        return REFUSAL_NONE;
    }
}
