#include "processors/recommend/candidates/item_products.h"

#include "schemas/array.h"

#include <stdlib.h>

#define CATCH_UP_MAX 256 /* products, and items, at a call */

void item_products_release(struct item_products *known)
{
    free(known->products);
    free(known->items);
}

static void forget(struct item_products *known)
{
    if (known->product_capacity > 0)
        memset(known->products, 0, known->product_capacity * sizeof *known->products);
    if (known->item_capacity > 0)
        memset(known->items, 0, known->item_capacity * sizeof *known->items);
    known->items_seen = known->products_seen = 0;
}

static void see_product(struct item_products *known, const struct model *model,
                        const struct catalogue *catalogue, uint32_t product)
{
    known->items[product] = model_find(model, product_id(&catalogue->products[product])) + 1;
}

static void see_item(struct item_products *known, const struct model *model,
                     const struct catalogue *catalogue, uint32_t item)
{
    uint32_t product = catalogue_find(catalogue, model->items[item].id);
    if (product != PRODUCT_NONE)
        known->items[product] = item + 1;
}

/* Looks up the numbers that went to other ids since the last call. Where too many did, all numbers
 * are looked up again, step by step. */
static void see_reused(struct item_products *known, const struct model *model,
                       const struct catalogue *catalogue)
{
    const struct reused_numbers *items = &model->reused, *products = &catalogue->reused;
    if (products->count - known->products_reused > REUSED_NUMBERS_MAX)
        known->products_seen = 0;
    else
        for (uint64_t i = known->products_reused; i < products->count; i++)
            see_product(known, model, catalogue, products->at[i % REUSED_NUMBERS_MAX]);
    if (items->count - known->items_reused > REUSED_NUMBERS_MAX)
        known->items_seen = 0;
    else
        for (uint64_t i = known->items_reused; i < items->count; i++)
            see_item(known, model, catalogue, items->at[i % REUSED_NUMBERS_MAX]);
    known->products_reused = products->count;
    known->items_reused = items->count;
}

void item_products_catch_up(struct item_products *known, const struct model *model,
                            const struct catalogue *catalogue)
{
    uint64_t numbering = model->renumbered + catalogue->renumbered;
    if (known->numbering != numbering)
        forget(known);
    known->numbering = numbering;
    ARRAY_RESERVE_ZERO(known->items, known->item_capacity, catalogue->product_count);
    see_reused(known, model, catalogue);
    for (int i = 0; i < CATCH_UP_MAX && known->products_seen < catalogue->product_count; i++)
        see_product(known, model, catalogue, known->products_seen++);
    for (int i = 0; i < CATCH_UP_MAX && known->items_seen < model->item_count; i++)
        see_item(known, model, catalogue, known->items_seen++);
}

uint32_t item_products_product(struct item_products *known, const struct model *model,
                               const struct catalogue *catalogue, uint32_t item)
{
    if (catalogue == NULL || catalogue->product_count == 0)
        return PRODUCT_NONE;
    if (item_is_product(item))
        return item & ~ITEM_PRODUCT;
    if (known == NULL)
        return catalogue_find(catalogue, model->items[item].id);
    ARRAY_RESERVE_ZERO(known->products, known->product_capacity, item + 1);
    if (known->products[item] == 0) /* the catalogue may have got the product since */
        known->products[item] = catalogue_find(catalogue, model->items[item].id) + 1u;
    return known->products[item] - 1u;
}

uint32_t item_products_item(const struct item_products *known, const struct model *model,
                            const struct catalogue *catalogue, uint32_t product)
{
    bool looked_up = known && product < known->products_seen;
    uint32_t item = looked_up ? known->items[product] : 0;
    if (item == 0 && (!looked_up || known->items_seen < model->item_count))
        item = model_find(model, product_id(&catalogue->products[product])) + 1;
    return item == 0 ? ITEM_PRODUCT | product : item - 1;
}
