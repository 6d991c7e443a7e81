/* The statistics of `weft report`: how sure a difference between two variants of an experiment is.
 * The visitor is the unit, since the clicks of one visitor are not independent.
 *
 * A metric is a ratio of sums over visitors, R = sum x / sum y: clicks over lists shown, or revenue
 * over visitors (y = 1). A third number z of each visitor, from before the experiment, explains a
 * part of the variance.
 *
 * Pure functions, no state. Thread: any. Calls only the C library. */
#ifndef WEFT_TOOLS_REPORT_STATISTICS_H
#define WEFT_TOOLS_REPORT_STATISTICS_H

#include <stdbool.h>
#include <stdint.h>

/* ---- sums over the visitors of a variant ---- */

/* One visitor: numerator, denominator and covariate of a metric. */
struct visitor_value {
    double x, y, z;
};

/* Zero-initialised is empty. Sums of values, squares and cross products; sums of two groups of
 * visitors are added field by field. */
struct visitor_sums {
    double visitors;
    double x, y, z;
    double xx, xy, yy, xz, yz, zz;
};

/* Adds the visitor `weight` times; -1 takes out what was added before. */
void visitor_sums_add(struct visitor_sums *sums, struct visitor_value value, double weight);

/* ---- estimates ---- */

struct estimate {
    double value;    /* of the metric; NaN: the sum of y is 0 */
    double variance; /* of `value`; NaN: fewer than two visitors */
    double visitors;
};

/* The ratio of sums, with the variance of the delta method (Deng, Knoblich, Lu 2018, "Applying the
 * Delta Method in Metric Analytics", equation 2):
 *
 *     R = sum x / sum y
 *     var R = (s_xx - 2 R s_xy + R^2 s_yy) / (n mean(y)^2)
 *
 * where s are sample covariances over the n visitors. */
struct estimate estimate_ratio(const struct visitor_sums *sums);

/* The estimates of `count` variants, adjusted by the covariate (CUPED: Deng, Xu, Kohavi, Walker
 * 2013, "Improving the Sensitivity of Online Controlled Experiments by Utilizing Pre-Experiment
 * Data", equations 3 to 5, on the linearised ratio l = (x - R y) / mean(y)):
 *
 *     theta = sum of cov(l, z) over the variants / sum of var(z) over the variants
 *     R_adjusted = R - theta (mean(z) - mean of z over all variants)
 *     var R_adjusted = (var(l) - 2 theta cov(l, z) + theta^2 var(z)) / n
 *
 * Returns theta; 0, with the plain ratios: no variant's z varies. */
double estimate_adjusted(const struct visitor_sums *sums, uint32_t count,
                         struct estimate *ret_estimates);

/* ---- the test that holds at any time ---- */

/* A difference of two estimates. The interval, and the p-value, hold at every time that one looks,
 * all looks together: the chance that an interval ever misses the true difference is `alpha`. */
struct sequential {
    double difference, low, high;
    double p;
};

/* The mixture sequential probability ratio test for a mean that is about normal (Johari, Pekelis,
 * Walsh 2015, "Always Valid Inference: Bringing Sequential Analysis to A/B Testing", section 4):
 *
 *     ratio = sqrt(V / (V + t)) exp(t d^2 / (2 V (V + t)))
 *     p = min(1, 1 / ratio)
 *     interval = d -+ sqrt(V (V + t) / t (log((V + t) / V) - 2 log(alpha)))
 *
 * d is the difference, V its variance, t the mixing variance: the square of how large a difference
 * is expected to be. t may not follow from the difference that is tested. With a V that is not
 * positive, or a t that is not, the interval is infinite and p is 1. */
struct sequential sequential_test(double difference, double variance, double mixing, double alpha);

/* Half the width of the interval. */
double sequential_bound(double variance, double mixing, double alpha);

#define TESTED_VISITORS_MIN 100 /* of fewer, a mean is not about normal */

/* Tests other - base with the mixing variance (effect * scale)^2: `scale` is the metric's ratio
 * over all variants, `effect` the expected difference as a share of it. If one of the two has fewer
 * than TESTED_VISITORS_MIN visitors, the interval is infinite and p is 1. */
struct sequential estimates_test(const struct estimate *base, const struct estimate *other,
                                 double scale, double effect, double alpha);

/* sum x / sum y over all of these variants. */
double pooled_ratio(const struct visitor_sums *sums, uint32_t count);

/* ---- plans ---- */

struct plan {
    double value;            /* of the metric, without the change */
    double unit;             /* variance of the metric times the visitors that it comes from */
    double lift;             /* the true difference, as a share of `value` */
    double share_a, share_b; /* of the visitors */
    double effect, alpha;    /* as for estimates_test() */
};

/* The visitors of both variants together that show the difference with a probability of 80 %: the
 * smallest n with
 *
 *     value |lift| >= sequential_bound(V) + .8416 sqrt(V)
 *     V = unit (1 / (n share_a) + (1 + lift)^2 / (n share_b))
 *     t = (effect value)^2
 *
 * The shares are parts of the n visitors. One look after n visitors is enough; earlier looks find
 * some of the differences earlier. Infinite: never. */
double visitors_needed(const struct plan *plan);

/* ---- the split ---- */

/* The p-value of Pearson's chi-square test that the visitors are split by these shares, which need
 * not sum to 1. 1: fewer than two shares are positive. */
double split_p(const uint64_t *visitors, const double *shares, uint32_t count);

/* The chance that a chi-square variable with `freedom` degrees of freedom is at least x
 * (Abramowitz, Stegun 1964, 6.5.29 and 6.5.31). */
double chi_square_tail(double x, double freedom);

#endif
