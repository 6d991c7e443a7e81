#include "processors/recommend/ranking/ranker.h"

#include "processors/math/kernels.h"
#include "schemas/draw.h"

#define RATE .05f
#define EPSILON 1e-3f
#define LEAK .1f
#define SKIP 5e-4f
#define VARIANCE_FLOOR .01
#define AVERAGE_LEAST .0016f
#define AVERAGE_SPAN 80.0f

/* Where the parts of a run begin. */
#define AT_BIAS (FEATURES_MAX * HIDDEN)
#define AT_OUTPUT (AT_BIAS + HIDDEN)
#define AT_LINEAR (AT_OUTPUT + HIDDEN)
#define AT_GOALS (AT_LINEAR + FEATURES_MAX)

_Static_assert(AT_GOALS == WEIGHTS_NETWORK, "the goals stand behind the network");

static void make_scaling(struct ranker *ranker)
{
    const struct weights *weights = ranker->weights;
    struct ranker_scaling *scaling = &ranker->scaling;
    for (uint32_t f = 0; f < ranker->columns; f++) {
        double n = weights->samples > 0 ? weights->samples : 1;
        double mean = weights->sums[f] / n;
        double variance = weights->squares[f] / n - mean * mean;
        scaling->mean[f] = (float)mean;
        scaling->scale[f] = feature_masked(&ranker->off, f)
                                ? 0
                                : (float)(1 / sqrt((variance > 0 ? variance : 0) + VARIANCE_FLOOR));
    }
    scaling->samples = weights->samples;
}

void ranker_init(struct ranker *ranker, struct weights *weights, const struct feature_mask *off)
{
    ranker_init_columns(ranker, weights, off, feature_count, feature_varying_count);
}

void ranker_init_columns(struct ranker *ranker, struct weights *weights,
                         const struct feature_mask *off, uint32_t columns, uint32_t varying)
{
    memset(ranker, 0, sizeof *ranker);
    ranker->weights = weights;
    ranker->columns = columns;
    ranker->varying = varying;
    ranker->off = *off;
    for (uint32_t i = 0; i < AT_BIAS; i++)
        ranker->start[i] = .15f * draw_normal(draw_mix(i));
    for (uint32_t i = AT_OUTPUT; i < AT_LINEAR; i++)
        ranker->start[i] = .3f * draw_normal(draw_mix(i));
    make_scaling(ranker);
}

/* ---- standardising ---- */

static void sample(struct ranker *ranker, const struct feature_matrix *matrix)
{
    struct weights *weights = ranker->weights;
    uint32_t i = draw_below(draw_mix(ranker->draws++), matrix->count);
    weights->samples += 1;
    for (uint32_t f = 0; f < ranker->columns; f++) {
        double x = f < ranker->varying ? (double)matrix->columns[(size_t)f * matrix->stride + i]
                                       : (double)matrix->common[f];
        weights->sums[f] += x;
        weights->squares[f] += x * x;
    }
}

void ranker_standardise(struct ranker *ranker, struct feature_matrix *matrix)
{
    struct ranker_scaling *scaling = &ranker->scaling;
    double samples = ranker->weights->samples;
    if (!ranker->frozen && samples < RANKER_SAMPLES && matrix->count > 0) {
        sample(ranker, matrix);
        ranker->sampled = true;
    }
    /* Few samples: each one counts. Later: every 64. Fewer than before: an abort took some back. */
    if (samples < 64 || samples - scaling->samples >= 64 || samples < scaling->samples ||
        (ranker->frozen && samples > scaling->samples) ||
        (samples >= RANKER_SAMPLES && scaling->samples < RANKER_SAMPLES))
        make_scaling(ranker);
    const struct kernels *kernels = kernels_best();
    for (uint32_t f = 0; f < ranker->columns; f++) {
        matrix->common[f] = (matrix->common[f] - scaling->mean[f]) * scaling->scale[f];
        if (f < ranker->varying && matrix->filled[f])
            kernels->scale(matrix->columns + (size_t)f * matrix->stride, scaling->scale[f],
                           matrix->stride);
    }
}

/* ---- forward ---- */

/* The weights are start + run. Leaves the hidden units' outputs in ranker->hidden. */
static void forward(struct ranker *ranker, const float *run, const struct feature_matrix *matrix,
                    float *ret_scores)
{
    uint32_t n = matrix->stride;
    const struct kernels *kernels = kernels_best();
    float *weights = ranker->scratch, *bias = ranker->bias;
    kernels->sum(weights, ranker->start, run, WEIGHTS_COUNT);
    memcpy(bias, weights + AT_BIAS, sizeof ranker->bias);
    kernels->combine(bias, matrix->common, weights, ranker->columns, HIDDEN);
    kernels->layer(weights, HIDDEN, weights + AT_LINEAR, matrix->columns, n, matrix->filled,
                   ranker->varying, ranker->hidden, ret_scores);
    float constant = kernels->dot(matrix->common, weights + AT_LINEAR, FEATURES_MAX);
    for (uint32_t i = 0; i < n; i++)
        ret_scores[i] += constant;
    kernels->units(ranker->hidden, bias, LEAK, weights + AT_OUTPUT, HIDDEN, n, ret_scores);
}

/* The run that serves. */
static const float *serving_run(const struct weights *weights)
{
    return weights->runs[weights->steps < RANKER_AVERAGE_FROM ? WEIGHTS_NOW : WEIGHTS_AVERAGE];
}

bool ranker_score(struct ranker *ranker, const struct feature_matrix *matrix, float *ret_scores)
{
    const struct weights *weights = ranker->weights;
    if (weights->steps < RANKER_TRUST_STEPS)
        return false;
    forward(ranker, serving_run(weights), matrix, ret_scores);
    return true;
}

/* scores += share * (u.x'). The part that all candidates have in common makes no difference. */
static void add_goal(const struct ranker *ranker, const struct feature_matrix *matrix,
                     const float *u, float share, float *scores)
{
    const struct kernels *kernels = kernels_best();
    for (uint32_t f = 0; f < ranker->varying; f++) {
        const float *column = matrix->columns + (size_t)f * matrix->stride;
        float weight = share * u[f];
        if (fabsf(weight) <= 0)
            continue;
        for (uint32_t at = 0; at < matrix->stride; at += FEATURE_GROUP)
            if (matrix->filled[f] >> (at / FEATURE_GROUP) & 1)
                kernels->add(scores + at, column + at, weight, FEATURE_GROUP);
    }
}

static const float *goal_weights(const float *run, int goal)
{
    return run + AT_GOALS + goal * FEATURES_MAX;
}

void ranker_add_goals(const struct ranker *ranker, const struct feature_matrix *matrix,
                      const struct goal_mix *mix, float *scores)
{
    for (int goal = 0; goal < GOALS; goal++)
        if (mix->shares[goal] > 0)
            add_goal(ranker, matrix, goal_weights(serving_run(ranker->weights), goal),
                     mix->shares[goal], scores);
}

/* ---- learning ---- */

_Static_assert(FEATURES_MAX <= LAYER_ROWS_MAX, "the kernel's bound");

#define DELTAS (HIDDEN + LANES) /* a row: for the hidden units' inputs, for the score, zeros */

/* Each of `count` candidates' gradients, a row a candidate. */
static void make_deltas(const struct ranker *ranker, const float *g, const uint32_t *places,
                        uint32_t count, float *ret_deltas)
{
    const struct kernels *kernels = kernels_best();
    for (uint32_t i = 0; i < count; i++, ret_deltas += DELTAS) {
        kernels->slopes(ret_deltas, ranker->hidden + places[i] * HIDDEN,
                        ranker->scratch + AT_OUTPUT, LEAK, g[places[i]], HIDDEN);
        memset(ret_deltas + HIDDEN, 0, LANES * sizeof *ret_deltas);
        ret_deltas[HIDDEN] = g[places[i]];
    }
}

/* Replaces the scores by (p - y) times the weight, 0 where it is skipped. `ret_places` are the
 * candidates that are not. Returns the loss. */
static float make_g(const struct feature_matrix *matrix, uint32_t clicked, float weight,
                    float *scores, uint32_t *ret_places, uint32_t *ret_count)
{
    uint32_t count = 0;
    float most = scores[0];
    for (uint32_t i = 1; i < matrix->count; i++)
        most = scores[i] > most ? scores[i] : most;
    for (uint32_t i = matrix->count; i < matrix->stride; i++)
        scores[i] = most - 100;
    float clicked_score = scores[clicked];
    float sum = kernels_best()->exponential(scores, most, matrix->stride);
    for (uint32_t i = 0; i < matrix->stride; i++) {
        float g = i < matrix->count ? scores[i] / sum - (i == clicked ? 1 : 0) : 0;
        scores[i] = 0;
        if (fabsf(g) < SKIP)
            continue;
        scores[i] = g * weight;
        ret_places[count++] = i;
    }
    *ret_count = count;
    return most + logf(sum) - clicked_score;
}

/* The first of the `count` ascending places in each group of candidates. */
static void find_groups(const uint32_t *places, uint32_t count, uint32_t groups,
                        uint32_t *ret_first)
{
    uint32_t i = 0;
    for (uint32_t group = 0; group <= groups; group++) {
        while (i < count && places[i] < group * FEATURE_GROUP)
            i++;
        ret_first[group] = i;
    }
}

float ranker_gradient(struct ranker *ranker, const struct feature_matrix *matrix, uint32_t clicked,
                      float weight, float *ret_gradient)
{
    const struct kernels *kernels = kernels_best();
    uint32_t places[RANKED_MAX], first[RANKED_MAX / FEATURE_GROUP + 1], count;
    uint32_t n = matrix->stride;
    _Alignas(64) float g[RANKED_MAX], deltas[RANKED_MAX * DELTAS], sum[DELTAS] = {0};
    forward(ranker, ranker->weights->runs[WEIGHTS_NOW], matrix, g);
    float loss = make_g(matrix, clicked, weight, g, places, &count);
    memset(ret_gradient, 0, WEIGHTS_COUNT * sizeof *ret_gradient);
    make_deltas(ranker, g, places, count, deltas);
    find_groups(places, count, n / FEATURE_GROUP, first);
    for (uint32_t i = 0; i < count; i++) {
        kernels->add(sum, deltas + i * DELTAS, 1, DELTAS);
        kernels->add(ret_gradient + AT_OUTPUT, ranker->hidden + places[i] * HIDDEN, g[places[i]],
                     HIDDEN);
    }
    memcpy(ret_gradient + AT_BIAS, sum, HIDDEN * sizeof *sum);
    for (uint32_t f = 0; f < ranker->columns; f++) {
        _Alignas(64) float row[DELTAS];
        memcpy(row, sum, sizeof row);
        kernels->scale(row, matrix->common[f], DELTAS);
        if (f < ranker->varying && matrix->filled[f])
            kernels->outer(row, matrix->columns + (size_t)f * n, matrix->filled[f], first, places,
                           deltas, DELTAS);
        memcpy(ret_gradient + f * HIDDEN, row, HIDDEN * sizeof *row);
        ret_gradient[AT_LINEAR + f] = row[HIDDEN];
    }
    return loss;
}

void ranker_learn_goal(struct ranker *ranker, const struct feature_matrix *matrix, uint32_t clicked,
                       enum goal goal, float weight)
{
    struct weights *weights = ranker->weights;
    const struct kernels *kernels = kernels_best();
    _Alignas(64) float g[RANKED_MAX], gradient[FEATURES_MAX] = {0};
    uint32_t places[RANKED_MAX], count;
    float *now = weights->runs[WEIGHTS_NOW], *sums = weights->runs[WEIGHTS_SUMS];
    if (weights->steps < RANKER_TRUST_STEPS)
        return;
    forward(ranker, now, matrix, g);
    add_goal(ranker, matrix, goal_weights(now, (int)goal), 1, g);
    make_g(matrix, clicked, weight, g, places, &count);
    for (uint32_t f = 0; f < ranker->varying; f++) {
        const float *column = matrix->columns + (size_t)f * matrix->stride;
        for (uint32_t at = 0; at < matrix->stride; at += FEATURE_GROUP)
            if (matrix->filled[f] >> (at / FEATURE_GROUP) & 1)
                gradient[f] += kernels->dot(g + at, column + at, FEATURE_GROUP);
    }
    if (!isfinite(kernels->dot(gradient, gradient, FEATURES_MAX)))
        return;
    size_t at = (size_t)(goal_weights(now, (int)goal) - now);
    kernels->adagrad(now + at, sums + at, gradient, GOAL_RATE, EPSILON, FEATURES_MAX);
}

void ranker_learn(struct ranker *ranker, const struct feature_matrix *matrix, uint32_t clicked,
                  float weight)
{
    struct weights *weights = ranker->weights;
    float *now = weights->runs[WEIGHTS_NOW], *average = weights->runs[WEIGHTS_AVERAGE];
    ranker_gradient(ranker, matrix, clicked, weight, ranker->gradient);
    const struct kernels *kernels = kernels_best();
    if (!isfinite(kernels->dot(ranker->gradient, ranker->gradient, WEIGHTS_COUNT)))
        return;
    kernels->adagrad(now, weights->runs[WEIGHTS_SUMS], ranker->gradient, RATE, EPSILON,
                     WEIGHTS_COUNT);
    weights->steps++;
    if (weights->steps % RANKER_AVERAGE_STEPS != 0)
        return;
    float share = AVERAGE_SPAN / (float)weights->steps;
    share = share > 1 ? 1 : share < AVERAGE_LEAST ? AVERAGE_LEAST : share;
    for (uint32_t i = 0; i < WEIGHTS_COUNT; i++)
        average[i] += share * (now[i] - average[i]);
}
