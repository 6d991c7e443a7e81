/* The sample of a stream: whole while the stream is slow, bounded a second while it is fast. */
#include "schemas/rate_sample.h"

#include "tests/test.h"

#define RATE_MAX 100

/* Sends `rate` a second for some seconds. Returns how many of the last second were chosen. */
static uint32_t run(struct rate_sample *sample, int64_t from_s, uint32_t seconds, uint32_t rate)
{
    uint32_t chosen = 0;
    for (uint32_t i = 0; i < seconds * rate; i++) {
        int64_t time_ms = from_s * 1000 + (int64_t)i * 1000 / rate;
        bool in =
            rate_sample_choose(sample, time_ms, RATE_MAX, draw_mix((uint64_t)from_s * 1000003 + i));
        chosen += in && i >= (seconds - 1) * rate;
    }
    return chosen;
}

static void test_slow(void)
{
    struct rate_sample sample = {.second = INT64_MIN};
    CHECK_INT(run(&sample, 1790000000, 3, RATE_MAX), RATE_MAX);
    CHECK_INT(run(&sample, 1790000003, 1, 7), 7);
}

static void test_fast(void)
{
    struct rate_sample sample = {.second = INT64_MIN};
    for (uint32_t times = 2; times <= 64; times *= 2) {
        uint32_t chosen = run(&sample, 1790000000 + 10 * times, 5, times * RATE_MAX);
        CHECK_SAY(chosen > RATE_MAX / 2 && chosen < RATE_MAX * 3 / 2, "%u times: %u", times,
                  chosen);
    }
}

/* After a second of silence the rate of before is forgotten. */
static void test_slow_again(void)
{
    struct rate_sample sample = {.second = INT64_MIN};
    run(&sample, 1790000000, 2, 50 * RATE_MAX);
    CHECK_INT(run(&sample, 1790000010, 1, 10), 10);
}

/* A late one counts in the newest second, so a shop that sends old events has no more. */
static void test_late(void)
{
    struct rate_sample sample = {.second = INT64_MIN};
    uint32_t chosen = 0;
    run(&sample, 1790000000, 2, 10 * RATE_MAX);
    for (uint32_t i = 0; i < 1000; i++)
        chosen += rate_sample_choose(&sample, 1000, RATE_MAX, draw_mix(i));
    CHECK_SAY(chosen < RATE_MAX, "%u", chosen);
}

int main(void)
{
    TEST_RUN(test_slow);
    TEST_RUN(test_fast);
    TEST_RUN(test_slow_again);
    TEST_RUN(test_late);
    return test_done();
}
