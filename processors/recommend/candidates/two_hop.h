/* Two steps over the rules: what follows what follows. */
#ifndef WEFT_CANDIDATES_TWO_HOP_H
#define WEFT_CANDIDATES_TWO_HOP_H

#include "processors/recommend/candidates/candidates.h"
#include "processors/recommend/candidates/query.h"

/* From the item viewed last to the 8 heaviest items viewed after it, and the 8 viewed before it,
 * and from each of them to the 8 viewed after: hop = sum of p p'; weighs .3 hop. */
void two_hop_generate(const struct query *query, struct candidates *candidates, int generator);
float two_hop_weight(const struct candidate *candidate);

#endif
