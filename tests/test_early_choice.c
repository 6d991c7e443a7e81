/* The reader's rule for early lists, case by case. */
#include "schemas/early_choice.h"
#include "tests/test.h"

#define NOW 1700000600000
#define RETENTION 600000

/* A record generated and written at `ms` before NOW, with activities up to `source`. */
static struct list_version version(int64_t ms, int64_t source)
{
    return (struct list_version){.there = true,
                                 .written_ms = NOW - ms,
                                 .generated_time_ms = NOW - ms,
                                 .source_event_time_ms = source,
                                 .recommendation_id = (uint64_t)ms};
}

static enum early_choice choose(struct list_version committed, struct list_version early)
{
    return early_choose(&committed, &early, NOW, RETENTION);
}

static const struct list_version none = {0};

static struct list_version tombstone(int64_t ms)
{
    return (struct list_version){.there = true, .tombstone = true, .written_ms = NOW - ms};
}

static void test_alone(void)
{
    CHECK_INT(choose(none, none), SHOW_NOTHING);
    CHECK_INT(choose(version(5000, 10), none), SHOW_COMMITTED);
    CHECK_INT(choose(none, version(5000, 10)), SHOW_EARLY);
    CHECK_INT(choose(tombstone(5000), none), SHOW_NOTHING);
    CHECK_INT(choose(none, tombstone(5000)), SHOW_NOTHING);
}

static void test_newer(void)
{
    CHECK_INT(choose(version(5000, 10), version(4999, 11)), SHOW_EARLY);
    CHECK_INT(choose(version(5000, 10), version(4999, 10)), SHOW_EARLY);
    CHECK_INT(choose(version(5000, 10), version(5001, 11)), SHOW_COMMITTED);
    CHECK_INT(choose(version(5000, 10), version(5000, 10)), SHOW_COMMITTED);
    struct list_version tie = version(5000, 11);
    tie.recommendation_id = 7;
    CHECK_INT(choose(version(5000, 10), tie), SHOW_COMMITTED);
}

/* The commit writes the same list later. */
static void test_same_list(void)
{
    struct list_version committed = version(5000, 10);
    committed.written_ms += 1000;
    CHECK_INT(choose(committed, version(5000, 10)), SHOW_COMMITTED);
}

/* A process that stood still knows fewer activities. */
static void test_stale(void)
{
    CHECK_INT(choose(version(5000, 10), version(100, 9)), SHOW_COMMITTED);
}

static void test_retention(void)
{
    CHECK_INT(choose(none, version(RETENTION, 10)), SHOW_EARLY);
    CHECK_INT(choose(none, version(RETENTION + 1, 10)), SHOW_NOTHING);
    CHECK_INT(choose(version(RETENTION + 2, 10), version(RETENTION + 1, 11)), SHOW_COMMITTED);
}

static void test_tombstone(void)
{
    CHECK_INT(choose(tombstone(5000), version(5001, 10)), SHOW_NOTHING);
    CHECK_INT(choose(tombstone(5000), version(5000, 10)), SHOW_NOTHING);
    CHECK_INT(choose(tombstone(5000), version(4999, 10)), SHOW_EARLY);
    CHECK_INT(choose(tombstone(RETENTION + 5000), version(RETENTION + 1, 10)), SHOW_NOTHING);
}

int main(void)
{
    TEST_RUN(test_alone);
    TEST_RUN(test_newer);
    TEST_RUN(test_same_list);
    TEST_RUN(test_stale);
    TEST_RUN(test_retention);
    TEST_RUN(test_tombstone);
    return test_done();
}
