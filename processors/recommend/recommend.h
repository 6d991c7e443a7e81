/* From a visitor to the lists: candidates, their score, and the best of them for each placement.
 *
 * The score of a candidate is the sum of what the generators give it. Its reason is the generator
 * that gave most; its cause the item of the visitor's history that weighed most there. */
#ifndef WEFT_RECOMMEND_RECOMMEND_H
#define WEFT_RECOMMEND_RECOMMEND_H

#include "processors/recommend/candidates.h"
#include "schemas/recommendation.h"

enum placement {
    PLACEMENT_HOME,    /* always */
    PLACEMENT_PRODUCT, /* once an item was viewed; its context is the item viewed last */
    PLACEMENTS,
};

/* Working memory for one thread. */
struct recommender;
struct recommender *recommender_new(void);
void recommender_free(struct recommender *recommender);

/* Makes the visitor's lists, each of at most `length` (<= LIST_ITEMS_MAX) distinct items that the
 * model knows, home first; before the model knows anything they are empty. Returns how many were made. Item ids point into the model
 * and hold while it is locked; the arrays are the arena's. `ret_look_again`: the model is too young
 * for this visitor: it did not fill a list, or does not know an item of the visitor's yet.
 * `catalogue` may be NULL. Thread: holds the model's read lock, then the catalogue's. */
uint32_t recommend_lists(struct recommender *recommender, struct model *model,
                         const struct catalogue *catalogue, const struct visitor *visitor, uint32_t length, struct arena *arena,
                         struct list *ret_lists, bool *ret_look_again);

struct ranked_item {
    uint32_t item; /* or ITEM_PRODUCT | product */
    float score;
};

/* The plain prediction of the next item, repeats with it and nothing filtered: what backtests
 * measure. Returns how many of `length` were found, best first. */
uint32_t recommend_next(struct recommender *recommender, struct model *model,
                        const struct catalogue *catalogue, const struct visitor *visitor, uint32_t length,
                        struct ranked_item *ret_items);

#endif
