/* A set of products by their numbers, in one of two forms:
 *
 *     list    3  17  64  900                        ascending, while the set is small
 *     bits    word 0: 1000000000000000010010...     a bit for each product, once that takes no more
 *             word 1: 100000...                     memory than the list
 *
 * These are the containers of Roaring bitmaps (Chambi, Lemire, Kaser, Godin 2016, "Better bitmap
 * performance with Roaring bitmaps"); here a set is a single one. Zero-initialised it is empty.
 *
 * Thread: a reader may run beside other readers; a writer runs alone. */
#ifndef WEFT_SEARCH_PRODUCT_SET_H
#define WEFT_SEARCH_PRODUCT_SET_H

#include "schemas/bytes.h"

struct product_set {
    union {
        uint32_t *list; /* ascending */
        uint64_t *bits; /* 64 products a word */
    };
    uint32_t count;
    uint32_t capacity : 31; /* of the list, or words of bits */
    uint32_t dense : 1;     /* the form is bits */
};

#define PRODUCT_SET_LIST_MIN 256 /* a set of so many is a list in any case */

/* Puts a product in, or takes it out; does nothing if it is there already, or not there. */
void product_set_put(struct product_set *set, uint32_t product);
void product_set_take(struct product_set *set, uint32_t product);
void product_set_release(struct product_set *set);
size_t product_set_bytes(const struct product_set *set);

/* The union, in a new set, which the caller releases. `count` is at least 1. */
void product_set_unite(const struct product_set *const *sets, uint32_t count,
                       struct product_set *ret_set);

/* Dense sets only: the bits of 64 products from 64 * word on. */
static inline uint64_t product_set_word(const struct product_set *set, uint32_t word)
{
    return word < set->capacity ? set->bits[word] : 0;
}

/* Lists only: the place of the first number that is not below `product`. All before `from` are
 * below it. Searches from there in steps that double, since callers go upwards. */
uint32_t product_set_seek(const struct product_set *set, uint32_t from, uint32_t product);

bool product_set_has(const struct product_set *set, uint32_t product);

#endif
