#include "processors/recommend/candidates/item_products.h"

#include "schemas/array.h"

#include <stdlib.h>

#define CATCH_UP_MAX 256 /* products, and items, at a call */

void item_products_release(struct item_products *known)
{
    free(known->products);
    free(known->items);
}

void item_products_catch_up(struct item_products *known, const struct model *model,
                            const struct catalogue *catalogue)
{
    ARRAY_RESERVE_ZERO(known->items, known->item_capacity, catalogue->product_count);
    for (int i = 0; i < CATCH_UP_MAX && known->products_seen < catalogue->product_count; i++) {
        uint32_t product = known->products_seen++;
        known->items[product] = model_find(model, product_id(&catalogue->products[product])) + 1;
    }
    for (int i = 0; i < CATCH_UP_MAX && known->items_seen < model->item_count; i++) {
        uint32_t item = known->items_seen++;
        uint32_t product = catalogue_find(catalogue, model->items[item].id);
        if (product != PRODUCT_NONE)
            known->items[product] = item + 1;
    }
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
