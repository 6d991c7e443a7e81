/* Selection against sorting, on scores that are spread, alike or equal. */
#include "processors/recommend/candidates/key_select.h"
#include "tests/test.h"

#include <stdlib.h>

enum { KEYS = 2000, ROUNDS = 2000 };

static int descending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x < y) - (x > y);
}

static float draw_score(struct random *random, uint32_t spread)
{
    float score = (float)random_below(random, 1 + spread);
    return random_one_in(random, 2) ? score : score * 1e-6f;
}

static void test_select(void)
{
    struct random random = random_from(8);
    static uint64_t keys[KEYS], selected[KEYS];
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t n = 1 + random_below(&random, random_one_in(&random, 2) ? 40 : KEYS);
        uint32_t k = 1 + random_below(&random, n);
        uint32_t spread = random_below(&random, 3) * random_below(&random, 1000);
        for (uint32_t i = 0; i < n; i++)
            keys[i] = selected[i] = key_make(draw_score(&random, spread), i);
        uint64_t least = key_select(selected, n, k);
        qsort(keys, n, sizeof *keys, descending);
        CHECK_SAY(least == keys[k - 1], "%u of %u keys", k, n);
        qsort(selected, n, sizeof *selected, descending);
        CHECK_SAY(memcmp(selected, keys, n * sizeof *keys) == 0, "%u keys are there no more", n);
    }
}

static void test_above_0(void)
{
    CHECK(key_make(0, 0) < KEY_ABOVE_0);
    CHECK(key_make(1e-45f, UINT32_MAX) >= KEY_ABOVE_0);
}

int main(void)
{
    TEST_RUN(test_select);
    TEST_RUN(test_above_0);
    return test_done();
}
