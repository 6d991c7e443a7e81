/* Goals: what a list is for. The ranker orders candidates by what comes next, which is nearly
 * always a view. A placement may name another goal: the next addition to the cart, or the next
 * purchase.
 *
 * Each of these goals g has a linear correction of the ranker's score s of a candidate with the
 * standardised features x':
 *
 *     s_g = s + u_g.x'
 *
 * u_g is learned from the events of the goal alone, by softmax cross-entropy over the candidates of
 * the list before the event, with s as a fixed offset: one Adagrad step (rate GOAL_RATE) for each
 * event. An offset from a model of plenty of data, corrected by a model of little data, is the
 * approach of gradient boosting (Friedman 2001, "Greedy function approximation"). The ranker itself
 * stays as it is, so lists with the goal view do not change.
 *
 * A mix of goals has shares c that sum to 1. Its score is s + sum of c_g u_g.x': the weighted
 * geometric mean of the goals' odds. */
#ifndef WEFT_RANKING_GOALS_H
#define WEFT_RANKING_GOALS_H

#include "schemas/error.h"
#include "schemas/interaction.h"
#include "state/weights.h"

#define GOAL_RATE .05f
#define GOAL_TEXT_MAX 64

/* Goals with weights of their own, in the order of the stored weights: only append. */
enum goal { GOAL_CART, GOAL_PURCHASE, GOALS };
_Static_assert((int)GOALS == (int)WEIGHTS_GOALS, "each goal has its weights");

extern const char *const goal_names[GOALS]; /* "cart", ... */

/* The share of each goal in a list; the rest is that of the goal view. Zeros: view alone. */
struct goal_mix {
    float shares[GOALS];
};

/* The goal that an activity of this kind reaches. False: none but view. */
bool goal_of(enum kind kind, enum goal *ret_goal);

/* Reads "cart", or weights as "view,cart:3". SKIP, with the names that there are. */
enum verdict goal_mix_read(const char *text, struct goal_mix *ret_mix, struct error *error);

bool goal_mix_equal(const struct goal_mix *a, const struct goal_mix *b);

#endif
