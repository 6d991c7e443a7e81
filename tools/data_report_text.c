#include "tools/data_report_write.h"

#include "tools/printable.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

double data_report_percent(uint64_t part, uint64_t whole)
{
    return whole ? 100 * (double)part / (double)whole : 0;
}

void data_report_time(int64_t ms, char to[32])
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    strftime(to, 32, "%Y-%m-%d %H:%M", &utc);
}

static void write_events(const struct data_report *report, struct buffer *to)
{
    char from[32], until[32];
    buffer_format(to,
                  "events %" PRIu64 " of %" PRIu64 " records: %" PRIu64 " rejected, %" PRIu64
                  " dropped by the mapping\n",
                  report->events, report->lines, report->rejected, report->dropped);
    for (int kind = 0; kind < REPORT_KINDS; kind++)
        if (report->kinds[kind] > 0)
            buffer_format(to, "  %-10s %10" PRIu64 "  %5.1f %%\n", event_type_names[kind],
                          report->kinds[kind],
                          data_report_percent(report->kinds[kind], report->events));
    if (report->taken_back > 0)
        buffer_format(to, "  of the purchases %" PRIu64 " are refunded or cancelled\n",
                      report->taken_back);
    for (uint32_t i = 0; i < report->reasons.count; i++)
        buffer_format(to, "  rejected %" PRIu64 ": %s\n", report->reasons.at[i].count,
                      report->reasons.at[i].reason);
    if (report->reasons.others > 0)
        buffer_format(to, "  rejected %" PRIu64 " for other reasons\n", report->reasons.others);
    if (report->events == 0)
        return;
    data_report_time(report->first_ms, from);
    data_report_time(report->last_ms, until);
    buffer_format(to, "times from %s to %s UTC\n", from, until);
    int zone;
    if (data_report_zone(report, &zone))
        buffer_format(to,
                      "  quietest at %02d:00 UTC, as for customers near UTC%+d; if yours live "
                      "elsewhere, the clock is wrong or the times lack their offset\n",
                      report->quiet_hour, zone);
    for (int kind = 0; kind < REPORT_KINDS; kind++) {
        double hours;
        if (data_report_skew(report, kind, &hours))
            buffer_format(to, "  the clock of %s events: %+.1f hours\n", event_type_names[kind],
                          hours);
    }
}

static void write_sessions(const struct data_report *report, struct buffer *to)
{
    buffer_format(to, "visitors %u (%" PRIu64 " logged in), sessions %" PRIu64 "\n",
                  report->visitor_count, report->users_seen, report->sessions);
    for (int i = 0; i < REPORT_LENGTHS; i++)
        buffer_format(to, "  %-10s events %10" PRIu64 "  %5.1f %%\n", report_length_names[i],
                      report->lengths[i],
                      data_report_percent(report->lengths[i], report->sessions));
}

static void write_items(const struct data_report *report, struct buffer *to)
{
    buffer_format(to,
                  "items %u; %u with one event; the first 1 %% have %.0f %% of the events, the "
                  "first 10 %% have %.0f %%\n",
                  report->items_seen, report->items_once, 100 * report->tail[1],
                  100 * report->tail[10]);
    for (uint32_t i = 0; i < report->top_count && i < 3; i++) {
        buffer_text(to, "  ");
        printable_append(report->top[i].id, to);
        buffer_format(to, " has %" PRIu64 "\n", report->top[i].events);
    }
    buffer_format(
        to,
        "  with a price: %.0f %% of the items of events\n"
        "products %u: %.0f %% with a price, %.0f %% a brand, %.0f %% a category, %.0f %% a "
        "title\n"
        "  items of events without a product %u; products without an event %u\n",
        data_report_percent(report->priced_items, report->event_items), report->products,
        data_report_percent(report->products_priced, report->products),
        data_report_percent(report->products_branded, report->products),
        data_report_percent(report->products_categorised, report->products),
        data_report_percent(report->products_titled, report->products), report->unknown_items,
        report->unseen_products);
}

static void write_doubts(const struct data_report *report, struct buffer *to)
{
    buffer_format(to,
                  "repeats: %" PRIu64 " of an event_id, %" PRIu64
                  " under another event_id; %" PRIu64 " double clicks\n"
                  "suspects %" PRIu64 ", with %.1f %% of the events\n",
                  report->repeated_ids, report->repeated_contents, report->double_clicks,
                  report->suspects_all,
                  data_report_percent(report->suspect_events, report->events));
    for (uint32_t i = 0; i < report->suspect_count; i++) {
        const struct report_suspect *suspect = &report->suspects[i];
        buffer_text(to, "  ");
        printable_append(suspect->visitor->id, to);
        buffer_format(to, ": %" PRIu64 " events, at most %" PRIu64 " in an hour%s%s\n",
                      suspect->visitor->events, suspect->visitor->hour_most,
                      suspect->fast ? ", too fast" : "", suspect->even ? ", too even" : "");
    }
    uint64_t out = report->visitors_out + report->items_out;
    if (out > 0)
        buffer_format(to, "%" PRIu64 " events and items lie beyond the bounds of this report\n",
                      out);
}

void data_report_text(const struct data_report *report, struct buffer *to)
{
    buffer_text(to, "report on ");
    printable_append(bytes_text(report->source), to);
    buffer_byte(to, '\n');
    write_events(report, to);
    write_sessions(report, to);
    write_items(report, to);
    write_doubts(report, to);
    buffer_text(to, "placements that this data can feed\n");
    for (uint32_t i = 0; i < report->placement_count; i++)
        buffer_format(to, "  %-10s %-6s %s\n", report->placements[i].name,
                      fitness_names[report->placements[i].fitness], report->placements[i].why);
    buffer_text(to, "set, send or look at\n");
    for (uint32_t i = 0; i < report->advice_count; i++)
        buffer_format(to, "  %s\n      %s\n", report->advice[i].what, report->advice[i].why);
    if (report->advice_count == 0)
        buffer_text(to, "  nothing\n");
}

/* ---- JSON ---- */

static void member(struct buffer *to, const char *name)
{
    if (to->size > 0 && to->at[to->size - 1] != '{')
        buffer_byte(to, ',');
    buffer_json(to, bytes_text(name));
    buffer_byte(to, ':');
}

static void number(struct buffer *to, const char *name, uint64_t value)
{
    member(to, name);
    buffer_format(to, "%" PRIu64 "", value);
}

static void text(struct buffer *to, const char *name, const char *value)
{
    member(to, name);
    buffer_json(to, bytes_text(value));
}

static void json_events(const struct data_report *report, struct buffer *to)
{
    number(to, "records", report->lines);
    number(to, "rejected", report->rejected);
    number(to, "dropped", report->dropped);
    number(to, "events", report->events);
    member(to, "kinds");
    buffer_byte(to, '{');
    for (int kind = 0; kind < REPORT_KINDS; kind++)
        number(to, event_type_names[kind], report->kinds[kind]);
    buffer_byte(to, '}');
    number(to, "taken_back", report->taken_back);
    number(to, "users", report->users);
    member(to, "reasons");
    buffer_byte(to, '{');
    for (uint32_t i = 0; i < report->reasons.count; i++)
        number(to, report->reasons.at[i].reason, report->reasons.at[i].count);
    buffer_byte(to, '}');
    if (report->events > 0) {
        member(to, "from");
        buffer_decimal(to, report->first_ms);
        member(to, "to");
        buffer_decimal(to, report->last_ms);
    }
    member(to, "by_hour_of_day");
    for (int hour = 0; hour < 24; hour++)
        buffer_format(to, "%s%" PRIu64 "", hour ? "," : "[", report->by_hour[hour]);
    buffer_byte(to, ']');
    member(to, "quiet_hour");
    buffer_decimal(to, report->quiet_hour);
    member(to, "clock_hours");
    buffer_byte(to, '{');
    for (int kind = 0; kind < REPORT_KINDS; kind++) {
        double hours;
        if (!data_report_skew(report, kind, &hours))
            continue;
        member(to, event_type_names[kind]);
        buffer_format(to, "%.2f", hours);
    }
    buffer_byte(to, '}');
    number(to, "out_of_order", report->out_of_order);
    number(to, "ahead", report->ahead);
}

static void json_items(const struct data_report *report, struct buffer *to)
{
    number(to, "visitors", report->visitor_count);
    number(to, "visitors_logged_in", report->users_seen);
    number(to, "sessions", report->sessions);
    member(to, "session_lengths");
    buffer_byte(to, '{');
    for (int i = 0; i < REPORT_LENGTHS; i++)
        number(to, report_length_names[i], report->lengths[i]);
    buffer_byte(to, '}');
    number(to, "items", report->items_seen);
    number(to, "items_with_one_event", report->items_once);
    member(to, "tail");
    for (int i = 0; i < REPORT_TAIL; i++)
        buffer_format(to, "%s%.4f", i ? "," : "[", report->tail[i]);
    buffer_byte(to, ']');
    member(to, "top_items");
    buffer_byte(to, '[');
    for (uint32_t i = 0; i < report->top_count; i++) {
        buffer_text(to, i ? ",{\"item_id\":" : "{\"item_id\":");
        buffer_json(to, report->top[i].id);
        buffer_format(to, ",\"events\":%" PRIu64 "}", report->top[i].events);
    }
    buffer_byte(to, ']');
    number(to, "items_of_events", report->event_items);
    number(to, "items_of_events_with_price", report->priced_items);
    number(to, "orders", report->orders.count);
    number(to, "orders_of_two_items", report->large_orders.count);
    number(to, "products", report->products);
    number(to, "products_with_price", report->products_priced);
    number(to, "products_with_brand", report->products_branded);
    number(to, "products_with_category", report->products_categorised);
    number(to, "products_with_title", report->products_titled);
    number(to, "items_without_product", report->unknown_items);
    number(to, "products_without_event", report->unseen_products);
}

static void json_doubts(const struct data_report *report, struct buffer *to)
{
    number(to, "repeated_ids", report->repeated_ids);
    number(to, "repeated_contents", report->repeated_contents);
    number(to, "double_clicks", report->double_clicks);
    number(to, "suspects", report->suspects_all);
    number(to, "suspect_events", report->suspect_events);
    member(to, "named_suspects");
    buffer_byte(to, '[');
    for (uint32_t i = 0; i < report->suspect_count; i++) {
        const struct report_suspect *suspect = &report->suspects[i];
        buffer_text(to, i ? ",{\"visitor\":" : "{\"visitor\":");
        buffer_json(to, suspect->visitor->id);
        buffer_format(
            to, ",\"events\":%" PRIu64 ",\"most_in_an_hour\":%" PRIu64 ",\"fast\":%s,\"even\":%s}",
            suspect->visitor->events, suspect->visitor->hour_most, suspect->fast ? "true" : "false",
            suspect->even ? "true" : "false");
    }
    buffer_byte(to, ']');
}

void data_report_json(const struct data_report *report, struct buffer *to)
{
    buffer_byte(to, '{');
    text(to, "source", report->source);
    text(to, "map", report->map[0] ? report->map : "weft");
    json_events(report, to);
    json_items(report, to);
    json_doubts(report, to);
    member(to, "placements");
    buffer_byte(to, '{');
    for (uint32_t i = 0; i < report->placement_count; i++) {
        member(to, report->placements[i].name);
        buffer_byte(to, '{');
        text(to, "fed", fitness_names[report->placements[i].fitness]);
        text(to, "why", report->placements[i].why);
        buffer_byte(to, '}');
    }
    buffer_byte(to, '}');
    member(to, "advice");
    buffer_byte(to, '[');
    for (uint32_t i = 0; i < report->advice_count; i++) {
        buffer_text(to, i ? ",{" : "{");
        text(to, "what", report->advice[i].what);
        text(to, "why", report->advice[i].why);
        buffer_byte(to, '}');
    }
    buffer_text(to, "]}\n");
}
