/* Substitutes: products that a visitor takes one or the other of. An item j is a substitute of i
 * where all of this holds:
 *
 *     - both have the same leaf category;
 *     - they share a brand, a colour, a tag or an attribute's value;
 *     - visitors view them in turn: their decayed pairs of views are at least SUBSTITUTE_VIEWED;
 *     - they are not taken together: their pairs of carts and orders are at most
 *       SUBSTITUTE_TOGETHER of those.
 *
 * That substitutes are viewed together, and complements bought together, is from McAuley, Pandey,
 * Leskovec 2015, "Inferring networks of substitutable and complementary products". */
#ifndef WEFT_CANDIDATES_SUBSTITUTES_H
#define WEFT_CANDIDATES_SUBSTITUTES_H

#include "processors/recommend/candidates/basket_walk.h"
#include "processors/recommend/candidates/styling.h"

#define SUBSTITUTE_VIEWED .5    /* pairs of views; neighbours in a session count 1 */
#define SUBSTITUTE_TOGETHER .25 /* pairs of carts and orders, by pairs of views */

/* Whether the item, or ITEM_PRODUCT | product, is a substitute of an item in the cart. Thread:
 * holds the read locks of the model and the catalogue. */
bool is_substitute(const struct style_view *view, const struct basket *basket, uint32_t item);

#endif
