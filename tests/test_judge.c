/* The one judge: what `weft check` accepts `weft run` processes, and the other way round. 100,000
 * records, mutated at random, go to both: as the lines of a file, and as records of the in-process
 * driver. */
#include "processors/runtime/driver.h"
#include "processors/runtime/log.h"
#include "schemas/json.h"
#include "tests/test.h"
#include "tools/events.h"
#include "tools/wire.h"

#define ROUNDS 100
#define LINES 1000 /* of a round's file */
#define NOW_MS 1767300000000

static const char *const weft_lines[] = {
    "{\"type\":\"view\",\"event_id\":\"e1\",\"visitor_id\":\"v1\",\"event_time\":1767225600000,"
    "\"item\":{\"item_id\":\"A\",\"price\":59.9},\"dwell_ms\":100}",
    "{\"type\":\"view\",\"event_id\":\"e2\",\"visitor_id\":\"v1\",\"user_id\":\"u\",\"event_time\":"
    "1767300100000,\"items\":[{\"item_id\":\"A\"}],\"consent\":true}",
    "{\"type\":\"search\",\"event_id\":\"e3\",\"visitor_id\":\"v1\",\"event_time\":1767225605000,"
    "\"search_term\":\"wool coat\",\"result_count\":3}",
    "{\"type\":\"cart\",\"event_id\":\"e4\",\"visitor_id\":\"v1\",\"event_time\":1767225609000,"
    "\"action\":\"add\",\"items\":[{\"item_id\":\"A\",\"quantity\":2}]}",
    "{\"type\":\"purchase\",\"event_id\":\"e5\",\"visitor_id\":\"v1\",\"event_time\":1767225700000,"
    "\"transaction_id\":\"t1\",\"value\":10,\"status\":\"refunded\",\"items\":[{\"item_id\":\"A\"}]"
    "}",
    "{\"type\":\"impression\",\"event_id\":\"e6\",\"visitor_id\":\"v1\",\"event_time\":"
    "1767225600000,"
    "\"recommendation_id\":\"r\",\"placement\":\"home\",\"items\":[{\"item_id\":\"A\",\"index\":0}]"
    "}",
    "{\"type\":\"click\",\"event_id\":\"e7\",\"visitor_id\":\"v1\",\"event_time\":1767225600000,"
    "\"recommendation_id\":\"r\",\"placement\":\"home\",\"item\":{\"item_id\":\"A\",\"index\":1}}",
    "{\"type\":\"user\",\"user_id\":\"u1\",\"gender\":\"female\",\"consent\":true}",
    NULL,
};

static const char *const ga4_lines[] = {
    "{\"event_name\":\"view_item\",\"event_timestamp\":\"1767225600000000\",\"user_pseudo_id\":"
    "\"v1\","
    "\"items\":[{\"item_id\":\"A\",\"price\":\"59.9\"}]}",
    "{\"event_name\":\"purchase\",\"event_timestamp\":1767225600000001,\"user_pseudo_id\":\"v1\","
    "\"ecommerce\":{\"transaction_id\":\"t\",\"purchase_revenue\":1.5},\"items\":[{\"item_id\":7,"
    "\"quantity\":2}]}",
    "{\"event_name\":\"page_view\",\"event_timestamp\":1767225600000001,\"user_pseudo_id\":\"v1\"}",
    NULL,
};

/* Values that are likely to be judged in two ways. */
static const char *const values[] = {
    "0",
    "-1",
    "1767225600",
    "1767225600000000",
    "1767386400001",
    "1767300300000",
    "1767300300001",
    "10000000000001",
    "946684799999",
    "946684800000",
    "9223372036854775807",
    "1e18",
    "1.5",
    "null",
    "true",
    "\"\"",
    "\"x\"",
    "[]",
    "{}",
    "\"\\u0001\"",
    "\"\\ud800\"",
    "1e13",
    "\"1767225600000\"",
};

/* Puts a value in place of one behind a colon, or changes, adds or takes out a byte. */
static void mutate(struct buffer *line, struct random *random)
{
    size_t at = random_below(random, (uint32_t)line->size);
    uint32_t how = random_below(random, 8);
    if (how == 0) {
        line->at[at] = (char)(1 + random_below(random, 255));
        if (line->at[at] == '\n')
            line->at[at] = ' ';
        return;
    }
    if (how == 1) {
        memmove(line->at + at, line->at + at + 1, --line->size - at);
        return;
    }
    const char *colon = memchr(line->at + at, ':', line->size - at);
    if (colon == NULL)
        return;
    size_t from = (size_t)(colon - line->at) + 1, to = from;
    while (to < line->size && line->at[to] != ',' && line->at[to] != '}')
        to++;
    const char *value = values[random_below(random, sizeof values / sizeof values[0])];
    struct buffer changed = {0};
    buffer_append(&changed, line->at, from);
    buffer_text(&changed, value);
    buffer_append(&changed, line->at + to, line->size - to);
    buffer_release(line);
    *line = changed;
}

static void write_lines(const char *path, const char *const *seeds, struct random *random)
{
    size_t count = 0;
    struct buffer line = {0};
    FILE *file = fopen(path, "w");
    CHECK(file != NULL);
    while (seeds[count])
        count++;
    for (int i = 0; file && i < LINES; i++) {
        buffer_clear(&line);
        buffer_text(&line, seeds[random_below(random, (uint32_t)count)]);
        for (uint32_t times = random_below(random, 3); times > 0 && line.size > 0; times--)
            mutate(&line, random);
        fwrite(line.at, 1, line.size, file);
        fputc('\n', file);
    }
    if (file)
        fclose(file);
    buffer_release(&line);
}

struct judges {
    struct driver *keyed; /* gets the events that check accepts, as `weft replay` writes them */
    struct driver *raw;   /* gets the lines themselves, under any key */
    struct wire_format wire;
    struct buffer written;
    unsigned long accepted, refused;
};

/* The type of the topic that the line would go to. False: the line does not say one. */
static bool topic_of(struct bytes line, struct arena *arena, enum event_type *ret_type)
{
    struct bytes name;
    if (json_text_field(line, "type", arena, &name, NULL) != VERDICT_OK)
        return false;
    for (int i = 0; i <= EVENT_USER; i++) {
        if (bytes_equal(name, bytes_text(event_type_names[i]))) {
            *ret_type = (enum event_type)i;
            return true;
        }
    }
    return false;
}

/* The record as a shop would send it: the driver refuses it if and only if check does. */
static void judge_raw(struct judges *judges, bool mapped, struct bytes line, bool accepted,
                      const char *check_says, struct arena *arena)
{
    enum event_type type = EVENT_VIEW;
    enum fate fate = FATES;
    struct error error = {0};
    if (!mapped && !topic_of(line, arena, &type))
        return;
    CHECK(driver_record(judges->raw, type, bytes_text("key"), line, &fate, &error) == VERDICT_OK);
    CHECK_SAY((fate != FATE_DEAD_LETTER) == accepted, "%.*s: check: %s; run: %s", (int)line.size,
              line.at, accepted ? "good" : check_says, error.message);
}

static void judge_event(struct judges *judges, const struct event *event)
{
    enum fate fate = FATES;
    struct error error = {0};
    buffer_clear(&judges->written);
    wire_write(&judges->wire, event, &judges->written);
    CHECK(driver_record(judges->keyed, event->type, event_visitor(event),
                        buffer_bytes(&judges->written), &fate, &error) == VERDICT_OK);
    CHECK_SAY(fate != FATE_DEAD_LETTER, "%.*s: %s", (int)judges->written.size, judges->written.at,
              error.message);
}

static void judge_file(struct judges *judges, const struct config *config, const char *path,
                       const char *format)
{
    struct event_file *file;
    struct event event;
    struct arena arena = {0};
    struct error error = {0};
    enum read read;
    CHECK_SAY(event_file_open(path, format, &file, &error) == VERDICT_OK, "%s", error.message);
    event_file_judge(file, &config->settings.times, NOW_MS);
    while ((read = event_file_next(file, &arena, &event, &error)) == READ_EVENT ||
           read == READ_REJECTED) {
        if (read == READ_EVENT)
            judge_event(judges, &event);
        judges->accepted += read == READ_EVENT;
        judges->refused += read == READ_REJECTED;
        judge_raw(judges, strcmp(format, "weft") != 0, event_file_text(file), read == READ_EVENT,
                  error.message, &arena);
        arena_clear(&arena);
    }
    CHECK(read == READ_END);
    event_file_close(file);
    arena_release(&arena);
}

static struct driver *new_judge(struct config *config, const char *map)
{
    struct driver *driver = NULL;
    struct error error = {0};
    config_init(config);
    if (map)
        CHECK(config_set(config, "input.map", map, &error) == VERDICT_OK &&
              config_set(config, "input.key", "trust", &error) == VERDICT_OK);
    CHECK_SAY(config_finish(config, &error) == VERDICT_OK &&
                  driver_new(config, false, NULL, NULL, &driver, &error) == VERDICT_OK,
              "%s", error.message);
    driver_written(driver, NOW_MS);
    return driver;
}

static void run(const char *const *lines, const char *map, int rounds, uint64_t seed)
{
    char *folder = test_new_folder(), path[600];
    struct config config;
    struct judges judges = {.accepted = 0};
    struct error error = {0};
    struct random random = random_from(seed);
    snprintf(path, sizeof path, "%s/events", folder);
    CHECK(wire_init_local(&judges.wire, "json", &error) == VERDICT_OK);
    judges.raw = new_judge(&config, map);
    judges.keyed = new_judge(&config, NULL);
    for (int i = 0; i < rounds; i++) {
        write_lines(path, lines, &random);
        judge_file(&judges, &config, path, map);
    }
    CHECK(judges.accepted > (unsigned long)rounds * LINES / 10);
    CHECK(judges.refused > (unsigned long)rounds * LINES / 10);
    driver_free(judges.raw);
    driver_free(judges.keyed);
    buffer_release(&judges.written);
    test_remove_folder(folder);
    free(folder);
}

static void test_weft(void)
{
    run(weft_lines, "weft", TEST_ROUNDS(ROUNDS) * 4 / 5, 161);
}

static void test_mapped(void)
{
    run(ga4_lines, "ga4", TEST_ROUNDS(ROUNDS) / 5, 162);
}

/* An event whose record is larger than weft takes, and one that is just not. */
static void test_sizes(void)
{
    struct error error = {0};
    CHECK(event_judge_size(EVENT_BYTES_MAX, &error) == VERDICT_OK);
    CHECK(event_judge_size(EVENT_BYTES_MAX + 1, &error) == VERDICT_SKIP);
    CHECK_CONTAINS(error.message, "at most 1048576 are taken");
}

/* The window of times, to the millisecond, and what an event ahead of its record becomes. */
static void test_times(void)
{
    static const struct event_bounds bounds = {
        .time_min_ms = 946684800000, .ahead_max_ms = 300000, .future_max_ms = 86400000};
    static const struct {
        int64_t time_ms, ahead_ms, settled_ms;
        const char *refused;
    } cases[] = {
        {946684800000, 0, 946684800000, NULL},
        {946684799999, 0, 946684799999, "before event.time.min.ms"},
        {1767225600, 0, 1767225600, "; seconds?"},
        {NOW_MS + 300000, 0, NOW_MS + 300000, NULL},
        {NOW_MS + 300001, 300001, NOW_MS, NULL},
        {NOW_MS + 86400000, 86400000, NOW_MS, NULL},
        {NOW_MS + 86400001, 86400001, NOW_MS + 86400001, "ahead of the record's Kafka timestamp"},
        {1767225600000000, 1767225600000000 - NOW_MS, 1767225600000000, "; microseconds?"},
        {INT64_MAX, INT64_MAX - NOW_MS, INT64_MAX, "ahead of"},
        {INT64_MIN, 0, INT64_MIN, "before event.time.min.ms"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct event event;
        struct error error = {0};
        event_init(&event, EVENT_VIEW);
        event.event_time_ms = cases[i].time_ms;
        int64_t ahead_ms = event_settle_time(&bounds, NOW_MS, &event);
        CHECK_INT(ahead_ms, cases[i].ahead_ms);
        CHECK_INT(event.event_time_ms, cases[i].settled_ms);
        CHECK((event_judge_time(&bounds, &event, ahead_ms, &error) == VERDICT_OK) ==
              (cases[i].refused == NULL));
        if (cases[i].refused)
            CHECK_CONTAINS(error.message, cases[i].refused);
    }
}

int main(void)
{
    TEST_RUN(test_weft);
    TEST_RUN(test_mapped);
    TEST_RUN(test_sizes);
    TEST_RUN(test_times);
    return test_done();
}
