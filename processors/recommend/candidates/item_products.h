/* Items and products: which product of the catalogue an item of the model is, and the other way
 * round. Both tables know it by the same item_id; the answers are remembered here.
 *
 *     item      a number of the model: an item_id that somebody viewed, put in a cart or bought
 *     product   a number of the catalogue
 *
 * A list may hold products that nobody has clicked on yet. They have no item of the model; they
 * stand as ITEM_PRODUCT | product where an item is expected.
 *
 * Both tables give numbers to others after a while, and count in `renumbered` when they may.
 * item_products_catch_up() forgets all answers then.
 *
 * Thread: one. All calls for one struct item_products are with the same model and catalogue, under
 * their read locks, item_products_catch_up() before the others. */
#ifndef WEFT_CANDIDATES_ITEM_PRODUCTS_H
#define WEFT_CANDIDATES_ITEM_PRODUCTS_H

#include "state/catalogue.h"
#include "state/model.h"

#define ITEM_PRODUCT 0x80000000u

static inline bool item_is_product(uint32_t item)
{
    return (item & ITEM_PRODUCT) && item != ITEM_NONE;
}

/* Zero-initialised it is empty. Owns its arrays. */
struct item_products {
    uint32_t *products; /* by item, product + 1; 0: not looked up, or not found when it was */
    uint32_t product_capacity;
    uint32_t *items; /* by product, item + 1; 0: none of the items that were looked up */
    uint32_t item_capacity;
    uint32_t items_seen, products_seen;     /* the numbers below are looked up in `items` */
    uint64_t items_reused, products_reused; /* the tables' counts of reused numbers, up to here */
    uint64_t numbering;                     /* the sum of their `renumbered` */
};
void item_products_release(struct item_products *known);

/* Looks up some of the items and products that are new since the last call: below 100 us. */
void item_products_catch_up(struct item_products *known, const struct model *model,
                            const struct catalogue *catalogue);

/* The product of an item, or of ITEM_PRODUCT | product. PRODUCT_NONE: the catalogue has none.
 * `known` may be NULL: then nothing is remembered. */
uint32_t item_products_product(struct item_products *known, const struct model *model,
                               const struct catalogue *catalogue, uint32_t item);

/* The item of a product, or ITEM_PRODUCT | product where the model has none. `known` as above. */
uint32_t item_products_item(const struct item_products *known, const struct model *model,
                            const struct catalogue *catalogue, uint32_t product);

/* The item_id of an item, or of ITEM_PRODUCT | product; points into the model or the catalogue. */
static inline struct bytes item_products_id(const struct model *model,
                                            const struct catalogue *catalogue, uint32_t item)
{
    return item_is_product(item) ? product_id(&catalogue->products[item & ~ITEM_PRODUCT])
                                 : model->items[item].id;
}

#endif
