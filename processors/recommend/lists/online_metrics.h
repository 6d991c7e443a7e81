/* Online metrics: how often a list that a visitor was shown last had the item of their next click,
 * and at which rank, for each placement and kind of click. It is measured before anything is
 * learned from the click (prequential evaluation: Dawid 1984).
 *
 * The shown lists wait for the visitor's next click (ranking/pending_sample.h) as hashes of their
 * items: 32 bits, so that one wrong hit is expected in 200 million compared lists of 20. Only the
 * first ONLINE_METRICS_RANKS items of a list count as shown. A list is measured once, by the first
 * click after it; a click on several items (a purchase) measures it for each. Thread: one. */
#ifndef WEFT_LISTS_ONLINE_METRICS_H
#define WEFT_LISTS_ONLINE_METRICS_H

#include "processors/recommend/lists/placements.h"
#include "schemas/interaction.h"
#include "schemas/recommendation.h"

#define ONLINE_METRICS_RANKS 20 /* a hit is among the first so many */

struct shown_log;

/* Room for lists of the placements, which it borrows and which do not change. 0 bytes: nothing is
 * measured. The caller owns it. */
struct shown_log *shown_log_new(size_t bytes, const struct placements *placements);
void shown_log_free(struct shown_log *log);
void shown_log_bound(struct shown_log *log, size_t bytes); /* another one */

/* Adds the lists that a visitor is shown from `time_ms` on, in the place of the visitor's lists
 * `before`. Lists without items, and lists of other placements, are left out. Returns their handle;
 * 0: they are not in the sample. */
uint64_t shown_log_add(struct shown_log *log, uint64_t before, uint64_t visitor_hash,
                       int64_t time_ms, const struct list *lists, uint32_t list_count);
/* The lists are measured: drops them, if they are there. */
void shown_log_drop(struct shown_log *log, uint64_t handle);

struct online_metrics_cell {
    uint64_t clicks;                /* after a shown list of the placement */
    uint64_t hits;                  /* of these, on one of its first ONLINE_METRICS_RANKS items */
    uint64_t reciprocal_millionths; /* the sum of 1/rank of the hits */
    /* the same, each click as often as it stands for (ranking/pending_sample.h) */
    double clicks_weighted, hits_weighted, reciprocal_weighted;
};

/* Impressions and clicks that the shop reports (processors/exposure.c). */
struct online_metrics_exposure {
    uint64_t lists, items; /* that were shown */
    uint64_t clicks;       /* on items of lists, each once */
};

struct online_metrics {
    struct online_metrics_cell cells[PLACEMENTS_MAX][KINDS];
    struct online_metrics_exposure
        exposures[PLACEMENTS_MAX + 1]; /* the last one: all other placements */
};

/* Count an impression of so many items, and a click. */
void online_metrics_impression(struct online_metrics *metrics, const struct placements *placements,
                               struct bytes placement, uint32_t items);
void online_metrics_click(struct online_metrics *metrics, const struct placements *placements,
                          struct bytes placement);

/* Counts a click on the item for the lists with the handle. Nothing is counted if these are gone,
 * or the handle is 0. */
void online_metrics_outcome(struct online_metrics *metrics, const struct shown_log *log,
                            uint64_t handle, struct bytes item_id, enum kind kind);
/* Memory that is in use. */
size_t shown_log_bytes(const struct shown_log *log);

void online_metrics_add(struct online_metrics *to, const struct online_metrics *from);
/* {"home":{"shown":{"lists":8,"items":80,"clicks":2,"click_through":0.2500},
 *          "view":{"asked":9,"asked_of":9,"hits":3,"hit_rate":0.3333,"reciprocal_rank":0.2100},
 *          ...},...,
 *  "others":{"shown":...}}; placements and kinds without numbers are left out. click_through
 * is clicks by lists shown. reciprocal_rank is the mean of 1/rank over all that were asked, 0 where
 * it was no hit. asked_of estimates the clicks that the sample stands for; both rates are of these.
 */
void online_metrics_write_json(const struct online_metrics *metrics,
                               const struct placements *placements, struct buffer *buffer);

#endif
