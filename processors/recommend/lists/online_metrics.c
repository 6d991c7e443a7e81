#include "processors/recommend/lists/online_metrics.h"

#include "processors/recommend/ranking/pending_sample.h"

#include <stdlib.h>
#include <string.h>

struct shown {
    uint8_t counts[PLACEMENTS_MAX];
    uint32_t hashes[]; /* [placement][ONLINE_METRICS_RANKS] */
};

struct shown_log {
    struct pending_sample lists;
    const struct placements *placements;
};

struct shown_log *shown_log_new(size_t bytes, const struct placements *placements)
{
    struct shown_log *log = memory_zero(1, sizeof *log);
    log->placements = placements;
    pending_sample_init(&log->lists, bytes);
    return log;
}

void shown_log_bound(struct shown_log *log, size_t bytes)
{
    pending_sample_bound(&log->lists, bytes);
}

void shown_log_free(struct shown_log *log)
{
    if (log == NULL)
        return;
    pending_sample_release(&log->lists);
    free(log);
}

static uint32_t hash_of(struct bytes item_id)
{
    return (uint32_t)(bytes_hash(item_id) >> 32);
}

static uint32_t number_of(const struct shown_log *log, const char *placement)
{
    uint32_t number = 0;
    while (number < log->placements->count &&
           strcmp(log->placements->at[number].name, placement) != 0)
        number++;
    return number;
}

uint64_t shown_log_add(struct shown_log *log, uint64_t before, uint64_t visitor_hash,
                       int64_t time_ms, const struct list *lists, uint32_t list_count)
{
    uint64_t handle;
    struct shown *shown = pending_sample_add(
        &log->lists, before, visitor_hash, time_ms,
        sizeof *shown + sizeof *shown->hashes * ONLINE_METRICS_RANKS * log->placements->count,
        &handle);
    if (shown == NULL)
        return 0;
    memset(shown->counts, 0, sizeof shown->counts);
    for (uint32_t i = 0; i < list_count; i++) {
        uint32_t number = number_of(log, lists[i].placement), count = lists[i].item_count;
        if (number == log->placements->count)
            continue;
        count = count < ONLINE_METRICS_RANKS ? count : ONLINE_METRICS_RANKS;
        for (uint32_t k = 0; k < count; k++)
            shown->hashes[number * ONLINE_METRICS_RANKS + k] = hash_of(lists[i].items[k].item_id);
        shown->counts[number] = (uint8_t)count;
    }
    return handle;
}

void shown_log_drop(struct shown_log *log, uint64_t handle)
{
    pending_sample_drop(&log->lists, handle);
}

void online_metrics_outcome(struct online_metrics *metrics, const struct shown_log *log,
                            uint64_t handle, struct bytes item_id, enum kind kind)
{
    double weight;
    const struct shown *shown = pending_sample_find(&log->lists, handle, &weight);
    if (shown == NULL)
        return;
    uint32_t hash = hash_of(item_id);
    for (uint32_t p = 0; p < log->placements->count; p++) {
        struct online_metrics_cell *cell = &metrics->cells[p][kind];
        const uint32_t *hashes = &shown->hashes[p * ONLINE_METRICS_RANKS];
        uint32_t k = 0, count = shown->counts[p];
        while (k < count && hashes[k] != hash)
            k++;
        cell->clicks += count > 0;
        cell->clicks_weighted += count > 0 ? weight : 0;
        if (k < count) {
            cell->hits++;
            cell->reciprocal_millionths += 1000000 / (k + 1);
            cell->hits_weighted += weight;
            cell->reciprocal_weighted += weight / (k + 1);
        }
    }
}

size_t shown_log_bytes(const struct shown_log *log)
{
    return log->lists.bytes;
}

static struct online_metrics_exposure *exposure_of(struct online_metrics *metrics,
                                                   const struct placements *placements,
                                                   struct bytes placement)
{
    uint32_t number = 0;
    while (number < placements->count &&
           !bytes_equal(bytes_text(placements->at[number].name), placement))
        number++;
    return &metrics->exposures[number < placements->count ? number : PLACEMENTS_MAX];
}

void online_metrics_impression(struct online_metrics *metrics, const struct placements *placements,
                               struct bytes placement, uint32_t items)
{
    struct online_metrics_exposure *exposure = exposure_of(metrics, placements, placement);
    exposure->lists++;
    exposure->items += items;
}

void online_metrics_click(struct online_metrics *metrics, const struct placements *placements,
                          struct bytes placement)
{
    exposure_of(metrics, placements, placement)->clicks++;
}

void online_metrics_add(struct online_metrics *to, const struct online_metrics *from)
{
    for (int p = 0; p <= PLACEMENTS_MAX; p++) {
        to->exposures[p].lists += from->exposures[p].lists;
        to->exposures[p].items += from->exposures[p].items;
        to->exposures[p].clicks += from->exposures[p].clicks;
    }
    for (int p = 0; p < PLACEMENTS_MAX; p++) {
        for (int kind = 0; kind < KINDS; kind++) {
            struct online_metrics_cell *sum = &to->cells[p][kind];
            const struct online_metrics_cell *cell = &from->cells[p][kind];
            sum->clicks += cell->clicks;
            sum->hits += cell->hits;
            sum->reciprocal_millionths += cell->reciprocal_millionths;
            sum->clicks_weighted += cell->clicks_weighted;
            sum->hits_weighted += cell->hits_weighted;
            sum->reciprocal_weighted += cell->reciprocal_weighted;
        }
    }
}

static void write_cell(const struct online_metrics_cell *cell, const char *kind,
                       struct buffer *buffer)
{
    buffer_format(buffer,
                  "\"%s\":{\"asked\":%llu,\"asked_of\":%.0f,\"hits\":%llu,\"hit_rate\":%.4f,"
                  "\"reciprocal_rank\":%.4f}",
                  kind, (unsigned long long)cell->clicks, cell->clicks_weighted,
                  (unsigned long long)cell->hits, cell->hits_weighted / cell->clicks_weighted,
                  cell->reciprocal_weighted / cell->clicks_weighted);
}

static void write_exposure(const struct online_metrics_exposure *exposure, struct buffer *buffer)
{
    double lists = exposure->lists ? (double)exposure->lists : 1;
    buffer_format(buffer,
                  "\"shown\":{\"lists\":%llu,\"items\":%llu,\"clicks\":%llu,"
                  "\"click_through\":%.4f}",
                  (unsigned long long)exposure->lists, (unsigned long long)exposure->items,
                  (unsigned long long)exposure->clicks, (double)exposure->clicks / lists);
}

void online_metrics_write_json(const struct online_metrics *metrics,
                               const struct placements *placements, struct buffer *buffer)
{
    const char *between = "";
    buffer_byte(buffer, '{');
    for (uint32_t p = 0; p <= PLACEMENTS_MAX; p++) {
        const struct online_metrics_exposure *exposure = &metrics->exposures[p];
        const char *name = p < placements->count ? placements->at[p].name : "others";
        const char *before = "";
        size_t start = buffer->size;
        buffer_format(buffer, "%s\"%s\":{", between, name);
        if (exposure->lists + exposure->clicks > 0) {
            write_exposure(exposure, buffer);
            before = ",";
        }
        for (int kind = 0; p < PLACEMENTS_MAX && kind < KINDS; kind++) {
            const struct online_metrics_cell *cell = &metrics->cells[p][kind];
            if (cell->clicks == 0)
                continue;
            buffer_text(buffer, before);
            write_cell(cell, kind_names[kind], buffer);
            before = ",";
        }
        if (*before == '\0') { /* the placement has no numbers */
            buffer->size = start;
            continue;
        }
        buffer_byte(buffer, '}');
        between = ",";
    }
    buffer_byte(buffer, '}');
}
