/* The fates of records: the driver's whole topology on bytes as they come from the wire. */
#include "processors/runtime/driver.h"
#include "tests/test.h"

#include <stdlib.h>
#include <unistd.h>

#define START_MS 1700000000000

struct sink {
    struct driver_sink sink;
    int written[OUTPUTS];
};

static void written(struct driver_sink *self, enum output output, struct bytes key,
                    struct bytes value)
{
    struct sink *sink = (struct sink *)(void *)self;
    sink->written[output]++;
    CHECK(value.size > 0);
    CHECK((key.size > 0) == (output == OUTPUT_RECOMMENDATIONS));
}

static struct driver *new_driver(const char *assignment, bool lists, struct sink *sink)
{
    struct config config;
    struct driver *driver = NULL;
    struct error error = {0};
    config_init(&config);
    if (assignment)
        CHECK(config_assign(&config, assignment, &error) == VERDICT_OK);
    CHECK(config_finish(&config, &error) == VERDICT_OK);
    CHECK_SAY(driver_new(&config, lists, sink ? &sink->sink : NULL, NULL, &driver, &error) ==
                  VERDICT_OK,
              "%s", error.message);
    return driver;
}

static enum fate send(struct driver *driver, enum event_type type, const char *key,
                      const char *value, struct error *error)
{
    enum fate fate = FATES;
    error_clear(error);
    CHECK(driver_record(driver, type, bytes_text(key), bytes_text(value), &fate, error) ==
          VERDICT_OK);
    return fate;
}

static enum fate view(struct driver *driver, const char *id, int64_t time_ms, const char *item,
                      struct error *error)
{
    char text[300];
    snprintf(text, sizeof text,
             "{\"event_id\":\"%s\",\"visitor_id\":\"v\",\"event_time\":%" PRId64
             ",\"item\":{\"item_id\":\"%s\"}}",
             id, time_ms, item);
    return send(driver, EVENT_VIEW, "v", text, error);
}

static void test_dead_letters(void)
{
    struct driver *driver = new_driver(NULL, true, NULL);
    struct error error = {0};
    CHECK_INT(send(driver, EVENT_VIEW, "v", "nonsense", &error), FATE_DEAD_LETTER);
    CHECK_CONTAINS(error.message, "neither JSON nor Avro");
    CHECK_INT(send(driver, EVENT_VIEW, "v", "{\"event_id\":\"e\"}", &error), FATE_DEAD_LETTER);
    CHECK_CONTAINS(error.message, "visitor_id is missing");
    CHECK_INT(send(driver, EVENT_CART, "v", NULL, &error), FATE_DEAD_LETTER);
    CHECK_CONTAINS(error.message, "tombstone");
    CHECK_INT(view(driver, "e", START_MS - (1ll << 50), "i", &error), FATE_DEAD_LETTER);
    CHECK_CONTAINS(error.message, "before event.time.min.ms");
    CHECK_INT(view(driver, "e", START_MS + (1ll << 50), "i", &error), FATE_DEAD_LETTER);
    CHECK_CONTAINS(error.message, "after the year 2286");
    CHECK_INT(view(driver, "e", INT64_MAX, "i", &error), FATE_DEAD_LETTER);
    CHECK_INT(view(driver, "e", INT64_MIN, "i", &error), FATE_DEAD_LETTER);
    CHECK_INT(view(driver, "e", START_MS, "i", &error), FATE_PROCESSED);
    const struct counts *counts = driver_counts(driver);
    CHECK_INT(counts->fates[FATE_DEAD_LETTER], 7); /* each record has exactly one fate */
    CHECK_INT(counts->fates[FATE_PROCESSED], 1);
    CHECK_INT(driver_visitor(driver, bytes_text("v"))->count, 1);
    CHECK(driver_visitor(driver, bytes_text("w")) == NULL);
    driver_free(driver);
}

static void test_keys(void)
{
    static const char value[] = "{\"event_id\":\"e\",\"visitor_id\":\"v\",\"user_id\":\"u\","
                                "\"event_time\":1700000000000,\"item\":{\"item_id\":\"i\"}}";
    struct driver *driver = new_driver(NULL, false, NULL);
    struct error error = {0};
    CHECK_INT(send(driver, EVENT_VIEW, "v", value, &error), FATE_DEAD_LETTER);
    CHECK_CONTAINS(error.message, "the record's key is 'v' but its visitor is 'u'");
    CHECK_INT(send(driver, EVENT_VIEW, NULL, value, &error), FATE_DEAD_LETTER);
    CHECK_CONTAINS(error.message, "the record's key is missing but its visitor is 'u'");
    CHECK_INT(send(driver, EVENT_VIEW, "\x01\x02\xFFu", value, &error), FATE_DEAD_LETTER);
    CHECK_CONTAINS(error.message, "the record's key is '\\x01\\x02\\xffu' but");
    CHECK_INT(send(driver, EVENT_VIEW, "u", value, &error), FATE_PROCESSED);
    driver_free(driver);
    driver = new_driver("input.key=trust", false, NULL);
    CHECK_INT(send(driver, EVENT_VIEW, NULL, value, &error), FATE_PROCESSED);
    CHECK(driver_visitor(driver, bytes_text("u")) != NULL);
    CHECK(driver_visitor(driver, bytes_text("v")) == NULL);
    driver_free(driver);
}

static void test_duplicates(void)
{
    struct driver *driver = new_driver(NULL, false, NULL);
    struct error error = {0};
    CHECK_INT(view(driver, "a", START_MS, "i", &error), FATE_PROCESSED);
    CHECK_INT(view(driver, "a", START_MS, "i", &error), FATE_DUPLICATE);
    CHECK_INT(view(driver, "a", START_MS + 99999, "k", &error), FATE_DUPLICATE);
    CHECK_INT(view(driver, "b", START_MS + 499, "i", &error), FATE_DOUBLE_CLICK);
    CHECK_INT(view(driver, "b", START_MS - 499, "i", &error), FATE_DOUBLE_CLICK);
    CHECK_INT(view(driver, "b", START_MS + 499, "k", &error), FATE_PROCESSED);
    CHECK_INT(view(driver, "c", START_MS + 500, "i", &error), FATE_PROCESSED);
    CHECK_INT(view(driver, "d", START_MS - 500, "i", &error), FATE_PROCESSED);
    CHECK_INT(driver_counts(driver)->fates[FATE_DUPLICATE], 2);
    CHECK_INT(driver_counts(driver)->fates[FATE_DOUBLE_CLICK], 2);
    CHECK_INT(driver_counts(driver)->counters[COUNT_REORDERED], 1);
    driver_free(driver);
    driver = new_driver("double.click.ms=0", false, NULL);
    CHECK_INT(view(driver, "a", START_MS, "i", &error), FATE_PROCESSED);
    CHECK_INT(view(driver, "b", START_MS, "i", &error), FATE_PROCESSED);
    driver_free(driver);
}

static void test_late(void)
{
    struct driver *driver = new_driver("visitor.activities.max=3", false, NULL);
    struct error error = {0};
    char id[16];
    for (int i = 0; i < 5; i++) {
        snprintf(id, sizeof id, "e%d", i);
        CHECK_INT(view(driver, id, START_MS + i * 1000, id, &error), FATE_PROCESSED);
    }
    CHECK_INT(driver_counts(driver)->counters[COUNT_ACTIVITIES_OUT], 2);
    CHECK_INT(view(driver, "late", START_MS + 1999, "x", &error), FATE_LATE);
    CHECK_INT(view(driver, "middle", START_MS + 3500, "y", &error), FATE_PROCESSED);
    const struct visitor *visitor = driver_visitor(driver, bytes_text("v"));
    CHECK_INT(visitor->count, 3);
    CHECK_INT(visitor->accepted, 6);
    CHECK_BYTES(activity_subject(visitor, &visitor->activities[1]), bytes_text("y"));
    CHECK_INT(driver_counts(driver)->fates[FATE_LATE], 1);
    driver_free(driver);
}

static void test_outputs(void)
{
    struct sink sink = {.sink.written = written};
    struct driver *driver = new_driver(NULL, true, &sink);
    struct error error = {0};
    CHECK_INT(view(driver, "a", START_MS, "i", &error), FATE_PROCESSED);
    CHECK_INT(view(driver, "b", START_MS + 1000, "k", &error), FATE_PROCESSED);
    CHECK_INT(view(driver, "b", START_MS + 1000, "k", &error), FATE_DUPLICATE);
    CHECK_INT(send(driver, EVENT_VIEW, "v", "", &error), FATE_DEAD_LETTER);
    CHECK_INT(sink.written[OUTPUT_INTERACTIONS], 2);
    CHECK_INT(sink.written[OUTPUT_RECOMMENDATIONS], 2);
    CHECK_INT(driver_counts(driver)->counters[COUNT_LISTS], 2);
    CHECK_INT(driver_model(driver)->item_count, 2);
    driver_learning(driver, false);
    CHECK_INT(view(driver, "c", START_MS + 2000, "l", &error), FATE_PROCESSED);
    CHECK_INT(driver_model(driver)->item_count, 2);
    CHECK_INT(sink.written[OUTPUT_INTERACTIONS], 3);
    driver_free(driver);
    driver_free(NULL);
}

/* A batch of the pipeline that is aborted leaves nothing behind. */
struct nowhere {
    struct outlet outlet;
    int emitted;
};

static enum verdict emit(struct outlet *outlet, enum output output, int32_t partition,
                         struct bytes key, struct bytes value, struct error *error)
{
    struct nowhere *self = (struct nowhere *)(void *)outlet;
    (void)output, (void)partition, (void)key, (void)value, (void)error;
    self->emitted++;
    return VERDICT_OK;
}

static void test_aborted(void)
{
    struct config config;
    struct topology topology;
    struct pipeline *pipeline;
    struct nowhere nowhere = {.outlet.emit = emit};
    struct arena arena = {0};
    const char *step;
    config_init(&config);
    config_finish(&config, NULL);
    CHECK(topology_build(&config, &topology, NULL) == VERDICT_OK);
    struct store *store = store_memory_new();
    struct model *model = model_new(&config.settings.model);
    struct catalogue *catalogue = catalogue_new(&config.settings.catalogue);
    CHECK(pipeline_new(&config, &topology, store, model, catalogue, &nowhere.outlet, NULL,
                       &pipeline, NULL) == VERDICT_OK);
    for (int i = 0; i < 3; i++) {
        struct record record = {
            .type = EVENT_VIEW,
            .key = bytes_text("v"),
            .value = bytes_text("{\"event_id\":\"e\",\"visitor_id\":\"v\",\"event_time\":"
                                "1700000000000,\"item\":{\"item_id\":\"i\"}}"),
        };
        CHECK(pipeline_decode(pipeline, &record, &arena, NULL) == VERDICT_OK);
        CHECK(pipeline_event(pipeline, &record, &step, NULL) == VERDICT_OK);
        CHECK_INT(record.fate, FATE_PROCESSED); /* each time as if for the first time */
        CHECK_INT(visitor_table_dirty_count(pipeline_visitors(pipeline)), 1);
        CHECK(pipeline_close(pipeline, NULL) == VERDICT_OK);
        pipeline_aborted(pipeline);
        CHECK_INT(visitor_table_dirty_count(pipeline_visitors(pipeline)), 0);
        CHECK_INT(pipeline_counts(pipeline)->fates[FATE_PROCESSED], 0);
    }
    CHECK_INT(nowhere.emitted, 3); /* interactions; the model has nothing to show yet */
    pipeline_free(pipeline);
    pipeline_free(NULL);
    model_free(model);
    catalogue_free(catalogue);
    store->free(store);
    arena_release(&arena);
}

/* ---- a step that does what its row does not declare ---- */

static enum verdict emit_interaction(struct context *context, struct error *error)
{
    return context->outlet->emit(context->outlet, OUTPUT_INTERACTIONS, 0, bytes_of(NULL, 0),
                                 bytes_text("x"), error);
}

static enum verdict event_emits(struct context *context, struct record *record, struct error *error)
{
    (void)record;
    return emit_interaction(context, error);
}

static enum verdict close_emits(struct context *context, struct visitor *visitor,
                                struct error *error)
{
    (void)visitor;
    return emit_interaction(context, error);
}

static enum verdict event_touches(struct context *context, struct record *record,
                                  struct error *error)
{
    (void)record, (void)error;
    visitor_table_mark_dirty(context->visitors, context->visitor);
    context->visitor->touched = true;
    return VERDICT_OK;
}

static enum verdict event_late(struct context *context, struct record *record, struct error *error)
{
    (void)context, (void)error;
    return record_end(record, FATE_LATE);
}

static enum verdict event_refuses(struct context *context, struct record *record,
                                  struct error *error)
{
    (void)context;
    record->fate = FATE_DEAD_LETTER;
    return error_set(error, VERDICT_SKIP, "the reason");
}

/* Runs one record through a topology of this step alone. Returns how many outputs were emitted. */
static int run_step(const struct step *step, enum verdict *ret_verdict, struct error *error)
{
    struct config config;
    struct topology topology = {.visitors = {step}, .visitors_count = 1};
    struct pipeline *pipeline;
    struct nowhere nowhere = {.outlet.emit = emit};
    struct record record = {.type = EVENT_VIEW, .key = bytes_text("v")};
    const char *name;
    error_clear(error);
    record.event.visitor_id = bytes_text("v");
    config_init(&config);
    config_finish(&config, NULL);
    struct store *store = store_memory_new();
    struct model *model = model_new(&config.settings.model);
    struct catalogue *catalogue = catalogue_new(&config.settings.catalogue);
    CHECK(pipeline_new(&config, &topology, store, model, catalogue, &nowhere.outlet, NULL,
                       &pipeline, NULL) == VERDICT_OK);
    *ret_verdict = pipeline_event(pipeline, &record, &name, error);
    if (*ret_verdict == VERDICT_OK)
        *ret_verdict = pipeline_close(pipeline, error);
    pipeline_aborted(pipeline);
    pipeline_free(pipeline);
    model_free(model);
    catalogue_free(catalogue);
    store->free(store);
    return nowhere.emitted;
}

static void test_undeclared(void)
{
    static const char *const nothing[] = {"recommendations", "clean", NULL};
    static const char *const all[] = {"interactions", "late", "dead-letters", NULL};
    static const struct {
        struct step step;
        const char *topic;
        int emitted; /* once it is declared */
    } cases[] = {
        {{.event = event_emits}, "interactions", 1},
        {{.event = event_touches, .close = close_emits}, "interactions", 1},
        {{.event = event_touches, .batch = emit_interaction}, "interactions", 1},
        {{.event = event_late}, "late", 0},
        {{.event = event_refuses}, "dead-letters", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char message[120];
        struct step step = cases[i].step;
        struct error error = {0};
        enum verdict verdict;
        step.name = "liar";
        step.outputs = nothing;
        CHECK_INT(run_step(&step, &verdict, &error), 0);
        CHECK(verdict == VERDICT_FATAL);
        snprintf(message, sizeof message,
                 "step liar writes to '%s', which its row does not declare", cases[i].topic);
        CHECK_TEXT(error.message, message);
        step.outputs = all;
        CHECK_INT(run_step(&step, &verdict, &error), cases[i].emitted);
        CHECK(verdict == VERDICT_OK);
    }
}

/* ---- a worker that is behind ---- */

#define VISITORS 200

static int closed; /* lists that were made */

static enum verdict event_accepts(struct context *context, struct record *record,
                                  struct error *error)
{
    context->visitor->accepted++;
    return event_touches(context, record, error);
}

static enum verdict close_counts(struct context *context, struct visitor *visitor,
                                 struct error *error)
{
    (void)context, (void)error;
    visitor->look_again = false;
    closed++;
    return VERDICT_OK;
}

static void touch_all(struct pipeline *pipeline)
{
    const char *name;
    char key[16];
    for (int i = 0; i < VISITORS; i++) {
        struct record record = {.type = EVENT_VIEW};
        snprintf(key, sizeof key, "v%d", i);
        record.event.visitor_id = record.key = bytes_text(key);
        CHECK(pipeline_event(pipeline, &record, &name, NULL) == VERDICT_OK);
    }
}

static int close_all(struct pipeline *pipeline)
{
    closed = 0;
    CHECK(pipeline_close(pipeline, NULL) == VERDICT_OK);
    struct visitor_table *visitors = pipeline_visitors(pipeline);
    for (size_t i = 0; i < visitor_table_dirty_count(visitors); i++) /* as for the changelog */
        visitor_table_encode(visitors, visitor_table_dirty_at(visitors, i));
    return closed;
}

static void check_behind(struct pipeline *pipeline, struct store *store)
{
    struct store_batch batch = {0};
    int sample;
    pipeline_set_behind(pipeline, true);
    touch_all(pipeline);
    sample = close_all(pipeline);
    CHECK_SAY(sample > 0 && sample < VISITORS / 4, "%d", sample);
    visitor_table_batch(pipeline_visitors(pipeline), &batch);
    CHECK(store->write(store, &batch, NULL) == VERDICT_OK);
    pipeline_committed(pipeline);
    CHECK_INT(pipeline_counts(pipeline)->counters[COUNT_LISTS_DEFERRED], VISITORS - sample);
    CHECK_INT(pipeline_owed(pipeline)->count, VISITORS - sample);
    CHECK(pipeline_lists_wait(pipeline));
    touch_all(pipeline); /* the same sample */
    CHECK_INT(close_all(pipeline), sample);
    pipeline_committed(pipeline);
    CHECK_INT(close_all(pipeline), 0);
    pipeline_forget_waiting(pipeline); /* as in a crash: the rows know who waits */
    CHECK(!pipeline_lists_wait(pipeline));
    CHECK(pipeline_find_waiting(pipeline, store, 0, NULL) == VERDICT_OK);
    CHECK_INT(pipeline_owed(pipeline)->count, VISITORS - sample);
    pipeline_set_behind(pipeline, false);
    CHECK(pipeline_next_lists_us(pipeline) == 0); /* now */
    CHECK_INT(close_all(pipeline), VISITORS - sample);
    pipeline_committed(pipeline);
    CHECK(!pipeline_lists_wait(pipeline));
    CHECK(pipeline_next_lists_us(pipeline) == INT64_MAX);
    batch_release(&batch);
}

/* `wait_ms` is over at once: each list is made although the worker is behind. */
static void check_wait(struct pipeline *pipeline)
{
    pipeline_set_behind(pipeline, true);
    touch_all(pipeline);
    CHECK_INT(close_all(pipeline), VISITORS);
    CHECK(!pipeline_lists_wait(pipeline));
    pipeline_committed(pipeline);
}

static void test_behind(void)
{
    static const char *const nothing[] = {"recommendations", NULL};
    static const struct step step = {
        .name = "counter", .outputs = nothing, .event = event_accepts, .close = close_counts};
    for (int wait = 0; wait < 2; wait++) {
        struct config config;
        struct topology topology = {.visitors = {&step}, .visitors_count = 1};
        struct pipeline *pipeline;
        struct nowhere nowhere = {.outlet.emit = emit};
        config_init(&config);
        config_finish(&config, NULL);
        config.catch_up_wait_ms = wait ? 60000 : 0;
        struct store *store = store_memory_new();
        struct model *model = model_new(&config.settings.model);
        struct catalogue *catalogue = catalogue_new(&config.settings.catalogue);
        CHECK(pipeline_new(&config, &topology, store, model, catalogue, &nowhere.outlet, NULL,
                           &pipeline, NULL) == VERDICT_OK);
        if (wait)
            check_behind(pipeline, store);
        else
            check_wait(pipeline);
        pipeline_free(pipeline);
        model_free(model);
        catalogue_free(catalogue);
        store->free(store);
    }
}

static void test_schemas_path(void)
{
    char *folder = test_new_folder(), path[4200], assignment[300];
    struct config config;
    struct driver *driver = NULL;
    struct error error = {0};
    snprintf(path, sizeof path, "%s/nobody.avsc", folder);
    FILE *file = fopen(path, "w");
    fputs("{}", file);
    fclose(file);
    config_init(&config);
    snprintf(assignment, sizeof assignment, "schemas.path=%s", folder);
    CHECK(config_assign(&config, assignment, NULL) == VERDICT_OK);
    config_finish(&config, NULL);
    CHECK(driver_new(&config, true, NULL, NULL, &driver, &error) == VERDICT_SKIP);
    CHECK_CONTAINS(error.message, "does not start with a record's name");
    CHECK(driver == NULL);
    test_remove_folder(folder);
    error_clear(&error);
    CHECK(driver_new(&config, true, NULL, NULL, &driver, &error) == VERDICT_SKIP);
    CHECK_CONTAINS(error.message, "schemas.path: can't open");
    free(folder);
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    CHECK(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

struct last_record {
    struct driver_sink sink; /* first */
    char last[8192];         /* the last recommendation */
};

static void keep(struct driver_sink *self, enum output output, struct bytes key, struct bytes value)
{
    struct last_record *last_record = (struct last_record *)(void *)self;
    (void)key;
    if (output == OUTPUT_RECOMMENDATIONS)
        snprintf(last_record->last, sizeof last_record->last, "%.*s", (int)value.size, value.at);
}

/* The shop's rules are read again when their file has changed; a mistake, or no file, changes
 * nothing. */
static void test_rules(void)
{
    char path[] = "/tmp/weft-test-rules-XXXXXX", assignment[80];
    struct config config;
    struct last_record last_record = {.sink.written = keep};
    struct driver *driver = NULL;
    struct error error = {0};
    int64_t t = START_MS;
    int file = mkstemp(path);
    CHECK(file >= 0 && close(file) == 0);
    write_text(path, "exclude item A\n");
    snprintf(assignment, sizeof assignment, "rules.path=%s", path);
    config_init(&config);
    CHECK(config_assign(&config, assignment, &error) == VERDICT_OK);
    CHECK(config_assign(&config, "rules.reload.ms=1", &error) == VERDICT_OK);
    CHECK(config_finish(&config, &error) == VERDICT_OK);
    CHECK_SAY(driver_new(&config, true, &last_record.sink, NULL, &driver, &error) == VERDICT_OK,
              "%s", error.message);
    view(driver, "1", t += 1000, "A", &error);
    view(driver, "2", t += 1000, "B", &error);
    view(driver, "3", t += 1000, "C", &error);
    CHECK(strstr(last_record.last, "{\"item_id\":\"A\"") == NULL);
    CHECK(strstr(last_record.last, "{\"item_id\":\"B\"") != NULL);
    write_text(path, "exclude item B  # another\n");
    usleep(5000);
    view(driver, "4", t += 1000, "D", &error);
    CHECK(strstr(last_record.last, "{\"item_id\":\"A\"") != NULL);
    CHECK(strstr(last_record.last, "{\"item_id\":\"B\"") == NULL);
    write_text(path, "exclude itm A  # wrong\n");
    usleep(5000);
    view(driver, "5", t += 1000, "E", &error);
    CHECK(strstr(last_record.last, "{\"item_id\":\"A\"") != NULL);
    CHECK(strstr(last_record.last, "{\"item_id\":\"B\"") == NULL);
    unlink(path);
    usleep(5000);
    view(driver, "6", t += 1000, "F", &error);
    CHECK(strstr(last_record.last, "{\"item_id\":\"B\"") == NULL);
    write_text(path, "");
    usleep(5000);
    view(driver, "7", t += 1000, "G", &error);
    CHECK(strstr(last_record.last, "{\"item_id\":\"B\"") != NULL);
    driver_free(driver);
    unlink(path);
}

/* The record's Kafka timestamp alone says whether an event lies ahead, not this machine's clock. */
static void test_clock_ahead(void)
{
    static const struct {
        int64_t written_ms, ahead_ms, time_ms; /* `time_ms`: what becomes of it */
        enum fate fate;
    } cases[] = {
        {START_MS, 300000, 300000, FATE_PROCESSED},
        {START_MS, 300001, 0, FATE_PROCESSED},
        {START_MS, 86400000, 0, FATE_PROCESSED},
        {START_MS, 86400001, 86400001, FATE_DEAD_LETTER},
        {INT64_MIN, 86400001, 86400001, FATE_PROCESSED}, /* without a timestamp */
        {0, 86400001, 86400001, FATE_PROCESSED},
        {1000, 86400001, 86400001, FATE_PROCESSED}, /* in 1970 */
        {INT64_MAX, 86400001, 86400001, FATE_PROCESSED},
    };
    struct config config;
    struct topology topology;
    struct nowhere nowhere = {.outlet.emit = emit};
    struct arena arena = {0};
    struct error error = {0};
    config_init(&config);
    CHECK(config_finish(&config, NULL) == VERDICT_OK);
    CHECK(topology_build(&config, &topology, NULL) == VERDICT_OK);
    struct store *store = store_memory_new();
    struct model *model = model_new(&config.settings.model);
    struct catalogue *catalogue = catalogue_new(&config.settings.catalogue);
    struct pipeline *pipeline;
    CHECK(pipeline_new(&config, &topology, store, model, catalogue, &nowhere.outlet, NULL,
                       &pipeline, NULL) == VERDICT_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[200];
        const char *step;
        snprintf(text, sizeof text,
                 "{\"event_id\":\"e%zu\",\"visitor_id\":\"v\",\"event_time\":%" PRId64
                 ",\"item\":{\"item_id\":\"i%zu\"}}",
                 i, START_MS + cases[i].ahead_ms, i);
        struct record record = {.type = EVENT_VIEW,
                                .key = bytes_text("v"),
                                .value = bytes_text(text),
                                .written_ms = cases[i].written_ms};
        error_clear(&error);
        CHECK(pipeline_decode(pipeline, &record, &arena, &error) == VERDICT_OK);
        CHECK_INT(record.event.event_time_ms, START_MS + cases[i].time_ms);
        CHECK(pipeline_event(pipeline, &record, &step, &error) == VERDICT_OK);
        CHECK_INT(record.fate, cases[i].fate);
        if (record.fate == FATE_DEAD_LETTER)
            CHECK_CONTAINS(error.message, "event.future.max.ms");
    }
    CHECK(pipeline_close(pipeline, NULL) == VERDICT_OK);
    CHECK_INT(pipeline_context(pipeline)->counts->counters[COUNT_TIMES_AHEAD], 2);
    pipeline_aborted(pipeline);
    pipeline_free(pipeline);
    store->free(store);
    model_free(model);
    catalogue_free(catalogue);
    arena_release(&arena);
}

int main(void)
{
    TEST_RUN(test_dead_letters);
    TEST_RUN(test_clock_ahead);
    TEST_RUN(test_keys);
    TEST_RUN(test_duplicates);
    TEST_RUN(test_late);
    TEST_RUN(test_outputs);
    TEST_RUN(test_aborted);
    TEST_RUN(test_undeclared);
    TEST_RUN(test_behind);
    TEST_RUN(test_schemas_path);
    TEST_RUN(test_rules);
    return test_done();
}
