/* Sources of a list's items: the ranking, the basket walk, popular items and the search. A
 * placement names its source (placements.h). Each source fills an array of scored items, the best
 * first, with the origin that their reason follows from (reasons.h). A further source is
 * cold_start.h.
 *
 * `ret_items` has room for RANKED_MAX items and is the caller's; the item ids point into the model
 * and the catalogue and hold while these are locked. All functions return how many items there are.
 * Thread: the owner's of the memory; holds the read locks of the model and the catalogue. */
#ifndef WEFT_LISTS_SOURCES_H
#define WEFT_LISTS_SOURCES_H

#include "processors/recommend/candidates/basket_walk.h"
#include "processors/recommend/lists/filter_item.h"
#include "processors/recommend/lists/placements.h"
#include "processors/recommend/ranking/rank.h"
#include "processors/recommend/search/search_cache.h"

/* Working memory of one thread. */
struct sources {
    struct basket_walk_memory *basket_walk;
    struct search_cache *search_cache;
    const struct search_index
        *search; /* borrowed; NULL: the query history alone answers searches */
};

void sources_init(struct sources *sources);
void sources_release(struct sources *sources);

/* The ranked candidates; with FILTER_SEEN not those that only generators of seen items proposed.
 * Where the placement weighs generators, scores are those of placements.h. */
uint32_t source_ranked(const struct ranked_candidates *ranked, const struct placement *placement,
                       struct filter_item *ret_items);

/* Items that go with a basket, as they were found (basket_walk.h), RANKED_MAX at most.
 * `with_popular`: those that are only popular stay. */
uint32_t source_basket_walk(const struct ranked_candidates *ranked, const struct top_item *items,
                            uint32_t item_count, bool with_popular, struct filter_item *ret_items);

/* The model's popular items in their order; score: 1 / rank. */
uint32_t source_popular(const struct ranked_candidates *ranked, struct filter_item *ret_items);

/* Items for a search term as the visitor wrote it, as of `time_ms`. With rank(i) that of the
 * visitor's candidates, 1 - rank / RANKED_MAX = 0 for an item that is none, its score is
 *
 *     text score / best text score + SOURCE_HISTORY * score of the query history
 *                                  + SOURCE_PERSONAL * (1 - rank(i) / RANKED_MAX) */
uint32_t source_search(struct sources *sources, const struct ranked_candidates *ranked,
                       struct bytes term, int64_t time_ms, struct filter_item *ret_items);

#define SOURCE_HISTORY                                                                             \
    1.0f                    /* items taken after the search weigh as much as the best text match   \
                             */
#define SOURCE_PERSONAL .5f /* the visitor's first candidate weighs half as much */

#endif
