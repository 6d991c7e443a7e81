/* Features: what the ranker sees of each candidate, and of the query as a whole.
 *
 * A feature is a column, one number a candidate; columns of the query alone ("context") have one
 * number for all. Most numbers are 0, since no generator knows all candidates: which parts of a
 * column are not is kept, and the ranker multiplies these alone. Each row of the table names a
 * column, the group that it is switched off and reported with, and how the raw number is bent:
 *     BEND_NONE        x
 *     BEND_LOG         b ln(1 + a x)
 *     BEND_RANK        a + b ln x for ranks x from 1, 0 where absent (x = 0)
 * Shares p are bent by .14474 ln(1 + 1000 p), which maps 0..1 to 0..1.
 * Standardised: x' = (x - mean) scale, scale = 1 / sqrt(variance + .01), with mean and variance of
 * the candidates that were sampled so far (ranker.h): the columns hold x scale, and -mean scale is
 * what all candidates have in common. */
#ifndef WEFT_RANKING_FEATURES_H
#define WEFT_RANKING_FEATURES_H

#include "processors/recommend/candidates/candidates.h"
#include "processors/recommend/candidates/query.h"

enum bend { BEND_NONE, BEND_LOG, BEND_RANK };

struct feature {
    const char *name;
    const char *group;
    enum bend bend;
    float a, b;
};

/* The candidates' columns come first, then the context's. */
extern const struct feature features[];
extern const uint32_t feature_count;         /* at most FEATURES_MAX */
extern const uint32_t feature_varying_count; /* of the candidates */

/* Hash of names, order and bends. */
uint64_t features_hash(void);
/* Bit i of the mask (two words) is set for each column whose group or name is in `list`, which has
 * commas between. SKIP: an unknown name, with the known ones. */
struct feature_mask {
    uint64_t words[2];
};
enum verdict features_find(const char *list, struct feature_mask *ret_mask, struct error *error);

static inline bool feature_masked(const struct feature_mask *mask, uint32_t column)
{
    return mask->words[column / 64] >> (column % 64) & 1;
}

#define FEATURE_GROUP 8 /* candidates whose numbers are 0, or not, together: the kernels' lanes */

/* The number of candidate i in column f is  columns[f][i] + common[f]. */
struct feature_matrix {
    uint32_t count;  /* candidates */
    uint32_t stride; /* count, rounded up to whole groups; what lies between is 0 */
    _Alignas(64) float columns[FEATURES_MAX * RANKED_MAX]; /* [varying][stride] */
    _Alignas(64) float common[FEATURES_MAX];               /* by column; past the last 0 */
    /* By column, a bit for each group: it is filled. Columns of groups that are not are as good as
     * 0; after training_log_matrix() anything may stand there. */
    uint16_t filled[FEATURES_MAX];
};

_Static_assert(RANKED_MAX <= 16 * FEATURE_GROUP, "a bit for each group");

/* Fills in all columns, bent, not standardised. Columns of `off` are 0. At most RANKED_MAX
 * candidates; sets candidate->vector too. */
void features_fill(const struct query *query, struct candidates *candidates, float price_band,
                   const struct feature_mask *off, struct feature_matrix *ret_matrix);

#endif
