#include "processors/recommend/lists/sources.h"

#include "processors/recommend/candidates/generators.h"
#include "processors/recommend/search/query_history.h"

#include <math.h>

_Static_assert(SEARCH_RESULTS_MAX <= RANKED_MAX, "all results have room");

void sources_init(struct sources *sources)
{
    *sources = (struct sources){
        .basket_walk = basket_walk_memory_new(),
        .search_cache = search_cache_new(),
    };
}

void sources_release(struct sources *sources)
{
    basket_walk_memory_free(sources->basket_walk);
    search_cache_free(sources->search_cache);
}

struct scored {
    float score;
    uint32_t index; /* the caller's */
};

/* Inserts behind all that do not score less. A sort of its own, since equal scores stay in the
 * order in which they came. */
static void insert(struct scored *scored, uint32_t count, struct scored new)
{
    uint32_t at = count;
    for (; at > 0 && scored[at - 1].score < new.score; at--)
        scored[at] = scored[at - 1];
    scored[at] = new;
}

/* ---- the ranking ---- */

/* The score with the placement's weights of generators: the formula of placements.h. */
static float weighted_score(const struct ranked_candidates *ranked,
                            const struct placement *placement, uint32_t place)
{
    const struct candidate *candidate = &ranked->candidates.at[place];
    float score = ranked->scores[place], all = 0, weighted = 0;
    for (uint32_t bits = candidate->generators; bits; bits &= bits - 1) {
        int generator = __builtin_ctz(bits);
        float part = generators[generator].weight(candidate);
        all += part;
        weighted += part * placement->weights[generator];
    }
    if (!ranked->by_ranker)
        return weighted;
    return all > 0 && weighted > 0 ? score + logf(weighted / all) : score;
}

uint32_t source_ranked(const struct ranked_candidates *ranked, const struct placement *placement,
                       struct filter_item *ret_items)
{
    const struct candidates *candidates = &ranked->candidates;
    uint32_t left_out = placement->filters & FILTER_SEEN ? generators_seen_only() : 0;
    uint32_t count = 0;
    struct scored scored[RANKED_MAX];
    for (uint32_t i = 0; i < candidates->count; i++) {
        uint32_t place = ranked->order[i];
        if ((candidates->at[place].generators & ~left_out) == 0)
            continue;
        if (placement->weighted)
            insert(scored, count, (struct scored){weighted_score(ranked, placement, place), place});
        else
            scored[count] = (struct scored){ranked->scores[place], place};
        count++;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t item = candidates->at[scored[i].index].item;
        ret_items[i] = (struct filter_item){
            .item_id = query_item_id(&ranked->query, item),
            .product = query_product(&ranked->query, item),
            .score = scored[i].score,
            .origin = ORIGIN_CANDIDATE,
            .index = scored[i].index,
        };
    }
    return count;
}

/* ---- the basket walk ---- */

uint32_t source_basket_walk(const struct ranked_candidates *ranked, const struct top_item *items,
                            uint32_t item_count, bool with_popular, struct filter_item *ret_items)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < item_count; i++) {
        bool popular = items[i].cause == ITEM_NONE;
        if (popular && !with_popular)
            continue;
        ret_items[count++] = (struct filter_item){
            .item_id = query_item_id(&ranked->query, items[i].item),
            .product = query_product(&ranked->query, items[i].item),
            .score = items[i].score,
            .origin = popular ? ORIGIN_POPULAR : ORIGIN_BASKET,
            .index = items[i].cause,
        };
    }
    return count;
}

/* ---- popular items ---- */

uint32_t source_popular(const struct ranked_candidates *ranked, struct filter_item *ret_items)
{
    const struct model *model = ranked->query.model;
    uint32_t count = model->popular_count < RANKED_MAX ? model->popular_count : RANKED_MAX;
    for (uint32_t i = 0; i < count; i++)
        ret_items[i] = (struct filter_item){
            .item_id = model->items[model->popular[i]].id,
            .product = query_product(&ranked->query, model->popular[i]),
            .score = 1 / (float)(i + 1),
            .origin = ORIGIN_POPULAR,
        };
    return count;
}

/* ---- the search ---- */

struct found_item {
    uint32_t item; /* or ITEM_PRODUCT | product */
    uint32_t product;
    enum item_origin origin;
};

struct found_items {
    struct found_item at[RANKED_MAX]; /* as they were found */
    struct scored scored[RANKED_MAX]; /* the best first */
    uint32_t count;
};

/* Adds the item with its score for everybody; this visitor's part is added here. */
static void add_found(struct found_items *found, const struct ranked_candidates *ranked,
                      struct found_item item, float score)
{
    uint32_t rank = ranked_rank(ranked, item.item);
    score += SOURCE_PERSONAL * (rank > 0 ? 1 - (float)rank / RANKED_MAX : 0);
    found->at[found->count] = item;
    insert(found->scored, found->count, (struct scored){score, found->count});
    found->count++;
}

uint32_t source_search(struct sources *sources, const struct ranked_candidates *ranked,
                       struct bytes term, int64_t time_ms, struct filter_item *ret_items)
{
    const struct query *query = &ranked->query;
    const struct search_result *results = NULL;
    struct top_item history[SEARCH_RESULTS_MAX];
    struct found_items found = {.count = 0};
    uint32_t result_count = 0;
    uint32_t history_count =
        query_history_top(query->model, term, time_ms, SEARCH_RESULTS_MAX, history);
    if (sources->search && query->catalogue && query->catalogue->present > 0)
        results = search_cache_top(sources->search_cache, sources->search, query->catalogue, term,
                                   &result_count);
    for (uint32_t i = 0; i < result_count; i++) {
        struct found_item item = {.item = query_item(query, results[i].product),
                                  .product = results[i].product,
                                  .origin = ORIGIN_SEARCH};
        float score = results[i].score / results[0].score;
        uint32_t at = 0;
        while (at < history_count && history[at].item != item.item)
            at++;
        if (at < history_count) {
            score += SOURCE_HISTORY * history[at].score;
            item.origin = ORIGIN_QUERY_HISTORY;
            history[at].item = ITEM_NONE; /* it is found already */
        }
        add_found(&found, ranked, item, score);
    }
    for (uint32_t i = 0; i < history_count && found.count < RANKED_MAX; i++) {
        struct found_item item = {.item = history[i].item, .origin = ORIGIN_QUERY_HISTORY};
        if (item.item == ITEM_NONE)
            continue;
        item.product = query_product(query, item.item);
        add_found(&found, ranked, item, SOURCE_HISTORY * history[i].score);
    }
    for (uint32_t i = 0; i < found.count; i++) {
        const struct found_item *item = &found.at[found.scored[i].index];
        ret_items[i] = (struct filter_item){
            .item_id = query_item_id(query, item->item),
            .product = item->product,
            .score = found.scored[i].score,
            .origin = item->origin,
        };
    }
    return found.count;
}
