#include "tools/report_print.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *whole(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *test_of(const struct sequential *test)
{
    return json_pack("{so so so so}", "difference", number(test->difference), "low",
                     number(test->low), "high", number(test->high), "p", number(test->p));
}

static json_t *cell_of(const struct report_cell *cell, bool first)
{
    json_t *object =
        json_pack("{so so so so so so}", "numerator", number(cell->sums.x), "denominator",
                  number(cell->sums.y), "value", number(cell->plain.value), "variance",
                  number(cell->plain.variance), "adjusted_value", number(cell->estimate.value),
                  "adjusted_variance", number(cell->estimate.variance));
    if (!first) {
        json_object_set_new(object, "test", test_of(&cell->test));
        json_object_set_new(object, "p_corrected", number(cell->p));
    }
    return object;
}

static json_t *variants_of(const struct report *report, const struct report_result *result)
{
    json_t *variants = json_array();
    for (uint32_t i = 0; i < result->experiment->variant_count; i++) {
        const struct variant *variant = &result->experiment->variants[i];
        json_t *metrics = json_object();
        for (int m = 0; m < METRICS && !report->plan; m++)
            json_object_set_new(metrics, report_metric_names[m],
                                cell_of(&result->cells[m][i], i == 0));
        json_array_append_new(variants, json_pack("{ss sb so so so}", "name", variant->name,
                                                  "holdout", variant->holdout, "share",
                                                  number((double)variant->parts / EXPERIMENT_PARTS),
                                                  "visitors", whole(result->visitors[i]), "metrics",
                                                  metrics));
    }
    return variants;
}

static json_t *plans_of(const struct report *report, const struct report_result *result)
{
    json_t *plans = json_object();
    for (int m = 0; m < METRICS; m++)
        json_object_set_new(plans, report_metric_names[m],
                            json_pack("{so so so so}", "now",
                                      number(result->cells[m][0].plain.value), "difference",
                                      number(report->options->planned), "visitors",
                                      number(result->needed[m]), "days", number(result->days[m])));
    return plans;
}

static json_t *looks_of(const struct report_result *result)
{
    json_t *looks = json_array();
    for (uint32_t i = 0; i < result->look_count; i++) {
        json_t *tests = json_array();
        for (uint32_t v = 1; v < result->experiment->variant_count; v++)
            json_array_append_new(tests, test_of(&result->looks[i].tests[v]));
        json_array_append_new(looks,
                              json_pack("{sI so}", "until_time",
                                        (json_int_t)result->looks[i].until_ms, "tests", tests));
    }
    return looks;
}

static json_t *experiment_of(const struct report *report, const struct report_result *result)
{
    const struct experiment *experiment = result->experiment;
    json_t *placements = json_array();
    for (uint32_t i = 0; i < experiment->placement_count; i++)
        json_array_append_new(placements, json_string(experiment->placements[i]));
    json_t *object = json_pack(
        "{ss so so so ss so so ss}", "experiment", experiment->id, "placements", placements,
        "visitors", whole(result->all_visitors), "two_variants", whole(result->mixed), "exposed_by",
        result->by_impressions ? "impressions" : "events", "variants", variants_of(report, result),
        "plan", plans_of(report, result), "goal", report_metric_names[result->goal]);
    if (report->plan)
        return object;
    json_object_set_new(object, "alpha", number(result->alpha));
    json_object_set_new(object, "effect", number(report->options->effect));
    json_object_set_new(object, "split_p", number(result->split_p));
    json_object_set_new(object, "state", json_string(report_state_names[result->state]));
    json_object_set_new(object, "verdict", json_string(result->verdict));
    json_object_set_new(object, "looks", looks_of(result));
    return object;
}

void report_json(const struct report *report, struct buffer *to)
{
    const struct report_events *events = report->events;
    json_t *experiments = json_array();
    for (uint32_t i = 0; i < report->count; i++)
        json_array_append_new(experiments, experiment_of(report, &report->results[i]));
    json_t *object =
        json_pack("{so so so so so}", "events", whole(events->count), "repeated",
                  whole(events->repeated), "without_consent", whole(events->no_consent), "rejected",
                  whole(events->rejected), "experiments", experiments);
    char *text = json_dumps(object, JSON_INDENT(1) | JSON_REAL_PRECISION(17));
    buffer_format(to, "%s\n", text ? text : "{}");
    free(text);
    json_decref(object);
}
