/* The ranker's numbers: adding and subtracting, whose differences were folded, the record and the
 * row; and that nothing comes in that is not finite. */
#include "state/model.h"
#include "tests/test.h"

#include <math.h>

#define FINGERPRINT 0x0123456789ABCDEFu
#define FEATURES 7

static struct weights *random_weights(struct random *random)
{
    struct weights *weights = weights_new(FEATURES);
    weights->source = random_next(random);
    weights->number = random_below(random, 1000000);
    weights->steps = random_below(random, 1000000);
    weights->samples = random_below(random, 20000);
    for (int f = 0; f < FEATURES_MAX; f++) {
        weights->sums[f] = (double)random_below(random, 1000000) / 1000 - 500;
        weights->squares[f] = (double)random_below(random, 1000000) / 1000;
    }
    for (int run = 0; run < WEIGHTS_RUNS; run++)
        for (int i = 0; i < WEIGHTS_COUNT; i++) /* eighths: sums of them are exact */
            weights->runs[run][i] =
                (float)random_below(random, 100000) / 8 - (run == WEIGHTS_SUMS ? 0 : 6000);
    return weights;
}

static bool same_numbers(const struct weights *a, const struct weights *b)
{
    return a->features == b->features && a->steps == b->steps &&
           memcmp(&a->samples, &b->samples, sizeof a->samples) == 0 &&
           memcmp(a->sums, b->sums, sizeof a->sums) == 0 &&
           memcmp(a->squares, b->squares, sizeof a->squares) == 0 &&
           memcmp(a->runs, b->runs, sizeof a->runs) == 0;
}

static void test_arithmetic(void)
{
    struct random random = random_from(1);
    for (int round = 0; round < 20; round++) {
        struct weights *a = random_weights(&random), *b = random_weights(&random);
        struct weights *difference = weights_new(0);
        weights_subtract(difference, a, b);
        CHECK_INT(difference->source, 0);
        CHECK_INT(difference->features, FEATURES);
        const float *of_a = a->runs[0], *of_b = b->runs[0], *of_both = difference->runs[0];
        for (int i = 0; i < WEIGHTS_RUNS * WEIGHTS_COUNT; i++)
            CHECK_REAL(of_both[i], of_a[i] - of_b[i]);
        uint64_t merges = b->merges;
        weights_add(b, difference);
        CHECK_INT(b->merges, merges + 1);
        CHECK_INT(b->steps, a->steps);
        for (int i = 0; i < WEIGHTS_RUNS * WEIGHTS_COUNT; i++)
            CHECK_REAL(of_b[i], of_a[i]);
        for (int f = 0; f < FEATURES_MAX; f++)
            CHECK(fabs(b->sums[f] - a->sums[f]) < 1e-9 &&
                  fabs(b->squares[f] - a->squares[f]) < 1e-9);
        free(a);
        free(b);
        free(difference);
    }
}

/* The newest number of each of the last WEIGHTS_SOURCES sources. */
static void test_sources(void)
{
    struct random random = random_from(2);
    struct weights *merged = weights_new(FEATURES), *difference = weights_new(FEATURES);
    uint64_t last_number[100] = {0}, last_round[100] = {0};
    for (uint64_t round = 1; round <= 5000; round++) {
        uint32_t source = random_below(&random, 1 + random_below(&random, 99));
        difference->source = source + 1;
        difference->number = ++last_number[source];
        last_round[source] = round;
        weights_add(merged, difference);
        uint32_t wanted = random_below(&random, 99), newer = 0;
        for (int i = 0; i < 100; i++)
            newer += last_round[i] > last_round[wanted];
        CHECK_INT(weights_folded(merged, wanted + 1),
                  newer < WEIGHTS_SOURCES ? last_number[wanted] : 0);
    }
    free(merged);
    free(difference);
}

static void test_record(void)
{
    struct random random = random_from(3);
    struct buffer record = {0};
    struct error error = {0};
    struct weights *weights = random_weights(&random), *again = random_weights(&random);
    weights_write(weights, FINGERPRINT, &record);
    CHECK(weights_read(buffer_bytes(&record), FINGERPRINT, again, &error) == VERDICT_OK);
    CHECK(same_numbers(weights, again));
    CHECK(again->source == weights->source && again->number == weights->number);
    CHECK(weights_read(buffer_bytes(&record), FINGERPRINT + 1, again, &error) == VERDICT_SKIP);
    for (int i = 0; i < 300; i++) {
        struct bytes cut = bytes_of(record.at, random_below(&random, (uint32_t)record.size));
        CHECK(weights_read(cut, FINGERPRINT, again, &error) == VERDICT_SKIP);
    }
    buffer_byte(&record, 0);
    CHECK(weights_read(buffer_bytes(&record), FINGERPRINT, again, &error) == VERDICT_SKIP);
    const float bad[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 30; i++) {
        buffer_clear(&record);
        memcpy(again, weights, sizeof *again);
        uint32_t at = random_below(&random, WEIGHTS_RUNS * WEIGHTS_COUNT);
        if (i % 4 == 0)
            again->samples = (double)bad[i % 3];
        else if (i % 4 == 1)
            again->sums[at % FEATURES_MAX] = (double)bad[i % 3];
        else if (i % 4 == 2)
            again->squares[at % FEATURES_MAX] = (double)bad[i % 3];
        else
            again->runs[at / WEIGHTS_COUNT][at % WEIGHTS_COUNT] = bad[i % 3];
        CHECK(!weights_finite(again));
        weights_write(again, FINGERPRINT, &record);
        error_clear(&error);
        CHECK(weights_read(buffer_bytes(&record), FINGERPRINT, again, &error) == VERDICT_SKIP);
        CHECK_CONTAINS(error.message, "not finite");
    }
    buffer_clear(&record);
    weights->runs[WEIGHTS_SUMS][5] = -1; /* no sum of squares: steps would be divided by its root */
    weights_write(weights, FINGERPRINT, &record);
    CHECK(weights_read(buffer_bytes(&record), FINGERPRINT, again, &error) == VERDICT_SKIP);
    buffer_release(&record);
    free(weights);
    free(again);
}

/* A row of an older version ends each run after the network. */
static void test_row_without_goals(void)
{
    struct random random = random_from(6);
    struct weights *weights = random_weights(&random), *again = random_weights(&random);
    struct store_batch batch = {0};
    struct store_change change;
    struct buffer older = {0};
    size_t at = 0, runs = sizeof weights->runs, run = sizeof weights->runs[0];
    bool dropped = true;
    weights_save(weights, MODEL_TABLE_WEIGHTS, &batch);
    CHECK(batch_next(&batch, &at, &change));
    size_t before = change.value.size - sizeof weights->sources - runs;
    buffer_append(&older, change.value.at, before);
    for (size_t i = 0; i < WEIGHTS_RUNS; i++)
        buffer_append(&older, change.value.at + before + i * run, WEIGHTS_NETWORK * sizeof(float));
    buffer_append(&older, change.value.at + before + runs, sizeof weights->sources);
    CHECK(weights_load(again, buffer_bytes(&older), &dropped) == VERDICT_OK);
    CHECK(!dropped && again->steps == weights->steps);
    for (int i = 0; i < WEIGHTS_RUNS; i++) {
        CHECK(memcmp(again->runs[i], weights->runs[i], WEIGHTS_NETWORK * sizeof(float)) == 0);
        for (int f = WEIGHTS_NETWORK; f < WEIGHTS_COUNT; f++)
            CHECK(fabsf(again->runs[i][f]) <= 0);
    }
    buffer_release(&older);
    batch_release(&batch);
    free(weights);
    free(again);
}

static void test_row(void)
{
    struct random random = random_from(4);
    struct weights *weights = random_weights(&random), *again = weights_new(FEATURES);
    struct store_batch batch = {0};
    struct store_change change;
    size_t at = 0;
    bool dropped = true;
    for (uint32_t i = 0; i < WEIGHTS_SOURCES; i++)
        weights->sources[i] = (struct weights_source){random_next(&random), i};
    weights->merges = 12;
    weights_save(weights, MODEL_TABLE_WEIGHTS, &batch);
    CHECK(batch_next(&batch, &at, &change));
    CHECK_BYTES(change.key, bytes_text("w"));
    CHECK(weights_load(again, change.value, &dropped) == VERDICT_OK);
    CHECK(!dropped && same_numbers(weights, again) && again->merges == 12);
    CHECK(memcmp(weights->sources, again->sources, sizeof again->sources) == 0);
    for (int i = 0; i < 100; i++) {
        struct bytes cut =
            bytes_of(change.value.at, random_below(&random, (uint32_t)change.value.size));
        CHECK(weights_load(again, cut, &dropped) == VERDICT_SKIP);
    }
    struct weights *other = weights_new(FEATURES + 1), *zeros = weights_new(FEATURES + 1);
    CHECK(weights_load(other, change.value, &dropped) == VERDICT_OK);
    CHECK(dropped && same_numbers(other, zeros));
    batch_clear(&batch);
    weights->runs[1][77] = NAN;
    weights_save(weights, MODEL_TABLE_WEIGHTS, &batch);
    at = 0;
    CHECK(batch_next(&batch, &at, &change));
    CHECK(weights_load(again, change.value, &dropped) == VERDICT_SKIP);
    batch_release(&batch);
    free(weights);
    free(again);
    free(other);
    free(zeros);
}

/* Differences that are finite, and whose sum is not: what was merged before stays. */
static void test_overflow(void)
{
    static const struct model_limits limits = {.items_max = 10,
                                               .row_entries_max = 8,
                                               .pair_half_life_ms = 1000000,
                                               .popular_half_life_ms = 1000000,
                                               .features = FEATURES};
    struct random random = random_from(5);
    for (int what = 0; what < 5; what++) {
        struct model *model = model_new(&limits);
        struct weights *difference = random_weights(&random), *before = weights_new(0);
        if (what == 0)
            difference->samples = 1e308;
        else if (what == 1)
            difference->sums[3] = -1e308;
        else if (what == 2)
            difference->squares[3] = 1e308;
        else
            difference->runs[what - 3][5] = 3e38f;
        CHECK(weights_finite(difference));
        for (int i = 0; i < 4; i++) {
            memcpy(before, model->weights, sizeof *before);
            model_merge(model, difference);
            CHECK(weights_finite(model->weights));
        }
        CHECK(memcmp(before->runs, model->weights->runs, sizeof before->runs) == 0);
        CHECK(memcmp(before->sums, model->weights->sums, sizeof before->sums) == 0);
        CHECK(before->samples == model->weights->samples && before->steps == model->weights->steps);
        CHECK(model->weights_dropped > 0);
        CHECK_INT(model->weights->merges, 4); /* their worker must not wait for them */
        CHECK_INT(weights_folded(model->weights, difference->source), difference->number);
        memcpy(before, model->weights, sizeof *before);
        difference->features++;
        uint64_t dropped = model->weights_dropped;
        model_merge(model, difference);
        CHECK_INT(model->weights_dropped, dropped + 1);
        CHECK(memcmp(before, model->weights, sizeof *before) == 0);
        free(before);
        free(difference);
        model_free(model);
    }
}

int main(void)
{
    TEST_RUN(test_arithmetic);
    TEST_RUN(test_sources);
    TEST_RUN(test_record);
    TEST_RUN(test_row);
    TEST_RUN(test_row_without_goals);
    TEST_RUN(test_overflow);
    return test_done();
}
