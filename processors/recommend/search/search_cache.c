#include "processors/recommend/search/search_cache.h"

#include <stdlib.h>

struct answer {
    uint64_t changes, availability_changes; /* of the catalogue, when it was given */
    uint32_t size;                          /* 0: none is kept here */
    uint32_t count;
    char text[SEARCH_KEPT_BYTES_MAX];
    struct search_result results[SEARCH_RESULTS_MAX];
};

struct search_cache {
    struct answer answers[SEARCH_KEPT]; /* by hash; a newer one takes the place */
};

struct search_cache *search_cache_new(void)
{
    return memory_zero(1, sizeof(struct search_cache));
}

void search_cache_free(struct search_cache *kept)
{
    free(kept);
}

static bool holds(const struct answer *answer, const struct catalogue *catalogue,
                  struct bytes query)
{
    return answer->size > 0 && answer->changes == catalogue->changes &&
           answer->availability_changes == catalogue->availability_changes &&
           bytes_equal(bytes_of(answer->text, answer->size), query);
}

const struct search_result *search_cache_top(struct search_cache *kept, const struct search *search,
                                             const struct catalogue *catalogue, struct bytes query,
                                             uint32_t *ret_count)
{
    struct answer *answer = &kept->answers[bytes_hash(query) % SEARCH_KEPT];
    if (!holds(answer, catalogue, query)) {
        bool keep = query.size <= SEARCH_KEPT_BYTES_MAX;
        answer->count = search_top(search, catalogue, query, SEARCH_RESULTS_MAX, answer->results);
        answer->changes = catalogue->changes;
        answer->availability_changes = catalogue->availability_changes;
        answer->size = keep ? (uint32_t)query.size : 0;
        memcpy(answer->text, query.at, answer->size);
    }
    *ret_count = answer->count;
    return answer->results;
}
