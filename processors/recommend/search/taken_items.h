/* Taken items: what visitors view, put in the cart and buy, counted in the row of a text. A row is
 * a search's term, or a channel's name (state/queries.h).
 *
 * Units: a view counts 1, a cart TAKEN_CART, a purchase TAKEN_PURCHASE, with forward decay. */
#ifndef WEFT_SEARCH_TAKEN_ITEMS_H
#define WEFT_SEARCH_TAKEN_ITEMS_H

#include "state/model.h"

#define TAKEN_CART 3
#define TAKEN_PURCHASE 6

/* Counts the interaction's item in the row of `text`. Does nothing if the text is empty or the
 * interaction has no item. `queries` is one of the model's tables. Thread: writer of the model. */
void taken_items_add(struct model *model, struct queries *queries, struct bytes text,
                     int64_t half_life_ms, const struct interaction *interaction);

#endif
