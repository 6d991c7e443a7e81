/* Growing arrays: one rule of growth for every `items, count, capacity` triple. Calls bytes.h. */
#ifndef WEFT_SCHEMAS_ARRAY_H
#define WEFT_SCHEMAS_ARRAY_H

#include "schemas/bytes.h"

#define ARRAY_CAPACITY_MIN 16

/* The capacity that an array grows to when it must hold `needed` items: doubling, at least
 * ARRAY_CAPACITY_MIN. */
static inline size_t array_capacity(size_t capacity, size_t needed)
{
    if (capacity < ARRAY_CAPACITY_MIN)
        capacity = ARRAY_CAPACITY_MIN;
    while (capacity < needed)
        capacity *= 2;
    return capacity;
}

/* The same for an array that stays small as a rule, and of which there are many: by half, from 2.
 */
static inline size_t array_capacity_small(size_t capacity, size_t needed)
{
    while (capacity < needed)
        capacity = capacity ? capacity + capacity / 2 + 1 : 2;
    return capacity;
}

#define ARRAY_RESERVE_BY(at, capacity, needed, capacity_for)                                       \
    do {                                                                                           \
        if ((size_t)(needed) > (size_t)(capacity)) {                                               \
            (capacity) = (__typeof__(capacity))capacity_for((capacity), (needed));                 \
            (at) = memory_resize((at), (size_t)(capacity) * sizeof *(at));                         \
        }                                                                                          \
    } while (0)

/* Makes room for `needed` items in `at`, a pointer that memory_resize() may move; `capacity` is an
 * integer lvalue of any type that holds the result. Both are evaluated more than once. New items
 * are not cleared. Out of memory ends the process. */
#define ARRAY_RESERVE(at, capacity, needed) ARRAY_RESERVE_BY(at, capacity, needed, array_capacity)

/* The same for one of many small arrays. */
#define ARRAY_RESERVE_SMALL(at, capacity, needed)                                                  \
    ARRAY_RESERVE_BY(at, capacity, needed, array_capacity_small)

/* As ARRAY_RESERVE, but new items are zero: for arrays that are indexed by a number from elsewhere.
 */
#define ARRAY_RESERVE_ZERO(at, capacity, needed)                                                   \
    do {                                                                                           \
        if ((size_t)(needed) > (size_t)(capacity)) {                                               \
            size_t array_before = (size_t)(capacity);                                              \
            ARRAY_RESERVE(at, capacity, needed);                                                   \
            memset((at) + array_before, 0, ((size_t)(capacity) - array_before) * sizeof *(at));    \
        }                                                                                          \
    } while (0)

#endif
