/* Repeats: proposes items that the visitor has already seen: people come back to them. Thread: that
 * of the query. */
#ifndef WEFT_CANDIDATES_REPEATS_H
#define WEFT_CANDIDATES_REPEATS_H

#include "processors/recommend/candidates/candidates.h"
#include "processors/recommend/candidates/query.h"

/* Proposes the distinct items of the last RECENT_MAX activities. One at distance d weighs
 * .4/(d + 1) + .05; the newest has d = 1. The cause is the item itself. */
void repeats_generate(const struct query *query, struct candidates *candidates, int generator);
float repeats_weight(const struct candidate *candidate);
uint32_t repeats_cause(const struct query *query, const struct candidate *candidate);

#endif
