#include "state/visitor_history.h"

const struct activity *visitor_history_newest(const struct visitor *visitor, uint32_t kinds,
                                              uint32_t within, int64_t gap_ms)
{
    int64_t edge_ms = visitor->count ? visitor->activities[visitor->count - 1].time_ms : 0;
    for (uint32_t i = visitor->count, ago = 0; i > 0 && ago <= within; i--, ago++) {
        const struct activity *activity = &visitor->activities[i - 1];
        if (edge_ms - activity->time_ms > gap_ms)
            break;
        edge_ms = activity->time_ms;
        if (kinds >> activity->kind & 1)
            return activity;
    }
    return NULL;
}

struct bytes visitor_history_last_viewed(const struct visitor *visitor)
{
    for (uint32_t i = visitor->count; i > 0; i--)
        if (visitor->activities[i - 1].kind == KIND_VIEW)
            return activity_subject(visitor, &visitor->activities[i - 1]);
    return bytes_of(NULL, 0);
}
