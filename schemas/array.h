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

/* Makes room for `needed` items in `at`, a pointer that memory_resize() may move; `capacity` is an
 * integer lvalue of any type that holds the result. Both are evaluated more than once. New items
 * are not cleared. Out of memory ends the process. */
#define ARRAY_RESERVE(at, capacity, needed)                                                        \
    do {                                                                                           \
        if ((size_t)(needed) > (size_t)(capacity)) {                                               \
            (capacity) = (__typeof__(capacity))array_capacity((capacity), (needed));               \
            (at) = memory_resize((at), (size_t)(capacity) * sizeof *(at));                         \
        }                                                                                          \
    } while (0)

#endif
