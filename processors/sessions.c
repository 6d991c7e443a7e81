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
 * whatever order it arrived. */
#include "processors/processor.h"
#include "processors/recommend/candidates/channel_popularity.h"
#include "processors/recommend/search/text.h"

#include <math.h>

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
    int64_t gap_ms = context->settings->session_gap_ms;
    for (int other = 0; other < KINDS; other++) {
        enum pair_kind pair_kind;
        if (other == (int)kind || !pair_kind_of((enum kind)other, &pair_kind))
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
            visitor_history_neighbours(visitor, position, -1, joint.kind, gap_ms, joint.before);
        joint.after_count =
            visitor_history_neighbours(visitor, position, 1, joint.kind, gap_ms, joint.after);
        if (joint.before_count == 0 || joint.after_count == 0)
            continue;
        enum verdict verdict = write_interaction(context, &joint, error);
        if (verdict != VERDICT_OK)
            return verdict;
    }
    return VERDICT_OK;
}

/* Drops activities until the visitor's row fits the changelog. */
static uint32_t fit_row(struct context *context, struct visitor *visitor)
{
    struct cart_bound bound = {.items_max = context->settings->cart_items_max};
    uint32_t out = visitor_fit(visitor, context->visitor_row_bytes_max, &bound);
    context->counts->counters[COUNT_ACTIVITIES_CUT] += out;
    context->counts->counters[COUNT_CART_ITEMS_OUT] += bound.fallen;
    return out;
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
    };
    struct cart_bound bound = {.items_max = context->settings->cart_items_max};
    uint32_t out = visitor_insert(visitor, position, activity, subject,
                                  context->settings->activities_max, &bound);
    context->counts->counters[COUNT_CART_ITEMS_OUT] += bound.fallen;
    out += fit_row(context, visitor);
    context->counts->counters[COUNT_ACTIVITIES_OUT] += out;
    if (out > position) /* the bound is smaller than the event: it fell out at once */
        return VERDICT_OK;
    position -= out;
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
        visitor_history_neighbours(visitor, position, -1, kind, gap_ms, interaction.before);
    if (late) {
        context->counts->counters[COUNT_REORDERED]++;
        interaction.after_count =
            visitor_history_neighbours(visitor, position, 1, kind, gap_ms, interaction.after);
    }
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

/* Remembers the item of an order, or that it was sent back. */
static void note_order(struct context *context, const struct event *event,
                       const struct event_item *item, enum kind kind)
{
    struct visitor *visitor = context->visitor;
    struct order_line line = {
        .order = order_tag(event->transaction_id, event->event_id),
        .item = shown_tag(item->item_id),
        .time_ms = event->event_time_ms,
    };
    uint32_t max = context->settings->order_lines_max;
    if (kind == KIND_REFUND)
        visitor_return_item(visitor, line.item, line.time_ms);
    if (kind != KIND_PURCHASE || visitor_has_ordered(visitor, line.order, line.item, max))
        return; /* an order may have an item twice */
    const struct activity *refund =
        visitor_history_newest_on(visitor, 1u << KIND_REFUND, item->item_id);
    line.returned = refund && refund->time_ms >= line.time_ms;
    context->counts->counters[COUNT_ORDER_LINES_OUT] += visitor_add_order_line(visitor, line, max);
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
    if (event->type == EVENT_SEARCH)
        return remember(context, record, channel, KIND_SEARCH, event->search_term, NAN, 0, error);
    if (event->item_count == 0)
        return remember(context, record, channel, kind_of(event, NULL), bytes_of("", 0), NAN, 0,
                        error);
    for (uint32_t i = 0; i < event->item_count; i++) {
        const struct event_item *item = &event->items[i];
        enum kind kind = kind_of(event, item);
        enum verdict verdict =
            remember(context, record, channel, kind, item->item_id, (float)item->price, i, error);
        if (verdict != VERDICT_OK)
            return verdict;
        note_order(context, event, item, kind);
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
