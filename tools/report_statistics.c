#include "tools/report_statistics.h"

#include <math.h>

#define POWER_QUANTILE .8416212335729143 /* of the normal distribution at 80 % */
#define VISITORS_MOST 1e15               /* that a plan can ask for */
#define SERIES_STEPS 10000
#define SERIES_PRECISION 1e-16

/* ---- sums ---- */

void visitor_sums_add(struct visitor_sums *sums, struct visitor_value value, double weight)
{
    sums->visitors += weight;
    sums->x += weight * value.x;
    sums->y += weight * value.y;
    sums->z += weight * value.z;
    sums->xx += weight * value.x * value.x;
    sums->xy += weight * value.x * value.y;
    sums->yy += weight * value.y * value.y;
    sums->xz += weight * value.x * value.z;
    sums->yz += weight * value.y * value.z;
    sums->zz += weight * value.z * value.z;
}

/* ---- estimates ---- */

/* A visitor's part: the linearised ratio l, and the covariate. */
struct linear {
    double ratio, mean_z;
    double var_l, cov_lz, var_z;
};

static double covariance(double products, double a, double b, double n)
{
    return (products - a * b / n) / (n - 1);
}

static struct linear linearise(const struct visitor_sums *s)
{
    double n = s->visitors;
    if (n < 2 || s->y <= 0)
        return (struct linear){.ratio = s->y > 0 ? s->x / s->y : NAN, .var_l = NAN};
    double ratio = s->x / s->y, mean_y = s->y / n;
    double var_l = covariance(s->xx, s->x, s->x, n) - 2 * ratio * covariance(s->xy, s->x, s->y, n) +
                   ratio * ratio * covariance(s->yy, s->y, s->y, n);
    double cov_lz = covariance(s->xz, s->x, s->z, n) - ratio * covariance(s->yz, s->y, s->z, n);
    return (struct linear){
        .ratio = ratio,
        .mean_z = s->z / n,
        .var_l = fmax(var_l, 0) / (mean_y * mean_y),
        .cov_lz = cov_lz / mean_y,
        .var_z = fmax(covariance(s->zz, s->z, s->z, n), 0),
    };
}

struct estimate estimate_ratio(const struct visitor_sums *sums)
{
    struct linear linear = linearise(sums);
    return (struct estimate){.value = linear.ratio,
                             .variance = linear.var_l / sums->visitors,
                             .visitors = sums->visitors};
}

double estimate_adjusted(const struct visitor_sums *sums, uint32_t count,
                         struct estimate *ret_estimates)
{
    double cov_lz = 0, var_z = 0, z = 0, visitors = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct linear linear = linearise(&sums[i]);
        cov_lz += linear.cov_lz;
        var_z += linear.var_z;
        z += sums[i].z;
        visitors += sums[i].visitors;
    }
    double theta = var_z > 0 ? cov_lz / var_z : 0;
    for (uint32_t i = 0; i < count; i++) {
        struct linear linear = linearise(&sums[i]);
        double variance = linear.var_l - 2 * theta * linear.cov_lz + theta * theta * linear.var_z;
        double off = visitors > 0 ? linear.mean_z - z / visitors : 0;
        ret_estimates[i] = (struct estimate){
            .value = linear.ratio - theta * off,
            .variance = (variance < 0 ? 0 : variance) / sums[i].visitors,
            .visitors = sums[i].visitors,
        };
    }
    return theta;
}

/* ---- the test ---- */

double sequential_bound(double variance, double mixing, double alpha)
{
    if (!(variance > 0 && mixing > 0))
        return INFINITY;
    return sqrt(variance * (variance + mixing) / mixing *
                (log1p(mixing / variance) - 2 * log(alpha)));
}

struct sequential sequential_test(double difference, double variance, double mixing, double alpha)
{
    double bound = sequential_bound(variance, mixing, alpha);
    if (!isfinite(bound) || !isfinite(difference))
        return (struct sequential){difference, -INFINITY, INFINITY, 1};
    double log_ratio = mixing * difference * difference / (2 * variance * (variance + mixing)) -
                       log1p(mixing / variance) / 2;
    return (struct sequential){.difference = difference,
                               .low = difference - bound,
                               .high = difference + bound,
                               .p = log_ratio > 0 ? exp(-log_ratio) : 1};
}

struct sequential estimates_test(const struct estimate *base, const struct estimate *other,
                                 double scale, double effect, double alpha)
{
    double mixing = effect * scale * effect * scale;
    if (base->visitors < TESTED_VISITORS_MIN || other->visitors < TESTED_VISITORS_MIN)
        mixing = 0;
    return sequential_test(other->value - base->value, base->variance + other->variance, mixing,
                           alpha);
}

double pooled_ratio(const struct visitor_sums *sums, uint32_t count)
{
    double x = 0, y = 0;
    for (uint32_t i = 0; i < count; i++) {
        x += sums[i].x;
        y += sums[i].y;
    }
    return x / y;
}

/* ---- plans ---- */

/* Whether so many visitors are enough. */
static bool is_enough(const struct plan *plan, double visitors)
{
    double other = (1 + plan->lift) * (1 + plan->lift);
    double variance =
        plan->unit * (1 / (visitors * plan->share_a) + other / (visitors * plan->share_b));
    double mixing = plan->effect * plan->value * plan->effect * plan->value;
    return fabs(plan->value * plan->lift) >=
           sequential_bound(variance, mixing, plan->alpha) + POWER_QUANTILE * sqrt(variance);
}

double visitors_needed(const struct plan *plan)
{
    double few = 1, many = VISITORS_MOST;
    if (!(plan->share_a > 0 && plan->share_b > 0 && is_enough(plan, many)))
        return INFINITY;
    while (many - few > 1) {
        double n = floor(few + (many - few) / 2);
        if (is_enough(plan, n))
            many = n;
        else
            few = n;
    }
    return many;
}

/* ---- the split ---- */

static double log_gamma(double a)
{
    int sign;
    return lgamma_r(a, &sign);
}

/* The lower part of the incomplete gamma function, regularised: 6.5.29. */
static double gamma_lower(double a, double x)
{
    double term = 1 / a, sum = term;
    for (int n = 1; n < SERIES_STEPS && term > sum * SERIES_PRECISION; n++) {
        term *= x / (a + n);
        sum += term;
    }
    return sum * exp(a * log(x) - x - log_gamma(a));
}

/* The upper part: the continued fraction 6.5.31, evaluated by Lentz's method. */
static double gamma_upper(double a, double x)
{
    const double tiny = 1e-300;
    double b = x + 1 - a, c = 1 / tiny, d = 1 / b, h = d;
    for (int n = 1; n < SERIES_STEPS; n++) {
        double an = -n * (n - a);
        b += 2;
        d = an * d + b;
        d = 1 / (fabs(d) < tiny ? tiny : d);
        c = b + an / c;
        c = fabs(c) < tiny ? tiny : c;
        h *= d * c;
        if (fabs(d * c - 1) < SERIES_PRECISION)
            break;
    }
    return h * exp(a * log(x) - x - log_gamma(a));
}

double chi_square_tail(double x, double freedom)
{
    double a = freedom / 2;
    if (!(x > 0) || !(freedom > 0))
        return 1;
    return x / 2 < a + 1 ? 1 - gamma_lower(a, x / 2) : gamma_upper(a, x / 2);
}

double split_p(const uint64_t *visitors, const double *shares, uint32_t count)
{
    double all = 0, share = 0, sum = 0;
    uint32_t groups = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (shares[i] <= 0)
            continue;
        all += (double)visitors[i];
        share += shares[i];
        groups++;
    }
    if (groups < 2 || all <= 0)
        return 1;
    for (uint32_t i = 0; i < count; i++) {
        double expected = all * shares[i] / share;
        if (shares[i] > 0)
            sum += ((double)visitors[i] - expected) * ((double)visitors[i] - expected) / expected;
    }
    return chi_square_tail(sum, groups - 1);
}
