#include "processors/recommend/product_features.h"

#include <math.h>

#define FADING .8f
#define APART_MAX 3 /* of ln(price / mean): twenty times as much, or as little */

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
    if (ret_taste->count == 0)
        return false;
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
    match.brand_last = of->brand != WORD_NONE && taste->brands[0] == of->brand;
    match.category_last = of->category != WORD_NONE && taste->categories[0] == of->category;
    if (!(match.category_last > 0) && taste->categories[0] != WORD_NONE) {
        float own = (float)taste->catalogue->words[taste->categories[0]].depth;
        match.depth = (float)catalogue_shared_depth(taste->catalogue, taste->categories[0],
                                                    of->category) /
                      own;
    } else {
        match.depth = match.category_last;
    }
    if (of->price > 0 && isfinite(taste->log_price)) {
        match.price = limited(logf(of->price) - taste->log_price);
        match.price_apart = fabsf(match.price);
    }
    match.band = of->price >= 0 && fabsf(of->price - taste->last_price) <= band;
    match.discount = product_discount(of);
    match.discount_taste = match.discount * taste->discount;
    return match;
}
