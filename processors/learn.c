/* Learn: measures how good the visitor's last lists were for a click, and lets the ranker learn
 * from it (recommend/ranking/learner.h). It runs before sessions, so that the click has not changed
 * anything yet: the ranker learns from the lists as they were served. */
#include "processors/processor.h"

static enum kind kind_of(const struct event *event)
{
    return event->type == EVENT_CART       ? KIND_CART
           : event->type == EVENT_PURCHASE ? KIND_PURCHASE
                                           : KIND_VIEW;
}

/* Whether the event says which items the visitor wanted. */
static bool is_choice(const struct event *event)
{
    if (event->item_count == 0 || event->type == EVENT_SEARCH)
        return false;
    return (event->type != EVENT_CART || event->action == CART_ADD) &&
           (event->type != EVENT_PURCHASE || event->status == PURCHASE_COMPLETED);
}

/* The item, or ITEM_PRODUCT | product; ITEM_NONE: neither the model nor the catalogue knows it. */
static uint32_t find_item(const struct context *context, struct bytes item_id)
{
    uint32_t product = PRODUCT_NONE;
    model_lock_read(context->model);
    catalogue_lock_read(context->catalogue);
    recommender_check_numbers(context->recommender, context->model, context->catalogue);
    uint32_t item = model_find(context->model, item_id);
    if (item == ITEM_NONE)
        product = catalogue_find(context->catalogue, item_id);
    catalogue_unlock_read(context->catalogue);
    model_unlock_read(context->model);
    return product == PRODUCT_NONE ? item : ITEM_PRODUCT | product;
}

/* Lets the cart ranker learn from the first items that the event puts into the cart or orders. */
static void learn_cart(struct context *context, const struct event *event)
{
    if (event->type != EVENT_CART && event->type != EVENT_PURCHASE)
        return;
    model_lock_read(context->model);
    catalogue_lock_read(context->catalogue);
    for (uint32_t i = 0; i < event->item_count && i < CART_LEARN_ITEMS_MAX; i++)
        recommend_learn_cart(context->recommender, context->model, context->catalogue,
                             context->visitor, event, i);
    catalogue_unlock_read(context->catalogue);
    model_unlock_read(context->model);
}

static enum verdict learn_event(struct context *context, struct record *record, struct error *error)
{
    const struct event *event = &record->event;
    struct visitor *visitor = context->visitor;
    uint64_t *counters = context->counts->counters;
    (void)error;
    if (!is_choice(event) || record->quarantined)
        return VERDICT_OK;
    for (uint32_t i = 0; i < event->item_count; i++)
        recommend_measure(context->recommender, visitor, event->items[i].item_id, kind_of(event),
                          &context->counts->online);
    recommend_measured(context->recommender, visitor); /* the lists are measured once */
    learn_cart(context, event);
    counters[COUNT_CLICKS] += visitor->accepted > 0;
    if (visitor->training_list == 0)
        return VERDICT_OK;
    uint32_t item = find_item(context, event->items[0].item_id);
    struct outcome outcome = recommend_learn(context->recommender, visitor, item, kind_of(event));
    if (!outcome.known)
        return VERDICT_OK;
    counters[COUNT_MEASURED]++;
    counters[COUNT_LEARNED] += outcome.learned;
    if (outcome.rank > 0 && outcome.rank <= HIT_LENGTH) {
        counters[COUNT_HITS]++;
        counters[COUNT_RECIPROCAL] += 1000000 / outcome.rank;
    }
    return VERDICT_OK;
}

/* Takes over one ranker's merged weights, and writes the difference learned here when it is due. */
static enum verdict exchange(struct context *context, struct learner *learner, struct error *error)
{
    const struct recommend_settings *settings = &context->settings->recommend;
    model_lock_read(context->model);
    learner_take_over(learner, context->model);
    model_unlock_read(context->model);
    if (!settings->learning)
        return VERDICT_OK;
    buffer_clear(context->scratch);
    if (!learner_write(learner, context->steady_ms, settings->merge_ms,
                       context->weights_fingerprint, context->scratch))
        return VERDICT_OK;
    context->counts->counters[COUNT_WEIGHTS]++;
    return context->outlet->emit(context->outlet, OUTPUT_INTERACTIONS, 0, bytes_of(NULL, 0),
                                 buffer_bytes(context->scratch), error);
}

/* Exchanges weights with the other workers through the interactions log. */
static enum verdict learn_batch(struct context *context, struct error *error)
{
    enum verdict verdict = exchange(context, recommender_learner(context->recommender), error);
    if (verdict != VERDICT_OK)
        return verdict;
    return exchange(context, recommender_cart_learner(context->recommender), error);
}

static const char *const inputs[] = {"clean", NULL};
static const char *const outputs[] = {"interactions", NULL};
static const char *const reads[] = {"catalogue", NULL};

WEFT_STEP(learn) = {
    .name = "learn",
    .summary = "learns from each click which items of the last list should have come first",
    .stage = STAGE_VISITORS,
    .after = "exposure",
    .inputs = inputs,
    .outputs = outputs,
    .table = "weights",
    .reads = reads,
    .event = learn_event,
    .batch = learn_batch,
};
