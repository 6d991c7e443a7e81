/* Kernels of the ranker's network: a layer, its hidden units, and the gradient back through them.
 * Included by kernels_body.h only, once for each instruction set. */

#define SUMS_WIDTH 5 /* vectors of a sum that stay in registers */
#define LAYER_ITEMS 4
#define LAYER_WIDTH (LAYER_UNITS * sizeof(float) / sizeof(KERNEL_WIDE))

/* For each group of x, the rows that are filled there, in order: the `ret_counts[g]` numbers
 * ret_rows[g]. One walk over the set bits costs a third of testing each row for each group. */
static inline void KERNEL(find_rows)(const uint16_t *filled, uint32_t count,
                                     uint8_t (*ret_rows)[LAYER_ROWS_MAX], uint32_t *ret_counts)
{
    memset(ret_counts, 0, LAYER_GROUPS_MAX * sizeof *ret_counts);
    for (uint32_t f = 0; f < count; f++) {
        for (uint32_t bits = filled[f]; bits; bits &= bits - 1) {
            uint32_t group = (uint32_t)__builtin_ctz(bits);
            ret_rows[group][ret_counts[group]++] = (uint8_t)f;
        }
    }
}

/* LAYER_UNITS units for LAYER_ITEMS items: each number that is loaded is used for several products,
 * and all sums stay in registers. */
static inline KERNEL_TARGET void KERNEL(layer_block)(const float *w, uint32_t units, const float *x,
                                                     uint32_t n, const uint8_t *rows,
                                                     uint32_t count, float *ret_y)
{
    KERNEL_WIDE sums[LAYER_ITEMS][LAYER_WIDTH] = {{{0}}};
    for (uint32_t r = 0; r < count; r++) {
        const float *weights = w + (size_t)rows[r] * units, *at = x + (size_t)rows[r] * n;
        KERNEL_WIDE of[LAYER_WIDTH];
        memcpy(of, weights, sizeof of);
        for (uint32_t k = 0; k < LAYER_ITEMS; k++)
            for (uint32_t v = 0; v < LAYER_WIDTH; v++)
                sums[k][v] += of[v] * at[k];
    }
    for (uint32_t k = 0; k < LAYER_ITEMS; k++)
        memcpy(ret_y + (size_t)k * units, sums[k], sizeof sums[k]);
}

static KERNEL_TARGET void KERNEL(layer)(const float *w, uint32_t units, const float *linear,
                                        const float *x, uint32_t n, const uint16_t *filled,
                                        uint32_t count, float *ret_y, float *ret_z)
{
    uint8_t rows[LAYER_GROUPS_MAX][LAYER_ROWS_MAX];
    uint32_t row_counts[LAYER_GROUPS_MAX];
    KERNEL(find_rows)(filled, count, rows, row_counts);
    for (uint32_t i = 0; i < n; i += LANES) {
        const uint8_t *of = rows[i / LANES];
        uint32_t row_count = row_counts[i / LANES];
        lanes sums = {0};
        for (uint32_t r = 0; r < row_count; r++)
            sums += KERNEL(load)(x + (size_t)of[r] * n + i) * linear[of[r]];
        KERNEL(store)(ret_z + i, sums);
        for (uint32_t k = i; k < i + LANES; k += LAYER_ITEMS)
            for (uint32_t u = 0; u < units; u += LAYER_UNITS)
                KERNEL(layer_block)(w + u, units, x + k, n, of, row_count,
                                    ret_y + (size_t)k * units + u);
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
#undef LAYER_ITEMS
#undef LAYER_WIDTH
