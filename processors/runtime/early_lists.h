/* Early lists: each list goes out at once, ahead of its commit (lists.early).
 *
 * It stands between the steps and their outlet. A record of lists goes to OUTPUT_EARLY as it comes,
 * and is held here. A later record of the same visitor replaces it. At the end of the batch the
 * records that are left go to OUTPUT_RECOMMENDATIONS, byte by byte the same, one for each visitor.
 *
 *     lists  ->  early_lists  ->  OUTPUT_EARLY            each record, at once
 *                     |
 *                     +------->  OUTPUT_RECOMMENDATIONS  the last one of each visitor, at the end
 *
 * A deletion goes to OUTPUT_RECOMMENDATIONS at once and drops the record that is held. Until
 * early_lists_start() everything goes through as it comes. The records of a batch are at most
 * batch.records.max and those of visitors that waited. Thread: the worker that owns the pipeline.
 */
#ifndef WEFT_RUNTIME_EARLY_LISTS_H
#define WEFT_RUNTIME_EARLY_LISTS_H

#include "processors/processor.h"
#include "schemas/hash_index.h"

struct early_list {
    int32_t partition;
    uint32_t key_size;
    size_t value_size;
    char *bytes; /* the key, then the value; owned. NULL: it was dropped */
};

/* Zero-initialised is not valid. Owns its memory. */
struct early_lists {
    struct outlet outlet; /* first: the steps emit to it */
    struct outlet *next;  /* borrowed */
    uint64_t *lists;      /* the batch's count of records that are written; borrowed */
    bool on;
    bool silent; /* lists are held but not sent ahead: the worker is behind */
    struct early_list *held;
    size_t count, capacity;
    size_t bytes; /* of the keys and values */
    struct hash_index index;
};

void early_lists_init(struct early_lists *early, struct outlet *next, uint64_t *lists);
void early_lists_release(struct early_lists *early);
/* From now on lists go ahead. */
void early_lists_start(struct early_lists *early);

/* Sends what is held to OUTPUT_RECOMMENDATIONS, in the order in which the visitors got their first
 * list. RETRY: the batch has to be aborted. */
enum verdict early_lists_write(struct early_lists *early, struct error *error);
/* Drops what is held: the batch is over. */
void early_lists_clear(struct early_lists *early);

#endif
