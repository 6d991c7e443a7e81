/* A task: heads in the order of their time, and how long an empty input holds the others back. */
#include "processors/runtime/visitors/task.h"

#include "tests/fake_edge.h"
#include "tests/test.h"

#define START_MS 1700000000000
#define IDLE_US 2000000
#define HOUR_MS 3600000ll

struct bench {
    struct config config;
    struct topology topology;
    struct fake_broker *broker;
    struct fake_edge *fake;
    struct kafka_edge *edge;
    struct outlet outlet;
    struct store *store;
    struct model *model;
    struct catalogue *catalogue;
    struct pipeline *pipeline;
    struct task *task;
    int events;
};

static struct bench *bench_new(void)
{
    struct bench *bench = memory_zero(1, sizeof *bench);
    struct error error = {0};
    config_init(&bench->config);
    CHECK(config_finish(&bench->config, &error) == VERDICT_OK);
    CHECK(topology_build(&bench->config, &bench->topology, &error) == VERDICT_OK);
    bench->broker = fake_broker_new(&bench->topology, 1);
    bench->fake = fake_edge_new(bench->broker, "a", NULL);
    bench->edge = &bench->fake->edge;
    bench->store = store_memory_new();
    bench->model = model_new(&bench->config.settings.model);
    bench->catalogue = catalogue_new(&bench->config.settings.catalogue);
    CHECK(pipeline_new(&bench->config, &bench->topology, bench->store, bench->model,
                       bench->catalogue, &bench->outlet, NULL, &bench->pipeline,
                       &error) == VERDICT_OK);
    bench->task = task_new(bench->edge, &bench->topology, 0);
    return bench;
}

static void bench_free(struct bench *bench)
{
    task_free(bench->task, bench->edge);
    bench->edge->free(bench->edge);
    CHECK_SAY(bench->broker->broken[0] == '\0', "%s", bench->broker->broken);
    pipeline_free(bench->pipeline);
    bench->store->free(bench->store);
    model_free(bench->model);
    catalogue_free(bench->catalogue);
    fake_broker_free(bench->broker);
    free(bench);
}

static void add(struct bench *bench, enum event_type type, int64_t time_ms)
{
    static const char *const bodies[] = {
        [EVENT_VIEW] = "\"item\":{\"item_id\":\"i\"}",
        [EVENT_SEARCH] = "\"search_term\":\"s\"",
        [EVENT_CART] = "\"action\":\"add\",\"items\":[{\"item_id\":\"i\"}]",
    };
    char text[300];
    snprintf(text, sizeof text,
             "{\"event_id\":\"e%d\",\"visitor_id\":\"v\",\"event_time\":%" PRId64 ",%s}",
             bench->events++, START_MS + time_ms, bodies[type]);
    fake_append(bench->broker, (enum topic)type, 0, bytes_text("v"), bytes_text(text), 0);
}

/* The next head at this time; `ret_wait_us` as task_next() leaves it. */
static struct input *look(struct bench *bench, int64_t *ret_wait_us)
{
    int64_t now_us = bench->broker->now_us;
    *ret_wait_us = INT64_MAX;
    task_fill(bench->task, bench->edge, bench->pipeline, now_us);
    return task_next(bench->task, IDLE_US, now_us, ret_wait_us);
}

/* Three inputs, each sorted: the task merges them. */
static void test_oldest_first(void)
{
    static const enum event_type types[] = {EVENT_VIEW, EVENT_SEARCH, EVENT_CART};
    struct random random = random_from(31);
    struct bench *bench = bench_new();
    int64_t times_ms[3] = {0}, last_ms = INT64_MIN, wait_us;
    for (int i = 0; i < 300; i++) {
        uint32_t k = random_below(&random, 3);
        add(bench, types[k], times_ms[k] += random_below(&random, 1000));
    }
    for (int i = 0; i < 300; i++) {
        struct input *input = look(bench, &wait_us);
        CHECK(input != NULL);
        if (input == NULL)
            break;
        CHECK_SAY(input->decoded, "%s", input->why.message);
        CHECK_SAY(input->time_ms >= last_ms, "record %d is older than the one before", i);
        last_ms = input->time_ms;
        input_advance(input, bench->edge);
        CHECK_INT(input->next, input->position);
    }
    CHECK(look(bench, &wait_us) == NULL);
    CHECK_INT(wait_us, INT64_MAX);
    bench_free(bench);
}

/* An input that is empty, but not known to be at its end, may bring an older record. */
static void test_idle_waiting(void)
{
    struct bench *bench = bench_new();
    int64_t wait_us, began_us = bench->broker->now_us;
    bench->broker->silent_ends = true;
    add(bench, EVENT_VIEW, 5000);
    CHECK(look(bench, &wait_us) == NULL);
    CHECK_INT(wait_us, began_us + IDLE_US);
    fake_pass_time(bench->broker, IDLE_US / 2);
    add(bench, EVENT_CART, 4000); /* the older one comes in time */
    CHECK(look(bench, &wait_us) == NULL);
    CHECK_INT(wait_us, began_us + IDLE_US);
    fake_pass_time(bench->broker, IDLE_US / 2);
    struct input *input = look(bench, &wait_us);
    CHECK(input && input->type == EVENT_CART);
    input_advance(input, bench->edge);
    CHECK(look(bench, &wait_us) == NULL); /* now the cart is empty, and may bring more */
    CHECK_INT(wait_us, bench->broker->now_us + IDLE_US);
    bench->broker->silent_ends = false; /* its end is heard of */
    bench->broker->now_us++;
    input = look(bench, &wait_us);
    CHECK(input && input->type == EVENT_VIEW);
    bench_free(bench);
}

/* A record that can't be decoded has no time: it goes first, and holds nothing up. */
static void test_garbage_first(void)
{
    struct bench *bench = bench_new();
    int64_t wait_us;
    add(bench, EVENT_VIEW, 1000);
    fake_append(bench->broker, TOPIC_CART, 0, bytes_text("v"), bytes_text("garbage"), 0);
    struct input *input = look(bench, &wait_us);
    CHECK(input && input->type == EVENT_CART && !input->decoded && input->why.message[0]);
    input_advance(input, bench->edge);
    input = look(bench, &wait_us);
    CHECK(input && input->type == EVENT_VIEW);
    bench_free(bench);
}

/* One device whose clock is ahead, within event.future.max.ms or beyond it, must not hold the views
 * of a backlog behind everything else. */
static void test_clock_ahead(void)
{
    static const int64_t ahead_ms[] = {HOUR_MS, 20 * HOUR_MS, 50 * HOUR_MS};
    for (size_t i = 0; i < sizeof ahead_ms / sizeof ahead_ms[0]; i++) {
        struct bench *bench = bench_new();
        struct fake_log *views = &bench->broker->logs[TOPIC_VIEW][0];
        int64_t wait_us;
        add(bench, EVENT_VIEW, ahead_ms[i]);
        add(bench, EVENT_VIEW, -2000);
        views->records[0].written_ms = views->records[1].written_ms = START_MS;
        add(bench, EVENT_CART, -1000);
        struct input *input = look(bench, &wait_us);
        CHECK(input && input->type == EVENT_VIEW && input->record.offset == 0);
        CHECK_INT(input->record.ahead_ms, ahead_ms[i]);
        CHECK_INT(input->record.event.event_time_ms,
                  ahead_ms[i] <= 24 * HOUR_MS ? START_MS : START_MS + ahead_ms[i]);
        input_advance(input, bench->edge);
        input = look(bench, &wait_us);
        CHECK(input && input->type == EVENT_VIEW && input->record.offset == 1);
        input_advance(input, bench->edge);
        input = look(bench, &wait_us);
        CHECK(input && input->type == EVENT_CART);
        bench_free(bench);
    }
}

/* An input without records commits its end, so that the next start finds an offset there. */
static void test_empty_input_has_an_offset(void)
{
    struct bench *bench = bench_new();
    int64_t wait_us;
    CHECK(look(bench, &wait_us) == NULL);
    for (int i = 0; i < INPUT_TOPICS; i++) {
        CHECK(bench->task->inputs[i].at_end);
        CHECK_INT(bench->task->inputs[i].next, 0);
    }
    bench_free(bench);
}

int main(void)
{
    TEST_RUN(test_oldest_first);
    TEST_RUN(test_idle_waiting);
    TEST_RUN(test_garbage_first);
    TEST_RUN(test_clock_ahead);
    TEST_RUN(test_empty_input_has_an_offset);
    return test_done();
}
