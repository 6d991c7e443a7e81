#include "processors/recommend/candidates/repeats.h"

void repeats_generate(const struct query *query, struct candidates *candidates, int generator)
{
    for (uint32_t i = 0; i < query->recent_count; i++)
        candidates_propose(candidates, query->recent[i], generator)->distance =
            (uint16_t)query->distance[i];
    for (uint32_t i = 0; i < query->length; i++)
        candidates_find(candidates, query->sequence[i])->times++;
    for (uint32_t i = 0; i < query->earlier_count; i++) {
        const struct earlier_item *earlier = &query->earlier[i];
        struct candidate *candidate = candidates_propose(candidates, earlier->item, generator);
        if (candidate->distance == 0)
            candidate->distance = earlier->distance;
        candidate->times = (uint16_t)(candidate->times + earlier->times);
    }
}

float repeats_weight(const struct candidate *candidate)
{
    float distance = (float)candidate->distance;
    return candidate->distance > RECENT_MAX ? .4f * (float)candidate->times / distance + .02f
                                            : .4f / (distance + 1) + .05f;
}

uint32_t repeats_cause(const struct query *query, const struct candidate *candidate)
{
    (void)query;
    return candidate->item;
}
