/* Live quality: whether the list that a visitor was shown last had what they clicked next, and at
 * which rank, before anything is learned from the click (prequential evaluation: Dawid 1984), for
 * each placement and kind of click.
 *
 * The shown lists wait for the visitor's next click (pending_ring.h) as hashes of their items:
 * 32 bits, so that one wrong hit is expected in 200 million compared lists of 20. The first
 * ONLINE_METRICS_RANKS items of a list are kept, those behind count as not shown. A list is asked
 * once, by the first click after it; a click of several items (a purchase) asks it for each of
 * them. Thread: one. */
#ifndef WEFT_LISTS_ONLINE_METRICS_H
#define WEFT_LISTS_ONLINE_METRICS_H

#include "processors/recommend/lists/placements.h"
#include "schemas/interaction.h"
#include "schemas/recommendation.h"

#define ONLINE_METRICS_RANKS 20 /* a hit is among the first so many */

struct shown_log;

/* Room for lists of the placements, which outlive it and stay as they are; 0 bytes: none are kept,
 * and nothing is measured. */
struct shown_log *shown_log_new(size_t bytes, const struct placements *placements, int64_t age_ms);
void shown_log_free(struct shown_log *ring);

/* Keeps what a visitor is shown from `time_ms` on. Lists without items, and of placements that
 * are not among them, are left out. Returns the serial number to find it by; 0: not kept. */
uint64_t shown_log_add(struct shown_log *ring, int64_t time_ms, const struct list *lists,
                       uint32_t list_count);

struct online_metrics_cell {
    uint64_t asked;                 /* clicks at which a list of the placement was out */
    uint64_t hits;                  /* whose item was among its first ONLINE_METRICS_RANKS */
    uint64_t reciprocal_millionths; /* the sum of 1/rank of those */
};

/* What the shop says of its pages (processors/exposure.c). */
struct online_metrics_exposure {
    uint64_t lists, items; /* shown */
    uint64_t clicks;       /* on an item of a list, each once */
};

struct online_metrics {
    struct online_metrics_cell cells[PLACEMENTS_MAX][KINDS];
    struct online_metrics_exposure
        exposures[PLACEMENTS_MAX + 1]; /* the last of all other placements */
};

/* Counts a list of so many items that was shown, and a click. */
void online_metrics_impression(struct online_metrics *quality, const struct placements *placements,
                               struct bytes placement, uint32_t items);
void online_metrics_click(struct online_metrics *quality, const struct placements *placements,
                          struct bytes placement);

/* Counts what was shown under the number for a click on the item. Nothing is counted if it was
 * overwritten, or is 0. */
void online_metrics_answer(struct online_metrics *quality, const struct shown_log *ring,
                           uint64_t serial, struct bytes item_id, enum kind kind);
/* Memory of the places that were ever taken. */
size_t shown_log_bytes(const struct shown_log *ring);

void online_metrics_add(struct online_metrics *to, const struct online_metrics *from);
/* {"home":{"shown":{"lists":8,"items":80,"clicks":2,"click_through":0.2500},
 *          "view":{"asked":9,"hits":3,"hit_rate":0.3333,"reciprocal_rank":0.2100},...},...,
 *  "others":{"shown":...}}; only what there was anything of. click_through is clicks by lists
 * shown. reciprocal_rank is the mean of 1/rank over all that were asked, 0 where it was no hit. */
void online_metrics_write_json(const struct online_metrics *quality,
                               const struct placements *placements, struct buffer *buffer);

#endif
