/* Styling: which attributes of products go together in carts and orders. It proposes products whose
 * attributes go with those of the cart, also products that nobody has put in a cart yet.
 *
 * Attributes pair within their group: category with category, brand with brand, colour with colour,
 * tag with tag, and the values of one attribute name with each other (material, pattern, cut). With
 * w(i, j) the decayed pairs of items i and j in carts and in orders (state/model.h):
 *
 *     n(a, b) = sum of w(i, j) over items i with a and j with b
 *     n(a)    = sum of n(a, b) over b;  N = sum of n(a) over the group
 *     lift(a, b)  = ln((n(a, b) + STYLE_SHRINK) / (n(a) n(b) / N + STYLE_SHRINK))
 *     share(a, b) = n(a, b) / (n(a) + STYLE_SHRINK)
 *
 * The lift is the pointwise mutual information (Church, Hanks 1990, "Word association norms, mutual
 * information, and lexicography"), drawn towards 0 where counts are few. To learn what goes with
 * what from co-purchases of attributes is the idea of McAuley, Targett, Shi, van den Hengel 2015,
 * "Image-based recommendations on styles and substitutes".
 *
 * The counts follow from the model's rows and the catalogue, and are stored nowhere. Each call of
 * styling_catch_up() reads some more items, in turn:
 *
 *     items of the model   [ 0 ][ 1 ] ... [ cursor ] ...       one pass --> the counts that serve
 *
 * A pass is quick at first, so that a process that has just started soon has its counts; later a
 * pass costs little, and the counts are as old as two passes. They are a function of the calls of
 * the thread, the model and the catalogue.
 *
 * Thread: one. Each call holds the read locks of the model and the catalogue. */
#ifndef WEFT_CANDIDATES_STYLING_H
#define WEFT_CANDIDATES_STYLING_H

#include "processors/recommend/candidates/item_products.h"
#include "schemas/top_k.h"

#define STYLE_SHRINK 3.0f     /* pairs */
#define STYLE_SEEDS_MAX 8     /* items of the cart, those that were put in last */
#define STYLE_WORDS_MAX 16    /* of a product */
#define STYLE_WORD_PRODUCTS 4 /* a word of fewer products pairs with none */
#define STYLE_ENTRIES 40      /* of a row */
#define STYLE_WORK 128        /* of a call: an entry costs 4, an item 1 */
#define STYLE_WORK_FIRST 8192 /* the same until the first pass is done */
#define STYLE_PASS_CALLS 256  /* calls from the begin of a pass to the next, at least */
#define STYLE_CATEGORIES 5    /* from which products are proposed */
#define STYLE_SCAN 256        /* products that are looked at in each */
#define STYLE_PROPOSED 48

/* How a product goes with the cart: means over its items of the lifts by group, in sums over the
 * product's words. 0: nothing is known. */
struct style_fit {
    float category, share; /* share: that of the category */
    float brand, colour;
    float attributes; /* with tags */
};

struct styling;
struct styling *styling_new(void);
void styling_free(struct styling *styling);

/* The tables that all calls for one struct styling read. */
struct style_view {
    const struct model *model;
    const struct catalogue *catalogue;
    struct item_products *known; /* caught up (item_products.h) */
};

/* Reads some more items. */
void styling_catch_up(struct styling *styling, const struct style_view *view);

/* The cart for the calls below. */
void styling_set_cart(struct styling *styling, const struct style_view *view, const uint32_t *cart,
                      uint32_t count);

/* How the item, or ITEM_PRODUCT | product, goes with the cart. */
struct style_fit styling_fit(struct styling *styling, const struct style_view *view, uint32_t item);

/* Products that go with the cart: from the STYLE_CATEGORIES categories with the highest shares
 * among those of the items of `found`, the ones with the highest lifts; equal ones by item. The
 * cause is the item of the cart that fits best. No product that is out of stock, in the cart or
 * among `found`. `ret_items` has room for STYLE_PROPOSED. Returns how many. */
uint32_t styling_propose(struct styling *styling, const struct style_view *view,
                         const struct top_item *found, uint32_t found_count,
                         struct top_item *ret_items);

#endif
