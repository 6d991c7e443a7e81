/* The sample of records that wait for a click, against a naive one that computes each deadline from
 * the header's formula; and what sums with its weights come to. */
#include "processors/recommend/ranking/pending_sample.h"
#include "schemas/draw.h"
#include "tests/test.h"

#include <math.h>

#define VISITORS 60
#define START_MS 1700000000000

/* A record of a visitor that waits. */
struct naive_record {
    uint64_t handle, number, content;
    double span, deadline;
    size_t bytes;
    bool waits;
};

struct naive {
    struct naive_record at[VISITORS];
    uint64_t number;
    double threshold;
    size_t bytes_max, rest; /* `rest`: what a record costs above its bytes */
};

static uint32_t waiting(const struct naive *naive, size_t *ret_bytes)
{
    uint32_t count = 0;
    *ret_bytes = 0;
    for (int v = 0; v < VISITORS; v++) {
        count += naive->at[v].waits;
        *ret_bytes += naive->at[v].waits ? naive->at[v].bytes + naive->rest : 0;
    }
    return count;
}

/* Whether the new record is in the sample. */
static bool naive_add(struct naive *naive, int visitor, uint64_t hash, int64_t time_ms,
                      size_t bytes)
{
    size_t used;
    struct naive_record *record = &naive->at[visitor];
    record->waits = false;
    double u = ((double)(draw_mix(hash_join(hash, (uint64_t)time_ms)) >> 11) + 1) / 0x1p53;
    double span = 1 + waiting(naive, &used) / 4;
    *record = (struct naive_record){
        .waits = true,
        .number = ++naive->number,
        .span = span,
        .bytes = bytes,
        .deadline = (double)naive->number + span * fmin(1 / u, 256),
    };
    if (record->deadline <= naive->threshold)
        record->waits = false;
    while (waiting(naive, &used) && used > naive->bytes_max) {
        int least = -1;
        for (int v = 0; v < VISITORS; v++)
            if (naive->at[v].waits &&
                (least < 0 || naive->at[v].deadline < naive->at[least].deadline))
                least = v;
        naive->threshold = naive->at[least].deadline;
        naive->at[least].waits = false;
    }
    return record->waits;
}

static void check_all(const struct pending_sample *sample, const struct naive *naive)
{
    size_t bytes;
    CHECK_INT(sample->count, waiting(naive, &bytes));
    CHECK_INT(sample->bytes, bytes);
    CHECK(bytes <= naive->bytes_max);
    for (int v = 0; v < VISITORS; v++) {
        const struct naive_record *record = &naive->at[v];
        double weight = 0;
        const uint64_t *found = pending_sample_find(sample, record->handle, &weight);
        CHECK_INT(found != NULL, record->waits);
        if (found == NULL)
            continue;
        CHECK_INT(*found, record->content);
        CHECK_REAL(weight, fmax(1, (naive->threshold - (double)record->number) / record->span));
        CHECK(weight <= 256);
    }
}

static void test_against_naive(void)
{
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct random random = random_from(seed);
        struct pending_sample sample;
        struct naive naive = {.bytes_max = seed < 6 ? seed * 800 : 10000};
        uint64_t handle, refused = 0, dropped = 0;
        pending_sample_init(&sample, naive.bytes_max);
        pending_sample_add(&sample, 0, 1, 1, 8, &handle); /* what a record costs */
        naive.rest = sample.bytes - 8;
        pending_sample_release(&sample);
        pending_sample_init(&sample, naive.bytes_max);
        for (int i = 0; i < 6000; i++) {
            int v = (int)random_below(&random, VISITORS);
            struct naive_record *record = &naive.at[v];
            int64_t time_ms = START_MS + i * 10 - random_below(&random, 50);
            size_t bytes = 8 + random_below(&random, 100);
            if (random_one_in(&random, 3)) {
                dropped += record->waits;
                pending_sample_drop(&sample, record->handle);
                record->waits = false;
            } else {
                uint64_t before = record->handle, content = random_next(&random);
                uint64_t *to =
                    pending_sample_add(&sample, before, (uint64_t)v, time_ms, bytes, &handle);
                CHECK_INT(to != NULL, naive_add(&naive, v, (uint64_t)v, time_ms, bytes));
                CHECK_INT(handle != 0, to != NULL);
                refused += to == NULL;
                record->handle = to ? handle : before; /* a handle of the past finds nothing */
                record->content = content;
                if (to)
                    *to = content;
            }
            check_all(&sample, &naive);
        }
        CHECK(dropped > 100);
        CHECK(seed > 2 || refused > 10);
        CHECK((naive.threshold > 0) == (seed < 6)); /* room for all */
        pending_sample_clear(&sample);
        CHECK_INT(sample.bytes, 0);
        for (int v = 0; v < VISITORS; v++)
            naive.at[v].waits = false;
        check_all(&sample, &naive);
        pending_sample_release(&sample);
    }
}

/* ---- sums ---- */

#define SHOPPERS 3000
#define STEPS_APART 20

struct sums {
    double clicks, true_hits;
    double count, hits, weights, weighted_hits;        /* of those whose list waited */
    double first, second, first_clicks, second_clicks; /* weights and clicks of half the visitors */
};

/* A visitor's next click comes after some steps, or, of every third list, never: then somebody else
 * comes in the visitor's place. Quick clicks hit more often than slow ones. */
static void run_shop(struct pending_sample *sample, uint64_t seed, struct sums *sums)
{
    static uint64_t handles[SHOPPERS];
    static struct {
        int at;
        bool quick, never;
    } next[SHOPPERS];
    struct random random = random_from(seed);
    memset(handles, 0, sizeof handles);
    for (int v = 0; v < SHOPPERS; v++)
        next[v].at = (int)random_below(&random, 4 * STEPS_APART);
    for (int step = 0; step < 60 * STEPS_APART; step++) {
        for (int v = 0; v < SHOPPERS; v++) {
            if (next[v].at > step)
                continue;
            double weight = 0;
            bool counts = !next[v].never && step > 10 * STEPS_APART;
            bool hit = random_below(&random, 10) < (next[v].quick ? 7 : 2);
            if (counts) {
                bool found = pending_sample_find(sample, handles[v], &weight) != NULL;
                sums->clicks++;
                sums->true_hits += hit;
                sums->count += found;
                sums->hits += found && hit;
                sums->weights += weight;
                sums->weighted_hits += hit ? weight : 0;
                *(v < SHOPPERS / 2 ? &sums->first : &sums->second) += weight;
                *(v < SHOPPERS / 2 ? &sums->first_clicks : &sums->second_clicks) += 1;
            }
            uint64_t before = next[v].never ? 0 : handles[v];
            next[v].never = random_one_in(&random, 3);
            next[v].quick = random_one_in(&random, 2);
            next[v].at = step + 1 +
                         (int)random_below(&random, next[v].quick ? STEPS_APART : 8 * STEPS_APART);
            pending_sample_add(sample, before, (uint64_t)v, START_MS + step * 100, 100,
                               &handles[v]);
        }
    }
}

static void check_near(double x, double y, double share)
{
    CHECK_SAY(fabs(x / y - 1) < share, "%g is not %g", x, y);
}

/* Room for all: each click counts once. Room for few: the sums with weights come to the true ones,
 * also those of half the visitors; without weights quick clicks would count too much. */
static void test_unbiased(void)
{
    struct sums all = {0}, some = {0};
    struct pending_sample sample;
    pending_sample_init(&sample, SIZE_MAX);
    run_shop(&sample, 3, &all);
    pending_sample_release(&sample);
    CHECK(all.count >= all.clicks && all.weights <= all.clicks);
    for (uint64_t seed = 1; seed <= 3; seed++) {
        pending_sample_init(&sample, SHOPPERS * 60);
        run_shop(&sample, seed, &some);
        CHECK(sample.bytes <= SHOPPERS * 60);
        pending_sample_release(&sample);
    }
    CHECK_SAY(some.count < .4 * some.clicks, "%g of %g", some.count, some.clicks);
    CHECK_SAY(some.count > .1 * some.clicks, "%g of %g", some.count, some.clicks);
    double rate = some.true_hits / some.clicks;
    check_near(some.weights, some.clicks, .02);
    check_near(some.weighted_hits / some.weights, rate, .02);
    check_near(some.first, some.first_clicks, .03);
    check_near(some.second, some.second_clicks, .03);
    CHECK_SAY(some.hits / some.count > 1.05 * rate, "%g %g", some.hits / some.count, rate);
}

static void test_no_room(void)
{
    struct pending_sample sample;
    uint64_t handle = 7;
    double weight;
    pending_sample_init(&sample, 0);
    CHECK(pending_sample_add(&sample, 0, 1, 1, 0, &handle) == NULL);
    CHECK_INT(handle, 0);
    CHECK(pending_sample_find(&sample, 0, &weight) == NULL);
    CHECK(pending_sample_find(&sample, 1, &weight) == NULL);
    pending_sample_drop(&sample, 1);
    pending_sample_release(&sample);
}

int main(void)
{
    TEST_RUN(test_against_naive);
    TEST_RUN(test_unbiased);
    TEST_RUN(test_no_room);
    return test_done();
}
