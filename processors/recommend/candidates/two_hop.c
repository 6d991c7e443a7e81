#include "processors/recommend/candidates/two_hop.h"

#include "processors/recommend/candidates/cooccurrence.h"

#define WIDTH 8

static void hop_over(const struct query *query, struct candidates *candidates, int generator,
                     enum pair_direction direction)
{
    const struct model *model = query->model;
    const struct row *row = cooccurrence_row(model, query->recent[0], PAIR_VIEW, direction);
    float scale = cooccurrence_scale(row);
    for (uint32_t i = 0; i < row->count && i < WIDTH; i++)
        cooccurrence_fetch_entries(
            cooccurrence_row(model, row->entries[i].item, PAIR_VIEW, PAIR_FORWARD), WIDTH);
    for (uint32_t i = 0; i < row->count && i < WIDTH; i++) {
        uint32_t middle = row->entries[i].item;
        if (middle == query->recent[0])
            continue;
        const struct row *next = cooccurrence_row(model, middle, PAIR_VIEW, PAIR_FORWARD);
        float p = (float)row->entries[i].weight * scale * cooccurrence_scale(next);
        for (uint32_t k = 0; k < next->count && k < WIDTH; k++) {
            struct candidate *candidate =
                candidates_propose(candidates, next->entries[k].item, generator);
            if (candidate)
                candidate->hop += p * (float)next->entries[k].weight;
        }
    }
}

void two_hop_generate(const struct query *query, struct candidates *candidates, int generator)
{
    if (query->recent_count == 0)
        return;
    hop_over(query, candidates, generator, PAIR_FORWARD);
    hop_over(query, candidates, generator, PAIR_BACKWARD);
}

float two_hop_weight(const struct candidate *candidate)
{
    return .3f * candidate->hop;
}
