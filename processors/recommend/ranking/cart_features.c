#include "processors/recommend/ranking/cart_features.h"

#include "schemas/draw.h"

#include <math.h>

enum column {
    WALK_SCORE,
    WALK_RANK,
    CART_CARTS,
    CART_PURCHASES,
    CART_PURCHASES_RAW,
    HISTORY_PAIRS,
    POPULAR,
    OWN,
    OWN_TIMES,
    OWN_AGO,
    OWN_RHYTHM,
    OWN_OFF_RHYTHM,
    OWN_SHARE,
    OWN_BY_HISTORY,
    OWN_BY_CART,
    COUNT,
    RECENT,
    CART_CATEGORY,
    CART_CATEGORY_TIMES,
    CART_BRAND,
    HISTORY_CATEGORY,
    HISTORY_CATEGORY_SHARE,
    HISTORY_BRAND,
    HISTORY_BRAND_SHARE,
    PRICE,
    PRICE_OFF_CART,
    STYLE_CATEGORY,
    STYLE_SHARE,
    STYLE_BRAND,
    STYLE_COLOUR,
    STYLE_ATTRIBUTES,
    STYLE_SUM,
    VARYING, /* the columns below are of the whole cart */
    CART_SIZE = VARYING,
    HISTORY_SIZE,
    DOUBT,
    COLUMNS,
};
static const char *const names[COLUMNS] = {"walk_score",
                                           "walk_rank",
                                           "cart_carts",
                                           "cart_purchases",
                                           "cart_purchases_raw",
                                           "history_pairs",
                                           "popular",
                                           "own",
                                           "own_times",
                                           "own_ago",
                                           "own_rhythm",
                                           "own_off_rhythm",
                                           "own_share",
                                           "own_by_history",
                                           "own_by_cart",
                                           "count",
                                           "recent",
                                           "cart_category",
                                           "cart_category_times",
                                           "cart_brand",
                                           "history_category",
                                           "history_category_share",
                                           "history_brand",
                                           "history_brand_share",
                                           "price",
                                           "price_off_cart",
                                           "style_category",
                                           "style_share",
                                           "style_brand",
                                           "style_colour",
                                           "style_attributes",
                                           "style_sum",
                                           "cart_size",
                                           "history_size",
                                           "doubt"};

const uint32_t cart_feature_count = COLUMNS;
const uint32_t cart_feature_varying_count = VARYING;

_Static_assert(COLUMNS <= FEATURES_MAX, "raise FEATURES_MAX");

#define HISTORY_SHRINK 5.0f /* items: shares of short histories are small */
#define DAY_MS 86400000.0
#define PRICE_LEAST .01f

uint64_t cart_features_hash(void)
{
    uint64_t hash = VARYING;
    for (int f = 0; f < COLUMNS; f++)
        hash = hash_join(hash, 0) ^ bytes_hash(bytes_text(names[f]));
    return hash;
}

/* An item in the catalogue. */
struct traits {
    uint32_t category, brand; /* words; WORD_NONE */
    float price;              /* ln; NaN: not known */
};

struct filling {
    const struct style_view *view;
    struct styling *styling; /* the cart is set */
    const struct basket *basket;
    struct traits cart[BASKET_SEEDS_MAX], history[BASKET_SEEDS_MAX];
    float cart_price;              /* mean ln price of the cart; NaN: not known */
    float cart_size, history_size; /* ln(1 + items) */
    struct decay now;
    float *columns;
    uint32_t stride;
};

static struct traits traits_of(const struct filling *filling, uint32_t item)
{
    struct traits traits = {WORD_NONE, WORD_NONE, NAN};
    const struct style_view *view = filling->view;
    uint32_t number = item_products_product(view->known, view->model, view->catalogue, item);
    if (number == PRODUCT_NONE)
        return traits;
    const struct product *product = &view->catalogue->products[number];
    traits.category = product->category;
    traits.brand = product->brand;
    if (product->price > 0)
        traits.price = logf(product->price > PRICE_LEAST ? product->price : PRICE_LEAST);
    return traits;
}

static void find_traits(struct filling *filling)
{
    const struct basket *basket = filling->basket;
    float sum = 0, prices = 0;
    for (uint32_t i = 0; i < basket->cart_count; i++) {
        filling->cart[i] = traits_of(filling, basket->cart[i]);
        if (isnan(filling->cart[i].price))
            continue;
        sum += filling->cart[i].price;
        prices += 1;
    }
    filling->cart_price = prices > 0 ? sum / prices : NAN;
    for (uint32_t i = 0; i < basket->history_count; i++)
        filling->history[i] = traits_of(filling, basket->history[i]);
}

/* How many of the items have the candidate's category, and its brand. */
static void count_alike(const struct traits *items, uint32_t count, struct traits traits,
                        float *ret_category, float *ret_brand)
{
    uint32_t category = 0, brand = 0;
    for (uint32_t i = 0; i < count; i++) {
        category += items[i].category == traits.category;
        brand += items[i].brand == traits.brand;
    }
    *ret_category = traits.category == WORD_NONE ? 0 : (float)category;
    *ret_brand = traits.brand == WORD_NONE ? 0 : (float)brand;
}

static float share_bend(float p)
{
    return .14474f * logf(1 + 1000 * p);
}

static float *at(const struct filling *filling, enum column column, uint32_t i)
{
    return &filling->columns[(size_t)column * filling->stride + i];
}

static void fill_walk(const struct filling *to, uint32_t i, float score,
                      const struct basket_evidence *evidence)
{
    *at(to, WALK_SCORE, i) = share_bend(score);
    *at(to, WALK_RANK, i) = 1 - .2f * logf((float)(i + 1));
    *at(to, CART_CARTS, i) = share_bend(evidence->cart[PAIR_CART]);
    *at(to, CART_PURCHASES, i) = share_bend(evidence->cart[PAIR_PURCHASE]);
    *at(to, CART_PURCHASES_RAW, i) = evidence->cart[PAIR_PURCHASE];
    *at(to, HISTORY_PAIRS, i) = share_bend(evidence->history);
    *at(to, POPULAR, i) = share_bend(evidence->popular);
}

static float days_since(int64_t now_ms, int64_t then_ms)
{
    return now_ms > then_ms ? (float)((double)(now_ms - then_ms) / DAY_MS) : 0;
}

/* The rhythm: how long ago it was bought last, beside the mean time between two of its orders. */
static void fill_own(const struct filling *to, uint32_t i, const struct basket_evidence *evidence)
{
    if (!(evidence->times > 0))
        return;
    float ago = days_since(to->basket->time_ms, evidence->newest_ms);
    *at(to, OWN, i) = 1;
    *at(to, OWN_TIMES, i) = logf(evidence->times);
    *at(to, OWN_AGO, i) = logf(1 + ago);
    *at(to, OWN_SHARE, i) = evidence->times / ((float)to->basket->history_count + HISTORY_SHRINK);
    *at(to, OWN_BY_HISTORY, i) = to->history_size;
    *at(to, OWN_BY_CART, i) = to->cart_size;
    if (evidence->times < 2)
        return;
    float between = days_since(evidence->newest_ms, evidence->oldest_ms) / (evidence->times - 1);
    float rhythm = logf((ago + .5f) / (between + .5f));
    *at(to, OWN_RHYTHM, i) = rhythm;
    *at(to, OWN_OFF_RHYTHM, i) = fabsf(rhythm);
}

static void fill_counts(const struct filling *to, uint32_t i, uint32_t item)
{
    static const struct item_counts none;
    const struct item_counts *counts =
        item_is_product(item) ? &none : &to->view->model->items[item].counts;
    uint64_t count = 0;
    for (int kind = 0; kind < PAIR_KINDS; kind++)
        count += counts->count[kind];
    *at(to, COUNT, i) = logf(1 + (float)count);
    *at(to, RECENT, i) = logf(.01f + (float)decay_events(counts->recent, counts->base, to->now));
}

static void fill_traits(const struct filling *to, uint32_t i, uint32_t item)
{
    const struct basket *basket = to->basket;
    struct traits traits = traits_of(to, item);
    float category, brand;
    count_alike(to->cart, basket->cart_count, traits, &category, &brand);
    *at(to, CART_CATEGORY, i) = category > 0;
    *at(to, CART_CATEGORY_TIMES, i) = logf(1 + category);
    *at(to, CART_BRAND, i) = brand > 0;
    count_alike(to->history, basket->history_count, traits, &category, &brand);
    float all = (float)basket->history_count + HISTORY_SHRINK;
    *at(to, HISTORY_CATEGORY, i) = logf(1 + category);
    *at(to, HISTORY_CATEGORY_SHARE, i) = category / all;
    *at(to, HISTORY_BRAND, i) = logf(1 + brand);
    *at(to, HISTORY_BRAND_SHARE, i) = brand / all;
    if (isnan(traits.price))
        return;
    *at(to, PRICE, i) = traits.price;
    if (!isnan(to->cart_price))
        *at(to, PRICE_OFF_CART, i) = fabsf(traits.price - to->cart_price);
}

static void fill_style(const struct filling *to, uint32_t i, uint32_t item)
{
    struct style_fit fit = styling_fit(to->styling, to->view, item);
    *at(to, STYLE_CATEGORY, i) = fit.category;
    *at(to, STYLE_SHARE, i) = share_bend(fit.share);
    *at(to, STYLE_BRAND, i) = fit.brand;
    *at(to, STYLE_COLOUR, i) = fit.colour;
    *at(to, STYLE_ATTRIBUTES, i) = fit.attributes;
    *at(to, STYLE_SUM, i) = fit.category + fit.brand + fit.colour + fit.attributes;
}

void cart_features_fill(const struct style_view *view, struct styling *styling,
                        const struct basket *basket, const struct cart_candidates *candidates,
                        struct feature_matrix *ret_matrix)
{
    struct feature_matrix *matrix = ret_matrix;
    const struct model *model = view->model;
    bool styled = view->catalogue && view->catalogue->present > 0;
    struct filling filling = {
        .view = view,
        .styling = styling,
        .basket = basket,
        .cart_size = logf(1 + (float)basket->cart_count),
        .history_size = logf(1 + (float)basket->history_count),
        .now = decay_at(model->latest_ms, model->limits.popular_half_life_ms),
        .columns = matrix->columns,
    };
    matrix->count = candidates->count;
    matrix->stride = (candidates->count + FEATURE_GROUP - 1) / FEATURE_GROUP * FEATURE_GROUP;
    filling.stride = matrix->stride;
    memset(matrix->columns, 0, (size_t)VARYING * matrix->stride * sizeof *matrix->columns);
    memset(matrix->common, 0, sizeof matrix->common);
    find_traits(&filling);
    for (uint32_t i = 0; i < candidates->count; i++) {
        fill_walk(&filling, i, candidates->items[i].score, &candidates->evidence[i]);
        fill_own(&filling, i, &candidates->evidence[i]);
        fill_counts(&filling, i, candidates->items[i].item);
        fill_traits(&filling, i, candidates->items[i].item);
        if (styled)
            fill_style(&filling, i, candidates->items[i].item);
    }
    for (uint32_t f = 0; f < VARYING; f++)
        matrix->filled[f] = (uint16_t)((1u << (matrix->stride / FEATURE_GROUP)) - 1);
    matrix->common[CART_SIZE] = filling.cart_size;
    matrix->common[HISTORY_SIZE] = filling.history_size;
    matrix->common[DOUBT] = basket_doubt(model, basket);
}

void cart_rank(struct ranker *ranker, struct feature_matrix *matrix,
               struct cart_candidates *candidates)
{
    _Alignas(64) float scores[RANKED_MAX];
    struct top_item ordered[RANKED_MAX];
    uint32_t count = 0;
    if (candidates->count == 0)
        return;
    ranker_standardise(ranker, matrix);
    if (!ranker_score(ranker, matrix, scores))
        return;
    for (uint32_t i = 0; i < candidates->count; i++) {
        struct top_item item = candidates->items[i];
        item.score = scores[i];
        count = top_keep(ordered, count, RANKED_MAX, item);
    }
    memcpy(candidates->items, ordered, count * sizeof *ordered);
}
