/* Kernels: the inner loops of the vectors, the features and the ranker, with a fixed order of
 * operations.
 *
 * Only IEEE additions, multiplications, divisions and square roots in an order that the source
 * fixes, no fused multiply-add, no libm: so the same inputs give the same bits with every
 * instruction set, compiler and machine. A library of linear algebra would pick its order by the
 * processor, and could not leave out what is 0.
 *
 * Includes nothing of weft. Thread: any. */
#ifndef WEFT_MATH_KERNELS_H
#define WEFT_MATH_KERNELS_H

#include <stdint.h>

#define LANES 8 /* every length `n` below is a multiple of this, every row aligned to it */

struct kernels {
    /* x . y */
    float (*dot)(const float *x, const float *y, uint32_t n);
    /* y += a x */
    void (*add)(float *y, const float *x, float a, uint32_t n);
    /* A bit for each LANES of x: one of them is not +0. n <= 32 LANES. */
    uint32_t (*filled)(const float *x, uint32_t n);
    /* y += the sum over i of x[i] rows[i], in i's order, for `count` rows of n. */
    void (*combine)(float *y, const float *x, const float *rows, uint32_t count, uint32_t n);
    /* The same of rows[places[i]]. */
    void (*combine_rows)(float *y, const float *x, const float *rows, const uint32_t *places,
                         uint32_t count, uint32_t n);
    /* A layer of a network: ret_y[i][u] = the sum over f of w[f * w_stride + u] x[f][i], in f's
     * order, for i < n and u < units (1, or a multiple of LANES), where x has `count` rows of n, at
     * most LAYER_ROWS_MAX. Bit g of filled[f], where it is 0, says that x[f] is 0 in its lanes
     * LANES g to LANES (g + 1): these are left out. A row without any is not read. */
    void (*layer)(const float *w, uint32_t w_stride, uint32_t units, const float *x, uint32_t n,
                  const uint16_t *filled, uint32_t count, float *ret_y);
    /* Its hidden units, for `rows` rows of `units` (multiples of LANES): z = x + bias, x = z or
     * leak z below 0, y[row] += a . x[row] */
    void (*units)(float *x, const float *bias, float leak, const float *a, uint32_t units,
                  uint32_t rows, float *y);
    /* Back through them: ret_y = a g, or a g leak where x is not above 0. */
    void (*slopes)(float *ret_y, const float *x, const float *a, float leak, float g, uint32_t n);
    /* sums += the sum over i of x[places[i]] y[i], in i's order, for rows y of n. Of the places,
     * those in the lanes of group g (see above) are first[g] to first[g + 1]; groups whose bit in
     * `filled` is 0 are left out. */
    void (*outer)(float *sums, const float *x, uint32_t filled, const uint32_t *first,
                  const uint32_t *places, const float *y, uint32_t n);
    /* For a row that counts by its direction alone: turns the gradient of row/|row| into that of
     * the row, and takes a step of row-wise Adagrad along it: sum += mean(g^2), row -= rate g /
     * sqrt(sum). `inverse` is 1/|row|; returns the new row's squared norm. */
    float (*turn_step)(float *row, const float *gradient, float inverse, float *sum, float rate,
                       uint32_t n);
    /* y = a x */
    void (*multiple)(float *ret_y, const float *x, float a, uint32_t n);
    /* To the upper half of a float's bits, rounded half up, and back: relative error 2^-8. */
    void (*narrow)(uint16_t *ret_y, const float *x, uint32_t n);
    void (*widen)(float *ret_y, const uint16_t *x, uint32_t n);
    /* y = (a x) z and y += (a x) z, elementwise */
    void (*product)(float *ret_y, const float *x, float a, const float *z, uint32_t n);
    void (*add_product)(float *y, const float *x, float a, const float *z, uint32_t n);
    /* Where places[i] is `place`: x[i] = a. */
    void (*replace)(float *x, const uint32_t *places, uint32_t place, float a, uint32_t n);
    /* y = the larger of x and y, elementwise */
    void (*larger)(float *y, const float *x, uint32_t n);
    /* x *= a */
    void (*scale)(float *x, float a, uint32_t n);
    /* ret_scores[s][j] = queries[s] . rows[places[j]] for `count` rows of `n` and `query_count` (at
     * most QUERIES_MAX) queries; a row of ret_scores has `stride` floats. */
    void (*dot_rows)(const float *rows, const uint32_t *places, uint32_t count, uint32_t n,
                     const float *queries, uint32_t query_count, float *ret_scores,
                     uint32_t stride);
    /* x = x scales a - shifts, elementwise; returns the largest (of numbers alone). */
    float (*logits)(float *x, const float *scales, float a, const float *shifts, uint32_t n);
    /* x = e^(x - shift), relative error below 3e-7; below -87 it is 0. Returns the sum. */
    float (*exponential)(float *x, float shift, uint32_t n);
    /* x = b ln(1 + a x) for a x >= 0, relative error below 1e-6, for small ones 1e-7 b */
    void (*log1p)(float *x, float a, float b, uint32_t n);
    /* Where x > 0: x = a + b ln x; else 0. */
    void (*log_rank)(float *x, float a, float b, uint32_t n);
    /* ret_ranks[i] = 1 + how many x are larger than x[i] */
    void (*ranks)(const float *x, float *ret_ranks, uint32_t n);
    /* ret_places[r] = where the r-th largest x stands (r from 0), of equal ones the first before
     * the next; x are numbers, n at most 65536. By counting, for some hundred of them. */
    void (*order)(const float *x, uint16_t *ret_places, uint32_t n);
    /* Adagrad (Duchi, Hazan, Singer 2011): sums += g^2; x -= rate g / sqrt(sums + epsilon) */
    void (*adagrad)(float *x, float *sums, const float *g, float rate, float epsilon, uint32_t n);
};

#define QUERIES_MAX 8
#define LAYER_ROWS_MAX 128

/* The fastest that this processor has; all give the same bits. */
const struct kernels *kernels_best(void);
/* What every processor has: for tests. */
const struct kernels *kernels_plain(void);

/* ln x and e^x for one number, with the kernels' bits. x > 0 and finite for the first. */
float kernels_log(float x);

#endif
