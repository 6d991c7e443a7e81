/* The worker against a Kafka in memory: records that are too large for their topic. */
#include "tests/fake_world.h"

#include <malloc.h>

/* Bytes that are no event, as the value of a view. */
static void add_large_garbage(struct world *world, int visitor, size_t bytes)
{
    char key[16], *text = memory_get(bytes);
    int32_t partition = visitor % WORLD_PARTITIONS;
    memset(text, 'x', bytes);
    snprintf(key, sizeof key, "v%d", visitor);
    world->garbage[partition]++;
    fake_append(world->broker, TOPIC_VIEW, partition, bytes_text(key), bytes_of(text, bytes),
                world->arrives_us += WORLD_INTERVAL_US);
    free(text);
}

static void add_large_search(struct world *world, int visitor)
{
    char key[16], term[4001], text[4300];
    memset(term, 's', sizeof term);
    term[sizeof term - 1] = '\0';
    snprintf(key, sizeof key, "v%d", visitor);
    snprintf(text, sizeof text,
             "{\"event_id\":\"e%d\",\"visitor_id\":\"%s\",\"event_time\":%" PRId64
             ",\"search_term\":\"%s\"}",
             world->events, key, WORLD_START_MS + world->events * 1000, term);
    world->of_visitor[visitor]++;
    world->events++;
    fake_append(world->broker, TOPIC_SEARCH, visitor % WORLD_PARTITIONS, bytes_text(key),
                bytes_text(text), world->arrives_us += WORLD_INTERVAL_US);
}

/* The bytes that a topic takes, and that the broker tells. 0: all are taken, or none is told. */
struct sizes {
    int64_t taken, told;
    bool early;
};

static struct world *world_of_sizes(enum topic topic, const struct sizes *sizes)
{
    static const char *const settings[] = {"commit.interval.ms=40", "visitor.activities.max=1000",
                                           NULL};
    struct world *world = world_new(settings);
    world->broker->taken_bytes[topic] = sizes->taken;
    world->broker->told_bytes[topic] = sizes->told;
    world->broker->refuses_early = sizes->early;
    fake_assign_all(world->broker, "a");
    return world;
}

static const struct sizes known = {.taken = 65536, .told = 65536};
static const struct sizes some_sizes[] = {
    {.taken = 65536, .told = 65536},
    {.taken = 65536},                                 /* the broker does not tell */
    {.taken = 65536, .early = true},                  /* librdkafka refuses */
    {.taken = 70000, .told = 16777216},               /* the broker's word is wrong */
    {.taken = 70000, .told = 1048588, .early = true}, /* kafka.message.max.bytes is lower */
};

/* Each has its dead letter, all other records are processed, and nobody ends. */
static void test_large_garbage(void)
{
    for (size_t i = 0; i < sizeof some_sizes / sizeof *some_sizes; i++) {
        struct world *world = world_of_sizes(TOPIC_DEAD_LETTERS, &some_sizes[i]);
        for (int k = 0; k < 10; k++) {
            world_fill(world, 2);
            add_large_garbage(world, k % WORLD_VISITORS, 60000 + 4000 * (size_t)k * (size_t)k);
        }
        world_live(world, 0, NULL);
        CHECK_SAY(!world->failed, "sizes %zu", i);
        CHECK(world->totals.counts.counters[COUNT_LETTERS_CUT] > 0);
        judge(world, 0);
        world_free(world);
    }
}

static void test_known_size_needs_no_abort(void)
{
    struct world *world = world_of_sizes(TOPIC_DEAD_LETTERS, &known);
    add_large_garbage(world, 0, 500000);
    world_live(world, 0, NULL);
    CHECK_INT(world->totals.aborts, 0);
    judge(world, 0);
    world_free(world);
}

/* A bot's long searches: the oldest fall out, whatever the changelog takes. */
static void test_large_visitor(void)
{
    for (size_t i = 0; i < sizeof some_sizes / sizeof *some_sizes; i++) {
        struct world *world = world_of_sizes(TOPIC_VISITOR_CHANGELOG, &some_sizes[i]);
        for (int k = 0; k < 40; k++) {
            add_large_search(world, 1);
            world_add(world, k % WORLD_VISITORS, false);
        }
        world_live(world, 0, NULL);
        CHECK_SAY(!world->failed, "sizes %zu", i);
        CHECK(world->totals.counts.counters[COUNT_ACTIVITIES_CUT] > 0);
        CHECK_INT(world->totals.counts.counters[COUNT_ACTIVITIES_CUT],
                  world->totals.counts.counters[COUNT_ACTIVITIES_OUT]);
        judge(world, 0);
        world_free(world);
    }
}

/* The limit is lowered below the rows that are stored. */
static void test_limit_is_lowered(void)
{
    static const struct sizes all = {0};
    struct world *world = world_of_sizes(TOPIC_VISITOR_CHANGELOG, &all);
    for (int k = 0; k < 60; k++)
        add_large_search(world, 1);
    world_live(world, 0, NULL);
    CHECK_INT(world->totals.counts.counters[COUNT_ACTIVITIES_CUT], 0);
    world->broker->taken_bytes[TOPIC_VISITOR_CHANGELOG] = 100000;
    world->broker->told_bytes[TOPIC_VISITOR_CHANGELOG] = 100000;
    for (int k = 0; k < 3; k++)
        world_add(world, 1, false);
    world_live(world, 0, NULL);
    CHECK(!world->failed && world->totals.aborts == 0);
    CHECK(world->totals.counts.counters[COUNT_ACTIVITIES_CUT] > 30);
    judge(world, 0);
    world_free(world);
}

/* No sensible record fits: the process ends, and the error says what to do. */
static void test_topic_too_small(void)
{
    static const struct sizes tiny = {.taken = 3000};
    struct world *world = world_of_sizes(TOPIC_DEAD_LETTERS, &tiny);
    add_large_garbage(world, 0, 500000);
    world_live(world, 0, NULL);
    CHECK(world->failed);
    world->broker->taken_bytes[TOPIC_DEAD_LETTERS] = 0; /* the operator has mended it */
    world_finish(world, 0);
    world_free(world);
}

int main(void)
{
    setenv("WEFT_LOG", "error", 0);     /* expected troubles are many */
    mallopt(M_MMAP_THRESHOLD, 1 << 20); /* large tables come as zero pages, not by memset */
    TEST_RUN(test_large_garbage);
    TEST_RUN(test_known_size_needs_no_abort);
    TEST_RUN(test_large_visitor);
    TEST_RUN(test_limit_is_lowered);
    TEST_RUN(test_topic_too_small);
    return test_done();
}
