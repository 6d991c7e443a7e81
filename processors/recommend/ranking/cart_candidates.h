/* Candidates for a cart: the items of the basket walk (basket_walk.h), then those of styling
 * (styling.h), which take the places of the walk's last ones. Substitutes of an item in the cart
 * are no candidates (substitutes.h).
 *
 * Thread: one for one struct cart_finder; holds the read locks of the model and the catalogue. */
#ifndef WEFT_RANKING_CART_CANDIDATES_H
#define WEFT_RANKING_CART_CANDIDATES_H

#include "processors/recommend/candidates/basket_walk.h"
#include "processors/recommend/candidates/candidates.h"
#include "processors/recommend/candidates/styling.h"

/* The walk's items, the best first, then those of styling. An item may be ITEM_PRODUCT | product.
 */
struct cart_candidates {
    uint32_t count;
    struct top_item items[RANKED_MAX];
    struct basket_evidence evidence[RANKED_MAX]; /* zeros for those of styling */
};

/* `view->catalogue` may be NULL: then the walk alone finds, and nothing is known to be a
 * substitute. `styling` NULL: the walk alone finds. Afterwards the cart of `styling` is this one.
 */
void cart_find(struct basket_walk_memory *walk, struct styling *styling,
               const struct style_view *view, const struct basket *basket,
               struct cart_candidates *ret_candidates);

#endif
