/* Users: reads the shop's declarations about its users. A user is the visitor whose key is the
 * user_id.
 *
 * A declared gender or age group replaces the learned one (recommend/lists/audience.h). A record
 * without a value, or with consent=false, erases the visitor: its row, changelog and lists go with
 * the transaction. After consent=false the refusal alone is stored, and all events of the visitor
 * are dropped until a record with consent comes. A record without a value forgets the refusal too.
 * So the newest record alone counts, and a repeated one changes nothing.
 *
 * An event with consent=false is dropped for every visitor. */
#include "processors/processor.h"

/* Erases the visitor and deletes their written lists. */
static enum verdict erase(struct context *context, bool refused, struct error *error)
{
    struct visitor *visitor = context->visitor;
    enum verdict verdict = VERDICT_OK;
    if (visitor->list_hash != 0 || context->settings->lists_early) /* one may have gone ahead */
        verdict = context->outlet->emit(context->outlet, OUTPUT_RECOMMENDATIONS, visitor->partition,
                                        visitor_key(visitor), bytes_of(NULL, 0), error);
    context->counts->counters[COUNT_ERASED] += !visitor->refused && !visitor_is_blank(visitor);
    visitor_table_mark_dirty(context->visitors, visitor);
    visitor_erase(visitor, refused);
    return verdict;
}

static void declare(struct context *context, const struct event *event)
{
    struct visitor *visitor = context->visitor;
    if (!visitor->refused && bytes_equal(event->gender, visitor_gender(visitor)) &&
        bytes_equal(event->age_group, visitor_age_group(visitor)))
        return;
    visitor_table_mark_dirty(context->visitors, visitor);
    visitor->refused = false;
    visitor_set_declared(visitor, event->gender, event->age_group);
    visitor->touched = visitor->accepted > 0;
}

static enum verdict users_event(struct context *context, struct record *record, struct error *error)
{
    const struct event *event = &record->event;
    struct visitor *visitor = context->visitor;
    if (event->type != EVENT_USER)
        return visitor->refused || !event->consent ? record_end(record, FATE_NO_CONSENT)
                                                   : VERDICT_OK;
    bool refused = !event->erased && !event->consent;
    if (!refused && !event->erased) {
        declare(context, event);
    } else if (refused ? !visitor->refused : !visitor_is_blank(visitor)) {
        enum verdict verdict = erase(context, refused, error);
        if (verdict != VERDICT_OK)
            return verdict;
    }
    return record_end(record, FATE_PROCESSED);
}

static const char *const inputs[] = {"events", NULL};
static const char *const outputs[] = {"consented", "recommendations", NULL};

WEFT_STEP(users) = {
    .name = "users",
    .summary = "stores declared genders and age groups, erases users, drops events without consent",
    .stage = STAGE_VISITORS,
    .inputs = inputs,
    .outputs = outputs,
    .event = users_event,
};
