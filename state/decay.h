/* Forward decay: a count at time t adds g(t) = 2^(t / half-life), and only ratios matter.
 * state/model.h has the source. Thread: any. */
#ifndef WEFT_STATE_DECAY_H
#define WEFT_STATE_DECAY_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* value * 2^by, with the bits of ldexp(), which is a call that costs several times as much. */
static inline double decay_shift(double value, int by)
{
    if (by < -1022 || by > 1023) /* 2^by is no normal double */
        return ldexp(value, by);
    uint64_t bits = (uint64_t)(by + 1023) << 52;
    double power;
    memcpy(&power, &bits, sizeof power);
    return value * power;
}

/* g(t) for a half-life, rounded to 11 significant bits: m * 2^k, 1024 <= m <= 2048. */
#define DECAY_BITS 10 /* of m, after its leading one */
struct decay {
    double m;
    int32_t k;
};
struct decay decay_at(int64_t time_ms, int64_t half_life_ms);

/* A sum without units * 2^by, which was added to it; at least 0. Exact while sums are
 * (state/model.h). */
static inline double decay_take_back(double sum, double units, int by)
{
    double left = sum - ldexp(units, by);
    return left > 0 ? left : 0;
}

/* value * 2^(base - floor(time / half_life)), in events: the weight decayed to the half-life in
 * which `time_ms` lies. Table dumps show it. */
double decay_value(double value, int32_t base, int64_t time_ms, int64_t half_life_ms);

/* sum * 2^base / g(now): a sum in events, decayed to `now`. */
double decay_events(double sum, int32_t base, struct decay now);

#endif
