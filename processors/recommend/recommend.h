/* Recommending: from a visitor to the lists of each placement, and from the visitor's next click
 * back to the ranker. recommend.c tells the story of one request:
 *
 *     rank the visitor's candidates (ranking/rank.h)
 *     for each placement:
 *         find what its list is about          lists/contexts.h
 *         rank again if it needs that          ranking/rank.h
 *         take items from its source           lists/sources.h, lists/cold_start.h
 *         try out new products                 lists/exploration.h
 *         take out what may not be shown       lists/filters.h
 *         write the items with their reasons   lists/reasons.h
 *     remember what was served                 ranking/training_log.h, lists/online_metrics.h
 *
 * No function writes to the model or the catalogue. */
#ifndef WEFT_RECOMMEND_RECOMMEND_H
#define WEFT_RECOMMEND_RECOMMEND_H

#include "processors/recommend/lists/cold_start.h"
#include "processors/recommend/lists/exploration.h"
#include "processors/recommend/lists/filters.h"
#include "processors/recommend/lists/online_metrics.h"
#include "processors/recommend/lists/placements.h"
#include "processors/recommend/ranking/cart_features.h"
#include "processors/recommend/ranking/learner.h"
#include "schemas/recommendation.h"

struct recommend_settings {
    struct rank_settings rank;
    bool learning;             /* false: the ranker stays as it is */
    struct goal_mix goals;     /* of lists whose placement names none */
    uint32_t learn_every;      /* 1: the ranker learns from each click, 2: from every second */
    float kind_weights[KINDS]; /* of a click in learning, by its kind */
    bool cart_ranker;          /* false: the basket walk alone orders carts' lists */
    uint32_t cart_learn_every; /* 1: the cart ranker learns from each item put into a cart */
    uint32_t learn_rate_max;   /* lists a second; above it, the ranker learns from a sample */
    int64_t merge_ms;          /* between differences written to the log (learner.h) */
    size_t training_log_bytes; /* memory for served lists that wait for their click */
    size_t shown_bytes;        /* memory for shown lists that wait for their click */
    struct cold_start_settings cold_start;
    struct explore_settings explore;
    struct filter_settings filters;
    struct placements placements; /* finished */
};

/* Working memory for one thread, with the thread's copy of the ranker. Borrows `settings`, which it
 * reads at each call. The caller owns the result and frees it. Thread: one at a time. */
struct recommender;
struct recommender *recommender_new(const struct recommend_settings *settings,
                                    const struct model *model);
/* From now on it makes one of `count` shares of the lists: the bounds in bytes and in lists a
 * second are those of all. */
void recommender_share(struct recommender *recommender, int count);
void recommender_free(struct recommender *recommender);

/* Other settings for the next call of recommend_lists() alone, by the place of each placement in
 * the recommender's own (variants.h). The placements' names and contexts are the same. Learning,
 * and the lists that the ranker remembers, follow the recommender's own settings. Borrowed; NULL:
 * its own. */
void recommender_vary(struct recommender *recommender,
                      const struct recommend_settings *const *by_placement);

/* The merchandising rules from now on; borrowed. NULL: none. */
void recommender_set_rules(struct recommender *recommender,
                           const struct merchandising_rules *rules);

/* The index of the catalogue that recommend_lists() gets; borrowed. NULL: searches are answered by
 * the query history alone. */
void recommender_set_search(struct recommender *recommender, const struct search_index *search);

/* The thread's copy of the ranker's weights: to be merged, written and taken back (learner.h). */
struct learner *recommender_learner(struct recommender *recommender);
/* The same of the cart ranker (ranking/cart_features.h). */
struct learner *recommender_cart_learner(struct recommender *recommender);

/* Receives each list that recommend_lists() makes: first the `shown` items in their order, then the
 * others up to `count`, each with what removed it. All of it holds during the call. */
struct list_watcher {
    bool shown_only; /* it does not read why the others were removed, which saves work */
    void (*filtered)(struct list_watcher *self, const char *placement,
                     const struct filter_item *items, uint32_t shown, uint32_t count);
};
/* Borrowed; NULL: none. */
void recommender_watch(struct recommender *recommender, struct list_watcher *watcher);

/* Makes the visitor's lists as of the visitor's newest activity: one for each of the settings'
 * placements whose context the visitor has, in their order. No clock of the machine plays a part. A
 * list has at most `length` (<= LIST_ITEMS_MAX) distinct items, or as many as its placement says.
 * Lists without items are left out, but for ranked lists of all categories, which are empty until
 * the model knows anything.
 *
 * `ret_lists` has room for PLACEMENTS_MAX. Returns how many lists there are. Their arrays are the
 * arena's; their texts point into the visitor, the model and the catalogue and hold while these are
 * locked. `ret_look_again`: the model is too young for this visitor: it did not fill a ranked list,
 * or does not know an item of the visitor's yet.
 *
 * Remembers what was served under the visitor's training_list and shown_lists. `catalogue` may
 * be NULL. Thread: the owner's of the recommender and the visitor; holds the model's read lock,
 * then the catalogue's. */
uint32_t recommend_lists(struct recommender *recommender, struct model *model,
                         const struct catalogue *catalogue, struct visitor *visitor,
                         uint32_t length, struct arena *arena, struct list *ret_lists,
                         bool *ret_look_again);

struct ranked_item {
    uint32_t item; /* or ITEM_PRODUCT | product */
    float score;
};

/* Predicts the next item: the ranked candidates, repeats among them, nothing filtered, the best
 * first. Backtests measure it. Remembers it under training_list. Returns how many items of
 * `length` there are. Thread: as recommend_lists(). */
uint32_t recommend_next(struct recommender *recommender, struct model *model,
                        const struct catalogue *catalogue, struct visitor *visitor, uint32_t length,
                        struct ranked_item *ret_items);

/* Items that go with the basket: those of the basket walk, ordered by the cart ranker once it has
 * learned enough. Returns how many. Thread: as recommend_lists(). */
uint32_t recommend_cart(struct recommender *recommender, const struct model *model,
                        const struct catalogue *catalogue, const struct basket *basket,
                        uint32_t length, struct top_item *ret_items);

/* ---- the visitor's next click ---- */

struct outcome {
    bool known;    /* the visitor's last list is in the sample (ranking/pending_sample.h) */
    bool learned;  /* the ranker learned from the click */
    uint32_t rank; /* of the item among all its candidates, from 1; 0: it was none */
};

/* Forgets the served lists that wait for their click, if numbers of items or products may belong to
 * others by now. Call it where the number for recommend_learn() is looked up. Thread: the owner's
 * of the recommender; holds the model's read lock, then the catalogue's. */
void recommender_check_numbers(struct recommender *recommender, const struct model *model,
                               const struct catalogue *catalogue);

/* Tells how good the visitor's last list was for a click on `item` (or ITEM_PRODUCT | product;
 * ITEM_NONE: neither the model nor the catalogue knows it), lets the ranker learn from it, and
 * forgets it. Thread: the owner's of the recommender and the visitor; no lock. */
struct outcome recommend_learn(struct recommender *recommender, struct visitor *visitor,
                               uint32_t item, enum kind kind);

/* Lets the cart ranker learn from an item that `event` puts into the cart, or orders without a
 * cart. `place`: among the event's items; those before it count as in the cart. An item that comes
 * out of the visitor's cart into an order was learned before. One of CART_ALONE_SHARE events is
 * learned as if nothing had been bought before, for visitors who come for the first time. Thread:
 * the owner's of the recommender and the visitor; holds the model's read lock, then the
 * catalogue's. Returns whether it was learned from. */
bool recommend_learn_cart(struct recommender *recommender, const struct model *model,
                          const struct catalogue *catalogue, const struct visitor *visitor,
                          const struct event *event, uint32_t place);
#define CART_ALONE_SHARE 4
#define CART_LEARN_ITEMS_MAX 8 /* of one event */

/* Counts, for a click on the item, the lists that the visitor was shown last. Thread: as
 * recommend_learn(). */
void recommend_measure(const struct recommender *recommender, const struct visitor *visitor,
                       struct bytes item_id, enum kind kind, struct online_metrics *metrics);
/* The click is measured: forgets these lists. */
void recommend_measured(struct recommender *recommender, struct visitor *visitor);
/* Memory of the shown lists. */
size_t recommend_shown_bytes(const struct recommender *recommender);
/* Memory of all lists that wait for their click: those, and the training log. */
size_t recommend_waiting_bytes(const struct recommender *recommender);

#endif
