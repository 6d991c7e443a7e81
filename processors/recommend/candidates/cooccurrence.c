#include "processors/recommend/candidates/cooccurrence.h"

#define FORWARD_TOP 100
#define BACKWARD_TOP 50
#define PREVIOUS_TOP 30
#define PREVIOUS_ITEMS 4
#define TOGETHER_TOP 30
#define HOPS 8 /* of two_hop.c */

static uint32_t at_most(uint32_t count, uint32_t max)
{
    return count < max ? count : max;
}

/* The rows that other generators will look at. */
static void fetch_soon(const struct query *query)
{
    const struct model *model = query->model;
    for (int direction = 0; direction < PAIR_DIRECTIONS; direction++) {
        const struct row *row =
            cooccurrence_row(model, query->recent[0], PAIR_VIEW, (enum pair_direction)direction);
        for (uint32_t i = 0; i < row->count && i < HOPS; i++)
            __builtin_prefetch(
                cooccurrence_row(model, row->entries[i].item, PAIR_VIEW, PAIR_FORWARD));
        for (uint32_t j = 1; j <= PREVIOUS_ITEMS && j < query->length; j++)
            cooccurrence_fetch_entries(cooccurrence_row(model, query->sequence[j], PAIR_VIEW,
                                                        (enum pair_direction)direction),
                                       PREVIOUS_TOP / 4);
    }
}

void cooccurrence_forward(const struct query *query, struct candidates *candidates, int generator)
{
    if (query->recent_count == 0)
        return;
    const struct row *row =
        cooccurrence_row(query->model, query->recent[0], PAIR_VIEW, PAIR_FORWARD);
    uint32_t count = at_most(row->count, FORWARD_TOP);
    float scale = cooccurrence_scale(row);
    float scale_one = row->total_one > 0 ? (float)(1 / row->total_one) : 0;
    float pairs = decay_count(query->pairs_now, 1, row->base) / PAIR_UNITS;
    fetch_soon(query);
    for (uint32_t i = 0; i < count; i++) {
        const struct row_entry *entry = &row->entries[i];
        struct candidate *candidate = candidates_propose(candidates, entry->item, generator);
        if (candidate == NULL)
            return;
        candidate->forward_rank = (uint16_t)(i + 1);
        candidate->forward = (float)entry->weight * scale;
        candidate->forward_one = (float)entry->weight_one * scale_one;
        candidate->forward_weight = (float)entry->weight * pairs;
        candidate->forward_last_s = entry->last_s;
    }
}

float cooccurrence_forward_weight(const struct candidate *candidate)
{
    return 1 / (3 + (float)candidate->forward_rank) + candidate->forward;
}

void cooccurrence_backward(const struct query *query, struct candidates *candidates, int generator)
{
    if (query->recent_count == 0)
        return;
    const struct row *row =
        cooccurrence_row(query->model, query->recent[0], PAIR_VIEW, PAIR_BACKWARD);
    uint32_t count = at_most(row->count, BACKWARD_TOP);
    float scale = cooccurrence_scale(row);
    for (uint32_t i = 0; i < count; i++) {
        struct candidate *candidate =
            candidates_propose(candidates, row->entries[i].item, generator);
        if (candidate == NULL)
            return;
        candidate->backward_rank = (uint16_t)(i + 1);
        candidate->backward = (float)row->entries[i].weight * scale;
    }
}

float cooccurrence_backward_weight(const struct candidate *candidate)
{
    return .5f / (3 + (float)candidate->backward_rank);
}

static void add_previous(const struct query *query, struct candidates *candidates, int generator,
                         uint32_t item, float weight)
{
    const struct row *row = cooccurrence_row(query->model, item, PAIR_VIEW, PAIR_FORWARD);
    float scale = cooccurrence_scale(row) * weight;
    for (uint32_t i = 0; i < row->count && i < PREVIOUS_TOP; i++) {
        struct candidate *candidate =
            candidates_propose(candidates, row->entries[i].item, generator);
        if (candidate == NULL)
            return;
        float part = (float)row->entries[i].weight * scale;
        candidate->previous += part;
        if (part > candidate->previous_most) {
            candidate->previous_most = part;
            candidate->previous_cause = item;
        }
    }
    row = cooccurrence_row(query->model, item, PAIR_VIEW, PAIR_BACKWARD);
    scale = cooccurrence_scale(row) * weight;
    for (uint32_t i = 0; i < row->count && i < PREVIOUS_TOP; i++) {
        struct candidate *candidate = candidates_find(candidates, row->entries[i].item);
        if (candidate)
            candidate->previous_back += (float)row->entries[i].weight * scale;
    }
}

void cooccurrence_previous(const struct query *query, struct candidates *candidates, int generator)
{
    float weight = 1;
    for (uint32_t j = 1; j <= PREVIOUS_ITEMS && j < query->length; j++) {
        weight *= .7f;
        if (query->sequence[j] != query->recent[0])
            add_previous(query, candidates, generator, query->sequence[j], weight);
    }
}

float cooccurrence_previous_weight(const struct candidate *candidate)
{
    return .5f * candidate->previous;
}

uint32_t cooccurrence_previous_cause(const struct query *query, const struct candidate *candidate)
{
    (void)query;
    return candidate->previous_cause;
}

static void add_together(const struct query *query, struct candidates *candidates, int generator,
                         enum pair_kind kind)
{
    if (query->recent_count == 0)
        return;
    for (int direction = 0; direction < PAIR_DIRECTIONS; direction++) {
        const struct row *row =
            cooccurrence_row(query->model, query->recent[0], kind, (enum pair_direction)direction);
        float scale = cooccurrence_scale(row);
        for (uint32_t i = 0; i < row->count && i < TOGETHER_TOP; i++) {
            struct candidate *candidate =
                candidates_propose(candidates, row->entries[i].item, generator);
            if (candidate == NULL)
                return;
            candidate->together[kind] += (float)row->entries[i].weight * scale;
            if (candidate->together_rank[kind] == 0 || candidate->together_rank[kind] > i + 1)
                candidate->together_rank[kind] = (uint16_t)(i + 1);
        }
    }
}

void cooccurrence_carted(const struct query *query, struct candidates *candidates, int generator)
{
    add_together(query, candidates, generator, PAIR_CART);
}

float cooccurrence_carted_weight(const struct candidate *candidate)
{
    return .5f / (3 + (float)candidate->together_rank[PAIR_CART]);
}

void cooccurrence_bought(const struct query *query, struct candidates *candidates, int generator)
{
    add_together(query, candidates, generator, PAIR_PURCHASE);
}

float cooccurrence_bought_weight(const struct candidate *candidate)
{
    return .5f / (3 + (float)candidate->together_rank[PAIR_PURCHASE]);
}
