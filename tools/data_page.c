/* The data report as an HTML page: plots are SVG inside it, and colours follow the reader's choice
 * of light or dark. */
#include "tools/data_report_write.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define WIDTH 480
#define HEIGHT 180
#define LEFT 46 /* of a plot: room for the numbers of its axis */
#define BOTTOM 22
#define TOP 8
#define COLUMNS_MAX 120 /* of the plot over time */

static const char head[] =
    "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">"
    "<meta name=\"viewport\" content=\"width=device-width\">"
    "<meta name=\"color-scheme\" content=\"light dark\"><title>Data report</title>\n<style>\n"
    ":root{--ground:#fcfcfb;--card:#fff;--ink:#1a1a19;--soft:#5f5e5a;--line:#dddcd6;"
    "--k0:#2a78d6;--k1:#1baf7a;--k2:#eda100;--k3:#d1495b;--k4:#7a5af0;--k5:#8a8984;"
    "--good:#1a7f4b;--some:#9a6700;--bad:#c0362c}\n"
    "@media(prefers-color-scheme:dark){:root{--ground:#1a1a19;--card:#242423;--ink:#f2f1ec;"
    "--soft:#b5b4ad;--line:#44433f;--k0:#5aa2f0;--k1:#33c48d;--k2:#e0a52c;--k3:#ef7585;"
    "--k4:#a893ff;--k5:#a3a29b;--good:#5fd39a;--some:#e0b040;--bad:#ff8a7d}}\n"
    "*{box-sizing:border-box}body{margin:0;background:var(--ground);color:var(--ink);"
    "font:16px/1.5 system-ui,sans-serif}main{max-width:1060px;margin:auto;padding:28px 20px 60px}"
    "h1{font-size:26px;margin:0 0 2px}h2{font-size:18px;margin:0 0 10px}p{margin:0 0 10px}"
    ".soft{color:var(--soft);font-size:14px}.tiles{display:flex;flex-wrap:wrap;gap:12px;"
    "margin:18px 0}.tile{flex:1 1 130px;background:var(--card);border:1px solid var(--line);"
    "border-radius:10px;padding:12px 14px}.tile b{display:block;font-size:22px}"
    "section{background:var(--card);border:1px solid var(--line);border-radius:10px;"
    "padding:16px 18px;margin:14px 0;overflow-x:auto}.two{display:grid;gap:0 14px;"
    "grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr))}"
    "svg{display:block;width:100%;height:auto}svg text{fill:var(--soft);font-size:12px}"
    "table{border-collapse:collapse;width:100%;font-size:14px}th,td{text-align:left;"
    "padding:5px 12px 5px 0;border-bottom:1px solid var(--line);vertical-align:top}"
    "th{color:var(--soft);font-weight:600}td.n,th.n{text-align:right;"
    "font-variant-numeric:tabular-nums}code{font-size:.95em;overflow-wrap:anywhere}"
    "td:first-child{overflow-wrap:anywhere}.yes{color:var(--good)}"
    ".partly{color:var(--some)}.no{color:var(--bad)}.yes,.partly,.no{font-weight:600}"
    "h2 .soft{font-weight:400;margin-left:6px}\n"
    "</style>\n<main>\n";

static void escape(struct bytes text, struct buffer *to)
{
    struct buffer json = {0}; /* makes the text UTF-8 */
    buffer_json(&json, text);
    for (size_t i = 1; i + 1 < json.size; i++) {
        char c = json.at[i];
        if (c == '\\' && i + 2 < json.size && (json.at[i + 1] == '"' || json.at[i + 1] == '\\'))
            c = json.at[++i];
        if (c == '<')
            buffer_text(to, "&lt;");
        else if (c == '&')
            buffer_text(to, "&amp;");
        else if (c == '"')
            buffer_text(to, "&quot;");
        else
            buffer_byte(to, c);
    }
    buffer_release(&json);
}

/* 1234567 as "1,234,567". */
static void count_text(uint64_t number, struct buffer *to)
{
    char digits[24];
    int size = snprintf(digits, sizeof digits, "%" PRIu64 "", number);
    for (int i = 0; i < size; i++) {
        if (i > 0 && (size - i) % 3 == 0)
            buffer_byte(to, ',');
        buffer_byte(to, digits[i]);
    }
}

static void cell(uint64_t number, struct buffer *to)
{
    buffer_text(to, "<td class=\"n\">");
    count_text(number, to);
}

/* ---- plots ---- */

/* The least of 1, 2, 5, 10, ... that is not below `most`. */
static double round_up(double most)
{
    double unit = 1;
    while (unit * 10 < most)
        unit *= 10;
    return most <= unit       ? unit
           : most <= 2 * unit ? 2 * unit
           : most <= 5 * unit ? 5 * unit
                              : 10 * unit;
}

static double y_of(double value, double most)
{
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / most);
}

static void short_number(double value, char to[16])
{
    if (value >= 1e6)
        snprintf(to, 16, "%gM", value / 1e6);
    else if (value >= 1e3)
        snprintf(to, 16, "%gk", value / 1e3);
    else
        snprintf(to, 16, "%g", value);
}

static void begin_plot(const char *label, double most, const char *unit, struct buffer *to)
{
    buffer_format(to, "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">", WIDTH, HEIGHT,
                  label);
    for (int i = 0; i <= 2; i++) {
        char text[16];
        double value = most * i / 2, y = y_of(value, most);
        short_number(value, text);
        buffer_format(to,
                      "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"var(--line)\"/>"
                      "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s%s</text>",
                      LEFT, WIDTH, y, y, LEFT - 6, y + 4, text, unit);
    }
}

static void x_label(double x, const char *anchor, const char *text, struct buffer *to)
{
    buffer_format(to, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"%s\">%s</text>", x, HEIGHT - 6,
                  anchor, text);
}

static void bar(double x, double width, double from, double value, double most, int colour,
                struct buffer *to)
{
    double top = y_of(from + value, most), low = y_of(from, most);
    buffer_format(to,
                  "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" "
                  "fill=\"var(--k%d)\"%s>",
                  x, top, width > 3 ? width - 1 : width, low - top, colour,
                  width > 12 ? " rx=\"2\"" : "");
}

/* The events of a kind over time, a column of `step` hours each. */
static void plot_time(const struct data_report *report, int kind, uint32_t step, struct buffer *to)
{
    uint32_t columns = (report->hour_count + step - 1) / step;
    double most = 1, width = (double)(WIDTH - LEFT) / (columns ? columns : 1);
    uint64_t *sums = memory_zero(columns + 1, sizeof *sums);
    char when[32], label[60];
    for (uint32_t i = 0; i < report->hour_count; i++)
        sums[i / step] += report->hours[i].kinds[kind];
    for (uint32_t i = 0; i < columns; i++)
        most = (double)sums[i] > most ? (double)sums[i] : most;
    most = round_up(most);
    snprintf(label, sizeof label, "%s events over time", event_type_names[kind]);
    begin_plot(label, most, "", to);
    for (uint32_t i = 0; i < columns; i++) {
        if (sums[i] == 0)
            continue;
        data_report_time((report->hour_first + (int64_t)i * step) * 3600000, when);
        bar(LEFT + i * width, width, 0, (double)sums[i], most, kind, to);
        buffer_format(to, "<title>%s UTC: %" PRIu64 "</title></rect>", when, sums[i]);
    }
    data_report_time(report->hour_first * 3600000, when);
    x_label(LEFT, "start", when, to);
    data_report_time((report->hour_first + report->hour_count) * 3600000, when);
    x_label(WIDTH, "end", when, to);
    buffer_text(to, "</svg>");
    free(sums);
}

static void plot_bars(const char *label, const uint64_t *values, const char *const *names,
                      int count, int colour, struct buffer *to)
{
    double most = 1, width = (double)(WIDTH - LEFT) / count;
    for (int i = 0; i < count; i++)
        most = (double)values[i] > most ? (double)values[i] : most;
    most = round_up(most);
    begin_plot(label, most, "", to);
    for (int i = 0; i < count; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        bar(LEFT + i * width + 1, width - 2, 0, (double)values[i], most, colour, to);
        buffer_format(to, "<title>%s: %" PRIu64 "</title></rect>", names ? names[i] : name,
                      values[i]);
        if (names || i % 3 == 0)
            x_label(LEFT + (i + .5) * width, "middle", names ? names[i] : name, to);
    }
    buffer_text(to, "</svg>");
}

/* Which share of the events the first x % of the items have. */
static void plot_tail(const struct data_report *report, struct buffer *to)
{
    begin_plot("Share of the events by share of the items", 100, " %", to);
    buffer_text(to, "<polyline fill=\"none\" stroke=\"var(--k0)\" stroke-width=\"2.5\" points=\"");
    for (int i = 0; i < REPORT_TAIL; i++)
        buffer_format(to, "%.1f,%.1f ", LEFT + (WIDTH - LEFT) * i / 100.0,
                      y_of(100 * report->tail[i], 100));
    buffer_text(to, "\"/>");
    static const int marks[] = {1, 10, 20, 50};
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
        buffer_format(to,
                      "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill=\"var(--k0)\"><title>the first "
                      "%d %% of the items have %.0f %% of the events</title></circle>",
                      LEFT + (WIDTH - LEFT) * marks[i] / 100.0,
                      y_of(100 * report->tail[marks[i]], 100), marks[i],
                      100 * report->tail[marks[i]]);
    x_label(LEFT, "start", "the items with the most events", to);
    x_label(WIDTH, "end", "all items", to);
    buffer_text(to, "</svg>");
}

static void share_row(const char *name, uint64_t part, uint64_t whole, struct buffer *to)
{
    double percent = data_report_percent(part, whole);
    buffer_format(to,
                  "<tr><td>%s<td style=\"width:45%%\"><svg viewBox=\"0 0 100 8\" "
                  "preserveAspectRatio=\"none\" style=\"height:10px;margin-top:6px\" "
                  "role=\"img\" aria-label=\"%.0f %%\">"
                  "<rect width=\"100\" height=\"8\" fill=\"var(--line)\"/>"
                  "<rect width=\"%.1f\" height=\"8\" fill=\"var(--k0)\"/></svg>"
                  "<td class=\"n\">%.0f %%<td class=\"n\">",
                  name, percent, percent, percent);
    count_text(part, to);
    buffer_text(to, " of ");
    count_text(whole, to);
}

/* ---- sections ---- */

static void tile(const char *name, uint64_t number, const char *more, struct buffer *to)
{
    buffer_text(to, "<div class=\"tile\"><b>");
    count_text(number, to);
    buffer_format(to, "</b>%s<div class=\"soft\">%s</div></div>", name, more);
}

static void write_tiles(const struct data_report *report, struct buffer *to)
{
    char rejected[60], users[60], sessions[60], once[60];
    snprintf(rejected, sizeof rejected, "%.1f %% of the records rejected",
             data_report_percent(report->rejected, report->lines));
    snprintf(users, sizeof users, "%.0f %% logged in",
             data_report_percent(report->users_seen, report->visitor_count));
    snprintf(sessions, sizeof sessions, "%.0f %% with two events or more",
             data_report_percent(report->sessions_of_two, report->sessions));
    snprintf(once, sizeof once, "%.0f %% with one event",
             data_report_percent(report->items_once, report->items_seen));
    buffer_text(to, "<div class=\"tiles\">");
    tile("events", report->events, rejected, to);
    tile("visitors", report->visitor_count, users, to);
    tile("sessions", report->sessions, sessions, to);
    tile("items", report->items_seen, once, to);
    buffer_text(to, "</div>\n");
}

static void write_advice(const struct data_report *report, struct buffer *to)
{
    buffer_text(to, "<section><h2>Set, send or look at</h2>");
    if (report->advice_count == 0)
        buffer_text(to, "<p>Nothing: this data is ready.</p>");
    else
        buffer_text(to, "<table><tr><th>action<th>reason");
    for (uint32_t i = 0; i < report->advice_count; i++) {
        const char *action = report->advice[i].what;
        buffer_text(to, strchr(action, '=') ? "<tr><td><code>" : "<tr><td>");
        escape(bytes_text(action), to);
        buffer_text(to, strchr(action, '=') ? "</code><td>" : "<td>");
        escape(bytes_text(report->advice[i].why), to);
    }
    buffer_text(to, report->advice_count ? "</table></section>\n" : "</section>\n");
    buffer_text(to, "<section><h2>Placements that this data can feed</h2>"
                    "<table><tr><th>placement<th>fed<th>reason");
    for (uint32_t i = 0; i < report->placement_count; i++) {
        const char *fed = fitness_names[report->placements[i].fitness];
        buffer_format(to, "<tr><td>%s<td class=\"%s\">%s<td>", report->placements[i].name, fed,
                      fed);
        escape(bytes_text(report->placements[i].why), to);
    }
    buffer_text(to, "</table></section>\n");
}

static void write_kinds(const struct data_report *report, struct buffer *to)
{
    uint32_t step = (report->hour_count + COLUMNS_MAX - 1) / COLUMNS_MAX;
    buffer_text(to, "<div class=\"two\">");
    for (int kind = 0; kind < REPORT_KINDS; kind++) {
        if (report->kinds[kind] == 0)
            continue;
        buffer_format(to, "<section><h2>%s <span class=\"soft\">", event_type_names[kind]);
        count_text(report->kinds[kind], to);
        buffer_format(to, " events, %.1f %%</span></h2>",
                      data_report_percent(report->kinds[kind], report->events));
        plot_time(report, kind, step ? step : 1, to);
        buffer_format(to, "<p class=\"soft\">A column is %u hour%s, in UTC.</p></section>", step,
                      step == 1 ? "" : "s");
    }
    buffer_text(to, "</div>\n");
}

static void write_clock(const struct data_report *report, struct buffer *to)
{
    int zone;
    bool fine = true;
    buffer_text(to, "<section><h2>Hour of the day, UTC</h2>");
    plot_bars("Events by hour of the day", report->by_hour, NULL, 24, 0, to);
    if (data_report_zone(report, &zone))
        buffer_format(to,
                      "<p class=\"soft\">The shop is quietest at %02d:00 UTC. This suits customers "
                      "near UTC%+d. If yours live elsewhere, the clock is wrong, or the times lack "
                      "their offset.</p>",
                      report->quiet_hour, zone);
    for (int kind = 0; kind < REPORT_KINDS; kind++) {
        double hours;
        if (!data_report_skew(report, kind, &hours))
            continue;
        fine = false;
        buffer_format(to, "<p class=\"no\">The clock of %s events is off by %+.1f hours.</p>",
                      event_type_names[kind], hours);
    }
    if (fine)
        buffer_text(to, "<p class=\"soft\">No kind of event lies hours off.</p>");
    buffer_text(to, "</section>\n");
}

static void write_sessions(const struct data_report *report, struct buffer *to)
{
    buffer_text(to, "<section><h2>Events in a session</h2>");
    plot_bars("Sessions by length", report->lengths, report_length_names, REPORT_LENGTHS, 1, to);
    buffer_format(to,
                  "<p class=\"soft\">A pause of more than %lld minutes ends a session "
                  "(session.gap.ms).</p></section>\n",
                  (long long)(report->config->settings.session_gap_ms / 60000));
}

static void write_items(const struct data_report *report, struct buffer *to)
{
    buffer_text(to, "<div class=\"two\"><section><h2>Long tail</h2>");
    plot_tail(report, to);
    buffer_format(to,
                  "<p class=\"soft\">The first 1 %% of the items have %.0f %% of the events, the "
                  "first 10 %% have %.0f %%.</p></section>",
                  100 * report->tail[1], 100 * report->tail[10]);
    buffer_text(to, "<section><h2>Items with the most events</h2><table><tr><th>item"
                    "<th class=\"n\">events<th class=\"n\">bought");
    for (uint32_t i = 0; i < report->top_count; i++) {
        buffer_text(to, "<tr><td>");
        escape(report->top[i].id, to);
        cell(report->top[i].events, to);
        cell(report->top[i].bought, to);
    }
    buffer_text(to, "</table></section></div>\n<section><h2>Shares</h2><table>");
    share_row("items of events with a price", report->priced_items, report->event_items, to);
    share_row("items of events with a product", report->items_seen - report->unknown_items,
              report->items_seen, to);
    share_row("products with an event", report->products - report->unseen_products,
              report->products, to);
    share_row("products with a price", report->products_priced, report->products, to);
    share_row("products with a brand", report->products_branded, report->products, to);
    share_row("products with a category", report->products_categorised, report->products, to);
    share_row("products with a title", report->products_titled, report->products, to);
    share_row("events with a user_id", report->with_user, report->events, to);
    share_row("events with a channel", report->with_channel, report->events, to);
    share_row("events with a user_agent", report->with_agent, report->events, to);
    buffer_text(to, "</table></section>\n");
}

static void write_doubts(const struct data_report *report, struct buffer *to)
{
    buffer_text(to, "<section><h2>Repeats and suspects</h2><table>");
    share_row("repeat an event_id", report->repeated_ids, report->events, to);
    share_row("repeat an event under another event_id", report->repeated_contents, report->events,
              to);
    share_row("double clicks", report->double_clicks, report->events, to);
    share_row("events of suspects", report->suspect_events, report->events, to);
    buffer_text(to, "</table>");
    if (report->suspect_count > 0)
        buffer_text(to, "<table><tr><th>suspect<th class=\"n\">events<th class=\"n\">most in an "
                        "hour<th>reason");
    for (uint32_t i = 0; i < report->suspect_count; i++) {
        const struct report_suspect *suspect = &report->suspects[i];
        buffer_text(to, "<tr><td>");
        escape(suspect->visitor->id, to);
        cell(suspect->visitor->events, to);
        cell(suspect->visitor->hour_most, to);
        buffer_format(to, "<td>%s",
                      suspect->fast && suspect->even ? "too fast, too even"
                      : suspect->fast                ? "too fast"
                                                     : "too even");
    }
    buffer_text(to, report->suspect_count ? "</table></section>\n" : "</section>\n");
}

static void write_rejections(const struct data_report *report, struct buffer *to)
{
    if (report->rejected == 0)
        return;
    buffer_text(to, "<section><h2>Rejected records</h2><table><tr><th>reason<th class=\"n\">"
                    "records");
    for (uint32_t i = 0; i < report->reasons.count; i++) {
        buffer_text(to, "<tr><td>");
        escape(bytes_text(report->reasons.at[i].reason), to);
        cell(report->reasons.at[i].count, to);
    }
    if (report->reasons.others > 0) {
        buffer_text(to, "<tr><td>other reasons");
        cell(report->reasons.others, to);
    }
    buffer_text(to, "</table></section>\n");
}

void data_report_page(const struct data_report *report, struct buffer *to)
{
    char from[32] = "", until[32] = "";
    buffer_text(to, head);
    buffer_text(to, "<h1>Data report</h1><p class=\"soft\">");
    escape(bytes_text(report->source), to);
    if (report->events > 0) {
        data_report_time(report->first_ms, from);
        data_report_time(report->last_ms, until);
        buffer_format(to, "<br>%s to %s UTC", from, until);
    }
    buffer_text(to, "</p>\n");
    write_tiles(report, to);
    write_advice(report, to);
    write_rejections(report, to);
    if (report->events > 0) {
        write_kinds(report, to);
        buffer_text(to, "<div class=\"two\">");
        write_clock(report, to);
        write_sessions(report, to);
        buffer_text(to, "</div>\n");
        write_items(report, to);
    }
    write_doubts(report, to);
    buffer_text(to, "<p class=\"soft\">weft " WEFT_VERSION "</p></main></html>\n");
}
