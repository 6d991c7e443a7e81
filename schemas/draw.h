/* Hashes and draws that are the same on every machine: splitmix64 (Steele, Lea, Flood 2014), "Fast
 * splittable pseudorandom number generators". Not for secrets. Thread: any. */
#ifndef WEFT_SCHEMAS_DRAW_H
#define WEFT_SCHEMAS_DRAW_H

#include <stdint.h>

#define DRAW_STEP 0x9E3779B97F4A7C15u

/* 64 bits that look random, from a number. */
static inline uint64_t draw_mix(uint64_t x)
{
    x += DRAW_STEP;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

/* The next 64 bits of a sequence. */
static inline uint64_t draw_next(uint64_t *state)
{
    uint64_t bits = draw_mix(*state);
    *state += DRAW_STEP;
    return bits;
}

/* Joins a number to a hash. The order of several numbers matters. */
static inline uint64_t hash_join(uint64_t hash, uint64_t number)
{
    return (hash ^ number) * DRAW_STEP;
}

/* 0 <= x < 1. */
static inline double draw_unit(uint64_t bits)
{
    return (double)(bits >> 11) * 0x1p-53;
}

/* Even over 0..n-1, from the upper 32 bits, without a division. */
static inline uint32_t draw_below(uint64_t bits, uint32_t n)
{
    return (uint32_t)((bits >> 32) * n >> 32);
}

/* About normal, mean 0, deviation 1: a sum of four even draws. */
static inline float draw_normal(uint64_t bits)
{
    float sum = 0;
    for (int i = 0; i < 4; i++, bits >>= 16)
        sum += (float)(bits & 0xFFFF) * (1.0f / 65536);
    return (sum - 2) * 1.7320508f;
}

#endif
