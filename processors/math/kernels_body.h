/* The code of the kernels. kernels.c includes it once for each instruction set, with KERNEL(name)
 * and KERNEL_TARGET defined. It uses the vector extensions of GCC and Clang: a vector has LANES
 * floats, however many registers that takes. */

static inline KERNEL_TARGET lanes KERNEL(load)(const float *x)
{
    lanes v;
    memcpy(&v, x, sizeof v);
    return v;
}

static inline KERNEL_TARGET void KERNEL(store)(float *x, lanes v)
{
    memcpy(x, &v, sizeof v);
}

/* The sum of all lanes, in this order. */
static inline KERNEL_TARGET float KERNEL(total)(lanes v)
{
    return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]));
}

/* The totals of four vectors at once, each added in the order of total(). */
static inline KERNEL_TARGET lanes KERNEL(totals)(lanes a, lanes b, lanes c, lanes d)
{
    lanes ac = __builtin_shufflevector(a, c, 0, 1, 2, 3, 8, 9, 10, 11) +
               __builtin_shufflevector(a, c, 4, 5, 6, 7, 12, 13, 14, 15);
    lanes bd = __builtin_shufflevector(b, d, 0, 1, 2, 3, 8, 9, 10, 11) +
               __builtin_shufflevector(b, d, 4, 5, 6, 7, 12, 13, 14, 15);
    lanes pairs = __builtin_shufflevector(ac, bd, 0, 1, 8, 9, 4, 5, 12, 13) +
                  __builtin_shufflevector(ac, bd, 2, 3, 10, 11, 6, 7, 14, 15);
    return __builtin_shufflevector(pairs, pairs, 0, 2, 4, 6, 0, 2, 4, 6) +
           __builtin_shufflevector(pairs, pairs, 1, 3, 5, 7, 1, 3, 5, 7);
}

/* x where all bits of `which` are set, y where none is. */
static inline KERNEL_TARGET lanes KERNEL(choose)(int_lanes which, lanes x, lanes y)
{
    return (lanes)(((int_lanes)x & which) | ((int_lanes)y & ~which));
}

#include "processors/math/kernels_layers.h"
#include "processors/math/kernels_linear.h"
#include "processors/math/kernels_pointwise.h"

static const struct kernels KERNEL(table) = {
    .dot = KERNEL(dot),
    .add = KERNEL(add),
    .product = KERNEL(elementwise),
    .add_product = KERNEL(add_product),
    .replace = KERNEL(replace),
    .larger = KERNEL(larger),
    .multiple = KERNEL(multiple),
    .narrow = KERNEL(narrow),
    .widen = KERNEL(widen),
    .filled = KERNEL(filled),
    .combine = KERNEL(combine),
    .combine_rows = KERNEL(combine_rows),
    .layer = KERNEL(layer),
    .units = KERNEL(units),
    .slopes = KERNEL(slopes),
    .outer = KERNEL(outer),
    .turn_step = KERNEL(turn_step),
    .sum = KERNEL(sum),
    .scale = KERNEL(scale),
    .dot_rows = KERNEL(dot_rows),
    .logits = KERNEL(logits),
    .exponential = KERNEL(exponential),
    .log1p = KERNEL(log1p),
    .log_rank = KERNEL(log_rank),
    .ranks = KERNEL(ranks),
    .order = KERNEL(order),
    .adagrad = KERNEL(adagrad),
};
