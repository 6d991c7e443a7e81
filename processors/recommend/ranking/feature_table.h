/* The table of the ranker's features: a row a column. Each row names a column, the group by which
 * it is switched off and reported, and how the raw number x is bent:
 *
 *     BEND_NONE        x
 *     BEND_LOG         b ln(1 + a x)
 *     BEND_RANK        a + b ln x for ranks x from 1; 0 where there is none (x = 0)
 *
 * Shares p are bent by .14474 ln(1 + 1000 p), which maps 0..1 to 0..1.
 *
 * To add a feature: a column in feature_columns.h, a row in feature_table.c and a number in
 * features.c. A hash of names, order and bends is stored with the weights: another table starts
 * with new ones. */
#ifndef WEFT_RANKING_FEATURE_TABLE_H
#define WEFT_RANKING_FEATURE_TABLE_H

#include "schemas/bytes.h"
#include "schemas/error.h"

enum bend { BEND_NONE, BEND_LOG, BEND_RANK };

struct feature {
    const char *name;
    const char *group;
    enum bend bend;
    float a, b;
};

/* Columns of the candidates come first, those of the whole query behind. */
extern const struct feature features[];
extern const uint32_t feature_count;         /* at most FEATURES_MAX (state/weights.h) */
extern const uint32_t feature_varying_count; /* columns of the candidates */

/* Hash of names, order and bends. */
uint64_t features_hash(void);

/* A set of columns: bit f of the words is column f. */
struct feature_mask {
    uint64_t words[2];
};

static inline bool feature_masked(const struct feature_mask *mask, uint32_t column)
{
    return mask->words[column / 64] >> (column % 64) & 1;
}

/* The columns whose name or group is in `list`, which has commas between. SKIP: a name is not
 * known; the mask is untouched then. */
enum verdict features_find(const char *list, struct feature_mask *ret_mask, struct error *error);

#endif
