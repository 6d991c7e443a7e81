/* Several learners, two processes' models and one log: whatever is written, aborted, folded and
 * taken over when, in the end all are the same, and each committed step is in it once. */
#include "processors/recommend/ranking/learner.h"
#include "tests/test.h"

#define LEARNERS 4
#define MODELS 2
#define FINGERPRINT 0x0123456789ABCDEFu
#define FEATURES 1
#define RECORDS_MAX 4000

static const struct model_limits limits = {.items_max = 10,
                                           .row_entries_max = 8,
                                           .pair_half_life_ms = 1000000,
                                           .popular_half_life_ms = 1000000,
                                           .features = FEATURES};
static const struct feature_mask none_off;

struct shop {
    struct random random;
    struct model *models[MODELS];
    struct learner *learners[LEARNERS];
    uint64_t committed_steps[LEARNERS], steps[LEARNERS]; /* learned */
    struct buffer pending[LEARNERS];                     /* the transaction's record; empty: none */
    struct buffer *log;
    uint32_t log_count, folded[MODELS];
    int64_t now_ms;
    struct feature_matrix *matrix;
    struct weights *scratch;
};

static struct shop *new_shop(uint64_t seed)
{
    struct shop *shop = memory_zero(1, sizeof *shop);
    shop->random = random_from(seed);
    for (int m = 0; m < MODELS; m++)
        shop->models[m] = model_new(&limits);
    for (int l = 0; l < LEARNERS; l++) {
        shop->learners[l] = memory_aligned(sizeof *shop->learners[l]);
        learner_init(shop->learners[l], shop->models[l % MODELS], &none_off);
        for (int k = 0; k < l; k++)
            CHECK(shop->learners[k]->source != shop->learners[l]->source);
    }
    shop->log = memory_zero(RECORDS_MAX, sizeof *shop->log);
    shop->now_ms = 1700000000000;
    shop->matrix = memory_aligned(sizeof *shop->matrix);
    shop->scratch = weights_new(0);
    return shop;
}

static void free_shop(struct shop *shop)
{
    for (int m = 0; m < MODELS; m++)
        model_free(shop->models[m]);
    for (int l = 0; l < LEARNERS; l++) {
        learner_release(shop->learners[l]);
        free(shop->learners[l]);
        buffer_release(&shop->pending[l]);
    }
    for (uint32_t i = 0; i < shop->log_count; i++)
        buffer_release(&shop->log[i]);
    free(shop->log);
    free(shop->matrix);
    free(shop->scratch);
    free(shop);
}

static void learn(struct shop *shop, int l)
{
    struct feature_matrix *matrix = shop->matrix;
    struct learner *learner = shop->learners[l];
    matrix->count = matrix->stride = 8;
    for (uint32_t i = 0; i < feature_varying_count * 8; i++)
        matrix->columns[i] = (float)random_below(&shop->random, 2001) / 1000 - 1;
    for (uint32_t f = 0; f < feature_count; f++) {
        matrix->common[f] =
            f < feature_varying_count ? 0 : (float)random_below(&shop->random, 2001) / 1000 - 1;
        matrix->filled[f] = f < feature_varying_count;
    }
    ranker_standardise(&learner->ranker, matrix);
    ranker_learn(&learner->ranker, matrix, random_below(&shop->random, 8), 1);
    learner->changed = true;
    shop->steps[l]++;
}

static void take_over(struct shop *shop, int l)
{
    learner_take_over(shop->learners[l], shop->models[l % MODELS]);
}

static void write_difference(struct shop *shop, int l)
{
    bool on_its_way = shop->learners[l]->on_its_way;
    if (learner_write(shop->learners[l], shop->now_ms, 50, FINGERPRINT, &shop->pending[l]))
        CHECK(!on_its_way);
}

static void commit(struct shop *shop, int l)
{
    learner_commit(shop->learners[l]);
    shop->committed_steps[l] = shop->steps[l];
    if (shop->pending[l].size == 0)
        return;
    CHECK(shop->log_count < RECORDS_MAX);
    struct bytes record = buffer_bytes(&shop->pending[l]);
    buffer_append(&shop->log[shop->log_count++], record.at, record.size);
    buffer_clear(&shop->pending[l]);
}

static void check_taken_back(const struct learner *learner)
{
    CHECK(memcmp(learner->own, learner->own_committed, sizeof *learner->own) == 0);
    CHECK(memcmp(learner->known, learner->known_committed, sizeof *learner->known) == 0);
    CHECK(learner->number == learner->committed_number &&
          learner->on_its_way == learner->committed_on_its_way);
}

static void abort_batch(struct shop *shop, int l)
{
    bool changed = shop->learners[l]->changed;
    learner_abort(shop->learners[l]);
    if (changed)
        check_taken_back(shop->learners[l]);
    shop->steps[l] = shop->committed_steps[l];
    buffer_clear(&shop->pending[l]);
}

static void fold(struct shop *shop, int m)
{
    if (shop->folded[m] == shop->log_count)
        return;
    struct bytes record = buffer_bytes(&shop->log[shop->folded[m]++]);
    CHECK(weights_read(record, FINGERPRINT, shop->scratch, NULL) == VERDICT_OK);
    model_merge(shop->models[m], shop->scratch);
}

static void random_operation(struct shop *shop)
{
    int l = (int)random_below(&shop->random, LEARNERS);
    shop->now_ms += random_below(&shop->random, 30);
    switch (random_below(&shop->random, 8)) {
    case 0:
    case 1:
        for (uint32_t times = random_below(&shop->random, 30); times > 0; times--)
            learn(shop, l);
        break;
    case 2:
        if (shop->pending[l].size == 0)
            write_difference(shop, l);
        break;
    case 3:
    case 4:
        if (random_one_in(&shop->random, 3))
            abort_batch(shop, l);
        else
            commit(shop, l);
        break;
    case 5:
        take_over(shop, l);
        break;
    default:
        fold(shop, l % MODELS);
        break;
    }
}

/* Everything that is open comes to its end. */
static void settle(struct shop *shop)
{
    for (int round = 0; round < 2; round++) {
        for (int l = 0; l < LEARNERS; l++) { /* the first round brings in what was on its way */
            while (shop->folded[l % MODELS] < shop->log_count)
                fold(shop, l % MODELS);
            take_over(shop, l);
            commit(shop, l);
            while (round == 1 && shop->learners[l]->own->steps - shop->learners[l]->known->steps <
                                     LEARNER_WRITE_STEPS)
                learn(shop, l);
            shop->now_ms += 1000;
            write_difference(shop, l);
            commit(shop, l);
        }
        for (int m = 0; m < MODELS; m++)
            while (shop->folded[m] < shop->log_count)
                fold(shop, m);
        for (int l = 0; l < LEARNERS; l++)
            take_over(shop, l);
    }
}

static void check_equal(const struct shop *shop)
{
    const struct weights *merged = shop->models[0]->weights;
    uint64_t steps = 0;
    CHECK(memcmp(merged, shop->models[1]->weights, sizeof *merged) == 0);
    for (int l = 0; l < LEARNERS; l++) {
        const struct weights *own = shop->learners[l]->own;
        CHECK_SAY(memcmp(own->runs, merged->runs, sizeof own->runs) == 0, "learner %d: weights", l);
        CHECK_SAY(memcmp(own->sums, merged->sums, sizeof own->sums) == 0 &&
                      memcmp(own->squares, merged->squares, sizeof own->squares) == 0,
                  "learner %d: statistics", l);
        CHECK_INT(own->steps, merged->steps);
        CHECK_REAL(own->samples, merged->samples);
        steps += shop->committed_steps[l];
    }
    CHECK_INT(merged->steps, steps); /* each once */
    CHECK(weights_finite(merged));
}

static void test_together(void)
{
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct shop *shop = new_shop(seed);
        for (int i = 0; i < 1500; i++)
            random_operation(shop);
        settle(shop);
        check_equal(shop);
        CHECK(shop->log_count > 20);
        free_shop(shop);
    }
}

/* A difference of an aborted transaction is written again, under the same number. */
static void test_lost(void)
{
    struct shop *shop = new_shop(11);
    struct learner *learner = shop->learners[0];
    for (int i = 0; i < 100; i++)
        learn(shop, 0);
    commit(shop, 0);
    for (int times = 0; times < 3; times++) {
        learn(shop, 0);
        write_difference(shop, 0);
        CHECK(shop->pending[0].size > 0 && learner->number == 1);
        CHECK(!learner_write(learner, shop->now_ms + 100000, 50, FINGERPRINT, &shop->pending[0]));
        abort_batch(shop, 0);
        CHECK_INT(learner->own->steps, 100);
        shop->now_ms++;
    }
    write_difference(shop, 0);
    commit(shop, 0);
    take_over(shop, 0); /* not folded yet */
    CHECK(learner->on_its_way);
    fold(shop, 0);
    take_over(shop, 0);
    CHECK(!learner->on_its_way);
    CHECK_INT(shop->models[0]->weights->steps, 100);
    CHECK_INT(weights_folded(shop->models[0]->weights, learner->source), 1);
    free_shop(shop);
}

static void test_when_due(void)
{
    struct shop *shop = new_shop(12);
    struct learner *learner = shop->learners[0];
    for (int i = 0; i < LEARNER_WRITE_STEPS - 1; i++)
        learn(shop, 0);
    write_difference(shop, 0);
    CHECK_INT(shop->pending[0].size, 0);
    learn(shop, 0);
    write_difference(shop, 0);
    CHECK(shop->pending[0].size > 0);
    commit(shop, 0);
    fold(shop, 0);
    take_over(shop, 0);
    for (int i = 0; i < 2 * LEARNER_WRITE_STEPS; i++)
        learn(shop, 0);
    shop->now_ms += 49;
    write_difference(shop, 0);
    CHECK_INT(shop->pending[0].size, 0);
    shop->now_ms++;
    write_difference(shop, 0);
    CHECK(shop->pending[0].size > 0);
    learner->own->runs[0][0] = NAN; /* if it ever were: others are spared */
    commit(shop, 0);
    fold(shop, 0);
    learner_take_over(learner, shop->models[0]);
    for (int i = 0; i < 2 * LEARNER_WRITE_STEPS; i++)
        learn(shop, 0);
    shop->now_ms += 1000;
    write_difference(shop, 0);
    CHECK_INT(shop->pending[0].size, 0);
    free_shop(shop);
}

/* Another order of the same differences gives the same but for rounding. */
static void test_order(void)
{
    struct shop *shop = new_shop(13);
    for (int l = 0; l < LEARNERS; l++) {
        for (int i = 0; i < 200; i++)
            learn(shop, l);
        write_difference(shop, l);
        commit(shop, l);
    }
    for (uint32_t i = 0; i < LEARNERS; i++) {
        fold(shop, 0);
        CHECK(weights_read(buffer_bytes(&shop->log[LEARNERS - 1 - i]), FINGERPRINT, shop->scratch,
                           NULL) == VERDICT_OK);
        model_merge(shop->models[1], shop->scratch);
    }
    const struct weights *a = shop->models[0]->weights, *b = shop->models[1]->weights;
    CHECK(a->steps == b->steps && a->steps == LEARNERS * 200);
    double moved = 0;
    for (int run = 0; run < WEIGHTS_RUNS; run++) {
        for (int i = 0; i < WEIGHTS_COUNT; i++) {
            CHECK(fabs((double)(a->runs[run][i] - b->runs[run][i])) <
                  1e-5 * (1 + fabs((double)a->runs[run][i])));
            moved = fmax(moved, fabs((double)a->runs[run][i]));
        }
    }
    CHECK(moved > .1);
    free_shop(shop);
}

static void standardise(struct shop *shop, float value)
{
    for (uint32_t k = 0; k < feature_varying_count * 8; k++)
        shop->matrix->columns[k] = value;
    ranker_standardise(&shop->learners[0]->ranker, shop->matrix);
}

/* A list that was made and not learned from counts in the statistics; with its batch it is taken
 * back, and what standardises by them goes back too. */
static void test_statistics_taken_back(void)
{
    struct shop *shop = new_shop(15);
    struct learner *learner = shop->learners[0];
    for (int i = 0; i < 200; i++)
        learn(shop, 0);
    commit(shop, 0);
    standardise(shop, .5f);
    CHECK(learner->ranker.sampled && !learner->changed);
    commit(shop, 0);
    CHECK_REAL(learner->own_committed->samples, 201);
    for (int i = 0; i < 400; i++)
        standardise(shop, 5);
    CHECK(learner->ranker.scaling.mean[0] > 2);
    abort_batch(shop, 0);
    CHECK(memcmp(learner->own, learner->own_committed, sizeof *learner->own) == 0);
    CHECK_REAL(learner->own->samples, 201);
    standardise(shop, .5f);
    CHECK(learner->ranker.scaling.mean[0] < 1);
    free_shop(shop);
}

/* A difference that the model cannot add is lost, but its worker goes on. */
static void test_refused(void)
{
    struct shop *shop = new_shop(16);
    struct learner *learner = shop->learners[0];
    for (int i = 0; i < 100; i++)
        learn(shop, 0);
    learner->own->runs[WEIGHTS_NOW][3] = 3e38f;
    shop->models[0]->weights->runs[WEIGHTS_NOW][3] = 3e38f;
    write_difference(shop, 0);
    commit(shop, 0);
    fold(shop, 0);
    CHECK_INT(shop->models[0]->weights_dropped, 1);
    CHECK(learner->on_its_way);
    take_over(shop, 0);
    CHECK(!learner->on_its_way);
    CHECK(memcmp(learner->own->runs, shop->models[0]->weights->runs, sizeof learner->own->runs) ==
          0);
    free_shop(shop);
}

static void test_never_aborts(void)
{
    struct shop *shop = new_shop(14);
    struct learner *learner = shop->learners[0];
    learner_never_aborts(learner);
    CHECK_INT(learner->source, 1);
    for (int i = 0; i < 100; i++)
        learn(shop, 0);
    write_difference(shop, 0);
    commit(shop, 0);
    learner_abort(learner); /* nothing to take back, and no crash */
    CHECK_INT(learner->own->steps, 100);
    free_shop(shop);
}

int main(void)
{
    TEST_RUN(test_together);
    TEST_RUN(test_lost);
    TEST_RUN(test_when_due);
    TEST_RUN(test_order);
    TEST_RUN(test_statistics_taken_back);
    TEST_RUN(test_refused);
    TEST_RUN(test_never_aborts);
    return test_done();
}
