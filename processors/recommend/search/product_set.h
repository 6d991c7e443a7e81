/* A set of products by their numbers: a list in order while it is small, a bit for each product
 * once the list would take as much room (Chambi, Lemire, Kaser, Godin 2016, "Better bitmap
 * performance with Roaring bitmaps", whose two sorts of containers these are, one of them a set).
 *
 * Zeroed it is empty. Threads: none of its own. */
#ifndef WEFT_SEARCH_PRODUCT_SET_H
#define WEFT_SEARCH_PRODUCT_SET_H

#include "schemas/bytes.h"

struct product_set {
    union {
        uint32_t *list; /* ascending */
        uint64_t *bits; /* 64 products a word */
    };
    uint32_t count;
    uint32_t capacity : 31; /* of the list; words of bits, of which all behind the last are zero */
    uint32_t dense : 1;     /* bits */
};

#define PRODUCT_SET_LIST_MIN 256 /* up to so many are a list anyhow */

/* What is there already, or is not there, is not put or taken again. */
void product_set_put(struct product_set *set, uint32_t product);
void product_set_take(struct product_set *set, uint32_t product);
void product_set_release(struct product_set *set);
size_t product_set_bytes(const struct product_set *set);

/* What is in any of them, in a new set. */
void product_set_unite(const struct product_set *const *sets, uint32_t count,
                       struct product_set *ret_set);

/* 64 products from 64 * word on. Dense sets only. */
static inline uint64_t product_set_word(const struct product_set *set, uint32_t word)
{
    return word < set->capacity ? set->bits[word] : 0;
}

/* Where in the list the first is that is not below `product`, from `from` on, all before which are
 * below: in steps that double, since who asks goes upwards. */
uint32_t product_set_seek(const struct product_set *set, uint32_t from, uint32_t product);

bool product_set_has(const struct product_set *set, uint32_t product);

#endif
