/* Answers to searches that are kept while the catalogue stays as it is: what a visitor searched for
 * comes again with each of their next views, and many search for the same. Each answer is what
 * search_top() would give now. Work: a lookup; memory: SEARCH_KEPT answers. Thread: one; under the
 * catalogue's read lock. */
#ifndef WEFT_SEARCH_SEARCH_CACHE_H
#define WEFT_SEARCH_SEARCH_CACHE_H

#include "processors/recommend/search/search.h"

#define SEARCH_KEPT 512
#define SEARCH_KEPT_BYTES_MAX 120 /* of a query; longer ones are answered anew each time */

struct search_cache;
struct search_cache *search_cache_new(void);
void search_cache_free(struct search_cache *kept);

/* The best SEARCH_RESULTS_MAX, as search_top(); hold until the next call. All calls are for the
 * same search and catalogue. */
const struct search_result *search_cache_top(struct search_cache *kept, const struct search *search,
                                             const struct catalogue *catalogue, struct bytes query,
                                             uint32_t *ret_count);

#endif
