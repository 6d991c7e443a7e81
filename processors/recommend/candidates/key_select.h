/* Selection: finds the k-th largest of many scored numbers without sorting them.
 *
 * A key holds the score in its upper half and the number, inverted, in its lower half. So keys
 * order by score, and equal scores by the smaller number. Thread: any. */
#ifndef WEFT_CANDIDATES_KEY_SELECT_H
#define WEFT_CANDIDATES_KEY_SELECT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* `score` is not negative: then the bits of a float order as the float does. */
static inline uint64_t key_make(float score, uint32_t number)
{
    uint32_t bits;
    memcpy(&bits, &score, sizeof bits);
    return (uint64_t)bits << 32 | (uint32_t)~number;
}

/* The smallest key of a score above 0. */
#define KEY_ABOVE_0 ((uint64_t)1 << 32)

/* The number that a key was made from. */
static inline uint32_t key_number(uint64_t key)
{
    return ~(uint32_t)key;
}

/* The k-th largest (k from 1, at most n) of n different keys: counts buckets of like scores, then
 * Hoare's selection (1961) in one bucket. Reorders the keys. */
uint64_t key_select(uint64_t *keys, uint32_t n, uint32_t k);

#endif
