/* Every kernel, in each table that this processor can run and in the plain one: the same bits as
 * each other, and within the stated error of a naive version in double precision. */
#include "processors/math/kernels.h"
#include "tests/test.h"

#include <math.h>

#define N_MAX 136
#define ROUNDS 200
#define QUERIES_MAX 9
#define UNIT 0x1p-24 /* half of a float's last place, relative */

static const struct kernels *tested;

/* Draws numbers of either sign, over some ten orders of magnitude, now and then zero. */
static float draw(struct random *random)
{
    if (random_one_in(random, 16))
        return 0;
    float size = exp2f((float)random_below(random, 33) - 16);
    float x = size * (1 + (float)random_below(random, 1u << 23) * 0x1p-23f);
    return random_one_in(random, 2) ? x : -x;
}

static void fill(struct random *random, float *x, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        x[i] = draw(random);
}

static bool same(const float *x, const float *y, uint32_t n)
{
    return memcmp(x, y, n * sizeof *x) == 0;
}

static uint32_t draw_size(struct random *random)
{
    return LANES * (1 + random_below(random, N_MAX / LANES));
}

static void test_dot(void)
{
    struct random random = random_from(1);
    _Alignas(32) float x[N_MAX], y[N_MAX];
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t n = draw_size(&random);
        double sum = 0, sizes = 0;
        fill(&random, x, n);
        fill(&random, y, n);
        for (uint32_t i = 0; i < n; i++) {
            sum += (double)x[i] * (double)y[i];
            sizes += fabs((double)x[i] * (double)y[i]);
        }
        float best = tested->dot(x, y, n), plain = kernels_at(0)->dot(x, y, n);
        CHECK_SAY(same(&best, &plain, 1), "n %u: %g and %g", n, (double)best, (double)plain);
        CHECK_SAY(fabs((double)best - sum) <= (n / 8.0 + 5) * UNIT * sizes, "n %u: %g, not %g", n,
                  (double)best, sum);
    }
}

/* The elementwise kernels, each with its naive result and the size of its terms. */
enum elementwise { ADD, ADD_PRODUCT, PRODUCT, LARGER, SCALE, MULTIPLE, SUM, ELEMENTWISE };

static void run_elementwise(const struct kernels *kernels, enum elementwise which, float *y,
                            const float *x, const float *z, float a, uint32_t n)
{
    if (which == ADD)
        kernels->add(y, x, a, n);
    else if (which == MULTIPLE)
        kernels->multiple(y, x, a, n);
    else if (which == ADD_PRODUCT)
        kernels->add_product(y, x, a, z, n);
    else if (which == PRODUCT)
        kernels->product(y, x, a, z, n);
    else if (which == LARGER)
        kernels->larger(y, x, n);
    else if (which == SUM)
        kernels->sum(y, x, z, n);
    else
        kernels->scale(y, a, n);
}

static void test_elementwise(void)
{
    struct random random = random_from(2);
    _Alignas(32) float x[N_MAX], z[N_MAX], before[N_MAX], best[N_MAX], plain[N_MAX];
    for (int round = 0; round < ROUNDS * ELEMENTWISE; round++) {
        enum elementwise which = (enum elementwise)(round % ELEMENTWISE);
        uint32_t n = draw_size(&random);
        float a = draw(&random);
        fill(&random, x, n);
        fill(&random, z, n);
        fill(&random, before, n);
        memcpy(best, before, sizeof best);
        memcpy(plain, before, sizeof plain);
        run_elementwise(tested, which, best, x, z, a, n);
        run_elementwise(kernels_at(0), which, plain, x, z, a, n);
        CHECK_SAY(same(best, plain, n), "kernel %d, n %u", which, n);
        for (uint32_t i = 0; i < n; i++) {
            double y = which == SUM ? (double)z[i] : (double)before[i];
            if (which == MULTIPLE || which == PRODUCT)
                y = 0;
            double term = (double)x[i] * (which == SUM ? 1 : (double)a);
            if (which == ADD_PRODUCT || which == PRODUCT)
                term *= (double)z[i];
            double exact = which == SCALE    ? y * (double)a
                           : which == LARGER ? fmax((double)x[i], y)
                                             : y + term;
            double size = which == SCALE ? fabs(exact) : fabs(y) + fabs(term);
            CHECK_SAY(fabs((double)best[i] - exact) <= 3 * UNIT * size, "kernel %d: %g, not %g",
                      which, (double)best[i], exact);
        }
    }
}

enum { LAYER_ROWS = LAYER_ROWS_MAX, UNITS_MOST = 3 * LAYER_UNITS, LAYER_STRIDE = 128 };

/* Rows of x, zero but in some groups of lanes, as the bits say; rows without any hold what may not
 * be read. */
static void fill_sparse(struct random *random, float *x, uint32_t rows, uint32_t n,
                        uint16_t *ret_filled)
{
    for (uint32_t f = 0; f < rows; f++) {
        fill(random, x + f * n, n);
        ret_filled[f] = 0;
        for (uint32_t i = 0; i < n; i += LANES) {
            bool some = random_one_in(random, 2);
            ret_filled[f] |= (uint16_t)(some << (i / LANES));
            for (uint32_t k = i; !some && k < i + LANES; k++)
                x[f * n + k] = 0;
        }
        for (uint32_t k = 0; ret_filled[f] == 0 && k < n; k++)
            x[f * n + k] = NAN;
    }
}

/* The sum over f of w[f * w_stride] x[f * n]. */
static void check_layer(float sum, const float *w, uint32_t w_stride, const float *x, uint32_t n,
                        const uint16_t *filled, uint32_t count)
{
    double exact = 0, size = 0;
    for (uint32_t f = 0; f < count; f++) {
        double term = filled[f] ? (double)w[f * w_stride] * (double)x[f * n] : 0;
        exact += term;
        size += fabs(term);
    }
    CHECK_SAY(fabs((double)sum - exact) <= (2 + count) * UNIT * size, "%u rows: %g, not %g", count,
              (double)sum, exact);
}

static void test_layer(void)
{
    struct random random = random_from(3);
    static float w[LAYER_ROWS * UNITS_MOST], linear[LAYER_ROWS], x[LAYER_ROWS * LAYER_STRIDE];
    static float best[UNITS_MOST * LAYER_STRIDE], plain[UNITS_MOST * LAYER_STRIDE];
    float best_linear[LAYER_STRIDE], plain_linear[LAYER_STRIDE];
    for (int round = 0; round < ROUNDS; round++) {
        uint16_t filled[LAYER_ROWS];
        uint32_t n = LANES * (1 + random_below(&random, LAYER_STRIDE / LANES));
        uint32_t units = LAYER_UNITS * (1 + random_below(&random, UNITS_MOST / LAYER_UNITS));
        uint32_t count = random_below(&random, LAYER_ROWS + 1);
        fill(&random, w, count * units);
        fill(&random, linear, count);
        fill_sparse(&random, x, count, n, filled);
        tested->layer(w, units, linear, x, n, filled, count, best, best_linear);
        kernels_at(0)->layer(w, units, linear, x, n, filled, count, plain, plain_linear);
        CHECK_SAY(same(best, plain, units * n) && same(best_linear, plain_linear, n),
                  "%u units, %u rows, n %u", units, count, n);
        for (uint32_t times = 0; times < 100; times++) {
            uint32_t u = random_below(&random, units), i = random_below(&random, n);
            check_layer(best[i * units + u], w + u, units, x + i, n, filled, count);
            check_layer(best_linear[i], linear, 1, x + i, n, filled, count);
        }
    }
}

static void test_combine(void)
{
    struct random random = random_from(15);
    enum { ROWS = 37, WIDEST = 120 };
    static float rows[ROWS * WIDEST], turned[ROWS * WIDEST];
    for (int round = 0; round < ROUNDS; round++) {
        float x[ROWS], before[WIDEST], best[WIDEST], plain[WIDEST], chosen[WIDEST];
        uint32_t n = LANES * (1 + random_below(&random, WIDEST / LANES)), places[ROWS];
        uint32_t count = random_below(&random, ROWS + 1);
        fill(&random, rows, ROWS * n);
        fill(&random, x, ROWS);
        fill(&random, before, n);
        memcpy(best, before, sizeof best);
        memcpy(plain, before, sizeof plain);
        tested->combine(best, x, rows, count, n);
        kernels_at(0)->combine(plain, x, rows, count, n);
        CHECK(same(best, plain, n));
        memcpy(chosen, before, sizeof chosen);
        for (uint32_t i = 0; i < ROWS; i++) /* the same rows, in another order and place */
            places[i] = ROWS - 1 - i;
        for (uint32_t i = 0; i < ROWS; i++)
            memcpy(turned + places[i] * n, rows + i * n, n * sizeof *rows);
        tested->combine_rows(chosen, x, turned, places, count, n);
        CHECK(same(best, chosen, n));
        memcpy(chosen, before, sizeof chosen);
        kernels_at(0)->combine_rows(chosen, x, turned, places, count, n);
        CHECK(same(best, chosen, n));
        for (uint32_t k = 0; k < n; k++) {
            double exact = (double)before[k], size = fabs(exact);
            for (uint32_t i = 0; i < count; i++) {
                exact += (double)x[i] * (double)rows[i * n + k];
                size += fabs((double)x[i] * (double)rows[i * n + k]);
            }
            CHECK(fabs((double)best[k] - exact) <= (2 + count) * UNIT * size);
        }
    }
}

static void test_outer(void)
{
    struct random random = random_from(16);
    enum { WIDEST = 88 };
    static float y[LAYER_STRIDE * WIDEST];
    for (int round = 0; round < ROUNDS; round++) {
        float x[LAYER_STRIDE], before[WIDEST], best[WIDEST], plain[WIDEST];
        uint32_t places[LAYER_STRIDE], first[LAYER_STRIDE / LANES + 1], count = 0;
        uint32_t n = LANES * (1 + random_below(&random, WIDEST / LANES));
        uint16_t filled;
        fill_sparse(&random, x, 1, LAYER_STRIDE, &filled);
        fill(&random, y, LAYER_STRIDE * n);
        fill(&random, before, n);
        for (uint32_t i = 0; i < LAYER_STRIDE; i++) {
            if (i % LANES == 0)
                first[i / LANES] = count;
            if (random_one_in(&random, 3))
                places[count++] = i;
        }
        first[LAYER_STRIDE / LANES] = count;
        memcpy(best, before, sizeof best);
        memcpy(plain, before, sizeof plain);
        tested->outer(best, x, filled, first, places, y, n);
        kernels_at(0)->outer(plain, x, filled, first, places, y, n);
        CHECK(same(best, plain, n));
        for (uint32_t k = 0; k < n; k++) {
            double exact = (double)before[k], size = fabs(exact);
            for (uint32_t i = 0; filled && i < count; i++) {
                exact += (double)x[places[i]] * (double)y[i * n + k];
                size += fabs((double)x[places[i]] * (double)y[i * n + k]);
            }
            CHECK(fabs((double)best[k] - exact) <= (2 + count) * UNIT * size);
        }
    }
}

static void test_filled(void)
{
    struct random random = random_from(17);
    for (int round = 0; round < ROUNDS; round++) {
        float x[LAYER_STRIDE];
        uint32_t n = LANES * (1 + random_below(&random, LAYER_STRIDE / LANES)), exact = 0;
        for (uint32_t i = 0; i < n; i++) {
            x[i] = random_one_in(&random, 10) ? random_one_in(&random, 4) ? NAN : 1e-42f : 0;
            exact |= (uint32_t)(x[i] < 0 || x[i] > 0 || isnan(x[i])) << (i / LANES);
        }
        CHECK_INT(tested->filled(x, n), exact);
        CHECK_INT(kernels_at(0)->filled(x, n), exact);
    }
}

static void test_narrow(void)
{
    struct random random = random_from(18);
    for (int round = 0; round < ROUNDS; round++) {
        float x[N_MAX], best[N_MAX], plain[N_MAX];
        uint16_t best_halves[N_MAX], plain_halves[N_MAX];
        uint32_t n = draw_size(&random);
        fill(&random, x, n);
        tested->narrow(best_halves, x, n);
        kernels_at(0)->narrow(plain_halves, x, n);
        tested->widen(best, best_halves, n);
        kernels_at(0)->widen(plain, plain_halves, n);
        CHECK(memcmp(best_halves, plain_halves, n * sizeof *best_halves) == 0);
        CHECK(same(best, plain, n));
        for (uint32_t i = 0; i < n; i++)
            CHECK(fabsf(best[i] - x[i]) <= fabsf(x[i]) * 0x1p-8f);
    }
}

static void test_logits(void)
{
    struct random random = random_from(31);
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t n = draw_size(&random);
        float a = draw(&random), scales[N_MAX], shifts[N_MAX], before[N_MAX];
        float best[N_MAX], plain[N_MAX];
        fill(&random, before, n);
        fill(&random, scales, n);
        fill(&random, shifts, n);
        memcpy(best, before, n * sizeof *best);
        memcpy(plain, before, n * sizeof *plain);
        float most = tested->logits(best, scales, a, shifts, n), largest = best[0];
        CHECK(most == kernels_at(0)->logits(plain, scales, a, shifts, n));
        CHECK(same(best, plain, n));
        for (uint32_t i = 0; i < n; i++) {
            double term = (double)before[i] * (double)scales[i] * (double)a;
            largest = best[i] > largest ? best[i] : largest;
            CHECK_SAY(fabs((double)best[i] - (term - (double)shifts[i])) <=
                          4 * UNIT * (fabs(term) + fabs((double)shifts[i])),
                      "n %u: at %u", n, i);
        }
        CHECK_SAY(most == largest, "%g, not %g", (double)most, (double)largest);
    }
}

static void test_dot_rows(void)
{
    struct random random = random_from(4);
    enum { ROWS = 29, COUNT = 23, STRIDE = 25 };
    static float rows[ROWS * N_MAX], queries[QUERIES_MAX * N_MAX];
    for (int round = 0; round < ROUNDS; round++) {
        float best[QUERIES_MAX * STRIDE] = {0}, plain[QUERIES_MAX * STRIDE] = {0};
        uint32_t n = draw_size(&random), count = random_below(&random, COUNT + 1);
        uint32_t query_count = 1 + random_below(&random, QUERIES_MAX), places[COUNT];
        fill(&random, rows, ROWS * n);
        fill(&random, queries, QUERIES_MAX * n);
        for (uint32_t j = 0; j < count; j++)
            places[j] = random_below(&random, ROWS);
        tested->dot_rows(rows, places, count, n, queries, query_count, best, STRIDE);
        kernels_at(0)->dot_rows(rows, places, count, n, queries, query_count, plain, STRIDE);
        CHECK(same(best, plain, QUERIES_MAX * STRIDE));
        for (uint32_t s = 0; s < QUERIES_MAX; s++) {
            for (uint32_t j = 0; j < STRIDE; j++) {
                bool wanted = s < query_count && j < count;
                float one = wanted ? kernels_at(0)->dot(queries + (size_t)s * n,
                                                        rows + (size_t)places[j] * n, n)
                                   : 0; /* and nothing beside is written */
                CHECK_SAY(same(&best[s * STRIDE + j], &one, 1), "query %u, row %u", s, j);
            }
        }
    }
}

static void test_units(void)
{
    struct random random = random_from(5);
    enum { UNITS = 40, ROWS = 24 };
    for (int round = 0; round < ROUNDS; round++) {
        float x[ROWS * UNITS], best_x[ROWS * UNITS], plain_x[ROWS * UNITS];
        float y[ROWS], best_y[ROWS], plain_y[ROWS], bias[UNITS], a[UNITS], best[UNITS],
            plain[UNITS];
        uint32_t units = LANES * (1 + random_below(&random, UNITS / LANES));
        uint32_t rows = LANES * (1 + random_below(&random, ROWS / LANES));
        float leak = .1f, g = draw(&random);
        fill(&random, x, ROWS * UNITS);
        fill(&random, y, ROWS);
        fill(&random, a, UNITS);
        for (uint32_t u = 0; u < UNITS; u++)
            bias[u] = u < LANES ? -x[u] : draw(&random); /* some units are exactly 0 */
        memcpy(best_x, x, sizeof x);
        memcpy(plain_x, x, sizeof x);
        memcpy(best_y, y, sizeof y);
        memcpy(plain_y, y, sizeof y);
        tested->units(best_x, bias, leak, a, units, rows, best_y);
        kernels_at(0)->units(plain_x, bias, leak, a, units, rows, plain_y);
        CHECK(same(best_x, plain_x, rows * units) && same(best_y, plain_y, rows));
        for (uint32_t r = 0; r < rows; r++) {
            double exact = (double)y[r], size = fabs(exact);
            for (uint32_t u = 0; u < units; u++) {
                float z = x[r * units + u] + bias[u];
                z = z > 0 ? z : z * leak;
                CHECK(same(&best_x[r * units + u], &z, 1));
                exact += (double)z * (double)a[u];
                size += fabs((double)z * (double)a[u]);
            }
            CHECK(fabs((double)best_y[r] - exact) <= (2 + units) * UNIT * size);
            tested->slopes(best, best_x + r * units, a, leak, g, units);
            kernels_at(0)->slopes(plain, best_x + r * units, a, leak, g, units);
            CHECK(same(best, plain, units));
            for (uint32_t u = 0; u < units; u++) {
                double slope =
                    (double)a[u] * (double)g * (best_x[r * units + u] > 0 ? 1 : (double)leak);
                CHECK(fabs((double)best[u] - slope) <= 3 * UNIT * fabs(slope));
            }
        }
    }
}

static void test_exponential(void)
{
    struct random random = random_from(6);
    double worst = 0;
    for (int round = 0; round < 20 * ROUNDS; round++) {
        float x[N_MAX], best[N_MAX], plain[N_MAX];
        uint32_t n = draw_size(&random);
        float shift = (float)random_below(&random, 2001) / 10 - 100;
        double sum = 0;
        for (uint32_t i = 0; i < n; i++)
            x[i] = shift - (float)random_below(&random, 100000000) * 1e-6f;
        x[0] = shift;
        x[1] = -INFINITY;
        x[2] = shift + 80; /* within what a float holds */
        memcpy(best, x, sizeof x);
        memcpy(plain, x, sizeof x);
        float best_sum = tested->exponential(best, shift, n);
        float plain_sum = kernels_at(0)->exponential(plain, shift, n);
        CHECK(same(best, plain, n) && same(&best_sum, &plain_sum, 1));
        for (uint32_t i = 0; i < n; i++) {
            float v = x[i] - shift;
            sum += (double)best[i];
            if (v < -87) {
                CHECK_REAL(best[i], 0);
                continue;
            }
            double error = fabs((double)best[i] / exp((double)v) - 1);
            worst = error > worst ? error : worst;
        }
        CHECK(fabs((double)best_sum - sum) <= n * UNIT * sum);
    }
    CHECK_SAY(worst < 3e-7, "relative error %g", worst);
}

/* ln(1 + a x): the sum is rounded, then its logarithm. */
static void test_log1p(void)
{
    struct random random = random_from(7);
    double worst = 0, worst_small = 0;
    for (int round = 0; round < 20 * ROUNDS; round++) {
        float x[N_MAX], best[N_MAX], plain[N_MAX];
        uint32_t n = draw_size(&random);
        float a = fabsf(draw(&random)), b = draw(&random);
        for (uint32_t i = 0; i < n; i++)
            x[i] = fabsf(draw(&random));
        memcpy(best, x, sizeof x);
        memcpy(plain, x, sizeof x);
        tested->log1p(best, a, b, n);
        kernels_at(0)->log1p(plain, a, b, n);
        CHECK(same(best, plain, n));
        for (uint32_t i = 0; i < n && b != 0; i++) {
            double exact = log1p((double)a * (double)x[i]);
            double error = fabs((double)best[i] / (double)b - exact);
            double *at = exact > .1 ? &worst : &worst_small;
            error = exact > .1 ? error / exact : error;
            *at = error > *at ? error : *at;
        }
    }
    CHECK_SAY(worst < 1e-6, "relative error %g", worst);
    CHECK_SAY(worst_small < 1e-7, "absolute error below ln = .1: %g", worst_small);
}

static void test_log_rank(void)
{
    struct random random = random_from(8);
    for (int round = 0; round < ROUNDS; round++) {
        float x[N_MAX], best[N_MAX], plain[N_MAX];
        uint32_t n = draw_size(&random);
        float a = draw(&random), b = draw(&random);
        for (uint32_t i = 0; i < n; i++)
            x[i] = random_one_in(&random, 3) ? -(float)random_below(&random, 2)
                                             : (float)(1 + random_below(&random, 1u << 24));
        memcpy(best, x, sizeof x);
        memcpy(plain, x, sizeof x);
        tested->log_rank(best, a, b, n);
        kernels_at(0)->log_rank(plain, a, b, n);
        CHECK(same(best, plain, n));
        for (uint32_t i = 0; i < n; i++) {
            double term = x[i] > 0 ? (double)b * log((double)x[i]) : 0;
            double exact = x[i] > 0 ? (double)a + term : 0;
            CHECK_SAY(fabs((double)best[i] - exact) <= 1e-6 * (fabs((double)a) + fabs(term)),
                      "a %g, b %g, x %g: %g, not %g", (double)a, (double)b, (double)x[i],
                      (double)best[i], exact);
        }
    }
}

static void test_log(void)
{
    struct random random = random_from(9);
    double worst = 0;
    for (int round = 0; round < 100 * ROUNDS; round++) {
        float x = exp2f((float)random_below(&random, 250) - 125) *
                  (1 + (float)random_below(&random, 1u << 23) * 0x1p-23f);
        double exact = log((double)x);
        double error = fabs((double)kernels_log(x) - exact) / fmax(fabs(exact), .1);
        worst = error > worst ? error : worst;
    }
    CHECK_SAY(worst < 1e-6, "error %g", worst);
    CHECK_REAL(kernels_log(1), 0);
}

static void test_ranks(void)
{
    struct random random = random_from(10);
    for (int round = 0; round < ROUNDS; round++) {
        float x[N_MAX], best[N_MAX], plain[N_MAX];
        uint32_t n = draw_size(&random);
        for (uint32_t i = 0; i < n; i++)
            x[i] = (float)random_below(&random, n); /* with ties */
        tested->ranks(x, best, n);
        kernels_at(0)->ranks(x, plain, n);
        CHECK(same(best, plain, n));
        for (uint32_t i = 0; i < n; i++) {
            uint32_t rank = 1;
            for (uint32_t k = 0; k < n; k++)
                rank += x[k] > x[i];
            CHECK_REAL(best[i], rank);
        }
    }
}

static void test_order(void)
{
    struct random random = random_from(19);
    for (int round = 0; round < ROUNDS; round++) {
        float x[N_MAX];
        uint16_t best[N_MAX], plain[N_MAX];
        uint32_t n = draw_size(&random), values = 1 + random_below(&random, 200);
        for (uint32_t i = 0; i < n; i++)
            x[i] =
                random_one_in(&random, 20) ? -INFINITY : (float)random_below(&random, values) - 100;
        tested->order(x, best, n);
        kernels_at(0)->order(x, plain, n);
        for (uint32_t r = 0; r < n; r++) {
            CHECK_INT(best[r], plain[r]);
            CHECK(r == 0 || x[best[r - 1]] > x[best[r]] ||
                  (!(x[best[r - 1]] < x[best[r]]) && best[r - 1] < best[r]));
        }
    }
}

static void test_replace(void)
{
    struct random random = random_from(20);
    for (int round = 0; round < ROUNDS; round++) {
        float x[N_MAX], best[N_MAX], plain[N_MAX], a = draw(&random);
        uint32_t places[N_MAX], n = draw_size(&random), place = random_below(&random, 10);
        fill(&random, x, n);
        for (uint32_t i = 0; i < n; i++)
            places[i] = random_below(&random, 10);
        memcpy(best, x, sizeof best);
        memcpy(plain, x, sizeof plain);
        tested->replace(best, places, place, a, n);
        kernels_at(0)->replace(plain, places, place, a, n);
        for (uint32_t i = 0; i < n; i++)
            CHECK(same(&best[i], places[i] == place ? &a : &x[i], 1) &&
                  same(&plain[i], &best[i], 1));
    }
}

static void test_adagrad(void)
{
    struct random random = random_from(11);
    for (int round = 0; round < ROUNDS; round++) {
        float x[N_MAX], sums[N_MAX], g[N_MAX], best_x[N_MAX], best_sums[N_MAX], plain_x[N_MAX],
            plain_sums[N_MAX];
        uint32_t n = draw_size(&random);
        float rate = .02f, epsilon = random_one_in(&random, 2) ? 1e-3f : 1e-9f;
        fill(&random, x, n);
        fill(&random, g, n);
        for (uint32_t i = 0; i < n; i++)
            sums[i] = fabsf(draw(&random));
        memcpy(best_x, x, sizeof x);
        memcpy(plain_x, x, sizeof x);
        memcpy(best_sums, sums, sizeof sums);
        memcpy(plain_sums, sums, sizeof sums);
        tested->adagrad(best_x, best_sums, g, rate, epsilon, n);
        kernels_at(0)->adagrad(plain_x, plain_sums, g, rate, epsilon, n);
        CHECK(same(best_x, plain_x, n) && same(best_sums, plain_sums, n));
        for (uint32_t i = 0; i < n; i++) {
            double sum = (double)sums[i] + (double)g[i] * (double)g[i];
            double step = (double)rate * (double)g[i] / sqrt(sum + (double)epsilon);
            CHECK(fabs((double)best_sums[i] - sum) <= 2 * UNIT * sum);
            CHECK(fabs((double)best_x[i] - ((double)x[i] - step)) <=
                  2 * UNIT * fabs((double)x[i]) + 8 * UNIT * fabs(step));
        }
    }
}

/* The step of row/|row| along a gradient, as it would be written on paper. */
static void test_turn_step(void)
{
    struct random random = random_from(12);
    for (int round = 0; round < ROUNDS; round++) {
        float row[N_MAX], gradient[N_MAX], best[N_MAX], plain[N_MAX];
        uint32_t n = draw_size(&random);
        double squared = 0, along = 0, g[N_MAX], squares = 0, largest = 0;
        for (uint32_t i = 0; i < n; i++) {
            row[i] = (float)random_below(&random, 2001) / 1000 - 1;
            gradient[i] = (float)random_below(&random, 2001) / 1000 - 1;
            squared += (double)row[i] * (double)row[i];
            along += (double)row[i] * (double)gradient[i];
        }
        double norm = sqrt(squared);
        for (uint32_t i = 0; i < n; i++) {
            g[i] = ((double)gradient[i] - (double)row[i] * along / squared) / norm;
            squares += g[i] * g[i];
            largest = fmax(largest, fabs(g[i]));
        }
        float inverse = (float)(1 / norm), first = 1e-3f, best_sum = first, plain_sum = first;
        memcpy(best, row, sizeof row);
        memcpy(plain, row, sizeof row);
        float best_norm = tested->turn_step(best, gradient, inverse, &best_sum, .1f, n);
        float plain_norm = kernels_at(0)->turn_step(plain, gradient, inverse, &plain_sum, .1f, n);
        CHECK(same(best, plain, n) && same(&best_sum, &plain_sum, 1) &&
              same(&best_norm, &plain_norm, 1));
        double sum = (double)first + squares / n, after = 0;
        CHECK(fabs((double)best_sum - sum) <= 1e-5 * sum);
        for (uint32_t i = 0; i < n; i++) {
            double exact = (double)row[i] - .1 * g[i] / sqrt(sum);
            CHECK_SAY(fabs((double)best[i] - exact) <= 1e-6 + 1e-5 * largest / sqrt(sum),
                      "n %u: %g, not %g", n, (double)best[i], exact);
            after += (double)best[i] * (double)best[i];
        }
        CHECK(fabs((double)best_norm - after) <= 1e-5 * after);
    }
}

static void test_table(void)
{
    TEST_RUN(test_dot);
    TEST_RUN(test_elementwise);
    TEST_RUN(test_layer);
    TEST_RUN(test_combine);
    TEST_RUN(test_outer);
    TEST_RUN(test_filled);
    TEST_RUN(test_narrow);
    TEST_RUN(test_logits);
    TEST_RUN(test_dot_rows);
    TEST_RUN(test_units);
    TEST_RUN(test_exponential);
    TEST_RUN(test_log1p);
    TEST_RUN(test_log_rank);
    TEST_RUN(test_log);
    TEST_RUN(test_ranks);
    TEST_RUN(test_order);
    TEST_RUN(test_replace);
    TEST_RUN(test_adagrad);
    TEST_RUN(test_turn_step);
}

int main(void)
{
    for (uint32_t which = 0; (tested = kernels_at(which)); which++)
        test_table();
    return test_done();
}
