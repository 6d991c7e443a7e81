#include "tools/report_result.h"

#include <math.h>
#include <stdlib.h>

#define DAY_MS 86400000

const char *const report_state_names[] = {
    [REPORT_NOT_BEGUN] = "not_begun",       [REPORT_SPLIT] = "wrong_split",
    [REPORT_EARLY] = "too_early",           [REPORT_OPEN] = "no_difference_shown",
    [REPORT_SHOWN_DIFFERENT] = "different",
};

/* ---- visitors ---- */

static void count_visitors(const struct persons *persons, int64_t end_ms,
                           struct report_result *result)
{
    uint64_t newest = 0;
    for (size_t i = 0; i < persons->count; i++) {
        const struct person *person = &persons->at[i];
        result->visitors[person->variant]++;
        newest += person->exposed_ms > end_ms - DAY_MS;
        if (i == 0 || person->exposed_ms < result->first_ms)
            result->first_ms = person->exposed_ms;
        if (i == 0 || person->exposed_ms > result->last_ms)
            result->last_ms = person->exposed_ms;
    }
    result->all_visitors = persons->count;
    result->mixed = persons->mixed;
    if (persons->count == 0)
        return;
    int64_t span_ms = end_ms - result->first_ms;
    span_ms = span_ms > DAY_MS ? DAY_MS : span_ms;
    result->daily = span_ms > 0 ? (double)newest * DAY_MS / (double)span_ms : NAN;
}

static void set_split(struct report_result *result)
{
    double shares[VARIANTS_MAX] = {0};
    for (uint32_t i = 0; i < result->experiment->variant_count; i++)
        shares[i] = result->experiment->variants[i].parts;
    result->split_p = split_p(result->visitors, shares, result->experiment->variant_count);
}

/* ---- metrics ---- */

static void compare(const struct report_options *options, enum report_metric metric,
                    struct report_result *result)
{
    struct report_cell *cells = result->cells[metric];
    uint32_t count = result->experiment->variant_count;
    struct visitor_sums sums[VARIANTS_MAX];
    for (uint32_t i = 0; i < count; i++)
        sums[i] = cells[i].sums;
    double scale = pooled_ratio(sums, count);
    for (uint32_t i = 1; i < count; i++) {
        struct report_cell *cell = &cells[i];
        cell->test = estimates_test(&cells[0].estimate, &cell->estimate, scale, options->effect,
                                    result->alpha);
        cell->p = fmin(1, cell->test.p * (count - 1));
        cell->better = cell->test.low > 0;
        cell->worse = cell->test.high < 0;
    }
}

static void measure(const struct persons *persons, const struct report_options *options,
                    enum report_metric metric, struct report_result *result)
{
    struct report_cell *cells = result->cells[metric];
    struct visitor_sums sums[VARIANTS_MAX];
    struct estimate adjusted[VARIANTS_MAX];
    uint32_t count = result->experiment->variant_count;
    persons_sum(persons, metric, sums);
    result->adjusted[metric] = estimate_adjusted(sums, count, adjusted) != 0;
    for (uint32_t i = 0; i < count; i++)
        cells[i] = (struct report_cell){
            .sums = sums[i], .plain = estimate_ratio(&sums[i]), .estimate = adjusted[i], .p = 1};
    compare(options, metric, result);
}

/* ---- how long ---- */

/* The most visitors that any variant needs against the first one. `unit`: as of struct plan. */
static void plan_metric(const struct report_options *options, enum report_metric metric,
                        double unit, struct report_result *result)
{
    const struct experiment *experiment = result->experiment;
    double most = 0;
    for (uint32_t i = 1; i < experiment->variant_count; i++) {
        struct plan plan = {
            .value = result->cells[metric][0].plain.value,
            .unit = unit,
            .lift = options->planned,
            .share_a = (double)experiment->variants[0].parts / EXPERIMENT_PARTS,
            .share_b = (double)experiment->variants[i].parts / EXPERIMENT_PARTS,
            .effect = options->effect,
            .alpha = result->alpha,
        };
        most = fmax(most, visitors_needed(&plan));
    }
    result->needed[metric] = most > 0 ? most : INFINITY;
}

static void set_days(struct report_result *result, double visitors_so_far)
{
    for (int m = 0; m < METRICS; m++) {
        double left = fmax(0, result->needed[m] - visitors_so_far);
        result->days[m] = result->daily > 0 ? left / result->daily : NAN;
    }
}

static void begin(const struct experiment *experiment, const struct report_options *options,
                  struct report_result *result)
{
    *result = (struct report_result){.experiment = experiment, .split_p = 1, .daily = NAN};
    uint32_t others = experiment->variant_count > 1 ? experiment->variant_count - 1 : 1;
    result->alpha = options->alpha / others;
    result->goal = options->goal;
}

static void choose_goal(struct report_result *result)
{
    if (result->goal == METRICS)
        result->goal = result->by_impressions ? METRIC_CLICK_THROUGH : METRIC_CONVERSION;
}

/* ---- looks ---- */

static void look_back(const struct report_events *events, const struct experiments *experiments,
                      uint32_t number, const struct report_options *options,
                      struct report_result *result)
{
    struct persons persons = {0};
    int64_t span_ms = events->last_ms - result->first_ms;
    if (result->all_visitors == 0 || span_ms <= 0)
        return;
    for (uint32_t i = 0; i < REPORT_LOOKS; i++) {
        struct report_result then = {.experiment = result->experiment, .alpha = result->alpha};
        struct persons_options fold = {.by_impressions = result->by_impressions};
        fold.until_ms = result->first_ms + (int64_t)((double)span_ms * (i + 1) / REPORT_LOOKS);
        if (i + 1 == REPORT_LOOKS)
            fold.until_ms = events->last_ms;
        persons_fold(events, experiments, number, &fold, &persons);
        measure(&persons, options, result->goal, &then);
        result->looks[i].until_ms = fold.until_ms;
        for (uint32_t v = 0; v < result->experiment->variant_count; v++)
            result->looks[i].tests[v] = then.cells[result->goal][v].test;
    }
    result->look_count = REPORT_LOOKS;
    persons_release(&persons);
}

/* ---- public ---- */

void report_evaluate(const struct report_events *events, const struct experiments *experiments,
                     uint32_t number, const struct report_options *options,
                     struct report_result *ret_result)
{
    const struct experiment *experiment = &experiments->at[number];
    struct persons persons = {0};
    struct persons_options fold = {.until_ms = INT64_MAX};
    begin(experiment, options, ret_result);
    ret_result->by_impressions = persons_have_impressions(events, experiment);
    choose_goal(ret_result);
    fold.by_impressions = ret_result->by_impressions;
    persons_fold(events, experiments, number, &fold, &persons);
    count_visitors(&persons, events->last_ms, ret_result);
    set_split(ret_result);
    for (int m = 0; m < METRICS; m++) {
        const struct report_cell *base = &ret_result->cells[m][0];
        measure(&persons, options, (enum report_metric)m, ret_result);
        plan_metric(options, (enum report_metric)m,
                    base->estimate.variance * base->estimate.visitors, ret_result);
    }
    set_days(ret_result, (double)ret_result->all_visitors);
    persons_release(&persons);
    if (options->looks)
        look_back(events, experiments, number, options, ret_result);
}

void report_plan(const struct report_events *events, const struct experiments *experiments,
                 uint32_t number, const struct report_options *options,
                 struct report_result *ret_result)
{
    const struct experiment *experiment = &experiments->at[number];
    struct persons persons = {0};
    struct persons_options fold = {.until_ms = INT64_MAX, .everybody = true};
    begin(experiment, options, ret_result);
    ret_result->by_impressions = persons_have_impressions(events, experiment);
    choose_goal(ret_result);
    fold.by_impressions = ret_result->by_impressions;
    persons_fold(events, experiments, number, &fold, &persons);
    count_visitors(&persons, events->last_ms, ret_result);
    int64_t span_ms = events->last_ms - ret_result->first_ms;
    ret_result->daily = (double)persons.count * experiment->parts / EXPERIMENT_PARTS *
                        (span_ms > DAY_MS ? (double)DAY_MS / (double)span_ms : 1);
    for (int m = 0; m < METRICS; m++) {
        struct report_cell *cell = &ret_result->cells[m][0];
        measure(&persons, options, (enum report_metric)m, ret_result);
        plan_metric(options, (enum report_metric)m, cell->plain.variance * cell->plain.visitors,
                    ret_result);
    }
    set_days(ret_result, 0);
    persons_release(&persons);
}
