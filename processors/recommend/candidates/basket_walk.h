/* Basket walk: proposes what goes into the cart next. It goes one step over the co-occurrence
 * counts of carts and purchases, from all items of the cart and of earlier orders at once. The
 * counts are divided by how many pairs both items have: the cosine of item-based collaborative
 * filtering (Deshpande, Karypis 2004, "Item-based top-N recommendation algorithms"; the same
 * symmetric normalisation as in He et al. 2020, "LightGCN"). So items that go with everything count
 * little.
 *
 *   w(i, j), W(i)   pairs of i with j, and all pairs of i: both directions, decayed (state/model.h)
 *   step(i, j) = sum over carts and purchases of
 *                share * w(i, j) / sqrt((W(i) + BASKET_SHRINK) (W(j) + BASKET_SHRINK))
 *   doubt = mean over the cart of BASKET_DOUBT / (W(i) + BASKET_DOUBT); 1 without a cart
 *   score(j) = sum over seeds i of r(i) step(i, j) + BASKET_OWN own(j)
 *              + (BASKET_POPULAR_LEAST + BASKET_POPULAR doubt^2) popular(j)
 *
 * The seeds are the cart's items, with r that sum to 1, and the items bought before, with r that
 * sum to BASKET_HISTORY; the k-th newest, k from 0, has a part of 1 / (BASKET_HISTORY_FADE + k).
 * own(j) is j's part of all these, times the square of how often j is among them: what was bought
 * twice is bought again. popular(j) is j's share of the popular items, each counted as
 * sqrt(recent count * whole count): it stands in for rows that are too young. Items of the cart
 * are not proposed. */
#ifndef WEFT_CANDIDATES_BASKET_WALK_H
#define WEFT_CANDIDATES_BASKET_WALK_H

#include "schemas/top_k.h"
#include "state/catalogue.h"
#include "state/model.h"
#include "state/visitor.h"

#define BASKET_SEEDS_MAX 64    /* of the cart, and of the history */
#define BASKET_ENTRIES_MAX 100 /* of a row */
#define BASKET_SHRINK 50.0     /* pairs */
#define BASKET_DOUBT 60.0      /* pairs */
#define BASKET_HISTORY .1f
#define BASKET_HISTORY_FADE 5.0f
#define BASKET_OWN .3f
#define BASKET_POPULAR_LEAST .01f
#define BASKET_POPULAR 1.0f

struct basket {
    uint32_t cart[BASKET_SEEDS_MAX]; /* items of the model, each once */
    uint32_t cart_count;
    uint32_t history[BASKET_SEEDS_MAX]; /* bought before, newest first, with repeats */
    uint32_t history_count;
};

/* The cart as the visitor sees it: put in, and not yet taken out, bought or cleared; and the items
 * that the visitor bought before. Only items that the model knows. Thread: holds its read lock. */
void basket_of(const struct model *model, const struct visitor *visitor, struct basket *ret_basket);

/* Working memory, reused from walk to walk: at most some MB. Thread: one at a time. */
struct basket_walk_memory *basket_walk_memory_new(void);
void basket_walk_memory_free(struct basket_walk_memory *memory);

/* The best `length` items, of equal scores the lower number first. The cause is the seed that gave
 * most; ITEM_NONE: the item is only popular. Returns how many. Thread: holds the model's read lock.
 */
uint32_t basket_top(struct basket_walk_memory *memory, const struct model *model,
                    const struct basket *basket, uint32_t length, struct top_item *ret_items);

#endif
