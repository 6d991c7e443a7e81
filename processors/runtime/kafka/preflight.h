/* Preflight: tries what `weft run` will need, and names everything that is missing at once, each in
 * a sentence with what to do.
 *
 * It has two halves. The look (preflight.c) asks the brokers, the registry and this machine. It
 * tries rights by requests without effect. Only the transactional id stays on the brokers. The
 * judgement (preflight_checks.c) is a pure function of the answers, one row a check.
 *
 *     right                tried by
 *     Read on a topic      a fetch at the end of partition 0
 *     Write on a topic     a record with acks=2: the broker checks the right, then refuses acks=2
 *     Create               CreateTopics that is only validated
 *     DescribeConfigs      DescribeConfigs
 *     Read on a group      a commit of an offset in a partition that does not exist
 *     transactional ids    InitProducerId for "<application.id>-preflight"
 *
 * Codes are librdkafka's (rd_kafka_resp_err_t); 0 is no error. Names no librdkafka. */
#ifndef WEFT_KAFKA_PREFLIGHT_H
#define WEFT_KAFKA_PREFLIGHT_H

#include "processors/runtime/topology.h"

#include <stdatomic.h>

/* ---- findings ---- */

enum finding_kind {
    FINDING_FIX,    /* `weft run` can't work: it ends */
    FINDING_ADVISE, /* `weft run` works, but something would be lost: it warns */
    FINDING_WAIT,   /* passes, or somebody else mends it: `weft run` waits */
};

#define FINDING_BYTES_MAX 800
#define FINDINGS_MAX 128

struct finding {
    enum finding_kind kind;
    const char *check;            /* name of the row */
    char text[FINDING_BYTES_MAX]; /* one sentence */
};

struct findings {
    size_t count; /* those behind FINDINGS_MAX are only counted in `more` */
    size_t more;
    struct finding at[FINDINGS_MAX];
};

bool findings_have(const struct findings *findings, enum finding_kind kind);

/* ---- the look ---- */

#define PREFLIGHT_UNTRIED (-100000) /* in place of a code */
#define PREFLIGHT_UNKNOWN INT64_MIN
#define PREFLIGHT_WHY_BYTES_MAX 256

struct topic_look {
    int seen; /* the topic in the metadata; the fields behind it only if this is 0 */
    int32_t partitions;
    int32_t replicas, in_sync; /* of the partition that has the fewest in sync */
    int read, write, settings;
    int create;       /* of a topic that is missing */
    char cleanup[64]; /* cleanup.policy; empty: unknown */
    int64_t bytes;    /* max.message.bytes */
    int64_t delete_retention_ms, retention_ms;
    int64_t in_sync_min; /* min.insync.replicas */
    int64_t newest_ms;   /* Kafka timestamp of the newest record in partition 0 */
};

struct look {
    char client_why[ERROR_MESSAGE_MAX]; /* librdkafka refuses a key kafka.*; empty: it does not */
    int connection;                     /* PREFLIGHT_UNTRIED: none was needed */
    char connection_why[PREFLIGHT_WHY_BYTES_MAX];
    bool no_settings; /* the embedded broker: it has neither settings nor rights */
    bool may_create;  /* `weft run` creates topics that are missing */
    struct topic_look topics[TOPICS];
    int group, publisher, transactions;
    char create_why[PREFLIGHT_WHY_BYTES_MAX]; /* the broker's reason not to create a topic */
    int64_t now_ms;
    int state_errno; /* of writing to state.dir, or to the folder that it will be in */
    int64_t state_free_bytes;
    bool has_registry;
    bool registry_unusable; /* the keys schema.registry.* or their files; `registry_why` says it */
    long registry_status;   /* HTTP; 0: no answer */
    bool registry_refuses_tls;
    bool registry_is_other; /* 404 of something that is no schema registry */
    char registry_why[PREFLIGHT_WHY_BYTES_MAX];
};

/* Nothing is known. */
void look_init(struct look *look);

/* Adds a finding for everything that the answers show. */
void preflight_judge(const struct config *config, const struct topology *topology,
                     const struct look *look, struct findings *findings);

/* The rows' names, for people. */
extern const size_t preflight_check_count;
const char *preflight_check_name(size_t index);

/* Looks and judges. Waits up to `patience_ms` for the first broker, and up to 10 s for answers
 * after that; the settings of topics may take 30 s. `stop` is borrowed; NULL: none. Once it is set,
 * the call ends within two seconds, with findings that mean nothing. While it asks for settings or
 * tries to create topics, it ends only with the answer. Returns whether a broker answered. */
bool preflight(const struct config *config, const struct topology *topology, bool may_create,
               int patience_ms, const atomic_bool *stop, struct findings *findings);

#endif
