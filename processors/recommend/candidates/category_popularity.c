#include "processors/recommend/candidates/category_popularity.h"

#include <stdlib.h>

struct shelf {
    uint64_t hash; /* of the category's word */
    uint32_t items[SHELF_KEPT];
    uint32_t count;
    uint32_t cursor; /* into the category's products */
    bool begun;
};

struct category_popularity {
    struct shelf *at;
    uint32_t count, capacity;
    uint32_t *slots; /* hash -> shelf + 1 */
    uint32_t slot_capacity;
};

struct category_popularity *category_popularity_new(void)
{
    struct category_popularity *category_popularity = memory_zero(1, sizeof *category_popularity);
    category_popularity->slot_capacity = 256;
    category_popularity->slots =
        memory_zero(category_popularity->slot_capacity, sizeof *category_popularity->slots);
    return category_popularity;
}

void category_popularity_free(struct category_popularity *category_popularity)
{
    if (category_popularity == NULL)
        return;
    free(category_popularity->at);
    free(category_popularity->slots);
    free(category_popularity);
}

static uint32_t *find_slot(const struct category_popularity *category_popularity, uint64_t hash)
{
    uint32_t mask = category_popularity->slot_capacity - 1, at = (uint32_t)hash & mask;
    while (category_popularity->slots[at] != 0 &&
           category_popularity->at[category_popularity->slots[at] - 1].hash != hash)
        at = (at + 1) & mask;
    return &category_popularity->slots[at];
}

/* NULL: there are too many. */
static struct shelf *shelf_of(struct category_popularity *category_popularity, uint64_t hash)
{
    uint32_t *slot = find_slot(category_popularity, hash);
    if (*slot != 0)
        return &category_popularity->at[*slot - 1];
    if (category_popularity->count == SHELVES_MAX)
        return NULL;
    if (category_popularity->count == category_popularity->capacity) {
        category_popularity->capacity =
            category_popularity->capacity ? 2 * category_popularity->capacity : 64;
        category_popularity->at =
            memory_resize(category_popularity->at,
                          category_popularity->capacity * sizeof *category_popularity->at);
    }
    category_popularity->at[category_popularity->count++] = (struct shelf){.hash = hash};
    *slot = category_popularity->count;
    if (2 * category_popularity->count >= category_popularity->slot_capacity) {
        free(category_popularity->slots);
        category_popularity->slot_capacity *= 2;
        category_popularity->slots =
            memory_zero(category_popularity->slot_capacity, sizeof *category_popularity->slots);
        for (uint32_t i = 0; i < category_popularity->count; i++)
            *find_slot(category_popularity, category_popularity->at[i].hash) = i + 1;
    }
    return &category_popularity->at[category_popularity->count - 1];
}

/* What is done with the item very lately, as of half-life `k`. */
static double worth(const struct query *query, uint32_t item, int32_t k)
{
    const struct trend *row = trends_row(query->model->trends, item);
    return row ? ldexp(row->quick, row->quick_base - k) : 0;
}

struct ranked_shelf {
    uint32_t items[SHELF_KEPT];
    double worth[SHELF_KEPT];
    uint32_t count;
};

/* Equal ones stay as they came. */
static void place(struct ranked_shelf *ranked, uint32_t item, double value)
{
    uint32_t at = ranked->count;
    if (!(value > 0) || (at == SHELF_KEPT && !(value > ranked->worth[at - 1])))
        return;
    for (uint32_t i = 0; i < ranked->count; i++)
        if (ranked->items[i] == item)
            return;
    ranked->count += at < SHELF_KEPT;
    at = ranked->count - 1;
    for (; at > 0 && ranked->worth[at - 1] < value; at--) {
        ranked->items[at] = ranked->items[at - 1];
        ranked->worth[at] = ranked->worth[at - 1];
    }
    ranked->items[at] = item;
    ranked->worth[at] = value;
}

static bool stands_there(const struct query *query, uint32_t item, uint32_t word)
{
    uint32_t product = query_product(query, item);
    return product != PRODUCT_NONE && product_available(&query->catalogue->products[product]) &&
           catalogue_has(query->catalogue, product, word);
}

/* Some more products of the category, in turn. */
static void scan(const struct query *query, struct shelf *shelf, uint32_t word, int32_t k,
                 struct ranked_shelf *ranked)
{
    const struct catalogue *catalogue = query->catalogue;
    const struct postings *postings = &catalogue->words.at[word].postings;
    uint32_t most = shelf->begun ? SHELF_SCAN : SHELF_FIRST;
    for (uint32_t i = 0; i < most && i < postings->count; i++) {
        if (shelf->cursor >= postings->count)
            shelf->cursor = 0;
        uint32_t product = postings->at[shelf->cursor++];
        uint32_t item = query_item(query, product);
        if (!item_is_product(item) && product_available(&catalogue->products[product]) &&
            catalogue_has(catalogue, product, word)) /* postings may be old */
            place(ranked, item, worth(query, item, k));
    }
    shelf->begun = true;
}

/* Puts the shelf into its order as of now. */
static void tidy(const struct query *query, struct shelf *shelf, uint32_t word,
                 struct ranked_shelf *ranked)
{
    int32_t k = decay_at(query->time_ms, query->model->limits.quick_half_life_ms).k;
    ranked->count = 0;
    for (uint32_t i = 0; i < SHELF_LAST && i < query->length; i++)
        if (stands_there(query, query->sequence[i], word))
            place(ranked, query->sequence[i], worth(query, query->sequence[i], k));
    for (uint32_t i = 0; i < shelf->count; i++)
        if (stands_there(query, shelf->items[i], word))
            place(ranked, shelf->items[i], worth(query, shelf->items[i], k));
    scan(query, shelf, word, k, ranked);
    memcpy(shelf->items, ranked->items, ranked->count * sizeof *shelf->items);
    shelf->count = ranked->count;
}

void category_popularity_generate(const struct query *query, struct candidates *candidates,
                                  int generator)
{
    struct ranked_shelf ranked;
    uint32_t product = query->category_popularity && query->length > 0
                           ? query_product(query, query->sequence[0])
                           : PRODUCT_NONE;
    if (product == PRODUCT_NONE || query->catalogue->products[product].category == WORD_NONE)
        return;
    uint32_t word = query->catalogue->products[product].category;
    struct shelf *shelf =
        shelf_of(query->category_popularity, query->catalogue->words.at[word].hash);
    if (shelf == NULL)
        return;
    tidy(query, shelf, word, &ranked);
    for (uint32_t i = 0; i < ranked.count && i < SHELF_TOP; i++) {
        struct candidate *candidate = candidates_propose(candidates, ranked.items[i], generator);
        if (candidate)
            candidate->category_rank = (uint16_t)(i + 1);
    }
}

float category_popularity_weight(const struct candidate *candidate)
{
    return .1f / (float)candidate->category_rank;
}
