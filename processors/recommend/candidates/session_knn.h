/* Session kNN: proposes the items of past sessions that share items with the visitor's session.
 *
 * VSKNN (Ludewig, Jannach 2018, section 3.3) with the decays of STAN (Garg, Gupta, Malhotra, Vig,
 * Shroff 2019). The visitor's last KNN_ITEMS distinct items x stand at distance d_x from the end of
 * the session (0: the last one). The newest KNN_POSTINGS sessions n of each x weigh
 *
 *     w(n) = sum over shared x of e^(-d_x/2) (1 + .3 ln((S + 1)/(s_x + 1)))
 *            * |n|^-1/4 * e^(-age/60000)
 *
 * with S the sessions so far, s_x the views of x, and the age in sessions. The KNN_SESSIONS
 * heaviest n count. With m the shared item nearest to the end, and k its place in n, the item at
 * place j adds
 *
 *     near       += w(n) e^(-d_m/3) e^(-|j - k|/2.5)
 *     near_after += w(n) e^(-d_m/3) / (j - k)           if j > k
 *     pair       += 1    if it stands directly behind the last two items of the visitor's session
 */
#ifndef WEFT_CANDIDATES_SESSION_KNN_H
#define WEFT_CANDIDATES_SESSION_KNN_H

#include "processors/recommend/candidates/candidates.h"
#include "processors/recommend/candidates/query.h"

#define KNN_ITEMS 8
#define KNN_POSTINGS 200
#define KNN_SESSIONS 150
#define KNN_NEAR 80  /* items proposed by `near` */
#define KNN_AFTER 40 /* by `near_after` */
#define KNN_PAIRS 16 /* by `pair` */

/* The generator: the KNN_NEAR items with the largest `near`, the KNN_AFTER with the largest
 * `near_after` and the KNN_PAIRS with the largest `pair`. With ranks r and shares p of the sums,
 * they weigh 2/(3 + r) + 2 p by `near`, .5/(3 + r) + p by `near_after`, and min(1, .5 + .1 pair)/(2
 * + r) by `pair`. */
void session_knn_generate(const struct query *query, struct candidates *candidates, int generator);
float session_knn_weight(const struct candidate *candidate);

#endif
