/* The ring of served lists against a naive one: what is found, for how long it is kept, and how
 * much bfloat16 takes away. */
#include "processors/recommend/ranking/training_log.h"
#include "tests/test.h"

#define CANDIDATES 21 /* whose last group is not whole */
#define AGE_MS 1000
#define LISTS 4000

struct snapshot {
    int64_t time_ms;
    uint32_t count, stride;
    uint32_t items[CANDIDATES];
    uint16_t ranks[CANDIDATES];
    float common[FEATURES_MAX];
    uint16_t filled[FEATURES_MAX];
    float *columns;
};

struct fixture {
    struct training_log *ring;
    struct candidates candidates;
    struct feature_matrix *matrix, *found;
    uint16_t ranks[CANDIDATES];
};

static float draw(struct random *random)
{
    float x = exp2f((float)random_below(random, 60) - 30) *
              (1 + (float)random_below(random, 1u << 23) * 0x1p-23f);
    return random_one_in(random, 2) ? x : -x;
}

static void draw_list(struct random *random, struct fixture *fixture)
{
    uint32_t count = 1 + random_below(random, CANDIDATES);
    struct feature_matrix *matrix = fixture->matrix;
    candidates_clear(&fixture->candidates, 1000, 0);
    while (fixture->candidates.count < count)
        candidates_propose(&fixture->candidates, random_below(random, 1000), 0);
    matrix->count = count;
    matrix->stride = (count + 7) / 8 * 8;
    memset(matrix->columns, 0, sizeof matrix->columns);
    for (uint32_t f = 0; f < feature_varying_count; f++)
        for (uint32_t i = 0; i < count; i++)
            matrix->columns[f * matrix->stride + i] = draw(random);
    for (uint32_t f = 0; f < FEATURES_MAX; f++) {
        matrix->common[f] = draw(random);
        matrix->filled[f] = random_one_in(random, 3) ? 0 : (uint16_t)random_below(random, 65536);
    }
    for (uint32_t i = 0; i < count; i++)
        fixture->ranks[i] = (uint16_t)(1 + random_below(random, count));
}

static struct snapshot keep(const struct fixture *fixture, int64_t time_ms)
{
    const struct feature_matrix *matrix = fixture->matrix;
    struct snapshot snapshot = {
        .time_ms = time_ms, .count = matrix->count, .stride = matrix->stride};
    size_t bytes = feature_varying_count * matrix->stride * sizeof *snapshot.columns;
    for (uint32_t i = 0; i < matrix->count; i++)
        snapshot.items[i] = fixture->candidates.at[i].item;
    memcpy(snapshot.ranks, fixture->ranks, sizeof snapshot.ranks);
    memcpy(snapshot.common, matrix->common, sizeof snapshot.common);
    memcpy(snapshot.filled, matrix->filled, sizeof snapshot.filled);
    snapshot.columns = memory_get(bytes);
    memcpy(snapshot.columns, matrix->columns, bytes);
    return snapshot;
}

static void check_list(const struct training_list *list, const struct snapshot *snapshot,
                       struct feature_matrix *matrix)
{
    uint32_t rank = 77;
    training_log_matrix(list, matrix);
    CHECK(matrix->count == snapshot->count && matrix->stride == snapshot->stride);
    CHECK(memcmp(matrix->common, snapshot->common, sizeof snapshot->common) == 0);
    CHECK(memcmp(matrix->filled, snapshot->filled, sizeof snapshot->filled) == 0);
    for (uint32_t i = 0; i < snapshot->count; i++) {
        CHECK_INT(training_log_place(list, snapshot->items[i], &rank), i);
        CHECK_INT(rank, snapshot->ranks[i]);
    }
    rank = 77;
    CHECK_INT(training_log_place(list, 1000000, &rank), UINT32_MAX);
    CHECK_INT(rank, 77);
    for (uint32_t i = 0; i < feature_varying_count * snapshot->stride; i++) {
        if (snapshot->filled[i / snapshot->stride] == 0)
            continue;
        double x = (double)snapshot->columns[i], error = fabs((double)matrix->columns[i] - x);
        CHECK_SAY(error <= fabs(x) * 0x1p-8, "%g became %g", x, (double)matrix->columns[i]);
    }
}

/* How many lists it has room for: the first is overwritten when all are taken and old. */
static uint64_t places_of(size_t bytes, struct fixture *fixture)
{
    struct training_log *ring = training_log_new(bytes, CANDIDATES, 0);
    uint64_t count = 0;
    while (training_log_add(ring, 1, &fixture->candidates, fixture->matrix, fixture->ranks) > 0 &&
           training_log_find(ring, 1))
        count++;
    training_log_free(ring);
    return count;
}

static void test_against_naive(uint64_t seed)
{
    struct random random = random_from(seed);
    struct fixture fixture = {.matrix = memory_aligned(sizeof *fixture.matrix),
                              .found = memory_aligned(sizeof *fixture.found)};
    struct snapshot *snapshot = memory_zero(LISTS + 1, sizeof *snapshot); /* by serial */
    size_t bytes = (seed % 2 ? 40 : 7) * 10000;
    uint64_t newest = 0, refused = 0;
    int64_t time_ms = 1700000000000;
    candidates_init(&fixture.candidates);
    draw_list(&random, &fixture);
    uint64_t places = places_of(bytes, &fixture);
    CHECK(places > 1 && places < 200);
    fixture.ring = training_log_new(bytes, CANDIDATES, AGE_MS);
    for (int i = 0; i < LISTS; i++) {
        time_ms += random_below(&random, random_one_in(&random, 50) ? 5000 : 40);
        time_ms -= random_one_in(&random, 40) ? 2500 : 0; /* visitors' clocks are not one */
        draw_list(&random, &fixture);
        uint64_t serial = training_log_add(fixture.ring, time_ms, &fixture.candidates,
                                           fixture.matrix, fixture.ranks);
        uint64_t old = newest + 1 > places ? newest + 1 - places : 0; /* whose place is next */
        int64_t age_ms = old ? time_ms - snapshot[old].time_ms : 0;
        if (old && age_ms >= 0 && age_ms < AGE_MS) {
            CHECK_INT(serial, 0);
            refused++;
        } else {
            CHECK_INT(serial, newest + 1);
            snapshot[++newest] = keep(&fixture, time_ms);
        }
        uint64_t serial_wanted = random_below(&random, (uint32_t)newest + 2);
        const struct training_list *list = training_log_find(fixture.ring, serial_wanted);
        CHECK((list != NULL) ==
              (serial_wanted > 0 && serial_wanted <= newest && serial_wanted + places > newest));
        if (list)
            check_list(list, &snapshot[serial_wanted], fixture.found);
    }
    CHECK(refused > 100 && newest > 500);
    for (uint64_t serial = 1; serial <= newest; serial++)
        free(snapshot[serial].columns);
    free(snapshot);
    training_log_free(fixture.ring);
    candidates_release(&fixture.candidates);
    free(fixture.matrix);
    free(fixture.found);
}

static void test_all(void)
{
    for (uint64_t seed = 1; seed <= 4; seed++)
        test_against_naive(seed);
}

static void test_nothing_to_keep(void)
{
    struct random random = random_from(11);
    struct fixture fixture = {.matrix = memory_aligned(sizeof *fixture.matrix)};
    candidates_init(&fixture.candidates);
    draw_list(&random, &fixture);
    fixture.ring = training_log_new(100, CANDIDATES, AGE_MS); /* no room for one */
    CHECK_INT(training_log_add(fixture.ring, 1, &fixture.candidates, fixture.matrix, fixture.ranks),
              0);
    CHECK(training_log_find(fixture.ring, 0) == NULL && training_log_find(fixture.ring, 1) == NULL);
    training_log_free(fixture.ring);
    fixture.ring = training_log_new(1000000, CANDIDATES, AGE_MS);
    fixture.matrix->count = fixture.matrix->stride = 0;
    CHECK_INT(training_log_add(fixture.ring, 1, &fixture.candidates, fixture.matrix, fixture.ranks),
              0);
    training_log_free(fixture.ring);
    training_log_free(NULL);
    candidates_release(&fixture.candidates);
    free(fixture.matrix);
}

int main(void)
{
    TEST_RUN(test_all);
    TEST_RUN(test_nothing_to_keep);
    return test_done();
}
