/* A task: heads in the order of their time, and how long an empty input holds the others back. */
#include "processors/runtime/visitors/task.h"

#include "schemas/event_write.h"
#include "tests/fake_edge.h"
#include "tests/test.h"

#define START_MS 1700000000000
#define IDLE_US 2000000
#define HOUR_MS 3600000ll

/* Nobody knows a schema until `answers`; all ids have weft's own view schema. */
struct late_source {
    struct schema_source source; /* first */
    bool answers;
    int calls;
};

static enum verdict fetch(struct schema_source *source, uint32_t id, struct buffer *schema,
                          struct error *error)
{
    struct late_source *self = (struct late_source *)(void *)source;
    self->calls++;
    if (!self->answers)
        return error_set(error, VERDICT_RETRY, "nobody answers");
    if (id > 7)
        return error_set(error, VERDICT_SKIP, "there is no such id");
    struct bytes text = schema_text("view");
    buffer_append(schema, text.at, text.size);
    return VERDICT_OK;
}

struct bench {
    struct late_source source;
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
    bench->source.source.fetch = fetch;
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
                       bench->catalogue, &bench->outlet, &bench->source.source, &bench->pipeline,
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

static void add_framed(struct bench *bench, int64_t time_ms, uint32_t id)
{
    char event_id[20];
    struct event event;
    struct arena arena = {0};
    struct buffer record = {0};
    uint32_t capacity = 0;
    event_init(&event, EVENT_VIEW);
    snprintf(event_id, sizeof event_id, "e%d", bench->events++);
    event.event_id = bytes_text(event_id);
    event.visitor_id = bytes_text("v");
    event.event_time_ms = START_MS + time_ms;
    event_add_item(&event, &capacity, &arena, NULL)->item_id = bytes_text("i");
    buffer_append(&record, "\0\0\0\0", 4);
    buffer_byte(&record, (char)id);
    event_write_avro(&event, &record);
    fake_append(bench->broker, TOPIC_VIEW, 0, bytes_text("v"), buffer_bytes(&record), 0);
    buffer_release(&record);
    arena_release(&arena);
}

static void take(struct bench *bench, enum event_type type)
{
    int64_t wait_us;
    struct input *input = look(bench, &wait_us);
    CHECK(input && input->type == type);
    if (input)
        input_advance(input, bench->edge);
}

/* A head whose schema the registry does not tell yet is neither taken nor a dead letter. It holds
 * the other inputs back as an empty input does, and then its own only. */
static void test_schema_waiting(void)
{
    struct bench *bench = bench_new();
    struct input *views = &bench->task->inputs[EVENT_VIEW];
    int64_t wait_us, began_us = bench->broker->now_us;
    add(bench, EVENT_VIEW, 1000);
    add_framed(bench, 2000, 7);
    add(bench, EVENT_VIEW, 3000);
    add(bench, EVENT_CART, 2500);
    take(bench, EVENT_VIEW); /* what is before it */
    CHECK(look(bench, &wait_us) == NULL);
    CHECK(views->has_head && views->awaits_schema && !views->decoded);
    CHECK(wait_us > began_us && wait_us <= began_us + 50000); /* a next look soon */
    CHECK_INT(views->next, 1);
    int calls = bench->source.calls;
    CHECK(look(bench, &wait_us) == NULL);
    CHECK_INT(bench->source.calls, calls); /* one look for each moment */
    fake_pass_time(bench->broker, IDLE_US - 1);
    CHECK(look(bench, &wait_us) == NULL);
    CHECK_INT(wait_us, began_us + IDLE_US);
    fake_pass_time(bench->broker, 1);
    take(bench, EVENT_CART);
    fake_pass_time(bench->broker, 3600000000);
    CHECK(look(bench, &wait_us) == NULL); /* an hour */
    CHECK_INT(wait_us, bench->broker->now_us + 50000);
    CHECK_INT(views->next, 1);
    bench->source.answers = true;
    bench->broker->now_us++;
    add(bench, EVENT_CART, 2800);
    take(bench, EVENT_VIEW);
    CHECK_INT(views->next, 2);
    take(bench, EVENT_CART);
    take(bench, EVENT_VIEW);
    CHECK(look(bench, &wait_us) == NULL);
    CHECK_INT(wait_us, INT64_MAX);
    bench_free(bench);
}

/* Only the answer that there is no such schema makes a dead letter. */
static void test_schema_refused(void)
{
    struct bench *bench = bench_new();
    int64_t wait_us;
    add_framed(bench, 1000, 8);
    CHECK(look(bench, &wait_us) == NULL);
    bench->source.answers = true;
    bench->broker->now_us++;
    struct input *input = look(bench, &wait_us);
    CHECK(input && !input->awaits_schema && !input->decoded);
    CHECK_TEXT(input ? input->why.message : "", "schema id 8: there is no such id");
    bench_free(bench);
}

int main(void)
{
    TEST_RUN(test_oldest_first);
    TEST_RUN(test_idle_waiting);
    TEST_RUN(test_garbage_first);
    TEST_RUN(test_clock_ahead);
    TEST_RUN(test_empty_input_has_an_offset);
    TEST_RUN(test_schema_waiting);
    TEST_RUN(test_schema_refused);
    return test_done();
}
