/* Reasons: why an item stands in a list, as readers of the list see it ("viewed_next",
 * "bought_together", ...), and its cause, the item of the visitor's history that brought it in.
 *
 * A ranked candidate has the reason of the generator that weighs most in the placement; any other
 * item has the reason of its origin (filters.h). An item that goes with a basket has the reason of
 * its pair with the cause: bought together, or put in carts together. Without such a pair its
 * attributes go with those of the cause (candidates/styling.h).
 *
 * An item is never its own cause: then the visitor has viewed or bought it before, and no cause is
 * named. */
#ifndef WEFT_LISTS_REASONS_H
#define WEFT_LISTS_REASONS_H

#include "processors/recommend/lists/filter_item.h"
#include "processors/recommend/lists/placements.h"
#include "processors/recommend/ranking/rank.h"
#include "schemas/recommendation.h"

/* The item as it is written to the list, with score, reason and cause. Ids point into the model and
 * the catalogue. `ranked` is the ranking that the item's candidate belongs to. Thread: holds the
 * read locks of the model and the catalogue. */
struct list_item reasons_explain(const struct ranked_candidates *ranked,
                                 const struct placement *placement, const struct filter_item *item);

#endif
