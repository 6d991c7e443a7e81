/* A sample of a stream, chosen by its rate: all of it while it is slow, a bounded number a second
 * while it is fast. The time is the stream's own, so a replay chooses the same. Thread: one. */
#ifndef WEFT_SCHEMAS_RATE_SAMPLE_H
#define WEFT_SCHEMAS_RATE_SAMPLE_H

#include "schemas/draw.h"

#include <stdbool.h>

struct rate_sample {
    int64_t second; /* the newest one; INT64_MIN: none yet */
    uint32_t count; /* in the newest second, chosen or not */
    uint32_t rate;  /* the count of the second before it */
};

/* Counts one at the time. Returns whether it is chosen: always below `rate_max` a second, above it
 * with the chance rate_max / rate. The rate is that of the newest second or of the one before it,
 * whichever is higher. `hash` draws. */
static inline bool rate_sample_choose(struct rate_sample *sample, int64_t time_ms,
                                      uint32_t rate_max, uint64_t hash)
{
    int64_t second = time_ms / 1000;
    if (second > sample->second) {
        sample->rate = second - 1 == sample->second ? sample->count : 0;
        sample->second = second;
        sample->count = 0;
    }
    sample->count++;
    uint32_t rate = sample->rate > sample->count ? sample->rate : sample->count;
    return rate <= rate_max || draw_below(hash, rate) < rate_max;
}

#endif
