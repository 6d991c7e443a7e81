#include "processors/recommend/lists/online_metrics.h"

#include "processors/recommend/ranking/pending_ring.h"

#include <stdlib.h>
#include <string.h>

struct shown {
    struct pending waiting;
    uint8_t counts[PLACEMENTS_MAX];
    uint32_t hashes[]; /* [placement][ONLINE_METRICS_RANKS] */
};

struct shown_log {
    struct pending_ring lists;
    const struct placements *placements;
};

struct shown_log *shown_log_new(size_t bytes, const struct placements *placements, int64_t age_ms)
{
    struct shown_log *ring = memory_zero(1, sizeof *ring);
    ring->placements = placements;
    pending_ring_init(
        &ring->lists, bytes,
        sizeof(struct shown) + sizeof(uint32_t) * ONLINE_METRICS_RANKS * placements->count, age_ms);
    return ring;
}

void shown_log_free(struct shown_log *ring)
{
    if (ring == NULL)
        return;
    pending_ring_release(&ring->lists);
    free(ring);
}

static uint32_t hash_of(struct bytes item_id)
{
    return (uint32_t)(bytes_hash(item_id) >> 32);
}

static uint32_t number_of(const struct shown_log *ring, const char *placement)
{
    uint32_t number = 0;
    while (number < ring->placements->count &&
           strcmp(ring->placements->at[number].name, placement) != 0)
        number++;
    return number;
}

uint64_t shown_log_add(struct shown_log *ring, int64_t time_ms, const struct list *lists,
                       uint32_t list_count)
{
    struct shown *shown = pending_ring_take(&ring->lists, time_ms);
    if (shown == NULL)
        return 0;
    memset(shown->counts, 0, sizeof shown->counts);
    for (uint32_t i = 0; i < list_count; i++) {
        uint32_t number = number_of(ring, lists[i].placement), count = lists[i].item_count;
        if (number == ring->placements->count)
            continue;
        count = count < ONLINE_METRICS_RANKS ? count : ONLINE_METRICS_RANKS;
        for (uint32_t k = 0; k < count; k++)
            shown->hashes[number * ONLINE_METRICS_RANKS + k] = hash_of(lists[i].items[k].item_id);
        shown->counts[number] = (uint8_t)count;
    }
    return shown->waiting.serial;
}

void online_metrics_answer(struct online_metrics *quality, const struct shown_log *ring,
                           uint64_t serial, struct bytes item_id, enum kind kind)
{
    const struct shown *shown = pending_ring_find(&ring->lists, serial);
    if (shown == NULL)
        return;
    uint32_t hash = hash_of(item_id);
    for (uint32_t p = 0; p < ring->placements->count; p++) {
        struct online_metrics_cell *cell = &quality->cells[p][kind];
        const uint32_t *hashes = &shown->hashes[p * ONLINE_METRICS_RANKS];
        uint32_t k = 0, count = shown->counts[p];
        while (k < count && hashes[k] != hash)
            k++;
        cell->asked += count > 0;
        if (k < count) {
            cell->hits++;
            cell->reciprocal_millionths += 1000000 / (k + 1);
        }
    }
}

size_t shown_log_bytes(const struct shown_log *ring)
{
    return pending_ring_bytes(&ring->lists);
}

static struct online_metrics_exposure *exposure_of(struct online_metrics *quality,
                                                   const struct placements *placements,
                                                   struct bytes placement)
{
    uint32_t number = 0;
    while (number < placements->count &&
           !bytes_equal(bytes_text(placements->at[number].name), placement))
        number++;
    return &quality->exposures[number < placements->count ? number : PLACEMENTS_MAX];
}

void online_metrics_impression(struct online_metrics *quality, const struct placements *placements,
                               struct bytes placement, uint32_t items)
{
    struct online_metrics_exposure *exposure = exposure_of(quality, placements, placement);
    exposure->lists++;
    exposure->items += items;
}

void online_metrics_click(struct online_metrics *quality, const struct placements *placements,
                          struct bytes placement)
{
    exposure_of(quality, placements, placement)->clicks++;
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
            to->cells[p][kind].asked += from->cells[p][kind].asked;
            to->cells[p][kind].hits += from->cells[p][kind].hits;
            to->cells[p][kind].reciprocal_millionths += from->cells[p][kind].reciprocal_millionths;
        }
    }
}

static void write_cell(const struct online_metrics_cell *cell, const char *kind,
                       struct buffer *buffer)
{
    double asked = (double)cell->asked;
    buffer_format(
        buffer, "\"%s\":{\"asked\":%llu,\"hits\":%llu,\"hit_rate\":%.4f,\"reciprocal_rank\":%.4f}",
        kind, (unsigned long long)cell->asked, (unsigned long long)cell->hits,
        (double)cell->hits / asked, (double)cell->reciprocal_millionths / 1e6 / asked);
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

void online_metrics_write_json(const struct online_metrics *quality,
                               const struct placements *placements, struct buffer *buffer)
{
    const char *between = "";
    buffer_byte(buffer, '{');
    for (uint32_t p = 0; p <= PLACEMENTS_MAX; p++) {
        const struct online_metrics_exposure *exposure = &quality->exposures[p];
        const char *name = p < placements->count ? placements->at[p].name : "others";
        const char *before = "";
        size_t start = buffer->size;
        buffer_format(buffer, "%s\"%s\":{", between, name);
        if (exposure->lists + exposure->clicks > 0) {
            write_exposure(exposure, buffer);
            before = ",";
        }
        for (int kind = 0; p < PLACEMENTS_MAX && kind < KINDS; kind++) {
            const struct online_metrics_cell *cell = &quality->cells[p][kind];
            if (cell->asked == 0)
                continue;
            buffer_text(buffer, before);
            write_cell(cell, kind_names[kind], buffer);
            before = ",";
        }
        if (*before == '\0') { /* nothing of this one */
            buffer->size = start;
            continue;
        }
        buffer_byte(buffer, '}');
        between = ",";
    }
    buffer_byte(buffer, '}');
}
