#include "processors/recommend/candidates/category_popularity.h"

#include "schemas/array.h"
#include "schemas/hash_index.h"

#include <stdlib.h>

struct category_list {
    uint64_t hash; /* of the category's word */
    uint32_t items[CATEGORY_ITEMS];
    uint32_t count;
    uint32_t cursor; /* of the scan, into the category's products */
    bool scanned;    /* the first scan is done */
};

struct category_popularity {
    struct category_list *lists;
    uint32_t count, capacity;
    struct hash_index by_word;
};

struct category_popularity *category_popularity_new(void)
{
    return memory_zero(1, sizeof(struct category_popularity));
}

void category_popularity_free(struct category_popularity *popularity)
{
    if (popularity == NULL)
        return;
    hash_index_release(&popularity->by_word);
    free(popularity->lists);
    free(popularity);
}

/* The category's list, made if it is new. */
static struct category_list *list_of(struct category_popularity *popularity, uint64_t hash)
{
    uint64_t key = hash_index_hash_number(hash);
    struct hash_probe probe = hash_index_probe(&popularity->by_word, key);
    while (hash_index_next(&popularity->by_word, &probe))
        if (popularity->lists[probe.entry].hash == hash)
            return &popularity->lists[probe.entry];
    if (popularity->count == CATEGORIES_MAX) { /* most of them are of categories that are gone */
        hash_index_clear(&popularity->by_word);
        popularity->count = 0;
    }
    ARRAY_RESERVE(popularity->lists, popularity->capacity, popularity->count + 1);
    hash_index_add(&popularity->by_word, key, popularity->count);
    popularity->lists[popularity->count] = (struct category_list){.hash = hash};
    return &popularity->lists[popularity->count++];
}

/* The item's quick sum, as of half-life `k`. */
static double quick_sum(const struct query *query, uint32_t item, int32_t k)
{
    const struct trend *row = trends_row(query->model->trends, item);
    return row ? decay_shift(row->quick, row->quick_base - k) : 0;
}

struct sorted_items {
    uint32_t items[CATEGORY_ITEMS];
    double sums[CATEGORY_ITEMS]; /* doubles: as floats, different sums would be
                                    equal */
    uint32_t count;
};

/* An item with an equal sum goes behind the ones that are there. */
static void insert(struct sorted_items *sorted, uint32_t item, double sum)
{
    uint32_t at = sorted->count;
    if (!(sum > 0) || (at == CATEGORY_ITEMS && !(sum > sorted->sums[at - 1])))
        return;
    for (uint32_t i = 0; i < sorted->count; i++)
        if (sorted->items[i] == item)
            return;
    sorted->count += at < CATEGORY_ITEMS;
    at = sorted->count - 1;
    for (; at > 0 && sorted->sums[at - 1] < sum; at--) {
        sorted->items[at] = sorted->items[at - 1];
        sorted->sums[at] = sorted->sums[at - 1];
    }
    sorted->items[at] = item;
    sorted->sums[at] = sum;
}

static bool is_in_category(const struct query *query, uint32_t item, uint32_t word)
{
    uint32_t product = query_product(query, item);
    return product != PRODUCT_NONE && product_available(&query->catalogue->products[product]) &&
           catalogue_has(query->catalogue, product, word);
}

/* Inserts some more products of the category, in turn. */
static void scan(const struct query *query, struct category_list *list, uint32_t word, int32_t k,
                 struct sorted_items *sorted)
{
    const struct catalogue *catalogue = query->catalogue;
    const struct postings *postings = &catalogue->words.at[word].postings;
    uint32_t most = list->scanned ? CATEGORY_SCAN : CATEGORY_SCAN_FIRST;
    for (uint32_t i = 0; i < most && i < postings->count; i++) {
        if (list->cursor >= postings->count)
            list->cursor = 0;
        uint32_t product = postings->at[list->cursor++];
        uint32_t item = query_item(query, product);
        if (!item_is_product(item) && product_available(&catalogue->products[product]) &&
            catalogue_has(catalogue, product, word)) /* postings may be outdated */
            insert(sorted, item, quick_sum(query, item, k));
    }
    list->scanned = true;
}

/* Brings the list up to date, as of now. */
static void update(const struct query *query, struct category_list *list, uint32_t word,
                   struct sorted_items *sorted)
{
    int32_t k = decay_at(query->time_ms, query->model->limits.quick_half_life_ms).k;
    sorted->count = 0;
    for (uint32_t i = 0; i < CATEGORY_LAST && i < query->length; i++)
        if (is_in_category(query, query->sequence[i], word))
            insert(sorted, query->sequence[i], quick_sum(query, query->sequence[i], k));
    for (uint32_t i = 0; i < list->count; i++)
        if (is_in_category(query, list->items[i], word))
            insert(sorted, list->items[i], quick_sum(query, list->items[i], k));
    scan(query, list, word, k, sorted);
    memcpy(list->items, sorted->items, sorted->count * sizeof *list->items);
    list->count = sorted->count;
}

void category_popularity_generate(const struct query *query, struct candidates *candidates,
                                  int generator)
{
    struct sorted_items sorted;
    uint32_t product = query->category_popularity && query->length > 0
                           ? query_product(query, query->sequence[0])
                           : PRODUCT_NONE;
    if (product == PRODUCT_NONE || query->catalogue->products[product].category == WORD_NONE)
        return;
    uint32_t word = query->catalogue->products[product].category;
    struct category_list *list =
        list_of(query->category_popularity, query->catalogue->words.at[word].hash);
    update(query, list, word, &sorted);
    for (uint32_t i = 0; i < sorted.count && i < CATEGORY_PROPOSED; i++) {
        struct candidate *candidate = candidates_propose(candidates, sorted.items[i], generator);
        if (candidate)
            candidate->category_rank = (uint16_t)(i + 1);
    }
}

float category_popularity_weight(const struct candidate *candidate)
{
    return .1f / (float)candidate->category_rank;
}
