/* Baselines for lists for carts: raw counts of items that were together, and popularity.
 * Thread: one. */
#ifndef WEFT_TOOLS_BACKTEST_BASELINES_H
#define WEFT_TOOLS_BACKTEST_BASELINES_H

#include "state/model.h"

struct counted_item;

struct baselines {
    struct model *ids; /* numbers the items; owned */
    struct counted_item *items;
    uint32_t capacity; /* all are zero beyond ids->item_count */
};

/* The caller owns the result and releases it. */
void baselines_init(struct baselines *baselines, const struct model_limits *limits);
void baselines_release(struct baselines *baselines);

/* The item's number, which is made if it is new; ITEM_NONE: there is no room. */
uint32_t baselines_number(struct baselines *baselines, struct bytes id);
/* Counts the item once: its popularity. */
void baselines_count(struct baselines *baselines, uint32_t item);
/* Counts that the two items were together, in both directions. */
void baselines_pair(struct baselines *baselines, uint32_t a, uint32_t b);

/* Whether `target` is among the `length` items that were together with the cart's items most often,
 * and among the `length` most popular ones. Among equal items the lower number is first. Items of
 * the cart are left out. */
void baselines_test(const struct baselines *baselines, const uint32_t *cart, uint32_t cart_count,
                    uint32_t target, uint32_t length, bool *ret_counts, bool *ret_popular);

#endif
