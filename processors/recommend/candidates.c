#include "processors/recommend/candidates.h"

#include "processors/recommend/popularity.h"
#include "processors/recommend/repeats.h"
#include "processors/recommend/rules.h"
#include "processors/recommend/similar.h"

#include <stdlib.h>

const struct generator generators[] = {
    {"repeats", "viewed_before", repeats_generate},
    {"forward", "viewed_next", rules_forward},
    {"backward", "viewed_together", rules_backward},
    {"previous", "viewed_in_session", rules_previous},
    {"carted", "carted_together", rules_carted},
    {"bought", "bought_together", rules_bought},
    {"popular", "popular", popularity_generate},
    {"similar", "similar", similar_generate},
};

const int generator_count = sizeof generators / sizeof generators[0];

_Static_assert(sizeof generators / sizeof generators[0] <= GENERATORS_MAX,
               "raise GENERATORS_MAX");

void query_init(struct query *query, const struct model *model, const struct catalogue *catalogue,
                const struct visitor *visitor)
{
    query->model = model;
    query->catalogue = catalogue;
    query->recent_count = 0;
    query->unknown = false;
    uint32_t ago = 0;
    for (uint32_t i = visitor->count; i > 0 && ago < RECENT_MAX; i--) {
        const struct activity *activity = &visitor->activities[i - 1];
        enum rule_kind rules;
        if (!rule_kind_of((enum kind)activity->kind, &rules))
            continue;
        ago++;
        uint32_t item = model_find(model, activity_subject(visitor, activity));
        bool skip = item == ITEM_NONE;
        query->unknown = query->unknown || skip;
        for (uint32_t k = 0; k < query->recent_count && !skip; k++)
            skip = query->recent[k] == item;
        if (skip)
            continue;
        query->recent[query->recent_count] = item;
        query->distance[query->recent_count++] = ago;
    }
}

void query_focus(struct query *query, uint32_t item)
{
    uint32_t at = 0;
    while (at < query->recent_count && query->recent[at] != item)
        at++;
    if (at == query->recent_count) {
        if (query->recent_count < RECENT_MAX)
            query->recent_count++;
        else
            at--;
    }
    for (; at > 0; at--) {
        query->recent[at] = query->recent[at - 1];
        query->distance[at] = query->distance[at - 1];
    }
    query->recent[0] = item;
    query->distance[0] = 1;
}

struct bytes query_item_id(const struct query *query, uint32_t item)
{
    return item_is_product(item)
               ? product_id(&query->catalogue->products[item & ~ITEM_PRODUCT])
               : query->model->items[item].id;
}

void candidates_init(struct candidates *candidates)
{
    *candidates = (struct candidates){
        .at = memory_get(CANDIDATES_MAX * sizeof *candidates->at),
    };
}

void candidates_release(struct candidates *candidates)
{
    free(candidates->at);
    free(candidates->items.stamps);
    free(candidates->items.places);
    free(candidates->products.stamps);
    free(candidates->products.places);
    *candidates = (struct candidates){0};
}

/* Room for `count` numbers; the new ones have no stamp. */
static void reserve(struct proposed *proposed, uint32_t count)
{
    if (count <= proposed->capacity)
        return;
    uint32_t capacity = count + count / 2;
    proposed->stamps = memory_resize(proposed->stamps, capacity * sizeof *proposed->stamps);
    proposed->places = memory_resize(proposed->places, capacity * sizeof *proposed->places);
    memset(proposed->stamps + proposed->capacity, 0,
           (capacity - proposed->capacity) * sizeof *proposed->stamps);
    proposed->capacity = capacity;
}

static void forget_stamps(struct proposed *proposed)
{
    if (proposed->capacity > 0)
        memset(proposed->stamps, 0, proposed->capacity * sizeof *proposed->stamps);
}

void candidates_clear(struct candidates *candidates, uint32_t item_count, uint32_t product_count)
{
    reserve(&candidates->items, item_count);
    reserve(&candidates->products, product_count);
    if (++candidates->round == 0) { /* the stamps of 2^32 rounds ago would look new */
        forget_stamps(&candidates->items);
        forget_stamps(&candidates->products);
        candidates->round = 1;
    }
    candidates->count = 0;
}

void candidates_add(struct candidates *candidates, uint32_t item, int generator, float part,
                    uint32_t cause)
{
    struct candidate *candidate;
    struct proposed *proposed =
        item_is_product(item) ? &candidates->products : &candidates->items;
    uint32_t number = item_is_product(item) ? item & ~ITEM_PRODUCT : item;
    if (proposed->stamps[number] == candidates->round) {
        candidate = &candidates->at[proposed->places[number]];
    } else {
        if (candidates->count == CANDIDATES_MAX)
            return;
        proposed->stamps[number] = candidates->round;
        proposed->places[number] = candidates->count;
        candidate = &candidates->at[candidates->count++];
        candidate->item = item;
        memset(candidate->parts, 0, sizeof candidate->parts);
        memset(candidate->largest, 0, sizeof candidate->largest);
    }
    candidate->parts[generator] += part;
    if (part > candidate->largest[generator]) {
        candidate->largest[generator] = part;
        candidate->causes[generator] = cause;
    }
}
