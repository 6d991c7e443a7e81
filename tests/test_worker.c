/* The worker's recipe of exactly-once against a Kafka in memory: every class of error at every call
 * of the transactional API, answers that are lost, kills at every call, zombies, revocations. After
 * each case the judge of fake_world.h counts the effects of every event, and compares the stores
 * with what Kafka shows. During each case every write into a store is judged. */
#include "tests/fake_world.h"

#include <malloc.h>

/* Sanitizers try fewer of the places at which a fault strikes. The workers of this test share one
 * thread: the thread sanitizer has nothing to find there, and takes longest. */
#if defined(__SANITIZE_THREAD__)
#define PLACE_STEP 4
#else
#define PLACE_STEP (1 + TEST_SANITIZED)
#endif

static const char *const small[] = {"commit.interval.ms=40", NULL};

/* ---- one fault ---- */

struct fault_script {
    struct script script; /* first */
    enum fake_call call;
    long nth, count; /* from the nth call on, so many */
    struct fake_fault fault;
    bool happened;
};

static struct fake_fault inject(struct script *script, struct life *life, enum fake_call call)
{
    struct fault_script *self = (struct fault_script *)(void *)script;
    long n = life->edge->calls[call];
    if (call != self->call || n < self->nth || n >= self->nth + self->count)
        return (struct fake_fault){0};
    self->happened = true;
    return self->fault;
}

static struct fault_script fault_at(enum fake_call call, long nth, long count,
                                    enum edge_outcome outcome)
{
    return (struct fault_script){.script.before = inject,
                                 .call = call,
                                 .nth = nth,
                                 .count = count,
                                 .fault.outcome = outcome};
}

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

struct kill_script {
    struct script script; /* first */
    long left;
};

static struct fake_fault kill_after(struct script *script, struct life *life, enum fake_call call)
{
    struct kill_script *self = (struct kill_script *)(void *)script;
    if (call != FAKE_NEXT && self->left-- == 0)
        fake_kill(life->edge);
    return (struct fake_fault){0};
}

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

/* ---- records that are too large for their topic ---- */

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

/* ---- rebalances ---- */

struct rebalance_script {
    struct script script; /* first */
    enum fake_call call;
    long nth;
    bool lost;     /* the process stands still while the other takes everything over */
    bool split;    /* one partition goes, the other stays */
    bool in_batch; /* only with a transaction open */
    bool happened;
    int64_t
        committed; /* sum of the group's offsets, or of the changelogs' ends, when it happened */
};

static bool in_batch(const struct fake_edge *edge)
{
    return edge->slots[0].state == SLOT_IN || edge->slots[1].state == SLOT_IN;
}

static int64_t committed_sum(const struct world *world)
{
    int64_t sum = 0;
    for (int32_t p = 0; p < WORLD_PARTITIONS; p++)
        sum += world->broker->offsets[EVENT_VIEW][p].next;
    return sum;
}

static struct fake_fault take_away(struct script *script, struct life *life, enum fake_call call)
{
    struct rebalance_script *self = (struct rebalance_script *)(void *)script;
    struct world *world = life->world;
    if (self->happened || call != self->call || life->edge->calls[call] < self->nth ||
        (self->in_batch && !in_batch(life->edge)))
        return (struct fake_fault){0};
    self->happened = true;
    self->committed = committed_sum(world);
    if (self->split)
        fake_assign(world->broker, 1, "b");
    else
        fake_assign_all(world->broker, "b");
    if (self->lost) {
        fake_kick(life->edge);
        world_live(world, 1, NULL);
    }
    return (struct fake_fault){0};
}

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

/* ---- without transactions ---- */

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
    TEST_RUN(test_large_garbage);
    TEST_RUN(test_known_size_needs_no_abort);
    TEST_RUN(test_large_visitor);
    TEST_RUN(test_limit_is_lowered);
    TEST_RUN(test_topic_too_small);
    TEST_RUN(test_store_fails);
    TEST_RUN(test_lost_at_every_call);
    TEST_RUN(test_revoked_in_mid_batch);
    TEST_RUN(test_revoked_and_commit_fails);
    TEST_RUN(test_partitions_added);
    TEST_RUN(test_stale_assignment);
    TEST_RUN(test_group_moved_back);
    TEST_RUN(test_clean_stop);
    TEST_RUN(test_at_least_once);
    TEST_RUN(test_plain_death_in_flush);
    TEST_RUN(test_presence);
    return test_done();
}
