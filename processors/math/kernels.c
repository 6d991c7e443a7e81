#include "processors/math/kernels.h"

#include <stddef.h>
#include <string.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

typedef float lanes __attribute__((vector_size(4 * LANES)));
typedef int32_t int_lanes __attribute__((vector_size(4 * LANES)));
typedef uint32_t uint_lanes __attribute__((vector_size(4 * LANES))); /* wraps around */

typedef uint16_t short_lanes __attribute__((vector_size(2 * LANES)));
typedef int64_t long_lanes __attribute__((vector_size(4 * LANES)));

#define UNROLLED_LENGTH 64 /* some loops are unrolled for rows of this length */

#define KERNEL(name) name##_plain
#define KERNEL_TARGET
#define KERNEL_ANY_BIT(x) (((x)[0] | (x)[1] | (x)[2] | (x)[3]) != 0)
#include "processors/math/kernels_body.h"

float kernels_log(float x)
{
    lanes v = (lanes){0} + x;
    return logarithm_plain(v)[0];
}

const struct kernels *kernels_plain(void)
{
    return &table_plain;
}

#ifdef __x86_64__

#undef KERNEL
#undef KERNEL_TARGET
#undef KERNEL_ANY_BIT
#define KERNEL(name) name##_avx2
#define KERNEL_TARGET __attribute__((target("avx2")))
#define KERNEL_ANY_BIT(x) (!__builtin_ia32_ptestz256((__v4di)(x), (__v4di)(x)))
#include "processors/math/kernels_body.h"

const struct kernels *kernels_best(void)
{
    return __builtin_cpu_supports("avx2") ? &table_avx2 : &table_plain;
}

#else

const struct kernels *kernels_best(void)
{
    return &table_plain;
}

#endif
