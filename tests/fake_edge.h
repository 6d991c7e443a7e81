/* The Kafka edge over the broker in memory. It fails on demand, and watches its caller: a call that
 * librdkafka forbids, or that Kafka would take for another transaction's, is noted in the broker's
 * `broken`. Only members of the current generation may commit offsets.
 *
 * Thread: one for everything. A second worker runs inside a call of the first (struct fake_hook).
 */
#ifndef WEFT_TESTS_FAKE_EDGE_H
#define WEFT_TESTS_FAKE_EDGE_H

#include "tests/fake_broker.h"

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
    FAKE_SEND_EARLY, /* a fault: the record is not delivered */
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
    long number;               /* in the order of sending */
    size_t bytes;
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
    bool revoking;       /* inside the listener */
    bool kicked;         /* out of the group: it stood still beyond its session */
    bool replaced;       /* another process has joined under its name */
    const char *refused; /* what the group tells at the next poll; NULL: nothing */
    bool dead;           /* the process is gone: nothing it does has an effect */
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

/* ---- for fake_edge.c and fake_producers.c ---- */

struct fake_edge *fake_edge_of(struct kafka_edge *edge);
/* Begins a call: counts it and asks the hook for its fault. */
struct fake_fault fake_enter(struct fake_edge *edge, enum fake_call call);
/* Ends a call: returns `outcome`, and sets `error` unless it is EDGE_OK. */
enum edge_outcome fake_answer(struct fake_edge *edge, enum edge_outcome outcome, const char *call,
                              struct error *error);
/* The number of an input, which must be one. */
int fake_input_of(const struct fake_broker *broker, const char *topic);
/* Whether the group takes offsets of this member. */
bool fake_may_commit(const struct fake_edge *edge);
void fake_set_offsets(struct fake_offsets (*offsets)[FAKE_PARTITIONS_MAX],
                      const struct fake_broker *broker, const struct edge_place *places,
                      size_t count);
/* Sets the calls of producers. */
void fake_add_producers(struct kafka_edge *edge);

#endif
