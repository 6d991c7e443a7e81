/* Kernels that treat each number by itself, or compare all of them: elementwise products, e^x and
 * ln x, ranks, Adagrad. Included by kernels_body.h only, once for each instruction set. */

static KERNEL_TARGET uint32_t KERNEL(filled)(const float *x, uint32_t n)
{
    uint32_t bits = 0;
    for (uint32_t i = 0; i < n; i += LANES)
        bits |= (uint32_t)KERNEL_ANY_BIT((long_lanes)KERNEL(load)(x + i)) << (i / LANES);
    return bits;
}

static KERNEL_TARGET void KERNEL(narrow)(uint16_t *restrict ret_y, const float *restrict x,
                                         uint32_t n)
{
    for (uint32_t i = 0; i < n; i += LANES) {
        uint_lanes bits = ((uint_lanes)KERNEL(load)(x + i) + 0x8000u) >> 16;
        short_lanes half = __builtin_convertvector(bits, short_lanes);
        memcpy(ret_y + i, &half, sizeof half);
    }
}

static KERNEL_TARGET void KERNEL(widen)(float *restrict ret_y, const uint16_t *restrict x,
                                        uint32_t n)
{
    for (uint32_t i = 0; i < n; i += LANES) {
        short_lanes half;
        memcpy(&half, x + i, sizeof half);
        KERNEL(store)(ret_y + i, (lanes)(__builtin_convertvector(half, uint_lanes) << 16));
    }
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

static KERNEL_TARGET void KERNEL(replace)(float *x, const uint32_t *places, uint32_t place, float a,
                                          uint32_t n)
{
    for (uint32_t i = 0; i < n; i += LANES) {
        uint_lanes at;
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

static KERNEL_TARGET void KERNEL(sum)(float *ret_y, const float *x, const float *z, uint32_t n)
{
    for (uint32_t i = 0; i < n; i += LANES)
        KERNEL(store)(ret_y + i, KERNEL(load)(x + i) + KERNEL(load)(z + i));
}

static KERNEL_TARGET void KERNEL(scale)(float *x, float a, uint32_t n)
{
    for (uint32_t i = 0; i < n; i += LANES)
        KERNEL(store)(x + i, KERNEL(load)(x + i) * a);
}

static KERNEL_TARGET float KERNEL(logits)(float *x, const float *scales, float a,
                                          const float *shifts, uint32_t n)
{
    lanes most = (lanes){0} - __builtin_inff();
    for (uint32_t i = 0; i < n; i += LANES) {
        lanes v = KERNEL(load)(x + i) * KERNEL(load)(scales + i) * a - KERNEL(load)(shifts + i);
        int_lanes larger = v > most;
        most = KERNEL(choose)(larger, v, most);
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
        int_lanes tiny = v < -87.0f;
        v = KERNEL(choose)(tiny, (lanes){0}, v);
        /* Adding 1.5 * 2^23 rounds to a int_lanes number, which is then in the low bits. */
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
        uint_lanes power = (((uint_lanes)magic - 0x4B400000u) + 127u) << 23;
        v = p * (lanes)power;
        v = (lanes)((int_lanes)v & ~tiny);
        KERNEL(store)(x + i, v);
        sum += v;
    }
    return KERNEL(total)(sum);
}

/* x = 2^k m with m in [.707, 1.414), ln m = 2 atanh((m - 1)/(m + 1)). */
static inline KERNEL_TARGET lanes KERNEL(logarithm)(lanes x)
{
    uint_lanes bits = (uint_lanes)x - 0x3F3504F3u;
    int_lanes k = (int_lanes)bits >> 23;
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
        int_lanes present = v > 0.0f;
        v = KERNEL(logarithm)(v) * b + a;
        KERNEL(store)(x + i, (lanes)((int_lanes)v & present));
    }
}

static KERNEL_TARGET void KERNEL(ranks)(const float *x, float *ret_ranks, uint32_t n)
{
    for (uint32_t i = 0; i < n; i += LANES) {
        lanes own = KERNEL(load)(x + i);
        int_lanes larger = {0};
        for (uint32_t k = 0; k < n; k++)
            larger -= (lanes){0} + x[k] > own;
        KERNEL(store)(ret_ranks + i, __builtin_convertvector(larger + 1, lanes));
    }
}

static KERNEL_TARGET void KERNEL(order)(const float *x, uint16_t *ret_places, uint32_t n)
{
    const int_lanes lane = {0, 1, 2, 3, 4, 5, 6, 7};
    for (uint32_t i = 0; i < n; i += LANES) {
        lanes own = KERNEL(load)(x + i);
        int_lanes before = {0};
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
