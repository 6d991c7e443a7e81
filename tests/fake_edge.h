/* A Kafka in memory for tests of the worker: topics, transactions, one group, and a clock that
 * moves only when somebody waits. fake_edge.c puts a struct kafka_edge over it that fails on
 * demand, fake_reader.c the partition reader of the restore.
 *
 * It keeps Kafka's promises that the recipe rests on: a newer producer of the same id fences the
 * older one and ends its transaction; a transaction ends by itself 10 s after it began; only
 * members of the current generation may commit offsets; readers see committed records up to the
 * first open transaction. It also watches the caller: a call that librdkafka forbids, or that Kafka
 * would take for another transaction's, is noted in `broken`.
 *
 * Thread: one for everything. A second worker runs inside a call of the first (struct fake_hook).
 */
#ifndef WEFT_TESTS_FAKE_EDGE_H
#define WEFT_TESTS_FAKE_EDGE_H

#include "processors/runtime/kafka/edge.h"

#define FAKE_PARTITIONS_MAX 4
#define FAKE_IDS_MAX 16
#define FAKE_MEMBERS_MAX 4
#define FAKE_TRANSACTION_TIMEOUT_US 10000000

/* ---- the broker ---- */

struct fake_record {
    bool is_control; /* the mark at the end of a transaction, which takes an offset */
    int transaction; /* index; -1: none */
    struct bytes key, value;
    int64_t source_offset; /* of a dead letter: what its header says; -1: none */
    int64_t arrives_us;    /* of an input's record: hidden before */
};

struct fake_log {
    struct fake_record *records; /* by offset */
    size_t count, capacity;
};

enum fake_end { FAKE_OPEN, FAKE_COMMITTED, FAKE_ABORTED };

struct fake_offsets {
    int64_t next; /* -1: none */
    char owner[MEMBER_NAME_MAX];
};

struct fake_transaction {
    enum fake_end end;
    bool committing; /* the broker has decided to commit; the answer may be lost */
    int64_t began_us;
    bool touched[TOPICS][FAKE_PARTITIONS_MAX];
    struct fake_offsets offsets[INPUT_TOPICS][FAKE_PARTITIONS_MAX];
};

struct fake_id {
    char id[3 * CONFIG_TEXT_MAX];
    int epoch;
    int open; /* transaction; -1: none */
};

struct fake_edge;

struct fake_broker {
    int32_t partitions;
    int64_t now_us;
    const struct topology *topology;
    struct fake_log logs[TOPICS][FAKE_PARTITIONS_MAX];
    struct fake_transaction *transactions;
    size_t transaction_count, transaction_capacity;
    struct fake_id ids[FAKE_IDS_MAX];
    size_t id_count;
    struct fake_offsets offsets[INPUT_TOPICS][FAKE_PARTITIONS_MAX]; /* the group's */
    struct fake_edge *members[FAKE_MEMBERS_MAX];                    /* in the group now */
    const char *owners[FAKE_PARTITIONS_MAX]; /* instance that is to have the partition */
    int generation;
    int32_t answered_partitions[INPUT_TOPICS]; /* 0: the true number */
    int lacking_assignments;                   /* so many more lack an input */
    bool silent_ends;                          /* nobody hears of the end of a partition */
    char broken[300];                          /* the first broken promise; empty: none */
};

/* `topology` is borrowed. */
struct fake_broker *fake_broker_new(const struct topology *topology, int32_t partitions);
void fake_broker_free(struct fake_broker *broker);
/* Appends a record of an input, which nobody sees before `arrives_us`; copies. */
void fake_append(struct fake_broker *broker, enum topic topic, int32_t partition, struct bytes key,
                 struct bytes value, int64_t arrives_us);
/* The end of an input now. */
int64_t fake_arrived(const struct fake_broker *broker, enum topic topic, int32_t partition);
/* Whether an instance is to have a partition. */
bool fake_owns(const struct fake_broker *broker, const char *instance);
/* Assigns all partitions to an instance at the members' next poll; borrowed. */
void fake_assign_all(struct fake_broker *broker, const char *instance);
void fake_assign(struct fake_broker *broker, int32_t partition, const char *instance);
/* Whether readers see the record: committed, and no open transaction before it. */
bool fake_is_visible(const struct fake_broker *broker, enum topic topic, int32_t partition,
                     int64_t offset);
/* The first offset that an open transaction may still change; else the end. */
int64_t fake_stable_end(const struct fake_broker *broker, enum topic topic, int32_t partition);
/* Whether the group's offsets are behind the last record of every input, in the partitions of an
 * instance; NULL: in all. */
bool fake_is_done(const struct fake_broker *broker, const char *instance);
void fake_break(struct fake_broker *broker, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The broker that fake_config() named in a configuration. */
void fake_config(struct config *config, const struct fake_broker *broker);
struct fake_broker *fake_broker_of(const struct config *config);

/* ---- between the files of the fake ---- */

struct fake_sent;
struct bytes fake_copy(struct bytes bytes); /* free() its `at` */
int fake_find_id(struct fake_broker *broker, const char *id);
struct fake_transaction *fake_transaction_of(struct fake_broker *broker, int id); /* or begins it */
void fake_end_transaction(struct fake_broker *broker, int id, bool commits);
/* Writes into the id's transaction; -1: without one. Returns the offset. */
int64_t fake_write(struct fake_broker *broker, int id, const struct fake_sent *sent);
/* Whether an open transaction has an offset for it. */
bool fake_is_unstable(const struct fake_broker *broker, int input, int32_t partition);
void fake_pass_time(struct fake_broker *broker, int64_t us);

/* ---- the edge ---- */

enum fake_call {
    FAKE_OPEN_PRODUCER,
    FAKE_INIT,
    FAKE_BEGIN,
    FAKE_PRODUCE,
    FAKE_FLUSH,
    FAKE_SEND_OFFSETS,
    FAKE_COMMIT,
    FAKE_ABORT,
    FAKE_JOIN,
    FAKE_POLL,
    FAKE_READ_OFFSETS,
    FAKE_NEXT,
    FAKE_WAIT,
    FAKE_CALLS,
};
extern const char *const fake_call_names[FAKE_CALLS];

/* The false outcome of a call. */
struct fake_fault {
    enum edge_outcome outcome; /* EDGE_OK: no fault */
    bool applied; /* the broker did it all the same, a flush by half; only the answer is lost */
    bool decided; /* of a commit: the broker will commit, but has not yet */
};

/* Called before each call. May crash the edge, change the group, or run another worker. */
struct fake_hook {
    struct fake_fault (*before)(struct fake_hook *self, struct fake_edge *edge,
                                enum fake_call call);
};

enum fake_slot_state {
    SLOT_CLOSED,
    SLOT_OPENED,
    SLOT_READY,      /* initialised, no transaction */
    SLOT_IN,         /* in a transaction */
    SLOT_COMMITTING, /* a commit's outcome is unknown */
    SLOT_MUST_ABORT,
    SLOT_FATAL,
};

struct fake_sent {
    struct edge_record record; /* key and value are copies */
    int64_t source_offset;
};

struct fake_slot {
    enum fake_slot_state state;
    struct edge_deliveries *deliveries;
    bool transactional;
    bool late_end; /* a commit was repeated: its first end may still be on its way */
    bool ended;    /* while COMMITTING: the broker has committed */
    int id, epoch;
    struct fake_sent *sent; /* not delivered yet */
    size_t sent_count, sent_capacity;
};

struct fake_edge {
    struct kafka_edge edge; /* first */
    struct fake_broker *broker;
    struct fake_hook *hook;
    char instance[CONFIG_TEXT_MAX];
    const char *member; /* NULL: not joined */
    struct edge_group *group;
    bool assigned;
    bool kicked; /* out of the group: it stood still beyond its session */
    bool dead;   /* the process is gone: nothing it does has an effect */
    int generation;
    struct fake_slot slots[EDGE_SLOTS];
    long calls[FAKE_CALLS];
    long held; /* messages and inputs that the worker has not given back */
    int64_t starts[INPUT_TOPICS][FAKE_PARTITIONS_MAX]; /* where assign() said to read from */
};

struct fake_edge *fake_edge_new(struct fake_broker *broker, const char *instance,
                                struct fake_hook *hook);
/* The process stands still for longer than its session: the group goes on without it. */
void fake_kick(struct fake_edge *edge);
/* The process is killed. */
void fake_kill(struct fake_edge *edge);

#endif
