/* The mall: a simulated fashion shop. Its products have readable titles; its visitors have tastes;
 * they view, search, put in the cart and buy. The same seed and settings give the same events, byte
 * by byte. The tastes are known, so what a recommender finds can be checked against them.
 *
 * Complements. The first product of a cart is the one that the visitor viewed last. With the
 * probability `complements`, each further product completes the cart:
 *
 *     other      one product of the cart, drawn
 *     category   one that goes with the other's, and is not in the cart yet; drawn
 *     product    of COMPLEMENTS_SEEN products of the category, mostly popular ones, the one with
 *                the highest sum of: 4 times the share of the cart whose colour its colour goes
 *                with; 3 times the same share by style; its appeal to the visitor; noise
 *
 * Otherwise it is the product viewed last. If that has the category of a product in the cart, it
 * is a substitute, and the cart takes a complement in any case. The tables of categories, colours
 * and styles are in mall_stock.h. The draws are a sequence of their own, so `complements` changes
 * no view, no search and no time. Thread: one. */
#ifndef WEFT_TOOLS_MALL_H
#define WEFT_TOOLS_MALL_H

#include "schemas/event.h"

struct mall_settings {
    uint64_t seed;
    int64_t run; /* part of the event ids, so that two runs on the same topics differ */
    uint32_t products;
    uint32_t visitors;
    double events_per_s;  /* by the mall's clock */
    int64_t start_ms;     /* when the mall's clock starts */
    double duplicates;    /* share of events that are sent twice, with the same event_id */
    double double_clicks; /* share of views that another view of the same item follows at once */
    double bots;          /* share of visitors that view a product every second without end */
    double complements;   /* share of a cart's further products that complete it; 0: none does */
};

struct mall;

struct mall *mall_new(const struct mall_settings *settings);
void mall_free(struct mall *mall);

/* The catalogue, product by product; slices hold as long as the mall. */
uint32_t mall_product_count(const struct mall *mall);
void mall_product(const struct mall *mall, uint32_t index, struct event *ret_product);

/* The mall's record of a user: an age group, and the gender that their favourite category is for.
 * False: the visitor is not known as a user. Slices hold until the next call. */
bool mall_user(struct mall *mall, uint32_t visitor, struct event *ret_user);

#define COMPLEMENTS_SEEN 40
#define MALL_COMPLEMENTS .7 /* the default of `complements` */

/* How a product fits a visitor's tastes. */
struct mall_taste {
    bool brand, colour; /* is it one of the visitor's three brands, is it their colour? */
    double price_off;   /* |ln(price / the visitor's usual price in its category)| */
    double discount;    /* the product's, 0 to 1 */
    double bargains;    /* how much discounts attract the visitor, 0 to 1 */
};
struct mall_taste mall_taste(const struct mall *mall, uint32_t visitor, uint32_t product);

/* The next event; slices hold until the next call. Events come in the order of their time; only
 * repeats come later, with the time of the first. */
void mall_next(struct mall *mall, struct event *ret_event);

#endif
