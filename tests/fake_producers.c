/* The producers of the fake edge, with their transactions. */
#include "tests/fake_edge.h"

#include "schemas/array.h"

#include <stdio.h>
#include <stdlib.h>

#define FULL_QUEUE_US 10000

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

static enum verdict open_producer(struct kafka_edge *self, int number, const char *id,
                                  struct edge_deliveries *deliveries, struct error *error)
{
    struct fake_edge *edge = fake_edge_of(self);
    struct fake_slot *slot = &edge->slots[number];
    struct fake_fault fault = fake_enter(edge, FAKE_OPEN_PRODUCER);
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
    struct fake_edge *edge = fake_edge_of(self);
    struct fake_slot *slot = &edge->slots[number];
    struct fake_fault fault = fake_enter(edge, FAKE_INIT);
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
    return fake_answer(edge, fault.outcome, "init", error);
}

static enum edge_outcome begin(struct kafka_edge *self, int number, struct error *error)
{
    struct fake_edge *edge = fake_edge_of(self);
    struct fake_slot *slot = &edge->slots[number];
    struct fake_fault fault = fake_enter(edge, FAKE_BEGIN);
    expect_state(edge, slot, "begin", slot->state == SLOT_READY);
    if (slot->late_end && !edge->dead)
        fake_break(edge->broker, "a transaction begins that a late end of the last could end");
    if (fault.outcome == EDGE_OK)
        slot->state = SLOT_IN;
    enter_state(slot, fault.outcome);
    return fake_answer(edge, fault.outcome, "begin", error);
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
    struct fake_edge *edge = fake_edge_of(self);
    struct fake_slot *slot = &edge->slots[number];
    struct fake_fault fault = fake_enter(edge, FAKE_PRODUCE);
    expect_state(edge, slot, "produce",
                 slot->state == SLOT_IN || (!slot->transactional && slot->state == SLOT_OPENED));
    if (fault.outcome == EDGE_RETRIABLE)
        fake_pass_time(edge->broker, FULL_QUEUE_US);
    if (record->topic == TOPIC_EARLY)
        fake_break(edge->broker, "an early list goes through a transaction's producer");
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
    struct fake_edge *edge = fake_edge_of(self);
    struct fake_slot *slot = &edge->slots[number];
    struct fake_fault fault = fake_enter(edge, FAKE_FLUSH);
    if (fault.outcome == EDGE_RETRIABLE) {
        if (fault.applied)
            deliver_half(edge, slot);
        return fake_answer(edge, EDGE_RETRIABLE, "flush", error);
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

static enum edge_outcome send_offsets(struct kafka_edge *self, int number,
                                      const struct edge_place *places, size_t count,
                                      struct error *error)
{
    struct fake_edge *edge = fake_edge_of(self);
    struct fake_slot *slot = &edge->slots[number];
    struct fake_fault fault = fake_enter(edge, FAKE_SEND_OFFSETS);
    expect_state(edge, slot, "send_offsets", slot->state == SLOT_IN || slot->state == SLOT_FATAL);
    if (fault.outcome == EDGE_OK && (is_fenced(edge, slot) || slot->state == SLOT_FATAL))
        fault = (struct fake_fault){.outcome = EDGE_FATAL};
    if (fault.outcome == EDGE_OK && !fake_may_commit(edge))
        fault = (struct fake_fault){.outcome = EDGE_ABORTABLE};
    if (fault.outcome == EDGE_OK ||
        (fault.applied && !is_fenced(edge, slot) && fake_may_commit(edge)))
        fake_set_offsets(fake_transaction_of(edge->broker, slot->id)->offsets, edge->broker, places,
                         count);
    enter_state(slot, fault.outcome);
    return fake_answer(edge, fault.outcome, "send_offsets", error);
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
    struct fake_edge *edge = fake_edge_of(self);
    struct fake_slot *slot = &edge->slots[number];
    struct fake_fault fault = fake_enter(edge, FAKE_COMMIT);
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
    return fake_answer(edge, outcome, "commit", error);
}

static enum edge_outcome abort_transaction(struct kafka_edge *self, int number, struct error *error)
{
    struct fake_edge *edge = fake_edge_of(self);
    struct fake_slot *slot = &edge->slots[number];
    struct fake_fault fault = fake_enter(edge, FAKE_ABORT);
    expect_state(edge, slot, "abort", slot->state >= SLOT_IN);
    drop_sent(slot, slot->sent_count);
    bool possible = slot->state == SLOT_IN || slot->state == SLOT_MUST_ABORT;
    if (!possible || is_fenced(edge, slot))
        fault = (struct fake_fault){.outcome = EDGE_FATAL};
    if (fault.outcome == EDGE_OK || fault.applied)
        fake_end_transaction(edge->broker, slot->id, false);
    if (fault.outcome == EDGE_OK)
        slot->state = SLOT_READY;
    return fake_answer(edge, fault.outcome, "abort", error);
}

static void close_producer(struct kafka_edge *self, int number)
{
    struct fake_slot *slot = &fake_edge_of(self)->slots[number];
    drop_sent(slot, slot->sent_count);
    free(slot->sent);
    *slot = (struct fake_slot){0};
}

/* At once, beside all transactions. */
static void send_early(struct kafka_edge *self, const struct edge_record *record)
{
    struct fake_edge *edge = fake_edge_of(self);
    struct fake_fault fault = fake_enter(edge, FAKE_SEND_EARLY);
    const struct fake_sent sent = {.record = *record, .source_offset = -1};
    if (record->topic != TOPIC_EARLY || record->value.at == NULL)
        fake_break(edge->broker, "a record that is no early list goes ahead");
    if (fault.outcome == EDGE_OK && !edge->dead)
        fake_write(edge->broker, -1, &sent);
}

void fake_add_producers(struct kafka_edge *edge)
{
    edge->open_producer = open_producer;
    edge->init = init;
    edge->begin = begin;
    edge->produce = produce;
    edge->flush = flush;
    edge->send_offsets = send_offsets;
    edge->commit = commit;
    edge->abort = abort_transaction;
    edge->close_producer = close_producer;
    edge->send_early = send_early;
}
