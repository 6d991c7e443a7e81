/* Scripts for tests of the worker: a fault, a kill and a rebalance at a call. */
#ifndef WEFT_TESTS_FAKE_SCRIPTS_H
#define WEFT_TESTS_FAKE_SCRIPTS_H

#include "tests/fake_world.h"

/* ---- a fault ---- */

struct fault_script {
    struct script script; /* first */
    enum fake_call call;
    long nth, count; /* from the nth call on, so many */
    struct fake_fault fault;
    bool happened;
};

static inline struct fake_fault inject(struct script *script, struct life *life,
                                       enum fake_call call)
{
    struct fault_script *self = (struct fault_script *)(void *)script;
    long n = life->edge->calls[call];
    if (call != self->call || n < self->nth || n >= self->nth + self->count)
        return (struct fake_fault){0};
    self->happened = true;
    return self->fault;
}

static inline struct fault_script fault_at(enum fake_call call, long nth, long count,
                                           enum edge_outcome outcome)
{
    return (struct fault_script){.script.before = inject,
                                 .call = call,
                                 .nth = nth,
                                 .count = count,
                                 .fault.outcome = outcome};
}

/* ---- a kill ---- */

struct kill_script {
    struct script script; /* first */
    long left;
};

static inline struct fake_fault kill_after(struct script *script, struct life *life,
                                           enum fake_call call)
{
    struct kill_script *self = (struct kill_script *)(void *)script;
    if (call != FAKE_NEXT && self->left-- == 0)
        fake_kill(life->edge);
    return (struct fake_fault){0};
}

/* ---- a rebalance ---- */

struct rebalance_script {
    struct script script; /* first */
    enum fake_call call;
    long nth;
    bool lost;     /* the process stands still while the other takes everything over */
    bool split;    /* one partition goes, the other stays */
    bool in_batch; /* only with a transaction open */
    bool happened;
    int64_t
        committed; /* sum of the group's offsets, or of the changelogs' ends, when it happened */
};

static inline bool in_batch(const struct fake_edge *edge)
{
    return edge->slots[0].state == SLOT_IN || edge->slots[1].state == SLOT_IN;
}

static inline int64_t committed_sum(const struct world *world)
{
    int64_t sum = 0;
    for (int32_t p = 0; p < WORLD_PARTITIONS; p++)
        sum += world->broker->offsets[EVENT_VIEW][p].next;
    return sum;
}

static inline struct fake_fault take_away(struct script *script, struct life *life,
                                          enum fake_call call)
{
    struct rebalance_script *self = (struct rebalance_script *)(void *)script;
    struct world *world = life->world;
    if (self->happened || call != self->call || life->edge->calls[call] < self->nth ||
        (self->in_batch && !in_batch(life->edge)))
        return (struct fake_fault){0};
    self->happened = true;
    self->committed = committed_sum(world);
    if (self->split)
        fake_assign(world->broker, 1, "b");
    else
        fake_assign_all(world->broker, "b");
    if (self->lost) {
        fake_kick(life->edge);
        world_live(world, 1, NULL);
    }
    return (struct fake_fault){0};
}

#endif
