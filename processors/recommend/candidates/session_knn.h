/* Session neighbours: what visitors looked at whose last sessions share items with this one.
 *
 * VSKNN (Ludewig, Jannach 2018, section 3.3) with STAN's decays (Garg, Gupta, Malhotra, Vig, Shroff
 * 2019): with the session's last NEIGHBOUR_ITEMS distinct items x at distance d_x from its end
 * (0: the last),
 *     w(n) = sum over shared x of e^(-d_x/2) (1 + .3 ln((S + 1)/(s_x + 1))) * |n|^-1/4 *
 * e^(-age/60000) over the newest sessions that hold one of them; S the sessions so far, s_x those
 * of x's clicks, age in sessions. Of the NEIGHBOURS_KEPT heaviest n, with m the shared item nearest
 * to the end and k its place in n, an item at place j of n gets near += w(n) e^(-d_m/3) e^(-|j -
 * k|/2.5),   near_after += w(n) e^(-d_m/3) / (j - k) if j > k. The same sessions tell the pairs of
 * second order: pair counts those in which the item stands directly behind the last two of this
 * session. */
#ifndef WEFT_CANDIDATES_SESSION_KNN_H
#define WEFT_CANDIDATES_SESSION_KNN_H

#include "processors/recommend/candidates/candidates.h"
#include "processors/recommend/candidates/query.h"

/* Candidates: the NEIGHBOURS_NEAR items with most `near` and the NEIGHBOURS_AFTER with most
 * `near_after`; with shares p of the sums and ranks r, weighs 2/(3 + r) + 2 p, and for the second
 * .5/(3 + r) + p. With a count, min(1, .5 + .1 pair)/(2 + its rank) more. */
void session_knn_generate(const struct query *query, struct candidates *candidates, int generator);
float session_knn_weight(const struct candidate *candidate);

#endif
