/* Judges a data report: the placements that the data can feed, and what to set or send. */
#include "tools/data_report.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define ENOUGH_SESSIONS                                                                            \
    1000                  /* of two events or more, for lists that are better than popularity      \
                           */
#define ENOUGH_ORDERS 300 /* of two items or more */

static double share(uint64_t part, uint64_t whole)
{
    return whole ? (double)part / (double)whole : 0;
}

static void advise(struct data_report *report, const char *what, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void advise(struct data_report *report, const char *what, const char *format, ...)
{
    va_list arguments;
    if (report->advice_count == REPORT_ADVICE_MAX)
        return;
    struct report_advice *advice = &report->advice[report->advice_count++];
    snprintf(advice->what, sizeof advice->what, "%s", what);
    va_start(arguments, format);
    vsnprintf(advice->why, sizeof advice->why, format, arguments);
    va_end(arguments);
}

/* ---- placements ---- */

static enum fitness judge_visitors(const struct data_report *report, char why[160])
{
    snprintf(why, 160, "%" PRIu64 " sessions have two events or more; good lists need some %d",
             report->sessions_of_two, ENOUGH_SESSIONS);
    return report->sessions_of_two >= ENOUGH_SESSIONS ? FITS
           : report->sessions_of_two > 0              ? FITS_PARTLY
                                                      : FITS_NOT;
}

static enum fitness judge_items(const struct data_report *report, char why[160])
{
    uint64_t views = report->kinds[EVENT_VIEW] + report->kinds[EVENT_CLICK];
    if (views == 0) {
        snprintf(why, 160, "there are no views, which say the item of the page");
        return FITS_NOT;
    }
    return judge_visitors(report, why);
}

static enum fitness judge_searches(const struct data_report *report, char why[160])
{
    if (report->kinds[EVENT_SEARCH] == 0) {
        snprintf(why, 160, "there are no searches");
        return FITS_NOT;
    }
    snprintf(why, 160, "%" PRIu64 " searches, %u products with a title",
             report->kinds[EVENT_SEARCH], report->products_titled);
    return report->products_titled > 0 ? FITS : FITS_PARTLY;
}

static enum fitness judge_carts(const struct data_report *report, char why[160])
{
    uint64_t orders = report->large_orders.count;
    snprintf(why, 160,
             "%" PRIu64 " cart events, %" PRIu64 " orders of two items or more; good lists need "
             "carts and some 300 such orders",
             report->kinds[EVENT_CART], orders);
    if (report->kinds[EVENT_CART] == 0 && report->kinds[EVENT_PURCHASE] == 0)
        return FITS_NOT;
    return orders >= ENOUGH_ORDERS && report->kinds[EVENT_CART] > 0 ? FITS : FITS_PARTLY;
}

static enum fitness judge_categories(const struct data_report *report, char why[160])
{
    snprintf(why, 160, "%u products have a category", report->products_categorised);
    return report->products_categorised == 0 ? FITS_NOT : FITS;
}

static enum fitness judge_placement(const struct data_report *report,
                                    const struct placement *placement, char why[160])
{
    static enum fitness (*const judges[CONTEXTS])(const struct data_report *, char[160]) = {
        [CONTEXT_VISITOR] = judge_visitors,    [CONTEXT_ITEM] = judge_items,
        [CONTEXT_TERM] = judge_searches,       [CONTEXT_CART] = judge_carts,
        [CONTEXT_CATEGORY] = judge_categories,
    };
    enum fitness fitness = judges[placement->context](report, why);
    bool by_category = placement->filters & (FILTER_SAME_CATEGORY | FILTER_OTHER_CATEGORY);
    if (fitness == FITS && by_category && report->products_categorised == 0) {
        snprintf(why, 160, "its filter needs categories, and no product has one");
        return FITS_PARTLY;
    }
    return fitness;
}

static void judge_placements(struct data_report *report)
{
    const struct placements *placements = &report->config->settings.recommend.placements;
    char off[sizeof report->advice[0].what] = "placements.off=";
    size_t start = strlen(off), used = start;
    for (uint32_t i = 0; i < placements->count; i++) {
        uint32_t at = report->placement_count++;
        report->placements[at].name = placements->at[i].name;
        report->placements[at].fitness =
            judge_placement(report, &placements->at[i], report->placements[at].why);
        if (report->placements[at].fitness != FITS_NOT || used >= sizeof off)
            continue;
        int more = snprintf(off + used, sizeof off - used, "%s%s", used > start ? "," : "",
                            placements->at[i].name);
        used += more > 0 ? (size_t)more : 0;
    }
    if (used > start)
        advise(report, off, "this data cannot feed these placements; lists for nobody cost time");
}

/* ---- advice ---- */

static void advise_clocks(struct data_report *report)
{
    for (int kind = 0; kind < REPORT_KINDS; kind++) {
        double hours;
        char what[100];
        if (!data_report_skew(report, kind, &hours))
            continue;
        snprintf(what, sizeof what, "set the clock of the sender of %s events",
                 event_type_names[kind]);
        if (report->from_topics)
            advise(report, what,
                   "their times lie %.1f hours %s those at which Kafka got them; a time zone that "
                   "was dropped does this",
                   fabs(hours), hours < 0 ? "before" : "after");
        else
            advise(report, what,
                   "their times lie %.1f hours %s those of the other events around them in the "
                   "file; one of the two clocks is wrong",
                   fabs(hours), hours < 0 ? "before" : "after");
    }
    if (report->ahead > 0)
        advise(report, "set the clock of the sender",
               "%" PRIu64
               " events lie ahead of now; weft takes the time at which their record is written",
               report->ahead);
}

static void advise_identities(struct data_report *report)
{
    double repeated = share(report->repeated_ids, report->events),
           again = share(report->repeated_contents, report->events),
           suspects = share(report->suspect_events, report->events);
    if (repeated > .01)
        advise(report, "look why events are sent twice",
               "%.1f %% repeat the event_id of another one; weft drops them", 100 * repeated);
    if (again > .01)
        advise(report, "send a repeat under its first event_id",
               "%.1f %% say the same as another event under another event_id, so they count twice",
               100 * again);
    if (suspects > .02)
        advise(report, "keep crawlers out at the source",
               "%" PRIu64 " visitors make %.1f %% of the events as no person does",
               report->suspects_all, 100 * suspects);
    if (report->events > 0 && report->with_user == 0)
        advise(report, "send user_id where a visitor is logged in",
               "no event has one, so a person with two devices is two visitors");
}

static void advise_contents(struct data_report *report)
{
    if (report->event_items > 0 && share(report->priced_items, report->event_items) < .5 &&
        report->products_priced == 0)
        advise(report, "send prices, with the events or in the catalogue",
               "%.0f %% of the events' items have one; tastes and features use it",
               100 * share(report->priced_items, report->event_items));
    if (report->events > 0 && report->products == 0)
        advise(report, "send the catalogue to catalog.product",
               "no product is described: there is no search by words, no category, and sold-out "
               "products stay in lists");
    else if (share(report->unknown_items, report->items_seen) > .05)
        advise(report, "send all products, also those that are gone",
               "%.0f %% of the items with events have no row in the catalogue",
               100 * share(report->unknown_items, report->items_seen));
    if (report->events > 0 && report->kinds[EVENT_IMPRESSION] == 0)
        advise(report, "send impressions and clicks of weft's lists, once they are shown",
               "the ranker learns best from what visitors saw");
    if (report->events > 0 && report->kinds[EVENT_PURCHASE] == 0)
        advise(report, "send purchases", "bought items otherwise stay in the lists");
}

static void advise_settings(struct data_report *report)
{
    const struct settings *settings = &report->config->settings;
    char what[160];
    if (report->map[0] && !report->from_topics) {
        snprintf(what, sizeof what, "input.map=%s", report->map);
        advise(report, what, "the topics have records of this form; `weft replay` needs it not");
    }
    if (report->items_seen > settings->model.items_max * 4ull / 5) {
        snprintf(what, sizeof what, "items.max=%" PRIu64 "", 2 * (uint64_t)report->items_seen);
        advise(report, what, "%u items are in this data, and the bound is %u", report->items_seen,
               settings->model.items_max);
    }
    if (report->out_of_order > 0 && !report->from_topics)
        advise(report, "sort the file by time",
               "%" PRIu64
               " events are older than one before them; backtest takes the order of lines",
               report->out_of_order);
    if (share(report->rejected, report->lines) > .01)
        advise(report, "mend what is rejected",
               "%.1f %% of the records would go to the dead letters; the reasons are above",
               100 * share(report->rejected, report->lines));
}

void data_report_advise(struct data_report *report)
{
    advise_clocks(report);
    advise_settings(report);
    judge_placements(report);
    advise_identities(report);
    advise_contents(report);
}
