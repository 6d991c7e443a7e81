/* What programs that measure share. */
#ifndef WEFT_TESTS_MEASURE_H
#define WEFT_TESTS_MEASURE_H

#include "tests/test.h"

#include <time.h>

/* CPU time of this thread, seconds. */
static inline double measure_now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* 0 <= n < count, the first ones most often. */
static inline uint32_t measure_skewed(struct random *random, uint32_t count)
{
    double u = (double)(random_next(random) >> 11) * 0x1p-53;
    return (uint32_t)((double)count * u * u * u);
}

#endif
