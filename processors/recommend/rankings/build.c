/* From the numbers of one moment to rankings: judge the items, give them to
 * their scopes, keep the best of each, write these; then the searches. */
#include "processors/recommend/rankings/rankings.h"

#include "processors/recommend/lists/diversity.h"
#include "processors/recommend/rankings/scopes.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#define SLICE 64 /* items judged under one lock: less than a millisecond */
#define FOUND_MAX SEARCH_RESULTS_MAX

_Static_assert(FOUND_MAX <= RANKING_ITEMS_MAX, "items that are found have room");
_Static_assert(SLICE <= FILTER_WINDOW_MAX, "the filters look at all of a slice");

/* An item as the catalogue and the rules have it. */
struct judged_item {
    double factor; /* of boosts; 0: it is not shown */
    uint64_t variant;
    struct scope_members scopes;
};

struct builder {
    const struct rankings_view *view;
    const struct rankings_inputs *inputs;
    struct rankings_sink *sink;
    struct filters *filters;
    struct merchandising_rules rules; /* those that count for rankings; their texts are borrowed */
    struct judged_item *items;        /* by index in the view */
    struct scopes scopes;
    uint32_t length;
    struct top taken, found; /* of the search at hand */
    bool stopped;            /* the sink wants no more */
};

/* ---- the catalogue and the rules ---- */

static uint64_t variant_of(const struct catalogue *catalogue, uint32_t product)
{
    return product == PRODUCT_NONE
               ? 0
               : diversity_variant(catalogue, product, diversity_group_name(catalogue));
}

/* Judges up to FILTER_WINDOW_MAX items: one that stays has REMOVED_LENGTH and
 * in `score` the logarithm of its factor. The items may change their order.
 * Under the catalogue's lock. */
static void judge(struct builder *builder, struct filter_item *items, uint32_t count)
{
    const struct filter_query query = {
        .catalogue = builder->inputs->catalogue,
        .rules = builder->rules.count ? &builder->rules : NULL,
        .settings = builder->inputs->filters,
        .placement = RANKINGS_PLACEMENT,
        .category = WORD_NONE,
        .time_ms = builder->view->time_ms,
    };
    filters_apply(builder->filters, &query, items, &count, 0);
}

static double all_counts(const struct ranked_counts *item)
{
    return item->counts[0] + item->counts[1] + item->counts[2];
}

static void judge_slice(struct builder *builder, uint32_t from, uint32_t count)
{
    const struct catalogue *catalogue = builder->inputs->catalogue;
    struct filter_item items[SLICE];
    for (uint32_t i = 0; i < count; i++) {
        struct bytes id = builder->view->items[from + i].item_id;
        items[i] = (struct filter_item){
            .item_id = id, .product = catalogue_find(catalogue, id), .index = from + i};
    }
    judge(builder, items, count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t product = items[i].product;
        struct judged_item *item = &builder->items[items[i].index];
        if (items[i].removal != REMOVED_LENGTH)
            continue;
        item->factor = exp((double)items[i].score);
        item->variant = variant_of(catalogue, product);
        if (product != PRODUCT_NONE)
            item->scopes = scopes_join(&builder->scopes, catalogue, &catalogue->products[product],
                                       all_counts(&builder->view->items[items[i].index]));
    }
}

static void judge_all(struct builder *builder)
{
    uint32_t total = builder->view->item_count;
    builder->items = memory_zero(total ? total : 1, sizeof *builder->items);
    for (uint32_t from = 0; from < total; from += SLICE) {
        catalogue_lock_read(builder->inputs->catalogue);
        judge_slice(builder, from, total - from < SLICE ? total - from : SLICE);
        catalogue_unlock_read(builder->inputs->catalogue);
    }
}

/* ---- scopes ---- */

static void offer(struct builder *builder, uint32_t scope, const struct top_place *places)
{
    struct scope *to = &builder->scopes.at[scope];
    for (int kind = 0; kind < SCOPE_KINDS && to->chosen; kind++)
        if (places[kind].score > 0)
            top_offer(&to->tops[kind], builder->length, places[kind]);
}

static void fill_tops(struct builder *builder)
{
    const struct rankings_view *view = builder->view;
    double quick = 0, slow = 0;
    for (uint32_t i = 0; i < view->item_count; i++) {
        quick += view->items[i].quick;
        slow += all_counts(&view->items[i]);
    }
    for (uint32_t i = 0; i < view->item_count; i++) {
        const struct ranked_counts *item = &view->items[i];
        const struct judged_item *judged = &builder->items[i];
        struct top_place places[SCOPE_KINDS];
        if (!(judged->factor > 0))
            continue;
        double usual = slow > 0 ? all_counts(item) * (quick / slow) : 0;
        double trend = rankings_trend(item->quick, usual);
        for (int kind = 0; kind < SCOPE_KINDS; kind++) {
            double score = kind < PAIR_KINDS ? item->counts[kind] : trend;
            bool counts = score > (kind < PAIR_KINDS ? RANKING_LEAST : 1);
            places[kind] = (struct top_place){.item_id = item->item_id,
                                              .score = counts ? score * judged->factor : 0,
                                              .variant = judged->variant};
        }
        offer(builder, SCOPE_WHOLE_SHOP, places);
        for (uint32_t k = 0; k < judged->scopes.count; k++)
            offer(builder, builder->scopes.members[judged->scopes.first + k], places);
    }
}

static void hand_over(struct builder *builder, const struct ranking *ranking)
{
    if (ranking->item_count > 0 && !builder->stopped)
        builder->stopped = !builder->sink->ranking(builder->sink, ranking);
}

static void write_scope(struct builder *builder, const struct scope *scope)
{
    struct ranking_item items[RANKING_ITEMS_MAX];
    for (int kind = 0; kind < SCOPE_KINDS; kind++) {
        const struct top *top = &scope->tops[kind];
        for (uint32_t i = 0; i < top->count; i++)
            items[i] = (struct ranking_item){.item_id = top->places[i].item_id,
                                             .score = top->places[i].score};
        const struct ranking ranking = {
            .kind = (enum ranking_kind)kind, /* the first four */
            .scope = scope->kind,
            .name = bytes_of(scope->name, scope->name_size),
            .offset = builder->view->offset,
            .event_time_ms = builder->view->time_ms,
            .items = items,
            .item_count = top->count,
        };
        hand_over(builder, &ranking);
    }
}

/* ---- searches ---- */

static void offer_judged(struct builder *builder, struct filter_item *items, uint32_t count,
                         const double *scores, struct top *top)
{
    judge(builder, items, count);
    for (uint32_t i = 0; i < count; i++) {
        if (items[i].removal != REMOVED_LENGTH)
            continue;
        top_offer(top, builder->length,
                  (struct top_place){.item_id = items[i].item_id,
                                     .score = scores[items[i].index] * exp((double)items[i].score),
                                     .variant =
                                         variant_of(builder->inputs->catalogue, items[i].product)});
    }
}

/* The items that visitors took after the search. */
static void take_entries(struct builder *builder, const struct ranked_term *term)
{
    const struct catalogue *catalogue = builder->inputs->catalogue;
    struct filter_item items[SLICE];
    double scores[SLICE];
    for (uint32_t from = 0; from < term->count; from += SLICE) {
        uint32_t count = term->count - from < SLICE ? term->count - from : SLICE;
        catalogue_lock_read(catalogue);
        for (uint32_t i = 0; i < count; i++) {
            const struct ranked_entry *entry = &builder->view->entries[term->first + from + i];
            scores[i] = entry->units;
            items[i] = (struct filter_item){.item_id = entry->item_id,
                                            .product = catalogue_find(catalogue, entry->item_id),
                                            .index = i};
        }
        offer_judged(builder, items, count, scores, &builder->taken);
        catalogue_unlock_read(catalogue);
    }
}

/* The items that the search index finds. Their ids are copied to `ids`, since a
 * product may be deleted once the lock is given back. */
static void find_more(struct builder *builder, struct bytes text, struct arena *ids)
{
    const struct catalogue *catalogue = builder->inputs->catalogue;
    struct top *found = &builder->found;
    struct search_result results[FOUND_MAX];
    struct filter_item items[FOUND_MAX];
    double scores[FOUND_MAX];
    uint32_t wanted = 2 * builder->length < FOUND_MAX ? 2 * builder->length : FOUND_MAX;
    catalogue_lock_read(catalogue);
    uint32_t count = search_top(builder->inputs->search, catalogue, text, wanted, results);
    for (uint32_t i = 0; i < count; i++) {
        scores[i] = (double)results[i].score;
        items[i] =
            (struct filter_item){.item_id = product_id(&catalogue->products[results[i].product]),
                                 .product = results[i].product,
                                 .index = i};
    }
    offer_judged(builder, items, count, scores, found);
    for (uint32_t i = 0; i < found->count; i++)
        found->places[i].item_id = arena_copy(ids, found->places[i].item_id);
    catalogue_unlock_read(catalogue);
}

static void write_term(struct builder *builder, const struct ranked_term *term, struct arena *ids)
{
    struct ranking_item items[RANKING_ITEMS_MAX];
    struct top *taken = &builder->taken, *found = &builder->found;
    uint32_t count = 0;
    top_clear(taken);
    top_clear(found);
    take_entries(builder, term);
    if (taken->count < builder->length && builder->inputs->search)
        find_more(builder, term->text, ids);
    for (uint32_t i = 0; i < taken->count; i++)
        items[count++] = (struct ranking_item){.item_id = taken->places[i].item_id,
                                               .score = taken->places[i].score};
    for (uint32_t i = 0; i < found->count && count < builder->length; i++)
        if (!top_contains(taken, &found->places[i]))
            items[count++] = (struct ranking_item){.item_id = found->places[i].item_id,
                                                   .score = found->places[i].score,
                                                   .found = true};
    const struct ranking ranking = {
        .kind = RANKING_TAKEN,
        .scope = SCOPE_TERM,
        .name = term->text,
        .offset = builder->view->offset,
        .event_time_ms = builder->view->time_ms,
        .items = items,
        .item_count = count,
    };
    hand_over(builder, &ranking);
    arena_clear(ids);
}

static int term_order(const void *a, const void *b)
{
    const struct ranked_term *const *x = a, *const *y = b;
    return bytes_compare((*x)->text, (*y)->text);
}

static void write_terms(struct builder *builder)
{
    const struct rankings_view *view = builder->view;
    const struct ranked_term **ordered = memory_get((view->term_count + 1ul) * sizeof *ordered);
    struct arena ids = {0};
    for (uint32_t i = 0; i < view->term_count; i++)
        ordered[i] = &view->terms[i];
    qsort(ordered, view->term_count, sizeof *ordered, term_order);
    for (uint32_t i = 0; i < view->term_count && !builder->stopped; i++)
        write_term(builder, ordered[i], &ids);
    arena_release(&ids);
    free(ordered);
}

/* ---- all ---- */

/* Only rules that exclude, boost or bury count. */
static void choose_rules(struct builder *builder)
{
    const struct merchandising_rules *rules = builder->inputs->rules;
    uint32_t total = rules ? rules->count : 0;
    builder->rules.at = memory_get((total + 1ul) * sizeof *builder->rules.at);
    for (uint32_t i = 0; i < total; i++)
        if (rules->at[i].action == RULE_EXCLUDE || rules->at[i].action == RULE_BOOST ||
            rules->at[i].action == RULE_BURY)
            builder->rules.at[builder->rules.count++] = rules->at[i];
}

static void release(struct builder *builder)
{
    scopes_release(&builder->scopes);
    filters_free(builder->filters);
    free(builder->items);
    free(builder->rules.at);
    top_release(&builder->taken);
    top_release(&builder->found);
}

uint32_t rankings_build(const struct rankings_view *view, const struct rankings_inputs *inputs,
                        struct rankings_sink *sink)
{
    struct builder builder = {
        .view = view,
        .inputs = inputs,
        .sink = sink,
        .filters = filters_new(),
        .length = inputs->settings->length,
    };
    assert(builder.length > 0 && builder.length <= RANKING_ITEMS_MAX);
    scopes_init(&builder.scopes);
    choose_rules(&builder);
    judge_all(&builder);
    struct scope **chosen = memory_get(builder.scopes.count * sizeof *chosen);
    uint32_t chosen_count = scopes_choose(&builder.scopes, inputs->settings->scopes_max, chosen);
    uint32_t left_out = builder.scopes.count - chosen_count;
    fill_tops(&builder);
    for (uint32_t i = 0; i < chosen_count && !builder.stopped; i++)
        write_scope(&builder, chosen[i]);
    write_terms(&builder);
    free(chosen);
    release(&builder);
    return left_out;
}
