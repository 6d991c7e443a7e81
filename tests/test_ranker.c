/* The ranker against a naive version in double precision: its scores, its gradient by finite
 * differences, how it standardises and averages; that it learns what was planted, and that nothing
 * enters it that is not a number. */
#include "processors/recommend/ranking/ranker.h"
#include "tests/test.h"

#define AT_BIAS (FEATURES_MAX * HIDDEN)
#define AT_OUTPUT (AT_BIAS + HIDDEN)
#define AT_LINEAR (AT_OUTPUT + HIDDEN)
#define LEAK .1
#define SKIP 5e-4

static const struct feature_mask none_off;

static double draw(struct random *random) /* about normal */
{
    double sum = 0;
    for (int i = 0; i < 12; i++)
        sum += (double)random_below(random, 1u << 24) * 0x1p-24;
    return sum - 6;
}

static void random_matrix(struct random *random, uint32_t count, struct feature_matrix *ret_matrix)
{
    ret_matrix->count = count;
    ret_matrix->stride = (count + 7) / 8 * 8;
    memset(ret_matrix->columns, 0, sizeof ret_matrix->columns);
    memset(ret_matrix->common, 0, sizeof ret_matrix->common);
    memset(ret_matrix->filled, 0, sizeof ret_matrix->filled);
    for (uint32_t f = 0; f < feature_varying_count; f++) {
        float *x = ret_matrix->columns + f * ret_matrix->stride;
        for (uint32_t i = 0; i < count; i++)
            x[i] = (float)draw(random);
        for (uint32_t group = 0; group < ret_matrix->stride / FEATURE_GROUP; group++)
            ret_matrix->filled[f] |= (uint16_t)(1u << group);
    }
    for (uint32_t f = feature_varying_count; f < feature_count; f++)
        ret_matrix->common[f] = (float)draw(random);
}

/* As no generator knows all candidates: parts of columns are 0. The content of columns without
 * any must not matter. */
static void thin_out(struct random *random, struct feature_matrix *matrix)
{
    for (uint32_t f = 0; f < feature_varying_count; f++) {
        float *x = matrix->columns + f * matrix->stride;
        matrix->common[f] = (float)draw(random);
        for (uint32_t group = 0; group < matrix->stride / FEATURE_GROUP; group++) {
            if (random_one_in(random, 2))
                continue;
            matrix->filled[f] &= (uint16_t)~(1u << group);
            memset(x + group * FEATURE_GROUP, 0, FEATURE_GROUP * sizeof *x);
        }
        for (uint32_t i = 0; matrix->filled[f] == 0 && i < matrix->stride; i++)
            x[i] = NAN;
    }
}

static double feature_of(const struct feature_matrix *matrix, uint32_t i, uint32_t f)
{
    double x = f < feature_varying_count && matrix->filled[f]
                   ? (double)matrix->columns[(size_t)f * matrix->stride + i]
                   : 0;
    return x + (double)matrix->common[f];
}

static double naive_score(const double *weights, const struct feature_matrix *matrix, uint32_t i)
{
    double score = 0;
    for (uint32_t f = 0; f < feature_count; f++)
        score += weights[AT_LINEAR + f] * feature_of(matrix, i, f);
    for (uint32_t k = 0; k < HIDDEN; k++) {
        double z = weights[AT_BIAS + k];
        for (uint32_t f = 0; f < feature_count; f++)
            z += weights[f * HIDDEN + k] * feature_of(matrix, i, f);
        score += weights[AT_OUTPUT + k] * (z > 0 ? z : LEAK * z);
    }
    return score;
}

static double naive_loss(const double *weights, const struct feature_matrix *matrix,
                         uint32_t clicked)
{
    double sum = 0, of_clicked = naive_score(weights, matrix, clicked);
    for (uint32_t i = 0; i < matrix->count; i++)
        sum += exp(naive_score(weights, matrix, i) - of_clicked);
    return log(sum);
}

/* sum of g s with g fixed: has the gradient of the loss, but for the candidates that are skipped.
 */
static double naive_surrogate(const double *weights, const struct feature_matrix *matrix,
                              const double *g)
{
    double sum = 0;
    for (uint32_t i = 0; i < matrix->count; i++)
        if (g[i] < 0 || g[i] > 0)
            sum += g[i] * naive_score(weights, matrix, i);
    return sum;
}

/* Returns how many are skipped. */
static uint32_t naive_g(const double *weights, const struct feature_matrix *matrix,
                        uint32_t clicked, double *ret_g)
{
    double loss = naive_loss(weights, matrix, clicked);
    double of_clicked = naive_score(weights, matrix, clicked);
    uint32_t skipped = 0;
    for (uint32_t i = 0; i < matrix->count; i++) {
        ret_g[i] = exp(naive_score(weights, matrix, i) - of_clicked - loss) - (i == clicked);
        if (fabs(ret_g[i]) < SKIP) {
            ret_g[i] = 0;
            skipped++;
        }
    }
    return skipped;
}

struct fixture {
    struct weights *weights;
    struct ranker *ranker;
    struct feature_matrix *matrix;
    double *exact; /* start + newest */
    float *gradient;
};

static struct fixture new_fixture(void)
{
    struct fixture fixture = {
        .weights = weights_new(1),
        .ranker = memory_aligned(sizeof *fixture.ranker),
        .matrix = memory_aligned(sizeof *fixture.matrix),
        .exact = memory_get(WEIGHTS_COUNT * sizeof *fixture.exact),
        .gradient = memory_get(WEIGHTS_COUNT * sizeof *fixture.gradient),
    };
    ranker_init(fixture.ranker, fixture.weights, &none_off);
    return fixture;
}

static void release_fixture(struct fixture *fixture)
{
    free(fixture->weights);
    free(fixture->ranker);
    free(fixture->matrix);
    free(fixture->exact);
    free(fixture->gradient);
}

static void random_run(struct random *random, struct fixture *fixture, enum weights_run run,
                       double deviation)
{
    for (uint32_t i = 0; i < WEIGHTS_COUNT; i++) {
        float x = (float)(deviation * draw(random));
        fixture->weights->runs[run][i] = x;
        fixture->exact[i] = (double)(fixture->ranker->start[i] + x);
    }
}

static void test_start(void)
{
    struct fixture fixture = new_fixture(), again = new_fixture();
    const float *start = fixture.ranker->start;
    double squares[2] = {0, 0};
    CHECK(memcmp(start, again.ranker->start, sizeof fixture.ranker->start) == 0);
    for (uint32_t i = 0; i < AT_BIAS; i++)
        squares[0] += (double)start[i] * (double)start[i];
    for (uint32_t i = AT_OUTPUT; i < AT_LINEAR; i++)
        squares[1] += (double)start[i] * (double)start[i];
    CHECK(fabs(sqrt(squares[0] / AT_BIAS) / .15 - 1) < .05);
    CHECK(fabs(sqrt(squares[1] / HIDDEN) / .3 - 1) < .4);
    for (uint32_t k = 0; k < HIDDEN; k++)
        CHECK_REAL(start[AT_BIAS + k], 0);
    for (uint32_t f = 0; f < FEATURES_MAX; f++)
        CHECK_REAL(start[AT_LINEAR + f], 0);
    release_fixture(&fixture);
    release_fixture(&again);
}

static void test_scores(void)
{
    struct random random = random_from(1);
    struct fixture fixture = new_fixture();
    float scores[RANKED_MAX];
    fixture.weights->steps = RANKER_TRUST_STEPS - 1;
    random_matrix(&random, 10, fixture.matrix);
    CHECK(!ranker_score(fixture.ranker, fixture.matrix, scores));
    for (int round = 0; round < 60; round++) {
        enum weights_run run = round % 2 ? WEIGHTS_NOW : WEIGHTS_AVERAGE;
        random_run(&random, &fixture, round % 2 ? WEIGHTS_AVERAGE : WEIGHTS_NOW, .3);
        random_run(&random, &fixture, run, .3); /* the one that must serve */
        random_matrix(&random, 1 + random_below(&random, RANKED_MAX), fixture.matrix);
        if (random_one_in(&random, 2))
            thin_out(&random, fixture.matrix);
        fixture.weights->steps = run == WEIGHTS_NOW ? RANKER_AVERAGE_FROM - 1 : RANKER_AVERAGE_FROM;
        CHECK(ranker_score(fixture.ranker, fixture.matrix, scores));
        for (uint32_t i = 0; i < fixture.matrix->count; i++) {
            double exact = naive_score(fixture.exact, fixture.matrix, i);
            CHECK_SAY(fabs((double)scores[i] - exact) < 1e-3, "%g, not %g", (double)scores[i],
                      exact);
        }
    }
    release_fixture(&fixture);
}

static void check_gradient(struct random *random, struct fixture *fixture, uint32_t count,
                           double deviation, uint32_t *ret_skipped)
{
    const struct feature_matrix *matrix = fixture->matrix;
    double g[RANKED_MAX], *weights = fixture->exact;
    float weight = (float)(1 + random_below(random, 3));
    random_run(random, fixture, WEIGHTS_NOW, deviation);
    random_matrix(random, count, fixture->matrix);
    if (random_one_in(random, 2))
        thin_out(random, fixture->matrix);
    uint32_t clicked = random_below(random, count);
    double loss = naive_loss(weights, matrix, clicked);
    *ret_skipped = naive_g(weights, matrix, clicked, g);
    double computed =
        (double)ranker_gradient(fixture->ranker, matrix, clicked, weight, fixture->gradient);
    CHECK_SAY(fabs(computed - loss) < 1e-3, "loss %g, not %g", computed, loss);
    for (uint32_t n = 0; n < 250; n++) {
        uint32_t at = n < 150 ? random_below(random, AT_BIAS)
                              : AT_BIAS + random_below(random, WEIGHTS_COUNT - AT_BIAS);
        double before = weights[at], h = 1e-6;
        weights[at] = before + h;
        double up = *ret_skipped ? naive_surrogate(weights, matrix, g)
                                 : naive_loss(weights, matrix, clicked);
        weights[at] = before - h;
        double down = *ret_skipped ? naive_surrogate(weights, matrix, g)
                                   : naive_loss(weights, matrix, clicked);
        weights[at] = before;
        double exact = (double)weight * (up - down) / (2 * h);
        CHECK_SAY(fabs((double)fixture->gradient[at] - exact) < 2e-3 * (1 + fabs(exact)),
                  "%u candidates, %u skipped, at %u: %g, not %g", count, *ret_skipped, at,
                  (double)fixture->gradient[at], exact);
    }
}

static void test_gradient(void)
{
    struct random random = random_from(2);
    struct fixture fixture = new_fixture();
    uint32_t skipped, whole = 0;
    for (int round = 0; round < 12; round++) {
        check_gradient(&random, &fixture, 2 + random_below(&random, 7), .02, &skipped);
        whole += skipped == 0;
    }
    CHECK(whole > 2); /* the loss itself was differentiated */
    for (int round = 0; round < 6; round++) {
        check_gradient(&random, &fixture, 1 + random_below(&random, RANKED_MAX), .1, &skipped);
        whole += skipped > 0;
    }
    check_gradient(&random, &fixture, 1, .1, &skipped); /* nothing to choose */
    release_fixture(&fixture);
}

/* ---- standardising ---- */

static void test_standardise(void)
{
    struct random random = random_from(3);
    struct fixture fixture = new_fixture();
    struct ranker *ranker = fixture.ranker;
    struct feature_matrix *matrix = fixture.matrix;
    double sum = 0, squares = 0, context = 0;
    uint32_t last = feature_count - 1;
    for (uint32_t list = 0; list < RANKER_SAMPLES + 2000; list++) {
        bool frozen = list >= RANKER_SAMPLES;
        matrix->count = 5;
        matrix->stride = 8;
        for (uint32_t f = 0; f < feature_varying_count; f++)
            for (uint32_t i = 0; i < 8; i++)
                matrix->columns[f * 8 + i] =
                    i < 5 ? (float)random_below(&random, 1001) / 1000 * (float)(f + 1) - 3 : 0;
        memset(matrix->common, 0, sizeof matrix->common);
        for (uint32_t f = 0; f < feature_varying_count; f++)
            matrix->filled[f] = 1;
        matrix->common[last] = (float)random_below(&random, 1001) / 100;
        float before = matrix->columns[2 * 8 + 3];
        if (frozen && list == RANKER_SAMPLES) /* from now on it is all the same */
            ranker_standardise(ranker, matrix);
        if (frozen && list == RANKER_SAMPLES)
            continue;
        struct ranker_scaling scaling = ranker->scaling;
        ranker_standardise(ranker, matrix);
        if (!frozen)
            continue;
        CHECK(memcmp(&scaling, &ranker->scaling, sizeof scaling) == 0);
        double standardised = ((double)before - (double)scaling.mean[2]) * (double)scaling.scale[2];
        CHECK(fabs(feature_of(matrix, 3, 2) - standardised) < 1e-5 * (1 + fabs(standardised)));
        for (uint32_t i = 0; i < 5; i++) {
            double x = feature_of(matrix, i, 2);
            sum += x;
            squares += x * x;
        }
        context += (double)matrix->common[last] * (double)matrix->common[last];
    }
    CHECK_REAL(fixture.weights->samples, RANKER_SAMPLES);
    CHECK_REAL(ranker->scaling.samples, RANKER_SAMPLES);
    double n = 1999 * 5, variance = 9.0 / 12; /* of 3 times an even draw */
    CHECK(fabs(sum / n) < .05);
    CHECK_SAY(fabs(squares / n - variance / (variance + .01)) < .05, "variance %g", squares / n);
    CHECK(fabs(context / 1999 - 1) < .1);
    release_fixture(&fixture);
}

static void test_masked(void)
{
    struct random random = random_from(4);
    struct fixture fixture = new_fixture();
    struct feature_mask off;
    struct error error = {0};
    CHECK(features_find("forward,length_1", &off, &error) == VERDICT_OK);
    ranker_init(fixture.ranker, fixture.weights, &off);
    for (int list = 0; list < 100; list++) {
        random_matrix(&random, 9, fixture.matrix);
        ranker_standardise(fixture.ranker, fixture.matrix);
        for (uint32_t f = 0; f < feature_count; f++)
            for (uint32_t i = 0; i < 9; i++)
                if (feature_masked(&off, f))
                    CHECK_REAL(feature_of(fixture.matrix, i, f), 0);
                else if (list > 50)
                    CHECK(fabs(feature_of(fixture.matrix, i, f)) > 0);
    }
    release_fixture(&fixture);
}

/* ---- learning ---- */

static void test_average(void)
{
    struct random random = random_from(5);
    struct fixture fixture = new_fixture();
    float *average = memory_get(WEIGHTS_COUNT * sizeof *average);
    memset(average, 0, WEIGHTS_COUNT * sizeof *average);
    for (uint32_t step = 1; step <= 400; step++) {
        random_matrix(&random, 6, fixture.matrix);
        ranker_learn(fixture.ranker, fixture.matrix, random_below(&random, 6), 1);
        CHECK_INT(fixture.weights->steps, step);
        if (step % RANKER_AVERAGE_STEPS == 0) {
            float share = 80.0f / (float)step;
            share = share > 1 ? 1 : share;
            for (uint32_t i = 0; i < WEIGHTS_COUNT; i++)
                average[i] += share * (fixture.weights->runs[WEIGHTS_NOW][i] - average[i]);
        }
        CHECK(memcmp(average, fixture.weights->runs[WEIGHTS_AVERAGE],
                     WEIGHTS_COUNT * sizeof *average) == 0);
    }
    free(average);
    release_fixture(&fixture);
}

/* The planted rule: a number of the candidate's features; visitors click the largest. */
static double linear_rule(const struct feature_matrix *matrix, uint32_t i)
{
    return feature_of(matrix, i, 3) - .5 * feature_of(matrix, i, 11);
}

static double bent_rule(const struct feature_matrix *matrix, uint32_t i)
{
    return fabs(feature_of(matrix, i, 5)); /* no linear ranker knows */
}

static double hits_after(double (*rule)(const struct feature_matrix *, uint32_t), uint32_t steps)
{
    struct random random = random_from(6);
    struct fixture fixture = new_fixture();
    uint32_t hits = 0, cases = 500;
    for (uint32_t step = 0; step < steps + cases; step++) {
        float scores[RANKED_MAX];
        uint32_t clicked = 0, first = 0;
        random_matrix(&random, 10, fixture.matrix);
        for (uint32_t i = 1; i < 10; i++)
            if (rule(fixture.matrix, i) > rule(fixture.matrix, clicked))
                clicked = i;
        if (step < steps) {
            ranker_learn(fixture.ranker, fixture.matrix, clicked, 1);
            continue;
        }
        CHECK(ranker_score(fixture.ranker, fixture.matrix, scores));
        for (uint32_t i = 1; i < 10; i++)
            if (scores[i] > scores[first])
                first = i;
        hits += first == clicked;
    }
    release_fixture(&fixture);
    return (double)hits / cases;
}

static void test_planted(void)
{
    double linear = hits_after(linear_rule, 4000), bent = hits_after(bent_rule, 8000);
    CHECK_SAY(linear > .85, "linear: %g", linear);
    CHECK_SAY(bent > .6, "bent: %g", bent);
}

/* ---- infinities and NaN ---- */

static void test_not_finite(void)
{
    struct random random = random_from(7);
    struct fixture fixture = new_fixture();
    const float bad[] = {NAN, INFINITY, -INFINITY, 3e38f, -3e38f, 1e30f, 1e18f};
    struct weights *before = weights_new(1);
    random_run(&random, &fixture, WEIGHTS_NOW, .1);
    for (int round = 0; round < 700; round++) {
        random_matrix(&random, 10, fixture.matrix);
        for (uint32_t times = random_below(&random, 20); times > 0; times--) {
            uint32_t f = random_below(&random, feature_count), i = random_below(&random, 10);
            float x = bad[random_below(&random, 7)];
            if (f < feature_varying_count)
                fixture.matrix->columns[(size_t)f * fixture.matrix->stride + i] = x;
            else
                fixture.matrix->common[f] = x;
        }
        ranker_learn(fixture.ranker, fixture.matrix, random_below(&random, 10), 1);
        CHECK(weights_finite(fixture.weights));
    }
    random_matrix(&random, 10, fixture.matrix);
    for (uint32_t f = 0; f < feature_varying_count; f++)
        fixture.matrix->columns[(size_t)f * fixture.matrix->stride + 4] = NAN;
    memcpy(before, fixture.weights, sizeof *before);
    ranker_learn(fixture.ranker, fixture.matrix, 4, 1);
    CHECK(memcmp(before, fixture.weights, sizeof *before) == 0);
    free(before);
    release_fixture(&fixture);
}

int main(void)
{
    TEST_RUN(test_start);
    TEST_RUN(test_scores);
    TEST_RUN(test_gradient);
    TEST_RUN(test_standardise);
    TEST_RUN(test_masked);
    TEST_RUN(test_average);
    TEST_RUN(test_planted);
    TEST_RUN(test_not_finite);
    return test_done();
}
