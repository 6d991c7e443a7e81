/* Kernels: the inner loops of the vectors, the features and the ranker. The same inputs give the
 * same bits with every instruction set, compiler and machine.
 *
 * They use only IEEE additions, multiplications, divisions and square roots, in an order that the
 * source fixes; no fused multiply-add, no libm. A library of linear algebra chooses its order by
 * the processor, and can't skip lanes that are 0.
 *
 * Names: `n` is a length in floats; `count` is a number of rows; `rows` is a row-major matrix of n
 * columns; `places` are numbers of rows or elements; outputs are `ret_y`, in-place results `x` or
 * `y`. The caller owns all memory; arrays do not overlap unless a kernel works in place.
 *
 * Includes nothing of weft. Thread: any. */
#ifndef WEFT_MATH_KERNELS_H
#define WEFT_MATH_KERNELS_H

#include <stdint.h>

#define LANES 8 /* floats of a vector; every `n` is a multiple, every row is aligned to it */

struct kernels {
    /* x . y */
    float (*dot)(const float *x, const float *y, uint32_t n);
    /* y += a x */
    void (*add)(float *y, const float *x, float a, uint32_t n);
    /* Bit g is set if x has a number other than +0 in group g: LANES g to LANES (g + 1) - 1.
     * n <= 32 LANES. */
    uint32_t (*filled)(const float *x, uint32_t n);
    /* y += the sum over i of x[i] rows[i], in i's order, for `count` rows of n. */
    void (*combine)(float *y, const float *x, const float *rows, uint32_t count, uint32_t n);
    /* The same with rows[places[i]]. */
    void (*combine_rows)(float *y, const float *x, const float *rows, const uint32_t *places,
                         uint32_t count, uint32_t n);
    /* A layer of a network with a linear unit beside it, for i < n and u < units:
     *
     *     ret_y[i * units + u] = the sum over f of w[f * units + u] x[f][i],  in f's order
     *     ret_z[i]             = the sum over f of linear[f] x[f][i],         in f's order
     *
     * `units` is a multiple of LAYER_UNITS. x has `count` rows of n, at most LAYER_ROWS_MAX.
     * filled[f] is as filled() returns it for row x[f]: groups whose bit is 0 are skipped; a row
     * without any bit is not read. */
    void (*layer)(const float *w, uint32_t units, const float *linear, const float *x, uint32_t n,
                  const uint16_t *filled, uint32_t count, float *ret_y, float *ret_z);
    /* The layer's hidden units, a leaky ReLU, for `rows` rows of `units` (multiples of LANES):
     * z = x + bias; x = z, or leak z where z is not above 0; y[row] += a . x[row] */
    void (*units)(float *x, const float *bias, float leak, const float *a, uint32_t units,
                  uint32_t rows, float *y);
    /* The gradient back through the units: ret_y = a g, or a g leak where x is not above 0. */
    void (*slopes)(float *ret_y, const float *x, const float *a, float leak, float g, uint32_t n);
    /* sums += the sum over i of x[places[i]] y[i], in i's order, for rows y of n. The places in
     * group g (see filled()) are first[g] to first[g + 1] - 1; groups whose bit in `filled` is 0
     * are skipped. */
    void (*outer)(float *sums, const float *x, uint32_t filled, const uint32_t *first,
                  const uint32_t *places, const float *y, uint32_t n);
    /* A step for a row of which only the direction is used. `gradient` is that of row/|row|; g, the
     * gradient of the row, follows from it. A step of row-wise Adagrad: sum += mean(g^2),
     * row -= rate g / sqrt(sum). `inverse` is 1/|row|. Returns the new row's squared norm. */
    float (*turn_step)(float *row, const float *gradient, float inverse, float *sum, float rate,
                       uint32_t n);
    /* y = a x */
    void (*multiple)(float *ret_y, const float *x, float a, uint32_t n);
    /* Rounds to the upper half of a float's bits, half up, and widens again: relative error 2^-8.
     */
    void (*narrow)(uint16_t *ret_y, const float *x, uint32_t n);
    void (*widen)(float *ret_y, const uint16_t *x, uint32_t n);
    /* y = (a x) z and y += (a x) z, elementwise */
    void (*product)(float *ret_y, const float *x, float a, const float *z, uint32_t n);
    void (*add_product)(float *y, const float *x, float a, const float *z, uint32_t n);
    /* x[i] = a for each i with places[i] = place */
    void (*replace)(float *x, const uint32_t *places, uint32_t place, float a, uint32_t n);
    /* y = the larger of x and y, elementwise */
    void (*larger)(float *y, const float *x, uint32_t n);
    /* y = x + z, elementwise */
    void (*sum)(float *ret_y, const float *x, const float *z, uint32_t n);
    /* x *= a */
    void (*scale)(float *x, float a, uint32_t n);
    /* ret_scores[s][j] = queries[s] . rows[places[j]], for j < count and s < query_count; a row of
     * ret_scores has `stride` floats. */
    void (*dot_rows)(const float *rows, const uint32_t *places, uint32_t count, uint32_t n,
                     const float *queries, uint32_t query_count, float *ret_scores,
                     uint32_t stride);
    /* x = x scales a - shifts, elementwise. Returns the largest x; NaNs do not count. */
    float (*logits)(float *x, const float *scales, float a, const float *shifts, uint32_t n);
    /* x = e^(x - shift), relative error below 3e-7; 0 where x - shift < -87. Returns the sum. */
    float (*exponential)(float *x, float shift, uint32_t n);
    /* x = b ln(1 + a x) for a x >= 0; relative error below 1e-6, absolute error 1e-7 b for small
     * results */
    void (*log1p)(float *x, float a, float b, uint32_t n);
    /* x = a + b ln x where x > 0, otherwise 0 */
    void (*log_rank)(float *x, float a, float b, uint32_t n);
    /* ret_ranks[i] = 1 + the number of x that are larger than x[i] */
    void (*ranks)(const float *x, float *ret_ranks, uint32_t n);
    /* ret_places[r] = the place of the r-th largest x, r from 0; of equal ones, the first place
     * comes first. No x is NaN; n <= 65536. It counts, n^2 comparisons: for some hundred x. */
    void (*order)(const float *x, uint16_t *ret_places, uint32_t n);
    /* Adagrad (Duchi, Hazan, Singer 2011): sums += g^2; x -= rate g / sqrt(sums + epsilon) */
    void (*adagrad)(float *x, float *sums, const float *g, float rate, float epsilon, uint32_t n);
};

#define LAYER_ROWS_MAX 128
#define LAYER_GROUPS_MAX 16 /* bits of `filled` */
#define LAYER_UNITS 16      /* that a layer computes at once */

/* The fastest kernels for this processor; all give the same bits. The table holds for ever. */
const struct kernels *kernels_best(void);
/* The kernels that this processor can run, the slowest first, which every processor can. NULL:
 * there are no more. For tests. */
const struct kernels *kernels_at(uint32_t which);

/* ln x for one number, x > 0 and finite, with the bits of the kernels. */
float kernels_log(float x);

#endif
