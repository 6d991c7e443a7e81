/* Mappings: the records of other systems give the events, and so the bytes, that weft's own records
 * give. Each folder of tests/cases/mappings has `input.jsonl`, the records as that system writes
 * them, and `expected.jsonl`, a line for each of them: weft's own event, {"dropped":true}, or
 * {"refused":"a part of the message"}. The event_id "*" stands for an id that the mapping makes.
 * The folder's name is that of a ready-made mapping, or the folder has a `mapping.json`. */
#include "processors/runtime/driver.h"
#include "processors/runtime/mapping_files.h"
#include "schemas/avro.h"
#include "schemas/avro_json.h"
#include "schemas/event_write.h"
#include "schemas/json.h"
#include "schemas/json_tree.h"
#include "tests/hashes.h"
#include "tests/test_events.h"

#include <dirent.h>

static struct buffer read_file(const char *path)
{
    struct buffer text = {0};
    FILE *file = fopen(path, "r");
    CHECK_SAY(file != NULL, "%s", path);
    if (file == NULL)
        return text;
    buffer_reserve(&text, MAPPING_BYTES_MAX);
    text.size = fread(text.at, 1, MAPPING_BYTES_MAX, file);
    fclose(file);
    return text;
}

static bool next_line(struct bytes *rest, struct bytes *ret_line)
{
    if (rest->size == 0)
        return false;
    const char *end = memchr(rest->at, '\n', rest->size);
    size_t size = end ? (size_t)(end - rest->at) : rest->size, taken = size + (end != NULL);
    *ret_line = bytes_of(rest->at, size);
    *rest = bytes_of(rest->at + taken, rest->size - taken);
    return true;
}

/* ---- cases ---- */

struct hash_sink {
    struct driver_sink sink; /* first */
    uint64_t hash;
    uint32_t count;
};

static void written(struct driver_sink *self, enum output output, struct bytes key,
                    struct bytes value)
{
    struct hash_sink *sink = (struct hash_sink *)(void *)self;
    sink->hash = hash_mix(hash_mix(hash_join(sink->hash, output), key), value);
    sink->count++;
}

static struct driver *new_driver(struct hash_sink *sink, const char *key, const char *value)
{
    struct config config;
    struct driver *driver = NULL;
    struct error error = {0};
    config_init(&config);
    CHECK(config_set(&config, key, value, &error) == VERDICT_OK);
    CHECK(config_finish(&config, &error) == VERDICT_OK);
    sink->sink.written = written;
    CHECK_SAY(driver_new(&config, true, &sink->sink, NULL, &driver, &error) == VERDICT_OK, "%s",
              error.message);
    return driver;
}

/* The mapped events through one driver, weft's own through another. */
struct twins {
    struct driver *mapped, *own;
    struct hash_sink mapped_sink, own_sink;
    struct buffer record;
};

static void send_both(struct twins *twins, struct bytes line, const struct event *event)
{
    struct error error = {0};
    enum fate mapped = FATES, own = FATES;
    struct bytes key = event_visitor(event);
    buffer_clear(&twins->record);
    event_write_json(event, false, &twins->record);
    CHECK(driver_record(twins->mapped, EVENT_VIEW, key, line, &mapped, &error) == VERDICT_OK);
    CHECK(driver_record(twins->own, event->type, key, buffer_bytes(&twins->record), &own, &error) ==
          VERDICT_OK);
    CHECK_SAY(mapped == own && mapped != FATE_DEAD_LETTER, "%s", error.message);
}

static void send_one(struct twins *twins, struct bytes line, enum fate expected)
{
    struct error error = {0};
    enum fate fate = FATES;
    CHECK(driver_record(twins->mapped, EVENT_VIEW, bytes_text("v"), line, &fate, &error) ==
          VERDICT_OK);
    CHECK_INT(fate, expected);
}

/* The tables of both are equal to the last byte. */
static void compare(struct twins *twins)
{
    struct error error = {0};
    CHECK(driver_save(twins->mapped, &error) == VERDICT_OK);
    CHECK(driver_save(twins->own, &error) == VERDICT_OK);
    for (int family = 0; family < FAMILIES; family++) {
        struct row_hasher a = hash_rows(driver_store(twins->mapped), (enum family)family);
        struct row_hasher b = hash_rows(driver_store(twins->own), (enum family)family);
        CHECK_INT(a.count, b.count);
        CHECK(a.hash == b.hash);
    }
    CHECK(twins->mapped_sink.count > 10);
    CHECK_INT(twins->mapped_sink.count, twins->own_sink.count);
    CHECK(twins->mapped_sink.hash == twins->own_sink.hash);
}

/* The event that the line of expected.jsonl says. */
static void read_expected(struct bytes line, const char *made_by, const struct event *mapped,
                          struct arena *arena, struct event *ret_event)
{
    struct error error = {0};
    struct bytes type = {0};
    CHECK(json_text_field(line, "type", arena, &type, &error) == VERDICT_OK);
    for (int i = 0; i < EVENT_USER; i++)
        if (bytes_equal(type, bytes_text(event_type_names[i])))
            event_init(ret_event, (enum event_type)i);
    CHECK_SAY(json_decode(line, arena, ret_event, &error) == VERDICT_OK, "%s", error.message);
    if (!bytes_equal(ret_event->event_id, bytes_text("*")))
        return;
    CHECK_INT(mapped->event_id.size, strlen(made_by) + 17);
    CHECK(memcmp(mapped->event_id.at, made_by, strlen(made_by)) == 0);
    ret_event->event_id = mapped->event_id;
}

static void check_line(const struct mapping *mapping, struct bytes line, struct bytes expected,
                       int number, struct twins *twins)
{
    struct arena arena = {0};
    struct event mapped, own;
    struct error error = {0};
    struct bytes refusal;
    const char *field = "";
    enum verdict verdict = mapping_decode(mapping, EVENT_VIEW, line, &arena, &mapped, &error);
    if (verdict == VERDICT_OK && !mapped.dropped)
        verdict = event_check(&mapped, &error);
    if (json_text_field(expected, "refused", &arena, &refusal, NULL) == VERDICT_OK) {
        char *part = memory_text(refusal);
        CHECK_INT(verdict, VERDICT_SKIP);
        CHECK_CONTAINS(error.message, part);
        free(part);
        send_one(twins, line, FATE_DEAD_LETTER);
    } else if (memmem(expected.at, expected.size, "\"dropped\"", 9)) {
        CHECK_SAY(verdict == VERDICT_OK && mapped.dropped, "line %d: %s", number, error.message);
        send_one(twins, line, FATE_DROPPED);
    } else {
        CHECK_SAY(verdict == VERDICT_OK, "line %d: %s", number, error.message);
        if (verdict == VERDICT_OK) {
            read_expected(expected, mapping_name(mapping), &mapped, &arena, &own);
            CHECK_SAY(same_event(&mapped, &own, &field), "line %d: %s differs", number, field);
            send_both(twins, line, &own);
        }
    }
    arena_release(&arena);
}

static void run_case(const char *name)
{
    char path[600], map[600];
    struct mapping *mapping = NULL;
    struct error error = {0};
    struct twins twins = {0};
    snprintf(map, sizeof map, "%s/mappings/%s/mapping.json", WEFT_CASES_DIR, name);
    const char *chosen = access(map, R_OK) == 0 ? map : name;
    CHECK_SAY(mapping_open(chosen, &mapping, &error) == VERDICT_OK, "%s", error.message);
    if (mapping == NULL)
        return;
    twins.mapped = new_driver(&twins.mapped_sink, "input.map", chosen);
    twins.own = new_driver(&twins.own_sink, "input.map", "weft");
    snprintf(path, sizeof path, "%s/mappings/%s/input.jsonl", WEFT_CASES_DIR, name);
    struct buffer input = read_file(path);
    snprintf(path, sizeof path, "%s/mappings/%s/expected.jsonl", WEFT_CASES_DIR, name);
    struct buffer expected = read_file(path);
    struct bytes rest = buffer_bytes(&input), wanted = buffer_bytes(&expected), line, want;
    int number = 0;
    while (next_line(&rest, &line) && next_line(&wanted, &want))
        check_line(mapping, line, want, ++number, &twins);
    CHECK_SAY(rest.size == 0 && wanted.size == 0 && number > 0, "%s: lines do not match", name);
    compare(&twins);
    CHECK(driver_counts(twins.mapped)->fates[FATE_DUPLICATE] ==
          driver_counts(twins.own)->fates[FATE_DUPLICATE]);
    CHECK(driver_counts(twins.mapped)->fates[FATE_DUPLICATE] > 0); /* equal records are one */
    driver_free(twins.mapped);
    driver_free(twins.own);
    buffer_release(&twins.record);
    buffer_release(&input);
    buffer_release(&expected);
    mapping_free(mapping);
}

static void test_cases(void)
{
    char path[600];
    int cases = 0;
    snprintf(path, sizeof path, "%s/mappings", WEFT_CASES_DIR);
    DIR *dir = opendir(path);
    CHECK(dir != NULL);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        if (entry->d_name[0] == '.')
            continue;
        run_case(entry->d_name);
        cases++;
    }
    closedir(dir);
    CHECK(cases >= 5);
}

/* ---- values ---- */

#define HEAD "{\"name\":\"m\",\"fields\":{\"visitor_id\":\"v\",\"event_time\":"
#define TAIL ",\"items\":\"i[*]\"},\"item\":{\"item_id\":\"id\",\"price\":"

static struct mapping *new_mapping(const char *time, const char *price)
{
    char text[600];
    struct mapping *mapping = NULL;
    struct error error = {0};
    snprintf(text, sizeof text, HEAD "%s" TAIL "%s}}", time, price);
    CHECK_SAY(mapping_new(bytes_text(text), "m.json", &mapping, &error) == VERDICT_OK, "%s",
              error.message);
    return mapping;
}

static enum verdict map_view(const struct mapping *mapping, const char *time, const char *price,
                             int64_t *ret_ms, double *ret_price)
{
    char text[300];
    struct arena arena = {0};
    struct event event;
    snprintf(text, sizeof text, "{\"v\":\"v\",\"t\":%s,\"i\":[{\"id\":1,\"p\":%s}]}", time, price);
    enum verdict verdict =
        mapping_decode(mapping, EVENT_VIEW, bytes_text(text), &arena, &event, NULL);
    if (verdict == VERDICT_OK) {
        *ret_ms = event.event_time_ms;
        *ret_price = event.items[0].price;
    }
    arena_release(&arena);
    return verdict;
}

static void test_times(void)
{
    static const struct {
        const char *unit, *value;
        int64_t ms; /* -1: refused */
    } cases[] = {
        {"ms", "1767225600000", 1767225600000},
        {"ms", "\"1767225600000\"", 1767225600000},
        {"ms", "1.7672256e12", 1767225600000},
        {"ms", "1767225600000.9", 1767225600000},
        {"ms", "\"2026-01-01T00:00:00Z\"", -1},
        {"ms", "true", -1},
        {"ms", "1e300", -1},
        {"s", "1767225600", 1767225600000},
        {"s", "1767225600.123", 1767225600123},
        {"s", "\"1767225600.5\"", 1767225600500},
        {"s", "9223372036854775807", -1},
        {"us", "1767225600123456", 1767225600123},
        {"us", "\"1767225600123999\"", 1767225600123},
        {"iso8601", "\"2026-01-01T00:00:00Z\"", 1767225600000},
        {"iso8601", "\"2026-01-01T09:00:00+09:00\"", 1767225600000},
        {"iso8601", "\"2025-12-31T18:30:00.25-0530\"", 1767225600250},
        {"iso8601", "\"2026-01-01T01:00+01\"", 1767225600000},
        {"iso8601", "\"2026-01-01 00:00:00.123456 UTC\"", 1767225600123},
        {"iso8601", "\"2000-02-29T00:00:00Z\"", 951782400000},
        {"iso8601", "\"1969-12-31T23:59:59Z\"", -1000},
        {"iso8601", "\"2026-01-01T00:00:00\"", -1},
        {"iso8601", "\"2026-13-01T00:00:00Z\"", -1},
        {"iso8601", "\"2026-01-01T25:00:00Z\"", -1},
        {"iso8601", "\"2026-01-01T00:00:00.Z\"", -1},
        {"iso8601", "\"2026-01-01T00:00:00Zx\"", -1},
        {"iso8601", "1767225600000", -1},
        {"iso8601", "\"2026-01-01\"", -1},
        {"iso8601", "\"2026-01-01T0:00:00Z\"", -1},
        {"minute", "29453760", 1767225600000},
        {"hour", "490896", 1767225600000},
        {"day", "\"20454\"", 1767225600000},
        {"day", "20454.5", 1767268800000},
        {"day", "1e300", -1},
        {"date", "\"2026-01-01\"", 1767225600000},
        {"date", "\"2026-01-01 0:00\"", 1767225600000},
        {"date", "\"2026-01-01T00:00:00.123\"", 1767225600123},
        {"date", "\"2026-01-01T09:00:00+09:00\"", 1767225600000},
        {"date", "\"2026-01-01 \"", 1767225600000},
        {"date", "\"2026-01-01 x\"", -1},
        {"date", "\"1/1/2026\"", -1},
        {"mdy", "\"12/1/2010 8:26\"", 1291191960000},
        {"mdy", "\"2010-12-01 08:26:00\"", 1291191960000},
        {"mdy", "\"13/1/2010 8:26\"", -1},
        {"dmy", "\"1.12.2010 08:26:00\"", 1291191960000},
        {"dmy", "\"1/12/10\"", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char place[80];
        int64_t ms = -1;
        double price;
        snprintf(place, sizeof place, "{\"path\":\"t\",\"unit\":\"%s\"}", cases[i].unit);
        struct mapping *mapping = new_mapping(place, "\"p\"");
        enum verdict verdict = map_view(mapping, cases[i].value, "1", &ms, &price);
        CHECK_SAY(ms == cases[i].ms && (verdict == VERDICT_OK) == (cases[i].ms != -1),
                  "%s %s is %lld", cases[i].unit, cases[i].value, (long long)ms);
        mapping_free(mapping);
    }
}

static void test_numbers(void)
{
    static const struct {
        const char *form, *value;
        double price; /* -1: refused */
    } cases[] = {
        {"", "59.90", 59.9},
        {"", "\"59.90\"", 59.9},
        {"", "\" 7 \"", 7},
        {"", "\"007.50\"", 7.5},
        {"", "\"00\"", 0},
        {"", "\"-08\"", -8},
        {"", "08", -1},
        {"", "\"1,299.00\"", -1},
        {"", "\"1.2.3\"", -1},
        {"", "\"\"", NAN},
        {"", "null", NAN},
        {"", "\"12 USD\"", -1},
        {"", "[1]", -1},
        {"", "false", -1},
        {",\"thousands\":\",\"", "\"1,299.00\"", 1299},
        {",\"thousands\":\",\"", "\"1,234,567\"", 1234567},
        {",\"thousands\":\",\"", "\"12,34\"", -1},
        {",\"thousands\":\",\"", "\"1234,567\"", -1},
        {",\"thousands\":\",\"", "\",123\"", -1},
        {",\"thousands\":\",\"", "\"59.90\"", 59.9},
        {",\"thousands\":\".\",\"decimal\":\",\"", "\"1.299,50\"", 1299.5},
        {",\"thousands\":\".\",\"decimal\":\",\"", "\"12.99\"", -1},
        {",\"decimal\":\",\"", "\"59,9\"", 59.9},
        {",\"decimal\":\",\"", "\"1,2,3\"", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char place[80];
        int64_t ms;
        double price = -1;
        snprintf(place, sizeof place, "{\"path\":\"p\"%s}", cases[i].form);
        struct mapping *mapping = new_mapping("\"t\"", place);
        map_view(mapping, "1", cases[i].value, &ms, &price);
        CHECK_SAY(same_double(price, cases[i].price), "%s %s is %g", cases[i].form, cases[i].value,
                  price);
        mapping_free(mapping);
    }
}

/* An id that is made is that of the record's content. */
static void test_ids(void)
{
    static const char record[] =
        "{\"v\":\"v\",\"t\":12,\"i\":[{\"id\":\"a\"},{\"id\":\"b\"}],\"x\":{\"k\":true}}";
    static const struct {
        const char *text;
        bool same;
    } cases[] = {
        {"{\"x\":{\"k\":true},\"t\":12,\"v\":\"v\",\"i\":[{\"id\":\"a\"},{\"id\":\"b\"}]}", true},
        {" {\"v\" : \"\\u0076\", \"t\":1.2e1,\"n\":null,\"i\":[{\"id\":\"a\"},{\"id\":\"b\"}],"
         "\"x\":{\"k\":true}}",
         true},
        {"{\"v\":\"v\",\"t\":12,\"i\":[{\"id\":\"b\"},{\"id\":\"a\"}],\"x\":{\"k\":true}}", false},
        {"{\"v\":\"v\",\"t\":12,\"i\":[{\"id\":\"a\"},{\"id\":\"b\"}],\"x\":{\"k\":false}}", false},
        {"{\"v\":\"v\",\"t\":12,\"i\":[{\"id\":\"a\"},{\"id\":\"b\"}],\"x\":{\"k\":\"true\"}}",
         false},
        {"{\"v\":\"v\",\"t\":12,\"i\":[{\"id\":\"a\"},{\"id\":\"b\"}],\"x\":{},\"k\":true}", false},
        {"{\"v\":\"v\",\"t\":12,\"i\":[{\"id\":\"a\"},{\"id\":\"b\"}]}", false},
    };
    struct arena arena = {0};
    uint64_t first, other;
    CHECK(json_hash(bytes_text(record), &arena, &first, NULL) == VERDICT_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK(json_hash(bytes_text(cases[i].text), &arena, &other, NULL) == VERDICT_OK);
        CHECK_SAY((first == other) == cases[i].same, "%s", cases[i].text);
    }
    /* the hash made beside the tree is the same, whatever names are wanted */
    struct json_names names = {0};
    struct json_tree tree;
    json_names_add(&names, 0, bytes_text("x"));
    CHECK(json_tree_read(bytes_text(record), &names, &arena, &tree, &other, NULL) == VERDICT_OK);
    CHECK(first == other);
    CHECK(json_tree_read(bytes_text(record), NULL, &arena, &tree, &other, NULL) == VERDICT_OK);
    CHECK(first == other);
    json_names_release(&names);
    arena_release(&arena);
}

/* ---- files with mistakes ---- */

static void test_mistakes(void)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "m.json, line 1: "},
        {"[]", "line 1: a mapping is a JSON object"},
        {"{\"name\":\"m\",\n\"name\":\"m\"}", "line 2: duplicate object key"},
        {"{\n \"nam\":\"m\"}", "line 2: 'nam' is unknown; a mapping has name, about, file"},
        {"{\"name\":\"\"}", "line 1: name must be 1 to 64 letters, digits"},
        {"{\"about\":\"x\"}", "line 1: name is missing"},
        {"{\"name\":\"m\",\n\n\"fields\":{}}", "line 3: fields.visitor_id is missing"},
        {"{\"name\":\"m\",\n\"fields\":{\"visitor_id\":\"v\"}}", "line 2: fields.event_time"},
        {"{\"name\":\"m\",\n\"fields\":{\n\"visitorid\":\"v\"}}", "line 3: there is no field "
                                                                  "'visitorid'; schemas/README.md"},
        {"{\"name\":\"m\",\n\"fields\":{\n\"action\":[]}}", "line 3: there is no path"},
        {"{\"name\":\"m\",\n\"fields\":{\n\"value\":{}}}", "line 3: 'value' needs either path or"},
        {"{\"name\":\"m\",\n\"fields\":{\n\"value\":{\"path\":\"a\",\n\"value\":1}}}",
         "line 3: 'value' needs either path or value"},
        {"{\"name\":\"m\",\n\"fields\":{\n\"value\":{\n\"pat\":\"a\"}}}", "line 4: 'pat' is unk"},
        {"{\"name\":\"m\",\"fields\":{\n\"event_time\":{\"path\":\"a\",\n\"unit\":\"h\"}}}",
         "line 3: unit is 'h'; set it to ms, s, us, minute, hour, day, iso8601, date, mdy or dmy"},
        {"{\"name\":\"m\",\"fields\":{\n\"event_time\":{\"path\":\"a\",\"plus\":{\"b\":\"date\"}}}"
         "}",
         "line 2: a date can't be added"},
        {"{\"name\":\"m\",\"fields\":{\n\"value\":{\"path\":\"a\",\"plus\":{\"b\":\"s\"}}}}",
         "line 2: value has no unit"},
        {"{\"name\":\"m\",\n\"file\":{}}", "line 2: file needs one of lines, header and columns"},
        {"{\"name\":\"m\",\n\"file\":{\"lines\":[\"a\"],\"header\":[\"a\"]}}",
         "line 2: file has one of"},
        {"{\"name\":\"m\",\n\"file\":{\"columns\":{\"a\":\"text\"}}}",
         "any, digits, number or time"},
        {"{\"name\":\"m\",\n\"file\":{\"header\":[\"a\"],\"each\":\"b\"}}",
         "line 2: each is for lines"},
        {"{\"name\":\"m\",\n\"file\":{\"header\":[\"a\"],\"beside\":[\"b\"]}}", "go together"},
        {"{\"name\":\"m\",\n\"file\":{\"header\":[\"a\"],\"sum\":\"b\"}}",
         "sum and sum_by go together"},
        {"{\"name\":\"m\",\n\"file\":{\"head\":[\"a\"]}}", "'head' is unknown; file has lines,"},
        {HEAD "\"t\"},\n\"product\":{\"colors\":\"c\"}}",
         "line 2: there is no field 'colors' that a rec"},
        {HEAD "\"t\"},\"kinds\":\"buy\"}", "the kind 'kinds' maps to 'buy'"},
        {HEAD "\"t\"},\"kind\":\"k\",\"kinds\":\"view\"}", "set both, or none"},
        {HEAD "\"t\"},\n\"kinds\":\"search\"}",
         "line 2: the kind 'search' is a search, which needs"},
        {"{\"name\":\"m\",\"fields\":{\n\"value\":{\"path\":\"a\",\"unit\":\"s\"}}}",
         "line 2: value has no unit"},
        {"{\"name\":\"m\",\"fields\":{\n\"value\":{\"path\":\"a\",\"decimal\":\"..\"}}}",
         "line 2: 'decimal' must be one character"},
        {"{\"name\":\"m\",\"fields\":{\n\"value\":\"a[\"}}", "line 2: the path 'a[' has a '['"},
        {"{\"name\":\"m\",\"fields\":{\n\"value\":\"a[?]\"}}", "brackets that are not [*]"},
        {"{\"name\":\"m\",\"fields\":{\n\"value\":\"a..b\"}}", "has an empty name"},
        {"{\"name\":\"m\",\"fields\":{\n\"value\":\"\"}}", "is empty"},
        {"{\"name\":\"m\",\"fields\":{\n\"value\":\"a[*]\"}}", "value is one value, so its path"},
        {"{\"name\":\"m\",\"fields\":{\n\"items\":\"a[*].b\"}}", "goes on behind [*]"},
        {"{\"name\":\"m\",\"kinds\":{\n\"x\":\"cart steal\"}}", "line 2: the kind 'x' maps to 'ca"},
        {"{\"name\":\"m\",\"kinds\":{}}", "kinds is empty"},
        {HEAD "\"t\"},\"kind\":\"k\"}", "set both, or none"},
        {HEAD "\"t\"},\"kind\":\"k\",\n\"kinds\":{\n\"x\":\"search\"}}",
         "line 3: the kind 'x' is a search, which needs search_term; add fields.search_term"},
        {HEAD "\"t\"},\"kind\":\"k\",\n\"kinds\":{\n\"x\":\"view\"}}", "add fields.items"},
        {HEAD "\"t\",\"items\":\"i[*]\"}}", "item.item_id is missing"},
        {HEAD "\"t\"},\n\"item\":{\"item_id\":\"a\"}}", "line 2: fields.items is missing"},
        {"{\"name\":\"m\",\n\"item\":{\"title\":\"a\"}}", "line 2: there is no field 'title'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct mapping *mapping = NULL;
        struct error error = {0};
        CHECK_INT(mapping_new(bytes_text(cases[i].text), "m.json", &mapping, &error), VERDICT_SKIP);
        CHECK_CONTAINS(error.message, cases[i].message);
        CHECK(mapping == NULL);
    }
}

static void test_names(void)
{
    struct config config;
    struct driver *driver = NULL;
    struct mapping *mapping = NULL;
    struct error error = {0};
    CHECK(mapping_open("weft", &mapping, &error) == VERDICT_OK && mapping == NULL);
    CHECK(mapping_open("ga3", &mapping, &error) == VERDICT_SKIP);
    CHECK_CONTAINS(error.message, "there is no mapping 'ga3', and no such file can be read");
    CHECK_CONTAINS(error.message, "ga4");
    error_clear(&error);
    config_init(&config);
    CHECK(config_set(&config, "topics.cart.map", "nowhere.json", &error) == VERDICT_OK);
    CHECK(config_finish(&config, &error) == VERDICT_OK);
    CHECK(driver_new(&config, true, NULL, NULL, &driver, &error) == VERDICT_SKIP);
    CHECK_CONTAINS(error.message, "topics.cart.map: there is no mapping 'nowhere.json'");
    error_clear(&error);
    CHECK(config_set(&config, "topics.events", "all", &error) == VERDICT_OK);
    CHECK(config_set(&config, "topics.events.map", "nowhere.json", &error) == VERDICT_OK);
    CHECK(config_finish(&config, &error) == VERDICT_OK);
    CHECK(driver_new(&config, true, NULL, NULL, &driver, &error) == VERDICT_SKIP);
    CHECK_CONTAINS(error.message, "topics.events.map: there is no mapping 'nowhere.json'");
}

/* A topic of one kind needs no "kind"; another topic keeps weft's own records. */
static void test_one_topic(void)
{
    static const char record[] = "{\"v\":\"v\",\"t\":1767225600000,\"i\":[{\"id\":7,\"p\":1}]}";
    static const char own[] = "{\"event_id\":\"e\",\"visitor_id\":\"v\",\"event_time\":"
                              "1767225601000,\"items\":[{\"item_id\":\"8\"}]}";
    char *folder = test_new_folder(), path[200];
    struct config config;
    struct driver *driver = NULL;
    struct error error = {0};
    enum fate fate;
    snprintf(path, sizeof path, "%s/m.json", folder);
    FILE *file = fopen(path, "w");
    fprintf(file, HEAD "\"t\"" TAIL "\"p\"}}");
    fclose(file);
    config_init(&config);
    CHECK(config_set(&config, "topics.cart.map", path, &error) == VERDICT_OK);
    CHECK(config_finish(&config, &error) == VERDICT_OK);
    CHECK_SAY(driver_new(&config, true, NULL, NULL, &driver, &error) == VERDICT_OK, "%s",
              error.message);
    CHECK(driver_record(driver, EVENT_CART, bytes_text("v"), bytes_text(record), &fate, &error) ==
          VERDICT_OK);
    CHECK_INT(fate, FATE_PROCESSED);
    CHECK(driver_record(driver, EVENT_VIEW, bytes_text("v"), bytes_text(own), &fate, &error) ==
          VERDICT_OK);
    CHECK_INT(fate, FATE_PROCESSED); /* a view with its item in "items" */
    CHECK_INT(driver_visitor(driver, bytes_text("v"))->accepted, 2);
    driver_free(driver);
    test_remove_folder(folder);
    free(folder);
}

/* weft's own events in one topic: JSON says its type, Avro has it in the fingerprint. */
static void test_all_kinds(void)
{
    struct hash_sink one_sink = {.sink.written = written}, many_sink = {.sink.written = written};
    struct driver *one = new_driver(&one_sink, "topics.events", "all");
    struct driver *many = new_driver(&many_sink, "input.map", "weft");
    struct random random = random_from(7);
    struct arena arena = {0};
    struct buffer json = {0}, avro = {0};
    struct error error = {0};
    enum fate fate, other;
    for (int i = 0; i < 300; i++) {
        struct event event = random_event(&random, &arena, (enum event_type)(i % EVENT_USER));
        struct bytes key = event_visitor(&event);
        event.event_time_ms = 1767225600000 + i;
        buffer_clear(&json);
        buffer_clear(&avro);
        event_write_json(&event, true, &json);
        avro_put_header(&avro, schema_fingerprint(event_type_names[event.type]));
        event_write_avro(&event, &avro);
        CHECK(driver_record(one, EVENT_VIEW, key, buffer_bytes(i % 2 ? &json : &avro), &fate,
                            &error) == VERDICT_OK);
        CHECK_SAY(fate != FATE_DEAD_LETTER, "%s", error.message);
        CHECK(driver_record(many, event.type, key, buffer_bytes(&json), &other, &error) ==
              VERDICT_OK);
        CHECK_INT(fate, other);
        arena_clear(&arena);
    }
    CHECK(one_sink.hash == many_sink.hash && one_sink.count > 100);
    error_clear(&error);
    CHECK(driver_record(one, EVENT_VIEW, bytes_text("v"), bytes_text("{\"type\":\"user\"}"), &fate,
                        &error) == VERDICT_OK);
    CHECK_INT(fate, FATE_DEAD_LETTER);
    CHECK_CONTAINS(error.message, "type is 'user', not view, search");
    driver_free(one);
    driver_free(many);
    buffer_release(&json);
    buffer_release(&avro);
    arena_release(&arena);
}

/* ---- Avro ---- */

static const char shop_schema[] =
    "{\"type\":\"record\",\"name\":\"shop.Click\",\"fields\":["
    "{\"name\":\"kind\",\"type\":{\"type\":\"enum\",\"name\":\"Kind\",\"symbols\":[\"SEEN\","
    "\"IN_CART\"]}},"
    "{\"name\":\"who\",\"type\":{\"type\":\"map\",\"values\":\"string\"}},"
    "{\"name\":\"at\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}},"
    "{\"name\":\"lines\",\"type\":{\"type\":\"array\",\"items\":[\"null\",{\"type\":\"record\","
    "\"name\":\"Line\",\"fields\":[{\"name\":\"sku\",\"type\":\"int\"},{\"name\":\"price\","
    "\"type\":{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"scale\":2}},{\"name\":\"weight\","
    "\"type\":\"double\"},{\"name\":\"more\",\"type\":[\"null\",\"Line\"]}]}]}},"
    "{\"name\":\"raw\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}}]}";

static const char shop_mapping[] =
    "{\"name\":\"shop\",\"kind\":\"kind\",\"kinds\":{\"SEEN\":\"view\",\"IN_CART\":"
    "\"cart add\"},\"fields\":{\"visitor_id\":\"who.cookie\",\"event_time\":{\"path\":\"at\","
    "\"unit\":\"us\"},\"items\":\"lines[*]\"},\"item\":{\"item_id\":\"sku\",\"price\":\"price\"}}";

static const char shop_json[] =
    "{\"kind\":\"IN_CART\",\"who\":{\"cookie\":\"c\\u00e9\"},\"at\":1767225600000001,\"lines\":"
    "[{\"sku\":7,\"price\":12.50,\"weight\":0.1,\"more\":{\"sku\":1,\"price\":-0.05,\"weight\":"
    "null,\"more\":null}}],\"raw\":null}";

static void put_line(struct buffer *record, int64_t sku, struct bytes price, double weight)
{
    avro_put_long(record, 1);
    avro_put_long(record, sku);
    avro_put_string(record, price);
    avro_put_double(record, weight);
}

static void put_shop_record(struct buffer *record)
{
    avro_put_long(record, 1);
    avro_put_long(record, -1); /* a block with its size */
    avro_put_long(record, 11);
    avro_put_string(record, bytes_text("cookie"));
    avro_put_string(record, bytes_text("c\xC3\xA9"));
    avro_put_long(record, 0);
    avro_put_long(record, 1767225600000001);
    avro_put_long(record, 1);
    put_line(record, 7, bytes_of("\x04\xE2", 2), 0.1);
    put_line(record, 1, bytes_of("\xFB", 1), NAN);
    avro_put_long(record, 0);
    avro_put_long(record, 0);
    buffer_append(record, "\xFF\xFE", 2);
}

static enum verdict fetch(struct schema_source *source, uint32_t id, struct buffer *schema,
                          struct error *error)
{
    (void)source;
    if (id != 7)
        return error_set(error, VERDICT_SKIP, "there is no such id");
    buffer_text(schema, shop_schema);
    return VERDICT_OK;
}

/* An Avro record is the JSON object of the same names, in both framings. */
static void test_avro(void)
{
    struct schema_source source = {.fetch = fetch};
    struct codec *codec = codec_new(&source);
    struct mapping *mapping = NULL;
    struct event json_event, event;
    struct arena arena = {0};
    struct buffer record = {0}, framed = {0}, text = {0};
    struct error error = {0};
    struct avro_shape *shape = NULL;
    uint64_t fingerprint, expected, hash;
    const char *field = "";
    CHECK_SAY(mapping_new(bytes_text(shop_mapping), "shop", &mapping, &error) == VERDICT_OK, "%s",
              error.message);
    CHECK(mapping_decode(mapping, EVENT_VIEW, bytes_text(shop_json), &arena, &json_event, &error) ==
          VERDICT_OK);
    put_shop_record(&record);
    CHECK_SAY(avro_shape_new(bytes_text(shop_schema), &shape, &error) == VERDICT_OK, "%s",
              error.message);
    CHECK_SAY(avro_write_json(shape, buffer_bytes(&record), &text, &error) == VERDICT_OK, "%s",
              error.message);
    CHECK(json_hash(bytes_text(shop_json), &arena, &expected, NULL) == VERDICT_OK);
    CHECK(json_hash(buffer_bytes(&text), &arena, &hash, NULL) == VERDICT_OK);
    CHECK_SAY(hash == expected, "%.*s", (int)text.size, text.at);
    for (size_t size = 0; size < record.size; size++)
        CHECK(avro_write_json(shape, bytes_of(record.at, size), &text, NULL) == VERDICT_SKIP);
    codec_set_mapping(codec, EVENT_VIEW, mapping);
    CHECK(codec_learn(codec, EVENT_VIEW, bytes_text(shop_schema), &error) == VERDICT_OK);
    CHECK(avro_fingerprint(bytes_text(shop_schema), &fingerprint, NULL) == VERDICT_OK);
    for (int wire = 0; wire < 2; wire++) {
        buffer_clear(&framed);
        if (wire == 0)
            buffer_append(&framed, "\0\0\0\0\7", 5);
        else
            avro_put_header(&framed, fingerprint);
        buffer_append(&framed, record.at, record.size);
        for (int times = 0; times < 2; times++) {
            CHECK_SAY(codec_decode(codec, EVENT_VIEW, buffer_bytes(&framed), &arena, &event,
                                   &error) == VERDICT_OK,
                      "%s", error.message);
            CHECK_SAY(same_event(&event, &json_event, &field), "%s differs", field);
        }
    }
    CHECK_INT(event.type, EVENT_CART);
    CHECK_REAL(event.items[0].price, 12.5);
    avro_shape_free(shape);
    codec_free(codec);
    mapping_free(mapping);
    buffer_release(&record);
    buffer_release(&framed);
    buffer_release(&text);
    arena_release(&arena);
}

/* Schemas that can't be compiled say why. */
static void test_avro_schemas(void)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"{", "it is no JSON"},
        {"\"string\"", "is no record"},
        {"{\"type\":\"record\",\"name\":\"a\"}", "a record has no fields"},
        {"{\"type\":\"record\",\"fields\":[]}", "a type has no name"},
        {"{\"type\":\"record\",\"name\":\"a\",\"fields\":[{\"name\":\"x\",\"type\":\"Y\"}]}",
         "it names a type that it does not have"},
        {"{\"type\":\"record\",\"name\":\"a\",\"fields\":[{\"type\":\"int\"}]}",
         "a name is missing"},
        {"{\"type\":\"record\",\"name\":\"a\",\"fields\":[{\"name\":\"x\"}]}", "a type is missing"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct avro_shape *shape = NULL;
        struct error error = {0};
        CHECK_INT(avro_shape_new(bytes_text(cases[i].text), &shape, &error), VERDICT_SKIP);
        CHECK_CONTAINS(error.message, cases[i].message);
    }
}

int main(void)
{
    TEST_RUN(test_cases);
    TEST_RUN(test_times);
    TEST_RUN(test_numbers);
    TEST_RUN(test_ids);
    TEST_RUN(test_mistakes);
    TEST_RUN(test_names);
    TEST_RUN(test_one_topic);
    TEST_RUN(test_all_kinds);
    TEST_RUN(test_avro);
    TEST_RUN(test_avro_schemas);
    return test_done();
}
