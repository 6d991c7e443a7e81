/* A Kafka in memory: topics, transactions, the offsets of one group, and a clock that moves only
 * when somebody waits.
 *
 * It keeps Kafka's promises that the recipe rests on: a newer producer of the same id fences the
 * older one and ends its transaction; a transaction ends by itself 10 s after it began; readers see
 * committed records up to the first open transaction. A broken promise of the callers is noted in
 * `broken`. Thread: one. */
#ifndef WEFT_TESTS_FAKE_BROKER_H
#define WEFT_TESTS_FAKE_BROKER_H

#include "processors/runtime/kafka/edge.h"

#define FAKE_PARTITIONS_MAX 4
#define FAKE_IDS_MAX 16
#define FAKE_MEMBERS_MAX 4
#define FAKE_TRANSACTION_TIMEOUT_US 10000000
#define FAKE_RECORD_OVERHEAD 120 /* of a batch with one record */

struct fake_record {
    bool is_control; /* the mark at the end of a transaction, which takes an offset */
    int transaction; /* index; -1: none */
    struct bytes key, value;
    int64_t source_offset; /* of a dead letter: what its header says; -1: none */
    int64_t arrives_us;    /* of an input's record: hidden before */
    bool compacted;        /* gone, as by compaction */
    int64_t written_ms;    /* its timestamp; 0: none */
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
    int64_t lows[INPUT_TOPICS][FAKE_PARTITIONS_MAX]; /* retention took what is before it */
    struct fake_edge *members[FAKE_MEMBERS_MAX];     /* in the group now */
    const char *owners[FAKE_PARTITIONS_MAX];         /* instance that is to have the partition */
    int generation;
    int32_t answered_partitions[INPUT_TOPICS]; /* 0: the true number */
    int lacking_assignments;                   /* so many more lack an input */
    bool silent_ends;                          /* nobody hears of the end of a partition */
    int64_t delete_retention_ms;               /* of every topic; 0: the broker does not tell */
    int64_t taken_bytes[TOPICS];               /* of a record at most; 0: any */
    int64_t told_bytes[TOPICS]; /* what topic_bytes() says of it; 0: the broker does not tell */
    bool refuses_early;         /* a record that is too large fails at produce() already */
    char broken[300];           /* the first broken promise; empty: none */
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

/* ---- for fake_edge.c and fake_reader.c ---- */

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

#endif
