/* The statistics of `weft report`: against figures of scipy and of the formulas written again in
 * Python, and in simulated traffic: what is the same is seldom told apart, however often one looks,
 * and what differs is found as planned. */
#include "tools/report_statistics.h"
#include "tests/report_traffic.h"

#define PRECISION 1e-9
#define ALIKE_RUNS 400
#define POWER_RUNS 60

#define CHECK_NEAR(a, b)                                                                           \
    do {                                                                                           \
        double near_a = (a), near_b = (b);                                                         \
        CHECK_SAY(fabs(near_a - near_b) <= PRECISION * fabs(near_b), "%s is %.17g, not %.17g", #a, \
                  near_a, near_b);                                                                 \
    } while (0)

/* ---- figures ---- */

static uint32_t draw(uint32_t *state)
{
    *state = (*state * 1103515245u + 12345u) & 0x7FFFFFFFu;
    return *state >> 8;
}

static struct visitor_sums visitors_of(uint32_t state, int count)
{
    struct visitor_sums sums = {0};
    for (int i = 0; i < count; i++) {
        uint32_t y = 1 + draw(&state) % 7;
        uint32_t x = draw(&state) % (y + 1);
        uint32_t z = x + draw(&state) % 5;
        visitor_sums_add(&sums, (struct visitor_value){x, y, z}, 1);
    }
    return sums;
}

static void test_estimates(void)
{
    struct visitor_sums sums[2] = {visitors_of(1, 400), visitors_of(2, 300)};
    struct estimate a = estimate_ratio(&sums[0]), b = estimate_ratio(&sums[1]), adjusted[2];
    CHECK_NEAR(a.value, 0.49147188881869869);
    CHECK_NEAR(a.variance, 0.00034671578245566465);
    CHECK_NEAR(b.value, 0.52030456852791873);
    CHECK_NEAR(b.variance, 0.00044173393119043485);
    CHECK_NEAR(estimate_adjusted(sums, 2, adjusted), 0.099463358827470594);
    CHECK_NEAR(adjusted[0].value, 0.48134793979518825);
    CHECK_NEAR(adjusted[0].variance, 0.00021097509048780938);
    CHECK_NEAR(adjusted[1].value, 0.53380316722593257);
    CHECK_NEAR(adjusted[1].variance, 0.00028384193908589564);
    CHECK_NEAR(pooled_ratio(sums, 2), (sums[0].x + sums[1].x) / (sums[0].y + sums[1].y));
}

static void test_little(void)
{
    struct visitor_sums sums[2];
    struct estimate adjusted[2];
    memset(sums, 0, sizeof sums);
    CHECK(isnan(estimate_ratio(&sums[0]).value));
    visitor_sums_add(&sums[0], (struct visitor_value){1, 2, 0}, 1);
    CHECK_REAL(estimate_ratio(&sums[0]).value, .5);
    CHECK(isnan(estimate_ratio(&sums[0]).variance));
    CHECK_REAL(estimate_adjusted(sums, 2, adjusted), 0);
    CHECK(isnan(adjusted[1].value));
    visitor_sums_add(&sums[0], (struct visitor_value){1, 2, 0}, -1);
    CHECK_REAL(sums[0].x + sums[0].visitors + sums[0].xy, 0);
    struct estimate few = {.1, 1e-6, TESTED_VISITORS_MIN - 1}, many = {.2, 1e-6, 1e6};
    CHECK_REAL(estimates_test(&few, &many, .15, .05, .05).p, 1);
    few.visitors++;
    CHECK(estimates_test(&few, &many, .15, .05, .05).p < .001);
}

static void check_test(double difference, double variance, double mixing, double alpha,
                       double bound, double p)
{
    struct sequential test = sequential_test(difference, variance, mixing, alpha);
    CHECK_NEAR(sequential_bound(variance, mixing, alpha), bound);
    CHECK_NEAR(test.p, p);
    CHECK_NEAR(test.low, difference - bound);
    CHECK_NEAR(test.high, difference + bound);
    CHECK((test.p <= alpha) == (test.low > 0 || test.high < 0));
}

static void test_sequential(void)
{
    check_test(.004, 1e-6, 4e-6, .05, 0.003082389993889093, 0.0037153550113261011);
    check_test(-.02, 1e-4, 9e-4, .05 / 3, 0.03414230711699074, 0.5227209814737932);
    check_test(.1, 1e-3, 1e-6, .01, 3.0365360548133751, 0.9955148337070161);
    check_test(3, .5, 2, .05, 2.1795788669405387, 0.0016694166185668869);
    CHECK_REAL(sequential_test(3, 0, 2, .05).p, 1);
    CHECK(isinf(sequential_test(3, 0, 2, .05).high));
    CHECK_REAL(sequential_test(NAN, 1, 2, .05).p, 1);
    CHECK_REAL(sequential_test(3, NAN, 2, .05).p, 1);
}

static void test_plans(void)
{
    struct plan plan = {.1, .12, .03, .5, .5, .05, .05};
    CHECK_REAL(visitors_needed(&plan), 883268);
    plan = (struct plan){40, 900, -.04, .1, .9, .05, .025};
    CHECK_REAL(visitors_needed(&plan), 67557);
    plan.lift = 0;
    CHECK(isinf(visitors_needed(&plan)));
    plan = (struct plan){.1, .12, 1e-9, .5, .5, .05, .05};
    CHECK(isinf(visitors_needed(&plan)));
    plan = (struct plan){.1, .12, .03, 0, .5, .05, .05};
    CHECK(isinf(visitors_needed(&plan)));
    plan = (struct plan){NAN, NAN, .03, .5, .5, .05, .05};
    CHECK(isinf(visitors_needed(&plan)));
}

static void test_splits(void)
{
    CHECK_NEAR(chi_square_tail(3.84, 1), 0.050043521248705189);
    CHECK_NEAR(chi_square_tail(.1, 1), 0.75182963404584924);
    CHECK_NEAR(chi_square_tail(10.83, 1), 0.00099868637918025917);
    CHECK_NEAR(chi_square_tail(5.2, 4), 0.2673848815716019);
    CHECK_NEAR(chi_square_tail(40, 3), 1.065509033425585e-08);
    CHECK_NEAR(chi_square_tail(1e-3, 2), 0.99950012497916929);
    CHECK_NEAR(chi_square_tail(800, 5), 1.1568807904873642e-170);
    CHECK_NEAR(chi_square_tail(12, 30), 0.9985996461666381);
    CHECK_REAL(chi_square_tail(0, 3), 1);
    const uint64_t three[] = {5060, 4940, 10100}, two[] = {5400, 4600}, off[] = {5400, 0, 4600};
    CHECK_NEAR(split_p(three, (double[]){25, 25, 50}, 3), 0.38091686515674023);
    CHECK_NEAR(split_p(two, (double[]){.5, .5}, 2), 1.2441921148543578e-15);
    CHECK_NEAR(split_p(off, (double[]){.5, 0, .5}, 3), 1.2441921148543578e-15);
    CHECK_REAL(split_p(two, (double[]){.5, 0}, 2), 1);
}

/* ---- traffic ---- */

static void test_alike(void)
{
    struct random random = random_from(3);
    struct traffic traffic = {.visitors = 1500, .hours = 96, .effect = .05, .alpha = .05};
    int by_visitor = 0, by_click = 0, runs = TEST_ROUNDS(ALIKE_RUNS);
    for (int i = 0; i < runs; i++) {
        struct traffic_outcome outcome = traffic_run(&traffic, &random);
        by_visitor += outcome.by_visitor;
        by_click += outcome.by_click;
    }
    CHECK_SAY(by_visitor * 20 <= runs, "%d of %d declare", by_visitor, runs);
    CHECK_SAY(by_click * 20 > runs, "%d of %d declare by clicks", by_click, runs);
}

static void test_power(void)
{
    struct random random = random_from(4);
    struct traffic traffic = {.visitors = 200000, .hours = 48, .effect = .2, .alpha = .05};
    struct traffic_outcome before = traffic_run(&traffic, &random);
    int found = 0, runs = TEST_ROUNDS(POWER_RUNS);
    traffic.lift = .2;
    traffic.visitors = traffic_plan(&traffic, &before);
    for (int i = 0; i < runs; i++)
        found += traffic_run(&traffic, &random).by_visitor;
    CHECK_SAY(found * 100 >= 70 * runs, "%d of %d found with %u visitors", found, runs,
              traffic.visitors);
}

int main(void)
{
    TEST_RUN(test_estimates);
    TEST_RUN(test_little);
    TEST_RUN(test_sequential);
    TEST_RUN(test_plans);
    TEST_RUN(test_splits);
    TEST_RUN(test_alike);
    TEST_RUN(test_power);
    return test_done();
}
