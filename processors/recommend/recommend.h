/* From a visitor to the lists: candidates, their order by the ranker, and the best of them for each
 * placement; and back from the next click to the ranker.
 *
 * Until the ranker has learned enough, candidates are ordered by the sum of their generators'
 * weights (candidates.h). An item's reason is the generator that weighed most, its cause the item
 * of the visitor's history that made it do so. */
#ifndef WEFT_RECOMMEND_RECOMMEND_H
#define WEFT_RECOMMEND_RECOMMEND_H

#include "processors/recommend/candidates/generators.h"
#include "processors/recommend/lists/cold_start.h"
#include "processors/recommend/lists/exploration.h"
#include "processors/recommend/lists/online_metrics.h"
#include "processors/recommend/lists/placements.h"
#include "processors/recommend/ranking/learner.h"
#include "schemas/recommendation.h"

struct recommend_settings {
    struct rank_settings rank;
    uint32_t learn_every;        /* 1: from each click, 2: from every second one, ... */
    bool learning;               /* off: the ranker stays as it is */
    int64_t merge_ms;            /* between differences written to the log */
    size_t training_log_bytes;   /* memory for lists that wait for their click */
    int64_t training_log_age_ms; /* how long at least a list waits */
    size_t shown_bytes;        /* the same of what was shown, for live quality (online_metrics.h) */
    float kind_weights[KINDS]; /* of a click, by what it was, in learning */
    struct filter_settings filters;
    struct explore_settings explore;
    struct cold_start_settings cold_start;
    struct placements placements; /* finished */
};

/* Working memory for one thread, with the thread's copy of the ranker. `settings` outlives it. */
struct recommender;
struct recommender *recommender_new(const struct recommend_settings *settings,
                                    const struct model *model);
void recommender_free(struct recommender *recommender);
/* The shop's rules from now on; borrowed. NULL: none. */
void recommender_set_rules(struct recommender *recommender,
                           const struct merchandising_rules *rules);

/* The index of the catalogue that is given to recommend_lists(); borrowed. NULL: no search lists.
 */
void recommender_set_search(struct recommender *recommender, const struct search_index *search);

/* Told of each list that recommend_lists() makes, with what was taken out and why; `shown_only`: of
 * these it does not ask why. */
struct list_watcher {
    bool shown_only;
    void (*filtered)(struct list_watcher *self, const char *placement,
                     const struct filter_item *items, uint32_t shown, uint32_t count);
};
void recommender_watch(struct recommender *recommender, struct list_watcher *watcher);

/* Makes the visitor's lists, one for each of the settings' placements whose context there is, in
 * their order, each of at most `length` (<= LIST_ITEMS_MAX; a placement may have its own) distinct
 * items; before the model knows anything those of the visitor and of the item viewed last are
 * empty; others of which nothing is left are not made. `ret_lists` has room for PLACEMENTS_MAX.
 * Returns how many were made. Item ids point into the model and the catalogue and hold while these
 * are locked; the arrays are the arena's. `ret_look_again`: the model is too young for this
 * visitor: it did not fill a ranked list, or does not know an item of the visitor's yet. What was
 * served is kept for recommend_learn(). Filtered (filters.h) as of `now_ms`. `catalogue` may be
 * NULL. Thread: holds the model's read lock, then the catalogue's. */
uint32_t recommend_lists(struct recommender *recommender, struct model *model,
                         const struct catalogue *catalogue, struct visitor *visitor, int64_t now_ms,
                         uint32_t length, struct arena *arena, struct list *ret_lists,
                         bool *ret_look_again);

struct ranked_item {
    uint32_t item; /* or ITEM_PRODUCT | product */
    float score;
};

/* The plain prediction of the next item, repeats with it and nothing filtered: what backtests
 * measure. Kept for recommend_learn() too. Returns how many of `length` were found, best first. */
uint32_t recommend_next(struct recommender *recommender, struct model *model,
                        const struct catalogue *catalogue, struct visitor *visitor, uint32_t length,
                        struct ranked_item *ret_items);

/* What the last list of the visitor was worth, and the ranker's step along it. */
struct outcome {
    bool known;    /* a list was kept */
    uint32_t rank; /* of the item in the order of all candidates, from 1; 0: it was none */
};

/* The visitor's next click was on `item` (or ITEM_PRODUCT | product; ITEM_NONE: one that neither
 * the model nor the catalogue knows). */
struct outcome recommend_learn(struct recommender *recommender, struct visitor *visitor,
                               uint32_t item, enum kind kind);

/* Counts, for a click on the item, what recommend_lists() last showed the visitor. */
void recommend_measure(const struct recommender *recommender, const struct visitor *visitor,
                       struct bytes item_id, enum kind kind, struct online_metrics *metrics);
size_t recommend_shown_bytes(const struct recommender *recommender);

/* The thread's copy of the ranker's weights: to be merged, written and taken back. */
struct learner *recommender_learner(struct recommender *recommender);

#endif
