#include "processors/recommend/recommend.h"

#include "processors/recommend/basket.h"
#include "processors/recommend/similar.h"

#include <stdlib.h>

struct placement_row {
    const char *name;
    bool needs_context;
    bool repeats; /* whether what was viewed lately may come for that alone */
};

static const struct placement_row placement_rows[PLACEMENTS] = {
    [PLACEMENT_HOME] = {.name = "home", .repeats = true},
    [PLACEMENT_PRODUCT] = {.name = "product", .needs_context = true},
    [PLACEMENT_CART] = {.name = "cart"},
    [PLACEMENT_SEARCH] = {.name = "search"},
};

const char *const placement_names[PLACEMENTS] = {"home", "product", "cart", "search"};

#define REPEATS_BIT 1u /* of the first generator */

struct recommender {
    const struct recommend_settings *settings;
    struct learner learner;
    struct served_ring *served;
    struct shown_ring *shown;
    uint64_t clicks; /* that could be learned from */
    struct query query;
    struct candidates candidates;
    struct item_products products;
    struct feature_matrix matrix;
    float scores[RANKED_MAX];
    uint16_t order[RANKED_MAX]; /* places, best first */
    uint16_t ranks[RANKED_MAX]; /* by place, from 1 */
    struct filters *filters;
    const struct shop_rules *rules;
    const struct search *search;
    struct list_watcher *watcher;
    struct list_item reasons[RANKED_MAX]; /* by place, of lists that are not of candidates */
    struct filter_item items[RANKED_MAX + FILTER_PINS_MAX];
};

struct recommender *recommender_new(const struct recommend_settings *settings,
                                    const struct model *model)
{
    struct recommender *recommender = memory_aligned(sizeof *recommender);
    memset(recommender, 0, sizeof *recommender);
    recommender->settings = settings;
    candidates_init(&recommender->candidates);
    recommender->query.similar = similar_new();
    recommender->query.products = &recommender->products;
    recommender->filters = filters_new();
    learner_init(&recommender->learner, model, &settings->features_off);
    recommender->served =
        served_new(settings->served_bytes, settings->candidates, settings->served_age_ms);
    recommender->shown = shown_new(settings->shown_bytes, placement_names, PLACEMENTS,
                                   settings->served_age_ms);
    return recommender;
}

void recommender_free(struct recommender *recommender)
{
    if (recommender == NULL)
        return;
    candidates_release(&recommender->candidates);
    similar_free(recommender->query.similar);
    free(recommender->products.at);
    filters_free(recommender->filters);
    learner_release(&recommender->learner);
    served_free(recommender->served);
    shown_free(recommender->shown);
    free(recommender);
}

void recommender_rules(struct recommender *recommender, const struct shop_rules *rules)
{
    recommender->rules = rules;
}

void recommender_search(struct recommender *recommender, const struct search *search)
{
    recommender->search = search;
}

void recommender_watch(struct recommender *recommender, struct list_watcher *watcher)
{
    recommender->watcher = watcher;
}

struct learner *recommender_learner(struct recommender *recommender)
{
    return &recommender->learner;
}

/* ---- ranking ---- */

/* Ties go to the item that the log named first, so that the same model gives the same list. */
static bool before(const struct recommender *recommender, uint16_t a, uint16_t b)
{
    float x = recommender->scores[a], y = recommender->scores[b];
    if (x > y || x < y)
        return x > y;
    return recommender->candidates.at[a].item < recommender->candidates.at[b].item;
}

/* Shell's sort (1959) with Ciura's gaps (2001): at most RANKED_MAX places. */
static void sort_places(struct recommender *recommender)
{
    static const uint32_t gaps[] = {57, 23, 10, 4, 1};
    uint16_t *order = recommender->order;
    uint32_t count = recommender->candidates.count;
    for (uint32_t i = 0; i < count; i++)
        order[i] = (uint16_t)i;
    for (size_t g = 0; g < sizeof gaps / sizeof gaps[0]; g++) {
        for (uint32_t i = gaps[g]; i < count; i++) {
            uint16_t place = order[i];
            uint32_t k = i;
            for (; k >= gaps[g] && before(recommender, place, order[k - gaps[g]]); k -= gaps[g])
                order[k] = order[k - gaps[g]];
            order[k] = place;
        }
    }
    for (uint32_t i = 0; i < count; i++)
        recommender->ranks[order[i]] = (uint16_t)(i + 1);
}

/* From the query to the order of its candidates. */
static void rank(struct recommender *recommender)
{
    const struct recommend_settings *settings = recommender->settings;
    struct candidates *candidates = &recommender->candidates;
    candidates_generate(candidates, &recommender->query, settings->generators_off,
                        settings->candidates);
    features_fill(&recommender->query, candidates, settings->price_band, &settings->features_off,
                  &recommender->matrix);
    recommender->learner.ranker.frozen = !settings->learning;
    ranker_standardise(&recommender->learner.ranker, &recommender->matrix);
    if (!ranker_score(&recommender->learner.ranker, &recommender->matrix, recommender->scores))
        for (uint32_t i = 0; i < candidates->count; i++)
            recommender->scores[i] = candidates->at[i].weight;
    sort_places(recommender);
}

static void keep_served(struct recommender *recommender, struct visitor *visitor)
{
    if (recommender->settings->learning)
        visitor->served =
            served_keep(recommender->served, visitor->latest_time_ms, &recommender->candidates,
                        &recommender->matrix, recommender->ranks);
}

/* ---- lists ---- */

static void explain(const struct recommender *recommender, const struct candidate *candidate,
                    bool repeats, struct list_item *ret_item)
{
    const struct query *query = &recommender->query;
    uint32_t bits = candidate->generators & ~(repeats ? 0 : REPEATS_BIT);
    int most = -1;
    float weight = -1;
    for (; bits; bits &= bits - 1) {
        int generator = __builtin_ctz(bits);
        float part = generators[generator].weight(candidate);
        if (part > weight) {
            most = generator;
            weight = part;
        }
    }
    uint32_t cause = generators[most].cause(query, candidate);
    ret_item->item_id = query_item_id(query, candidate->item);
    ret_item->reason = generators[most].reason;
    ret_item->because_item_id =
        cause == ITEM_NONE ? bytes_of(NULL, 0) : query_item_id(query, cause);
}

static struct bytes last_viewed_id(const struct visitor *visitor)
{
    for (uint32_t i = visitor->count; i > 0; i--)
        if (visitor->activities[i - 1].kind == KIND_VIEW)
            return activity_subject(visitor, &visitor->activities[i - 1]);
    return bytes_of(NULL, 0);
}

/* The ranked candidates as the filters take them. */
static uint32_t list_candidates(struct recommender *recommender, const struct placement_row *row)
{
    const struct candidates *candidates = &recommender->candidates;
    const struct catalogue *catalogue = recommender->query.catalogue;
    uint32_t count = 0;
    for (uint32_t i = 0; i < candidates->count; i++) {
        uint16_t place = recommender->order[i];
        const struct candidate *candidate = &candidates->at[place];
        if (!row->repeats && candidate->generators == REPEATS_BIT)
            continue;
        struct filter_item *item = &recommender->items[count++];
        *item = (struct filter_item){
            .item_id = query_item_id(&recommender->query, candidate->item),
            .product = PRODUCT_NONE,
            .score = recommender->scores[place],
            .place = place,
        };
        if (item_is_product(candidate->item))
            item->product = candidate->item & ~ITEM_PRODUCT;
        else if (catalogue && catalogue->product_count > 0)
            item->product = catalogue_find(catalogue, item->item_id);
    }
    return count;
}

static uint32_t product_of(const struct recommender *recommender, struct bytes item_id)
{
    const struct catalogue *catalogue = recommender->query.catalogue;
    return catalogue && catalogue->product_count > 0 ? catalogue_find(catalogue, item_id)
                                                     : PRODUCT_NONE;
}

/* What goes with the cart; 0: it is empty. */
static uint32_t cart_candidates(struct recommender *recommender, const struct visitor *visitor)
{
    const struct model *model = recommender->query.model;
    struct basket_item items[RANKED_MAX];
    struct basket basket;
    basket_of(model, visitor, &basket);
    if (basket.cart_count == 0)
        return 0;
    uint32_t count = basket_top(model, &basket, RANKED_MAX, items);
    for (uint32_t i = 0; i < count; i++) {
        struct bytes id = model->items[items[i].item].id;
        recommender->items[i] = (struct filter_item){.item_id = id,
                                                     .product = product_of(recommender, id),
                                                     .score = items[i].score,
                                                     .place = i};
        recommender->reasons[i] = (struct list_item){.reason = "popular"};
        if (items[i].cause != ITEM_NONE)
            recommender->reasons[i] =
                (struct list_item){.reason = "bought_together",
                                   .because_item_id = model->items[items[i].cause].id};
    }
    return count;
}

#define SEARCH_AGO_MAX 5 /* activities after a search during which its list is kept up */

/* The last search of the session, if it is not long ago; absent: none. */
static struct bytes last_search(const struct visitor *visitor, int64_t gap_ms)
{
    int64_t edge_ms = visitor->count ? visitor->activities[visitor->count - 1].time_ms : 0;
    for (uint32_t i = visitor->count, ago = 0; i > 0 && ago <= SEARCH_AGO_MAX; i--, ago++) {
        const struct activity *activity = &visitor->activities[i - 1];
        if (edge_ms - activity->time_ms > gap_ms)
            break;
        edge_ms = activity->time_ms;
        if (activity->kind == KIND_SEARCH)
            return activity_subject(visitor, activity);
    }
    return bytes_of(NULL, 0);
}

#define SEARCH_PERSONAL .5f /* the visitor's first candidate weighs half as much as the best answer */

/* What answers the term: the text's score, and the place that the item has for this visitor. The
 * candidates are ranked already. */
static uint32_t search_candidates(struct recommender *recommender, struct bytes term)
{
    const struct catalogue *catalogue = recommender->query.catalogue;
    struct search_result results[SEARCH_RESULTS_MAX];
    uint32_t count = search_top(recommender->search, catalogue, term, SEARCH_RESULTS_MAX, results);
    for (uint32_t i = 0; i < count; i++) {
        struct bytes id = product_id(&catalogue->products[results[i].product]);
        uint32_t item = model_find(recommender->query.model, id);
        const struct candidate *candidate = candidates_find(
            &recommender->candidates,
            item == ITEM_NONE ? ITEM_PRODUCT | results[i].product : item);
        float score = results[i].score / results[0].score;
        if (candidate) {
            uint16_t rank = recommender->ranks[candidate - recommender->candidates.at];
            score += SEARCH_PERSONAL * (1 - (float)rank / RANKED_MAX);
        }
        struct filter_item new = {
            .item_id = id, .product = results[i].product, .score = score, .place = i};
        uint32_t at = i;
        for (; at > 0 && recommender->items[at - 1].score < score; at--)
            recommender->items[at] = recommender->items[at - 1];
        recommender->items[at] = new;
        recommender->reasons[i] = (struct list_item){.reason = "searched"};
    }
    return count;
}

/* Takes the best of the `count` in recommender->items for the placement and writes them out with
 * their reasons. */
static void fill_list(struct recommender *recommender, const struct placement_row *row,
                      uint32_t count, const struct visitor *visitor, int64_t now_ms,
                      uint32_t length, struct arena *arena, struct list *ret_list)
{
    struct filter_query query = {
        .catalogue = recommender->query.catalogue,
        .visitor = visitor,
        .rules = recommender->rules,
        .settings = &recommender->settings->filters,
        .placement = row->name,
        .context_item_id = ret_list->context_item_id,
        .time_ms = now_ms,
    };
    bool ranked = row <= &placement_rows[PLACEMENT_PRODUCT];
    uint32_t shown =
        filters_apply(recommender->filters, &query, recommender->items, &count, length);
    if (recommender->watcher)
        recommender->watcher->filtered(recommender->watcher, row->name, recommender->items, shown,
                                       count);
    ret_list->placement = row->name;
    ret_list->item_count = shown;
    ret_list->items = arena_get(arena, shown * sizeof *ret_list->items);
    for (uint32_t i = 0; i < shown; i++) {
        const struct filter_item *from = &recommender->items[i];
        struct list_item *item = &ret_list->items[i];
        *item = (struct list_item){.reason = "pinned"};
        if (from->place != UINT32_MAX && ranked)
            explain(recommender, &recommender->candidates.at[from->place], row->repeats, item);
        else if (from->place != UINT32_MAX)
            *item = recommender->reasons[from->place];
        item->item_id = from->item_id;
        item->score = from->place != UINT32_MAX ? from->score : 0;
    }
}

/* The lists that are not of the ranked candidates. Returns how many there are. */
static uint32_t fill_others(struct recommender *recommender, const struct visitor *visitor,
                            int64_t now_ms, uint32_t length, struct arena *arena,
                            struct list *ret_lists)
{
    uint32_t list_count = 0, count = 0;
    const struct catalogue *catalogue = recommender->query.catalogue;
    uint32_t off = recommender->settings->placements_off;
    struct bytes term = last_search(visitor, recommender->settings->session_gap_ms);
    if (!(off >> PLACEMENT_SEARCH & 1) && recommender->search && catalogue && catalogue->present > 0 && term.size > 0 &&
        (count = search_candidates(recommender, term)) > 0) {
        ret_lists[list_count] = (struct list){.search_term = term};
        fill_list(recommender, &placement_rows[PLACEMENT_SEARCH], count, visitor, now_ms, length,
                  arena, &ret_lists[list_count++]);
    }
    if (!(off >> PLACEMENT_CART & 1) && (count = cart_candidates(recommender, visitor)) > 0) {
        ret_lists[list_count] = (struct list){0};
        fill_list(recommender, &placement_rows[PLACEMENT_CART], count, visitor, now_ms, length,
                  arena, &ret_lists[list_count++]);
    }
    return list_count;
}

uint32_t recommend_lists(struct recommender *recommender, struct model *model,
                         const struct catalogue *catalogue, struct visitor *visitor,
                         int64_t now_ms, uint32_t length, struct arena *arena,
                         struct list *ret_lists, bool *ret_look_again)
{
    struct query *query = &recommender->query;
    uint32_t list_count = 0;
    query_init(query, model, catalogue, visitor, recommender->settings->session_gap_ms);
    rank(recommender);
    keep_served(recommender, visitor);
    *ret_look_again = query->unknown;
    for (int placement = 0; placement <= PLACEMENT_PRODUCT; placement++) {
        const struct placement_row *row = &placement_rows[placement];
        struct list *list = &ret_lists[list_count];
        if (recommender->settings->placements_off >> placement & 1)
            continue;
        uint32_t context = ITEM_NONE;
        *list = (struct list){0};
        if (row->needs_context) {
            list->context_item_id = last_viewed_id(visitor);
            if (list->context_item_id.at == NULL)
                continue;
            context = model_find(model, list->context_item_id);
            if (context != ITEM_NONE &&
                (query->recent_count == 0 || query->recent[0] != context)) {
                query_focus(query, context);
                rank(recommender);
            }
        }
        fill_list(recommender, row, list_candidates(recommender, row), visitor, now_ms, length,
                  arena, list);
        *ret_look_again = *ret_look_again || list->item_count < length;
        list_count++;
    }
    list_count +=
        fill_others(recommender, visitor, now_ms, length, arena, ret_lists + list_count);
    visitor->shown =
        shown_keep(recommender->shown, visitor->latest_time_ms, ret_lists, list_count);
    return list_count;
}

uint32_t recommend_next(struct recommender *recommender, struct model *model,
                        const struct catalogue *catalogue, struct visitor *visitor,
                        uint32_t length, struct ranked_item *ret_items)
{
    query_init(&recommender->query, model, catalogue, visitor,
               recommender->settings->session_gap_ms);
    rank(recommender);
    keep_served(recommender, visitor);
    uint32_t count = recommender->candidates.count;
    if (count > length)
        count = length;
    for (uint32_t i = 0; i < count; i++)
        ret_items[i] = (struct ranked_item){
            .item = recommender->candidates.at[recommender->order[i]].item,
            .score = recommender->scores[recommender->order[i]],
        };
    return count;
}

/* ---- learning ---- */

void recommend_measure(const struct recommender *recommender, const struct visitor *visitor,
                       struct bytes item_id, enum kind kind, struct quality *quality)
{
    quality_ask(quality, recommender->shown, visitor->shown, item_id, kind);
}

size_t recommend_shown_bytes(const struct recommender *recommender)
{
    return shown_bytes(recommender->shown);
}

struct outcome recommend_learn(struct recommender *recommender, struct visitor *visitor,
                               uint32_t item, enum kind kind)
{
    const struct recommend_settings *settings = recommender->settings;
    const struct served_list *list = served_find(recommender->served, visitor->served);
    struct outcome outcome = {.known = list != NULL};
    visitor->served = 0;
    if (list == NULL || item == ITEM_NONE)
        return outcome;
    uint32_t place = served_place(list, item, &outcome.rank);
    if (place == UINT32_MAX || !settings->learning ||
        recommender->clicks++ % settings->learn_every != 0)
        return outcome;
    served_matrix(list, &recommender->matrix);
    if (recommender->matrix.count > 1) {
        ranker_learn(&recommender->learner.ranker, &recommender->matrix, place,
                     settings->kind_weights[kind]);
        recommender->learner.changed = true;
    }
    return outcome;
}
