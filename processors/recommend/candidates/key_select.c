#include "processors/recommend/candidates/key_select.h"

#define BUCKET_SHIFT 52 /* a bucket: the exponent of the score and three bits of its mantissa */
#define BUCKETS 4096
#define FEW 32 /* keys for which counting does not pay */

static uint64_t select_by_pivots(uint64_t *keys, uint32_t n, uint32_t k)
{
    uint32_t first = 0, last = n - 1, goal = k - 1;
    while (first < last) {
        uint64_t pivot = keys[first + (last - first) / 2];
        uint32_t i = first, j = last;
        for (;;) {
            while (keys[i] > pivot)
                i++;
            while (keys[j] < pivot)
                j--;
            if (i >= j)
                break;
            uint64_t key = keys[i];
            keys[i++] = keys[j];
            keys[j--] = key;
        }
        if (goal <= j)
            last = j;
        else
            first = j + 1;
    }
    return keys[goal];
}

/* Swaps the keys of the bucket to the front. Returns how many there are. */
static uint32_t gather_bucket(uint64_t *keys, uint32_t n, uint64_t bucket)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t key = keys[i];
        bool is_in = key >> BUCKET_SHIFT == bucket;
        uint32_t to = is_in ? count : i;
        keys[i] = keys[to];
        keys[to] = key;
        count += is_in;
    }
    return count;
}

/* Pivots split keys at branches that no processor predicts, so counts of buckets come first: the
 * bucket with the k-th key holds few of them. */
uint64_t key_select(uint64_t *keys, uint32_t n, uint32_t k)
{
    uint16_t counts[BUCKETS];
    uint32_t larger = 0;
    if (n <= FEW || n > UINT16_MAX)
        return select_by_pivots(keys, n, k);
    memset(counts, 0, sizeof counts);
    uint64_t bucket = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t own = keys[i] >> BUCKET_SHIFT;
        bucket = own > bucket ? own : bucket;
        counts[own]++;
    }
    while (larger + counts[bucket] < k)
        larger += counts[bucket--];
    return select_by_pivots(keys, gather_bucket(keys, n, bucket), k - larger);
}
