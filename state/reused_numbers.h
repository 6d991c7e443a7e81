/* The numbers that a table gave to another entry lately, in that order. A cache by number reads on
 * from where it stopped; one that missed some looks through the whole table again. Calls nothing of
 * weft. Thread: as the table's. */
#ifndef WEFT_STATE_REUSED_NUMBERS_H
#define WEFT_STATE_REUSED_NUMBERS_H

#include <stdint.h>

#define REUSED_NUMBERS_MAX 256

/* Zero-initialised is empty. */
struct reused_numbers {
    uint64_t count; /* so far; at[i % REUSED_NUMBERS_MAX] is number i of them */
    uint32_t at[REUSED_NUMBERS_MAX];
};

static inline void reused_numbers_add(struct reused_numbers *reused, uint32_t number)
{
    reused->at[reused->count++ % REUSED_NUMBERS_MAX] = number;
}

#endif
