/* The worker's recipe of exactly-once against a Kafka in memory: every class of error at every call
 * of the transactional API, answers that are lost, and kills at every call. After each case the
 * judge of fake_world.h counts the effects of every event, and compares the stores with what Kafka
 * shows. During each case every write into a store is judged. */
#include "tests/fake_scripts.h"

#include <malloc.h>

/* Sanitizers try fewer of the places at which a fault strikes. The workers of this test share one
 * thread: the thread sanitizer has nothing to find there, and takes longest. */
#if defined(__SANITIZE_THREAD__)
#define PLACE_STEP 4
#else
#define PLACE_STEP (1 + TEST_SANITIZED)
#endif

static void run_fault(struct fault_script script, int events)
{
    struct world *world = world_new(small);
    world_fill(world, events);
    world->arrives_us += 6000000; /* there is more to do after calls without an answer */
    world_fill(world, 12);
    fake_assign_all(world->broker, "a");
    world_live(world, 0, &script.script);
    unsigned long failed = test_failed;
    world_finish(world, 0);
    CHECK_SAY(test_failed == failed,
              "after %s, call %ld for %ld, outcome %d, applied %d, decided %d",
              fake_call_names[script.call], script.nth, script.count, (int)script.fault.outcome,
              script.fault.applied, script.fault.decided);
    world_free(world);
}

static void test_no_fault(void)
{
    struct world *world = world_new(small);
    world_fill(world, 30);
    fake_assign_all(world->broker, "a");
    world_live(world, 0, NULL);
    CHECK(!world->failed);
    CHECK(world->totals.commits >= 8);
    CHECK_INT(world->totals.aborts, 0);
    CHECK_INT(world->totals.counts.fates[FATE_DUPLICATE], 0);
    judge(world, 0);
    world_free(world);
}

static const enum fake_call transactional[] = {FAKE_INIT,  FAKE_BEGIN,        FAKE_PRODUCE,
                                               FAKE_FLUSH, FAKE_SEND_OFFSETS, FAKE_COMMIT};

/* Every class at every call, the first calls of each kind: those at the start, whose transactions
 * are the warm-up's, and those of batches. With the effect and without. */
static void test_every_class_at_every_call(void)
{
    for (size_t i = 0; i < sizeof transactional / sizeof *transactional; i++) {
        enum fake_call call = transactional[i];
        for (long nth = 1; nth <= 8; nth += PLACE_STEP) {
            for (int outcome = EDGE_RETRIABLE; outcome <= EDGE_FATAL; outcome++) {
                struct fault_script script = fault_at(call, nth, 1, (enum edge_outcome)outcome);
                run_fault(script, 20);
                script.fault.applied = call != FAKE_BEGIN && call != FAKE_PRODUCE &&
                                       !(call == FAKE_COMMIT && outcome == EDGE_ABORTABLE);
                if (script.fault.applied)
                    run_fault(script, 20);
            }
        }
    }
}

/* Rights or settings are wrong at each call in turn: the process ends with the reason, and after
 * the operator has mended them the next one goes on without a loss. */
static void test_setup_at_every_call(void)
{
    for (size_t i = 0; i < sizeof transactional / sizeof *transactional; i++) {
        long calls = transactional[i] == FAKE_INIT ? 2 : 6; /* a worker has two producers */
        for (long nth = 1; nth <= calls; nth++) {
            struct world *world = world_new(small);
            struct fault_script script = fault_at(transactional[i], nth, 1000000, EDGE_SETUP);
            world_fill(world, 20);
            fake_assign_all(world->broker, "a");
            world_live(world, 0, &script.script);
            CHECK_SAY(world->failed && script.happened, "%s, call %ld: the process went on",
                      fake_call_names[transactional[i]], nth);
            world_finish(world, 0);
            world_free(world);
        }
    }
}

struct name_script {
    struct fault_script fault; /* first */
    const char *refused;
};

static struct fake_fault take_name(struct script *script, struct life *life, enum fake_call call)
{
    const char *refused = ((struct name_script *)(void *)script)->refused;
    struct fake_fault fault = inject(script, life, call);
    life->edge->replaced |= fault.outcome != EDGE_OK && refused == NULL;
    life->edge->refused = fault.outcome != EDGE_OK ? refused : NULL;
    return fault; /* polls ignore it */
}

/* Another process takes the member's name. The process ends; the other one loses nothing. */
static void test_same_name(void)
{
    static const char *const told[] = {NULL, "fenced by another process"};
    for (int i = 0; i < 2; i++) {
        struct world *world = world_new(small);
        struct name_script script = {
            .fault = fault_at(i ? FAKE_POLL : FAKE_COMMIT, i ? 3 : 5, 1, EDGE_FATAL),
            .refused = told[i]};
        script.fault.script.before = take_name;
        world_fill(world, 20);
        fake_assign_all(world->broker, "a");
        world_live(world, 0, &script.fault.script);
        CHECK_SAY(world->failed && script.fault.happened, "case %d: the process went on", i);
        world_finish(world, 0);
        world_free(world);
    }
}

/* ---- the price of a commit ---- */

struct slow_script {
    struct script script; /* first */
    int64_t us;           /* that each commit takes */
};

static struct fake_fault slow_down(struct script *script, struct life *life, enum fake_call call)
{
    if (call == FAKE_COMMIT)
        fake_pass_time(life->world->broker, ((struct slow_script *)(void *)script)->us);
    return (struct fake_fault){0};
}

static uint64_t count_commits(const char *share, int64_t commit_us)
{
    const char *const settings[] = {"commit.interval.ms=1000", share, NULL};
    struct slow_script script = {.script.before = slow_down, .us = commit_us};
    struct world *world = world_new(settings);
    world_fill(world, 160); /* 2.4 seconds of events */
    fake_assign_all(world->broker, "a");
    world_live(world, 0, &script.script);
    uint64_t commits = world->totals.commits;
    world_finish(world, 0);
    world_free(world);
    return commits;
}

/* 160 events arrive in 2.4 seconds. A commit of 40 ms, which may take a quarter of the time, comes
 * each 160 ms; one of 2 ms for each event or two. */
static void test_price(void)
{
    uint64_t all = count_commits("commit.share.percent=0", 40000);
    uint64_t priced = count_commits("commit.share.percent=25", 40000);
    uint64_t cheap = count_commits("commit.share.percent=25", 2000);
    CHECK_SAY(priced >= 10 && priced <= 22, "%llu", (unsigned long long)priced);
    CHECK_SAY(all > priced + priced / 2, "%llu, %llu", (unsigned long long)all,
              (unsigned long long)priced);
    CHECK_SAY(cheap > 3 * priced, "%llu", (unsigned long long)cheap);
}

/* No answer for longer than the worker's patience of a minute. */
static void test_no_answer(void)
{
    for (size_t i = 0; i < sizeof transactional / sizeof *transactional; i++) {
        enum fake_call call = transactional[i];
        long count = call == FAKE_PRODUCE ? 500 : 90;
        for (long nth = 1; nth <= 6; nth++)
            run_fault(fault_at(call, nth, count, EDGE_RETRIABLE), 20);
    }
}

/* The outcome of a commit is unknown: the broker committed at once, has decided to, or did not. It
 * tells after some calls, or not within the worker's patience. */
static void test_unknown_commit(void)
{
    for (int kind = 0; kind < 3; kind++) {
        for (long nth = 3; nth <= 6; nth++) {
            for (long count = 1; count <= 81; count += count < 5 ? 1 : 76) {
                struct fault_script script = fault_at(FAKE_COMMIT, nth, count, EDGE_RETRIABLE);
                script.fault.applied = kind == 1;
                script.fault.decided = kind == 2;
                run_fault(script, 20);
            }
        }
    }
}

/* Somebody stops the process after 150 calls. */
static struct fake_fault inject_until_stopped(struct script *script, struct life *life,
                                              enum fake_call call)
{
    const struct fault_script *self = (struct fault_script *)(void *)script;
    if (life->edge->calls[self->call] > 150)
        atomic_store(&life->run.stop, true);
    return inject(script, life, call);
}

/* The store says exactly what was known when the outcome of a commit stayed unknown. The worker
 * waits for an answer as long as it is not stopped. */
static void test_unknown_commit_writes_nothing(void)
{
    struct world *world = world_new(small);
    struct fault_script script = fault_at(FAKE_COMMIT, 4, 1000000, EDGE_RETRIABLE);
    script.fault.applied = true; /* from then on no commit ever gets an answer */
    script.script.before = inject_until_stopped;
    world_fill(world, 20);
    fake_assign_all(world->broker, "a");
    world_live(world, 0, &script.script);
    CHECK(!world->failed && script.happened);
    int64_t stored = 0, committed = 0;
    for (int32_t p = 0; p < WORLD_PARTITIONS; p++) {
        stored += stored_offset(&world->guards[0], OFFSETS_INPUT, TOPIC_VIEW, p);
        committed += world->broker->offsets[EVENT_VIEW][p].next;
    }
    CHECK_SAY(stored < committed, "the store is at %d, the group at %d", (int)stored,
              (int)committed);
    world_finish(world, 0);
    world_free(world);
}

/* An abort that fails is made up for by the next initialisation. */
static void test_abort_fails(void)
{
    for (int outcome = EDGE_RETRIABLE; outcome <= EDGE_FATAL; outcome++) {
        struct world *world = world_new(small);
        struct fault_script first = fault_at(FAKE_SEND_OFFSETS, 2, 1, EDGE_ABORTABLE);
        world_fill(world, 20);
        fake_assign_all(world->broker, "a");
        struct fault_script script = fault_at(FAKE_ABORT, 1, 1, (enum edge_outcome)outcome);
        world_live(world, 0, &first.script);
        CHECK(first.happened);
        CHECK_INT(world->totals.aborts, 1);
        world_live(world, 0, &script.script);
        world_finish(world, 0);
        world_free(world);
    }
}

/* ---- kills ---- */

/* The process dies at each of its calls in turn; then it comes back with its store, with an empty
 * one, or another process takes over. */
static void test_kill_at_every_call(void)
{
    bool ended = false;
    for (long calls = 0; !ended; calls++) {
        struct world *world = world_new(small);
        struct kill_script script = {.script.before = kill_after, .left = calls};
        world_fill(world, 20);
        fake_assign_all(world->broker, "a");
        world_live(world, 0, &script.script);
        ended = script.left >= 0;
        if (calls % 3 == 1)
            wipe_store(world, 0);
        world_finish(world, calls % 3 == 2);
        world_free(world);
    }
}

/* The disk is full at each write in turn: fatal, and nothing is lost. */
static void test_store_fails(void)
{
    for (int writes = 0; writes < 6; writes++) {
        struct world *world = world_new(small);
        world_fill(world, 20);
        fake_assign_all(world->broker, "a");
        world->guards[0].writes_left = writes;
        world_live(world, 0, NULL);
        CHECK(world->failed);
        world->guards[0].writes_left = -1;
        world_finish(world, 0);
        world_free(world);
    }
}

int main(void)
{
    setenv("WEFT_LOG", "error", 0);     /* expected troubles are many */
    mallopt(M_MMAP_THRESHOLD, 1 << 20); /* large tables come as zero pages, not by memset */
    TEST_RUN(test_no_fault);
    TEST_RUN(test_every_class_at_every_call);
    TEST_RUN(test_setup_at_every_call);
    TEST_RUN(test_price);
    TEST_RUN(test_same_name);
    TEST_RUN(test_no_answer);
    TEST_RUN(test_unknown_commit);
    TEST_RUN(test_unknown_commit_writes_nothing);
    TEST_RUN(test_abort_fails);
    TEST_RUN(test_kill_at_every_call);
    TEST_RUN(test_store_fails);
    return test_done();
}
