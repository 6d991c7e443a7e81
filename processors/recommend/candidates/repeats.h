/* Repeats: items that the visitor looked at lately; people come back to them. */
#ifndef WEFT_CANDIDATES_REPEATS_H
#define WEFT_CANDIDATES_REPEATS_H

#include "processors/recommend/candidates/candidates.h"
#include "processors/recommend/candidates/query.h"

/* The distinct items of the last RECENT_MAX activities; at distance d, the last one at 1, they
 * weigh .4/(d + 1) + .05. The cause is the item itself. */
void repeats_generate(const struct query *query, struct candidates *candidates, int generator);
float repeats_weight(const struct candidate *candidate);
uint32_t repeats_cause(const struct query *query, const struct candidate *candidate);

#endif
