/* Lists of an item, for everybody: "like this one", "bought with this one". They follow from the
 * model, the catalogue and the merchandising rules alone; no visitor is known.
 *
 *   similar           products that share words with it: content_similarity_top() and its score. If
 *                     more than SIMILAR_MAX are equally similar, each process takes those with the
 *                     lower numbers of its catalogue
 *   nearest           cosine of the item vectors. Compared are the items within two steps of its
 *                     view rows (NEAREST_FIRST of each, then NEAREST_SECOND of theirs) and those
 *                     of `similar`: at most NEAREST_MAX, so that one item costs bounded work
 *   viewed_next       w / T: w is the weight of the pair in its forward row of views, T the row's
 *                     total (state/model.h)
 *   bought_together   (w + w') / (T + T') over the forward and backward rows of purchases, each
 *                     decayed to one time
 *   goes_with         the same sums over carts and purchases; items of its own category are out
 *
 * Ties go to the lesser item_id, before boosts and buries. The filters of lists/filters.h apply,
 * with the rules for the placement ITEM_LISTS_PLACEMENT and those for all placements; rules that
 * pin or repurchase do not count. Boosts and buries multiply and divide the score; a limit of
 * brands and a diversity count. A variant of the item itself is out, and of several variants the
 * best one stands for all.
 *
 * An item that only one visitor has had (model.probation) and that the catalogue does not know is
 * in no list and has none: it may be invented.
 *
 * Thread: one, which holds the read locks of model and catalogue from item_lists_make() on until it
 * has used the result. */
#ifndef WEFT_RANKINGS_ITEM_LISTS_H
#define WEFT_RANKINGS_ITEM_LISTS_H

#include "processors/recommend/lists/filters.h"
#include "schemas/item_lists.h"
#include "state/model.h"

#define ITEM_LISTS_PLACEMENT "items"
#define ITEM_CANDIDATES_MAX 160 /* of one list, before the filters */
#define NEAREST_FIRST 24
#define NEAREST_SECOND 12
#define NEAREST_MAX 700

struct item_lists_settings {
    bool on;
    uint32_t length; /* items of a list, 1 to ITEM_LIST_ITEMS_MAX */
};

/* All borrowed for the call. */
struct item_lists_inputs {
    const struct model *model;
    const struct catalogue *catalogue;
    const struct merchandising_rules *rules; /* NULL: none */
    const struct filter_settings *filters;
    uint32_t length;
    int64_t offset;        /* of the log, that the model is as of */
    uint64_t rules_digest; /* merchandising_rules_digest() */
};

/* Working memory of one thread. */
struct item_lists_maker;
struct item_lists_maker *item_lists_maker_new(void);
void item_lists_maker_free(struct item_lists_maker *maker); /* takes NULL */

/* Makes the lists of an item; NULL: it has none, since it is deleted, may be invented, or has no
 * evidence. The result belongs to the maker and points into model and catalogue. */
const struct item_lists *item_lists_make(struct item_lists_maker *maker,
                                         const struct item_lists_inputs *inputs,
                                         struct bytes item_id);

#endif
