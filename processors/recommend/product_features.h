/* Features of products: the candidate's brand, categories, price and discount against what the visitor
 * looked at lately. Nothing where the catalogue does not know the product.
 *
 * With the visitor's last activities i, newest first, weighed .8^i and summing to 1:
 *     brand, category   the share whose brand, or leaf category, is the candidate's
 *     depth             levels of the category path shared with the last item, of the last item's
 *     price             ln(price / mean), mean the weighed geometric mean of the activities' prices;
 *                       its absolute value apart
 *     band              1 where the price is within the band of the last item's
 *     discount          the candidate's discount, and times the mean discount of the activities */
#ifndef WEFT_RECOMMEND_PRODUCT_FEATURES_H
#define WEFT_RECOMMEND_PRODUCT_FEATURES_H

#include "processors/recommend/candidates.h"

struct product_match {
    float brand, brand_last, category, category_last, depth;
    float price, price_apart, band, known;
    float discount, discount_taste;
};

/* What the visitor looked at, gathered once a query. */
struct product_taste {
    const struct catalogue *catalogue;
    uint32_t count;
    uint32_t brands[RECENT_MAX], categories[RECENT_MAX]; /* words; WORD_NONE */
    float weights[RECENT_MAX];
    float last_price;   /* NaN: not known */
    float log_price;    /* mean; NaN: not known */
    float discount;     /* mean */
};

/* False: the catalogue is empty or knows none of the items. */
bool product_taste(const struct query *query, struct product_taste *ret_taste);
struct product_match product_match(const struct product_taste *taste, uint32_t product,
                                   float band);

#endif
