#include "processors/runtime/metrics.h"

#include "processors/runtime/log.h"

enum metric_type {
    METRIC_COUNT,   /* uint64_t */
    METRIC_OFFSET,  /* int64_t */
    METRIC_TEXT,    /* const char *, without characters that JSON escapes */
    METRIC_SECONDS, /* double */
    METRIC_ONLINE,  /* struct online_metrics: an object of its own */
    METRIC_REASONS, /* struct letter_reasons: an object, from reason to count */
};

/* One key, or a key for each element of an array. */
struct metric {
    const char *name;         /* NULL: `names` has them */
    const char *const *names; /* of the elements */
    int count;
    enum metric_type type;
    size_t offset; /* in struct metrics */
};

#define ONE(name, type, field) {name, NULL, 1, type, offsetof(struct metrics, field)}
#define COUNT(name, field) ONE(name, METRIC_COUNT, field)
#define COUNT_EACH(names, count, field)                                                            \
    {NULL, names, count, METRIC_COUNT, offsetof(struct metrics, field)}

static const struct metric metrics_table[] = {
    ONE("time", METRIC_OFFSET, time_ms),
    ONE("application_id", METRIC_TEXT, application_id),
    ONE("instance_id", METRIC_TEXT, instance_id),
    ONE("event", METRIC_TEXT, event),
    ONE("uptime_s", METRIC_SECONDS, uptime_s),
    COUNT_EACH(fate_names, FATES, totals.counts.fates),
    ONE("dead_letter_reasons", METRIC_REASONS, totals.reasons),
    COUNT("read", read),
    COUNT_EACH(counter_names, COUNTERS, totals.counts.counters),
    COUNT("shown_bytes", totals.shown_bytes),
    ONE("quality", METRIC_ONLINE, totals.counts.online),
    COUNT("products", catalogue.products),
    COUNT("products_rejected", catalogue.rejected),
    COUNT("products_refused", catalogue.counts.products_refused),
    COUNT("attributes_out", catalogue.counts.attributes_out),
    COUNT("words_refused", catalogue.counts.words_refused),
    COUNT("texts_cut", catalogue.counts.texts_cut),
    COUNT("catalogue_rereads", catalogue.rereads),
    COUNT("commits", totals.commits),
    COUNT("aborts", totals.aborts),
    COUNT("restored", totals.restored),
    COUNT("records_lost", totals.lost),
    COUNT("disk_waits", disk_waits),
    COUNT("lists_early_failed", lists_early_failed),
    COUNT("visitors_cached", totals.visitors_cached),
    COUNT("visitors_bytes", totals.visitors_bytes),
    COUNT("workers_ready", totals.ready_workers),
    COUNT("workers_behind", totals.behind_workers),
    COUNT("lag_ms", totals.lag_ms),
    COUNT("records_left", totals.records_left),
    COUNT("lists_owed", totals.lists_owed),
    COUNT("schemas_awaited", registry.awaited),
    COUNT("schema_requests_failed", registry.failed),
    COUNT("items", model.items),
    COUNT("folded", model.folded),
    ONE("folded_offset", METRIC_OFFSET, model.folded_offset),
    ONE("saved_offset", METRIC_OFFSET, model.saved_offset),
    ONE("snapshot_offset", METRIC_OFFSET, model.snapshot_offset),
    COUNT("items_refused", model.items_refused),
    COUNT("items_evicted", model.items_evicted),
    COUNT("row_entries_evicted", model.entries_evicted),
    COUNT("queries_evicted", model.queries_evicted),
    COUNT("query_entries_evicted", model.query_entries_evicted),
    COUNT("channels_evicted", model.channels_evicted),
    COUNT("channel_entries_evicted", model.channel_entries_evicted),
    ONE("rankings_offset", METRIC_OFFSET, rankings.offset),
    COUNT("rankings_written", rankings.written),
    COUNT("rankings_same", rankings.same),
    COUNT("rankings_deleted", rankings.deleted),
    COUNT("rankings_scopes_out", rankings.scopes_out),
    COUNT("rankings_terms_out", rankings.terms_out),
    ONE("item_lists_offset", METRIC_OFFSET, items.offset),
    COUNT("item_lists_written", items.written),
    COUNT("item_lists_same", items.same),
    COUNT("item_lists_deleted", items.deleted),
    COUNT("item_lists_cut", items.cut),
    COUNT("item_lists_left", items.left),
    COUNT("item_lists_lag_ms", items.lag_ms),
    COUNT("memory_resident", memory.resident),
    COUNT_EACH(memory_names, MEMORY_PARTS, memory.parts),
};

/* ---- taking the figures ---- */

static void take_model(struct run *run, struct metrics *metrics)
{
    struct model *model = run->model;
    metrics->model.folded_offset = atomic_load(&run->folded_offset);
    metrics->model.saved_offset = atomic_load(&run->saved_offset);
    metrics->model.snapshot_offset = atomic_load(&run->snapshot_offset);
    if (!atomic_load(&run->fold_ready)) /* loading from disk takes no lock */
        return;
    model_lock_read(model);
    metrics->model.items = model->live_count;
    metrics->model.folded = model->folded;
    metrics->model.items_refused = model->items_refused;
    metrics->model.items_evicted = model->items_evicted;
    metrics->model.entries_evicted = model->entries_evicted;
    metrics->model.queries_evicted = model->queries->evicted;
    metrics->model.query_entries_evicted = model->queries->entries_evicted;
    metrics->model.channels_evicted = model->channels->evicted;
    metrics->model.channel_entries_evicted = model->channels->entries_evicted;
    model_unlock_read(model);
}

static void take_catalogue(struct run *run, struct metrics *metrics)
{
    metrics->catalogue.rejected = atomic_load(&run->catalogue_rejected);
    metrics->catalogue.rereads = atomic_load(&run->catalogue_rereads);
    if (!atomic_load(&run->catalogue_ready))
        return;
    catalogue_lock_read(run->catalogue);
    metrics->catalogue.products = run->catalogue->present;
    metrics->catalogue.counts = run->catalogue->counts;
    catalogue_unlock_read(run->catalogue);
}

static void take_rankings(struct run *run, struct metrics *metrics)
{
    metrics->rankings.offset = atomic_load(&run->rankings.offset);
    metrics->rankings.written = atomic_load(&run->rankings.written);
    metrics->rankings.same = atomic_load(&run->rankings.same);
    metrics->rankings.deleted = atomic_load(&run->rankings.deleted);
    metrics->rankings.scopes_out = atomic_load(&run->rankings.scopes_out);
    metrics->rankings.terms_out = atomic_load(&run->rankings.terms_out);
}

static void take_items(struct run *run, struct metrics *metrics)
{
    int64_t round_us = atomic_load(&run->items.round_us);
    if (round_us == 0) /* the first round goes on */
        round_us = atomic_load(&run->items.first_us);
    metrics->items.offset = atomic_load(&run->items.offset);
    metrics->items.written = atomic_load(&run->items.written);
    metrics->items.same = atomic_load(&run->items.same);
    metrics->items.deleted = atomic_load(&run->items.deleted);
    metrics->items.cut = atomic_load(&run->items.cut);
    metrics->items.left = atomic_load(&run->items.left);
    metrics->items.lag_ms = round_us > 0 ? (uint64_t)(clock_monotonic_us() - round_us) / 1000 : 0;
}

void metrics_take(struct run *run, const struct totals *totals, int64_t started_us, bool last,
                  struct metrics *ret_metrics)
{
    *ret_metrics = (struct metrics){
        .time_ms = clock_now_ms(),
        .application_id = run->config->application_id,
        .instance_id = run->instance,
        .event = last ? "stop" : "metrics",
        .uptime_s = (double)(clock_monotonic_us() - started_us) / 1e6,
        .disk_waits = run->disk_waits,
        .lists_early_failed = atomic_load(&run->early_failures),
        .totals = *totals,
        .placements = &run->config->settings.recommend.placements,
        .registry = registry_counts(run->registry),
    };
    for (int i = 0; i < FATES; i++)
        ret_metrics->read += totals->counts.fates[i];
    take_model(run, ret_metrics);
    take_catalogue(run, ret_metrics);
    take_rankings(run, ret_metrics);
    take_items(run, ret_metrics);
}

/* ---- writing them ---- */

static void write_reasons(const struct letter_reasons *reasons, struct buffer *buffer)
{
    buffer_byte(buffer, '{');
    for (uint32_t i = 0; i < reasons->count; i++) {
        buffer_json(buffer, bytes_text(reasons->at[i].reason));
        buffer_format(buffer, ":%llu,", (unsigned long long)reasons->at[i].count);
    }
    buffer_format(buffer, "\"others\":%llu}", (unsigned long long)reasons->others);
}

static void write_value(const struct metrics *metrics, enum metric_type type, const void *field,
                        struct buffer *buffer)
{
    switch (type) {
    case METRIC_COUNT:
        buffer_format(buffer, "%llu", (unsigned long long)*(const uint64_t *)field);
        break;
    case METRIC_OFFSET:
        buffer_format(buffer, "%lld", (long long)*(const int64_t *)field);
        break;
    case METRIC_TEXT:
        buffer_format(buffer, "\"%s\"", *(const char *const *)field);
        break;
    case METRIC_SECONDS:
        buffer_format(buffer, "%.1f", *(const double *)field);
        break;
    case METRIC_REASONS:
        write_reasons(field, buffer);
        break;
    case METRIC_ONLINE:
        online_metrics_write_json(field, metrics->placements, buffer);
        break;
    }
}

void metrics_write_json(const struct metrics *metrics, struct buffer *buffer)
{
    char separator = '{';
    for (size_t i = 0; i < sizeof metrics_table / sizeof metrics_table[0]; i++) {
        const struct metric *metric = &metrics_table[i];
        const char *field = (const char *)metrics + metric->offset;
        for (int k = 0; k < metric->count; k++) {
            buffer_format(buffer, "%c\"%s\":", separator,
                          metric->name ? metric->name : metric->names[k]);
            write_value(metrics, metric->type, field + (size_t)k * sizeof(uint64_t), buffer);
            separator = ',';
        }
    }
    buffer_byte(buffer, '}');
}
