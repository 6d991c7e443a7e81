/* Which partitions a worker accepts, where it goes on, and whom it fences. */
#include "processors/runtime/visitors/assignment.h"

#include "tests/fake_edge.h"
#include "tests/test.h"

#define PARTITIONS 2

static void ignore_assigned(struct edge_group *group, struct edge_place *places, size_t count)
{
    (void)group;
    (void)places;
    (void)count;
}

static void ignore_revoked(struct edge_group *group, bool lost)
{
    (void)group;
    (void)lost;
}

struct bench {
    struct config config;
    struct run run;
    struct fake_broker *broker;
    struct kafka_edge *edge;
    struct edge_group group;
    struct assignment assignment;
    struct edge_place places[INPUT_TOPICS * PARTITIONS];
    size_t count;
    uint64_t lost;
};

static struct bench *bench_new(void)
{
    struct bench *bench = memory_zero(1, sizeof *bench);
    struct error error = {0};
    config_init(&bench->config);
    CHECK(config_finish(&bench->config, &error) == VERDICT_OK);
    CHECK(topology_build(&bench->config, &bench->run.topology, &error) == VERDICT_OK);
    bench->run.config = &bench->config;
    bench->run.partitions = PARTITIONS;
    bench->run.store = store_memory_new();
    bench->broker = fake_broker_new(&bench->run.topology, PARTITIONS);
    fake_config(&bench->config, bench->broker);
    bench->edge = &fake_edge_new(bench->broker, "a", NULL)->edge;
    bench->group = (struct edge_group){.assigned = ignore_assigned, .revoked = ignore_revoked};
    CHECK(bench->edge->join(bench->edge, "a-0", &bench->group, &error) == VERDICT_OK);
    bench->assignment = (struct assignment){
        .run = &bench->run, .edge = bench->edge, .member = "a-0", .name = "test"};
    for (int i = 0; i < INPUT_TOPICS; i++)
        for (int32_t p = 0; p < PARTITIONS; p++)
            bench->places[bench->count++] = (struct edge_place){
                .topic = bench->run.topology.topics[i], .partition = p, .offset = -1};
    return bench;
}

static void bench_free(struct bench *bench)
{
    bench->edge->leave(bench->edge);
    bench->edge->close_consumer(bench->edge);
    bench->edge->free(bench->edge);
    CHECK_SAY(bench->broker->broken[0] == '\0', "%s", bench->broker->broken);
    bench->run.store->free(bench->run.store);
    fake_broker_free(bench->broker);
    free(bench);
}

static enum verdict check(struct bench *bench, size_t count, bool *ret_stale)
{
    return assignment_check(&bench->assignment, bench->places, count, ret_stale, NULL);
}

static void test_complete(void)
{
    struct bench *bench = bench_new();
    bool stale;
    CHECK(check(bench, bench->count, &stale) == VERDICT_OK && !stale);
    CHECK(check(bench, 0, &stale) == VERDICT_OK && !stale);
    for (size_t i = 1; i < bench->count; i++)
        CHECK(check(bench, i, &stale) == VERDICT_RETRY && stale);
    bench->places[0].topic = "another";
    CHECK(check(bench, bench->count, &stale) == VERDICT_RETRY && stale);
    bench->broker->answered_partitions[3] = PARTITIONS + 1;
    CHECK(check(bench, bench->count, &stale) == VERDICT_FATAL && !stale);
    bench_free(bench);
}

static void store_offset(struct bench *bench, int input, int32_t partition, int64_t offset)
{
    struct store_batch batch = {0};
    batch_put_offset(&batch, OFFSETS_INPUT, bench->run.topology.topics[input], partition, offset);
    CHECK(bench->run.store->write(bench->run.store, &batch, NULL) == VERDICT_OK);
    batch_release(&batch);
}

static enum verdict find_offsets(struct bench *bench)
{
    return assignment_offsets(&bench->assignment, bench->places, bench->count, &bench->lost, NULL);
}

/* Records that are there, so that an offset among them is one that the partition has. */
static void fill(struct bench *bench, int input, int32_t partition, int records)
{
    for (int i = 0; i < records; i++)
        fake_append(bench->broker, (enum topic)input, partition, bytes_text("v"), bytes_text("{}"),
                    0);
}

/* A group that was away from the requests to erase users goes on; the log says what may be lost. */
static void test_lost_requests(void)
{
    struct bench *bench = bench_new();
    bench->broker->delete_retention_ms = 1000;
    for (int i = 0; i < 3; i++)
        fake_append(bench->broker, TOPIC_USER, 1, bytes_text("u"), bytes_of(NULL, 0), 0);
    bench->broker->offsets[TOPIC_USER][1].next = 1;
    CHECK(find_offsets(bench) == VERDICT_OK);
    CHECK_INT(bench->places[TOPIC_USER * PARTITIONS + 1].offset, 1);
    bench_free(bench);
}

static void set_group(struct bench *bench, int input, int32_t partition, int64_t offset,
                      const char *owner)
{
    struct fake_offsets *offsets = &bench->broker->offsets[input][partition];
    offsets->next = offset;
    snprintf(offsets->owner, sizeof offsets->owner, "%s", owner);
}

/* The group's offset; without one the store's; without both the beginning. */
static void test_where_to_go_on(void)
{
    struct bench *bench = bench_new();
    for (int i = 0; i < 2; i++)
        for (int32_t p = 0; p < PARTITIONS; p++)
            fill(bench, i, p, 10);
    set_group(bench, 0, 0, 7, "b-0");
    set_group(bench, 0, 1, 9, "b-0");
    store_offset(bench, 0, 0, 7);
    store_offset(bench, 0, 1, 5); /* one transaction behind */
    store_offset(bench, 1, 0, 4);
    CHECK(find_offsets(bench) == VERDICT_OK);
    CHECK_INT(bench->places[0].offset, 7);
    CHECK_INT(bench->places[1].offset, 9);
    CHECK_INT(bench->places[2].offset, 4);
    CHECK_INT(bench->places[3].offset, -1);
    store_offset(bench, 0, 0, 8);
    CHECK(find_offsets(bench) == VERDICT_FATAL); /* the group was moved back */
    bench_free(bench);
}

/* Retention took records that were not read. */
static void test_retention(void)
{
    struct bench *bench = bench_new();
    fill(bench, 0, 0, 30);
    fill(bench, 0, 1, 30);
    bench->broker->lows[0][0] = bench->broker->lows[0][1] = 20;
    set_group(bench, 0, 0, 7, "b-0");
    store_offset(bench, 0, 1, 12); /* the group's is gone */
    CHECK(find_offsets(bench) == VERDICT_OK);
    CHECK_INT(bench->places[0].offset, 20);
    CHECK_INT(bench->places[1].offset, 20);
    CHECK_INT(bench->lost, 13 + 8);
    bench_free(bench);
}

/* An operator's tool names no owner. */
static void test_moved_forward(void)
{
    struct bench *bench = bench_new();
    fill(bench, 0, 0, 30);
    fill(bench, 0, 1, 30);
    store_offset(bench, 0, 0, 5);
    store_offset(bench, 0, 1, 5);
    set_group(bench, 0, 0, 25, "");
    set_group(bench, 0, 1, 25, "b-0"); /* another process read on */
    CHECK(find_offsets(bench) == VERDICT_OK);
    CHECK_INT(bench->places[0].offset, 25);
    CHECK_INT(bench->places[1].offset, 25);
    CHECK_INT(bench->lost, 20);
    bench_free(bench);
}

/* The topic ends before what was read: it was created again. Kafka forgets the group's offset with
 * a topic. A process that comes later finds the group's offset behind its own. */
static void test_created_again(void)
{
    struct bench *bench = bench_new();
    fill(bench, 0, 0, 3);
    store_offset(bench, 0, 0, 50);
    CHECK(find_offsets(bench) == VERDICT_OK);
    CHECK_INT(bench->places[0].offset, 0);
    set_group(bench, 0, 0, 2, "b-0");
    CHECK(find_offsets(bench) == VERDICT_OK);
    CHECK_INT(bench->places[0].offset, 2);
    CHECK_INT(bench->lost, 0);
    bench_free(bench);
}

/* Opens a transaction of a member on the first partition, and lets the group's offset name it. */
static void leave_open(struct bench *bench, const char *member, const char *id)
{
    int number = fake_find_id(bench->broker, id);
    fake_transaction_of(bench->broker, number)->offsets[0][0].next = 9;
    bench->broker->offsets[0][0].next = 7;
    snprintf(bench->broker->offsets[0][0].owner, MEMBER_NAME_MAX, "%s", member);
}

/* A transaction on the offsets is open. Its owner is gone, so it is fenced at once. */
static void test_fences_the_gone(void)
{
    struct bench *bench = bench_new();
    char id[2 * CONFIG_TEXT_MAX];
    int64_t began_us = bench->broker->now_us;
    snprintf(id, sizeof id, "%s-b-0-a", bench->config.application_id);
    fill(bench, 0, 0, 10);
    leave_open(bench, "b-0", id);
    CHECK(find_offsets(bench) == VERDICT_OK);
    CHECK_INT(bench->places[0].offset, 7);
    CHECK_INT(bench->broker->ids[0].open, -1);
    CHECK(bench->broker->now_us - began_us < 5000000);
    bench_free(bench);
}

/* Its owner is still in the group: nobody fences it, it ends by itself. */
static void test_spares_the_living(void)
{
    struct bench *bench = bench_new();
    struct kafka_edge *other = &fake_edge_new(bench->broker, "b", NULL)->edge;
    char id[2 * CONFIG_TEXT_MAX];
    int64_t began_us = bench->broker->now_us;
    CHECK(other->join(other, "b-0", &bench->group, NULL) == VERDICT_OK);
    snprintf(id, sizeof id, "%s-b-0-a", bench->config.application_id);
    leave_open(bench, "b-0", id);
    CHECK(find_offsets(bench) == VERDICT_OK);
    CHECK(bench->broker->now_us - began_us >= FAKE_TRANSACTION_TIMEOUT_US);
    other->leave(other);
    other->close_consumer(other);
    other->free(other);
    bench_free(bench);
}

/* Offsets of its own, and of names that are too long, fence nobody. */
static void test_fences_no_other(void)
{
    struct bench *bench = bench_new();
    bench->broker->offsets[0][0].next = 7;
    snprintf(bench->broker->offsets[0][0].owner, MEMBER_NAME_MAX, "a-0");
    bench->broker->offsets[1][0].next = 7;
    memset(bench->broker->offsets[1][0].owner, 'x', CONFIG_TEXT_MAX);
    CHECK(find_offsets(bench) == VERDICT_OK);
    CHECK_INT(bench->broker->id_count, 0);
    bench_free(bench);
}

int main(void)
{
    setenv("WEFT_LOG", "error", 0);
    TEST_RUN(test_complete);
    TEST_RUN(test_where_to_go_on);
    TEST_RUN(test_retention);
    TEST_RUN(test_moved_forward);
    TEST_RUN(test_created_again);
    TEST_RUN(test_lost_requests);
    TEST_RUN(test_fences_the_gone);
    TEST_RUN(test_spares_the_living);
    TEST_RUN(test_fences_no_other);
    return test_done();
}
