/* When a worker is behind: looks in a table, each with the answer that it must give. */
#include "processors/runtime/visitors/catch_up.h"
#include "tests/test.h"

#define SECOND_US 1000000

struct look {
    int64_t lag_ms, left, fold_left;
    uint64_t taken; /* records in the second before the look */
    bool behind;
};

static void run_looks(const char *name, int64_t lag_max_ms, const struct look *looks, int count)
{
    struct catch_up catch_up = {0};
    for (int i = 0; i < count; i++) {
        const struct look *look = &looks[i];
        const struct catch_up_view view = {.lag_ms = look->lag_ms,
                                           .left = look->left,
                                           .fold_left = look->fold_left,
                                           .lag_max_ms = lag_max_ms};
        bool before = catch_up.behind;
        catch_up.records = look->taken;
        bool changed = catch_up_decide(&catch_up, &view, (i + 1) * (int64_t)SECOND_US);
        CHECK_SAY(catch_up.behind == look->behind, "%s, look %d", name, i);
        CHECK(changed == (before != look->behind));
        CHECK_INT(catch_up.lag_ms, look->lag_ms);
        CHECK_INT(catch_up.left, look->left);
    }
}

#define RUN(name, lag_max_ms, ...)                                                                 \
    run_looks(name, lag_max_ms, (const struct look[]){__VA_ARGS__},                                \
              sizeof((const struct look[]){__VA_ARGS__}) / sizeof(struct look))

static void test_lag(void)
{
    RUN("a backlog, and the way back", 10000, {9000, 50000, 0, 0, false},
        {11000, 50000, 0, 0, true}, {9000, 50000, 0, 0, true}, {5001, 50000, 0, 0, true},
        {5000, 50000, 0, 0, false}, {9000, 50000, 0, 0, false});
    RUN("few records are left", 10000, {11000, 50000, 0, 0, true}, {11000, 501, 0, 0, true},
        {11000, 500, 0, 0, false}, {11000, 1000, 0, 0, false}, {11000, 1001, 0, 0, true});
    RUN("old records that are read as they come", 10000, {86400000, 900, 0, 100, false},
        {86400000, 1000, 0, 1000, false});
    RUN("turned off", 0, {86400000, 50000, 50000, 0, false});
}

static void test_rate(void)
{
    struct look looks[60];
    for (int i = 0; i < 60; i++) /* as many wait as it takes in a second */
        looks[i] = (struct look){5000, 9000, 0, 10000, false};
    for (int i = 40; i < 60; i++)
        looks[i].lag_ms = 20000;
    run_looks("a fast worker", 10000, looks, 60);
    looks[59].left = 11000;
    looks[59].behind = true;
    run_looks("a fast worker that is behind", 10000, looks, 60);
}

static void test_fold(void)
{
    RUN("the log is not folded", 10000, {0, 0, CATCH_UP_FOLD_LEFT, 0, false},
        {0, 0, CATCH_UP_FOLD_LEFT + 1, 0, true}, {0, 0, CATCH_UP_FOLD_LEFT / 2 + 1, 0, true},
        {0, 0, CATCH_UP_FOLD_LEFT / 2, 0, false});
}

int main(void)
{
    TEST_RUN(test_lag);
    TEST_RUN(test_rate);
    TEST_RUN(test_fold);
    return test_done();
}
