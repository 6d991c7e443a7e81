/* From ordered items to the list that is shown: the filters, the shop's merchandising rules and
 * diversity. Filters on one item are in item_filters.c, the choice among what is left in filters.c.
 *
 * Out, whatever its score, is
 *   - the item of the page itself;
 *   - a product that the catalogue has as deleted or out of stock;
 *   - an item that the visitor bought and did not send back, for filter_settings.bought_ms or the
 *     time of the rule "repurchase" of its category;
 *   - an item that a rule excludes;
 *   - a second variant of a product, and more items of a brand than its limit (diversity.h);
 * and, each if it is switched on,
 *   - a product for adults (tag "adult", or attribute adult=true);
 *   - a product that costs less than price_min;
 *   - a product for other genders or age groups than the visitor's (audience.h);
 *   - an item that was in shown_max of the visitor's lists without an activity on it. An item
 *     counts as shown when it is among the first SHOWN_PLACES of a list that is written, or, with
 *     list.shown.from=impressions, each time that the shop says so;
 *   - what the placement's own filters remove (placements.h).
 * Items that the catalogue does not know pass all filters on products.
 *
 * A pinned item comes at its place unless it is out; the limit of its brand does not count. The
 * others come by score, or by diversity (diversity.h). A rule boosts or buries by adding or taking
 * ln(by): scores are the ranker's logits, so this multiplies the odds. */
#ifndef WEFT_LISTS_FILTERS_H
#define WEFT_LISTS_FILTERS_H

#include "processors/recommend/lists/item_filters.h"

#define FILTER_WINDOW_MAX 128 /* candidates that diversity chooses from */
#define FILTER_PINS_MAX 20    /* in one list; further ones are left out */
#define SHOWN_PLACES 10

/* Working memory of one thread. Owned by the caller. */
struct filters;
struct filters *filters_new(void);
void filters_free(struct filters *filters);

/* `items` are in order, the best first, with room for FILTER_PINS_MAX more. Pinned items that are
 * not among them are added and raise `*count` (ORIGIN_PIN). Puts the items that are shown first, in
 * their order, and the others behind, each with what removed it. Returns how many are shown, at
 * most `length`. Thread: the owner's of `filters`; holds the catalogue's read lock. */
uint32_t filters_apply(struct filters *filters, const struct filter_query *query,
                       struct filter_item *items, uint32_t *count, uint32_t length);

#endif
