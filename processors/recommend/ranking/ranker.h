/* The ranker: orders the candidates by what visitors clicked after they were served such lists.
 *
 * With x' the standardised features, s = w.x' + v.leaky(W' x' + b), leaky(z) = z or .1 z below 0,
 * HIDDEN units; listwise softmax cross-entropy over the candidates (ListNet's top-one
 * probabilities: Cao, Qin, Liu, Tsai, Li 2007), one Adagrad step (Duchi, Hazan, Singer 2011; rate
 * .05, epsilon 1e-3) for each click whose item was a candidate; candidates whose |p - y| is below
 * 5e-4 are skipped. Served with averaged weights (Polyak, Juditsky 1992), every
 * RANKER_AVERAGE_STEPS steps average += max(.0016, min(1, 80 / steps)) (now - average). Features
 * are standardised by the mean and variance of one candidate a list, drawn at random, over the
 * first RANKER_SAMPLES lists of all workers; from then on they are frozen.
 *
 * The numbers are a `struct weights` (state/weights.h), counted from the same start in every
 * process: W normal with deviation .15, v .3, w and b 0, drawn from a fixed seed. A run of them is
 * laid out W[feature][unit] (FEATURES_MAX rows), b[unit], v[unit], w[feature].
 *
 * All arithmetic is the kernels' of math/kernels.h. Thread: whose ranker it is. */
#ifndef WEFT_RANKING_RANKER_H
#define WEFT_RANKING_RANKER_H

#include "processors/recommend/ranking/features.h"

#define RANKER_SAMPLES 20000
#define RANKER_AVERAGE_STEPS 8
#define RANKER_TRUST_STEPS 500   /* learned clicks before it orders lists */
#define RANKER_AVERAGE_FROM 2000 /* before, the newest weights serve */

/* How columns are standardised: x' = (x - mean) * scale; scale 0 for a column that is off. */
struct ranker_scaling {
    float mean[FEATURES_MAX], scale[FEATURES_MAX];
    double samples; /* that it was made from */
};

struct ranker {
    struct weights *weights; /* the sum of what was learned; relative to the start */
    struct ranker_scaling scaling;
    struct feature_mask off;
    bool frozen;  /* the statistics stay as they are, too; the caller's */
    bool sampled; /* the statistics have changed; the caller clears it */
    uint64_t draws;
    _Alignas(64) float start[WEIGHTS_COUNT];
    /* working memory */
    _Alignas(64) float hidden[HIDDEN * RANKED_MAX]; /* of the forward pass: [candidate][unit] */
    _Alignas(64) float bias[HIDDEN];                /* with what all candidates have in common */
    float scratch[WEIGHTS_COUNT];
    float gradient[WEIGHTS_COUNT];
};

void ranker_init(struct ranker *ranker, struct weights *weights, const struct feature_mask *off);

/* Samples one candidate for the statistics while they are not frozen, then standardises the matrix
 * in place. */
void ranker_standardise(struct ranker *ranker, struct feature_matrix *matrix);

/* ret_scores[matrix->stride] for a standardised matrix; NaN never. False: too little was learned
 * yet, and nothing is written. */
bool ranker_score(struct ranker *ranker, const struct feature_matrix *matrix, float *ret_scores);

/* One step: candidate `clicked` of a standardised matrix was the next click. `weight` scales the
 * gradient. */
void ranker_learn(struct ranker *ranker, const struct feature_matrix *matrix, uint32_t clicked,
                  float weight);

/* The gradient of the loss by every number of the newest weights, and the loss: what ranker_learn
 * steps along. `ret_gradient` has WEIGHTS_COUNT numbers. */
float ranker_gradient(struct ranker *ranker, const struct feature_matrix *matrix, uint32_t clicked,
                      float weight, float *ret_gradient);

#endif
