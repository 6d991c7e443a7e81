#include "processors/recommend/ranking/features.h"

#include "processors/math/kernels.h"
#include "processors/recommend/candidates/cooccurrence.h"
#include "processors/recommend/candidates/session_encoder.h"
#include "processors/recommend/ranking/feature_columns.h"
#include "processors/recommend/ranking/product_features.h"

_Static_assert(FEATURE_GROUP == LANES, "the kernels work on one group at once");

/* ---- raw numbers ---- */

struct filling {
    const struct query *query;
    const struct candidates *candidates;
    float *columns;
    uint32_t stride;
};

static float *column(const struct filling *filling, enum column column)
{
    return filling->columns + (size_t)column * filling->stride;
}

static float inverse(float rank)
{
    return rank > 0 ? 1 / rank : 0;
}

static void fill_repeats(const struct filling *to, uint32_t i, const struct candidate *candidate)
{
    if (candidate->distance == 0)
        return;
    const struct query *query = to->query;
    column(to, REPEAT)[i] = 1;
    column(to, REPEAT_LAST)[i] = candidate->distance == 1;
    column(to, REPEAT_PREVIOUS)[i] = candidate->distance == 2;
    column(to, REPEAT_OLDER)[i] = candidate->distance > 2;
    column(to, REPEAT_INVERSE)[i] = 1 / (float)candidate->distance;
    column(to, REPEAT_TIMES)[i] = (float)candidate->times;
    column(to, REPEAT_ONLY)[i] = candidate->distance == 1 && query->session_length == 1;
    column(to, REPEAT_EARLIER)[i] = candidate->distance > query->session_length;
}

static float age_of(const struct query *query, int64_t then_s)
{
    int64_t age_s = query->time_ms / 1000 - then_s;
    return 1 + (age_s > 0 ? (float)age_s : 0);
}

static void fill_generators(const struct filling *to, uint32_t i, const struct candidate *candidate,
                            float most, float total, float clicks)
{
    if (candidate->forward_rank > 0) {
        column(to, FORWARD_SHARE)[i] = column(to, FORWARD)[i] = candidate->forward;
        column(to, FORWARD_OF_MOST)[i] = candidate->forward / most;
        column(to, FORWARD_INVERSE)[i] = 1 / (float)candidate->forward_rank;
        column(to, FORWARD_RANK)[i] = (float)candidate->forward_rank;
        column(to, FORWARD_ONE)[i] = candidate->forward_one;
        column(to, FORWARD_LIFT)[i] = .3f * candidate->forward * sqrtf(total / (clicks + 2));
        column(to, FORWARD_AGE)[i] = age_of(to->query, candidate->forward_last_s);
        column(to, FORWARD_WEIGHT)[i] = candidate->forward_weight;
    }
    column(to, BACKWARD_SHARE)[i] = candidate->backward;
    column(to, BACKWARD_RANK)[i] = (float)candidate->backward_rank;
    column(to, PREVIOUS_SHARE)[i] = candidate->previous;
    column(to, PREVIOUS_BACK)[i] = candidate->previous_back;
    column(to, PREVIOUS_MIX)[i] = .25f * (candidate->forward + candidate->backward +
                                          candidate->previous + candidate->previous_back);
    column(to, CART_SHARE)[i] = candidate->together[PAIR_CART];
    column(to, CART_INVERSE)[i] = inverse((float)candidate->together_rank[PAIR_CART]);
    column(to, PURCHASE_SHARE)[i] = candidate->together[PAIR_PURCHASE];
    column(to, PURCHASE_INVERSE)[i] = inverse((float)candidate->together_rank[PAIR_PURCHASE]);
    column(to, HOP)[i] = candidate->hop;
    column(to, PAIR_SHARE)[i] = candidate->pair_share;
    column(to, PAIR_INVERSE)[i] = inverse((float)candidate->pair_rank);
    column(to, PAIR_COUNT)[i] = candidate->pair;
    column(to, NEAR_SHARE)[i] = candidate->near;
    column(to, NEAR_OF_MOST)[i] = candidate->near_of_most;
    column(to, NEAR_INVERSE)[i] = inverse((float)candidate->near_rank);
    column(to, NEAR_RANK)[i] = (float)candidate->near_rank;
    column(to, AFTER_SHARE)[i] = candidate->near_after;
    column(to, AFTER_INVERSE)[i] = inverse((float)candidate->near_after_rank);
    column(to, AFTER_RANK)[i] = (float)candidate->near_after_rank;
    column(to, SIMILAR)[i] = candidate->similar;
}

/* 0 for a product that is not in the model yet. */
static float clicks_of(const struct model *model, uint32_t item)
{
    uint64_t sum = 0;
    if (item_is_product(item))
        return 0;
    const struct item_counts *counts = &model->items[item].counts;
    for (int kind = 0; kind < PAIR_KINDS; kind++)
        sum += counts->count[kind];
    return (float)sum;
}

static void fill_item(const struct filling *to, uint32_t i, const struct candidate *candidate,
                      float clicks)
{
    if (item_is_product(candidate->item))
        return;
    const struct item_counts *counts = &to->query->model->items[candidate->item].counts;
    float recent = decay_count(to->query->popular_now, counts->recent, counts->base);
    column(to, ITEM_COUNT)[i] = clicks;
    column(to, ITEM_RECENT)[i] = recent;
    column(to, ITEM_TREND)[i] = (recent + 1) / (clicks + 1);
    column(to, ITEM_AGE)[i] =
        age_of(to->query, counts->last_ms == INT64_MIN ? 0 : counts->last_ms / 1000);
    column(to, ITEM_AGREE)[i] =
        .2f * (float)((candidate->forward_rank > 0) + (candidate->backward_rank > 0) +
                      (candidate->previous > 0) + (candidate->pair > 0));
}

static void fill_candidates(const struct filling *to)
{
    const struct query *query = to->query;
    float most = 1, total = 0;
    if (query->recent_count > 0) {
        const struct row *row =
            cooccurrence_row(query->model, query->recent[0], PAIR_VIEW, PAIR_FORWARD);
        if (row->count > 0)
            most = (float)row->entries[0].weight * cooccurrence_scale(row) + 1e-9f;
        total = decay_count(query->pairs_now, row->total, row->base) / PAIR_UNITS;
    }
    for (uint32_t i = 0; i < to->candidates->count; i++) {
        const struct candidate *candidate = &to->candidates->at[i];
        float clicks = clicks_of(query->model, candidate->item);
        fill_repeats(to, i, candidate);
        fill_generators(to, i, candidate, most, total, clicks);
        fill_item(to, i, candidate, clicks);
    }
}

#define VECTOR_ITEMS 6 /* the newest, one by one */
#define VECTOR_QUERIES (VECTOR_ITEMS + 2)

/* Rows: the session as the encoder sees it, the mean of its items, then the newest items one by
 * one. Returns how many there are. */
static uint32_t make_queries(const struct query *query, float (*ret_queries)[VECTOR_SIZE])
{
    const struct kernels *kernels = kernels_best();
    const struct vectors *vectors = query->model->vectors;
    float *mean = ret_queries[1];
    uint32_t count = 2;
    memset(ret_queries, 0, VECTOR_QUERIES * sizeof *ret_queries);
    memcpy(ret_queries[0], query->session, sizeof *ret_queries);
    for (uint32_t i = 0; i < query->length && i < ENCODER_ITEMS; i++) {
        uint32_t place = vectors_find(vectors, query->sequence[i]);
        float *own = i < VECTOR_ITEMS ? ret_queries[count++] : NULL;
        if (place == PLACE_NONE)
            continue;
        float inverse_norm = vectors->inverse_norms[place];
        if (own)
            kernels->multiple(own, vectors_row(vectors, place), inverse_norm, VECTOR_SIZE);
        kernels->add(mean, vectors_row(vectors, place), inverse_norm, VECTOR_SIZE);
    }
    float squared = kernels->dot(mean, mean, VECTOR_SIZE);
    kernels->scale(mean, 1 / sqrtf(squared + 1e-9f), VECTOR_SIZE);
    return count;
}

static void fill_vectors(const struct filling *to, struct candidates *candidates)
{
    const struct kernels *kernels = kernels_best();
    const struct query *query = to->query;
    uint32_t items[RANKED_MAX], n = to->stride, count = candidates->count;
    _Alignas(32) float all[VECTOR_QUERIES * RANKED_MAX] = {0};
    _Alignas(32) float queries[VECTOR_QUERIES][VECTOR_SIZE];
    float *scores = column(to, VECTOR), most = -2;
    if (!query->has_session)
        return;
    uint32_t query_count = make_queries(query, queries);
    for (uint32_t i = 0; i < count; i++)
        items[i] = candidates->at[i].item;
    encoder_scores(query->model->vectors, queries[0], query_count, items, count, all, n);
    memcpy(scores, all, n * sizeof *scores);
    memcpy(column(to, VECTOR_MEAN), all + n, n * sizeof *scores);
    memcpy(column(to, VECTOR_LAST), all + 2 * n, n * sizeof *scores);
    memcpy(column(to, VECTOR_PREVIOUS), all + 3 * n, n * sizeof *scores);
    for (uint32_t q = 2; q < query_count; q++) /* from 0: an item far from all is just far */
        kernels->larger(column(to, VECTOR_MOST), all + q * n, n);
    for (uint32_t i = count; i < n; i++)
        scores[i] = -2; /* below all candidates */
    kernels->ranks(scores, column(to, VECTOR_RANK), n);
    for (uint32_t i = 0; i < count; i++) {
        candidates->at[i].vector = scores[i];
        most = scores[i] > most ? scores[i] : most;
    }
    for (uint32_t i = 0; i < count; i++) {
        column(to, VECTOR_BELOW)[i] = 2 * (scores[i] - most);
        scores[i] *= 2;
    }
    for (uint32_t i = count; i < n; i++)
        scores[i] = column(to, VECTOR_RANK)[i] = 0;
}

#define PRODUCTS_AHEAD 6 /* products whose words are fetched from memory before their turn */

static void fill_products(const struct filling *to, float band)
{
    struct product_taste taste;
    uint32_t products[RANKED_MAX], count = to->candidates->count;
    if (!product_taste(to->query, &taste))
        return;
    for (uint32_t i = 0; i < count; i++) {
        products[i] = query_product(to->query, to->candidates->at[i].item);
        if (products[i] != PRODUCT_NONE)
            __builtin_prefetch(&taste.catalogue->products[products[i]]);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (i + PRODUCTS_AHEAD < count && products[i + PRODUCTS_AHEAD] != PRODUCT_NONE)
            product_fetch(&taste, products[i + PRODUCTS_AHEAD]);
        if (products[i] == PRODUCT_NONE)
            continue;
        struct product_match match = product_match(&taste, products[i], band);
        column(to, PRODUCT_KNOWN)[i] = match.known;
        column(to, BRAND)[i] = match.brand;
        column(to, BRAND_LAST)[i] = match.brand_last;
        column(to, CATEGORY)[i] = match.category;
        column(to, CATEGORY_LAST)[i] = match.category_last;
        column(to, CATEGORY_DEPTH)[i] = match.depth;
        column(to, PRICE)[i] = match.price;
        column(to, PRICE_APART)[i] = match.price_apart;
        column(to, PRICE_BAND)[i] = match.band;
        column(to, DISCOUNT)[i] = match.discount;
        column(to, DISCOUNT_TASTE)[i] = match.discount_taste;
        column(to, BRAND_SEEN)[i] = match.brand_counts[TASTE_SEEN];
        column(to, BRAND_CARTED)[i] = match.brand_counts[TASTE_CARTED];
        column(to, BRAND_BOUGHT)[i] = match.brand_counts[TASTE_BOUGHT];
        column(to, CATEGORY_TASTE)[i] = match.category_taste;
        column(to, COLOUR_TASTE)[i] = match.colour_taste;
        column(to, PRICE_TASTE)[i] = match.price_taste;
        column(to, DISCOUNT_LIKED)[i] = match.discount_liked;
    }
}

static void fill_context(const struct query *query, float *at)
{
    float length = (float)(query->session_length ? query->session_length : 1);
    uint32_t l = query->session_length;
    at[LENGTH_1] = l == 1;
    at[LENGTH_2] = l == 2;
    at[LENGTH_3] = l == 3;
    at[LENGTH_5] = l == 4 || l == 5;
    at[LENGTH_INVERSE] = 1 / length;
    if (query->recent_count == 0)
        return;
    const struct model_item *last = &query->model->items[query->recent[0]];
    const struct row *row = &last->rows[PAIR_VIEW][PAIR_FORWARD];
    at[LAST_COUNT] = clicks_of(query->model, query->recent[0]);
    at[REPEATS_SHARE] = (float)(query->length - query->recent_count) / (float)query->length;
    at[DISTINCT] = (float)query->recent_count;
    at[LAST_TOTAL] = decay_count(query->pairs_now, row->total, row->base) / PAIR_UNITS;
    at[LAST_MOST] = row->count > 0 ? (float)row->entries[0].weight * cooccurrence_scale(row) : 0;
    at[LAST_CART] = query->kinds[0] == KIND_CART;
    at[LAST_PURCHASE] = query->kinds[0] == KIND_PURCHASE;
}

/* ---- the matrix ---- */

static void bend(const struct kernels *kernels, const struct feature *feature, float *x,
                 uint32_t count)
{
    if (feature->bend == BEND_LOG)
        kernels->log1p(x, feature->a, feature->b, count);
    else if (feature->bend == BEND_RANK)
        kernels->log_rank(x, feature->a, feature->b, count);
}

void features_fill(const struct query *query, struct candidates *candidates, float price_band,
                   const struct feature_mask *off, struct feature_matrix *ret_matrix)
{
    const struct kernels *kernels = kernels_best();
    uint32_t stride = (candidates->count + LANES - 1) / LANES * LANES;
    struct filling filling = {query, candidates, ret_matrix->columns, stride};
    ret_matrix->count = candidates->count;
    ret_matrix->stride = stride;
    memset(ret_matrix->columns, 0, VARYING * stride * sizeof(float));
    memset(ret_matrix->common, 0, sizeof ret_matrix->common);
    for (uint32_t i = 0; i < candidates->count; i++) /* they are spread over memory */
        if (!item_is_product(candidates->at[i].item))
            __builtin_prefetch(&query->model->items[candidates->at[i].item].counts);
    fill_vectors(&filling, candidates);
    fill_candidates(&filling);
    fill_products(&filling, price_band);
    fill_context(query, ret_matrix->common);
    for (uint32_t f = 0; f < VARYING; f++) {
        float *x = ret_matrix->columns + (size_t)f * stride;
        if (feature_masked(off, f))
            memset(x, 0, stride * sizeof *x);
        ret_matrix->filled[f] = (uint16_t)kernels->filled(x, stride);
        if (ret_matrix->filled[f])
            bend(kernels, &features[f], x, stride);
    }
    for (uint32_t f = VARYING; f < COLUMNS; f++) {
        _Alignas(32) float lane[LANES] = {ret_matrix->common[f]};
        bend(kernels, &features[f], lane, LANES);
        ret_matrix->common[f] = feature_masked(off, f) ? 0 : lane[0];
    }
}
