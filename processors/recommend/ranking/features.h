/* Features: what the ranker sees of each candidate, and of the query as a whole, as a matrix.
 *
 *                      candidate 0 ... 7 | 8 ... 15 | ...        groups of FEATURE_GROUP
 *     column 0           x x x x x x x x | 0 0 ...                filled: bits 1, 0, ...
 *     ...                                                         (varying columns)
 *     whole query        one number in common[]
 *
 * Most numbers are 0, since no generator knows all candidates. So each column knows which of its
 * groups are filled, and the ranker multiplies only these.
 *
 * Standardised, a number is x' = (x - mean) scale with scale = 1 / sqrt(variance + .01); mean and
 * variance are those of the candidates sampled so far (ranker.h). The columns hold x scale then,
 * and common[] holds -mean scale, which all candidates have in common. */
#ifndef WEFT_RANKING_FEATURES_H
#define WEFT_RANKING_FEATURES_H

#include "processors/recommend/candidates/candidates.h"
#include "processors/recommend/candidates/query.h"
#include "processors/recommend/ranking/feature_table.h"

#define FEATURE_GROUP 8 /* candidates: the kernels' lanes */

/* The number of candidate i in column f is columns[f][i] + common[f]. */
struct feature_matrix {
    uint32_t count;  /* candidates */
    uint32_t stride; /* count, rounded up to whole groups; the numbers between are 0 */
    _Alignas(64) float columns[FEATURES_MAX * RANKED_MAX]; /* [varying column][stride] */
    _Alignas(64) float common[FEATURES_MAX];               /* by column; past the last one 0 */
    /* By column, a bit for each group that is filled. The numbers of the other groups count as 0;
     * after training_log_matrix() anything may stand there. */
    uint16_t filled[FEATURES_MAX];
};

_Static_assert(RANKED_MAX <= 16 * FEATURE_GROUP, "a bit for each group");

/* Fills all columns, bent, not standardised, and candidate->vector of each candidate. Columns of
 * `off` are 0. At most RANKED_MAX candidates. `price_band`: prices at most so far apart are alike.
 * Thread: holds the read locks of the model and the catalogue. */
void features_fill(const struct query *query, struct candidates *candidates, float price_band,
                   const struct feature_mask *off, struct feature_matrix *ret_matrix);

#endif
