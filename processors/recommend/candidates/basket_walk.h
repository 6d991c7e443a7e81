/* Basket walk: the items that go into the cart next. A personalised random walk over the pairs of
 * carts and purchases, from all items of the cart at once, two steps far, in its push form
 * (Andersen, Chung, Lang 2006, "Local graph partitioning using PageRank vectors").
 *
 *   step(i, j) = sum over carts and purchases, both directions, of share * w(i, j) / total(i)
 *   trust(i) = n / (n + BASKET_TRUST), n purchases of i
 *   one(j) = sum over seeds i of r(i) trust(i) step(i, j)
 *   two(j) = sum over the BASKET_FRONTIER_MAX heaviest k of one(k) step(k, j)
 *   score(j) = one(j) + BASKET_HOP two(j) + BASKET_OWN own(j)
 *              + (BASKET_POPULAR + sum over the cart's r(i) (1 - trust(i))) popular(j)
 *
 * Seeds are the cart's items, whose r add up to 1, and the visitor's earlier purchases, whose r add
 * up to BASKET_HISTORY, the k-th newest in proportion to 1 / k. own(j) is j's part of these 1 / k.
 * popular(j) is j's share of the popular items' recent counts: it decides where rows have seen few
 * purchases. Items of the cart are not proposed. */
#ifndef WEFT_CANDIDATES_BASKET_WALK_H
#define WEFT_CANDIDATES_BASKET_WALK_H

#include "schemas/top_k.h"
#include "state/catalogue.h"
#include "state/model.h"
#include "state/visitor.h"

#define BASKET_SEEDS_MAX 64    /* of the cart; and of the history */
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

/* The visitor's cart: items put in, and not taken out, bought or cleared since. The history: items
 * bought before. Thread: holds the model's read lock. */
void basket_of(const struct model *model, const struct visitor *visitor, struct basket *ret_basket);

/* Working memory that walks share: some MB at most. The caller owns it. Thread: one at a time. */
struct basket_walk_memory *basket_walk_memory_new(void);
void basket_walk_memory_free(struct basket_walk_memory *room);

/* The best `length` items, ties by their number; their cause is the seed that gave most. Returns
 * how many. Thread: holds the model's read lock. */
uint32_t basket_top(struct basket_walk_memory *room, const struct model *model,
                    const struct basket *basket, uint32_t length, struct top_item *ret_items);

#endif
