/* The kernels' code, compiled once for each instruction set: kernels.c includes it with KERNEL(name)
 * and KERNEL_TARGET defined. GCC's and Clang's vector extensions: eight floats, whatever the
 * registers hold. */

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

#define OUTER_WIDE 4 /* sums of a row that are kept in registers */

static inline KERNEL_TARGET void KERNEL(outer_block)(float *sums, const float *x,
                                                     const uint32_t *places, uint32_t count,
                                                     const float *y, uint32_t n, uint32_t width)
{
    lanes part[OUTER_WIDE];
    for (uint32_t w = 0; w < width; w++)
        part[w] = KERNEL(load)(sums + w * LANES);
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t w = 0; w < width; w++)
            part[w] += KERNEL(load)(y + (size_t)i * n + w * LANES) * x[places[i]];
    for (uint32_t w = 0; w < width; w++)
        KERNEL(store)(sums + w * LANES, part[w]);
}

static KERNEL_TARGET void KERNEL(outer)(float *sums, const float *x, uint32_t stride,
                                        uint32_t rows, const uint32_t *places, uint32_t count,
                                        const float *y, uint32_t n)
{
    for (uint32_t r = 0; r < rows; r++, x += stride, sums += n) {
        uint32_t k = 0;
        for (; k + OUTER_WIDE * LANES <= n; k += OUTER_WIDE * LANES)
            KERNEL(outer_block)(sums + k, x, places, count, y + k, n, OUTER_WIDE);
        for (; k < n; k += LANES)
            KERNEL(outer_block)(sums + k, x, places, count, y + k, n, 1);
    }
}

static KERNEL_TARGET float KERNEL(turn_step)(float *row, const float *gradient, float inverse,
                                             float *sum, float rate, uint32_t n)
{
    float along = KERNEL(product)(gradient, row, n) * inverse * inverse;
    lanes squares = {0};
    for (uint32_t i = 0; i < n; i += LANES) {
        lanes g = (KERNEL(load)(gradient + i) - KERNEL(load)(row + i) * along) * inverse;
        squares += g * g;
    }
    *sum += KERNEL(total)(squares) / (float)n;
    float step = rate / __builtin_sqrtf(*sum);
    squares = (lanes){0};
    for (uint32_t i = 0; i < n; i += LANES) {
        lanes u = KERNEL(load)(row + i);
        lanes g = (KERNEL(load)(gradient + i) - u * along) * inverse;
        u -= g * step;
        KERNEL(store)(row + i, u);
        squares += u * u;
    }
    return KERNEL(total)(squares);
}

static KERNEL_TARGET void KERNEL(add_product)(float *y, const float *x, const float *z,
                                              uint32_t n)
{
    for (uint32_t i = 0; i < n; i += LANES)
        KERNEL(store)(y + i, KERNEL(load)(y + i) + KERNEL(load)(x + i) * KERNEL(load)(z + i));
}

static KERNEL_TARGET void KERNEL(leaky)(float *x, float bias, float leak, float a, float *y,
                                        uint32_t n)
{
    for (uint32_t i = 0; i < n; i += LANES) {
        lanes z = KERNEL(load)(x + i) + bias;
        lanes low = z * leak;
        whole positive = z > 0.0f;
        z = (lanes)(((whole)z & positive) | ((whole)low & ~positive));
        KERNEL(store)(x + i, z);
        KERNEL(store)(y + i, KERNEL(load)(y + i) + z * a);
    }
}

static KERNEL_TARGET void KERNEL(scale)(float *x, float a, uint32_t n)
{
    for (uint32_t i = 0; i < n; i += LANES)
        KERNEL(store)(x + i, KERNEL(load)(x + i) * a);
}

#define ROWS_AHEAD 6 /* rows are all over memory: fetched so many before they are needed */

static inline KERNEL_TARGET void KERNEL(fetch)(const float *row, uint32_t n)
{
    for (uint32_t i = 0; i < n; i += 16)
        __builtin_prefetch(row + i);
}

static KERNEL_TARGET void KERNEL(dot_rows)(const float *rows, const uint32_t *places,
                                           uint32_t count, uint32_t n, const float *queries,
                                           uint32_t query_count, float *ret_scores,
                                           uint32_t stride)
{
    for (uint32_t j = 0; j < count && j < ROWS_AHEAD; j++)
        KERNEL(fetch)(rows + (size_t)places[j] * n, n);
    for (uint32_t j = 0; j < count; j++) {
        const float *row = rows + (size_t)places[j] * n;
        if (j + ROWS_AHEAD < count)
            KERNEL(fetch)(rows + (size_t)places[j + ROWS_AHEAD] * n, n);
        for (uint32_t s = 0; s < query_count; s++)
            ret_scores[s * stride + j] = KERNEL(product)(queries + (size_t)s * n, row, n);
    }
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
        KERNEL(store)(x + i,
                      KERNEL(load)(x + i) - gradient * rate / KERNEL(root)(sum + epsilon));
    }
}

static const struct kernels KERNEL(table) = {
    .dot = KERNEL(dot),
    .add = KERNEL(add),
    .add_product = KERNEL(add_product),
    .outer = KERNEL(outer),
    .turn_step = KERNEL(turn_step),
    .leaky = KERNEL(leaky),
    .scale = KERNEL(scale),
    .dot_rows = KERNEL(dot_rows),
    .logits = KERNEL(logits),
    .exponential = KERNEL(exponential),
    .log1p = KERNEL(log1p),
    .log_rank = KERNEL(log_rank),
    .ranks = KERNEL(ranks),
    .adagrad = KERNEL(adagrad),
};
