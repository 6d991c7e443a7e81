/* Features of products: the candidate's brand, categories, price and discount against those of the
 * visitor's activities. All are 0 where the catalogue does not know the product.
 *
 * Against the last activities i, newest first, weighed .8^i and summing to 1:
 *
 *     brand, category   the share of activities with the candidate's brand, or leaf category
 *     depth             levels of the category path shared with the last item, by the last item's
 *     price             ln(price / mean); mean is the weighed geometric mean of the activities'
 *                       prices
 *     price_apart       its absolute value
 *     band              1 where the price is within the band of the last item's
 *     discount          the candidate's discount; discount_taste: times the activities' mean one
 *
 * Against the visitor's preferences over all sessions (state/preferences.h; weights as of their
 * period, so at most twice their worth at its beginning, and not faded since the last activity):
 *
 *     brand_counts      activities with the brand: seen, carted, bought
 *     category_taste, colour_taste   the word's share of the weight of all products; of several
 *                       colours the largest
 *     price_taste       |ln price - mean| / spread: of the category's prices if the visitor has any
 *                       there, else of all; at most PRICE_TASTE_MAX, which also stands for a
 *                       product without a price
 *     discount_liked    40 d (S - W m) / (W + 8): d the candidate's discount, S the discounts
 *                       of the visitor's activities, summed by weight, W their weights, m the
 *                       catalogue's mean discount: how much more than the mean the visitor
 *                       prefers reduced products
 *
 * Gender gave nothing beyond these on the files tried. Thread: holds the catalogue's read lock. */
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

/* The visitor's preferences, with the present numbers of their words. */
struct long_taste {
    uint32_t brand_count, category_count, colour_count;
    uint32_t brands[TASTE_BRANDS_MAX], categories[TASTE_CATEGORIES_MAX], colours[TASTE_WORDS_MAX];
    float brand_counts[TASTE_BRANDS_MAX][TASTE_KINDS];
    float category_shares[TASTE_CATEGORIES_MAX], colour_shares[TASTE_WORDS_MAX];
    float discount; /* of the visitor's activities above the catalogue's mean, drawn towards 0 */
    struct price_level {
        float mean, inverse_spread; /* of ln price; 0: not known */
    } price, prices[TASTE_CATEGORIES_MAX];
};

/* The visitor's last activities and preferences, gathered once a query. */
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

/* Gathers the visitor's side. False: the catalogue is empty, or it knows none of the items and the
 * visitor has no preferences. */
bool product_taste(const struct query *query, struct product_taste *ret_taste);
/* Fetches from memory what product_match() reads of the product, ahead of that call. */
void product_fetch(const struct product_taste *taste, uint32_t product);
/* A product's features. `band`: prices at most so far apart are alike. */
struct product_match product_match(const struct product_taste *taste, uint32_t product, float band);

#endif
