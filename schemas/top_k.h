/* The best of many items, kept while they come by: for lists of at most some hundred. Thread: any.
 */
#ifndef WEFT_SCHEMAS_TOP_K_H
#define WEFT_SCHEMAS_TOP_K_H

#include <stdint.h>
#include <string.h>

struct top_item {
    uint32_t item;
    float score;
    uint32_t cause; /* what gave most of the score, or ITEM_NONE */
};

/* Puts the item at its place among the `count` best, the highest score first, ties by the lower
 * number; `best` has room for `length`, and the last falls off. Returns how many there are now. */
static inline uint32_t top_keep(struct top_item *best, uint32_t count, uint32_t length,
                                struct top_item item)
{
    uint32_t at = count;
    while (at > 0 && (best[at - 1].score < item.score ||
                      (!(best[at - 1].score > item.score) && best[at - 1].item > item.item)))
        at--;
    if (at == length)
        return count;
    count += count < length;
    memmove(best + at + 1, best + at, (count - at - 1) * sizeof item);
    best[at] = item;
    return count;
}

#endif
