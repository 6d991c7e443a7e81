/* The worker's recipe under random schedules: two processes over one Kafka in memory; errors of
 * every class, lost answers, unknown commits, kills, zombies, partitions that move, wiped stores
 * and full disks. The judge of fake_world.h is the naive model: it counts effects in the log. */
#include "tests/fake_world.h"

#include <malloc.h>
#include <stdarg.h>

#define TROUBLES_MAX 14 /* in a world; then all goes well, so that it ends */
#define LIVES_MAX 40

struct chaos {
    struct script script; /* first */
    struct random random;
    int troubles;
    int depth; /* lives inside lives */
    char story[2000];
};

__attribute__((format(printf, 3, 4))) static void tell(struct chaos *chaos, const struct life *life,
                                                       const char *format, ...)
{
    size_t size = strlen(chaos->story);
    va_list arguments;
    chaos->troubles--;
    if (sizeof chaos->story - size < 80)
        return;
    size += (size_t)snprintf(chaos->story + size, 20, "\n  %s: ", life->edge->instance);
    va_start(arguments, format);
    vsnprintf(chaos->story + size, sizeof chaos->story - size, format, arguments);
    va_end(arguments);
}

static void assign_randomly(struct chaos *chaos, struct world *world)
{
    for (int32_t p = 0; p < WORLD_PARTITIONS; p++)
        fake_assign(world->broker, p, process_names[random_below(&chaos->random, PROCESSES)]);
}

/* The process stands still; the other one lives a whole life meanwhile. */
static void stand_still(struct chaos *chaos, struct life *life, enum fake_call call)
{
    int other = 1 - life->process;
    bool takes_over = !random_one_in(&chaos->random, 4);
    if (chaos->depth > 0)
        return;
    tell(chaos, life, "stands still at %s %ld", fake_call_names[call], life->edge->calls[call]);
    fake_kick(life->edge);
    if (takes_over)
        fake_assign_all(life->world->broker, process_names[other]);
    else
        fake_assign(life->world->broker, 0, process_names[other]);
    chaos->depth++;
    world_live(life->world, other, &chaos->script);
    chaos->depth--;
    if (random_one_in(&chaos->random, 2))
        assign_randomly(chaos, life->world);
}

static struct fake_fault draw_fault(struct chaos *chaos, struct life *life, enum fake_call call)
{
    struct fake_fault fault = {
        .outcome = (enum edge_outcome)(EDGE_RETRIABLE + random_below(&chaos->random, 3))};
    bool known = call == FAKE_BEGIN || call == FAKE_PRODUCE ||
                 (call == FAKE_COMMIT && fault.outcome == EDGE_ABORTABLE);
    fault.applied = !known && random_one_in(&chaos->random, 2);
    fault.decided = call == FAKE_COMMIT && fault.outcome != EDGE_ABORTABLE && !fault.applied &&
                    random_one_in(&chaos->random, 2);
    tell(chaos, life, "%s %ld: outcome %d%s%s", fake_call_names[call], life->edge->calls[call],
         (int)fault.outcome, fault.applied ? ", applied" : "", fault.decided ? ", decided" : "");
    return fault;
}

static struct fake_fault make_trouble(struct script *script, struct life *life, enum fake_call call)
{
    struct chaos *chaos = (struct chaos *)(void *)script;
    struct fake_fault none = {0};
    if (call == FAKE_SEND_EARLY) /* test_early.c has its faults */
        return none;
    bool of_transaction = call >= FAKE_INIT && call <= FAKE_ABORT;
    uint32_t rarity = call == FAKE_NEXT ? 2000 : call == FAKE_PRODUCE ? 300 : 50;
    if (chaos->troubles <= 0 || !random_one_in(&chaos->random, rarity))
        return none;
    uint32_t kind = random_below(&chaos->random, 10);
    if (kind == 0) {
        tell(chaos, life, "dies at %s %ld", fake_call_names[call], life->edge->calls[call]);
        fake_kill(life->edge);
    } else if (kind == 1) {
        stand_still(chaos, life, call);
    } else if (kind == 2) {
        tell(chaos, life, "partitions move at %s %ld", fake_call_names[call],
             life->edge->calls[call]);
        assign_randomly(chaos, life->world);
    } else if (kind == 3) {
        tell(chaos, life, "stops at %s %ld", fake_call_names[call], life->edge->calls[call]);
        atomic_store(&life->run.stop, true);
    } else if (kind == 4) {
        tell(chaos, life, "time passes");
        fake_pass_time(life->world->broker, 1000000 * random_below(&chaos->random, 12));
    } else if (of_transaction) {
        return draw_fault(chaos, life, call);
    }
    return none;
}

static void run_world(uint64_t seed)
{
    static const char *const settings[][5] = {
        {"commit.interval.ms=40", NULL},
        {"commit.interval.ms=200", "commit.min.ms=60", NULL},
        {"batch.records.max=1", "visitor.cache.bytes=0", NULL},
        {"lists.early=on", "commit.interval.ms=300", "commit.min.ms=20",
         "session.timeout.ms=600000" /* a list always goes ahead; test_early.c has short ones */,
         NULL},
    };
    struct chaos chaos = {
        .script.before = make_trouble, .random = random_from(seed), .troubles = TROUBLES_MAX};
    struct world *world = world_new(settings[random_below(&chaos.random, 4)]);
    world_teach(world);
    world_fill(world, 40 + (int)random_below(&chaos.random, 60));
    fake_assign_all(world->broker, "a");
    unsigned long failed = test_failed;
    for (int i = 0; i < LIVES_MAX && !fake_is_done(world->broker, NULL); i++) {
        int process = (int)random_below(&chaos.random, PROCESSES);
        if (random_one_in(&chaos.random, 6))
            wipe_store(world, process);
        if (random_one_in(&chaos.random, 8) && chaos.troubles > 0)
            world->guards[process].writes_left = (int)random_below(&chaos.random, 5);
        assign_randomly(&chaos, world);
        world_live(world, process, &chaos.script);
        world->guards[process].writes_left = -1;
    }
    int last = (int)random_below(&chaos.random, PROCESSES);
    world_finish(world, last);
    if (world->config.settings.lists_early)
        judge_early(world);
    CHECK_SAY(test_failed == failed, "the story of seed %" PRIu64 ":%s", seed, chaos.story);
    world_free(world);
}

static void test_random_schedules(void)
{
    for (uint64_t seed = 1; seed <= TEST_ROUNDS(400); seed++)
        run_world(seed);
}

int main(void)
{
    setenv("WEFT_LOG", "error", 0);     /* expected troubles are many */
    mallopt(M_MMAP_THRESHOLD, 1 << 20); /* large tables come as zero pages, not by memset */
    TEST_RUN(test_random_schedules);
    return test_done();
}
