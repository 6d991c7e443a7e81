#include "state/decay.h"

static int64_t floor_divide(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

struct decay decay_at(int64_t time_ms, int64_t half_life_ms)
{
    int64_t k = floor_divide(time_ms, half_life_ms);
    double fraction = (double)(time_ms - k * half_life_ms) / (double)half_life_ms;
    return (struct decay){
        .m = (double)lround(exp2(fraction) * (1 << DECAY_BITS)),
        .k = (int32_t)k,
    };
}

double decay_value(double value, int32_t base, int64_t time_ms, int64_t half_life_ms)
{
    int64_t k = floor_divide(time_ms, half_life_ms);
    return decay_shift(value, base - (int32_t)k) / (1 << DECAY_BITS);
}

double decay_events(double sum, int32_t base, struct decay now)
{
    return decay_shift(sum, base - now.k) / now.m;
}
