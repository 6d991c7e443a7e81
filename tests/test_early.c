/* The worker against a Kafka in memory with lists.early=on: lists go ahead of their commit, and the
 * committed ones and the tables are those of a worker without. */
#include "tests/fake_scripts.h"

#include <malloc.h>

static const char *const early[] = {"lists.early=on", "commit.interval.ms=400", "commit.min.ms=20",
                                    "learning=off", NULL};

static struct world *start(const char *const *settings, int events)
{
    struct world *world = world_new(settings);
    world_teach(world);
    world_fill(world, events);
    fake_assign_all(world->broker, "a");
    return world;
}

static size_t early_count(const struct world *world)
{
    size_t count = 0;
    for (int32_t p = 0; p < WORLD_PARTITIONS; p++)
        count += world->broker->logs[TOPIC_EARLY][p].count;
    return count;
}

static const struct fake_record *newest_of(const struct world *world, enum topic topic, int visitor)
{
    char name[16];
    int32_t p = visitor % WORLD_PARTITIONS;
    const struct fake_log *log = &world->broker->logs[topic][p];
    const struct fake_record *newest = NULL;
    snprintf(name, sizeof name, "v%d", visitor);
    for (size_t i = 0; i < log->count; i++)
        if (fake_is_visible(world->broker, topic, p, (int64_t)i) &&
            bytes_equal(log->records[i].key, bytes_text(name)))
            newest = &log->records[i];
    return newest;
}

/* The newest record of both topics is the same. */
static void check_agreement(const struct world *world)
{
    for (int v = 0; v < WORLD_VISITORS; v++) {
        const struct fake_record *list = newest_of(world, TOPIC_RECOMMENDATIONS, v);
        const struct fake_record *ahead = newest_of(world, TOPIC_EARLY, v);
        CHECK(list && ahead && bytes_equal(list->value, ahead->value));
    }
}

/* No transaction has two records of lists for one visitor. */
static void check_one_each(const struct world *world)
{
    for (int32_t p = 0; p < WORLD_PARTITIONS; p++) {
        const struct fake_log *log = &world->broker->logs[TOPIC_RECOMMENDATIONS][p];
        for (size_t i = 0; i < log->count; i++)
            for (size_t k = 0; k < i; k++)
                CHECK(log->records[i].is_control || log->records[k].is_control ||
                      log->records[i].transaction != log->records[k].transaction ||
                      !bytes_equal(log->records[i].key, log->records[k].key));
    }
}

static void test_ahead(void)
{
    struct world *world = start(early, 100);
    world_live(world, 0, NULL);
    judge(world, 0);
    int lists = judge_early(world);
    check_agreement(world);
    check_one_each(world);
    CHECK(lists > WORLD_VISITORS);
    CHECK_SAY(early_count(world) > 2 * (size_t)lists, "%zu early lists", early_count(world));
    CHECK_SAY(world->totals.commits < 8, "%d commits", (int)world->totals.commits);
    CHECK_INT(world->totals.counts.counters[COUNT_LISTS], lists);
    CHECK_INT(world->totals.counts.counters[COUNT_LISTS_EARLY], early_count(world));
    world_free(world);
}

/* The rows of the visitors and the dead letters are those of a worker without early lists. */
static void test_same_tables(void)
{
    static const char *const late[] = {"commit.interval.ms=400", "commit.min.ms=400",
                                       "commit.share.percent=0", "learning=off", NULL};
    struct world *with = start(early, 100), *without = start(late, 100);
    world_live(with, 0, NULL);
    world_live(without, 0, NULL);
    judge(with, 0);
    judge(without, 0);
    CHECK_INT(early_count(without), 0);
    for (int v = 0; v < WORLD_VISITORS; v++) {
        const struct fake_record *a = newest_of(with, TOPIC_VISITOR_CHANGELOG, v);
        const struct fake_record *b = newest_of(without, TOPIC_VISITOR_CHANGELOG, v);
        CHECK(a && b && bytes_equal(a->value, b->value));
    }
    world_free(with);
    world_free(without);
}

/* A list that went ahead of a commit that fails is made again. */
static void test_aborts(void)
{
    static const enum fake_call calls[] = {FAKE_PRODUCE, FAKE_FLUSH, FAKE_SEND_OFFSETS,
                                           FAKE_COMMIT};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        for (long nth = 2; nth <= 4; nth++) {
            struct world *world = start(early, 140);
            struct fault_script script = fault_at(calls[i], nth, 1, EDGE_ABORTABLE);
            world_live(world, 0, &script.script);
            CHECK(script.happened);
            world_finish(world, 0);
            judge_early(world);
            check_agreement(world);
            check_one_each(world);
            world_free(world);
        }
    }
}

/* Nothing else changes when no early list can be delivered. */
static void test_undelivered(void)
{
    struct world *world = start(early, 100);
    struct fault_script script = fault_at(FAKE_SEND_EARLY, 1, 100000, EDGE_FATAL);
    world_live(world, 0, &script.script);
    judge(world, 0);
    CHECK(script.happened && !world->failed);
    CHECK_INT(world->totals.aborts, 0);
    CHECK_INT(early_count(world), 0);
    for (int v = 0; v < WORLD_VISITORS; v++)
        CHECK(newest_of(world, TOPIC_RECOMMENDATIONS, v) != NULL);
    world_free(world);
}

/* ---- a process that stood still ---- */

struct still_script {
    struct script script; /* first */
    enum fake_call call;  /* before which it stands still */
    int64_t us;
    bool happened;
    long sent; /* early lists since then, before it is in the group again */
};

static struct fake_fault stand_still(struct script *script, struct life *life, enum fake_call call)
{
    struct still_script *self = (struct still_script *)(void *)script;
    if (self->happened && call == FAKE_SEND_EARLY && life->edge->kicked)
        self->sent++;
    if (!self->happened && call == self->call && life->edge->calls[FAKE_SEND_EARLY] > 3 &&
        in_batch(life->edge)) {
        self->happened = true;
        fake_kick(life->edge);
        fake_pass_time(life->world->broker, self->us);
    }
    return (struct fake_fault){0};
}

static void test_stood_still(void)
{
    static const enum fake_call calls[] = {FAKE_NEXT, FAKE_WAIT, FAKE_SEND_EARLY};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        struct world *world = start(early, 100);
        struct still_script script = {
            .script.before = stand_still, .call = calls[i], .us = 7000000};
        world_live(world, 0, &script.script);
        CHECK(script.happened);
        CHECK_INT(script.sent, 0); /* the call at hand is past the check */
        world_finish(world, 0);
        check_agreement(world);
        world_free(world);
    }
}

/* ---- erasure ---- */

/* The deletion goes with the transaction, and the lists that went ahead do not follow it. */
static void test_erasure(void)
{
    struct world *world = start(early, 12);
    world->guards[0].store.write = plain_write; /* the judge knows no deletions */
    fake_append(world->broker, TOPIC_USER, 0, bytes_text("v0"), bytes_of(NULL, 0),
                world->arrives_us += WORLD_INTERVAL_US);
    world_live(world, 0, NULL);
    CHECK(!world->failed);
    CHECK(newest_of(world, TOPIC_EARLY, 0) != NULL);
    const struct fake_record *last = newest_of(world, TOPIC_RECOMMENDATIONS, 0);
    CHECK(last && last->value.at == NULL);
    CHECK(newest_of(world, TOPIC_RECOMMENDATIONS, 1)->value.at != NULL);
    world_free(world);
}

int main(void)
{
    setenv("WEFT_LOG", "error", 0);     /* expected troubles are many */
    mallopt(M_MMAP_THRESHOLD, 1 << 20); /* large tables come as zero pages, not by memset */
    TEST_RUN(test_ahead);
    TEST_RUN(test_same_tables);
    TEST_RUN(test_aborts);
    TEST_RUN(test_undelivered);
    TEST_RUN(test_stood_still);
    TEST_RUN(test_erasure);
    return test_done();
}
