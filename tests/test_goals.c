/* Goals: how a mix is read; that a goal's weights learn what its events follow and leave the ranker
 * as it is; and that lists of a placement follow its goal. */
#include "processors/recommend/ranking/ranker.h"
#include "processors/runtime/config.h"
#include "tests/test.h"

#define CANDIDATES 24
#define STEPS 900

static void test_mix(void)
{
    struct goal_mix mix;
    struct error error = {0};
    CHECK(goal_mix_read("", &mix, &error) == VERDICT_OK);
    CHECK(mix.shares[GOAL_CART] <= 0 && mix.shares[GOAL_PURCHASE] <= 0);
    CHECK(goal_mix_read("view", &mix, &error) == VERDICT_OK);
    CHECK(mix.shares[GOAL_CART] <= 0 && mix.shares[GOAL_PURCHASE] <= 0);
    CHECK(goal_mix_read("purchase", &mix, &error) == VERDICT_OK);
    CHECK_REAL(mix.shares[GOAL_PURCHASE], 1);
    CHECK(goal_mix_read("view,cart:3,purchase:4", &mix, &error) == VERDICT_OK);
    CHECK_REAL(mix.shares[GOAL_CART], .375);
    CHECK_REAL(mix.shares[GOAL_PURCHASE], .5);
    static const char *const bad[] = {"sale",   "cart:",     "cart:0",   "cart:-1",
                                      "cart:x", "cart:1001", "cart:1:2", "view,carts"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct error why = {0};
        CHECK_SAY(goal_mix_read(bad[i], &mix, &why) == VERDICT_SKIP, "%s", bad[i]);
        CHECK(strstr(why.message, "view, cart, purchase") != NULL);
    }
}

static void test_keys(void)
{
    static struct config config;
    struct error error = {0};
    config_init(&config);
    CHECK(config_assign(&config, "placements.product.goal=cart", &error) == VERDICT_OK);
    CHECK(config_assign(&config, "ranker.goal=view,purchase", &error) == VERDICT_OK);
    CHECK_SAY(config_finish(&config, &error) == VERDICT_OK, "%s", error.message);
    const struct recommend_settings *settings = &config.settings.recommend;
    CHECK_REAL(settings->goals.shares[GOAL_PURCHASE], .5);
    const struct placement *product = placements_find(&settings->placements, "product");
    CHECK(product->own_goals);
    CHECK_REAL(product->goals.shares[GOAL_CART], 1);
    CHECK(!placements_find(&settings->placements, "home")->own_goals);
    struct buffer text = {0};
    placements_text(&settings->placements, &text);
    buffer_byte(&text, '\0');
    CHECK(strstr(text.at, "goal.cart=1.00") != NULL);
    buffer_release(&text);
    config_init(&config); /* the search has no ranking of its own */
    CHECK(config_assign(&config, "placements.search.goal=cart", &error) == VERDICT_OK);
    CHECK(config_finish(&config, &error) == VERDICT_SKIP);
    CHECK(strstr(error.message, "placements.search: goal") != NULL);
}

/* Candidates whose first two columns are random: views follow column 0, carts the sum of both. */
static void make_matrix(struct random *random, struct feature_matrix *matrix)
{
    memset(matrix, 0, sizeof *matrix);
    matrix->count = CANDIDATES;
    matrix->stride = CANDIDATES;
    for (uint32_t f = 0; f < 2; f++) {
        for (uint32_t i = 0; i < CANDIDATES; i++)
            matrix->columns[f * CANDIDATES + i] = (float)random_below(random, 1000) / 250 - 2;
        matrix->filled[f] = (1u << CANDIDATES / FEATURE_GROUP) - 1;
    }
}

static uint32_t highest(const float *x)
{
    uint32_t place = 0;
    for (uint32_t i = 1; i < CANDIDATES; i++)
        if (x[i] > x[place])
            place = i;
    return place;
}

static uint32_t carted(const struct feature_matrix *matrix)
{
    float sums[CANDIDATES];
    for (uint32_t i = 0; i < CANDIDATES; i++)
        sums[i] = matrix->columns[i] + matrix->columns[CANDIDATES + i];
    return highest(sums);
}

static void test_learning(void)
{
    static const struct feature_mask none_off;
    struct weights *weights = weights_new(1), *before = weights_new(1);
    struct ranker *ranker = memory_aligned(sizeof *ranker);
    struct feature_matrix *matrix = memory_aligned(sizeof *matrix);
    struct random random = random_from(5);
    struct goal_mix cart = {{[GOAL_CART] = 1}}, purchase = {{[GOAL_PURCHASE] = 1}};
    ranker_init(ranker, weights, &none_off);
    make_matrix(&random, matrix);
    ranker_learn_goal(ranker, matrix, 0, GOAL_CART, 1); /* too early */
    CHECK(memcmp(weights, before, sizeof *weights) == 0);
    for (int i = 0; i < STEPS; i++) {
        make_matrix(&random, matrix);
        ranker_learn(ranker, matrix, highest(matrix->columns), 1);
    }
    memcpy(before, weights, sizeof *weights);
    for (int i = 0; i < STEPS; i++) {
        make_matrix(&random, matrix);
        ranker_learn_goal(ranker, matrix, carted(matrix), GOAL_CART, 1);
    }
    for (int run = 0; run < WEIGHTS_RUNS; run++) /* the network is as it was */
        CHECK(memcmp(weights->runs[run], before->runs[run], WEIGHTS_NETWORK * sizeof(float)) == 0);
    CHECK(weights->steps == before->steps);
    uint32_t views = 0, carts_before = 0, carts = 0, purchases = 0;
    for (int i = 0; i < 100; i++) {
        _Alignas(64) float scores[RANKED_MAX], other[RANKED_MAX];
        make_matrix(&random, matrix);
        CHECK(ranker_score(ranker, matrix, scores));
        memcpy(other, scores, sizeof other);
        views += highest(scores) == highest(matrix->columns);
        ranker_add_goals(ranker, matrix, &purchase, other); /* nothing is learned for it */
        purchases += memcmp(other, scores, CANDIDATES * sizeof *other) == 0;
        carts_before += highest(scores) == carted(matrix);
        ranker_add_goals(ranker, matrix, &cart, scores);
        carts += highest(scores) == carted(matrix);
    }
    CHECK_SAY(views > 80, "%u", views);
    CHECK_SAY(carts > carts_before + 10, "%u, before %u", carts, carts_before);
    CHECK_INT(purchases, 100);
    free(weights);
    free(before);
    free(ranker);
    free(matrix);
}

int main(void)
{
    TEST_RUN(test_mix);
    TEST_RUN(test_keys);
    TEST_RUN(test_learning);
    return test_done();
}
