/* Diversity: how alike two products look, and which item adds most to a list.
 *
 * With a diversity d > 0 each next item of a list is the one with the largest
 *
 *     (1 - d) * r(i) - d * max over the chosen ones j of alike(i, j)
 *
 * (maximal marginal relevance: Carbonell, Goldstein 1998). r is the score, put between 0 and 1 over
 * the first FILTER_WINDOW_MAX items.
 *
 *     alike = .5 same category (less, the higher up the paths meet) + .3 same brand
 *           + .2 same first colour
 *
 * Thread: holds the catalogue's read lock. */
#ifndef WEFT_LISTS_DIVERSITY_H
#define WEFT_LISTS_DIVERSITY_H

#include "state/catalogue.h"

/* How alike two products look, 0 to 1. */
float diversity_alike(const struct catalogue *catalogue, uint32_t a, uint32_t b);

/* The range of the scores of a list's items. */
struct diversity_range {
    float high, spread;
};

/* The formula above for an item whose largest likeness to a chosen one is `alike`. */
static inline float diversity_value(float diversity, struct diversity_range range, float score,
                                    float alike)
{
    float relevance = range.spread > 0 ? 1 - (range.high - score) / range.spread : 1;
    return (1 - diversity) * relevance - diversity * alike;
}

/* ---- variants ---- */

/* Word that names the attribute by which variants of a product are told; WORD_NONE: no product has
 * it. Words may get other numbers once the catalogue's lock is given back. */
uint32_t diversity_group_name(const struct catalogue *catalogue);

/* A number that variants of one product have in common: of the attribute item_group_id, or else of
 * brand and title. Never 0. */
uint64_t diversity_variant(const struct catalogue *catalogue, uint32_t product,
                           uint32_t group_name);

#endif
