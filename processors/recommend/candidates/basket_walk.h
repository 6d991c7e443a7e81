/* Basket walk: proposes what goes into the cart next. It is a personalised random walk over the
 * co-occurrence counts of carts and purchases, from all items of the cart at once, in its push form
 * (Andersen, Chung, Lang 2006, "Local graph partitioning using PageRank vectors"), two steps far.
 *
 *   step(i, j) = sum over carts and purchases, both directions, of share * w(i, j) / total(i)
 *   trust(i) = n / (n + BASKET_TRUST), n purchases of i
 *   one(j) = sum over seeds i of r(i) trust(i) step(i, j)
 *   two(j) = sum over the BASKET_FRONTIER_MAX heaviest k of one(k) step(k, j)
 *   score(j) = one(j) + BASKET_HOP two(j) + BASKET_OWN own(j)
 *              + (BASKET_POPULAR + sum over the cart's r(i) (1 - trust(i))) popular(j)
 *
 * The seeds are the cart's items, with r that sum to 1, and the items bought before, with r that
 * sum to BASKET_HISTORY; the k-th newest has a part of 1 / k. own(j) is j's part of that.
 * popular(j) is j's share of the popular items' recent counts: it stands in for rows that are too
 * young. Items of the cart are not proposed. */
#ifndef WEFT_CANDIDATES_BASKET_WALK_H
#define WEFT_CANDIDATES_BASKET_WALK_H

#include "schemas/top_k.h"
#include "state/catalogue.h"
#include "state/model.h"
#include "state/visitor.h"

#define BASKET_SEEDS_MAX 64    /* of the cart, and of the history */
#define BASKET_ENTRIES_MAX 100 /* of a row */
#define BASKET_FRONTIER_MAX 32
#define BASKET_HOP .3f
#define BASKET_HISTORY .3f
#define BASKET_OWN 1.0f
#define BASKET_TRUST 100.0f
#define BASKET_POPULAR .1f

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
