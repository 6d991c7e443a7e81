/* Lists: writes what the shop shows the visitor next, before the shop asks. Runs once at the end of
 * a batch for each visitor that the batch touched, so that a burst of events costs one record.
 * Lists that did not change are not written again, and neither is a first record without items. */
#include "processors/processor.h"
#include "processors/recommend/recommend.h"
#include "processors/recommend/variants.h"
#include "schemas/draw.h"

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = hash_join(hash, value);
    return hash ^ hash >> 32;
}

/* Changes with the lists that a reader of the record sees, not with its id and the time it was
 * written. Items that fall out to fit the topic count too. */
static uint64_t hash_lists(const struct recommendation *recommendation)
{
    uint64_t hash = mix(1, (uint64_t)recommendation->source_event_time_ms);
    if (recommendation->experiment_variant.size > 0)
        hash = mix(hash, bytes_hash(recommendation->experiment_variant));
    for (uint32_t i = 0; i < recommendation->list_count; i++) {
        const struct list *list = &recommendation->lists[i];
        hash = mix(hash, bytes_hash(bytes_text(list->placement)));
        hash = mix(hash, bytes_hash(list->context_item_id));
        for (uint32_t k = 0; k < list->item_count; k++)
            hash = mix(hash, bytes_hash(list->items[k].item_id));
    }
    return hash;
}

/* Written items count as shown, unless the shop reports impressions (recommend/lists/filters.h).
 * They are shown at the time of the visitor's newest activity, so that a replay counts the same. */
static void count_shown(const struct context *context, struct visitor *visitor,
                        const struct recommendation *recommendation)
{
    for (uint32_t i = 0; i < recommendation->list_count; i++) {
        const struct list *list = &recommendation->lists[i];
        for (uint32_t k = 0; k < list->item_count && k < SHOWN_PLACES; k++)
            visitor_show(visitor, list->items[k].item_id, visitor->latest_time_ms,
                         context->settings->shown_ms);
    }
}

static void write_record(const struct context *context, const struct recommendation *recommendation)
{
    buffer_clear(context->scratch);
    if (context->settings->output_avro)
        recommendation_write_avro(
            recommendation, &context->settings->frames.of[SCHEMA_RECOMMENDATION], context->scratch);
    else
        recommendation_write_json(recommendation, context->scratch);
}

static bool fits(const struct context *context, const struct recommendation *recommendation)
{
    return context->scratch->size + recommendation->visitor.size <= context->lists_bytes_max;
}

/* Writes the lists with at most `items` items each. Returns whether the record fits. */
static bool write_shorter(const struct context *context, struct recommendation *recommendation,
                          struct list *lists, const uint32_t *whole, uint32_t items)
{
    for (uint32_t i = 0; i < recommendation->list_count; i++)
        lists[i].item_count = whole[i] < items ? whole[i] : items;
    write_record(context, recommendation);
    return fits(context, recommendation);
}

/* Writes a record that its topic takes: if need be without the items at the ends of the lists, as
 * few as possible, and without the last lists if they are too large without items. */
static void write_fitting(const struct context *context, struct recommendation *recommendation,
                          struct list *lists)
{
    uint32_t whole[PLACEMENTS_MAX], least = 0, most = LIST_ITEMS_MAX + 1;
    write_record(context, recommendation);
    if (fits(context, recommendation))
        return;
    context->counts->counters[COUNT_LISTS_CUT]++;
    for (uint32_t i = 0; i < recommendation->list_count; i++)
        whole[i] = lists[i].item_count;
    while (!write_shorter(context, recommendation, lists, whole, 0) &&
           recommendation->list_count > 0)
        recommendation->list_count--;
    while (least + 1 < most) { /* `least` items fit, `most` do not */
        uint32_t middle = (least + most) / 2;
        if (write_shorter(context, recommendation, lists, whole, middle))
            least = middle;
        else
            most = middle;
    }
    write_shorter(context, recommendation, lists, whole, least);
}

/* Nothing to show yet, and nothing written before that it would replace: the model is young. */
static bool is_nothing(const struct visitor *visitor, const struct recommendation *recommendation)
{
    for (uint32_t i = 0; i < recommendation->list_count; i++)
        if (recommendation->lists[i].item_count > 0)
            return false;
    return visitor->list_hash == 0;
}

/* Chooses the visitor's variants for the lists that are made next. Returns them as text in `to`;
 * absent: the visitor is in no experiment. */
static struct bytes choose_variants(const struct context *context, const struct visitor *visitor,
                                    struct list_variants *variants, char *to)
{
    if (context->variants == NULL ||
        !settings_variants_choose(context->variants, visitor, variants))
        return (struct bytes){0};
    recommender_vary(context->recommender, variants->settings);
    return experiments_text(&context->variants->experiments, variants->of, to);
}

static enum verdict lists_close(struct context *context, struct visitor *visitor,
                                struct error *error)
{
    struct list lists[PLACEMENTS_MAX];
    struct list_variants variants;
    char experiments[EXPERIMENTS_TEXT_MAX];
    struct recommendation recommendation = {
        .visitor = visitor_key(visitor),
        .id = mix(bytes_hash(visitor_key(visitor)), (uint64_t)visitor->accepted),
        .generated_time_ms = context->generated_ms,
        .source_event_time_ms = visitor->latest_time_ms,
        .experiment_variant = choose_variants(context, visitor, &variants, experiments),
        .lists = lists,
    };
    model_lock_read(context->model);
    catalogue_lock_read(context->catalogue);
    recommendation.list_count =
        recommend_lists(context->recommender, context->model, context->catalogue, visitor,
                        context->settings->list_items, context->arena, lists, &visitor->look_again);
    uint64_t hash = hash_lists(&recommendation);
    bool same = hash == visitor->list_hash || is_nothing(visitor, &recommendation);
    if (!same)
        write_fitting(context, &recommendation, lists);
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
