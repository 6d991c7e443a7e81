#include "tools/report_verdict.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#define DAYS_MAX 3650 /* beyond, a figure says no more */

/* ---- texts ---- */

const char *report_number(enum report_metric metric, double value, char *to)
{
    if (!isfinite(value))
        return "-";
    if (metric == METRIC_CLICK_THROUGH || metric == METRIC_CONVERSION)
        snprintf(to, REPORT_NUMBER_MAX, "%.3f %%", 100 * value);
    else
        snprintf(to, REPORT_NUMBER_MAX, "%.4g", value);
    return to;
}

const char *report_change(double difference, double base, char *to)
{
    double change = 100 * difference / base;
    if (!isfinite(change) || base <= 0)
        return "-";
    snprintf(to, REPORT_NUMBER_MAX, fabs(change) < 10 ? "%+.1f %%" : "%+.0f %%", change);
    return to;
}

const char *report_duration(double days, char *to)
{
    if (!isfinite(days))
        return "-";
    if (days > DAYS_MAX)
        snprintf(to, REPORT_NUMBER_MAX, "more than 10 years");
    else if (days < 2)
        snprintf(to, REPORT_NUMBER_MAX, "about %.0f hours", ceil(24 * days));
    else
        snprintf(to, REPORT_NUMBER_MAX, "about %.0f days", ceil(days));
    return to;
}

const char *report_time(int64_t time_ms, char *to)
{
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm utc;
    if (time_ms == INT64_MIN || time_ms == INT64_MAX || gmtime_r(&seconds, &utc) == NULL ||
        strftime(to, REPORT_NUMBER_MAX, "%Y-%m-%d %H:%M", &utc) == 0)
        return "-";
    return to;
}

const char *report_p(double p, char *to)
{
    if (p < .0001)
        return "< .0001";
    snprintf(to, REPORT_NUMBER_MAX, p < .01 ? "%.4f" : "%.3f", p);
    return p < 1 ? memmove(to, to + 1, strlen(to)) : to;
}

static void say(struct report_result *result, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void say(struct report_result *result, const char *format, ...)
{
    size_t used = strlen(result->verdict);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(result->verdict + used, sizeof result->verdict - used, format, arguments);
    va_end(arguments);
}

/* ---- parts of the sentence ---- */

static void say_difference(struct report_result *result, uint32_t variant)
{
    const struct report_cell *cells = result->cells[result->goal];
    const struct report_cell *cell = &cells[variant];
    double base = cells[0].estimate.value;
    char at[3][REPORT_NUMBER_MAX];
    say(result, "%s changes %s by %s; the interval that holds at any time is %s to %s",
        result->experiment->variants[variant].name, report_metric_names[result->goal],
        report_change(cell->test.difference, base, at[0]),
        report_change(cell->test.low, base, at[1]), report_change(cell->test.high, base, at[2]));
}

/* The other metrics of which one variant is shown to be lower. */
static void say_guardrails(struct report_result *result, uint32_t variant)
{
    static const enum report_metric guards[] = {METRIC_CONVERSION, METRIC_REVENUE};
    for (size_t i = 0; i < sizeof guards / sizeof guards[0]; i++) {
        const struct report_cell *cell = &result->cells[guards[i]][variant];
        char at[REPORT_NUMBER_MAX];
        if (guards[i] == result->goal || !cell->worse)
            continue;
        say(result, "; but %s has a lower %s (%s)", result->experiment->variants[variant].name,
            report_metric_names[guards[i]],
            report_change(cell->test.difference, result->cells[guards[i]][0].estimate.value, at));
    }
}

static void conclude_open(const struct report_options *options, struct report_result *result)
{
    const struct report_cell *cells = result->cells[result->goal];
    char at[REPORT_NUMBER_MAX];
    double low = INFINITY, high = -INFINITY;
    for (uint32_t i = 1; i < result->experiment->variant_count; i++) {
        low = fmin(low, cells[i].test.low);
        high = fmax(high, cells[i].test.high);
    }
    result->state = REPORT_OPEN;
    say(result, "No difference in %s is shown so far", report_metric_names[result->goal]);
    if (isfinite(low) && isfinite(high) && cells[0].estimate.value > 0) {
        say(result, ": it may lie between %s", report_change(low, cells[0].estimate.value, at));
        say(result, " and %s", report_change(high, cells[0].estimate.value, at));
    }
    if (result->days[result->goal] > 0 && isfinite(result->days[result->goal]))
        say(result, "; a true %+.3g %% would be seen in %s at today's traffic",
            100 * options->planned, report_duration(result->days[result->goal], at));
    for (uint32_t i = 1; i < result->experiment->variant_count; i++)
        say_guardrails(result, i);
    say(result, ".");
}

static void conclude_different(struct report_result *result)
{
    const struct report_cell *cells = result->cells[result->goal];
    const char *between = "";
    result->state = REPORT_SHOWN_DIFFERENT;
    for (uint32_t i = 1; i < result->experiment->variant_count; i++) {
        if (!cells[i].better && !cells[i].worse)
            continue;
        say(result, "%s", between);
        say_difference(result, i);
        between = "; ";
    }
    for (uint32_t i = 1; i < result->experiment->variant_count; i++)
        say_guardrails(result, i);
    say(result, ".");
}

void report_conclude(const struct report_options *options, struct report_result *result)
{
    const struct experiment *experiment = result->experiment;
    const struct report_cell *cells = result->cells[result->goal];
    bool enough = false, different = false;
    result->verdict[0] = '\0';
    for (uint32_t i = 1; i < experiment->variant_count; i++) {
        enough = enough || (result->visitors[0] >= TESTED_VISITORS_MIN &&
                            result->visitors[i] >= TESTED_VISITORS_MIN);
        different = different || cells[i].better || cells[i].worse;
    }
    if (result->all_visitors == 0) {
        result->state = REPORT_NOT_BEGUN;
        say(result, "No visitor of these events is in the experiment; --plan +3%% tells how many "
                    "it needs.");
    } else if (result->split_p < REPORT_SPLIT_P) {
        result->state = REPORT_SPLIT;
        say(result,
            "Do not trust these figures: the visitors are not split as configured (p = %.1g), so "
            "some of one variant are missing; look for lists that stay empty, events that are "
            "lost, or another experiments file.",
            result->split_p);
    } else if (experiment->variant_count < 2) {
        result->state = REPORT_OPEN;
        say(result, "The experiment has one variant, so there is nothing to compare.");
    } else if (!enough) {
        result->state = REPORT_EARLY;
        say(result, "Too early: a comparison needs at least %d visitors of each variant.",
            TESTED_VISITORS_MIN);
    } else if (different) {
        conclude_different(result);
    } else {
        conclude_open(options, result);
    }
}
