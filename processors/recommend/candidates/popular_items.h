/* Popularity of items: counts by kind, and a count decayed by time (state/model.h). */
#ifndef WEFT_CANDIDATES_POPULAR_ITEMS_H
#define WEFT_CANDIDATES_POPULAR_ITEMS_H

#include "processors/recommend/candidates/candidates.h"
#include "processors/recommend/candidates/query.h"

/* Candidates: the items with the largest decayed counts, as many as fill a list where little else
 * is known. They weigh .02/(1 + rank), less than any item that follows from the visitor's
 * activities. */
void popular_items_generate(const struct query *query, struct candidates *candidates,
                            int generator);
float popular_items_weight(const struct candidate *candidate);

#endif
