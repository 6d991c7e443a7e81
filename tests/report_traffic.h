/* Shared by the test and the measurement of `weft report`'s statistics: traffic of two variants,
 * looked at after every hour. Visitors differ in how much they see and in how much they like to
 * click. A few see hundreds of lists, and some of these are robots that click a lot or nothing. */
#ifndef WEFT_TESTS_REPORT_TRAFFIC_H
#define WEFT_TESTS_REPORT_TRAFFIC_H

#include "tests/test.h"
#include "tools/report_statistics.h"

#include <math.h>

#define TRAFFIC_LISTS_MAX 300 /* that a visitor sees */
#define TRAFFIC_RATE .1       /* clicks a list of the usual visitor */

struct traffic {
    uint32_t visitors, hours;
    double lift;   /* of the second variant: .03 is 3 % more clicks */
    double effect; /* as of estimates_test() */
    double alpha;
};

/* Which units declare a difference at any of the looks, and the sums at the end. */
struct traffic_outcome {
    bool by_visitor, by_click;
    struct visitor_sums sums[2];
};

/* One list that a visitor sees. */
struct traffic_list {
    uint32_t hour, visitor;
};

static inline double traffic_unit(struct random *random)
{
    return (double)(random_next(random) >> 11) * 0x1p-53;
}

static inline int traffic_by_hour(const void *a, const void *b)
{
    const struct traffic_list *x = a, *y = b;
    return x->hour != y->hour ? (x->hour < y->hour ? -1 : 1)
                              : (x->visitor > y->visitor) - (x->visitor < y->visitor);
}

/* Clicks a list: log-normal over the visitors, and at most .6, so that there is room for a
 * lift. */
static inline double traffic_rate(struct random *random, uint32_t lists)
{
    if (lists > 100 && random_one_in(random, 4))
        return random_one_in(random, 2) ? 0 : .4; /* a robot */
    double u = traffic_unit(random), v = traffic_unit(random);
    double normal = sqrt(-2 * log(1 - u)) * cos(6.283185307179586 * v);
    double rate = TRAFFIC_RATE * exp(.7 * normal);
    return rate < .6 ? rate : .6;
}

/* The same test with the click as the unit: the variance of a share of all lists. */
static inline bool traffic_click_test(const struct traffic *traffic,
                                      const struct visitor_sums *sums, double scale)
{
    struct estimate at[2];
    for (int i = 0; i < 2; i++) {
        double rate = sums[i].x / sums[i].y;
        at[i] = (struct estimate){rate, rate * (1 - rate) / sums[i].y, sums[i].visitors};
    }
    return estimates_test(&at[0], &at[1], scale, traffic->effect, traffic->alpha).p <=
           traffic->alpha;
}

static inline void traffic_look(const struct traffic *traffic, struct traffic_outcome *outcome)
{
    double scale = pooled_ratio(outcome->sums, 2);
    struct estimate base = estimate_ratio(&outcome->sums[0]);
    struct estimate other = estimate_ratio(&outcome->sums[1]);
    if (estimates_test(&base, &other, scale, traffic->effect, traffic->alpha).p <= traffic->alpha)
        outcome->by_visitor = true;
    if (traffic_click_test(traffic, outcome->sums, scale))
        outcome->by_click = true;
}

/* Each visitor of odd number sees the second variant. */
static inline struct traffic_outcome traffic_run(const struct traffic *traffic,
                                                 struct random *random)
{
    struct traffic_outcome outcome = {0};
    struct visitor_value *values = memory_zero(traffic->visitors, sizeof *values);
    double *rates = memory_zero(traffic->visitors, sizeof *rates);
    struct traffic_list *lists = NULL;
    size_t count = 0, capacity = 0;
    for (uint32_t v = 0; v < traffic->visitors; v++) {
        double heavy = pow(1 - traffic_unit(random), -1 / 1.3); /* Pareto */
        uint32_t seen = heavy < TRAFFIC_LISTS_MAX ? (uint32_t)heavy : TRAFFIC_LISTS_MAX;
        uint32_t first = random_below(random, traffic->hours);
        rates[v] = traffic_rate(random, seen) * (v & 1 ? 1 + traffic->lift : 1);
        if (count + seen > capacity) {
            capacity = 2 * (count + seen);
            lists = memory_resize(lists, capacity * sizeof *lists);
        }
        for (uint32_t i = 0; i < seen; i++)
            lists[count++] =
                (struct traffic_list){first + random_below(random, traffic->hours - first), v};
    }
    qsort(lists, count, sizeof *lists, traffic_by_hour);
    for (size_t i = 0; i < count; i++) {
        uint32_t v = lists[i].visitor;
        struct visitor_sums *sums = &outcome.sums[v & 1];
        if (values[v].y > 0)
            visitor_sums_add(sums, values[v], -1);
        values[v].y++;
        values[v].x += traffic_unit(random) < rates[v];
        visitor_sums_add(sums, values[v], 1);
        if (i + 1 == count || lists[i + 1].hour != lists[i].hour)
            traffic_look(traffic, &outcome);
    }
    free(lists);
    free(rates);
    free(values);
    return outcome;
}

/* The visitors that a plan asks for, by the traffic from before. */
static inline uint32_t traffic_plan(const struct traffic *traffic,
                                    const struct traffic_outcome *before)
{
    struct estimate a = estimate_ratio(&before->sums[0]), b = estimate_ratio(&before->sums[1]);
    struct plan plan = {.value = pooled_ratio(before->sums, 2),
                        .unit = (a.variance * a.visitors + b.variance * b.visitors) / 2,
                        .lift = traffic->lift,
                        .share_a = .5,
                        .share_b = .5,
                        .effect = traffic->effect,
                        .alpha = traffic->alpha};
    return (uint32_t)visitors_needed(&plan);
}

#endif
