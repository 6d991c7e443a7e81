/* Popular items: proposes the items with the largest decayed counts of all kinds of activity, as
 * processors/popularity.c counts them (state/model.h). Thread: that of the query. */
#ifndef WEFT_CANDIDATES_POPULAR_ITEMS_H
#define WEFT_CANDIDATES_POPULAR_ITEMS_H

#include "processors/recommend/candidates/candidates.h"
#include "processors/recommend/candidates/query.h"

/* Proposes as many as fill a list if there are few other candidates. Weighs .02 / rank: below all
 * that follows from the visitor's activities. */
void popular_items_generate(const struct query *query, struct candidates *candidates,
                            int generator);
float popular_items_weight(const struct candidate *candidate);

#endif
