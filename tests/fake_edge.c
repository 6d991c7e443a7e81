#include "tests/fake_edge.h"

#include "processors/runtime/kafka/members.h"

#include <stdio.h>
#include <stdlib.h>

#define CALL_US 1000000 /* until a call without an answer returns */
#define WAIT_MAX_US 50000

const char *const fake_call_names[FAKE_CALLS] = {
    "open_producer", "init", "begin", "produce",      "flush", "send_offsets", "commit",
    "abort",         "join", "poll",  "read_offsets", "next",  "wait",         "send_early",
};

struct edge_input {
    enum topic topic;
    int32_t partition;
    int64_t position; /* -1: not assigned yet */
    bool told_end;
};

struct fake_edge *fake_edge_of(struct kafka_edge *edge)
{
    return (struct fake_edge *)(void *)edge;
}

struct fake_fault fake_enter(struct fake_edge *edge, enum fake_call call)
{
    struct fake_fault fault = {0};
    edge->calls[call]++;
    if (!edge->dead && edge->hook)
        fault = edge->hook->before(edge->hook, edge, call);
    if (edge->dead)
        fault = (struct fake_fault){.outcome = EDGE_FATAL};
    return fault;
}

enum edge_outcome fake_answer(struct fake_edge *edge, enum edge_outcome outcome, const char *call,
                              struct error *error)
{
    if (outcome == EDGE_RETRIABLE)
        fake_pass_time(edge->broker, CALL_US);
    if (outcome != EDGE_OK)
        error_set(error, VERDICT_RETRY, "fake %s: %s", call,
                  outcome == EDGE_RETRIABLE   ? "no answer"
                  : outcome == EDGE_ABORTABLE ? "must abort"
                  : outcome == EDGE_SETUP     ? "no rights"
                                              : "fatal");
    return outcome;
}

int fake_input_of(const struct fake_broker *broker, const char *topic)
{
    for (int i = 0; i < INPUT_TOPICS; i++)
        if (strcmp(broker->topology->topics[i], topic) == 0)
            return i;
    abort();
}

bool fake_may_commit(const struct fake_edge *edge)
{
    return edge->member && edge->assigned && !edge->kicked;
}

void fake_set_offsets(struct fake_offsets (*offsets)[FAKE_PARTITIONS_MAX],
                      const struct fake_broker *broker, const struct edge_place *places,
                      size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct fake_offsets *to =
            &offsets[fake_input_of(broker, places[i].topic)][places[i].partition];
        to->next = places[i].offset;
        memcpy(to->owner, places[i].owner, sizeof to->owner);
    }
}

/* ---- the group ---- */

static void add_member(struct fake_edge *edge)
{
    size_t i = 0;
    while (i < FAKE_MEMBERS_MAX && edge->broker->members[i] != NULL)
        i++;
    if (i == FAKE_MEMBERS_MAX)
        abort();
    edge->broker->members[i] = edge;
}

static void remove_member(struct fake_edge *edge)
{
    for (size_t i = 0; i < FAKE_MEMBERS_MAX; i++)
        if (edge->broker->members[i] == edge)
            edge->broker->members[i] = NULL;
}

static enum verdict join(struct kafka_edge *self, const char *member, struct edge_group *group,
                         struct error *error)
{
    struct fake_edge *edge = fake_edge_of(self);
    struct fake_fault fault = fake_enter(edge, FAKE_JOIN);
    if (fault.outcome != EDGE_OK)
        return error_set(error, VERDICT_FATAL, "fake join: refused");
    edge->member = member;
    edge->group = group;
    edge->generation = -1;
    edge->kicked = false;
    add_member(edge);
    return VERDICT_OK;
}

static void revoke(struct fake_edge *edge, bool lost)
{
    edge->revoking = true;
    if (edge->assigned)
        edge->group->revoked(edge->group, lost);
    edge->revoking = false;
    if (edge->assigned)
        fake_break(edge->broker, "a revocation was not confirmed");
}

static void give(struct fake_edge *edge)
{
    struct fake_broker *broker = edge->broker;
    struct edge_place *places = memory_zero(INPUT_TOPICS * FAKE_PARTITIONS_MAX, sizeof *places);
    size_t count = 0;
    edge->generation = broker->generation;
    int inputs = INPUT_TOPICS - (broker->lacking_assignments > 0);
    broker->lacking_assignments -= broker->lacking_assignments > 0;
    for (int i = 0; i < inputs; i++)
        for (int32_t p = 0; p < broker->partitions; p++)
            if (broker->owners[p] && strcmp(broker->owners[p], edge->instance) == 0)
                places[count++] = (struct edge_place){
                    .topic = broker->topology->topics[i], .partition = p, .offset = -1};
    edge->group->assigned(edge->group, places, count);
    free(places);
}

static void poll_group(struct kafka_edge *self)
{
    struct fake_edge *edge = fake_edge_of(self);
    fake_enter(edge, FAKE_POLL);
    if (edge->dead || edge->member == NULL)
        return;
    if (edge->refused) {
        edge->group->refused(edge->group, edge->refused);
        edge->refused = NULL;
    } else if (edge->kicked) {
        revoke(edge, true);
        edge->kicked = false;
        edge->generation = -1;
        add_member(edge);
    } else if (edge->generation != edge->broker->generation) {
        if (edge->assigned)
            revoke(edge, false);
        else
            give(edge);
    }
}

static void assign(struct kafka_edge *self, const struct edge_place *places, size_t count)
{
    struct fake_edge *edge = fake_edge_of(self);
    edge->assigned = places != NULL && count > 0;
    for (size_t i = 0; i < count; i++) {
        int input = fake_input_of(edge->broker, places[i].topic);
        int32_t p = places[i].partition;
        edge->starts[input][p] =
            places[i].offset < 0 ? edge->broker->lows[input][p] : places[i].offset;
    }
}

static void leave(struct kafka_edge *self)
{
    struct fake_edge *edge = fake_edge_of(self);
    if (edge->member == NULL)
        return;
    revoke(edge, edge->kicked);
    remove_member(edge);
}

static void close_consumer(struct kafka_edge *self)
{
    fake_edge_of(self)->member = NULL;
}

static void fill_offsets(const struct fake_broker *broker, struct edge_place *places, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct fake_offsets *from =
            &broker->offsets[fake_input_of(broker, places[i].topic)][places[i].partition];
        places[i].offset = from->next;
        memcpy(places[i].owner, from->owner, sizeof from->owner);
    }
}

static enum edge_outcome committed(struct kafka_edge *self, struct edge_place *places, size_t count,
                                   struct error *error)
{
    struct fake_edge *edge = fake_edge_of(self);
    struct fake_fault fault = fake_enter(edge, FAKE_READ_OFFSETS);
    for (size_t i = 0; i < count; i++)
        if (fake_is_unstable(edge->broker, fake_input_of(edge->broker, places[i].topic),
                             places[i].partition))
            fault = (struct fake_fault){.outcome = EDGE_RETRIABLE};
    if (fault.outcome == EDGE_OK)
        fill_offsets(edge->broker, places, count);
    return fake_answer(edge, fault.outcome, "committed", error);
}

static enum edge_outcome committed_before(struct kafka_edge *self, struct edge_place *places,
                                          size_t count, struct error *error)
{
    struct fake_edge *edge = fake_edge_of(self);
    struct fake_fault fault = fake_enter(edge, FAKE_READ_OFFSETS);
    if (fault.outcome == EDGE_OK)
        fill_offsets(edge->broker, places, count);
    return fake_answer(edge, fault.outcome, "committed_before", error);
}

/* An input's end is its end for readers; another topic's counts open transactions too. */
static enum edge_outcome ranges(struct kafka_edge *self, const struct edge_place *places,
                                size_t count, struct edge_range *ret_ranges, struct error *error)
{
    struct fake_edge *edge = fake_edge_of(self);
    struct fake_fault fault = fake_enter(edge, FAKE_READ_OFFSETS);
    for (size_t i = 0; i < count && fault.outcome == EDGE_OK; i++) {
        const struct fake_broker *broker = edge->broker;
        int32_t partition = places[i].partition;
        int topic = 0;
        while (strcmp(broker->topology->topics[topic], places[i].topic) != 0)
            topic++;
        ret_ranges[i] = (struct edge_range){
            .low = topic < INPUT_TOPICS ? broker->lows[topic][partition] : 0,
            .high = topic < INPUT_TOPICS ? fake_arrived(broker, (enum topic)topic, partition)
                                         : (int64_t)broker->logs[topic][partition].count,
        };
    }
    return fake_answer(edge, fault.outcome, "ranges", error);
}

static enum edge_outcome commit_offsets(struct kafka_edge *self, const struct edge_place *places,
                                        size_t count, struct error *error)
{
    struct fake_edge *edge = fake_edge_of(self);
    struct fake_fault fault = fake_enter(edge, FAKE_COMMIT);
    if (fault.outcome == EDGE_OK && !fake_may_commit(edge))
        fault = (struct fake_fault){.outcome = EDGE_ABORTABLE};
    if (fault.outcome == EDGE_OK || (fault.applied && fake_may_commit(edge)))
        fake_set_offsets(edge->broker->offsets, edge->broker, places, count);
    return fake_answer(edge, fault.outcome, "commit_offsets", error);
}

static enum verdict ask_members(struct kafka_edge *self, struct members *ret_members,
                                struct error *error)
{
    const struct fake_broker *broker = fake_edge_of(self)->broker;
    (void)error;
    *ret_members =
        (struct members){.names = memory_zero(FAKE_MEMBERS_MAX, sizeof *ret_members->names)};
    for (size_t i = 0; i < FAKE_MEMBERS_MAX; i++)
        if (broker->members[i] && !broker->members[i]->kicked)
            snprintf(ret_members->names[ret_members->count++], sizeof *ret_members->names, "%s",
                     broker->members[i]->member);
    return VERDICT_OK;
}

static bool replaced(struct kafka_edge *self)
{
    return fake_edge_of(self)->replaced;
}

static enum verdict topic_bytes(struct kafka_edge *self, const char *topic, int64_t *ret_bytes,
                                struct error *error)
{
    const struct fake_broker *broker = fake_edge_of(self)->broker;
    (void)error;
    for (int i = 0; i < TOPICS; i++)
        if (strcmp(broker->topology->topics[i], topic) == 0)
            *ret_bytes = broker->told_bytes[i];
    return *ret_bytes > 0 ? VERDICT_OK : VERDICT_SKIP;
}

static enum verdict partitions(struct kafka_edge *self, const char *topic, int32_t *ret_count,
                               struct error *error)
{
    const struct fake_broker *broker = fake_edge_of(self)->broker;
    int32_t answered = broker->answered_partitions[fake_input_of(broker, topic)];
    (void)error;
    *ret_count = answered ? answered : broker->partitions;
    return VERDICT_OK;
}

/* ---- inputs ---- */

static struct edge_input *open_input(struct kafka_edge *self, const char *topic, int32_t partition)
{
    struct fake_edge *edge = fake_edge_of(self);
    struct edge_input *input = memory_zero(1, sizeof *input);
    input->topic = (enum topic)fake_input_of(edge->broker, topic);
    input->partition = partition;
    input->position = -1;
    edge->held++;
    return input;
}

static void close_input(struct kafka_edge *self, struct edge_input *input)
{
    fake_edge_of(self)->held--;
    free(input);
}

static enum edge_arrival next(struct kafka_edge *self, struct edge_input *input,
                              struct edge_message *ret_message)
{
    struct fake_edge *edge = fake_edge_of(self);
    const struct fake_log *log = &edge->broker->logs[input->topic][input->partition];
    fake_enter(edge, FAKE_NEXT);
    if (edge->dead)
        return EDGE_NOTHING;
    if (input->position < 0)
        input->position = edge->starts[input->topic][input->partition];
    if (input->position < edge->broker->lows[input->topic][input->partition] ||
        input->position > fake_arrived(edge->broker, input->topic, input->partition))
        return EDGE_LOST;
    if (input->position >= fake_arrived(edge->broker, input->topic, input->partition)) {
        bool told = input->told_end || edge->broker->silent_ends;
        input->told_end = !edge->broker->silent_ends;
        *ret_message = (struct edge_message){.offset = input->position};
        return told ? EDGE_NOTHING : EDGE_END;
    }
    const struct fake_record *record = &log->records[input->position];
    input->told_end = false;
    edge->held++;
    *ret_message =
        (struct edge_message){.key = record->key,
                              .value = record->value,
                              .offset = input->position++,
                              .written_ms = record->written_ms ? record->written_ms : INT64_MIN};
    return EDGE_RECORD;
}

static void release(struct kafka_edge *self, struct edge_message *message)
{
    (void)message;
    fake_edge_of(self)->held--;
}

static size_t queued_bytes(struct kafka_edge *self)
{
    (void)self;
    return 0;
}

static int64_t end(struct kafka_edge *self, const struct edge_input *input)
{
    const struct fake_broker *broker = fake_edge_of(self)->broker;
    return broker->silent_ends ? -1 : fake_arrived(broker, input->topic, input->partition);
}

/* ---- time ---- */

static int64_t now_us(struct kafka_edge *self)
{
    return fake_edge_of(self)->broker->now_us;
}

static void wait_until(struct kafka_edge *self, int64_t until_us)
{
    struct fake_edge *edge = fake_edge_of(self);
    fake_enter(edge, FAKE_WAIT);
    int64_t us = until_us - edge->broker->now_us;
    fake_pass_time(edge->broker, us < 1 ? 1 : us > WAIT_MAX_US ? WAIT_MAX_US : us);
}

static void free_edge(struct kafka_edge *self)
{
    struct fake_edge *edge = fake_edge_of(self);
    if (edge->held != 0)
        fake_break(edge->broker, "%ld messages or inputs were not given back", edge->held);
    for (int i = 0; i < EDGE_SLOTS; i++)
        if (edge->slots[i].state != SLOT_CLOSED)
            fake_break(edge->broker, "producer %d was not closed", i);
    remove_member(edge);
    free(edge);
}

void fake_kick(struct fake_edge *edge)
{
    remove_member(edge);
    edge->kicked = edge->member != NULL;
}

void fake_kill(struct fake_edge *edge)
{
    remove_member(edge);
    edge->dead = true;
}

struct fake_edge *fake_edge_new(struct fake_broker *broker, const char *instance,
                                struct fake_hook *hook)
{
    struct fake_edge *edge = memory_zero(1, sizeof *edge);
    edge->broker = broker;
    edge->hook = hook;
    snprintf(edge->instance, sizeof edge->instance, "%s", instance);
    edge->edge = (struct kafka_edge){
        .join = join,
        .poll = poll_group,
        .assign = assign,
        .leave = leave,
        .close_consumer = close_consumer,
        .committed = committed,
        .committed_before = committed_before,
        .ranges = ranges,
        .commit_offsets = commit_offsets,
        .members = ask_members,
        .replaced = replaced,
        .topic_bytes = topic_bytes,
        .partitions = partitions,
        .open_input = open_input,
        .close_input = close_input,
        .next = next,
        .release = release,
        .end = end,
        .queued_bytes = queued_bytes,
        .now_us = now_us,
        .wait = wait_until,
        .free = free_edge,
    };
    fake_add_producers(&edge->edge);
    return edge;
}
