/* Forward decay: a count at time t adds g(t) = 2^(t / half-life), and only ratios matter
 * (state/model.h says more, with the source). */
#ifndef WEFT_STATE_DECAY_H
#define WEFT_STATE_DECAY_H

#include <stdint.h>

/* g(t) for a half-life, rounded to 11 significant bits: m * 2^k, 1024 <= m <= 2048. */
#define DECAY_BITS 10 /* m has this many bits behind its leading one */
struct decay {
    double m;
    int32_t k;
};
struct decay decay_at(int64_t time_ms, int64_t half_life_ms);

/* value * 2^(base - floor(time / half_life)), in events: the decayed weight as of the half-life
 * in which `time_ms` lies; what table dumps show. */
double decay_value(double value, int32_t base, int64_t time_ms, int64_t half_life_ms);

/* sum * 2^base / g(now): the events of a sum, decayed to a moment. */
double decay_events(double sum, int32_t base, struct decay now);

#endif
