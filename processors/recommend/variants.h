/* Variants of the settings: which settings make which of a visitor's lists while experiments run
 * (lists/experiments.h).
 *
 *     combination 0                        nobody's variant sets anything: the own settings
 *     combination first[a][1]              variant 1 of experiment a
 *     combination first[a][1] + first[b][2]    the same, and variant 2 of experiment b
 *
 * Experiments of one layer share a digit of the number, since no visitor is in two of them. A
 * visitor's list for a placement has the sum of the experiments that play there. All settings are
 * finished when the file is read, so that a list costs a few draws more.
 *
 * Thread: any may read; the owner changes it while no list is made. */
#ifndef WEFT_RECOMMEND_VARIANTS_H
#define WEFT_RECOMMEND_VARIANTS_H

#include "processors/recommend/lists/experiments.h"
#include "processors/recommend/recommend.h"

#define COMBINATIONS_MAX 64

struct settings_variants {
    struct experiments experiments;       /* owned */
    const struct recommend_settings *own; /* borrowed; finished */
    struct recommend_settings *at;        /* by combination from 1; owned. at[0] is not used */
    uint32_t count;                       /* of combinations; 1: there are no experiments */
    uint32_t first[EXPERIMENTS_MAX][VARIANTS_MAX]; /* 0: the variant sets nothing */
    uint32_t digit[EXPERIMENTS_MAX]; /* combinations below the experiment's digit, and in it */
    uint32_t values[EXPERIMENTS_MAX];
    bool plays[EXPERIMENTS_MAX][PLACEMENTS_MAX]; /* by placement of `own` */
};

/* Takes the experiments over and numbers the combinations; their settings start as the own ones.
 * SKIP, with what to do: there are more than COMBINATIONS_MAX; then it owns nothing. */
enum verdict settings_variants_init(struct settings_variants *variants,
                                    struct experiments *experiments,
                                    const struct recommend_settings *own, struct error *error);
void settings_variants_release(struct settings_variants *variants);
/* Whether the combination has what this variant sets. */
bool settings_variants_has(const struct settings_variants *variants, uint32_t combination,
                           uint32_t experiment, uint32_t variant);
/* All placements but those of searches get popular items only. */
void settings_variants_hold_out(struct recommend_settings *settings);

/* The variants of one visitor. */
struct list_variants {
    int8_t of[EXPERIMENTS_MAX]; /* by experiment, or EXPERIMENT_NONE */
    const struct recommend_settings *settings[PLACEMENTS_MAX]; /* for recommender_vary() */
};

/* Chooses the visitor's variants as of their newest activity. False: the visitor is in no
 * experiment, and nothing is chosen. */
bool settings_variants_choose(const struct settings_variants *variants,
                              const struct visitor *visitor, struct list_variants *ret_variants);

#endif
