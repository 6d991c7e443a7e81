#include "processors/recommend/lists/online_metrics.h"

#include "processors/recommend/ranking/pending_ring.h"

#include <stdlib.h>
#include <string.h>

struct shown {
    struct pending pending;
    uint8_t counts[PLACEMENTS_MAX];
    uint32_t hashes[]; /* [placement][ONLINE_METRICS_RANKS] */
};

struct shown_log {
    struct pending_ring lists;
    const struct placements *placements;
};

struct shown_log *shown_log_new(size_t bytes, const struct placements *placements, int64_t age_ms)
{
    struct shown_log *log = memory_zero(1, sizeof *log);
    log->placements = placements;
    pending_ring_init(
        &log->lists, bytes,
        sizeof(struct shown) + sizeof(uint32_t) * ONLINE_METRICS_RANKS * placements->count, age_ms);
    return log;
}

void shown_log_free(struct shown_log *log)
{
    if (log == NULL)
        return;
    pending_ring_release(&log->lists);
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

uint64_t shown_log_add(struct shown_log *log, int64_t time_ms, const struct list *lists,
                       uint32_t list_count)
{
    struct shown *shown = pending_ring_take(&log->lists, time_ms);
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
    return shown->pending.serial;
}

void online_metrics_outcome(struct online_metrics *metrics, const struct shown_log *log,
                            uint64_t serial, struct bytes item_id, enum kind kind)
{
    const struct shown *shown = pending_ring_find(&log->lists, serial);
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
        if (k < count) {
            cell->hits++;
            cell->reciprocal_millionths += 1000000 / (k + 1);
        }
    }
}

size_t shown_log_bytes(const struct shown_log *log)
{
    return pending_ring_bytes(&log->lists);
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
            to->cells[p][kind].clicks += from->cells[p][kind].clicks;
            to->cells[p][kind].hits += from->cells[p][kind].hits;
            to->cells[p][kind].reciprocal_millionths += from->cells[p][kind].reciprocal_millionths;
        }
    }
}

static void write_cell(const struct online_metrics_cell *cell, const char *kind,
                       struct buffer *buffer)
{
    double clicks = (double)cell->clicks;
    buffer_format(
        buffer, "\"%s\":{\"asked\":%llu,\"hits\":%llu,\"hit_rate\":%.4f,\"reciprocal_rank\":%.4f}",
        kind, (unsigned long long)cell->clicks, (unsigned long long)cell->hits,
        (double)cell->hits / clicks, (double)cell->reciprocal_millionths / 1e6 / clicks);
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
