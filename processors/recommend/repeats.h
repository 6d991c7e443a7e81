/* Repeats: items that the visitor looked at lately; people come back to them. */
#ifndef WEFT_RECOMMEND_REPEATS_H
#define WEFT_RECOMMEND_REPEATS_H

#include "processors/recommend/candidates.h"

/* Candidates: the distinct items of the last 20 activities, .4/(d + 1) + .05 at distance d, the
 * last one at 1. */
void repeats_generate(const struct query *query, struct candidates *candidates, int generator);

#endif
