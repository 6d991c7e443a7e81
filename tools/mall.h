/* A small fashion mall: products with readable titles, and visitors with tastes who view, search,
 * put in the cart and buy. Deterministic from a seed: the same seed and settings give the same
 * events. Its visitors' tastes are known, so that what a recommender finds can be checked. */
#ifndef WEFT_TOOLS_MALL_H
#define WEFT_TOOLS_MALL_H

#include "schemas/event.h"

struct mall_settings {
    uint64_t seed;
    int64_t run; /* in the event ids, so that two runs on the same topics differ */
    uint32_t products;
    uint32_t visitors;
    double events_per_s;  /* in the mall's own time */
    int64_t start_ms;     /* of the mall's own time */
    double duplicates;    /* share of events that are sent twice, with the same event_id */
    double double_clicks; /* share of views that are followed by another of the same item at once */
    double bots;          /* share of visitors who view a product every second without end */
};

struct mall;

struct mall *mall_new(const struct mall_settings *settings);
void mall_free(struct mall *mall);

/* The catalogue, product by product; slices hold as long as the mall. */
uint32_t mall_product_count(const struct mall *mall);
void mall_product(const struct mall *mall, uint32_t index, struct event *ret_product);

/* What the mall says of a visitor: the gender that what they like most is for, and an age group.
 * False: it does not know them. Slices hold until the next call. */
bool mall_user(struct mall *mall, uint32_t visitor, struct event *ret_user);

/* What a visitor was made to like, and what a product has of it. */
struct mall_taste {
    bool brand, colour; /* is it of one of their three brands, their colour? */
    double price_off;   /* |ln(price / what they spend in its category)| */
    double discount;    /* of the product */
    double bargains;    /* how much discounts draw them, 0 to 1 */
};
struct mall_taste mall_taste(const struct mall *mall, uint32_t visitor, uint32_t product);

/* What happens next; slices hold until the next call. Events come in the order of their time, but
 * for repeats, which come with the time of the first. */
void mall_next(struct mall *mall, struct event *ret_event);

#endif
