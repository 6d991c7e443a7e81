/* The mall's random numbers: one sequence, whose order of draws is part of the mall's output. Every
 * function takes the sequence's state and moves it on. Thread: one. */
#ifndef WEFT_TOOLS_MALL_DRAW_H
#define WEFT_TOOLS_MALL_DRAW_H

#include "schemas/draw.h"

#include <math.h>

/* 0 <= x < 1. */
static inline double mall_uniform(uint64_t *random)
{
    return draw_unit(draw_next(random));
}

/* 0 to count - 1. */
static inline uint32_t mall_below(uint64_t *random, uint32_t count)
{
    return (uint32_t)(draw_next(random) % count);
}

static inline double mall_exponential(uint64_t *random, double mean)
{
    return -mean * log(1 - mall_uniform(random));
}

/* Mean 0, deviation 1: a sum of twelve even draws. */
static inline double mall_normal(uint64_t *random)
{
    double sum = 0;
    for (int i = 0; i < 12; i++)
        sum += mall_uniform(random);
    return sum - 6;
}

/* A rank from 0 to count - 1; rank r has the weight 1 / (r + 3), so a few are known to all. */
static inline uint32_t mall_zipf(uint64_t *random, uint32_t count)
{
    double high = log(((double)count + 3) / 3);
    uint32_t rank = (uint32_t)(3 * exp(mall_uniform(random) * high) - 3);
    return rank < count ? rank : count - 1;
}

#endif
