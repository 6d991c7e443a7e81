#include "tools/report_plot.h"

#include "tools/report_verdict.h"

#include <math.h>
#include <stdio.h>

#define WIDTH 720
#define LABELS 190 /* of the width, on the left */
#define ROW 22
#define LOOKS_HEIGHT 220
#define MARGIN 24
#define COLOURS 4
#define TICKS_MAX 4 /* on each side of 0 */

void report_escape(const char *text, struct buffer *to)
{
    for (; *text; text++) {
        const char *name = *text == '<'   ? "&lt;"
                           : *text == '>' ? "&gt;"
                           : *text == '&' ? "&amp;"
                           : *text == '"' ? "&quot;"
                                          : NULL;
        if (name)
            buffer_text(to, name);
        else
            buffer_byte(to, *text);
    }
}

/* ---- scales ---- */

/* From -reach to reach, as shares of the first variant's value. */
struct scale {
    double reach;
    double begin, size; /* in the drawing */
};

static double place(const struct scale *scale, double share)
{
    double at = fmin(fmax(share / scale->reach, -1), 1);
    return scale->begin + scale->size * (at + 1) / 2;
}

/* The largest bound of the goal metric's intervals, with some room. */
static double reach_of(const struct report *report, const struct report_result *result)
{
    const struct report_cell *cells = result->cells[result->goal];
    double base = cells[0].estimate.value, reach = fabs(report->options->planned);
    for (uint32_t i = 1; i < result->experiment->variant_count; i++) {
        double far = fmax(fabs(cells[i].test.low), fabs(cells[i].test.high)) / base;
        if (isfinite(far))
            reach = fmax(reach, far);
    }
    return fmin(1.4 * reach, 2);
}

/* 1, 2 or 5 times a power of ten. */
static double tick_of(double reach)
{
    double step = pow(10, floor(log10(reach / TICKS_MAX)));
    const double times[] = {1, 2, 5, 10};
    int i = 0;
    while (i < 3 && reach / (times[i] * step) > TICKS_MAX)
        i++;
    return times[i] * step;
}

/* "+20 %"; "0 %" without a sign. */
static const char *tick_text(double share, char *to)
{
    snprintf(to, REPORT_NUMBER_MAX, "%+.3g %%", 100 * share);
    return share != 0 ? to : "0 %";
}

static int colour(uint32_t variant)
{
    return (int)((variant - 1) % COLOURS) + 1;
}

static void put_open(const char *label, double height, struct buffer *to)
{
    buffer_format(to,
                  "<svg class=\"plot\" viewBox=\"0 0 %d %.0f\" role=\"img\" aria-label=\"%s\">\n",
                  WIDTH, height, label);
}

/* ---- the change of each metric ---- */

static void put_axis(const struct scale *scale, double bottom, struct buffer *to)
{
    double step = tick_of(scale->reach);
    char text[REPORT_NUMBER_MAX];
    for (int i = -TICKS_MAX; i <= TICKS_MAX; i++) {
        double share = step * i, x = place(scale, share);
        if (fabs(share) > scale->reach)
            continue;
        buffer_format(to,
                      "<line class=\"%s\" x1=\"%.1f\" y1=\"4\" x2=\"%.1f\" y2=\"%.1f\"/>"
                      "<text class=\"soft\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">"
                      "%s</text>\n",
                      i == 0 ? "zero" : "axis", x, x, bottom, x, bottom + 16,
                      tick_text(share, text));
    }
}

static void put_change(const struct scale *scale, const struct report_result *result,
                       enum report_metric metric, uint32_t variant, double y, struct buffer *to)
{
    const struct report_cell *cell = &result->cells[metric][variant];
    double base = result->cells[metric][0].estimate.value;
    buffer_format(to, "<text x=\"0\" y=\"%.1f\">%s <tspan class=\"soft\">", y + 4,
                  report_metric_names[metric]);
    report_escape(result->experiment->variants[variant].name, to);
    buffer_text(to, "</tspan></text>");
    if (base > 0 && isfinite(cell->test.low))
        buffer_format(to,
                      "<line class=\"bar v%d\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>"
                      "<circle class=\"v%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"5\"/>",
                      colour(variant), place(scale, cell->test.low / base), y,
                      place(scale, cell->test.high / base), y, colour(variant),
                      place(scale, cell->test.difference / base), y);
    else
        buffer_format(to, "<text class=\"soft\" x=\"%.1f\" y=\"%.1f\">too few to tell</text>",
                      scale->begin, y + 4);
    buffer_text(to, "\n");
}

void report_plot_changes(const struct report *report, const struct report_result *result,
                         struct buffer *to)
{
    struct scale scale = {reach_of(report, result), LABELS, WIDTH - LABELS - MARGIN};
    uint32_t rows = 0;
    for (int m = 0; m < METRICS; m++)
        rows +=
            isfinite(result->cells[m][0].plain.value) ? result->experiment->variant_count - 1 : 0;
    buffer_text(to, "<h3>Change against ");
    report_escape(result->experiment->variants[0].name, to);
    buffer_text(to, "</h3>\n");
    put_open("the change of each metric with its interval", rows * ROW + 30, to);
    put_axis(&scale, rows * ROW + 8, to);
    double y = ROW;
    for (int m = 0; m < METRICS; m++)
        for (uint32_t i = 1; i < result->experiment->variant_count; i++)
            if (isfinite(result->cells[m][0].plain.value)) {
                put_change(&scale, result, (enum report_metric)m, i, y - ROW / 4.0, to);
                y += ROW;
            }
    buffer_text(to, "</svg>\n");
}

/* ---- over time ---- */

static double look_x(uint32_t look, uint32_t looks)
{
    return 60 + (double)look / (looks - 1) * (WIDTH - 60 - MARGIN);
}

/* Upwards. */
static double look_y(const struct scale *scale, double share)
{
    return scale->begin + scale->size - (place(scale, share) - scale->begin);
}

static void put_look_axis(const struct scale *scale, struct buffer *to)
{
    double step = tick_of(scale->reach);
    char text[REPORT_NUMBER_MAX];
    for (int i = -TICKS_MAX; i <= TICKS_MAX; i++) {
        double y = look_y(scale, step * i);
        if (fabs(step * i) > scale->reach)
            continue;
        buffer_format(to,
                      "<line class=\"%s\" x1=\"60\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/>"
                      "<text class=\"soft\" x=\"52\" y=\"%.1f\" text-anchor=\"end\">%s"
                      "</text>\n",
                      i == 0 ? "zero" : "axis", y, WIDTH - MARGIN, y, y + 4,
                      tick_text(step * i, text));
    }
}

static void put_look_line(const struct scale *scale, const struct report_result *result,
                          uint32_t variant, double base, struct buffer *to)
{
    uint32_t first = 0, looks = result->look_count;
    while (first < looks && !isfinite(result->looks[first].tests[variant].low))
        first++;
    if (first == looks)
        return;
    buffer_format(to, "<polygon class=\"band v%d\" points=\"", colour(variant));
    for (uint32_t i = first; i < looks; i++)
        buffer_format(to, "%.1f,%.1f ", look_x(i, looks),
                      look_y(scale, result->looks[i].tests[variant].high / base));
    for (uint32_t i = looks; i-- > first;)
        buffer_format(to, "%.1f,%.1f ", look_x(i, looks),
                      look_y(scale, result->looks[i].tests[variant].low / base));
    buffer_format(to, "\"/>\n<polyline class=\"line v%d\" points=\"", colour(variant));
    for (uint32_t i = first; i < looks; i++)
        buffer_format(to, "%.1f,%.1f ", look_x(i, looks),
                      look_y(scale, result->looks[i].tests[variant].difference / base));
    buffer_text(to, "\"/>\n");
}

void report_plot_looks(const struct report *report, const struct report_result *result,
                       struct buffer *to)
{
    double base = result->cells[result->goal][0].estimate.value;
    struct scale scale = {1.5 * reach_of(report, result), 8, LOOKS_HEIGHT};
    char at[REPORT_NUMBER_MAX];
    if (result->look_count < 2 || !(base > 0))
        return;
    buffer_format(to, "<h3>%s, at each look</h3>\n", report_metric_names[result->goal]);
    put_open("the change of the goal metric over time", LOOKS_HEIGHT + 36, to);
    put_look_axis(&scale, to);
    for (uint32_t i = 1; i < result->experiment->variant_count; i++)
        put_look_line(&scale, result, i, base, to);
    buffer_format(to, "<text class=\"soft\" x=\"60\" y=\"%d\">%s</text>", LOOKS_HEIGHT + 28,
                  report_time(result->first_ms, at));
    buffer_format(to, "<text class=\"soft\" x=\"%d\" y=\"%d\" text-anchor=\"end\">%s UTC</text>\n",
                  WIDTH - MARGIN, LOOKS_HEIGHT + 28,
                  report_time(result->looks[result->look_count - 1].until_ms, at));
    buffer_text(to, "</svg>\n<p class=\"soft\">");
    for (uint32_t i = 1; i < result->experiment->variant_count; i++) {
        buffer_format(to,
                      "%s<svg viewBox=\"0 0 12 12\" style=\"display:inline;width:.8em\">"
                      "<circle class=\"v%d\" cx=\"6\" cy=\"6\" r=\"5\"/></svg> ",
                      i > 1 ? " &nbsp; " : "", colour(i));
        report_escape(result->experiment->variants[i].name, to);
    }
    buffer_text(to, "</p>\n");
}
