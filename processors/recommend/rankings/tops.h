/* The best items of one ranking, gathered one by one. Only the best variant of a product stays.
 * Thread: the owner's. */
#ifndef WEFT_RANKINGS_TOPS_H
#define WEFT_RANKINGS_TOPS_H

#include "schemas/bytes.h"

struct top_place {
    struct bytes item_id; /* borrowed */
    double score;
    uint64_t variant; /* the same for variants of one product (lists/diversity.h);
                         0: not known */
};

/* Zero-initialised is empty. Owns its places, not their ids. */
struct top {
    struct top_place *places; /* the best first; ties go to the lesser item_id */
    uint32_t count, capacity;
};

/* Takes the place in if it is among the best `length`. */
void top_offer(struct top *top, uint32_t length, struct top_place place);

/* Whether the item, or a variant of it, is among the places. */
bool top_contains(const struct top *top, const struct top_place *place);

void top_clear(struct top *top);
void top_release(struct top *top);

#endif
