/* Retention takes records that the worker has not read, while it runs: it goes on where the
 * partition begins, and counts what it lost. */
#include "tests/fake_world.h"

struct cut_script {
    struct script script; /* first */
    long nth;             /* call of next() */
    bool happened;
};

/* Retention takes all but the newest record of each partition, at any time. */
static struct fake_fault cut(struct script *script, struct life *life, enum fake_call call)
{
    struct cut_script *self = (struct cut_script *)(void *)script;
    struct fake_broker *broker = life->world->broker;
    if (call == FAKE_NEXT && !self->happened && life->edge->calls[call] >= self->nth) {
        self->happened = true;
        for (int32_t p = 0; p < broker->partitions; p++) {
            int64_t arrived = fake_arrived(broker, TOPIC_VIEW, p);
            broker->lows[EVENT_VIEW][p] = arrived > 0 ? arrived - 1 : 0;
        }
    }
    return (struct fake_fault){0};
}

/* The worker goes on where the partition begins, and counts what it lost. */
static void test_retention_at_any_time(void)
{
    uint64_t lost = 0;
    for (long nth = 5; nth <= 45; nth += 5) {
        struct world *world = world_new(small);
        struct cut_script script = {.script.before = cut, .nth = nth};
        uint64_t records = 0;
        fake_assign_all(world->broker, "a");
        world_fill(world, 30);
        world_live(world, 0, NULL); /* each partition has an offset of the group */
        world_fill(world, 60);
        for (int32_t p = 0; p < world->broker->partitions; p++)
            records += world->broker->logs[EVENT_VIEW][p].count;
        fake_pass_time(world->broker, world->arrives_us - world->broker->now_us); /* a backlog */
        world_live(world, 0, &script.script);
        CHECK(!world->failed && script.happened);
        CHECK_SAY(world->broker->broken[0] == '\0', "%s", world->broker->broken);
        CHECK_INT(world->totals.lost + world->counted, records);
        lost += world->totals.lost;
        world_free(world);
    }
    CHECK(lost > 0);
}

int main(void)
{
    TEST_RUN(test_retention_at_any_time);
    return test_done();
}
