#include "processors/math/kernels.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

typedef float lanes __attribute__((vector_size(4 * LANES)));
typedef int32_t int_lanes __attribute__((vector_size(4 * LANES)));
typedef uint32_t uint_lanes __attribute__((vector_size(4 * LANES))); /* wraps around */

/* Twice as many, for the instruction sets that have them: two sums side by side. */
typedef float wide_lanes __attribute__((vector_size(8 * LANES)));

typedef uint16_t short_lanes __attribute__((vector_size(2 * LANES)));
typedef int64_t long_lanes __attribute__((vector_size(4 * LANES)));

#define UNROLLED_LENGTH 64 /* some loops are unrolled for rows of this length */

#define KERNEL(name) name##_plain
#define KERNEL_TARGET
#define KERNEL_WIDE lanes
#define KERNEL_ANY_BIT(x) (((x)[0] | (x)[1] | (x)[2] | (x)[3]) != 0)
#include "processors/math/kernels_body.h"

float kernels_log(float x)
{
    lanes v = (lanes){0} + x;
    return logarithm_plain(v)[0];
}

#ifdef __x86_64__

#undef KERNEL
#undef KERNEL_TARGET
#undef KERNEL_ANY_BIT
#define KERNEL(name) name##_avx2
#define KERNEL_TARGET __attribute__((target("avx2")))
#define KERNEL_ANY_BIT(x) (!__builtin_ia32_ptestz256((__v4di)(x), (__v4di)(x)))
#include "processors/math/kernels_body.h"

#undef KERNEL
#undef KERNEL_TARGET
#undef KERNEL_WIDE
#define KERNEL(name) name##_avx512
#define KERNEL_TARGET __attribute__((target("avx2,avx512f,avx512dq,avx512vl")))
#define KERNEL_WIDE wide_lanes
#define KERNEL_PAIRS /* dot_rows() takes two rows at once */
#include "processors/math/kernels_body.h"

static bool has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}

const struct kernels *kernels_at(uint32_t which)
{
    const struct kernels *tables[4] = {&table_plain};
    uint32_t count = 1;
    if (__builtin_cpu_supports("avx2"))
        tables[count++] = &table_avx2;
    if (count == 2 && has_avx512())
        tables[count++] = &table_avx512;
    return which < count ? tables[which] : NULL;
}

#else

const struct kernels *kernels_at(uint32_t which)
{
    return which == 0 ? &table_plain : NULL;
}

#endif

const struct kernels *kernels_best(void)
{
    const struct kernels *best = kernels_at(0), *next = best;
    for (uint32_t i = 1; next; next = kernels_at(i++))
        best = next;
    return best;
}
