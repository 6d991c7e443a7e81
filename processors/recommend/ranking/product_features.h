/* Features of products: the candidate's brand, categories, price and discount against what the
 * visitor looked at lately. Nothing where the catalogue does not know the product.
 *
 * With the visitor's last activities i, newest first, weighed .8^i and summing to 1:
 *     brand, category   the share whose brand, or leaf category, is the candidate's
 *     depth             levels of the category path shared with the last item, of the last item's
 *     price             ln(price / mean), mean the weighed geometric mean of the activities'
 * prices; its absolute value apart band              1 where the price is within the band of the
 * last item's discount          the candidate's discount, and times the mean discount of the
 * activities
 *
 * Against what the visitor likes, over all sessions (state/preferences.h; weights as of their
 * period, so at most twice what they are worth at its beginning, and not faded since the last
 * activity): brand_seen, brand_carted, brand_bought   activities with the brand category_taste,
 * colour_taste   the word's share of the weight of all products; of several colours, the largest
 *     price_taste       |ln price - mean| / spread, of the category's prices if the visitor has any
 *                       there, else of all; at most PRICE_TASTE_MAX, which is also what stands for
 *                       no price of the product
 *     discount_liked    40 d (S - W m) / (W + 8): d the candidate's discount, S the discounts of
 * the visitor's activities, summed by weight, W their weights, m the catalogue's mean discount: how
 * much more than the mean they go for what is reduced (Gender gave nothing beyond these on the
 * files tried.) */
#ifndef WEFT_RANKING_PRODUCT_FEATURES_H
#define WEFT_RANKING_PRODUCT_FEATURES_H

#include "processors/recommend/candidates/query.h"

#define PRICE_TASTE_MAX 4

struct product_match {
    float brand, brand_last, category, category_last, depth;
    float price, price_apart, band, known;
    float discount, discount_taste;
    float brand_counts[TASTE_KINDS];
    float category_taste, colour_taste, price_taste, discount_liked;
};

/* The visitor's preferences with the numbers that their words have now. */
struct long_taste {
    uint32_t brand_count, category_count, colour_count;
    uint32_t brands[TASTE_BRANDS_MAX], categories[TASTE_CATEGORIES_MAX], colours[TASTE_WORDS_MAX];
    float brand_counts[TASTE_BRANDS_MAX][TASTE_KINDS];
    float category_shares[TASTE_CATEGORIES_MAX], colour_shares[TASTE_WORDS_MAX];
    float discount; /* of what they did, above the catalogue's mean; drawn towards it */
    struct price_level {
        float mean, inverse_spread; /* of ln price; 0: not known */
    } price, prices[TASTE_CATEGORIES_MAX];
};

/* What the visitor looked at, gathered once a query. */
struct product_taste {
    const struct catalogue *catalogue;
    uint32_t count;
    uint32_t brands[RECENT_MAX], categories[RECENT_MAX]; /* words; WORD_NONE */
    float weights[RECENT_MAX];
    float last_price; /* NaN: not known */
    float log_price;  /* mean; NaN: not known */
    float discount;   /* mean */
    struct long_taste likes;
};

/* False: the catalogue is empty, or knows none of the items and nothing is known of what they like.
 */
bool product_taste(const struct query *query, struct product_taste *ret_taste);
struct product_match product_match(const struct product_taste *taste, uint32_t product, float band);

#endif
