#include "processors/recommend/candidates/repeats.h"

void repeats_generate(const struct query *query, struct candidates *candidates, int generator)
{
    for (uint32_t i = 0; i < query->recent_count; i++)
        candidates_propose(candidates, query->recent[i], generator)->distance =
            (uint16_t)query->distance[i];
    for (uint32_t i = 0; i < query->length; i++)
        candidates_find(candidates, query->sequence[i])->times++;
}

float repeats_weight(const struct candidate *candidate)
{
    return .4f / ((float)candidate->distance + 1) + .05f;
}

uint32_t repeats_cause(const struct query *query, const struct candidate *candidate)
{
    (void)query;
    return candidate->item;
}
