#include "processors/recommend/recommend.h"

#include "processors/recommend/lists/contexts.h"
#include "processors/recommend/lists/reasons.h"
#include "schemas/draw.h"
#include "schemas/rate_sample.h"
#include "state/visitor_history.h"

#include <stdlib.h>

#define LEARN_WEIGHT_MAX 4 /* clicks that one click may stand for in learning */
#define LIST_ROOM (RANKED_MAX + EXPLORE_PLACES_MAX + FILTER_PINS_MAX)

struct recommender {
    const struct recommend_settings *settings;
    const struct recommend_settings *const *varied; /* recommender_vary() */
    struct learner learner;
    struct ranked_candidates ranked;
    struct sources sources;
    struct filters *filters;
    const struct merchandising_rules *rules;
    struct list_watcher *watcher;
    struct training_log *training_log;
    struct shown_log *shown_log;
    uint32_t learn_rate_max;      /* this recommender's share of the settings' */
    struct rate_sample list_rate; /* of lists that the ranker may learn from */
    uint64_t clicks;              /* that the ranker could learn from */
    /* the cart's ranker */
    struct learner cart_learner;
    struct styling *styling;
    struct cart_candidates cart_candidates;
    struct feature_matrix cart_matrix; /* of the candidates */
    struct rate_sample cart_rate;      /* of items that it may learn from */
    uint64_t cart_items;               /* that it could learn from */
};

struct recommender *recommender_new(const struct recommend_settings *settings,
                                    const struct model *model)
{
    struct recommender *recommender = memory_aligned(sizeof *recommender);
    memset(recommender, 0, sizeof *recommender);
    recommender->settings = settings;
    learner_init(&recommender->learner, model, &settings->rank.features_off);
    learner_init_cart(&recommender->cart_learner, model, cart_feature_count,
                      cart_feature_varying_count);
    ranked_init(&recommender->ranked);
    sources_init(&recommender->sources);
    recommender->styling = styling_new();
    recommender->learn_rate_max = settings->learn_rate_max;
    recommender->list_rate.second = recommender->cart_rate.second = INT64_MIN;
    recommender->filters = filters_new();
    recommender->training_log = training_log_new(settings->training_log_bytes);
    recommender->shown_log = shown_log_new(settings->shown_bytes, &settings->placements);
    return recommender;
}

void recommender_share(struct recommender *recommender, int count)
{
    const struct recommend_settings *settings = recommender->settings;
    recommender->learn_rate_max =
        (settings->learn_rate_max + (uint32_t)count - 1) / (uint32_t)count;
    training_log_bound(recommender->training_log, settings->training_log_bytes / (size_t)count);
    shown_log_bound(recommender->shown_log, settings->shown_bytes / (size_t)count);
}

void recommender_free(struct recommender *recommender)
{
    if (recommender == NULL)
        return;
    learner_release(&recommender->learner);
    learner_release(&recommender->cart_learner);
    ranked_release(&recommender->ranked);
    sources_release(&recommender->sources);
    styling_free(recommender->styling);
    filters_free(recommender->filters);
    training_log_free(recommender->training_log);
    shown_log_free(recommender->shown_log);
    free(recommender);
}

void recommender_vary(struct recommender *recommender,
                      const struct recommend_settings *const *by_placement)
{
    recommender->varied = by_placement;
}

void recommender_set_rules(struct recommender *recommender, const struct merchandising_rules *rules)
{
    recommender->rules = rules;
}

void recommender_set_search(struct recommender *recommender, const struct search_index *search)
{
    recommender->sources.search = search;
}

void recommender_watch(struct recommender *recommender, struct list_watcher *watcher)
{
    recommender->watcher = watcher;
}

struct learner *recommender_learner(struct recommender *recommender)
{
    return &recommender->learner;
}

struct learner *recommender_cart_learner(struct recommender *recommender)
{
    return &recommender->cart_learner;
}

/* ---- carts ---- */

static bool ranks_carts(const struct recommender *recommender)
{
    return recommender->settings->cart_ranker && !recommender->settings->rank.ranker_off;
}

/* The candidates with their features. */
static void find_cart_candidates(struct recommender *recommender, const struct model *model,
                                 const struct catalogue *catalogue, const struct basket *basket)
{
    bool ranks = ranks_carts(recommender);
    struct styling *styling = ranks ? recommender->styling : NULL;
    struct style_view view = {model, catalogue, &recommender->ranked.products};
    if (catalogue)
        item_products_catch_up(view.known, model, catalogue);
    cart_find(recommender->sources.basket_walk, styling, &view, basket,
              &recommender->cart_candidates);
    if (ranks)
        cart_features_fill(&view, styling, basket, &recommender->cart_candidates,
                           &recommender->cart_matrix);
}

uint32_t recommend_cart(struct recommender *recommender, const struct model *model,
                        const struct catalogue *catalogue, const struct basket *basket,
                        uint32_t length, struct top_item *ret_items)
{
    const struct cart_candidates *candidates = &recommender->cart_candidates;
    struct ranker *ranker = &recommender->cart_learner.ranker;
    find_cart_candidates(recommender, model, catalogue, basket);
    ranker->frozen = true; /* only examples that are learned count for the statistics */
    if (ranks_carts(recommender))
        cart_rank(ranker, &recommender->cart_matrix, &recommender->cart_candidates);
    uint32_t count = candidates->count < length ? candidates->count : length;
    memcpy(ret_items, candidates->items, count * sizeof *ret_items);
    return count;
}

/* The basket as it was before the event's item at `place`. False: it has no item, or the event's
 * item is in it. */
static bool basket_before(const struct model *model, const struct visitor *visitor,
                          const struct event *event, uint32_t place, struct basket *ret_basket)
{
    struct bytes item_id = event->items[place].item_id;
    if (event->type == EVENT_PURCHASE && visitor_history_in_cart(visitor, item_id))
        return false;
    if (event->type == EVENT_PURCHASE)
        basket_of_order(model, visitor, event->event_time_ms, ret_basket);
    else
        basket_of(model, visitor, ret_basket);
    ret_basket->time_ms = event->event_time_ms;
    for (uint32_t i = 0; i < place; i++)
        basket_put(ret_basket, model_find(model, event->items[i].item_id));
    if (draw_mix(bytes_hash(event->event_id) + place) % CART_ALONE_SHARE == 0)
        ret_basket->history_count = 0;
    return ret_basket->cart_count + ret_basket->history_count > 0 &&
           !basket_has(ret_basket, model_find(model, item_id));
}

/* The item, or ITEM_PRODUCT | product; ITEM_NONE: neither the model nor the catalogue knows it. */
static uint32_t item_or_product(const struct model *model, const struct catalogue *catalogue,
                                struct bytes item_id)
{
    uint32_t item = model_find(model, item_id), product = PRODUCT_NONE;
    if (item == ITEM_NONE && catalogue)
        product = catalogue_find(catalogue, item_id);
    return product == PRODUCT_NONE ? item : ITEM_PRODUCT | product;
}

bool recommend_learn_cart(struct recommender *recommender, const struct model *model,
                          const struct catalogue *catalogue, const struct visitor *visitor,
                          const struct event *event, uint32_t place)
{
    const struct recommend_settings *settings = recommender->settings;
    const struct cart_candidates *candidates = &recommender->cart_candidates;
    struct learner *learner = &recommender->cart_learner;
    struct basket basket;
    uint32_t item = item_or_product(model, catalogue, event->items[place].item_id), i = 0;
    if (!settings->learning || !ranks_carts(recommender) || item == ITEM_NONE ||
        !basket_before(model, visitor, event, place, &basket) ||
        recommender->cart_items++ % settings->cart_learn_every != 0 ||
        !rate_sample_choose(&recommender->cart_rate, event->event_time_ms,
                            recommender->learn_rate_max,
                            draw_mix(bytes_hash(event->event_id) ^ place)))
        return false;
    find_cart_candidates(recommender, model, catalogue, &basket);
    while (i < candidates->count && candidates->items[i].item != item)
        i++;
    if (i == candidates->count || candidates->count < 2)
        return false;
    learner->ranker.frozen = false;
    ranker_standardise(&learner->ranker, &recommender->cart_matrix);
    ranker_learn(&learner->ranker, &recommender->cart_matrix, i, 1);
    learner->changed = true;
    return true;
}

/* ---- lists ---- */

/* One call of recommend_lists(). */
struct request {
    const struct visitor *visitor;
    struct arena *arena;
};

void recommender_check_numbers(struct recommender *recommender, const struct model *model,
                               const struct catalogue *catalogue)
{
    uint64_t products = catalogue ? catalogue->renumbered : 0;
    training_log_renumber(recommender->training_log, model->renumbered + products);
}

/* Remembers the ranked candidates for recommend_learn(), of a sample where lists come fast. */
static void remember_ranked(struct recommender *recommender, struct visitor *visitor)
{
    const struct ranked_candidates *ranked = &recommender->ranked;
    uint64_t hash = bytes_hash(visitor_key(visitor));
    int64_t time_ms = visitor->latest_time_ms;
    if (rate_sample_choose(&recommender->list_rate, time_ms, recommender->learn_rate_max,
                           draw_mix(hash_join(hash, (uint64_t)time_ms)))) {
        visitor->training_list =
            training_log_add(recommender->training_log, visitor->training_list, hash, time_ms,
                             &ranked->candidates, &ranked->matrix, ranked->ranks);
        return;
    }
    training_log_drop(recommender->training_log, visitor->training_list);
    visitor->training_list = 0;
}

/* Ranks the candidates for all that the visitor did. */
static void rank_first(struct recommender *recommender, const struct model *model,
                       const struct catalogue *catalogue, struct visitor *visitor)
{
    const struct recommend_settings *settings = recommender->settings;
    struct ranked_candidates *ranked = &recommender->ranked;
    recommender->learner.ranker.frozen = !settings->learning;
    recommender_check_numbers(recommender, model, catalogue);
    rank_visitor(ranked, &settings->rank, &recommender->learner.ranker, model, catalogue, visitor);
    if (settings->learning && !settings->rank.ranker_off)
        remember_ranked(recommender, visitor);
}

/* Ranks again where the placement needs another ranking than the one at hand. */
static void rank_for_placement(struct recommender *recommender, const struct request *request,
                               const struct placement *placement,
                               const struct list_context *context)
{
    if (placement->source != SOURCE_WALK && placement->source != SOURCE_POPULAR)
        rank_focused(&recommender->ranked, &recommender->settings->rank,
                     &recommender->learner.ranker, request->visitor, context->focus,
                     placement->source == SOURCE_RANKED ? placement->generators_off : 0);
    if (placement->source == SOURCE_RANKED)
        rank_for_goals(&recommender->ranked, &recommender->learner.ranker,
                       placement->own_goals ? &placement->goals : &recommender->settings->goals);
}

/* The walk orders the items that go with one item: the cart ranker learns from whole carts. */
static uint32_t take_basket_items(struct recommender *recommender,
                                  const struct placement *placement, const struct basket *basket,
                                  struct filter_item *ret_items)
{
    const struct query *query = &recommender->ranked.query;
    struct top_item items[RANKED_MAX];
    bool item = placement->context == CONTEXT_ITEM;
    uint32_t count = item ? basket_top(recommender->sources.basket_walk, query->model, basket,
                                       RANKED_MAX, items, NULL)
                          : recommend_cart(recommender, query->model, query->catalogue, basket,
                                           RANKED_MAX, items);
    return source_basket_walk(&recommender->ranked, items, count, !item, ret_items);
}

static uint32_t take_items(struct recommender *recommender, const struct request *request,
                           const struct placement *placement, const struct list_context *context,
                           struct filter_item *ret_items)
{
    struct sources *sources = &recommender->sources;
    const struct ranked_candidates *ranked = &recommender->ranked;
    if (placement->source == SOURCE_WALK)
        return take_basket_items(recommender, placement, &context->basket, ret_items);
    if (placement->source == SOURCE_POPULAR)
        return source_popular(ranked, ret_items);
    if (placement->source == SOURCE_SEARCH)
        return source_search(sources, ranked, context->search_term,
                             request->visitor->latest_time_ms, ret_items);
    if (cold_start_applies(ranked))
        return source_cold_start(sources, &recommender->settings->cold_start, ranked, placement,
                                 request->visitor, ret_items);
    return source_ranked(ranked, placement, ret_items);
}

static uint32_t explore(const struct recommender *recommender, const struct request *request,
                        const struct placement *placement, uint32_t length,
                        struct filter_item *items, uint32_t count)
{
    const struct explore_settings *settings = &recommender->settings->explore;
    if (!(settings->share > 0) || placement->source != SOURCE_RANKED)
        return count;
    return explore_items(settings, &recommender->ranked, request->visitor, placement->name, length,
                         items, count);
}

/* Puts the items that are shown first. Returns how many these are. */
static uint32_t filter(struct recommender *recommender, const struct request *request,
                       const struct placement *placement, const struct list_context *context,
                       uint32_t length, struct filter_item *items, uint32_t count)
{
    struct list_watcher *watcher = recommender->watcher;
    struct filter_settings settings = recommender->settings->filters;
    if (placement->diversity >= 0)
        settings.diversity = placement->diversity;
    struct filter_query query = {
        .catalogue = recommender->ranked.query.catalogue,
        .visitor = request->visitor,
        .rules = recommender->rules,
        .settings = &settings,
        .placement = placement->name,
        .filters = placement->filters & ~(uint32_t)FILTER_SEEN,
        .category = context->category,
        .context_item_id = context->item_id,
        .time_ms = request->visitor->latest_time_ms,
        .shown_only = watcher == NULL || watcher->shown_only,
    };
    uint32_t shown = filters_apply(recommender->filters, &query, items, &count, length);
    if (watcher)
        watcher->filtered(watcher, placement->name, items, shown, count);
    return shown;
}

static struct list write_list(const struct recommender *recommender, const struct request *request,
                              const struct placement *placement, const struct list_context *context,
                              const struct filter_item *items, uint32_t count)
{
    struct list list = {
        .placement = placement->name,
        .context_item_id = context->item_id,
        .context_category = context->category_name,
        .search_term = context->search_term,
        .items = arena_get(request->arena, count * sizeof *list.items),
        .item_count = count,
    };
    for (uint32_t i = 0; i < count; i++)
        list.items[i] = reasons_explain(&recommender->ranked, placement, &items[i]);
    return list;
}

uint32_t recommend_lists(struct recommender *recommender, struct model *model,
                         const struct catalogue *catalogue, struct visitor *visitor,
                         uint32_t length, struct arena *arena, struct list *ret_lists,
                         bool *ret_look_again)
{
    const struct recommend_settings *own = recommender->settings;
    const struct request request = {.visitor = visitor, .arena = arena};
    _Alignas(64) struct filter_item items[LIST_ROOM]; /* one a cache line */
    uint32_t list_count = 0;
    rank_first(recommender, model, catalogue, visitor);
    bool look_again = recommender->ranked.query.unknown;
    for (uint32_t i = 0; i < own->placements.count; i++) {
        if (recommender->varied)
            recommender->settings = recommender->varied[i];
        const struct placement *placement = &recommender->settings->placements.at[i];
        struct list_context context;
        if (placement->off ||
            !context_find(placement, visitor, model, catalogue, own->rank.session_gap_ms, &context))
            continue;
        rank_for_placement(recommender, &request, placement, &context);
        uint32_t count = take_items(recommender, &request, placement, &context, items);
        if (count == 0 && placement->source != SOURCE_RANKED)
            continue;
        uint32_t most = placement->length ? placement->length : length;
        count = explore(recommender, &request, placement, most, items, count);
        uint32_t shown = filter(recommender, &request, placement, &context, most, items, count);
        /* Only a ranked list of all categories is due even when it is short or empty. */
        bool due =
            placement->source == SOURCE_RANKED && !(placement->filters & FILTER_SAME_CATEGORY);
        look_again = look_again || (due && shown < most);
        if (shown > 0 || due)
            ret_lists[list_count++] =
                write_list(recommender, &request, placement, &context, items, shown);
    }
    recommender->settings = own;
    recommender->varied = NULL;
    visitor->shown_lists = shown_log_add(recommender->shown_log, visitor->shown_lists,
                                         bytes_hash(visitor_key(visitor)), visitor->latest_time_ms,
                                         ret_lists, list_count);
    *ret_look_again = look_again;
    return list_count;
}

uint32_t recommend_next(struct recommender *recommender, struct model *model,
                        const struct catalogue *catalogue, struct visitor *visitor, uint32_t length,
                        struct ranked_item *ret_items)
{
    const struct ranked_candidates *ranked = &recommender->ranked;
    rank_first(recommender, model, catalogue, visitor);
    rank_for_goals(&recommender->ranked, &recommender->learner.ranker,
                   &recommender->settings->goals);
    uint32_t count = ranked->candidates.count < length ? ranked->candidates.count : length;
    for (uint32_t i = 0; i < count; i++)
        ret_items[i] = (struct ranked_item){
            .item = ranked->candidates.at[ranked->order[i]].item,
            .score = ranked->scores[ranked->order[i]],
        };
    return count;
}

/* ---- the visitor's next click ---- */

void recommend_measure(const struct recommender *recommender, const struct visitor *visitor,
                       struct bytes item_id, enum kind kind, struct online_metrics *metrics)
{
    online_metrics_outcome(metrics, recommender->shown_log, visitor->shown_lists, item_id, kind);
}

void recommend_measured(struct recommender *recommender, struct visitor *visitor)
{
    shown_log_drop(recommender->shown_log, visitor->shown_lists);
    visitor->shown_lists = 0;
}

size_t recommend_shown_bytes(const struct recommender *recommender)
{
    return shown_log_bytes(recommender->shown_log);
}

size_t recommend_waiting_bytes(const struct recommender *recommender)
{
    return shown_log_bytes(recommender->shown_log) + training_log_bytes(recommender->training_log);
}

/* Learns from a click on the candidate. Returns whether the ranker did. */
static bool learn(struct recommender *recommender, const struct training_list *list, uint32_t place,
                  float weight)
{
    const struct recommend_settings *settings = recommender->settings;
    struct feature_matrix *matrix = &recommender->ranked.matrix;
    if (!settings->learning || recommender->clicks++ % settings->learn_every != 0)
        return false;
    training_log_matrix(list, matrix);
    if (matrix->count < 2)
        return false;
    ranker_learn(&recommender->learner.ranker, matrix, place, weight);
    recommender->learner.changed = true;
    return true;
}

/* Learns for the goal that the activity reached, if it reached one. */
static void learn_goal(struct recommender *recommender, const struct training_list *list,
                       uint32_t place, enum kind kind, float weight)
{
    struct feature_matrix *matrix = &recommender->ranked.matrix;
    enum goal goal;
    if (!recommender->settings->learning || !goal_of(kind, &goal))
        return;
    training_log_matrix(list, matrix);
    if (matrix->count < 2)
        return;
    ranker_learn_goal(&recommender->learner.ranker, matrix, place, goal, weight);
    recommender->learner.changed = true;
}

struct outcome recommend_learn(struct recommender *recommender, struct visitor *visitor,
                               uint32_t item, enum kind kind)
{
    const struct recommend_settings *settings = recommender->settings;
    double weight = 1;
    const struct training_list *list =
        training_log_find(recommender->training_log, visitor->training_list, &weight);
    struct outcome outcome = {.known = list != NULL};
    uint32_t place =
        list && item != ITEM_NONE ? training_log_place(list, item, &outcome.rank) : UINT32_MAX;
    if (place != UINT32_MAX) {
        weight = weight < LEARN_WEIGHT_MAX ? weight : LEARN_WEIGHT_MAX;
        outcome.learned =
            learn(recommender, list, place, settings->kind_weights[kind] * (float)weight);
        learn_goal(recommender, list, place, kind, (float)weight);
    }
    training_log_drop(recommender->training_log, visitor->training_list);
    visitor->training_list = 0;
    return outcome;
}
