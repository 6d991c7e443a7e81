/* Arrays of distinct numbers in ascending order. The caller owns them. Calls nothing. */
#ifndef WEFT_SCHEMAS_SORTED_H
#define WEFT_SCHEMAS_SORTED_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* The place of the first number that is not below `number`, of those at the places `from` to
 * `to` - 1; `to` if all are below it. */
static inline uint32_t sorted_place(const uint32_t *numbers, uint32_t from, uint32_t to,
                                    uint32_t number)
{
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (numbers[middle] < number)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

/* Whether the number stands at the place that sorted_place() gives. */
static inline bool sorted_is_at(const uint32_t *numbers, uint32_t count, uint32_t place,
                                uint32_t number)
{
    return place < count && numbers[place] == number;
}

static inline bool sorted_has(const uint32_t *numbers, uint32_t count, uint32_t number)
{
    return sorted_is_at(numbers, count, sorted_place(numbers, 0, count, number), number);
}

/* Puts the number at its place, where there is room for one more behind the `count` numbers. */
static inline void sorted_insert(uint32_t *numbers, uint32_t count, uint32_t place, uint32_t number)
{
    memmove(numbers + place + 1, numbers + place, (count - place) * sizeof *numbers);
    numbers[place] = number;
}

/* Takes the number at the place out. */
static inline void sorted_remove(uint32_t *numbers, uint32_t count, uint32_t place)
{
    memmove(numbers + place, numbers + place + 1, (count - 1 - place) * sizeof *numbers);
}

#endif
