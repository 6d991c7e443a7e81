/* Rankings for everybody: what is most viewed, put in the cart, bought and trending in the whole
 * shop, and in each category, brand, gender and age group of the catalogue; and what is taken after
 * a search.
 *
 *   viewed, carted, bought   the sum over its activities of 2^(-age / popular half-life): how often
 * of late, as of the clock of state/trends.h trending   how many times as often as usual, at the
 * least. With S the same sum of all kinds by the quick half-life, L by the popular one, and E = L *
 * (sum of all S) / (sum of all L) what S would be if the item did as the whole shop does, the rate
 * S / E has the posterior Gamma(TREND_PRIOR + S, TREND_PRIOR + E) (Gamma-Poisson shrinkage:
 * DuMouchel 1999, "Bayesian data mining in large frequency tables", whose EB05 this is with a prior
 * of mean 1). The score is its 5 % quantile
 *
 *           k / (TREND_PRIOR + E) * (1 - 1 / 9k - 1.645 / (3 sqrt(k)))^3,   k = TREND_PRIOR + S
 *
 *       (Wilson, Hilferty 1931), and what does not exceed 1 is not trending: three clicks on a new
 *       item give .86, a hundred where 30 were usual 1.97. S is steadier than a Poisson count, so
 * this errs on the side of too few. taken   of a search's table (state/queries.h), in views: a cart
 * TAKEN_CART, a purchase TAKEN_PURCHASE. Where that is shorter than the list, what
 * the catalogue finds for the term (search.h) comes behind.
 *
 * What does not exceed RANKING_LEAST is not ranked. Out are products that are deleted, out of
 * stock, hidden (list.adult), below list.price.min, or excluded by a rule of the shop; `boost` and
 * `bury` multiply and divide the score; of the variants of a product the best is there. Rules for
 * the placement RANKINGS_PLACEMENT, and those for all, count; pins, limits of brands and diversity
 * do not. Ties go to the lesser item_id.
 *
 * The numbers are taken from the model in one go, as of one offset of the log, so that a ranking is
 * a function of the log up to that offset, and of the catalogue. */
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
    uint32_t length; /* items of a ranking */
    uint32_t
        scopes_max; /* categories, brands, ... that have rankings: those with the most activity */
    uint32_t terms_max; /* searches, the same */
};

/* The numbers of one moment. Ids point into the model, which outlives it. */
struct ranked_counts {
    struct bytes item_id;
    double counts[PAIR_KINDS];
    double quick;
};

struct ranked_term {
    struct bytes text;
    double total;
    uint32_t first, count; /* of the entries */
};

struct ranked_entry {
    struct bytes item_id;
    double units;
};

struct rankings_view {
    int64_t offset;  /* of the log, that comes next */
    int64_t time_ms; /* the clock's; INT64_MIN: nothing has happened yet */
    struct ranked_counts *items;
    uint32_t item_count, item_capacity;
    struct ranked_term *terms; /* most taken first */
    uint32_t term_count, term_capacity;
    struct ranked_entry *entries;
    uint32_t entry_count, entry_capacity;
    uint32_t terms_out; /* beyond terms_max */
    struct buffer texts;
};

/* Copies what rankings are made from; about 20 ns an item. The view is one from before, or zeros.
 * Thread: the writer of the model, which needs no lock to read. */
void rankings_collect(struct rankings_view *view, const struct model *model, int64_t offset,
                      const struct rankings_settings *settings);
void rankings_release(struct rankings_view *view);

/* The trending score of S where E is usual. */
double rankings_trend(double s, double e);

/* Receives each ranking; slices hold during the call. False: no more are wanted. */
struct rankings_sink {
    bool (*ranking)(struct rankings_sink *self, const struct ranking *ranking);
};

struct rankings_inputs {
    const struct catalogue *catalogue;       /* read under its lock in slices below a millisecond */
    const struct search_index *search;       /* NULL: terms are not filled in */
    const struct merchandising_rules *rules; /* NULL: none */
    const struct filter_settings *filters;
    const struct rankings_settings *settings;
};

/* Makes all rankings that are not empty, in the order of scope, name and kind. Returns how many
 * scopes are left out for scopes_max. Thread: any; holds no lock of the model. */
uint32_t rankings_build(const struct rankings_view *view, const struct rankings_inputs *inputs,
                        struct rankings_sink *sink);

#endif
