#include "processors/recommend/ranking/rank.h"

#include "processors/math/kernels.h"
#include "processors/recommend/candidates/category_popularity.h"
#include "processors/recommend/candidates/content_similarity.h"

#include <float.h>

void ranked_init(struct ranked_candidates *ranked)
{
    memset(ranked, 0, sizeof *ranked);
    candidates_init(&ranked->candidates);
    ranked->query.content_similarity = content_similarity_new();
    ranked->query.category_popularity = category_popularity_new();
    ranked->query.products = &ranked->products;
}

void ranked_release(struct ranked_candidates *ranked)
{
    candidates_release(&ranked->candidates);
    content_similarity_free(ranked->query.content_similarity);
    category_popularity_free(ranked->query.category_popularity);
    item_products_release(&ranked->products);
}

static void sort_places(struct ranked_candidates *ranked)
{
    const struct candidates *candidates = &ranked->candidates;
    uint16_t *order = ranked->order;
    float *scores = ranked->scores;
    uint32_t count = candidates->count, padded = (count + LANES - 1) / LANES * LANES;
    for (uint32_t i = 0; i < padded; i++) /* the kernel orders numbers, so no NaN may stand there */
        scores[i] = i < count && scores[i] >= -FLT_MAX ? scores[i] : -FLT_MAX;
    kernels_best()->order(scores, order, padded);
    for (uint32_t i = 1; i < count; i++) {
        uint16_t place = order[i];
        uint32_t k = i;
        for (; k > 0 && !(scores[order[k - 1]] > scores[place]) &&
               candidates->at[order[k - 1]].item > candidates->at[place].item;
             k--)
            order[k] = order[k - 1];
        order[k] = place;
    }
    for (uint32_t i = 0; i < count; i++)
        ranked->ranks[order[i]] = (uint16_t)(i + 1);
}

/* False: the ranker has not learned enough. */
static bool score_by_ranker(struct ranked_candidates *ranked, const struct rank_settings *settings,
                            struct ranker *ranker)
{
    if (settings->ranker_off)
        return false;
    features_fill(&ranked->query, &ranked->candidates, settings->price_band,
                  &settings->features_off, &ranked->matrix);
    ranker_standardise(ranker, &ranked->matrix);
    return ranker_score(ranker, &ranked->matrix, ranked->scores);
}

static void rank_query(struct ranked_candidates *ranked, const struct rank_settings *settings,
                       struct ranker *ranker, uint64_t generators_off)
{
    struct candidates *candidates = &ranked->candidates;
    ranked->generators_off = generators_off;
    candidates_generate(candidates, &ranked->query, generators_off, settings->candidates_max);
    ranked->by_ranker = score_by_ranker(ranked, settings, ranker);
    if (!ranked->by_ranker)
        for (uint32_t i = 0; i < candidates->count; i++)
            ranked->scores[i] = candidates->at[i].weight;
    sort_places(ranked);
    ranked->goals = (struct goal_mix){{0}};
    memcpy(ranked->views, ranked->scores, candidates->count * sizeof *ranked->views);
}

void rank_for_goals(struct ranked_candidates *ranked, const struct ranker *ranker,
                    const struct goal_mix *goals)
{
    _Alignas(64) float scores[RANKED_MAX] = {0};
    if (!ranked->by_ranker || goal_mix_equal(&ranked->goals, goals))
        return;
    memcpy(scores, ranked->views, ranked->candidates.count * sizeof *scores);
    ranker_add_goals(ranker, &ranked->matrix, goals, scores);
    memcpy(ranked->scores, scores, ranked->candidates.count * sizeof *scores);
    ranked->goals = *goals;
    sort_places(ranked);
}

void rank_visitor(struct ranked_candidates *ranked, const struct rank_settings *settings,
                  struct ranker *ranker, const struct model *model,
                  const struct catalogue *catalogue, const struct visitor *visitor)
{
    query_init(&ranked->query, model, catalogue, visitor, settings->session_gap_ms);
    ranked->focus = ITEM_NONE;
    rank_query(ranked, settings, ranker, settings->generators_off);
}

void rank_focused(struct ranked_candidates *ranked, const struct rank_settings *settings,
                  struct ranker *ranker, const struct visitor *visitor, uint32_t focus,
                  uint64_t generators_off)
{
    struct query *query = &ranked->query;
    generators_off |= settings->generators_off;
    if (focus != ITEM_NONE && ranked->focus == ITEM_NONE && query->recent_count > 0 &&
        query->recent[0] == focus)
        focus = ITEM_NONE; /* the item stands first already */
    if (focus == ranked->focus && generators_off == ranked->generators_off)
        return;
    if (ranked->focus != ITEM_NONE && focus != ranked->focus)
        query_init(query, query->model, query->catalogue, visitor, settings->session_gap_ms);
    if (focus != ITEM_NONE && focus != ranked->focus)
        query_focus(query, focus);
    ranked->focus = focus;
    rank_query(ranked, settings, ranker, generators_off);
}

uint32_t ranked_rank(const struct ranked_candidates *ranked, uint32_t item)
{
    const struct candidate *candidate = candidates_find(&ranked->candidates, item);
    return candidate ? ranked->ranks[candidate - ranked->candidates.at] : 0;
}
