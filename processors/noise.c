/* Noise: finds visitors who act like programs, and keeps their events out of everything that is
 * shared: the interactions log, and so the model; the rankers; the online metrics. Their own lists
 * go on. With hygiene=off it does nothing.
 *
 * It runs before anything shared is touched, and judges by the visitor's events alone, in the order
 * in which they are processed (state/noise.h). The verdict is stored with the visitor. When a
 * visitor becomes suspect, sessions takes back the activities that are remembered and counted. A
 * visitor who is no suspect any more counts again from then on; what was kept out stays out. */
#include "processors/processor.h"

static bool is_judged(enum event_type type)
{
    return type == EVENT_VIEW || type == EVENT_SEARCH || type == EVENT_CART ||
           type == EVENT_PURCHASE;
}

/* The visitor's sequence is searched for the item only when there are many views. */
static bool is_new_item(const struct context *context, const struct noise *noise,
                        const struct event *event)
{
    uint32_t max = context->settings->noise.hour_items_max;
    if (event->type != EVENT_VIEW || max == 0)
        return false;
    return noise->hour_items < max / 2 ||
           !visitor_history_viewed(context->visitor, event->items[0].item_id);
}

static struct noise_event noise_event_of(const struct context *context, const struct noise *noise,
                                         const struct event *event)
{
    const struct noise_limits *limits = &context->settings->noise;
    bool view = event->type == EVENT_VIEW;
    return (struct noise_event){
        .time_ms = event->event_time_ms,
        .new_item = is_new_item(context, noise, event),
        .carts = event->type == EVENT_CART && event->action == CART_ADD ? event->item_count : 0,
        .glance = view && event->dwell_ms >= 0 && event->dwell_ms < limits->glance_ms,
        .view = view,
        .agent =
            event->user_agent.size > 0 && noise_agent_matches(context->agents, event->user_agent),
    };
}

static enum verdict noise_event(struct context *context, struct record *record, struct error *error)
{
    struct visitor *visitor = context->visitor;
    uint64_t *counters = context->counts->counters;
    (void)error;
    if (!context->settings->hygiene)
        return VERDICT_OK;
    if (!is_judged(record->event.type)) {
        record->quarantined = visitor->noise.reason != NOISE_NONE;
        return VERDICT_OK;
    }
    struct noise_event event = noise_event_of(context, &visitor->noise, &record->event);
    bool before = visitor->noise.reason != NOISE_NONE;
    visitor_table_mark_dirty(context->visitors, visitor);
    record->quarantined = noise_take(&visitor->noise, &event, &context->settings->noise);
    counters[COUNT_QUARANTINED] += record->quarantined;
    record->exposed = record->quarantined && !before;
    counters[COUNT_SUSPECTS] += record->exposed;
    counters[COUNT_RELEASED] += before && !record->quarantined;
    return VERDICT_OK;
}

static const char *const inputs[] = {"clean", NULL};
static const char *const outputs[] = {NULL};

WEFT_STEP(noise) = {
    .name = "noise",
    .summary = "keeps the events of visitors who act like programs from everybody else",
    .stage = STAGE_VISITORS,
    .after = "validate",
    .inputs = inputs,
    .outputs = outputs,
    .event = noise_event,
};
