/* The worker without transactions (at_least_once) against a Kafka in memory. */
#include "tests/fake_scripts.h"

#include <malloc.h>

static const char *const plain[] = {"commit.interval.ms=40", "processing.guarantee=at_least_once",
                                    NULL};

static void judge_store_behind(struct world *world)
{
    for (int i = 0; i < PROCESSES; i++)
        for (int32_t p = 0; p < WORLD_PARTITIONS; p++)
            CHECK(stored_offset(&world->guards[i], OFFSETS_INPUT, TOPIC_VIEW, p) <=
                  world->broker->offsets[EVENT_VIEW][p].next);
}

static void test_at_least_once(void)
{
    bool ended = false;
    for (long calls = 0; !ended; calls++) {
        struct world *world = world_new(plain);
        struct kill_script script = {.script.before = kill_after, .left = calls};
        world_fill(world, 20);
        fake_assign_all(world->broker, "a");
        world_live(world, 0, &script.script);
        ended = script.left >= 0;
        judge_store_behind(world);
        fake_assign_all(world->broker, process_names[calls % 2]);
        world_live(world, (int)(calls % 2), NULL);
        CHECK(!world->failed);
        CHECK_SAY(world->broker->broken[0] == '\0', "%s", world->broker->broken);
        CHECK(fake_is_done(world->broker, NULL));
        judge_effects(world);
        judge_store_behind(world);
        world_free(world);
    }
}

/* The process dies while its outputs are delivered in any order. The changelog must not be there
 * before them: its events would count as known, and nothing written of them. */
static struct fake_fault die_in_flush(struct script *script, struct life *life, enum fake_call call)
{
    struct fault_script *self = (struct fault_script *)(void *)script;
    if (self->happened)
        fake_kill(life->edge);
    return inject(script, life, call);
}

static void test_plain_death_in_flush(void)
{
    for (long nth = 3; nth < 12; nth++) {
        struct world *world = world_new(plain);
        struct fault_script script = fault_at(FAKE_FLUSH, nth, 1, EDGE_RETRIABLE);
        script.script.before = die_in_flush;
        script.fault.applied = true;
        world_fill(world, 20);
        fake_assign_all(world->broker, "a");
        world_live(world, 0, &script.script);
        CHECK(script.happened);
        world_live(world, 0, NULL);
        CHECK(fake_is_done(world->broker, NULL));
        judge_effects(world);
        judge_store_behind(world);
        world_free(world);
    }
}

/* Without a transaction nothing fences a process that stood still: it must see so by itself, and
 * write no changelog over the newer one. */
static struct fake_fault stand_still(struct script *script, struct life *life, enum fake_call call)
{
    struct rebalance_script *self = (struct rebalance_script *)(void *)script;
    bool happened = self->happened;
    struct fake_broker *broker = life->world->broker;
    take_away(script, life, call);
    if (self->happened && !happened) {
        fake_pass_time(broker, (life->world->config.session_timeout_ms + 1000) * 1000);
        self->committed = 0;
        for (int32_t p = 0; p < WORLD_PARTITIONS; p++)
            self->committed += (int64_t)broker->logs[TOPIC_VISITOR_CHANGELOG][p].count;
    }
    return (struct fake_fault){0};
}

static void test_presence(void)
{
    for (long nth = 20; nth < 60; nth += 4) {
        struct world *world = world_new(plain);
        struct rebalance_script script = {
            .script.before = stand_still, .call = FAKE_NEXT, .nth = nth, .lost = true};
        world_fill(world, 20);
        fake_assign_all(world->broker, "a");
        world_live(world, 0, &script.script);
        CHECK(script.happened);
        CHECK(!world->failed);
        for (int32_t p = 0; p < WORLD_PARTITIONS; p++)
            script.committed -= (int64_t)world->broker->logs[TOPIC_VISITOR_CHANGELOG][p].count;
        CHECK_SAY(script.committed == 0, "it wrote the changelog after it stood still");
        judge_effects(world);
        judge_store_behind(world);
        world_free(world);
    }
}

int main(void)
{
    setenv("WEFT_LOG", "error", 0);     /* expected troubles are many */
    mallopt(M_MMAP_THRESHOLD, 1 << 20); /* large tables come as zero pages, not by memset */
    TEST_RUN(test_at_least_once);
    TEST_RUN(test_plain_death_in_flush);
    TEST_RUN(test_presence);
    return test_done();
}
