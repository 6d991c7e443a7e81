#include "tests/fake_edge.h"

#include "processors/runtime/kafka/members.h"
#include "schemas/array.h"

#include <stdio.h>
#include <stdlib.h>

#define CALL_US 1000000 /* until a call without an answer returns */
#define FULL_QUEUE_US 10000
#define WAIT_MAX_US 50000

const char *const fake_call_names[FAKE_CALLS] = {
    "open_producer", "init", "begin", "produce",      "flush", "send_offsets", "commit",
    "abort",         "join", "poll",  "read_offsets", "next",  "wait",
};

struct edge_input {
    enum topic topic;
    int32_t partition;
    int64_t position; /* -1: not assigned yet */
    bool told_end;
};

static struct fake_edge *fake(struct kafka_edge *edge)
{
    return (struct fake_edge *)(void *)edge;
}

static struct fake_fault enter(struct fake_edge *edge, enum fake_call call)
{
    struct fake_fault fault = {0};
    edge->calls[call]++;
    if (!edge->dead && edge->hook)
        fault = edge->hook->before(edge->hook, edge, call);
    if (edge->dead)
        fault = (struct fake_fault){.outcome = EDGE_FATAL};
    return fault;
}

static enum edge_outcome answer(struct fake_edge *edge, enum edge_outcome outcome, const char *call,
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

static void enter_state(struct fake_slot *slot, enum edge_outcome outcome)
{
    if (outcome == EDGE_FATAL)
        slot->state = SLOT_FATAL;
    else if (outcome == EDGE_ABORTABLE)
        slot->state = SLOT_MUST_ABORT;
}

static bool is_fenced(const struct fake_edge *edge, const struct fake_slot *slot)
{
    return slot->transactional && edge->broker->ids[slot->id].epoch != slot->epoch;
}

static void expect_state(struct fake_edge *edge, const struct fake_slot *slot, const char *call,
                         bool allowed)
{
    if (!allowed && !edge->dead)
        fake_break(edge->broker, "%s in state %d", call, (int)slot->state);
}

/* ---- producers ---- */

static enum verdict open_producer(struct kafka_edge *self, int number, const char *id,
                                  struct edge_deliveries *deliveries, struct error *error)
{
    struct fake_edge *edge = fake(self);
    struct fake_slot *slot = &edge->slots[number];
    struct fake_fault fault = enter(edge, FAKE_OPEN_PRODUCER);
    expect_state(edge, slot, "open_producer", slot->state == SLOT_CLOSED);
    if (fault.outcome != EDGE_OK)
        return error_set(error, VERDICT_FATAL, "fake open_producer: refused");
    *slot = (struct fake_slot){.state = SLOT_OPENED,
                               .deliveries = deliveries,
                               .transactional = id != NULL,
                               .id = id ? fake_find_id(edge->broker, id) : -1};
    return VERDICT_OK;
}

static enum edge_outcome init(struct kafka_edge *self, int number, struct error *error)
{
    struct fake_edge *edge = fake(self);
    struct fake_slot *slot = &edge->slots[number];
    struct fake_fault fault = enter(edge, FAKE_INIT);
    expect_state(edge, slot, "init", slot->state == SLOT_OPENED);
    if (fault.outcome == EDGE_OK || fault.applied) {
        struct fake_id *id = &edge->broker->ids[slot->id];
        fake_end_transaction(edge->broker, slot->id,
                             id->open >= 0 && edge->broker->transactions[id->open].committing);
        slot->epoch = ++id->epoch;
    }
    if (fault.outcome == EDGE_OK)
        slot->state = SLOT_READY;
    enter_state(slot, fault.outcome);
    return answer(edge, fault.outcome, "init", error);
}

static enum edge_outcome begin(struct kafka_edge *self, int number, struct error *error)
{
    struct fake_edge *edge = fake(self);
    struct fake_slot *slot = &edge->slots[number];
    struct fake_fault fault = enter(edge, FAKE_BEGIN);
    expect_state(edge, slot, "begin", slot->state == SLOT_READY);
    if (slot->late_end && !edge->dead)
        fake_break(edge->broker, "a transaction begins that a late end of the last could end");
    if (fault.outcome == EDGE_OK)
        slot->state = SLOT_IN;
    enter_state(slot, fault.outcome);
    return answer(edge, fault.outcome, "begin", error);
}

static int64_t source_offset_of(const struct edge_record *record)
{
    for (size_t i = 0; i < record->header_count; i++)
        if (strcmp(record->headers[i].name, "__weft.errors.offset") == 0)
            return strtoll(record->headers[i].value, NULL, 10);
    return -1;
}

static size_t bytes_of_record(const struct edge_record *record)
{
    size_t bytes = FAKE_RECORD_OVERHEAD + record->key.size + record->value.size;
    for (size_t i = 0; i < record->header_count; i++)
        bytes += strlen(record->headers[i].name) + strlen(record->headers[i].value) + 4;
    return bytes;
}

/* The largest record that the topic takes. */
static size_t fake_takes(const struct fake_broker *broker, enum topic topic)
{
    return broker->taken_bytes[topic] > 0 ? (size_t)broker->taken_bytes[topic] : SIZE_MAX;
}

static enum edge_outcome produce(struct kafka_edge *self, int number,
                                 const struct edge_record *record, struct error *error)
{
    struct fake_edge *edge = fake(self);
    struct fake_slot *slot = &edge->slots[number];
    struct fake_fault fault = enter(edge, FAKE_PRODUCE);
    expect_state(edge, slot, "produce",
                 slot->state == SLOT_IN || (!slot->transactional && slot->state == SLOT_OPENED));
    if (fault.outcome == EDGE_RETRIABLE)
        fake_pass_time(edge->broker, FULL_QUEUE_US);
    enter_state(slot, fault.outcome);
    if (fault.outcome != EDGE_OK)
        return error_set(error, VERDICT_RETRY, "fake produce"), fault.outcome;
    size_t bytes = bytes_of_record(record);
    if (edge->broker->refuses_early && bytes > fake_takes(edge->broker, record->topic))
        return error_set(error, VERDICT_RETRY, "fake produce: too large"), EDGE_TOO_LARGE;
    ARRAY_RESERVE(slot->sent, slot->sent_capacity, slot->sent_count + 1);
    struct fake_sent *sent = &slot->sent[slot->sent_count++];
    *sent = (struct fake_sent){.record = *record,
                               .bytes = bytes,
                               .number = edge->calls[FAKE_PRODUCE],
                               .source_offset = source_offset_of(record)};
    sent->record.key = fake_copy(record->key);
    sent->record.value = fake_copy(record->value);
    sent->record.headers = NULL;
    return EDGE_OK;
}

static void drop_sent(struct fake_slot *slot, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free((void *)(uintptr_t)slot->sent[i].record.key.at);
        free((void *)(uintptr_t)slot->sent[i].record.value.at);
    }
    slot->sent_count -= count;
    if (slot->sent_count > 0)
        memmove(slot->sent, slot->sent + count, slot->sent_count * sizeof *slot->sent);
}

static void report_failure(struct fake_slot *slot, size_t i, enum fault fault)
{
    const struct edge_record *record = &slot->sent[i].record;
    if (slot->deliveries)
        slot->deliveries->failed(slot->deliveries, record->topic, record->partition, fault,
                                 fault == FAULT_TOO_LARGE ? "fake: too large"
                                                          : "fake: not delivered");
}

static void deliver(struct fake_edge *edge, struct fake_slot *slot, size_t count)
{
    if (edge->dead)
        return;
    bool fenced = is_fenced(edge, slot), refused = false;
    for (size_t i = 0; i < count; i++) {
        const struct edge_record *record = &slot->sent[i].record;
        bool too_large = !fenced && slot->sent[i].bytes > fake_takes(edge->broker, record->topic);
        if (fenced || refused || too_large) {
            report_failure(slot, i, too_large ? FAULT_TOO_LARGE : FAULT_PASSING);
            refused = refused || too_large;
            continue;
        }
        int64_t offset =
            fake_write(edge->broker, slot->transactional ? slot->id : -1, &slot->sent[i]);
        if (record->reported && slot->deliveries)
            slot->deliveries->written(slot->deliveries, record->partition, offset);
    }
    if (fenced && count > 0)
        slot->state = SLOT_FATAL;
    else if (refused && slot->transactional)
        slot->state = SLOT_MUST_ABORT;
    drop_sent(slot, count);
}

/* Kafka keeps the order within a partition only: the topics of the highest numbers go first. */
static int by_topic(const void *a, const void *b)
{
    const struct fake_sent *x = a, *y = b;
    if (x->record.topic != y->record.topic)
        return x->record.topic > y->record.topic ? -1 : 1;
    return x->number < y->number ? -1 : 1;
}

static void deliver_half(struct fake_edge *edge, struct fake_slot *slot)
{
    if (slot->sent_count > 1)
        qsort(slot->sent, slot->sent_count, sizeof *slot->sent, by_topic);
    deliver(edge, slot, (slot->sent_count + 1) / 2);
}

/* A record that can't be delivered shows in its report; the flush itself is done. */
static enum edge_outcome flush(struct kafka_edge *self, int number, struct error *error)
{
    struct fake_edge *edge = fake(self);
    struct fake_slot *slot = &edge->slots[number];
    struct fake_fault fault = enter(edge, FAKE_FLUSH);
    if (fault.outcome == EDGE_RETRIABLE) {
        if (fault.applied)
            deliver_half(edge, slot);
        return answer(edge, EDGE_RETRIABLE, "flush", error);
    }
    if (fault.outcome != EDGE_OK && slot->sent_count > 0) {
        deliver(edge, slot, slot->sent_count - 1);
        if (slot->sent_count > 0)
            report_failure(slot, 0, fault.outcome == EDGE_SETUP ? FAULT_SETUP : FAULT_PASSING);
        drop_sent(slot, slot->sent_count);
        enter_state(slot, fault.outcome);
    }
    deliver(edge, slot, slot->sent_count);
    return EDGE_OK;
}

static int input_of(const struct fake_broker *broker, const char *topic)
{
    for (int i = 0; i < INPUT_TOPICS; i++)
        if (strcmp(broker->topology->topics[i], topic) == 0)
            return i;
    abort();
}

static bool may_commit(const struct fake_edge *edge)
{
    return edge->member && edge->assigned && !edge->kicked;
}

static void set_offsets(struct fake_offsets (*offsets)[FAKE_PARTITIONS_MAX],
                        const struct fake_broker *broker, const struct edge_place *places,
                        size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct fake_offsets *to = &offsets[input_of(broker, places[i].topic)][places[i].partition];
        to->next = places[i].offset;
        memcpy(to->owner, places[i].owner, sizeof to->owner);
    }
}

static enum edge_outcome send_offsets(struct kafka_edge *self, int number,
                                      const struct edge_place *places, size_t count,
                                      struct error *error)
{
    struct fake_edge *edge = fake(self);
    struct fake_slot *slot = &edge->slots[number];
    struct fake_fault fault = enter(edge, FAKE_SEND_OFFSETS);
    expect_state(edge, slot, "send_offsets", slot->state == SLOT_IN || slot->state == SLOT_FATAL);
    if (fault.outcome == EDGE_OK && (is_fenced(edge, slot) || slot->state == SLOT_FATAL))
        fault = (struct fake_fault){.outcome = EDGE_FATAL};
    if (fault.outcome == EDGE_OK && !may_commit(edge))
        fault = (struct fake_fault){.outcome = EDGE_ABORTABLE};
    if (fault.outcome == EDGE_OK || (fault.applied && !is_fenced(edge, slot) && may_commit(edge)))
        set_offsets(fake_transaction_of(edge->broker, slot->id)->offsets, edge->broker, places,
                    count);
    enter_state(slot, fault.outcome);
    return answer(edge, fault.outcome, "send_offsets", error);
}

static enum edge_outcome commit_outcome(struct fake_edge *edge, struct fake_slot *slot,
                                        struct fake_fault fault)
{
    if (edge->dead)
        return EDGE_FATAL;
    if (fault.outcome == EDGE_OK && slot->ended)
        return EDGE_OK;
    if (slot->state == SLOT_FATAL || (!slot->ended && is_fenced(edge, slot)))
        return EDGE_FATAL;
    if ((fault.outcome == EDGE_OK || fault.applied) && !slot->ended) {
        fake_end_transaction(edge->broker, slot->id, true);
        slot->ended = true;
    } else if (fault.decided && !slot->ended) {
        fake_transaction_of(edge->broker, slot->id)->committing = true;
    }
    return fault.outcome;
}

static enum edge_outcome commit(struct kafka_edge *self, int number, struct error *error)
{
    struct fake_edge *edge = fake(self);
    struct fake_slot *slot = &edge->slots[number];
    struct fake_fault fault = enter(edge, FAKE_COMMIT);
    expect_state(edge, slot, "commit",
                 slot->state == SLOT_IN || slot->state == SLOT_COMMITTING ||
                     slot->state == SLOT_FATAL);
    deliver(edge, slot, slot->sent_count);
    enum edge_outcome outcome = commit_outcome(edge, slot, fault);
    if (outcome == EDGE_RETRIABLE) {
        slot->state = SLOT_COMMITTING;
        slot->late_end = true;
    } else if (outcome == EDGE_OK) {
        slot->state = SLOT_READY;
        slot->ended = false;
    }
    enter_state(slot, outcome);
    return answer(edge, outcome, "commit", error);
}

static enum edge_outcome abort_transaction(struct kafka_edge *self, int number, struct error *error)
{
    struct fake_edge *edge = fake(self);
    struct fake_slot *slot = &edge->slots[number];
    struct fake_fault fault = enter(edge, FAKE_ABORT);
    expect_state(edge, slot, "abort", slot->state >= SLOT_IN);
    drop_sent(slot, slot->sent_count);
    bool possible = slot->state == SLOT_IN || slot->state == SLOT_MUST_ABORT;
    if (!possible || is_fenced(edge, slot))
        fault = (struct fake_fault){.outcome = EDGE_FATAL};
    if (fault.outcome == EDGE_OK || fault.applied)
        fake_end_transaction(edge->broker, slot->id, false);
    if (fault.outcome == EDGE_OK)
        slot->state = SLOT_READY;
    return answer(edge, fault.outcome, "abort", error);
}

static void close_producer(struct kafka_edge *self, int number)
{
    struct fake_slot *slot = &fake(self)->slots[number];
    drop_sent(slot, slot->sent_count);
    free(slot->sent);
    *slot = (struct fake_slot){0};
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
    struct fake_edge *edge = fake(self);
    struct fake_fault fault = enter(edge, FAKE_JOIN);
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
    struct fake_edge *edge = fake(self);
    enter(edge, FAKE_POLL);
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
    struct fake_edge *edge = fake(self);
    edge->assigned = places != NULL && count > 0;
    for (size_t i = 0; i < count; i++) {
        int input = input_of(edge->broker, places[i].topic);
        int32_t p = places[i].partition;
        edge->starts[input][p] =
            places[i].offset < 0 ? edge->broker->lows[input][p] : places[i].offset;
    }
}

static void leave(struct kafka_edge *self)
{
    struct fake_edge *edge = fake(self);
    if (edge->member == NULL)
        return;
    revoke(edge, edge->kicked);
    remove_member(edge);
}

static void close_consumer(struct kafka_edge *self)
{
    fake(self)->member = NULL;
}

static void fill_offsets(const struct fake_broker *broker, struct edge_place *places, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct fake_offsets *from =
            &broker->offsets[input_of(broker, places[i].topic)][places[i].partition];
        places[i].offset = from->next;
        memcpy(places[i].owner, from->owner, sizeof from->owner);
    }
}

static enum edge_outcome committed(struct kafka_edge *self, struct edge_place *places, size_t count,
                                   struct error *error)
{
    struct fake_edge *edge = fake(self);
    struct fake_fault fault = enter(edge, FAKE_READ_OFFSETS);
    for (size_t i = 0; i < count; i++)
        if (fake_is_unstable(edge->broker, input_of(edge->broker, places[i].topic),
                             places[i].partition))
            fault = (struct fake_fault){.outcome = EDGE_RETRIABLE};
    if (fault.outcome == EDGE_OK)
        fill_offsets(edge->broker, places, count);
    return answer(edge, fault.outcome, "committed", error);
}

static enum edge_outcome committed_before(struct kafka_edge *self, struct edge_place *places,
                                          size_t count, struct error *error)
{
    struct fake_edge *edge = fake(self);
    struct fake_fault fault = enter(edge, FAKE_READ_OFFSETS);
    if (fault.outcome == EDGE_OK)
        fill_offsets(edge->broker, places, count);
    return answer(edge, fault.outcome, "committed_before", error);
}

/* An input's end is its end for readers; another topic's counts open transactions too. */
static enum edge_outcome ranges(struct kafka_edge *self, const struct edge_place *places,
                                size_t count, struct edge_range *ret_ranges, struct error *error)
{
    struct fake_edge *edge = fake(self);
    struct fake_fault fault = enter(edge, FAKE_READ_OFFSETS);
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
    return answer(edge, fault.outcome, "ranges", error);
}

static enum edge_outcome commit_offsets(struct kafka_edge *self, const struct edge_place *places,
                                        size_t count, struct error *error)
{
    struct fake_edge *edge = fake(self);
    struct fake_fault fault = enter(edge, FAKE_COMMIT);
    if (fault.outcome == EDGE_OK && !may_commit(edge))
        fault = (struct fake_fault){.outcome = EDGE_ABORTABLE};
    if (fault.outcome == EDGE_OK || (fault.applied && may_commit(edge)))
        set_offsets(edge->broker->offsets, edge->broker, places, count);
    return answer(edge, fault.outcome, "commit_offsets", error);
}

static enum verdict ask_members(struct kafka_edge *self, struct members *ret_members,
                                struct error *error)
{
    const struct fake_broker *broker = fake(self)->broker;
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
    return fake(self)->replaced;
}

static enum verdict topic_bytes(struct kafka_edge *self, const char *topic, int64_t *ret_bytes,
                                struct error *error)
{
    const struct fake_broker *broker = fake(self)->broker;
    (void)error;
    for (int i = 0; i < TOPICS; i++)
        if (strcmp(broker->topology->topics[i], topic) == 0)
            *ret_bytes = broker->told_bytes[i];
    return *ret_bytes > 0 ? VERDICT_OK : VERDICT_SKIP;
}

static enum verdict partitions(struct kafka_edge *self, const char *topic, int32_t *ret_count,
                               struct error *error)
{
    const struct fake_broker *broker = fake(self)->broker;
    int32_t answered = broker->answered_partitions[input_of(broker, topic)];
    (void)error;
    *ret_count = answered ? answered : broker->partitions;
    return VERDICT_OK;
}

/* ---- inputs ---- */

static struct edge_input *open_input(struct kafka_edge *self, const char *topic, int32_t partition)
{
    struct fake_edge *edge = fake(self);
    struct edge_input *input = memory_zero(1, sizeof *input);
    input->topic = (enum topic)input_of(edge->broker, topic);
    input->partition = partition;
    input->position = -1;
    edge->held++;
    return input;
}

static void close_input(struct kafka_edge *self, struct edge_input *input)
{
    fake(self)->held--;
    free(input);
}

static enum edge_arrival next(struct kafka_edge *self, struct edge_input *input,
                              struct edge_message *ret_message)
{
    struct fake_edge *edge = fake(self);
    const struct fake_log *log = &edge->broker->logs[input->topic][input->partition];
    enter(edge, FAKE_NEXT);
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
    fake(self)->held--;
}

static size_t queued_bytes(struct kafka_edge *self)
{
    (void)self;
    return 0;
}

static int64_t end(struct kafka_edge *self, const struct edge_input *input)
{
    const struct fake_broker *broker = fake(self)->broker;
    return broker->silent_ends ? -1 : fake_arrived(broker, input->topic, input->partition);
}

/* ---- time ---- */

static int64_t now_us(struct kafka_edge *self)
{
    return fake(self)->broker->now_us;
}

static void wait_until(struct kafka_edge *self, int64_t until_us)
{
    struct fake_edge *edge = fake(self);
    enter(edge, FAKE_WAIT);
    int64_t us = until_us - edge->broker->now_us;
    fake_pass_time(edge->broker, us < 1 ? 1 : us > WAIT_MAX_US ? WAIT_MAX_US : us);
}

static void free_edge(struct kafka_edge *self)
{
    struct fake_edge *edge = fake(self);
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
        .open_producer = open_producer,
        .init = init,
        .begin = begin,
        .produce = produce,
        .flush = flush,
        .send_offsets = send_offsets,
        .commit = commit,
        .abort = abort_transaction,
        .close_producer = close_producer,
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
    return edge;
}
