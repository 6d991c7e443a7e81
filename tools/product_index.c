#include "tools/product_index.h"

#include <math.h>

static struct bytes word_text(const struct catalogue *catalogue, uint32_t word, struct arena *arena)
{
    return arena_copy(arena,
                      bytes_of(catalogue->words.at[word].text, catalogue->words.at[word].size));
}

enum catalogue_change product_index_put(struct catalogue *catalogue, struct event *product,
                                        struct arena *arena)
{
    uint32_t index = catalogue_find(catalogue, product->item_id);
    if (index == PRODUCT_NONE)
        return catalogue_put(catalogue, product);
    const struct product *known = &catalogue->products[index];
    if (isnan(product->price))
        product->price = (double)known->price;
    if (product->title.size == 0)
        product->title = arena_copy(arena, product_title(known));
    if (product->item_brand.size == 0 && known->brand != WORD_NONE)
        product->item_brand = word_text(catalogue, known->brand, arena);
    if (product->categories.count == 0 && known->category != WORD_NONE) {
        struct bytes *path = arena_get(arena, sizeof *path);
        *path = word_text(catalogue, known->category, arena);
        product->categories = (struct event_strings){.at = path, .count = 1};
    }
    return catalogue_put(catalogue, product);
}
