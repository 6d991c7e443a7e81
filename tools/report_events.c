#include "tools/report_events.h"

#include "schemas/array.h"

#include <math.h>
#include <stdlib.h>

/* ---- names and keys ---- */

static uint16_t number_name(struct report_events *events, struct bytes name)
{
    if (events->name_count == 0) {
        ARRAY_RESERVE(events->names, events->name_capacity, 1);
        events->names[events->name_count++] = bytes_text("");
    }
    if (name.size == 0)
        return REPORT_UNKNOWN;
    uint64_t hash = hash_index_hash(name);
    struct hash_probe probe = hash_index_probe(&events->name_index, hash);
    while (hash_index_next(&events->name_index, &probe))
        if (bytes_equal(events->names[probe.entry], name))
            return (uint16_t)probe.entry;
    if (events->name_count == REPORT_NAMES_MAX)
        return REPORT_UNKNOWN;
    ARRAY_RESERVE(events->names, events->name_capacity, events->name_count + 1);
    events->names[events->name_count] = arena_copy(&events->memory, name);
    hash_index_add(&events->name_index, hash, events->name_count);
    return (uint16_t)events->name_count++;
}

static uint32_t number_key(struct report_events *events, struct bytes name)
{
    uint64_t hash = hash_index_hash(name);
    struct hash_probe probe = hash_index_probe(&events->key_index, hash);
    while (hash_index_next(&events->key_index, &probe))
        if (bytes_equal(events->keys[probe.entry].name, name))
            return probe.entry;
    ARRAY_RESERVE(events->keys, events->key_capacity, events->key_count + 1);
    events->keys[events->key_count] = (struct report_key){
        .name = arena_copy(&events->memory, name),
        .user = REPORT_NOBODY,
    };
    hash_index_add(&events->key_index, hash, events->key_count);
    return events->key_count++;
}

/* ---- events ---- */

static enum report_kind kind_of(const struct event *event)
{
    switch (event->type) {
    case EVENT_IMPRESSION:
        return REPORT_SHOWN;
    case EVENT_CLICK:
        return REPORT_CLICK;
    case EVENT_CART:
        return event->action == CART_ADD ? REPORT_CART : REPORT_OTHER;
    case EVENT_PURCHASE:
        return event->status == PURCHASE_COMPLETED ? REPORT_PURCHASE : REPORT_RETURN;
    default:
        return REPORT_OTHER;
    }
}

static double amount_of(const struct event *event)
{
    double sum = 0;
    if (event->type != EVENT_PURCHASE)
        return 0;
    if (!isnan(event->value))
        return fabs(event->value);
    for (uint32_t i = 0; i < event->item_count; i++)
        if (!isnan(event->items[i].price))
            sum += event->items[i].price * (double)event->items[i].quantity;
    return fabs(sum);
}

static void add_user(struct report_events *events, const struct event *event)
{
    struct report_key *key = &events->keys[number_key(events, event->user_id)];
    key->refused = event->erased || !event->consent;
    key->gender = number_name(events, event->gender);
}

void report_events_add(struct report_events *events, const struct event *event)
{
    if (event->type == EVENT_PRODUCT)
        return;
    if (event->type == EVENT_USER) {
        add_user(events, event);
        return;
    }
    if (!event->consent) {
        events->no_consent++;
        return;
    }
    uint32_t key = number_key(events, event_visitor(event));
    if (event->user_id.size && event->visitor_id.size) {
        uint32_t visitor = number_key(events, event->visitor_id);
        if (visitor != key && events->keys[visitor].user == REPORT_NOBODY)
            events->keys[visitor].user = key;
    }
    ARRAY_RESERVE(events->at, events->capacity, events->count + 1);
    events->at[events->count++] = (struct report_event){
        .time_ms = event->event_time_ms,
        .id = bytes_hash(event->event_id),
        .amount = amount_of(event),
        .key = key,
        .placement = number_name(events, event->placement),
        .channel = number_name(events, event->channel),
        .kind = (uint8_t)kind_of(event),
    };
}

/* ---- the end ---- */

static int compare_numbers(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int by_id(const void *a, const void *b)
{
    const struct report_event *x = a, *y = b;
    if (x->person != y->person)
        return x->person < y->person ? -1 : 1;
    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    return compare_numbers(x->time_ms, y->time_ms);
}

static int by_time(const void *a, const void *b)
{
    const struct report_event *x = a, *y = b;
    if (x->person != y->person)
        return x->person < y->person ? -1 : 1;
    if (x->time_ms != y->time_ms)
        return compare_numbers(x->time_ms, y->time_ms);
    return (x->id > y->id) - (x->id < y->id);
}

static void sort(struct report_events *events, int (*compare)(const void *, const void *))
{
    if (events->count > 0)
        qsort(events->at, events->count, sizeof *events->at, compare);
}

static void note_time(struct report_events *events, bool first, int64_t time_ms)
{
    if (first || time_ms < events->first_ms)
        events->first_ms = time_ms;
    if (first || time_ms > events->last_ms)
        events->last_ms = time_ms;
}

void report_events_finish(struct report_events *events)
{
    size_t count = 0;
    for (size_t i = 0; i < events->count; i++) {
        struct report_event *event = &events->at[i];
        uint32_t user = events->keys[event->key].user;
        event->person = user == REPORT_NOBODY ? event->key : user;
    }
    sort(events, by_id);
    for (size_t i = 0; i < events->count; i++) {
        const struct report_event *event = &events->at[i];
        const struct report_event *before = &events->at[count - (count > 0)];
        if (events->keys[event->person].refused || events->keys[event->key].refused) {
            events->no_consent++;
        } else if (count > 0 && event->person == before->person && event->id == before->id) {
            events->repeated++;
        } else {
            note_time(events, count == 0, event->time_ms);
            events->at[count++] = *event;
        }
    }
    events->count = count;
    sort(events, by_time);
}

void report_events_release(struct report_events *events)
{
    arena_release(&events->memory);
    hash_index_release(&events->key_index);
    hash_index_release(&events->name_index);
    free(events->at);
    free(events->keys);
    free(events->names);
    *events = (struct report_events){0};
}
