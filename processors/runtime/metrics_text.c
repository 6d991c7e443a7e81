#include "processors/runtime/metrics_text.h"

#include <stdio.h>

/* Figures that are one number each. The field is a uint64_t or an int64_t that is not negative. */
struct figure {
    const char *name, *unit, *help;
    enum metric_kind kind;
    double scale; /* from the field to the unit */
    size_t offset;
};

#define COUNTER(name, field, help)                                                                 \
    {name, NULL, help, METRIC_COUNTER, 1, offsetof(struct metrics, field)}
#define GAUGE(name, field, help)                                                                   \
    {name, NULL, help, METRIC_GAUGE, 1, offsetof(struct metrics, field)}
#define SECONDS(name, field, help)                                                                 \
    {name, "seconds", help, METRIC_GAUGE, .001, offsetof(struct metrics, field)}
#define BYTES(name, field, help)                                                                   \
    {name, "bytes", help, METRIC_GAUGE, 1, offsetof(struct metrics, field)}

static const struct figure figures[] = {
    COUNTER("commits", totals.commits, "Commits of batches."),
    COUNTER("aborts", totals.aborts, "Batches that were aborted and done again."),
    COUNTER("restored_rows", totals.restored, "Rows read from the visitors' changelog."),
    COUNTER("records_lost", totals.lost, "Records of inputs that retention took unread."),
    COUNTER("disk_waits", disk_waits, "Times that the process waited for a full disk."),
    COUNTER("early_lists_failed", lists_early_failed, "Early lists that were not delivered."),
    GAUGE("workers_ready", totals.ready_workers, "Workers that have restored their visitors."),
    GAUGE("workers_behind", totals.behind_workers, "Workers that are behind their inputs."),
    SECONDS("lag_seconds", totals.lag_ms, "Age of the oldest event that waits."),
    GAUGE("records_left", totals.records_left, "Events that wait, as last heard."),
    GAUGE("lists_owed", totals.lists_owed, "Visitors whose lists wait for the end of a backlog."),
    GAUGE("visitors_cached", totals.visitors_cached, "Visitors in memory."),
    GAUGE("products", catalogue.products, "Products of the catalogue."),
    COUNTER("products_rejected", catalogue.rejected, "Product records that can't be used."),
    COUNTER("products_refused", catalogue.counts.products_refused,
            "Products beyond catalogue.products.max."),
    COUNTER("catalogue_rereads", catalogue.rereads,
            "Times that the catalogue was read again from its beginning."),
    GAUGE("schemas_awaited", registry.awaited, "Schemas that records wait for."),
    COUNTER("schema_requests_failed", registry.failed,
            "Requests to the schema registry without an answer."),
    GAUGE("items", model.items, "Items that the model knows."),
    COUNTER("folded_records", model.folded, "Records of the interactions log that are folded."),
    GAUGE("folded_offset", model.folded_offset, "The next record of the interactions log to fold."),
    GAUGE("saved_offset", model.saved_offset, "The model on disk is as of this offset."),
    GAUGE("snapshot_offset", model.snapshot_offset, "The last snapshot is as of this offset."),
    COUNTER("items_evicted", model.items_evicted, "Items that fell out at the model's bound."),
    COUNTER("rankings_written", rankings.written, "Rankings that this process published."),
    COUNTER("item_lists_written", items.written, "Lists of items that this process published."),
    GAUGE("item_lists_left", items.left, "Items before the end of the publisher's round."),
    SECONDS("item_lists_lag_seconds", items.lag_ms,
            "Time since the last whole round over all items began."),
};

static void write_figures(const struct metrics *metrics, struct exposition *exposition)
{
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        const struct figure *figure = &figures[i];
        int64_t number;
        memcpy(&number, (const char *)metrics + figure->offset, sizeof number);
        exposition_one(exposition, figure->kind, figure->name, figure->unit, figure->help,
                       (double)number * figure->scale);
    }
}

static void write_named(struct exposition *exposition, const char *label, const char *const *names,
                        const uint64_t *values, int count)
{
    for (int i = 0; i < count; i++) {
        const struct metric_label name = {label, bytes_text(names[i])};
        exposition_value(exposition, &name, NULL, (double)values[i]);
    }
}

static void write_reasons(const struct letter_reasons *reasons, struct exposition *exposition)
{
    exposition_family(exposition, METRIC_COUNTER, "dead_letters", NULL, "Dead letters by reason.");
    for (uint32_t i = 0; i < reasons->count; i++) {
        const struct metric_label reason = {"reason", bytes_text(reasons->at[i].reason)};
        exposition_value(exposition, &reason, NULL, (double)reasons->at[i].count);
    }
    const struct metric_label others = {"reason", bytes_text("others")};
    exposition_value(exposition, &others, NULL, (double)reasons->others);
}

/* One family at a time, as the format wants it. */
enum outcome_part { OUTCOME_CLICKS, OUTCOME_HITS };

static void write_outcomes(const struct metrics *metrics, enum outcome_part outcome,
                           struct exposition *exposition)
{
    const struct online_metrics *online = &metrics->totals.counts.online;
    for (uint32_t i = 0; i < metrics->placements->count; i++)
        for (int kind = 0; kind < KINDS; kind++) {
            const struct online_metrics_cell *cell = &online->cells[i][kind];
            const struct metric_label placement = {"placement",
                                                   bytes_text(metrics->placements->at[i].name)};
            const struct metric_label name = {"kind", bytes_text(kind_names[kind])};
            if (cell->clicks > 0 || kind == KIND_VIEW) /* so that there is always one */
                exposition_value(exposition, &placement, &name,
                                 (double)(outcome == OUTCOME_HITS ? cell->hits : cell->clicks));
        }
}

enum shown_part { SHOWN_LISTS, SHOWN_ITEMS, SHOWN_CLICKS };

static void write_shown(const struct metrics *metrics, enum shown_part shown,
                        struct exposition *exposition)
{
    for (uint32_t i = 0; i <= metrics->placements->count; i++) {
        bool others = i == metrics->placements->count;
        const struct online_metrics_exposure *exposure =
            &metrics->totals.counts.online.exposures[others ? PLACEMENTS_MAX : i];
        const struct metric_label placement = {
            "placement", bytes_text(others ? "others" : metrics->placements->at[i].name)};
        uint64_t value = shown == SHOWN_LISTS   ? exposure->lists
                         : shown == SHOWN_ITEMS ? exposure->items
                                                : exposure->clicks;
        exposition_value(exposition, &placement, NULL, (double)value);
    }
}

static void write_quality(const struct metrics *metrics, struct exposition *exposition)
{
    exposition_family(exposition, METRIC_COUNTER, "list_outcomes", NULL,
                      "Activities that were compared with the list that the visitor had.");
    write_outcomes(metrics, OUTCOME_CLICKS, exposition);
    exposition_family(exposition, METRIC_COUNTER, "list_hits", NULL,
                      "Those whose item was among the first of the list.");
    write_outcomes(metrics, OUTCOME_HITS, exposition);
    exposition_family(exposition, METRIC_COUNTER, "shown_lists", NULL,
                      "Lists that the shop reports as shown.");
    write_shown(metrics, SHOWN_LISTS, exposition);
    exposition_family(exposition, METRIC_COUNTER, "shown_items", NULL,
                      "Items of lists that the shop reports as shown.");
    write_shown(metrics, SHOWN_ITEMS, exposition);
    exposition_family(exposition, METRIC_COUNTER, "shown_clicks", NULL,
                      "Clicks on items of lists that the shop reports.");
    write_shown(metrics, SHOWN_CLICKS, exposition);
}

static void write_times(const struct totals *totals, struct exposition *exposition)
{
    exposition_family(exposition, METRIC_HISTOGRAM, "event_to_list_seconds", "seconds",
                      "From an event's Kafka timestamp to the commit of its visitor's lists.");
    exposition_histogram(exposition, NULL, histogram_bounds, totals->event_to_list.buckets,
                         HISTOGRAM_BUCKETS, totals->event_to_list.sum);
    exposition_family(exposition, METRIC_HISTOGRAM, "commit_seconds", "seconds",
                      "How long a commit takes, without making the lists.");
    exposition_histogram(exposition, NULL, histogram_bounds, totals->commit_times.buckets,
                         HISTOGRAM_BUCKETS, totals->commit_times.sum);
}

void metrics_write_text(const struct metrics *metrics, struct exposition *exposition)
{
    const struct totals *totals = &metrics->totals;
    const struct metric_label version = {"version", bytes_text(WEFT_VERSION)};
    const struct metric_label application = {"application", bytes_text(metrics->application_id)};
    exposition_family(exposition, METRIC_GAUGE, "build_info", NULL, "1; the labels tell.");
    exposition_value(exposition, &version, &application, 1);
    exposition_one(exposition, METRIC_GAUGE, "uptime_seconds", "seconds",
                   "Time since the process started.", metrics->uptime_s);
    exposition_family(exposition, METRIC_COUNTER, "records", NULL,
                      "Events by their fate, which each has once.");
    write_named(exposition, "fate", fate_names, totals->counts.fates, FATES);
    exposition_family(
        exposition, METRIC_COUNTER, "counters", NULL,
        "The counters of the steps, by the names that they have in the JSON metrics.");
    write_named(exposition, "name", counter_names, totals->counts.counters, COUNTERS);
    write_reasons(&totals->reasons, exposition);
    write_figures(metrics, exposition);
    write_quality(metrics, exposition);
    write_times(totals, exposition);
    exposition_family(exposition, METRIC_GAUGE, "memory_bytes", "bytes", "Memory by its use.");
    write_named(exposition, "part", memory_names, metrics->memory.parts, MEMORY_PARTS);
}
