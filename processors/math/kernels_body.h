/* The kernels' code, compiled once for each instruction set: kernels.c includes it with
 * KERNEL(name) and KERNEL_TARGET defined. GCC's and Clang's vector extensions: eight floats,
 * whatever the registers hold. */

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

static inline KERNEL_TARGET float KERNEL(total)(lanes v)
{
    return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]));
}

/* The totals of four at once, each in the order of total(). */
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

static KERNEL_TARGET uint32_t KERNEL(filled)(const float *x, uint32_t n)
{
    uint32_t bits = 0;
    for (uint32_t i = 0; i < n; i += LANES)
        bits |= (uint32_t)KERNEL_ANY((quarters)KERNEL(load)(x + i)) << (i / LANES);
    return bits;
}

static KERNEL_TARGET void KERNEL(narrow)(uint16_t *restrict ret_y, const float *restrict x,
                                         uint32_t n)
{
    for (uint32_t i = 0; i < n; i += LANES) {
        naturals bits = ((naturals)KERNEL(load)(x + i) + 0x8000u) >> 16;
        halves half = __builtin_convertvector(bits, halves);
        memcpy(ret_y + i, &half, sizeof half);
    }
}

static KERNEL_TARGET void KERNEL(widen)(float *restrict ret_y, const uint16_t *restrict x,
                                        uint32_t n)
{
    for (uint32_t i = 0; i < n; i += LANES) {
        halves half;
        memcpy(&half, x + i, sizeof half);
        KERNEL(store)(ret_y + i, (lanes)(__builtin_convertvector(half, naturals) << 16));
    }
}

static KERNEL_TARGET void KERNEL(multiple)(float *ret_y, const float *x, float a, uint32_t n)
{
    for (uint32_t i = 0; i < n; i += LANES)
        KERNEL(store)(ret_y + i, KERNEL(load)(x + i) * a);
}

#define WIDE 5 /* sums of a row that are kept in registers */

/* The rows are those at `places`; NULL: one after the other. */
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

/* Eight rows of eight become columns. */
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
                whole positive = z > 0.0f;
                z = (lanes)(((whole)z & positive) | ((whole)low & ~positive));
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
        whole positive = KERNEL(load)(x + i) > 0.0f;
        KERNEL(store)(ret_y + i, (lanes)(((whole)above & positive) | ((whole)below & ~positive)));
    }
}

static inline KERNEL_TARGET void KERNEL(outer_block)(float *sums, const float *x, uint32_t filled,
                                                     const uint32_t *first, const uint32_t *places,
                                                     const float *y, uint32_t n, uint32_t width)
{
    lanes part[WIDE];
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
    for (; k + WIDE * LANES <= n; k += WIDE * LANES)
        KERNEL(outer_block)(sums + k, x, filled, first, places, y + k, n, WIDE);
    for (; k < n; k += LANES)
        KERNEL(outer_block)(sums + k, x, filled, first, places, y + k, n, 1);
}

/* With p = g . u and i = 1/|u|, the gradient of the row is  i g - i^3 p u,  so its square is
 * i^2 (g . g - i^2 p^2): one look at both, one to step. */
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
    *sum += (squares < 0 ? 0 : squares) / (float)n; /* what is no number stays none */
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
    return n == USUAL ? KERNEL(turn)(row, gradient, inverse, sum, rate, USUAL)
                      : KERNEL(turn)(row, gradient, inverse, sum, rate, n);
}

static KERNEL_TARGET void KERNEL(elementwise)(float *ret_y, const float *x, float a, const float *z,
                                              uint32_t n)
{
    for (uint32_t i = 0; i < n; i += LANES)
        KERNEL(store)(ret_y + i, KERNEL(load)(x + i) * a * KERNEL(load)(z + i));
}

static KERNEL_TARGET void KERNEL(add_product)(float *y, const float *x, float a, const float *z,
                                              uint32_t n)
{
    for (uint32_t i = 0; i < n; i += LANES)
        KERNEL(store)(y + i, KERNEL(load)(y + i) + KERNEL(load)(x + i) * a * KERNEL(load)(z + i));
}

static inline KERNEL_TARGET lanes KERNEL(choose)(whole which, lanes x, lanes y)
{
    return (lanes)(((whole)x & which) | ((whole)y & ~which));
}

static KERNEL_TARGET void KERNEL(replace)(float *x, const uint32_t *places, uint32_t place, float a,
                                          uint32_t n)
{
    for (uint32_t i = 0; i < n; i += LANES) {
        naturals at;
        memcpy(&at, places + i, sizeof at);
        KERNEL(store)(x + i, KERNEL(choose)(at == place, (lanes){0} + a, KERNEL(load)(x + i)));
    }
}

static KERNEL_TARGET void KERNEL(larger)(float *y, const float *x, uint32_t n)
{
    for (uint32_t i = 0; i < n; i += LANES) {
        lanes u = KERNEL(load)(x + i), v = KERNEL(load)(y + i);
        KERNEL(store)(y + i, KERNEL(choose)(u > v, u, v));
    }
}

static KERNEL_TARGET void KERNEL(scale)(float *x, float a, uint32_t n)
{
    for (uint32_t i = 0; i < n; i += LANES)
        KERNEL(store)(x + i, KERNEL(load)(x + i) * a);
}

#define ROWS_AHEAD 8 /* rows are all over memory: fetched so many before they are needed */

static inline KERNEL_TARGET void KERNEL(fetch)(const float *row, uint32_t n)
{
    for (uint32_t i = 0; i < n; i += 16)
        __builtin_prefetch(row + i);
}

#define ROWS_AT_ONCE 4

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
        for (uint32_t s = 0; s < query_count; s++) {
            lanes sums = KERNEL(products)(at, queries + (size_t)s * n, n);
            if (some == ROWS_AT_ONCE)
                memcpy(ret_scores + s * stride + j, &sums, ROWS_AT_ONCE * sizeof *ret_scores);
            else
                for (uint32_t k = 0; k < some; k++)
                    ret_scores[s * stride + j + k] = sums[k];
        }
    }
}

static KERNEL_TARGET void KERNEL(dot_rows)(const float *rows, const uint32_t *places,
                                           uint32_t count, uint32_t n, const float *queries,
                                           uint32_t query_count, float *ret_scores, uint32_t stride)
{
    if (n == USUAL)
        KERNEL(dot_rows_of)(rows, places, count, USUAL, queries, query_count, ret_scores, stride);
    else
        KERNEL(dot_rows_of)(rows, places, count, n, queries, query_count, ret_scores, stride);
}

static KERNEL_TARGET float KERNEL(logits)(float *x, const float *scales, float a,
                                          const float *shifts, uint32_t n)
{
    lanes most = (lanes){0} - __builtin_inff();
    for (uint32_t i = 0; i < n; i += LANES) {
        lanes v = KERNEL(load)(x + i) * KERNEL(load)(scales + i) * a - KERNEL(load)(shifts + i);
        whole larger = v > most;
        most = (lanes)(((whole)v & larger) | ((whole)most & ~larger));
        KERNEL(store)(x + i, v);
    }
    float largest = most[0];
    for (int lane = 1; lane < LANES; lane++)
        largest = most[lane] > largest ? most[lane] : largest;
    return largest;
}

/* e^x = 2^k e^r with |r| <= ln 2 / 2, and e^r by its Taylor series up to r^7. */
static KERNEL_TARGET float KERNEL(exponential)(float *x, float shift, uint32_t n)
{
    lanes sum = {0};
    for (uint32_t i = 0; i < n; i += LANES) {
        lanes v = KERNEL(load)(x + i) - shift;
        whole tiny = v < -87.0f;
        v = (lanes)(((whole)v & ~tiny) | ((whole)(lanes){0} & tiny));
        /* Adding 1.5 * 2^23 rounds to a whole number, which then stands in the low bits. */
        lanes magic = v * 1.44269504f + 12582912.0f;
        lanes k = magic - 12582912.0f;
        lanes r = v - k * 0.693359375f + k * 2.12194440e-4f;
        lanes p = r * (1.0f / 5040) + (1.0f / 720);
        p = p * r + (1.0f / 120);
        p = p * r + (1.0f / 24);
        p = p * r + (1.0f / 6);
        p = p * r + 0.5f;
        p = p * r + 1.0f;
        p = p * r + 1.0f;
        naturals power = (((naturals)magic - 0x4B400000u) + 127u) << 23;
        v = p * (lanes)power;
        v = (lanes)((whole)v & ~tiny);
        KERNEL(store)(x + i, v);
        sum += v;
    }
    return KERNEL(total)(sum);
}

/* x = 2^k m with m in [.707, 1.414), ln m = 2 atanh((m - 1)/(m + 1)). */
static inline KERNEL_TARGET lanes KERNEL(logarithm)(lanes x)
{
    naturals bits = (naturals)x - 0x3F3504F3u;
    whole k = (whole)bits >> 23;
    lanes m = (lanes)((bits & 0x7FFFFFu) + 0x3F3504F3u);
    lanes t = (m - 1.0f) / (m + 1.0f);
    lanes t2 = t * t;
    lanes p = t2 * (2.0f / 9) + (2.0f / 7);
    p = p * t2 + (2.0f / 5);
    p = p * t2 + (2.0f / 3);
    p = p * t2 + 2.0f;
    return __builtin_convertvector(k, lanes) * 0.693147181f + t * p;
}

static KERNEL_TARGET void KERNEL(log1p)(float *x, float a, float b, uint32_t n)
{
    for (uint32_t i = 0; i < n; i += LANES)
        KERNEL(store)(x + i, KERNEL(logarithm)(KERNEL(load)(x + i) * a + 1.0f) * b);
}

static KERNEL_TARGET void KERNEL(log_rank)(float *x, float a, float b, uint32_t n)
{
    for (uint32_t i = 0; i < n; i += LANES) {
        lanes v = KERNEL(load)(x + i);
        whole present = v > 0.0f;
        v = KERNEL(logarithm)(v) * b + a;
        KERNEL(store)(x + i, (lanes)((whole)v & present));
    }
}

static KERNEL_TARGET void KERNEL(ranks)(const float *x, float *ret_ranks, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        whole larger = {0};
        lanes own = (lanes){0} + x[i];
        for (uint32_t k = 0; k < n; k += LANES)
            larger -= KERNEL(load)(x + k) > own;
        int32_t sum = 0;
        for (int lane = 0; lane < LANES; lane++)
            sum += larger[lane];
        ret_ranks[i] = (float)(sum + 1);
    }
}

static KERNEL_TARGET void KERNEL(order)(const float *x, uint16_t *ret_places, uint32_t n)
{
    const whole lane = {0, 1, 2, 3, 4, 5, 6, 7};
    for (uint32_t i = 0; i < n; i += LANES) {
        lanes own = KERNEL(load)(x + i);
        whole before = {0};
        uint32_t k = 0;
        for (; k < i; k++)
            before -= (lanes){0} + x[k] >= own;
        for (; k < i + LANES; k++) {
            lanes other = (lanes){0} + x[k];
            before -= (other > own) | ((other == own) & (lane > (int32_t)(k - i)));
        }
        for (; k < n; k++)
            before -= (lanes){0} + x[k] > own;
        for (uint32_t l = 0; l < LANES; l++)
            ret_places[before[l]] = (uint16_t)(i + l);
    }
}

static inline KERNEL_TARGET lanes KERNEL(root)(lanes v)
{
    for (int lane = 0; lane < LANES; lane++)
        v[lane] = __builtin_sqrtf(v[lane]);
    return v;
}

static KERNEL_TARGET void KERNEL(adagrad)(float *x, float *sums, const float *g, float rate,
                                          float epsilon, uint32_t n)
{
    for (uint32_t i = 0; i < n; i += LANES) {
        lanes gradient = KERNEL(load)(g + i);
        lanes sum = KERNEL(load)(sums + i) + gradient * gradient;
        KERNEL(store)(sums + i, sum);
        KERNEL(store)(x + i, KERNEL(load)(x + i) - gradient * rate / KERNEL(root)(sum + epsilon));
    }
}

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
