#include "processors/recommend/candidates/substitutes.h"

static double pairs_in(const struct model *model, const struct row *row, uint32_t item)
{
    struct decay now = decay_at(model->latest_ms, model->limits.pair_half_life_ms);
    for (uint32_t i = 0; i < row->count; i++)
        if (row->entries[i].item == item)
            return decay_events(row->entries[i].weight, row->base, now) / PAIR_UNITS;
    return 0;
}

/* Pairs of the two in both orders. A row may have lost an entry that the other item's has. */
static double pairs_of(const struct model *model, uint32_t a, uint32_t b, enum pair_kind kind)
{
    double sum = 0;
    for (int direction = 0; direction < PAIR_DIRECTIONS; direction++) {
        double own = pairs_in(model, &model->items[a].rows[kind][direction], b);
        double other = pairs_in(model, &model->items[b].rows[kind][!direction], a);
        sum += own > other ? own : other;
    }
    return sum;
}

static bool share_word(const struct product *a, const struct product *b, enum word_kind kind)
{
    struct words x = product_words(a, kind), y = product_words(b, kind);
    for (uint32_t i = 0; i < x.count; i++)
        for (uint32_t k = 0; k < y.count; k++)
            if (x.at[i] == y.at[k])
                return true;
    return false;
}

static bool are_alike(const struct product *a, const struct product *b)
{
    return a->category == b->category &&
           (share_word(a, b, WORD_BRAND) || share_word(a, b, WORD_COLOUR) ||
            share_word(a, b, WORD_TAG) || share_word(a, b, WORD_ATTRIBUTE));
}

static const struct product *product_at(const struct style_view *view, uint32_t item)
{
    uint32_t number = item_products_product(view->known, view->model, view->catalogue, item);
    return number == PRODUCT_NONE ? NULL : &view->catalogue->products[number];
}

bool is_substitute(const struct style_view *view, const struct basket *basket, uint32_t item)
{
    const struct product *product = product_at(view, item);
    if (item_is_product(item) || product == NULL || product->category == WORD_NONE)
        return false; /* nobody has viewed it, or nothing is known of it */
    for (uint32_t i = 0; i < basket->cart_count; i++) {
        uint32_t other = basket->cart[i];
        const struct product *in_cart = product_at(view, other);
        if (in_cart == NULL || !are_alike(product, in_cart))
            continue;
        double viewed = pairs_of(view->model, item, other, PAIR_VIEW);
        double together = pairs_of(view->model, item, other, PAIR_CART) +
                          pairs_of(view->model, item, other, PAIR_PURCHASE);
        if (viewed >= SUBSTITUTE_VIEWED && together <= SUBSTITUTE_TOGETHER * viewed)
            return true;
    }
    return false;
}
