#include "processors/recommend/candidates/popular_items.h"

#define POPULAR_TOP 40 /* enough to fill a list after its filters */
#define POPULAR_FEW 10 /* if there are enough other candidates */

void popular_items_generate(const struct query *query, struct candidates *candidates, int generator)
{
    const struct model *model = query->model;
    uint32_t count = candidates->count < POPULAR_TOP ? POPULAR_TOP : POPULAR_FEW;
    for (uint32_t i = 0; i < model->popular_count && i < count; i++) {
        struct candidate *candidate = candidates_propose(candidates, model->popular[i], generator);
        if (candidate)
            candidate->popular_rank = (uint16_t)(i + 1);
    }
}

float popular_items_weight(const struct candidate *candidate)
{
    return .02f / (float)candidate->popular_rank;
}
