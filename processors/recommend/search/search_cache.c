#include "processors/recommend/search/search_cache.h"

#include <stdlib.h>

struct cached_search {
    uint64_t changes, availability_changes; /* of the catalogue, when the search was made */
    uint32_t size;                          /* of the query; 0: none is remembered here */
    uint32_t count;
    char query[SEARCH_CACHED_BYTES_MAX];
    struct search_result results[SEARCH_RESULTS_MAX];
};

struct search_cache {
    struct cached_search searches[SEARCH_CACHED]; /* by hash; a newer one takes the place */
};

struct search_cache *search_cache_new(void)
{
    return memory_zero(1, sizeof(struct search_cache));
}

void search_cache_free(struct search_cache *cache)
{
    free(cache);
}

static bool is_current(const struct cached_search *cached, const struct catalogue *catalogue,
                       struct bytes query)
{
    return cached->size > 0 && cached->changes == catalogue->changes &&
           cached->availability_changes == catalogue->availability_changes &&
           bytes_equal(bytes_of(cached->query, cached->size), query);
}

const struct search_result *search_cache_top(struct search_cache *cache,
                                             const struct search_index *index,
                                             const struct catalogue *catalogue, struct bytes query,
                                             uint32_t *ret_count)
{
    struct cached_search *cached = &cache->searches[hash_index_hash(query) % SEARCH_CACHED];
    if (!is_current(cached, catalogue, query)) {
        bool remember = query.size <= SEARCH_CACHED_BYTES_MAX;
        cached->count = search_top(index, catalogue, query, SEARCH_RESULTS_MAX, cached->results);
        cached->changes = catalogue->changes;
        cached->availability_changes = catalogue->availability_changes;
        cached->size = remember ? (uint32_t)query.size : 0;
        memcpy(cached->query, query.at, cached->size);
    }
    *ret_count = cached->count;
    return cached->results;
}
