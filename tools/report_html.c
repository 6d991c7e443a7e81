#include "tools/report_plot.h"
#include "tools/report_print.h"
#include "tools/report_verdict.h"

#include <math.h>

static const char style[] =
    "<style>\n"
    ":root{color-scheme:light dark;--paper:#fff;--ink:#1c2127;--soft:#5d6873;--line:#d5dbe1;"
    "--card:#f6f8fa;--good:#1a7f37;--bad:#c0352b;--wait:#8a6300;--v1:#1f5fa8;--v2:#b4551d;"
    "--v3:#6f42c1;--v4:#0b7d74}\n"
    "@media (prefers-color-scheme:dark){:root{--paper:#11161b;--ink:#e3e8ed;--soft:#97a3ae;"
    "--line:#333d47;--card:#1a2128;--good:#4cc26a;--bad:#ff7b6e;--wait:#e0b04a;--v1:#6cb1f5;"
    "--v2:#f0935a;--v3:#b795f5;--v4:#4fd1c5}}\n"
    "body{margin:0 auto;max-width:60rem;padding:1.5rem;background:var(--paper);color:var(--ink);"
    "font:16px/1.5 system-ui,sans-serif}\n"
    "h1{font-size:1.5rem}h2{font-size:1.2rem;margin:0 0 .5rem}h3{font-size:1rem;margin:1.2rem 0 "
    ".3rem}\n"
    "section{background:var(--card);border:1px solid var(--line);border-radius:8px;"
    "padding:1rem 1.25rem;margin:1.25rem 0;overflow-x:auto}\n"
    ".verdict{border-left:4px solid var(--wait);padding:.25rem .75rem;margin:.75rem 0}\n"
    ".different{border-color:var(--v1)}.wrong_split{border-color:var(--bad)}\n"
    ".soft{color:var(--soft)}\n"
    "table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.9rem}\n"
    "th,td{text-align:right;padding:.2rem .6rem;border-bottom:1px solid var(--line);"
    "white-space:nowrap}\n"
    "th:first-child,td:first-child{text-align:left}\n"
    ".up{color:var(--good)}.down{color:var(--bad)}\n"
    "svg{display:block;width:100%;max-width:46rem;height:auto}.plot{min-width:34rem}\n"
    "svg text{fill:var(--ink);font:12px system-ui,sans-serif}svg .soft{fill:var(--soft)}\n"
    "svg .axis{stroke:var(--line);stroke-width:1}svg .zero{stroke:var(--soft);stroke-width:1;"
    "stroke-dasharray:4 3}\n"
    ".v1{stroke:var(--v1);fill:var(--v1)}.v2{stroke:var(--v2);fill:var(--v2)}"
    ".v3{stroke:var(--v3);fill:var(--v3)}.v4{stroke:var(--v4);fill:var(--v4)}\n"
    "svg .band{stroke:none;fill-opacity:.18}svg .line{fill:none;stroke-width:2}"
    "svg .bar{stroke-width:3}\n"
    "</style>\n";

/* ---- the table ---- */

static void put_row(const struct report_result *result, enum report_metric metric, uint32_t variant,
                    struct buffer *to)
{
    const struct report_cell *cell = &result->cells[metric][variant];
    double base = result->cells[metric][0].estimate.value;
    char at[4][REPORT_NUMBER_MAX];
    buffer_text(to, "<tr><td>");
    report_escape(result->experiment->variants[variant].name, to);
    buffer_format(to, "</td><td>%.0f</td><td>%s</td>", cell->sums.visitors,
                  report_number(metric, cell->estimate.value, at[0]));
    if (variant == 0)
        buffer_text(to, "<td></td><td></td><td></td></tr>\n");
    else
        buffer_format(to, "<td class=\"%s\">%s</td><td>%s to %s</td><td>%s</td></tr>\n",
                      cell->better  ? "up"
                      : cell->worse ? "down"
                                    : "",
                      report_change(cell->test.difference, base, at[0]),
                      report_change(cell->test.low, base, at[1]),
                      report_change(cell->test.high, base, at[2]),
                      cell->p < .0001 ? "&lt; .0001" : report_p(cell->p, at[3]));
}

static void put_metric(const struct report *report, const struct report_result *result,
                       enum report_metric metric, struct buffer *to)
{
    char at[REPORT_NUMBER_MAX];
    buffer_format(to, "<h3>%s%s</h3>\n", report_metric_names[metric],
                  metric == result->goal ? ", the goal" : "");
    buffer_text(to, "<table><thead><tr><th>variant</th><th>visitors</th><th>value</th>"
                    "<th>change</th><th>interval</th><th>p</th></tr></thead><tbody>\n");
    for (uint32_t i = 0; i < result->experiment->variant_count; i++)
        put_row(result, metric, i, to);
    buffer_text(to, "</tbody></table>\n");
    if (result->adjusted[metric])
        buffer_text(to, "<p class=\"soft\">Adjusted by what the visitors did before the "
                        "experiment.</p>\n");
    if (isfinite(result->needed[metric]) && isfinite(result->days[metric]))
        buffer_format(to,
                      "<p class=\"soft\">A true %+.3g %% takes %.0f visitors, %s from "
                      "the last event on.</p>\n",
                      100 * report->options->planned, result->needed[metric],
                      report_duration(result->days[metric], at));
}

/* ---- an experiment ---- */

static void put_head(const struct report_result *result, struct buffer *to)
{
    char at[2][REPORT_NUMBER_MAX];
    buffer_text(to, "<h2>");
    report_escape(result->experiment->id, to);
    buffer_text(to, "</h2>\n<p class=\"soft\">");
    for (uint32_t i = 0; i < result->experiment->placement_count; i++) {
        buffer_text(to, i ? ", " : "at ");
        report_escape(result->experiment->placements[i], to);
    }
    buffer_format(to, "%s%llu visitors", result->experiment->placement_count ? "; " : "",
                  (unsigned long long)result->all_visitors);
    if (result->all_visitors > 0)
        buffer_format(to, ", first seen from %s to %s UTC", report_time(result->first_ms, at[0]),
                      report_time(result->last_ms, at[1]));
    if (result->mixed > 0)
        buffer_format(to, "; %llu with two variants left out", (unsigned long long)result->mixed);
    if (result->all_visitors > 0 && !result->by_impressions)
        buffer_text(to, "; there are no impressions at these placements, so a visitor's first "
                        "event counts");
    buffer_text(to, "</p>\n");
}

static void put_experiment(const struct report *report, const struct report_result *result,
                           struct buffer *to)
{
    char at[REPORT_NUMBER_MAX];
    buffer_text(to, "<section>\n");
    put_head(result, to);
    buffer_format(to, "<p class=\"verdict %s\">", report_state_names[result->state]);
    report_escape(result->verdict, to);
    buffer_text(to, "</p>\n");
    if (result->all_visitors > 0 && result->experiment->variant_count > 1) {
        report_plot_changes(report, result, to);
        report_plot_looks(report, result, to);
        buffer_format(to, "<p class=\"soft\">The split of the visitors: p = %s.</p>\n",
                      result->split_p < .0001 ? "&lt; .0001" : report_p(result->split_p, at));
    }
    for (int m = 0; m < METRICS && result->all_visitors > 0; m++)
        if (isfinite(result->cells[m][0].plain.value))
            put_metric(report, result, (enum report_metric)m, to);
    buffer_text(to, "</section>\n");
}

static void put_plan(const struct report *report, const struct report_result *result,
                     struct buffer *to)
{
    char at[2][REPORT_NUMBER_MAX];
    buffer_text(to, "<section>\n");
    put_head(result, to);
    buffer_format(to, "<h3>Visitors that show %+.3g %%</h3>\n", 100 * report->options->planned);
    buffer_text(to, "<table><thead><tr><th>metric</th><th>now</th><th>visitors</th>"
                    "<th>time</th></tr></thead><tbody>\n");
    for (int m = 0; m < METRICS; m++) {
        if (!isfinite(result->needed[m]))
            continue;
        buffer_format(to, "<tr><td>%s</td><td>%s</td><td>%.0f</td><td>%s</td></tr>\n",
                      report_metric_names[m],
                      report_number((enum report_metric)m, result->cells[m][0].plain.value, at[0]),
                      result->needed[m], report_duration(result->days[m], at[1]));
    }
    buffer_text(to, "</tbody></table>\n</section>\n");
}

void report_html(const struct report *report, struct buffer *to)
{
    char at[2][REPORT_NUMBER_MAX];
    buffer_text(to, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                    "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
                    "<title>Experiments</title>\n");
    buffer_text(to, style);
    buffer_format(to, "</head>\n<body>\n<h1>Experiments</h1>\n<p class=\"soft\">%zu events",
                  report->events->count);
    if (report->events->count > 0)
        buffer_format(to, " from %s to %s UTC", report_time(report->events->first_ms, at[0]),
                      report_time(report->events->last_ms, at[1]));
    buffer_format(to,
                  ". Intervals and p-values hold at any time that one looks; an interval "
                  "misses the truth in %.3g %% of the experiments at most.</p>\n",
                  100 * report->options->alpha);
    for (uint32_t i = 0; i < report->count; i++)
        (report->plan ? put_plan : put_experiment)(report, &report->results[i], to);
    buffer_text(to, "</body>\n</html>\n");
}
