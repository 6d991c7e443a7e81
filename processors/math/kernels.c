#include "processors/math/kernels.h"

#include <stddef.h>
#include <string.h>

typedef float lanes __attribute__((vector_size(4 * LANES)));
typedef int32_t whole __attribute__((vector_size(4 * LANES)));
typedef uint32_t naturals __attribute__((vector_size(4 * LANES))); /* wraps around */

#define KERNEL(name) name##_plain
#define KERNEL_TARGET
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
#define KERNEL(name) name##_avx2
#define KERNEL_TARGET __attribute__((target("avx2")))
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
