/* Kernels of linear algebra: products, sums of rows, steps of rows. Included by kernels_body.h
 * only, once for each instruction set. */

#define ROWS_AHEAD 8 /* rows lie all over memory: each is fetched so many rows before its use */
#define ROWS_AT_ONCE 4

static inline KERNEL_TARGET float KERNEL(product)(const float *x, const float *y, uint32_t n)
{
    lanes even = {0}, odd = {0};
    uint32_t i = 0;
    for (; i + 2 * LANES <= n; i += 2 * LANES) {
        even += KERNEL(load)(x + i) * KERNEL(load)(y + i);
        odd += KERNEL(load)(x + i + LANES) * KERNEL(load)(y + i + LANES);
    }
    if (i < n)
        even += KERNEL(load)(x + i) * KERNEL(load)(y + i);
    return KERNEL(total)(even + odd);
}

static KERNEL_TARGET float KERNEL(dot)(const float *x, const float *y, uint32_t n)
{
    return KERNEL(product)(x, y, n);
}

static KERNEL_TARGET void KERNEL(add)(float *y, const float *x, float a, uint32_t n)
{
    for (uint32_t i = 0; i < n; i += LANES)
        KERNEL(store)(y + i, KERNEL(load)(y + i) + KERNEL(load)(x + i) * a);
}

static KERNEL_TARGET void KERNEL(multiple)(float *ret_y, const float *x, float a, uint32_t n)
{
    for (uint32_t i = 0; i < n; i += LANES)
        KERNEL(store)(ret_y + i, KERNEL(load)(x + i) * a);
}

/* `width` vectors of y at once. The rows are those at `places`; NULL: one after the other. */
static inline KERNEL_TARGET void KERNEL(combine_block)(float *y, const float *x, const float *rows,
                                                       const uint32_t *places, uint32_t count,
                                                       uint32_t n, uint32_t width)
{
    lanes part[LANES];
    for (uint32_t w = 0; w < width; w++)
        part[w] = KERNEL(load)(y + w * LANES);
    for (uint32_t i = 0; i < count; i++) {
        const float *row = rows + (size_t)(places ? places[i] : i) * n;
        for (uint32_t w = 0; w < width; w++)
            part[w] += KERNEL(load)(row + w * LANES) * x[i];
    }
    for (uint32_t w = 0; w < width; w++)
        KERNEL(store)(y + w * LANES, part[w]);
}

static inline KERNEL_TARGET void KERNEL(combine_any)(float *y, const float *x, const float *rows,
                                                     const uint32_t *places, uint32_t count,
                                                     uint32_t n)
{
    uint32_t k = 0;
    for (; k + 8 * LANES <= n; k += 8 * LANES)
        KERNEL(combine_block)(y + k, x, rows + k, places, count, n, 8);
    for (; k + 4 * LANES <= n; k += 4 * LANES)
        KERNEL(combine_block)(y + k, x, rows + k, places, count, n, 4);
    for (; k < n; k += LANES)
        KERNEL(combine_block)(y + k, x, rows + k, places, count, n, 1);
}

static KERNEL_TARGET void KERNEL(combine)(float *y, const float *x, const float *rows,
                                          uint32_t count, uint32_t n)
{
    KERNEL(combine_any)(y, x, rows, NULL, count, n);
}

static KERNEL_TARGET void KERNEL(combine_rows)(float *y, const float *x, const float *rows,
                                               const uint32_t *places, uint32_t count, uint32_t n)
{
    KERNEL(combine_any)(y, x, rows, places, count, n);
}

/* With p = g . u and i = 1/|u|, the gradient of the row is  i g - i^3 p u,  so its square is
 * i^2 (g . g - i^2 p^2): one pass computes both products, a second one takes the step. */
static inline KERNEL_TARGET float KERNEL(turn)(float *row, const float *gradient, float inverse,
                                               float *sum, float rate, uint32_t n)
{
    lanes across = {0}, own = {0};
    for (uint32_t i = 0; i < n; i += LANES) {
        lanes g = KERNEL(load)(gradient + i);
        across += g * KERNEL(load)(row + i);
        own += g * g;
    }
    float along = KERNEL(total)(across), inverse_squared = inverse * inverse;
    float squares = (KERNEL(total)(own) - along * along * inverse_squared) * inverse_squared;
    *sum += (squares < 0 ? 0 : squares) / (float)n; /* a NaN stays one */
    float step = rate / __builtin_sqrtf(*sum) * inverse;
    float back = along * inverse_squared * step;
    lanes even = {0}, odd = {0};
    uint32_t i = 0;
    for (; i + 2 * LANES <= n; i += 2 * LANES) {
        lanes u = KERNEL(load)(row + i), v = KERNEL(load)(row + i + LANES);
        u += u * back - KERNEL(load)(gradient + i) * step;
        v += v * back - KERNEL(load)(gradient + i + LANES) * step;
        KERNEL(store)(row + i, u);
        KERNEL(store)(row + i + LANES, v);
        even += u * u;
        odd += v * v;
    }
    if (i < n) {
        lanes u = KERNEL(load)(row + i);
        u += u * back - KERNEL(load)(gradient + i) * step;
        KERNEL(store)(row + i, u);
        even += u * u;
    }
    return KERNEL(total)(even + odd);
}

static KERNEL_TARGET float KERNEL(turn_step)(float *row, const float *gradient, float inverse,
                                             float *sum, float rate, uint32_t n)
{
    return n == UNROLLED_LENGTH ? KERNEL(turn)(row, gradient, inverse, sum, rate, UNROLLED_LENGTH)
                                : KERNEL(turn)(row, gradient, inverse, sum, rate, n);
}

static inline KERNEL_TARGET void KERNEL(fetch)(const float *row, uint32_t n)
{
    for (uint32_t i = 0; i < n; i += 16)
        __builtin_prefetch(row + i);
}

static inline KERNEL_TARGET lanes KERNEL(products)(const float *const *rows, const float *query,
                                                   uint32_t n)
{
    lanes even[ROWS_AT_ONCE] = {{0}}, odd[ROWS_AT_ONCE] = {{0}};
    uint32_t i = 0;
    for (; i + 2 * LANES <= n; i += 2 * LANES) {
        lanes q = KERNEL(load)(query + i), r = KERNEL(load)(query + i + LANES);
        for (uint32_t k = 0; k < ROWS_AT_ONCE; k++) {
            even[k] += q * KERNEL(load)(rows[k] + i);
            odd[k] += r * KERNEL(load)(rows[k] + i + LANES);
        }
    }
    for (uint32_t k = 0; i < n && k < ROWS_AT_ONCE; k++)
        even[k] += KERNEL(load)(query + i) * KERNEL(load)(rows[k] + i);
    return KERNEL(totals)(even[0] + odd[0], even[1] + odd[1], even[2] + odd[2], even[3] + odd[3]);
}

/* The first `count` of a block's products. */
static inline void KERNEL(put)(float *ret_scores, const lanes *products, uint32_t count)
{
    if (count == ROWS_AT_ONCE)
        memcpy(ret_scores, products, ROWS_AT_ONCE * sizeof *ret_scores);
    else
        for (uint32_t k = 0; k < count; k++)
            ret_scores[k] = (*products)[k];
}

/* A block: the products of the first `count` of ROWS_AT_ONCE rows with each query. */
static inline KERNEL_TARGET void KERNEL(block)(const float *const *rows, uint32_t count, uint32_t n,
                                               const float *queries, uint32_t query_count,
                                               float *ret_scores, uint32_t stride)
{
    for (uint32_t s = 0; s < query_count; s++) {
        lanes products = KERNEL(products)(rows, queries + (size_t)s * n, n);
        KERNEL(put)(ret_scores + s * stride, &products, count);
    }
}

#ifdef KERNEL_PAIRS

#define PAIRS (ROWS_AT_ONCE / 2)
#define PARTS (UNROLLED_LENGTH / LANES)

static inline KERNEL_TARGET wide_lanes KERNEL(join)(const float *low, const float *high)
{
    return __builtin_shufflevector(KERNEL(load)(low), KERNEL(load)(high), 0, 1, 2, 3, 4, 5, 6, 7, 8,
                                   9, 10, 11, 12, 13, 14, 15);
}

/* block() for rows of UNROLLED_LENGTH: two rows side by side, which stay in registers. */
static inline KERNEL_TARGET void KERNEL(block_of_pairs)(const float *const *rows, uint32_t count,
                                                        const float *queries, uint32_t query_count,
                                                        float *ret_scores, uint32_t stride)
{
    wide_lanes pairs[PAIRS][PARTS];
    for (uint32_t k = 0; k < PAIRS; k++)
        for (uint32_t i = 0; i < PARTS; i++)
            pairs[k][i] = KERNEL(join)(rows[2 * k] + i * LANES, rows[2 * k + 1] + i * LANES);
    for (uint32_t s = 0; s < query_count; s++) {
        const float *query = queries + (size_t)s * UNROLLED_LENGTH;
        wide_lanes even[PAIRS] = {{0}}, odd[PAIRS] = {{0}};
        for (uint32_t i = 0; i < PARTS; i += 2) {
            wide_lanes q = KERNEL(join)(query + i * LANES, query + i * LANES);
            wide_lanes r = KERNEL(join)(query + (i + 1) * LANES, query + (i + 1) * LANES);
            for (uint32_t k = 0; k < PAIRS; k++) {
                even[k] += q * pairs[k][i];
                odd[k] += r * pairs[k][i + 1];
            }
        }
        lanes sums[ROWS_AT_ONCE];
        for (uint32_t k = 0; k < PAIRS; k++)
            even[k] += odd[k];
        memcpy(sums, even, sizeof sums);
        lanes products = KERNEL(totals)(sums[0], sums[1], sums[2], sums[3]);
        KERNEL(put)(ret_scores + s * stride, &products, count);
    }
}

#undef PAIRS
#undef PARTS
#endif

static inline KERNEL_TARGET void KERNEL(dot_rows_of)(const float *rows, const uint32_t *places,
                                                     uint32_t count, uint32_t n,
                                                     const float *queries, uint32_t query_count,
                                                     float *ret_scores, uint32_t stride)
{
    for (uint32_t j = 0; j < count && j < ROWS_AHEAD; j++)
        KERNEL(fetch)(rows + (size_t)places[j] * n, n);
    for (uint32_t j = 0; j < count; j += ROWS_AT_ONCE) {
        const float *at[ROWS_AT_ONCE];
        uint32_t some = count - j < ROWS_AT_ONCE ? count - j : ROWS_AT_ONCE;
        for (uint32_t k = 0; k < ROWS_AT_ONCE; k++) {
            at[k] = rows + (size_t)places[k < some ? j + k : j] * n;
            if (j + k + ROWS_AHEAD < count)
                KERNEL(fetch)(rows + (size_t)places[j + k + ROWS_AHEAD] * n, n);
        }
#ifdef KERNEL_PAIRS
        if (n == UNROLLED_LENGTH)
            KERNEL(block_of_pairs)(at, some, queries, query_count, ret_scores + j, stride);
        else
#endif
            KERNEL(block)(at, some, n, queries, query_count, ret_scores + j, stride);
    }
}

static KERNEL_TARGET void KERNEL(dot_rows)(const float *rows, const uint32_t *places,
                                           uint32_t count, uint32_t n, const float *queries,
                                           uint32_t query_count, float *ret_scores, uint32_t stride)
{
    if (n == UNROLLED_LENGTH)
        KERNEL(dot_rows_of)(rows, places, count, UNROLLED_LENGTH, queries, query_count, ret_scores,
                            stride);
    else
        KERNEL(dot_rows_of)(rows, places, count, n, queries, query_count, ret_scores, stride);
}

#undef ROWS_AHEAD
#undef ROWS_AT_ONCE
