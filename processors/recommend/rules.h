/* Rules: which item follows which. Sequential rules of Ludewig and Jannach 2018, "Evaluation of
 * session-based recommendation algorithms", section 3.1: a pair at gap j counts 1/j; kept in both
 * directions, for j up to 8, with forward decay (state/model.h). */
#ifndef WEFT_RECOMMEND_RULES_H
#define WEFT_RECOMMEND_RULES_H

#include "processors/recommend/candidates.h"
#include "schemas/interaction.h"

/* Adds the pairs that an interaction makes, moves those that it pushed apart, and adds those that
 * a joint of two sessions brought together. Thread: writer of the model. */
void rules_fold(struct model *model, const struct interaction *interaction);

/* Candidates: what was viewed after the last item, and before it.
 * forward: 1/(3 + rank) + p, p the share of the row's weight; backward: .5/(3 + rank). */
void rules_forward(const struct query *query, struct candidates *candidates, int generator);
void rules_backward(const struct query *query, struct candidates *candidates, int generator);
/* Candidates: what was viewed after the four items before the last: .5 * sum of .7^j * p. */
void rules_previous(const struct query *query, struct candidates *candidates, int generator);
/* Candidates: what was put in the cart, and bought, together with the last item, both directions:
 * .5/(3 + rank). */
void rules_carted(const struct query *query, struct candidates *candidates, int generator);
void rules_bought(const struct query *query, struct candidates *candidates, int generator);

#endif
