/* The candidate generators: each proposes items for a query, for a reason of its own.
 *
 *     query --> repeats, co-occurrence, session kNN, ... --> candidates, each with a sum of weights
 *                                                        --> the heaviest of them: the ranker's
 *
 * To add one: one file with the three functions below, and one row in generators.c. */
#ifndef WEFT_CANDIDATES_GENERATORS_H
#define WEFT_CANDIDATES_GENERATORS_H

#include "processors/recommend/candidates/candidates.h"
#include "processors/recommend/candidates/query.h"

struct generator {
    const char *name;   /* for settings, tools and reports */
    const char *reason; /* as readers of the lists see it */
    /* Proposes items and writes its evidence into their candidates. `generator` is its index. */
    void (*generate)(const struct query *query, struct candidates *candidates, int generator);
    /* Its part of the weight of a candidate that it proposed; not negative. */
    float (*weight)(const struct candidate *candidate);
    /* The item of the visitor's history that made it propose the candidate; ITEM_NONE: none. */
    uint32_t (*cause)(const struct query *query, const struct candidate *candidate);
    bool seen_only; /* it proposes only items that the visitor has already seen */
};

/* All generators, in the order in which they run. `1 << index` is a generator's bit. */
extern const struct generator generators[];
extern const int generator_count;
/* The index of the generator of this name; -1: none. */
int generator_find(struct bytes name);
/* The bits of the generators that propose only items which the visitor has seen. */
uint32_t generators_seen_only(void);

/* Clears the pool, runs all generators but those whose bit is in `off`, and keeps the `length`
 * candidates with the largest sums of weights, in no order. Thread: that of the query. */
void candidates_generate(struct candidates *candidates, const struct query *query, uint64_t off,
                         uint32_t length);

#endif
