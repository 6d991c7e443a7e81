/* Top-k selection by insertion: the k best of many items, for a k of at most some hundred.
 * Thread: any. */
#ifndef WEFT_SCHEMAS_TOP_K_H
#define WEFT_SCHEMAS_TOP_K_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct top_item {
    uint32_t item;
    float score;
    uint32_t cause; /* the item that gave most of the score, or ITEM_NONE */
};

/* The best of `count` items is first; of equal scores the item with the lower number. */
static inline bool top_before(struct top_item a, struct top_item b)
{
    return a.score > b.score || (!(a.score < b.score) && a.item < b.item);
}

/* Inserts `item` into the `count` best, which have room for `length`; the last falls out when they
 * are full. Returns how many there are now. */
static inline uint32_t top_keep(struct top_item *best, uint32_t count, uint32_t length,
                                struct top_item item)
{
    uint32_t at = count;
    while (at > 0 && top_before(item, best[at - 1]))
        at--;
    if (at == length)
        return count;
    count += count < length;
    memmove(best + at + 1, best + at, (count - at - 1) * sizeof item);
    best[at] = item;
    return count;
}

#endif
