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
    uint32_t history[BASKET_SEEDS_MAX];   /* bought before, newest first, with repeats */
    int64_t history_ms[BASKET_SEEDS_MAX]; /* when */
    uint32_t history_count;
    int64_t time_ms; /* of the visitor's newest activity */
};

/* Why the walk proposed an item; parts are without the seeds' weights r, as sums over the seeds. */
struct basket_evidence {
    float cart[PAIR_KINDS]; /* sum of r(i) step(i, j) over the cart, by kind, without its share */
    float history;          /* the same over the items bought before, with the shares */
    float times, own;       /* how often it was bought before; its part of the history */
    int64_t newest_ms, oldest_ms; /* when, if times > 0 */
    float popular;                /* popular(j) */
};

/* The cart as the visitor sees it: put in, and not yet taken out, bought or cleared; and the items
 * that the visitor bought before. Only items that the model knows. Thread: holds its read lock. */
void basket_of(const struct model *model, const struct visitor *visitor, struct basket *ret_basket);

/* The basket before a line of an order: the order's lines before it are the cart, and the orders
 * before that are the history. `order_ms`: the order's time. The caller adds lines of the same
 * event by basket_put(). Thread: as above. */
void basket_of_order(const struct model *model, const struct visitor *visitor, int64_t order_ms,
                     struct basket *ret_basket);
/* Puts an item into the cart, if there is room and it is not there yet. */
void basket_put(struct basket *basket, uint32_t item);
bool basket_has(const struct basket *basket, uint32_t item);

/* Working memory, reused from walk to walk: at most some MB. Thread: one at a time. */
struct basket_walk_memory *basket_walk_memory_new(void);
void basket_walk_memory_free(struct basket_walk_memory *memory);

/* doubt in the formula above. */
float basket_doubt(const struct model *model, const struct basket *basket);

/* The best `length` items, of equal scores the lower number first. The cause is the seed that gave
 * most; ITEM_NONE: the item is only popular. `ret_evidence`: of each; NULL: not asked. Returns how
 * many. Thread: holds the model's read lock.
 */
uint32_t basket_top(struct basket_walk_memory *memory, const struct model *model,
                    const struct basket *basket, uint32_t length, struct top_item *ret_items,
                    struct basket_evidence *ret_evidence);

#endif
