#include "processors/recommend/lists/diversity.h"

#include "schemas/draw.h"

#define GROUP_NAME "item_group_id"

float diversity_alike(const struct catalogue *catalogue, uint32_t a, uint32_t b)
{
    const struct product *x = &catalogue->products[a], *y = &catalogue->products[b];
    float alike = 0;
    if (x->category != WORD_NONE)
        alike += .5f * (float)catalogue_shared_depth(catalogue, x->category, y->category) /
                 (float)catalogue->words.at[x->category].depth;
    if (x->brand != WORD_NONE && x->brand == y->brand)
        alike += .3f;
    struct words left = product_words(x, WORD_COLOUR), right = product_words(y, WORD_COLOUR);
    if (left.count > 0 && right.count > 0 && left.at[0] == right.at[0])
        alike += .2f;
    return alike;
}

uint32_t diversity_group_name(const struct catalogue *catalogue)
{
    return catalogue_word(catalogue, WORD_NAME, bytes_text(GROUP_NAME));
}

uint64_t diversity_variant(const struct catalogue *catalogue, uint32_t product, uint32_t group_name)
{
    const struct product *row = &catalogue->products[product];
    struct words words = product_words(row, WORD_ATTRIBUTE);
    for (uint32_t i = 0; i < words.count && group_name != WORD_NONE; i++)
        if (catalogue->words.at[words.at[i]].parent == group_name)
            return catalogue->words.at[words.at[i]].hash;
    if (row->title_size == 0) /* nothing tells it from others: it is its own only variant */
        return (uint64_t)product + 1;
    return bytes_hash(product_title(row)) ^ hash_join(0, row->brand);
}
