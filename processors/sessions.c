/* Sessions: puts each activity at its place in the visitor's sequence, and tells the model through
 * the interactions log which activities stand next to it. Here a view becomes part of a session.
 *
 *     activities by time   a  a  b   ---- pause ----   c  a
 *                          session 1                   session 2
 *
 * A session ends where nothing happened for session.gap.ms of event time. A pair is two activities
 * of one kind in one session; its gap is their distance among the session's activities of that
 * kind.
 *
 * An activity that comes late pushes apart the pairs around it, and may join two sessions into one.
 * The record in the log says what changed. So the counts are those of the sequence by time, in
 * whatever order it arrived.
 *
 * A cart addition no longer counts once its item is taken out of the cart or the cart is cleared; a
 * purchase no longer counts once it is sent back or cancelled. A record in the log takes it back,
 * with the activities around it, which move closer together. So the counts are those of the
 * sequence without it. Activities of suspects (noise.c) stand in the sequence but not in the log;
 * they are no neighbours. */
#include "processors/processor.h"
#include "processors/recommend/candidates/channel_popularity.h"
#include "processors/recommend/search/text.h"

#include <math.h>
#include <string.h>

#define SEARCH_AGO_MAX 5     /* an activity follows a search that is at most so many before it */
#define SEARCH_AGE_MS 600000 /* and at most so old */

/* The search that the activity at `position` followed, normalised into `to`; absent: none. */
static struct bytes searched_before(const struct visitor *visitor, uint32_t position, char *to)
{
    struct bytes search =
        visitor_history_search_before(visitor, position, SEARCH_AGO_MAX, SEARCH_AGE_MS);
    struct bytes term = search.at ? text_query(search, to) : search;
    return term.size > 0 ? term : bytes_of(NULL, 0);
}

static enum verdict write_interaction(struct context *context,
                                      const struct interaction *interaction, struct error *error)
{
    buffer_clear(context->scratch);
    interaction_write(interaction, context->interaction_fingerprint, context->scratch);
    context->counts->counters[COUNT_INTERACTIONS]++;
    return context->outlet->emit(context->outlet, OUTPUT_INTERACTIONS, 0, bytes_of(NULL, 0),
                                 buffer_bytes(context->scratch), error);
}

/* The activity at `position` made one session of two. Records without an activity of their own tell
 * the pairs of other kinds that are in one session now. */
static enum verdict write_joints(struct context *context, uint32_t position, enum kind kind,
                                 struct error *error)
{
    const struct visitor *visitor = context->visitor;
    const struct activity *activity = &visitor->activities[position];
    uint32_t place = visitor_history_place_of(visitor, position);
    int64_t gap_ms = context->settings->session_gap_ms;
    for (int other = 0; other < KINDS; other++) {
        enum pair_kind pair_kind;
        if (!pair_kind_of((enum kind)other, &pair_kind) ||
            (other == (int)kind && activity->counting == COUNTING_ACTIVE)) /* its record tells */
            continue;
        struct interaction joint = {
            .event_id = bytes_of("", 0),
            .kind = (enum kind)other,
            .subject = bytes_of("", 0),
            .event_time_ms = activity->time_ms,
            .price = NAN,
            .visitor = bytes_hash(visitor_key(visitor)),
        };
        joint.before_count =
            visitor_history_neighbours(visitor, place, -1, joint.kind, gap_ms, joint.before);
        joint.after_count =
            visitor_history_neighbours(visitor, place, 1, joint.kind, gap_ms, joint.after);
        if (joint.before_count == 0 || joint.after_count == 0)
            continue;
        enum verdict verdict = write_interaction(context, &joint, error);
        if (verdict != VERDICT_OK)
            return verdict;
    }
    return VERDICT_OK;
}

/* Inserts the activity; older ones fall out until the visitor's row fits the changelog. Returns how
 * many fell out. */
static uint32_t insert(struct context *context, struct activity activity, uint32_t position,
                       struct bytes subject)
{
    struct activity_bounds bounds = activity_bounds_of(context->settings);
    uint64_t *counters = context->counts->counters;
    uint32_t out = visitor_insert(context->visitor, position, activity, subject,
                                  context->settings->activities_max, &bounds);
    uint32_t cut = visitor_fit(context->visitor, context->visitor_row_bytes_max, &bounds);
    counters[COUNT_ACTIVITIES_CUT] += cut;
    counters[COUNT_ACTIVITIES_OUT] += out + cut;
    counters[COUNT_CART_ITEMS_OUT] += bounds.cart.fallen;
    counters[COUNT_RETRACTABLE_OUT] += bounds.retractable.fallen;
    return out + cut;
}

/* Puts one activity into the visitor's sequence and writes its interaction. `subject` is an item or
 * a search term, `index` its place among the event's items. */
static enum verdict remember(struct context *context, const struct record *record,
                             struct bytes channel, enum kind kind, struct bytes subject,
                             float price, uint32_t index, struct error *error)
{
    struct visitor *visitor = context->visitor;
    const struct event *event = &record->event;
    int64_t gap_ms = context->settings->session_gap_ms, time_ms = event->event_time_ms;
    uint32_t position = visitor_position(visitor, time_ms, kind);
    bool late = position < visitor->count;
    /* the activities around a late one were in one session before */
    bool joined =
        late && position > 0 &&
        visitor->activities[position].time_ms - visitor->activities[position - 1].time_ms <= gap_ms;
    struct activity activity = {
        .time_ms = time_ms,
        .event_hash = bytes_hash(event->event_id),
        .price = price,
        .kind = (uint8_t)kind,
        .counting = COUNTING_NEVER,
    };
    uint32_t out = insert(context, activity, position, subject);
    if (out > position) /* the bound is smaller than the event: it fell out at once */
        return VERDICT_OK;
    position -= out;
    context->counts->counters[COUNT_REORDERED] += late;
    visitor->activities[position].counting =
        record->quarantined ? COUNTING_QUARANTINED : COUNTING_ACTIVE;
    if (record->quarantined)
        return late && !joined ? write_joints(context, position, kind, error) : VERDICT_OK;
    uint32_t place = visitor_history_place_of(visitor, position);
    struct interaction interaction = {
        .event_id = event->event_id,
        .position = index,
        .kind = kind,
        .subject = subject,
        .event_time_ms = time_ms,
        .price = price,
        .visitor = bytes_hash(visitor_key(visitor)),
        .channel = channel,
        .joined = joined,
    };
    interaction.before_count =
        visitor_history_neighbours(visitor, place, -1, kind, gap_ms, interaction.before);
    if (late)
        interaction.after_count =
            visitor_history_neighbours(visitor, place, 1, kind, gap_ms, interaction.after);
    char term[TEXT_QUERY_BYTES_MAX];
    enum pair_kind pair_kind;
    if (pair_kind_of(kind, &pair_kind))
        interaction.search_term = searched_before(visitor, position, term);
    enum verdict verdict = write_interaction(context, &interaction, error);
    if (verdict != VERDICT_OK || !late || joined)
        return verdict;
    return write_joints(context, position, kind, error);
}

/* `item`: NULL for an event without items. */
static enum kind kind_of(const struct event *event, const struct event_item *item)
{
    static const enum kind cart_kinds[] = {KIND_CART, KIND_CART_REMOVE, KIND_CART_UPDATE,
                                           KIND_CART_CLEAR};
    switch (event->type) {
    case EVENT_SEARCH:
        return KIND_SEARCH;
    case EVENT_CART:
        if (event->action == CART_UPDATE && item && item->quantity == 0)
            return KIND_CART_REMOVE;
        return cart_kinds[event->action];
    case EVENT_PURCHASE:
        return event->status == PURCHASE_COMPLETED ? KIND_PURCHASE : KIND_REFUND;
    default:
        return KIND_VIEW;
    }
}

static uint32_t quantity_of(const struct event_item *item)
{
    return item->quantity > 0 ? (uint32_t)item->quantity : 1;
}

/* Remembers what was sent back. Returns whether it was bought. `item`: NULL for the whole order. */
static bool note_return(struct context *context, const struct event *event,
                        const struct event_item *item, uint32_t *ret_out)
{
    struct orders *orders = &context->visitor->orders;
    uint32_t order = order_tag(event->transaction_id, event->event_id);
    uint32_t max = context->settings->order_lines_max;
    bool known = event->transaction_id.size > 0;
    if (item == NULL)
        return known && orders_return_all(orders, order, event->event_time_ms, max, ret_out);
    uint32_t quantity = quantity_of(item);
    return known ? orders_return(orders, order, shown_tag(item->item_id), quantity,
                                 event->event_time_ms, max, ret_out)
                 : orders_return_newest(orders, shown_tag(item->item_id), quantity,
                                        event->event_time_ms);
}

static void note_order(struct context *context, const struct event *event,
                       const struct event_item *item, enum kind kind)
{
    uint32_t out = 0;
    if (kind == KIND_REFUND && !note_return(context, event, item, &out))
        context->counts->counters[COUNT_RETURNS_UNKNOWN]++;
    if (kind == KIND_PURCHASE) {
        const struct order_line line = {
            .order = order_tag(event->transaction_id, event->event_id),
            .item = shown_tag(item->item_id),
            .event = event_tag(bytes_hash(event->event_id)),
            .bought = quantity_of(item),
            .time_ms = event->event_time_ms,
        };
        out = orders_buy(&context->visitor->orders, line, context->settings->order_lines_max);
    }
    context->counts->counters[COUNT_ORDER_LINES_OUT] += out;
}

static void add_change(struct record *record, struct arena *arena, struct record_change change)
{
    if (record->change_count == record->change_capacity) {
        uint32_t capacity = record->change_capacity ? 2 * record->change_capacity : 8;
        struct record_change *changes = arena_get(arena, capacity * sizeof *changes);
        if (record->change_count > 0)
            memcpy(changes, record->changes, record->change_count * sizeof *changes);
        record->changes = changes;
        record->change_capacity = capacity;
    }
    record->changes[record->change_count++] = change;
}

/* Writes that the activity at the place no longer counts, or counts again. */
static enum verdict write_change(struct context *context, const struct record *record,
                                 uint32_t place, enum counting counting, uint32_t number,
                                 struct error *error)
{
    struct visitor *visitor = context->visitor;
    struct history_place at = visitor_history_place(visitor, place);
    int64_t gap_ms = context->settings->session_gap_ms;
    bool taken_back = counting != COUNTING_ACTIVE;
    struct interaction interaction = {
        .event_id = record->event.event_id,
        .position = number,
        .kind = at.kind,
        .subject = at.subject,
        .event_time_ms = at.time_ms,
        .price = NAN,
        .visitor = bytes_hash(visitor_key(visitor)),
        .change = taken_back ? CHANGE_TAKEN_BACK : CHANGE_COUNTED_AGAIN,
        .joined = true,
    };
    visitor_history_set_counting(visitor, place, counting);
    interaction.before_count =
        visitor_history_neighbours(visitor, place, -1, at.kind, gap_ms, interaction.before);
    interaction.after_count =
        visitor_history_neighbours(visitor, place, 1, at.kind, gap_ms, interaction.after);
    context->counts->counters[COUNT_TAKEN_BACK] += taken_back;
    return write_interaction(context, &interaction, error);
}

/* Writes what the newest activity of this kind and subject changed: an addition to the cart may
 * come after its removal, and a purchase after its return. An empty subject stands for all items.
 */
static enum verdict settle(struct context *context, struct record *record, enum kind kind,
                           struct bytes subject, struct error *error)
{
    struct visitor *visitor = context->visitor;
    bool carts = kind == KIND_CART || cart_takes_out(kind) || kind == KIND_CART_CLEAR;
    bool purchases = kind == KIND_PURCHASE || kind == KIND_REFUND;
    bool all = kind == KIND_CART_CLEAR || subject.size == 0;
    if (!carts && !purchases)
        return VERDICT_OK;
    for (uint32_t place = 0; place < visitor_history_places(visitor); place++) {
        struct history_place at = visitor_history_place(visitor, place);
        if (!(at.kind == KIND_CART ? carts : at.kind == KIND_PURCHASE && purchases) ||
            (!all && !bytes_equal(at.subject, subject)))
            continue;
        bool taken_back = visitor_history_is_taken_back(visitor, place);
        if (taken_back == (at.counting == COUNTING_TAKEN_BACK))
            continue;
        add_change(record, context->arena,
                   (struct record_change){
                       .item_id = arena_copy(context->arena, at.subject),
                       .purchase = at.kind == KIND_PURCHASE,
                       .taken_back = taken_back,
                       .price = at.price,
                       .time_ms = at.time_ms,
                   });
        enum verdict verdict =
            write_change(context, record, place, taken_back ? COUNTING_TAKEN_BACK : COUNTING_ACTIVE,
                         record->change_count - 1, error);
        if (verdict != VERDICT_OK)
            return verdict;
    }
    return VERDICT_OK;
}

/* The visitor became suspect: takes back all activities that are remembered and counted. Their own
 * lists and tastes keep them. */
static enum verdict quarantine(struct context *context, const struct record *record,
                               struct error *error)
{
    struct visitor *visitor = context->visitor;
    uint32_t number = 0;
    for (uint32_t place = 0; place < visitor_history_places(visitor); place++) {
        struct history_place at = visitor_history_place(visitor, place);
        enum pair_kind kind;
        if (at.counting != COUNTING_ACTIVE || !pair_kind_of(at.kind, &kind))
            continue;
        enum verdict verdict =
            write_change(context, record, place, COUNTING_QUARANTINED, number++, error);
        if (verdict != VERDICT_OK)
            return verdict;
    }
    return VERDICT_OK;
}

static enum verdict take_item(struct context *context, struct record *record, struct bytes channel,
                              uint32_t index, struct error *error)
{
    const struct event *event = &record->event;
    const struct event_item *item = index < event->item_count ? &event->items[index] : NULL;
    struct bytes subject = item ? item->item_id : bytes_of("", 0);
    enum kind kind = kind_of(event, item);
    enum verdict verdict = remember(context, record, channel, kind, subject,
                                    item ? (float)item->price : NAN, index, error);
    if (verdict != VERDICT_OK)
        return verdict;
    note_order(context, event, item, kind);
    return settle(context, record, kind, subject, error);
}

static enum verdict sessions_event(struct context *context, struct record *record,
                                   struct error *error)
{
    struct visitor *visitor = context->visitor;
    const struct event *event = &record->event;
    if (visitor_is_late(visitor, event->event_time_ms, context->settings->activities_max))
        return record_end(record, FATE_LATE);
    visitor_table_mark_dirty(context->visitors, visitor);
    visitor->touched = true;
    char name[CHANNEL_BYTES_MAX];
    struct bytes channel = channel_name(event->channel, context->scratch, name);
    if (channel.size > 0)
        visitor_update_channel(visitor, channel, event->event_time_ms);
    enum verdict verdict = record->exposed ? quarantine(context, record, error) : VERDICT_OK;
    if (verdict != VERDICT_OK)
        return verdict;
    if (event->type == EVENT_SEARCH)
        return remember(context, record, channel, KIND_SEARCH, event->search_term, NAN, 0, error);
    if (event->item_count == 0)
        return take_item(context, record, channel, 0, error);
    for (uint32_t i = 0; i < event->item_count; i++) {
        verdict = take_item(context, record, channel, i, error);
        if (verdict != VERDICT_OK)
            return verdict;
    }
    return VERDICT_OK;
}

static const char *const inputs[] = {"clean", NULL};
static const char *const outputs[] = {"interactions", "late", NULL};

WEFT_STEP(sessions) = {
    .name = "sessions",
    .summary = "puts each activity into the visitor's sequence, tells the model the pairs",
    .stage = STAGE_VISITORS,
    .after = "learn",
    .inputs = inputs,
    .outputs = outputs,
    .table = "visitor",
    .event = sessions_event,
};
