/* A table of counts by key: 64 bits that the caller hashes. It has a fixed size. A key stands in
 * one bucket of a cache line:
 *
 *     bucket   [ tag | count ] x STYLE_BUCKET        tag: upper half of the key; count 0: free
 *
 * A new key in a full bucket takes the place of the smallest count with the probability
 * w / (w + smallest), as in a full row of the model (state/model.h). The draws follow from the key
 * and the number of draws before, so the same calls leave the same table. Thread: one. */
#ifndef WEFT_CANDIDATES_STYLE_TABLE_H
#define WEFT_CANDIDATES_STYLE_TABLE_H

#include <stdint.h>

#define STYLE_BUCKET 8
#define STYLE_TABLE_SLOTS 65536 /* a power of two; half a megabyte */

struct style_slot {
    uint32_t tag;
    float count;
};

/* The owner allocates STYLE_TABLE_SLOTS slots, zeroed. */
struct style_table {
    struct style_slot *slots;
    uint64_t draws;
};

/* Adds `weight` > 0. */
void style_table_add(struct style_table *table, uint64_t key, float weight);
/* 0: the key is not there. */
float style_table_count(const struct style_table *table, uint64_t key);
void style_table_clear(struct style_table *table);

#endif
