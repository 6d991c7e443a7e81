/* Repeats: proposes items that the visitor has already seen: people come back to them. Thread: that
 * of the query. */
#ifndef WEFT_CANDIDATES_REPEATS_H
#define WEFT_CANDIDATES_REPEATS_H

#include "processors/recommend/candidates/candidates.h"
#include "processors/recommend/candidates/query.h"

/* Proposes the distinct items of all remembered activities, at most RECENT_MAX + EARLIER_MAX. One
 * at distance d weighs .4/(d + 1) + .05; the newest has d = 1. Visitors with long histories come
 * back to what they took often: an item whose newest activity is more than RECENT_MAX ago weighs
 * .4 n/d + .02 with its n activities. The cause is the item itself. */
void repeats_generate(const struct query *query, struct candidates *candidates, int generator);
float repeats_weight(const struct candidate *candidate);
uint32_t repeats_cause(const struct query *query, const struct candidate *candidate);

#endif
