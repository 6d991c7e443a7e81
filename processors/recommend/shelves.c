#include "processors/recommend/shelves.h"

#include <stdlib.h>

struct shelf {
    uint64_t hash; /* of the category's word */
    uint32_t items[SHELF_KEPT];
    uint32_t count;
    uint32_t cursor; /* into the category's products */
    bool begun;
};

struct shelves {
    struct shelf *at;
    uint32_t count, capacity;
    uint32_t *slots; /* hash -> shelf + 1 */
    uint32_t slot_capacity;
};

struct shelves *shelves_new(void)
{
    struct shelves *shelves = memory_zero(1, sizeof *shelves);
    shelves->slot_capacity = 256;
    shelves->slots = memory_zero(shelves->slot_capacity, sizeof *shelves->slots);
    return shelves;
}

void shelves_free(struct shelves *shelves)
{
    if (shelves == NULL)
        return;
    free(shelves->at);
    free(shelves->slots);
    free(shelves);
}

static uint32_t *find_slot(const struct shelves *shelves, uint64_t hash)
{
    uint32_t mask = shelves->slot_capacity - 1, at = (uint32_t)hash & mask;
    while (shelves->slots[at] != 0 && shelves->at[shelves->slots[at] - 1].hash != hash)
        at = (at + 1) & mask;
    return &shelves->slots[at];
}

/* NULL: there are too many. */
static struct shelf *shelf_of(struct shelves *shelves, uint64_t hash)
{
    uint32_t *slot = find_slot(shelves, hash);
    if (*slot != 0)
        return &shelves->at[*slot - 1];
    if (shelves->count == SHELVES_MAX)
        return NULL;
    if (shelves->count == shelves->capacity) {
        shelves->capacity = shelves->capacity ? 2 * shelves->capacity : 64;
        shelves->at = memory_resize(shelves->at, shelves->capacity * sizeof *shelves->at);
    }
    shelves->at[shelves->count++] = (struct shelf){.hash = hash};
    *slot = shelves->count;
    if (2 * shelves->count >= shelves->slot_capacity) {
        free(shelves->slots);
        shelves->slot_capacity *= 2;
        shelves->slots = memory_zero(shelves->slot_capacity, sizeof *shelves->slots);
        for (uint32_t i = 0; i < shelves->count; i++)
            *find_slot(shelves, shelves->at[i].hash) = i + 1;
    }
    return &shelves->at[shelves->count - 1];
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
    const struct postings *postings = &catalogue->words[word].postings;
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

void shelves_generate(const struct query *query, struct candidates *candidates, int generator)
{
    struct ranked_shelf ranked;
    uint32_t product = query->shelves && query->length > 0
                           ? query_product(query, query->sequence[0])
                           : PRODUCT_NONE;
    if (product == PRODUCT_NONE || query->catalogue->products[product].category == WORD_NONE)
        return;
    uint32_t word = query->catalogue->products[product].category;
    struct shelf *shelf = shelf_of(query->shelves, query->catalogue->words[word].hash);
    if (shelf == NULL)
        return;
    tidy(query, shelf, word, &ranked);
    for (uint32_t i = 0; i < ranked.count && i < SHELF_TOP; i++) {
        struct candidate *candidate = candidates_propose(candidates, ranked.items[i], generator);
        if (candidate)
            candidate->shelf_rank = (uint16_t)(i + 1);
    }
}

float shelves_weight(const struct candidate *candidate)
{
    return .1f / (float)candidate->shelf_rank;
}
