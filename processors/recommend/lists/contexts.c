#include "processors/recommend/lists/contexts.h"

#include "state/visitor_history.h"

/* The items that a basket walk starts from: the cart, one item, or earlier purchases. */
static void find_basket(const struct placement *placement, const struct visitor *visitor,
                        const struct model *model, struct basket *ret_basket)
{
    ret_basket->cart_count = ret_basket->history_count = 0;
    if (placement->source != SOURCE_WALK && placement->context != CONTEXT_CART)
        return;
    if (placement->context == CONTEXT_ITEM || placement->context == CONTEXT_CATEGORY) {
        ret_basket->cart[0] = model_find(model, visitor_history_last_viewed(visitor));
        ret_basket->cart_count = ret_basket->cart[0] != ITEM_NONE;
        return;
    }
    basket_of(model, visitor, ret_basket);
    if (placement->context == CONTEXT_VISITOR)
        ret_basket->cart_count = 0;
}

/* The item that came last: into the cart, or into view. Absent: none did. */
static struct bytes find_item(const struct placement *placement, const struct visitor *visitor,
                              const struct model *model, const struct basket *basket)
{
    if (placement->context != CONTEXT_CART)
        return visitor_history_last_viewed(visitor);
    return basket->cart_count ? model->items[basket->cart[basket->cart_count - 1]].id
                              : bytes_of(NULL, 0);
}

static uint32_t find_category(const struct catalogue *catalogue, struct bytes item_id)
{
    if (item_id.at == NULL || catalogue == NULL || catalogue->product_count == 0)
        return WORD_NONE;
    uint32_t product = catalogue_find(catalogue, item_id);
    return product == PRODUCT_NONE ? WORD_NONE : catalogue->products[product].category;
}

static struct bytes find_search(const struct placement *placement, const struct visitor *visitor,
                                int64_t gap_ms)
{
    const struct activity *search =
        visitor_history_newest(visitor, 1u << KIND_SEARCH, placement->within, gap_ms);
    return search ? activity_subject(visitor, search) : bytes_of(NULL, 0);
}

/* Names of the context that the list carries. False: one that the placement needs is missing. */
static bool name_context(const struct placement *placement, const struct catalogue *catalogue,
                         struct bytes item_id, struct list_context *context)
{
    bool needs_category =
        placement->context == CONTEXT_CATEGORY || (placement->filters & FILTER_SAME_CATEGORY);
    switch (placement->context) {
    case CONTEXT_TERM:
        return context->search_term.size > 0;
    case CONTEXT_ITEM:
        context->item_id = item_id;
        break;
    case CONTEXT_CATEGORY:
        if (context->category != WORD_NONE)
            context->category_name = bytes_of(catalogue->words.at[context->category].text,
                                              catalogue->words.at[context->category].size);
        break;
    default:
        break;
    }
    return context->category != WORD_NONE || !needs_category;
}

bool context_find(const struct placement *placement, const struct visitor *visitor,
                  const struct model *model, const struct catalogue *catalogue, int64_t gap_ms,
                  struct list_context *ret_context)
{
    struct list_context *context = ret_context;
    context->item_id = context->category_name = context->search_term = bytes_of(NULL, 0);
    context->focus = ITEM_NONE;
    context->category = WORD_NONE;
    if (placement->kinds &&
        visitor_history_newest(visitor, placement->kinds, placement->within, gap_ms) == NULL)
        return false;
    find_basket(placement, visitor, model, &context->basket);
    if (placement->source == SOURCE_WALK &&
        context->basket.cart_count + context->basket.history_count == 0)
        return false;
    if (placement->context == CONTEXT_VISITOR)
        return true;
    if (placement->context == CONTEXT_TERM)
        context->search_term = find_search(placement, visitor, gap_ms);
    struct bytes item_id = find_item(placement, visitor, model, &context->basket);
    if (item_id.at == NULL && placement->context != CONTEXT_TERM)
        return false;
    context->focus = item_id.at ? model_find(model, item_id) : ITEM_NONE;
    context->category = find_category(catalogue, item_id);
    return name_context(placement, catalogue, item_id, context);
}
