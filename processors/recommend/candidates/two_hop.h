/* Two-hop: proposes items two steps away over the co-occurrence counts. Thread: that of the query.
 */
#ifndef WEFT_CANDIDATES_TWO_HOP_H
#define WEFT_CANDIDATES_TWO_HOP_H

#include "processors/recommend/candidates/candidates.h"
#include "processors/recommend/candidates/query.h"

/* Goes from the last item to the 8 heaviest items viewed after it and the 8 viewed before it, and
 * from each of them to the 8 viewed after that one. hop = sum of p p'; weighs .3 hop. */
void two_hop_generate(const struct query *query, struct candidates *candidates, int generator);
float two_hop_weight(const struct candidate *candidate);

#endif
