/* Validate: drops events that would count twice, and refuses impossible times. A retried send has
 * the event_id of the first one. A double click shows the same page twice within
 * double.click.ms. Both are found among the visitor's remembered activities. The first one of
 * several quick views in the topic's partition counts, so that every run gives the same.
 *
 * A reloaded thank-you page sends its order again under a new event_id. Items that an order of this
 * transaction_id already has are left out; a purchase without any other item is a duplicate. A shop
 * may so send the items of an order one by one. */
#include "processors/processor.h"

/* Leaves out the items that the order already has. False: it has all of them. */
static bool take_new_items(const struct context *context, struct event *event)
{
    const struct visitor *visitor = context->visitor;
    uint32_t order = order_tag(event->transaction_id, event->event_id),
             max = context->settings->order_lines_max, count = 0;
    struct event_item *items = arena_get(context->arena, event->item_count * sizeof *items);
    for (uint32_t i = 0; i < event->item_count; i++)
        if (!orders_have(&visitor->orders, order, shown_tag(event->items[i].item_id), max))
            items[count++] = event->items[i];
    if (count < event->item_count) {
        event->items = items;
        event->item_count = count;
    }
    return count > 0;
}

static enum verdict validate_event(struct context *context, struct record *record,
                                   struct error *error)
{
    const struct event *event = &record->event;
    const struct settings *settings = context->settings;
    if (event_judge_time(&settings->times, event, record->ahead_ms, error) != VERDICT_OK) {
        record->fate = FATE_DEAD_LETTER;
        return VERDICT_SKIP;
    }
    context->counts->counters[COUNT_TIMES_AHEAD] += record->ahead_ms > 0;
    if (visitor_history_has_event(context->visitor, event->event_id))
        return record_end(record, FATE_DUPLICATE);
    if (event->type == EVENT_PURCHASE && event->status == PURCHASE_COMPLETED &&
        !take_new_items(context, &record->event))
        return record_end(record, FATE_DUPLICATE);
    if (event->type == EVENT_VIEW &&
        visitor_history_viewed_near(context->visitor, event->items[0].item_id, event->event_time_ms,
                                    settings->double_click_ms))
        return record_end(record, FATE_DOUBLE_CLICK);
    return VERDICT_OK;
}

static const char *const inputs[] = {"consented", NULL};
static const char *const outputs[] = {"clean", "dead-letters", NULL};

WEFT_STEP(validate) = {
    .name = "validate",
    .summary = "drops duplicates and double clicks, refuses impossible times",
    .stage = STAGE_VISITORS,
    .after = "users",
    .inputs = inputs,
    .outputs = outputs,
    .event = validate_event,
};
