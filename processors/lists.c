/* Lists: writes what the shop shows the visitor next, before the shop asks. Runs once at the end of
 * a batch for each visitor that the batch touched, so that a burst of events costs one record.
 * Lists that did not change are not written again. */
#include "processors/processor.h"
#include "processors/recommend/recommend.h"
#include "schemas/draw.h"

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = hash_join(hash, value);
    return hash ^ hash >> 32;
}

/* Changes with what a reader of the record sees, not with its id and the time it was written. */
static uint64_t hash_lists(const struct recommendation *recommendation)
{
    uint64_t hash = mix(1, (uint64_t)recommendation->source_event_time_ms);
    for (uint32_t i = 0; i < recommendation->list_count; i++) {
        const struct list *list = &recommendation->lists[i];
        hash = mix(hash, bytes_hash(bytes_text(list->placement)));
        hash = mix(hash, bytes_hash(list->context_item_id));
        for (uint32_t k = 0; k < list->item_count; k++)
            hash = mix(hash, bytes_hash(list->items[k].item_id));
    }
    return hash;
}

/* Written items count as shown, unless the shop reports impressions (recommend/lists/filters.h). */
static void count_shown(const struct context *context, struct visitor *visitor,
                        const struct recommendation *recommendation)
{
    for (uint32_t i = 0; i < recommendation->list_count; i++) {
        const struct list *list = &recommendation->lists[i];
        for (uint32_t k = 0; k < list->item_count && k < SHOWN_PLACES; k++)
            visitor_show(visitor, list->items[k].item_id, context->generated_ms,
                         context->settings->shown_ms);
    }
}

static enum verdict lists_close(struct context *context, struct visitor *visitor,
                                struct error *error)
{
    struct list lists[PLACEMENTS_MAX];
    struct recommendation recommendation = {
        .visitor = visitor_key(visitor),
        .id = mix(bytes_hash(visitor_key(visitor)), (uint64_t)visitor->accepted),
        .generated_time_ms = context->generated_ms,
        .source_event_time_ms = visitor->latest_time_ms,
        .lists = lists,
    };
    model_lock_read(context->model);
    catalogue_lock_read(context->catalogue);
    recommendation.list_count = recommend_lists(
        context->recommender, context->model, context->catalogue, visitor, context->generated_ms,
        context->settings->list_items, context->arena, lists, &visitor->look_again);
    uint64_t hash = hash_lists(&recommendation);
    bool same = hash == visitor->list_hash;
    if (!same) {
        buffer_clear(context->scratch);
        if (context->settings->output_avro)
            recommendation_write_avro(&recommendation, context->recommendation_fingerprint,
                                      context->scratch);
        else
            recommendation_write_json(&recommendation, context->scratch);
    }
    if (!same && context->settings->recommend.filters.shown_max > 0 &&
        !context->settings->shown_from_impressions)
        count_shown(context, visitor, &recommendation);
    catalogue_unlock_read(context->catalogue);
    model_unlock_read(context->model); /* item ids of the lists pointed into the model */
    if (same) {
        context->counts->counters[COUNT_LISTS_SAME]++;
        return VERDICT_OK;
    }
    visitor->list_hash = hash;
    context->counts->counters[COUNT_LISTS]++;
    return context->outlet->emit(context->outlet, OUTPUT_RECOMMENDATIONS, visitor->partition,
                                 visitor_key(visitor), buffer_bytes(context->scratch), error);
}

static const char *const inputs[] = {"clean", NULL};
static const char *const outputs[] = {"recommendations", NULL};
static const char *const reads[] = {"cooccurrence", "popularity", "vectors",
                                    "sessions",     "queries",    "channels",
                                    "weights",      "catalogue",  NULL};

WEFT_STEP(lists) = {
    .name = "lists",
    .summary = "writes the lists of each visitor that the batch touched",
    .stage = STAGE_VISITORS,
    .after = "preferences",
    .inputs = inputs,
    .outputs = outputs,
    .reads = reads,
    .close = lists_close,
};
