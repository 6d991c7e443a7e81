#include "processors/recommend/ranking/product_features.h"

#include <math.h>

#define FADING .8f
#define DISCOUNT_PRIOR 8  /* views with the mean discount, assumed before the first activity */
#define DISCOUNT_SCALE 40 /* both numbers are a few hundredths */
#define APART_MAX 3       /* of ln(price / mean): twenty times the mean, or a twentieth */

static void add_activity(struct product_taste *taste, uint32_t product, float weight,
                         float *ret_weight, float *ret_price_weight)
{
    const struct product *of = &taste->catalogue->products[product];
    uint32_t at = taste->count++;
    taste->brands[at] = of->brand;
    taste->categories[at] = of->category;
    taste->weights[at] = weight;
    *ret_weight += weight;
    taste->discount += weight * product_discount(of);
    if (of->price > 0) {
        taste->log_price += weight * logf(of->price);
        *ret_price_weight += weight;
    }
    if (at == 0)
        taste->last_price = of->price;
}

/* ---- preferences ---- */

static struct price_level level_of(const struct taste_prices *prices)
{
    struct price_level level = {0, 0};
    float spread;
    if (taste_prices_level(prices, &level.mean, &spread))
        level.inverse_spread = 1 / spread;
    return level;
}

static float discount_liking(const struct catalogue *catalogue,
                             const struct preferences *preferences)
{
    float usual = catalogue_discount(catalogue);
    float weight = (float)preferences->weight / TASTE_UNIT;
    float sum = (float)preferences->discount / (TASTE_UNIT * TASTE_DISCOUNT_STEPS);
    return (sum - weight * usual) / (weight + DISCOUNT_PRIOR);
}

static bool find_likes(const struct query *query, struct long_taste *likes)
{
    struct preferences preferences;
    *likes = (struct long_taste){0};
    if (query->tastes.size == 0)
        return false;
    struct avro_reader reader = {query->tastes.at, query->tastes.at + query->tastes.size, false};
    if (!preferences_read(&reader, &preferences) || preferences.weight == 0)
        return false;
    float scale = 1 / (float)preferences.weight;
    for (uint32_t i = 0; i < preferences.brand_count; i++) {
        const struct taste_brand *brand = &preferences.brands[i];
        uint32_t word = catalogue_tagged(query->catalogue, WORD_BRAND, brand->word);
        if (word == WORD_NONE)
            continue;
        likes->brands[likes->brand_count] = word;
        for (int kind = 0; kind < TASTE_KINDS; kind++)
            likes->brand_counts[likes->brand_count][kind] =
                (float)brand->weights[kind] / TASTE_UNIT;
        likes->brand_count++;
    }
    for (uint32_t i = 0; i < preferences.category_count; i++) {
        const struct taste_category *category = &preferences.categories[i];
        uint32_t word = catalogue_tagged(query->catalogue, WORD_CATEGORY, category->word);
        if (word == WORD_NONE)
            continue;
        likes->categories[likes->category_count] = word;
        likes->category_shares[likes->category_count] = scale * (float)category->weight;
        likes->prices[likes->category_count++] = level_of(&category->prices);
    }
    for (uint32_t i = 0; i < preferences.word_counts[TASTE_COLOUR]; i++) {
        const struct taste_word *colour = &preferences.words[TASTE_COLOUR][i];
        uint32_t word = catalogue_tagged(query->catalogue, WORD_COLOUR, colour->word);
        if (word == WORD_NONE)
            continue;
        likes->colours[likes->colour_count] = word;
        likes->colour_shares[likes->colour_count++] = scale * (float)colour->weight;
    }
    likes->price = level_of(&preferences.prices);
    likes->discount = discount_liking(query->catalogue, &preferences);
    return true;
}

static float colour_share(const struct long_taste *likes, const struct product *of)
{
    struct words words = product_words(of, WORD_COLOUR);
    float best = 0;
    for (uint32_t k = 0; k < likes->colour_count; k++)
        for (uint32_t i = 0; i < words.count; i++)
            if (words.at[i] == likes->colours[k] && likes->colour_shares[k] > best)
                best = likes->colour_shares[k];
    return best;
}

static void match_likes(const struct long_taste *likes, const struct product *of,
                        struct product_match *match)
{
    struct price_level level = likes->price;
    for (uint32_t i = 0; i < likes->brand_count; i++)
        if (likes->brands[i] == of->brand)
            memcpy(match->brand_counts, likes->brand_counts[i], sizeof match->brand_counts);
    for (uint32_t i = 0; i < likes->category_count; i++) {
        if (likes->categories[i] != of->category)
            continue;
        match->category_taste = likes->category_shares[i];
        if (likes->prices[i].inverse_spread > 0)
            level = likes->prices[i];
    }
    if (likes->colour_count > 0)
        match->colour_taste = colour_share(likes, of);
    match->discount_liked = DISCOUNT_SCALE * product_discount(of) * likes->discount;
    match->price_taste = PRICE_TASTE_MAX;
    if (of->price > 0) {
        float apart = fabsf(logf(of->price) - level.mean) * level.inverse_spread;
        match->price_taste = apart < PRICE_TASTE_MAX ? apart : PRICE_TASTE_MAX;
    }
}

bool product_taste(const struct query *query, struct product_taste *ret_taste)
{
    const struct catalogue *catalogue = query->catalogue;
    float weight = 1, sum = 0, priced = 0;
    if (catalogue == NULL || catalogue->present == 0)
        return false;
    ret_taste->catalogue = catalogue;
    ret_taste->count = 0;
    ret_taste->last_price = NAN;
    ret_taste->log_price = ret_taste->discount = 0;
    for (uint32_t i = 0; i < query->length; i++, weight *= FADING) {
        uint32_t product = query_product(query, query->sequence[i]);
        if (product != PRODUCT_NONE && !catalogue->products[product].gone)
            add_activity(ret_taste, product, weight, &sum, &priced);
    }
    bool likes = find_likes(query, &ret_taste->likes);
    if (ret_taste->count == 0) {
        ret_taste->log_price = NAN;
        return likes;
    }
    for (uint32_t i = 0; i < ret_taste->count; i++)
        ret_taste->weights[i] /= sum;
    ret_taste->discount /= sum;
    ret_taste->log_price = priced > 0 ? ret_taste->log_price / priced : NAN;
    return true;
}

static float limited(float x)
{
    return x > APART_MAX ? APART_MAX : x < -APART_MAX ? -APART_MAX : x;
}

void product_fetch(const struct product_taste *taste, uint32_t product)
{
    if (taste->likes.colour_count > 0)
        __builtin_prefetch(product_words(&taste->catalogue->products[product], WORD_COLOUR).at);
}

struct product_match product_match(const struct product_taste *taste, uint32_t product, float band)
{
    struct product_match match = {.known = 1};
    const struct product *of = &taste->catalogue->products[product];
    for (uint32_t i = 0; i < taste->count; i++) {
        if (of->brand != WORD_NONE && taste->brands[i] == of->brand)
            match.brand += taste->weights[i];
        if (of->category != WORD_NONE && taste->categories[i] == of->category)
            match.category += taste->weights[i];
    }
    match_likes(&taste->likes, of, &match);
    match.discount = product_discount(of);
    if (taste->count == 0)
        return match;
    match.brand_last = of->brand != WORD_NONE && taste->brands[0] == of->brand;
    match.category_last = of->category != WORD_NONE && taste->categories[0] == of->category;
    if (!(match.category_last > 0) && taste->categories[0] != WORD_NONE) {
        float own = (float)taste->catalogue->words.at[taste->categories[0]].depth;
        match.depth =
            (float)catalogue_shared_depth(taste->catalogue, taste->categories[0], of->category) /
            own;
    } else {
        match.depth = match.category_last;
    }
    if (of->price > 0 && isfinite(taste->log_price)) {
        match.price = limited(logf(of->price) - taste->log_price);
        match.price_apart = fabsf(match.price);
    }
    match.band = of->price >= 0 && fabsf(of->price - taste->last_price) <= band;
    match.discount_taste = match.discount * taste->discount;
    return match;
}
