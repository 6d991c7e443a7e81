/* The search cache: results of searches, remembered while the catalogue does not change. A
 * visitor's search comes again with each of their next views, and many visitors search for the
 * same.
 *
 * A result is always what search_top() would return now. Work: one lookup. Memory: SEARCH_CACHED
 * results.
 *
 * Thread: one, which holds the catalogue's read lock. */
#ifndef WEFT_SEARCH_SEARCH_CACHE_H
#define WEFT_SEARCH_SEARCH_CACHE_H

#include "processors/recommend/search/search.h"

#define SEARCH_CACHED 512
#define SEARCH_CACHED_BYTES_MAX                                                                    \
    120 /* of a query; the results of longer ones are not remembered                               \
         */

struct search_cache;
struct search_cache *search_cache_new(void);
void search_cache_free(struct search_cache *cache);

/* The best SEARCH_RESULTS_MAX products, as search_top() finds them. They hold until the next call.
 * All calls are for the same index and catalogue. */
const struct search_result *search_cache_top(struct search_cache *cache,
                                             const struct search_index *index,
                                             const struct catalogue *catalogue, struct bytes query,
                                             uint32_t *ret_count);

#endif
