/* The worker against a Kafka in memory: rebalances, assignments that can't be right, and a clean
 * stop. */
#include "tests/fake_scripts.h"

#include <malloc.h>

/* ---- rebalances ---- */

/* It goes on as if nothing had happened, a zombie, and must not be heard. */
static void test_lost_at_every_call(void)
{
    static const enum fake_call calls[] = {FAKE_BEGIN,  FAKE_PRODUCE, FAKE_FLUSH, FAKE_SEND_OFFSETS,
                                           FAKE_COMMIT, FAKE_POLL,    FAKE_NEXT,  FAKE_WAIT};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        for (long nth = 2; nth < 12; nth++) {
            struct world *world = world_new(small);
            struct rebalance_script script = {
                .script.before = take_away, .call = calls[i], .nth = nth, .lost = true};
            world_fill(world, 20);
            fake_assign_all(world->broker, "a");
            world_live(world, 0, &script.script);
            unsigned long failed = test_failed;
            world_finish(world, nth % 2 == 0);
            CHECK_SAY(test_failed == failed, "lost at %s %ld", fake_call_names[calls[i]], nth);
            world_free(world);
        }
    }
}

/* Revoked in mid-batch, but not lost: the batch is committed before the partitions go. */
static void test_revoked_in_mid_batch(void)
{
    for (int split = 0; split < 2; split++) {
        static const char *const slow[] = {"commit.interval.ms=1000", "commit.min.ms=400", NULL};
        struct world *world = world_new(slow);
        struct rebalance_script script = {.script.before = take_away,
                                          .call = FAKE_WAIT,
                                          .nth = 2,
                                          .split = split,
                                          .in_batch = true};
        world_fill(world, 20);
        fake_assign_all(world->broker, "a");
        world_live(world, 0, &script.script);
        CHECK(script.happened);
        CHECK_SAY(committed_sum(world) > script.committed, "the batch was not committed");
        CHECK_INT(world->totals.aborts, 0);
        world_finish(world, 1);
        CHECK_INT(world->totals.counts.fates[FATE_DUPLICATE], 0);
        world_free(world);
    }
}

/* Revoked, and the commit inside the revocation fails: the input is read again. */
static struct fake_fault revoke_and_fail(struct script *script, struct life *life,
                                         enum fake_call call)
{
    struct rebalance_script *self = (struct rebalance_script *)(void *)script;
    if (life->edge->revoking && call == FAKE_SEND_OFFSETS) {
        self->committed = INT64_MAX;
        return (struct fake_fault){.outcome = EDGE_ABORTABLE};
    }
    return take_away(script, life, call);
}

static void test_revoked_and_commit_fails(void)
{
    static const char *const slow[] = {"commit.interval.ms=1000", "commit.min.ms=400", NULL};
    struct world *world = world_new(slow);
    struct rebalance_script script = {.script.before = revoke_and_fail,
                                      .call = FAKE_WAIT,
                                      .nth = 2,
                                      .split = true,
                                      .in_batch = true};
    world_fill(world, 20);
    fake_assign_all(world->broker, "a");
    world_live(world, 0, &script.script);
    CHECK(script.committed == INT64_MAX);
    CHECK(!world->failed);
    CHECK_INT(world->totals.aborts, 1);
    CHECK(fake_is_done(world->broker, "a")); /* it went on with the partition that stayed */
    world_finish(world, 1);
    world_free(world);
}

/* ---- assignments that can't be right ---- */

static void test_partitions_added(void)
{
    struct world *world = world_new(small);
    world_fill(world, 10);
    fake_assign_all(world->broker, "a");
    world->broker->lacking_assignments = 1;
    world->broker->answered_partitions[EVENT_CART] = 5;
    world_live(world, 0, NULL);
    CHECK(world->failed);
    CHECK_INT(world->totals.commits, 0);
    world->broker->answered_partitions[EVENT_CART] = 0;
    world_finish(world, 0);
    world_free(world);
}

/* The group's leader does not know all inputs yet: the worker joins again, and in the end stays
 * away until the group has forgotten it. */
static void test_stale_assignment(void)
{
    struct world *world = world_new(small);
    world_fill(world, 10);
    fake_assign_all(world->broker, "a");
    world->broker->lacking_assignments = 4;
    int64_t began_us = world->broker->now_us;
    world_live(world, 0, NULL);
    CHECK(!world->failed);
    CHECK(world->broker->now_us - began_us > world->config.session_timeout_ms * 1000);
    judge(world, 0);
    world_free(world);
}

static void test_group_moved_back(void)
{
    struct world *world = world_new(small);
    world_fill(world, 10);
    fake_assign_all(world->broker, "a");
    world_live(world, 0, NULL);
    judge(world, 0);
    world->broker->offsets[EVENT_VIEW][0].next--;
    world_live(world, 0, NULL);
    CHECK(world->failed);
    CHECK_INT(world->totals.commits, 0);
    world_free(world);
}

/* ---- the end ---- */

struct stop_script {
    struct script script; /* first */
    long waits;
    int64_t committed; /* sum of the group's offsets at the stop */
};

static struct fake_fault stop_at(struct script *script, struct life *life, enum fake_call call)
{
    struct stop_script *self = (struct stop_script *)(void *)script;
    if (call == FAKE_WAIT && life->edge->calls[FAKE_WAIT] >= self->waits && in_batch(life->edge) &&
        !atomic_load(&life->run.stop)) {
        self->committed = committed_sum(life->world);
        atomic_store(&life->run.stop, true);
    }
    return (struct fake_fault){0};
}

/* A clean stop commits the batch that is open. */
static void test_clean_stop(void)
{
    static const char *const slow[] = {"commit.interval.ms=1000", "commit.min.ms=400", NULL};
    struct world *world = world_new(slow);
    struct stop_script script = {.script.before = stop_at, .waits = 2};
    world_fill(world, 20);
    fake_assign_all(world->broker, "a");
    world_live(world, 0, &script.script);
    CHECK(!world->failed);
    CHECK_SAY(committed_sum(world) > script.committed, "the open batch was not committed");
    CHECK(!fake_is_done(world->broker, NULL));
    CHECK_INT(world->totals.aborts, 0);
    judge_store(&world->guards[0]);
    world_finish(world, 0);
    world_free(world);
}

int main(void)
{
    setenv("WEFT_LOG", "error", 0);     /* expected troubles are many */
    mallopt(M_MMAP_THRESHOLD, 1 << 20); /* large tables come as zero pages, not by memset */
    TEST_RUN(test_lost_at_every_call);
    TEST_RUN(test_revoked_in_mid_batch);
    TEST_RUN(test_revoked_and_commit_fails);
    TEST_RUN(test_partitions_added);
    TEST_RUN(test_stale_assignment);
    TEST_RUN(test_group_moved_back);
    TEST_RUN(test_clean_stop);
    return test_done();
}
