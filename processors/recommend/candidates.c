#include "processors/recommend/candidates.h"

#include "processors/recommend/popularity.h"
#include "processors/recommend/repeats.h"
#include "processors/recommend/rules.h"

#include <stdlib.h>

const struct generator generators[] = {
    {"repeats", "viewed_before", repeats_generate},
    {"forward", "viewed_next", rules_forward},
    {"backward", "viewed_together", rules_backward},
    {"previous", "viewed_in_session", rules_previous},
    {"carted", "carted_together", rules_carted},
    {"bought", "bought_together", rules_bought},
    {"popular", "popular", popularity_generate},
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

void candidates_init(struct candidates *candidates)
{
    *candidates = (struct candidates){
        .at = memory_get(CANDIDATES_MAX * sizeof *candidates->at),
    };
}

void candidates_release(struct candidates *candidates)
{
    free(candidates->at);
    free(candidates->stamps);
    free(candidates->places);
    *candidates = (struct candidates){0};
}

void candidates_clear(struct candidates *candidates, uint32_t item_count)
{
    if (item_count > candidates->item_capacity) {
        uint32_t capacity = item_count + item_count / 2;
        candidates->stamps =
            memory_resize(candidates->stamps, capacity * sizeof *candidates->stamps);
        candidates->places =
            memory_resize(candidates->places, capacity * sizeof *candidates->places);
        memset(candidates->stamps, 0, capacity * sizeof *candidates->stamps);
        candidates->item_capacity = capacity;
        candidates->round = 0;
    }
    if (++candidates->round == 0) { /* the stamps of 2^32 rounds ago would look new */
        memset(candidates->stamps, 0, candidates->item_capacity * sizeof *candidates->stamps);
        candidates->round = 1;
    }
    candidates->count = 0;
}

void candidates_add(struct candidates *candidates, uint32_t item, int generator, float part,
                    uint32_t cause)
{
    struct candidate *candidate;
    if (candidates->stamps[item] == candidates->round) {
        candidate = &candidates->at[candidates->places[item]];
    } else {
        if (candidates->count == CANDIDATES_MAX)
            return;
        candidates->stamps[item] = candidates->round;
        candidates->places[item] = candidates->count;
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
