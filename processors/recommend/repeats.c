#include "processors/recommend/repeats.h"

void repeats_generate(const struct query *query, struct candidates *candidates, int generator)
{
    for (uint32_t i = 0; i < query->recent_count; i++)
        candidates_add(candidates, query->recent[i], generator,
                       .4f / ((float)query->distance[i] + 1) + .05f, query->recent[i]);
}
