#include "tools/report_print.h"
#include "tools/report_verdict.h"

#include <math.h>

/* ---- an experiment ---- */

static void put_head(const struct report *report, const struct report_result *result,
                     struct buffer *to)
{
    const struct experiment *experiment = result->experiment;
    char at[2][REPORT_NUMBER_MAX];
    buffer_format(to, "experiment %s", experiment->id);
    for (uint32_t i = 0; i < experiment->placement_count; i++)
        buffer_format(to, "%s%s", i ? ", " : " at ", experiment->placements[i]);
    if (experiment->from_ms != INT64_MIN)
        buffer_format(to, " from %s", report_time(experiment->from_ms, at[0]));
    if (experiment->to_ms != INT64_MAX)
        buffer_format(to, " to %s", report_time(experiment->to_ms, at[0]));
    buffer_format(to, "\n  %llu visitors", (unsigned long long)result->all_visitors);
    if (result->all_visitors > 0)
        buffer_format(to, ", from %s to %s", report_time(result->first_ms, at[0]),
                      report_time(result->last_ms, at[1]));
    if (result->mixed > 0)
        buffer_format(to, "; %llu with two variants are left out",
                      (unsigned long long)result->mixed);
    buffer_text(to, "\n");
    if (result->all_visitors > 0 && !result->by_impressions)
        buffer_text(to, "  the events have no impressions at these placements: a visitor's first "
                        "event counts in place of the first list\n");
    if (result->all_visitors > 0 && !report->plan)
        buffer_format(to, "  the split: p = %s%s\n", report_p(result->split_p, at[0]),
                      result->split_p < REPORT_SPLIT_P ? ", WRONG" : ", as configured");
}

static void put_cell(const struct report_result *result, enum report_metric metric,
                     uint32_t variant, struct buffer *to)
{
    const struct report_cell *cell = &result->cells[metric][variant];
    double base = result->cells[metric][0].estimate.value;
    char at[4][REPORT_NUMBER_MAX];
    buffer_format(to, "    %-20s %10.0f visitors %12s", result->experiment->variants[variant].name,
                  cell->sums.visitors, report_number(metric, cell->estimate.value, at[0]));
    if (variant > 0)
        buffer_format(to, "   %8s [%s, %s]   p = %s%s",
                      report_change(cell->test.difference, base, at[0]),
                      report_change(cell->test.low, base, at[1]),
                      report_change(cell->test.high, base, at[2]), report_p(cell->p, at[3]),
                      cell->better  ? "  higher"
                      : cell->worse ? "  LOWER"
                                    : "");
    buffer_text(to, "\n");
}

static void put_metric(const struct report *report, const struct report_result *result,
                       enum report_metric metric, struct buffer *to)
{
    char at[2][REPORT_NUMBER_MAX];
    if (!isfinite(result->cells[metric][0].plain.value))
        return;
    buffer_format(
        to, "  %s%s%s\n", report_metric_names[metric], metric == result->goal ? ", the goal" : "",
        result->adjusted[metric] && !report->plan ? ", adjusted by the time before the experiment"
                                                  : "");
    uint32_t variants = report->plan ? 0 : result->experiment->variant_count;
    for (uint32_t i = 0; i < variants; i++)
        put_cell(result, metric, i, to);
    if (report->plan)
        buffer_format(to, "    now %s\n",
                      report_number(metric, result->cells[metric][0].plain.value, at[0]));
    if (!isfinite(result->needed[metric]))
        return;
    buffer_format(to, "    %+.3g %% takes %.0f visitors", 100 * report->options->planned,
                  result->needed[metric]);
    if (isfinite(result->days[metric]))
        buffer_format(to, ", %s%s", report_duration(result->days[metric], at[0]),
                      report->plan ? "" : " from now");
    buffer_text(to, "\n");
}

void report_text(const struct report *report, struct buffer *to)
{
    const struct report_events *events = report->events;
    buffer_format(to, "%zu events", events->count);
    if (events->repeated > 0)
        buffer_format(to, ", %llu repeated ones left out", (unsigned long long)events->repeated);
    if (events->no_consent > 0)
        buffer_format(to, ", %llu without consent left out",
                      (unsigned long long)events->no_consent);
    if (events->rejected > 0)
        buffer_format(to, ", %llu that can't be used ('weft check' tells why)",
                      (unsigned long long)events->rejected);
    buffer_text(to, "\n");
    for (uint32_t i = 0; i < report->count; i++) {
        const struct report_result *result = &report->results[i];
        buffer_text(to, "\n");
        put_head(report, result, to);
        for (int m = 0; m < METRICS && result->all_visitors > 0; m++)
            put_metric(report, result, (enum report_metric)m, to);
        if (!report->plan)
            buffer_format(to, "  %s\n", result->verdict);
        else if (result->all_visitors == 0)
            buffer_text(to, "  nobody saw these placements: there is nothing to plan with\n");
    }
    if (report->count == 0)
        buffer_text(to, "the file has no experiment\n");
}
