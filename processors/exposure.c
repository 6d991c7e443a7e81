/* Exposure: counts, for each placement, the items that were shown and the clicks on them.
 *
 * An impression counts once, by its event_id. A click counts once for a list, a placement and an
 * item. It may come as a click, as a view that carries recommendation_id and placement, or as both
 * in any order; so a shop may send either. Repeats are recognised among the visitor's last
 * MARKS_MAX impressions and clicks (state/visitor.h).
 *
 * Impressions and clicks end here: they are no activities and the ranker does not learn from them.
 * Lists are made again only if an item was shown so often that it must leave them. A click is a
 * view only with clicks.are.views, for shops that send no view after it. */
#include "processors/processor.h"
#include "schemas/draw.h"

/* The same for all repeats of a click. */
static uint32_t click_mark(const struct event *event)
{
    uint64_t hash = bytes_hash(event->recommendation_id);
    hash = hash_join(hash, bytes_hash(event->placement));
    hash = hash_join(hash ^ hash >> 32, bytes_hash(event->items[0].item_id));
    return (uint32_t)(hash >> 32);
}

static void count_click(struct context *context, const struct event *event, bool quarantined)
{
    visitor_table_mark_dirty(context->visitors, context->visitor);
    if (visitor_count_exposure(context->visitor, click_mark(event), true) && !quarantined)
        online_metrics_click(&context->counts->online, &context->settings->recommend.placements,
                             event->placement);
}

/* Counts that each item of the impression was shown once more. */
static void count_shown(struct context *context, const struct event *event)
{
    struct visitor *visitor = context->visitor;
    const struct settings *settings = context->settings;
    uint32_t most = settings->recommend.filters.shown_max;
    if (most == 0 || !settings->shown_from_impressions)
        return;
    for (uint32_t i = 0; i < event->item_count; i++) {
        struct bytes item_id = event->items[i].item_id;
        visitor_show(visitor, item_id, event->event_time_ms, settings->shown_ms);
        if (visitor_shown(visitor, shown_tag(item_id)) == most && visitor->accepted > 0)
            visitor->touched = true; /* its lists must be made without the item */
    }
}

static enum verdict take_impression(struct context *context, struct record *record)
{
    const struct event *event = &record->event;
    visitor_table_mark_dirty(context->visitors, context->visitor);
    if (!visitor_count_exposure(context->visitor, (uint32_t)bytes_hash(event->event_id), false))
        return record_end(record, FATE_DUPLICATE);
    if (!record->quarantined)
        online_metrics_impression(&context->counts->online,
                                  &context->settings->recommend.placements, event->placement,
                                  event->item_count);
    count_shown(context, event);
    return record_end(record, FATE_PROCESSED);
}

static enum verdict take_click(struct context *context, struct record *record)
{
    const struct event *event = &record->event;
    const struct settings *settings = context->settings;
    struct bytes item_id = event->items[0].item_id;
    count_click(context, event, record->quarantined);
    visitor_reset_shown(context->visitor, item_id);
    if (!settings->clicks_are_views)
        return record_end(record, FATE_PROCESSED);
    if (visitor_history_viewed_near(context->visitor, item_id, event->event_time_ms,
                                    settings->double_click_ms))
        return record_end(record, FATE_DOUBLE_CLICK);
    return VERDICT_OK;
}

static enum verdict exposure_event(struct context *context, struct record *record,
                                   struct error *error)
{
    const struct event *event = &record->event;
    (void)error;
    if (event->type == EVENT_VIEW && event->recommendation_id.size > 0 && event->placement.size > 0)
        count_click(context, event, record->quarantined);
    if (event->type != EVENT_IMPRESSION && event->type != EVENT_CLICK)
        return VERDICT_OK;
    if (visitor_is_late(context->visitor, event->event_time_ms, context->settings->activities_max))
        return record_end(record, FATE_LATE);
    return event->type == EVENT_IMPRESSION ? take_impression(context, record)
                                           : take_click(context, record);
}

static const char *const inputs[] = {"clean", NULL};
static const char *const outputs[] = {"late", NULL};

WEFT_STEP(exposure) = {
    .name = "exposure",
    .summary = "counts shown items and clicks of each placement",
    .stage = STAGE_VISITORS,
    .after = "noise",
    .inputs = inputs,
    .outputs = outputs,
    .event = exposure_event,
};
