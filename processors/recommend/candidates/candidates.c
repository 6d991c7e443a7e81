#include "processors/recommend/candidates/candidates.h"

#include "processors/recommend/candidates/key_select.h"
#include "schemas/array.h"

#include <stdlib.h>

void candidates_init(struct candidates *candidates)
{
    *candidates = (struct candidates){
        .at = memory_get(CANDIDATES_MAX * sizeof *candidates->at),
        .keys = memory_get(CANDIDATES_MAX * sizeof *candidates->keys),
    };
}

void candidates_release(struct candidates *candidates)
{
    free(candidates->at);
    free(candidates->items.at);
    free(candidates->products.at);
    free(candidates->keys);
    *candidates = (struct candidates){0};
}

static void forget_rounds(struct proposed *proposed)
{
    if (proposed->capacity > 0)
        memset(proposed->at, 0, proposed->capacity * sizeof *proposed->at);
}

void candidates_clear(struct candidates *candidates, uint32_t item_count, uint32_t product_count)
{
    struct proposed *items = &candidates->items, *products = &candidates->products;
    ARRAY_RESERVE_ZERO(items->at, items->capacity, item_count);
    ARRAY_RESERVE_ZERO(products->at, products->capacity, product_count);
    if (++candidates->round == 0) { /* proposals of 2^32 rounds ago would look new */
        forget_rounds(&candidates->items);
        forget_rounds(&candidates->products);
        candidates->round = 1;
    }
    candidates->count = 0;
}

static inline struct proposal *proposal_of(const struct candidates *candidates, uint32_t item)
{
    return item_is_product(item) ? &candidates->products.at[item & ~ITEM_PRODUCT]
                                 : &candidates->items.at[item];
}

struct candidate *candidates_propose(struct candidates *candidates, uint32_t item, int generator)
{
    struct candidate *candidate;
    struct proposal *proposal = proposal_of(candidates, item);
    if (proposal->round == candidates->round) {
        candidate = &candidates->at[proposal->place];
    } else {
        if (candidates->count == CANDIDATES_MAX)
            return NULL;
        *proposal = (struct proposal){candidates->round, candidates->count};
        candidate = &candidates->at[candidates->count++];
        memset(candidate, 0, sizeof *candidate);
        candidate->item = item;
    }
    candidate->generators |= 1u << generator;
    return candidate;
}

struct candidate *candidates_find(const struct candidates *candidates, uint32_t item)
{
    const struct proposal *proposal = proposal_of(candidates, item);
    return proposal->round == candidates->round ? &candidates->at[proposal->place] : NULL;
}

void candidates_prune(struct candidates *candidates, uint32_t length)
{
    if (candidates->count <= length)
        return;
    for (uint32_t i = 0; i < candidates->count; i++)
        candidates->keys[i] = key_make(candidates->at[i].weight, candidates->at[i].item);
    uint64_t least = key_select(candidates->keys, candidates->count, length);
    uint32_t count = 0;
    for (uint32_t i = 0; i < candidates->count; i++) {
        struct candidate *candidate = &candidates->at[i];
        if (key_make(candidate->weight, candidate->item) < least) {
            proposal_of(candidates, candidate->item)->round = candidates->round - 1;
            continue;
        }
        if (count != i)
            candidates->at[count] = *candidate;
        proposal_of(candidates, candidates->at[count].item)->place = count;
        count++;
    }
    candidates->count = count;
}
