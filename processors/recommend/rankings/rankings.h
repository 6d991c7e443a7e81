/* Rankings for everybody: the items most viewed, put in the cart, bought and trending in the whole
 * shop and in each category, brand, gender and age group of the catalogue; and the items most taken
 * after each search.
 *
 *   viewed, carted, bought   recent activities: the sum over them of 2^(-age / popular half-life),
 *                            as of the clock of state/trends.h
 *   trending   how many times as often as usual, at the least. S is the same sum over all kinds by
 *              the quick half-life, L by the popular one. E = L * (sum of all S) / (sum of all L)
 *              is what S would be if the item did as the whole shop does. The rate S / E has the
 *              posterior Gamma(TREND_PRIOR + S, TREND_PRIOR + E) (Gamma-Poisson shrinkage:
 *              DuMouchel 1999, "Bayesian data mining in large frequency tables"; this is its EB05
 *              with a prior of mean 1). The score is its 5 % quantile (Wilson, Hilferty 1931):
 *
 *                  k / (TREND_PRIOR + E) * (1 - 1 / 9k - 1.645 / (3 sqrt(k)))^3
 *                  k = TREND_PRIOR + S
 *
 *              An item is trending if this exceeds 1: three clicks on a new item give .86, a
 *              hundred where 30 were usual give 1.97. S varies less than a Poisson count, so
 *              rather too few items trend.
 *   taken      the row of a search (state/queries.h), in views: a cart counts TAKEN_CART, a
 *              purchase TAKEN_PURCHASE. If the row is shorter than the list, the items that the
 *              search index finds for the term (search.h) come behind.
 *
 * An item is ranked if its number exceeds RANKING_LEAST. Out are products that are deleted, out of
 * stock, hidden (list.adult), below list.price.min, or excluded by a merchandising rule. Rules
 * `boost` and `bury` multiply and divide the score. Rules for the placement RANKINGS_PLACEMENT, and
 * those for all, count; pins, limits of brands and diversity do not. The best variant of a product
 * stands for all. Ties go to the lesser item_id.
 *
 * The numbers are copied from the model at once, as of one offset of the log. So a ranking is a
 * function of the log up to that offset, and of the catalogue.
 *
 * To use it: rankings_collect() in the model's thread, rankings_build() in any other. */
#ifndef WEFT_RANKINGS_RANKINGS_H
#define WEFT_RANKINGS_RANKINGS_H

#include "processors/recommend/lists/filters.h"
#include "processors/recommend/search/search.h"
#include "schemas/interaction.h"
#include "schemas/ranking.h"
#include "state/model.h"

#define RANKINGS_PLACEMENT "rankings"
#define RANKING_LEAST .01 /* events */
#define TREND_PRIOR 20

struct rankings_settings {
    uint32_t length;     /* items of a ranking, 1 to RANKING_ITEMS_MAX */
    uint32_t scopes_max; /* categories, brands, ... with rankings: those with most
                            activity */
    uint32_t terms_max;  /* searches with rankings: those after which most was taken */
};

/* ---- the numbers of one moment ---- */

struct ranked_counts {
    struct bytes item_id;
    double counts[PAIR_KINDS]; /* recent activities by kind, by the popular
                                  half-life */
    double quick;              /* of all kinds, by the quick half-life: S above */
};

struct ranked_term {
    struct bytes text; /* normalised (search/text.h) */
    double total;
    uint32_t first, count; /* in `entries` */
};

struct ranked_entry {
    struct bytes item_id;
    double units; /* views */
};

/* Zero-initialised is empty. Owns its arrays and its texts: the model may evict an item while
 * rankings are made. */
struct rankings_view {
    int64_t offset;  /* of the log: the next record that is not counted */
    int64_t time_ms; /* of the clock of state/trends.h; INT64_MIN: nothing has
                        happened yet */
    struct ranked_counts *items;
    uint32_t item_count, item_capacity;
    struct ranked_term *terms; /* those of several visitors first, then most taken first */
    uint32_t term_count, term_capacity;
    struct ranked_entry *entries;
    uint32_t entry_count, entry_capacity;
    uint32_t terms_out; /* searches beyond terms_max */
    struct arena texts; /* of the terms, and item ids */
    const char **ids;   /* scratch, by the model's item: where its id is in `texts` */
    uint32_t id_capacity;
};

/* Copies the numbers that rankings are made from; about 40 ns an item. The view
 * may be one from before, whose memory is used again. `offset` is the next one
 * of the log. Thread: the writer of the model, which needs no lock to read. */
void rankings_collect(struct rankings_view *view, const struct model *model, int64_t offset,
                      const struct rankings_settings *settings);
void rankings_release(struct rankings_view *view);

/* ---- the rankings ---- */

/* The trending score of S where E is usual; the formula above. */
double rankings_trend(double s, double e);

/* Receives each ranking, which holds during the call. It returns false to stop
 * the rest. */
struct rankings_sink {
    bool (*ranking)(struct rankings_sink *self, const struct ranking *ranking);
};

/* All borrowed for the call. */
struct rankings_inputs {
    const struct catalogue *catalogue; /* its lock is taken for less than a millisecond at a time */
    const struct search_index *search; /* NULL: nothing comes behind the items of a search's row */
    const struct merchandising_rules *rules; /* NULL: none */
    const struct filter_settings *filters;
    const struct rankings_settings *settings;
};

/* Makes all rankings that are not empty, in the order of scope, name and kind,
 * and hands each to the sink. Returns how many scopes are left out because of
 * scopes_max. Thread: any that holds no lock of the model or the catalogue; the
 * view is read only. */
uint32_t rankings_build(const struct rankings_view *view, const struct rankings_inputs *inputs,
                        struct rankings_sink *sink);

#endif
