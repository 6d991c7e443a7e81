/* Served lists that wait for their click: what is found of them, and how much bfloat16 takes away.
 */
#include "processors/recommend/ranking/training_log.h"
#include "tests/test.h"

#define CANDIDATES 21 /* whose last group is not whole */
#define VISITORS 40
#define LISTS 4000

struct snapshot {
    uint32_t count, stride;
    uint32_t items[CANDIDATES];
    uint16_t ranks[CANDIDATES];
    float common[FEATURES_MAX];
    uint16_t filled[FEATURES_MAX];
    float *columns;
};

struct fixture {
    struct training_log *log;
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

static struct snapshot keep(const struct fixture *fixture)
{
    const struct feature_matrix *matrix = fixture->matrix;
    struct snapshot snapshot = {.count = matrix->count, .stride = matrix->stride};
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
        uint32_t group = i % snapshot->stride / FEATURE_GROUP;
        if (!(snapshot->filled[i / snapshot->stride] >> group & 1))
            continue;
        double x = (double)snapshot->columns[i], error = fabs((double)matrix->columns[i] - x);
        CHECK_SAY(error <= fabs(x) * 0x1p-8, "%g became %g", x, (double)matrix->columns[i]);
    }
}

/* The visitor's newest list is found until a click takes it; the same bytes as the sample says. */
static void test_against_naive(uint64_t seed)
{
    struct random random = random_from(seed);
    struct fixture fixture = {.matrix = memory_aligned(sizeof *fixture.matrix),
                              .found = memory_aligned(sizeof *fixture.found)};
    struct snapshot snapshots[VISITORS] = {{0}};
    uint64_t handles[VISITORS] = {0}, gone = 0, found = 0;
    size_t bytes = seed % 2 ? 1 << 20 : 1 << 15;
    candidates_init(&fixture.candidates);
    fixture.log = training_log_new(bytes);
    for (int i = 0; i < LISTS; i++) {
        uint32_t visitor = random_below(&random, VISITORS);
        double weight = 0;
        const struct training_list *list =
            training_log_find(fixture.log, handles[visitor], &weight);
        CHECK((list != NULL) == (weight >= 1));
        if (list) {
            check_list(list, &snapshots[visitor], fixture.found);
            found++;
        }
        gone += handles[visitor] != 0 && list == NULL;
        uint64_t before = handles[visitor];
        if (random_one_in(&random, 2)) {
            training_log_drop(fixture.log, before);
            CHECK(training_log_find(fixture.log, before, &weight) == NULL);
        }
        draw_list(&random, &fixture);
        handles[visitor] = training_log_add(fixture.log, before, visitor, i, &fixture.candidates,
                                            fixture.matrix, fixture.ranks);
        CHECK(training_log_find(fixture.log, before, &weight) == NULL);
        CHECK((training_log_find(fixture.log, handles[visitor], &weight) != NULL) ==
              (handles[visitor] != 0));
        CHECK(training_log_bytes(fixture.log) <= bytes);
        free(snapshots[visitor].columns);
        snapshots[visitor] = keep(&fixture);
    }
    CHECK(found > 200 && (gone > 0) == (seed % 2 == 0));
    training_log_renumber(fixture.log, 1);
    CHECK_INT(training_log_bytes(fixture.log), 0);
    for (int v = 0; v < VISITORS; v++)
        free(snapshots[v].columns);
    training_log_free(fixture.log);
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
    double weight;
    candidates_init(&fixture.candidates);
    draw_list(&random, &fixture);
    fixture.log = training_log_new(100); /* no room for one */
    CHECK_INT(
        training_log_add(fixture.log, 0, 1, 1, &fixture.candidates, fixture.matrix, fixture.ranks),
        0);
    CHECK(training_log_find(fixture.log, 0, &weight) == NULL);
    CHECK(training_log_find(fixture.log, 1, &weight) == NULL);
    training_log_free(fixture.log);
    fixture.log = training_log_new(1000000);
    uint64_t before =
        training_log_add(fixture.log, 0, 1, 1, &fixture.candidates, fixture.matrix, fixture.ranks);
    CHECK(training_log_find(fixture.log, before, &weight) != NULL);
    fixture.matrix->count = fixture.matrix->stride = 0; /* the newer list is empty */
    CHECK_INT(training_log_add(fixture.log, before, 1, 2, &fixture.candidates, fixture.matrix,
                               fixture.ranks),
              0);
    CHECK(training_log_find(fixture.log, before, &weight) == NULL);
    training_log_free(fixture.log);
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
