/* The ranker: orders candidates by what visitors clicked after they were served such lists.
 *
 * Its score of a candidate with the standardised features x' is
 *
 *     s = w.x' + v.leaky(W' x' + b),   leaky(z) = z, or .1 z below 0;   HIDDEN units
 *
 * It learns by listwise softmax cross-entropy over the candidates (ListNet's top-one probabilities:
 * Cao, Qin, Liu, Tsai, Li 2007): one Adagrad step (Duchi, Hazan, Singer 2011; rate .05, epsilon
 * 1e-3) for each click on a candidate. Candidates whose |p - y| is below 5e-4 are skipped.
 *
 * It serves averaged weights (Polyak, Juditsky 1992). Every RANKER_AVERAGE_STEPS steps
 *
 *     average += max(.0016, min(1, 80 / steps)) (now - average)
 *
 * Features are standardised by the mean and variance of one candidate a list, drawn at random, over
 * the first RANKER_SAMPLES lists of all workers. From then on these are frozen.
 *
 * The numbers are a `struct weights` (state/weights.h), relative to one start that is the same in
 * every process: W normal with deviation .15, v .3, w and b 0, drawn from a fixed seed. A run of
 * them is laid out
 *
 *     [ W[feature][unit], FEATURES_MAX rows ][ b[unit] ][ v[unit] ][ w[feature] ][ u[goal][feature]
 * ]
 *
 * All arithmetic is the kernels' (math/kernels.h). Thread: the owner's of the ranker; no lock. */
#ifndef WEFT_RANKING_RANKER_H
#define WEFT_RANKING_RANKER_H

#include "processors/recommend/ranking/features.h"
#include "processors/recommend/ranking/goals.h"

#define RANKER_SAMPLES 20000
#define RANKER_AVERAGE_STEPS 8
#define RANKER_TRUST_STEPS 500   /* learned clicks before the ranker orders lists */
#define RANKER_AVERAGE_FROM 2000 /* learned clicks before the averaged weights serve */

/* How columns are standardised: x' = (x - mean) * scale; scale 0 for a column that is off. */
struct ranker_scaling {
    float mean[FEATURES_MAX], scale[FEATURES_MAX];
    double samples; /* from which it was made */
};

struct ranker {
    struct weights *weights; /* borrowed; relative to the start */
    struct ranker_scaling scaling;
    struct feature_mask off;
    uint32_t columns, varying; /* of the matrices that it gets */
    bool frozen;               /* the caller's: the statistics stay as they are */
    bool sampled;              /* the statistics changed; the caller clears it */
    uint64_t draws;            /* samples so far */
    _Alignas(64) float start[WEIGHTS_COUNT];
    /* working memory */
    _Alignas(64) float hidden[HIDDEN * RANKED_MAX]; /* of the forward pass: [candidate][unit] */
    _Alignas(64) float bias[HIDDEN]; /* with the part that all candidates have in common */
    float scratch[WEIGHTS_COUNT];
    float gradient[WEIGHTS_COUNT];
};

/* Borrows the weights. Columns of `off` count as 0. */
void ranker_init(struct ranker *ranker, struct weights *weights, const struct feature_mask *off);
/* The same for matrices of other features than feature_table.h's: `columns` in all, at most
 * FEATURES_MAX; the first `varying` of them differ by candidate. */
void ranker_init_columns(struct ranker *ranker, struct weights *weights,
                         const struct feature_mask *off, uint32_t columns, uint32_t varying);

/* Samples one candidate for the statistics while they are not frozen, then standardises the matrix
 * in place. */
void ranker_standardise(struct ranker *ranker, struct feature_matrix *matrix);

/* Scores the candidates of a standardised matrix: ret_scores[matrix->stride]. False: the ranker has
 * not learned enough yet, and nothing is written. */
bool ranker_score(struct ranker *ranker, const struct feature_matrix *matrix, float *ret_scores);

/* Adds the goals' corrections to the candidates' scores (goals.h). Thread: as ranker_score(), which
 * made them. */
void ranker_add_goals(const struct ranker *ranker, const struct feature_matrix *matrix,
                      const struct goal_mix *mix, float *scores);

/* Learns one step for a goal: the event that reached it was on candidate `clicked` of a
 * standardised matrix. Changes that goal's weights alone. Nothing before the ranker orders lists.
 */
void ranker_learn_goal(struct ranker *ranker, const struct feature_matrix *matrix, uint32_t clicked,
                       enum goal goal, float weight);

/* Learns one step: the next click was on candidate `clicked` of a standardised matrix. `weight`
 * scales the gradient. A gradient with a NaN or an infinity is dropped. */
void ranker_learn(struct ranker *ranker, const struct feature_matrix *matrix, uint32_t clicked,
                  float weight);

/* The gradient of the loss by each of the newest weights, along which ranker_learn() steps:
 * ret_gradient[WEIGHTS_COUNT]. Returns the loss. */
float ranker_gradient(struct ranker *ranker, const struct feature_matrix *matrix, uint32_t clicked,
                      float weight, float *ret_gradient);

#endif
