/* Kernels of the ranker's network: a layer, its hidden units, and the gradient back through them.
 * Included by kernels_body.h only, once for each instruction set. */

#define SUMS_WIDTH 5 /* vectors of a sum that stay in registers */

/* Turns eight rows of eight into columns. */
static inline KERNEL_TARGET void KERNEL(transpose)(lanes *v)
{
    lanes pairs[LANES], fours[LANES];
    for (int i = 0; i < LANES; i += 2) {
        pairs[i] = __builtin_shufflevector(v[i], v[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
        pairs[i + 1] = __builtin_shufflevector(v[i], v[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
    }
    for (int i = 0; i < LANES; i += 4)
        for (int k = 0; k < 2; k++) {
            lanes x = pairs[i + k], y = pairs[i + k + 2];
            fours[i + 2 * k] = __builtin_shufflevector(x, y, 0, 1, 8, 9, 4, 5, 12, 13);
            fours[i + 2 * k + 1] = __builtin_shufflevector(x, y, 2, 3, 10, 11, 6, 7, 14, 15);
        }
    for (int i = 0; i < LANES / 2; i++) {
        lanes x = fours[i], y = fours[i + LANES / 2];
        v[i] = __builtin_shufflevector(x, y, 0, 1, 2, 3, 8, 9, 10, 11);
        v[i + LANES / 2] = __builtin_shufflevector(x, y, 4, 5, 6, 7, 12, 13, 14, 15);
    }
}

static inline KERNEL_TARGET void KERNEL(layer_block)(lanes *sums, uint32_t units, const float *w,
                                                     uint32_t w_stride, const float *x, uint32_t n,
                                                     const uint32_t *rows, uint32_t count)
{
    for (uint32_t u = 0; u < units; u++)
        sums[u] = (lanes){0};
    for (uint32_t i = 0; i < count; i++) {
        lanes v = KERNEL(load)(x + (size_t)rows[i] * n);
        const float *of = w + (size_t)rows[i] * w_stride;
        for (uint32_t u = 0; u < units; u++)
            sums[u] += v * of[u];
    }
}

static KERNEL_TARGET void KERNEL(layer)(const float *w, uint32_t w_stride, uint32_t units,
                                        const float *x, uint32_t n, const uint16_t *filled,
                                        uint32_t count, float *ret_y)
{
    lanes sums[LANES];
    for (uint32_t i = 0; i < n; i += LANES) {
        uint32_t rows[LAYER_ROWS_MAX], row_count = 0;
        for (uint32_t f = 0; f < count; f++) {
            rows[row_count] = f;
            row_count += filled[f] >> (i / LANES) & 1;
        }
        if (units == 1) {
            KERNEL(layer_block)(sums, 1, w, w_stride, x + i, n, rows, row_count);
            KERNEL(store)(ret_y + i, sums[0]);
        }
        for (uint32_t u = 0; u + LANES <= units; u += LANES) {
            KERNEL(layer_block)(sums, LANES, w + u, w_stride, x + i, n, rows, row_count);
            KERNEL(transpose)(sums);
            for (uint32_t k = 0; k < LANES; k++)
                KERNEL(store)(ret_y + (size_t)(i + k) * units + u, sums[k]);
        }
    }
}

static KERNEL_TARGET void KERNEL(units)(float *x, const float *bias, float leak, const float *a,
                                        uint32_t units, uint32_t rows, float *y)
{
    for (uint32_t r = 0; r < rows; r += 4) {
        lanes parts[4] = {{0}};
        for (uint32_t k = 0; k < 4; k++) {
            for (uint32_t u = 0; u < units; u += LANES) {
                float *at = x + (size_t)(r + k) * units + u;
                lanes z = KERNEL(load)(at) + KERNEL(load)(bias + u);
                lanes low = z * leak;
                int_lanes positive = z > 0.0f;
                z = KERNEL(choose)(positive, z, low);
                KERNEL(store)(at, z);
                parts[k] += z * KERNEL(load)(a + u);
            }
        }
        lanes sums = KERNEL(totals)(parts[0], parts[1], parts[2], parts[3]);
        for (uint32_t k = 0; k < 4; k++)
            y[r + k] += sums[k];
    }
}

static KERNEL_TARGET void KERNEL(slopes)(float *ret_y, const float *x, const float *a, float leak,
                                         float g, uint32_t n)
{
    for (uint32_t i = 0; i < n; i += LANES) {
        lanes above = KERNEL(load)(a + i) * g, below = above * leak;
        int_lanes positive = KERNEL(load)(x + i) > 0.0f;
        KERNEL(store)(ret_y + i, KERNEL(choose)(positive, above, below));
    }
}

static inline KERNEL_TARGET void KERNEL(outer_block)(float *sums, const float *x, uint32_t filled,
                                                     const uint32_t *first, const uint32_t *places,
                                                     const float *y, uint32_t n, uint32_t width)
{
    lanes part[SUMS_WIDTH];
    for (uint32_t w = 0; w < width; w++)
        part[w] = KERNEL(load)(sums + w * LANES);
    for (; filled; filled &= filled - 1) {
        uint32_t group = (uint32_t)__builtin_ctz(filled);
        for (uint32_t i = first[group]; i < first[group + 1]; i++)
            for (uint32_t w = 0; w < width; w++)
                part[w] += KERNEL(load)(y + (size_t)i * n + w * LANES) * x[places[i]];
    }
    for (uint32_t w = 0; w < width; w++)
        KERNEL(store)(sums + w * LANES, part[w]);
}

static KERNEL_TARGET void KERNEL(outer)(float *sums, const float *x, uint32_t filled,
                                        const uint32_t *first, const uint32_t *places,
                                        const float *y, uint32_t n)
{
    uint32_t k = 0;
    for (; k + SUMS_WIDTH * LANES <= n; k += SUMS_WIDTH * LANES)
        KERNEL(outer_block)(sums + k, x, filled, first, places, y + k, n, SUMS_WIDTH);
    for (; k < n; k += LANES)
        KERNEL(outer_block)(sums + k, x, filled, first, places, y + k, n, 1);
}

#undef SUMS_WIDTH
