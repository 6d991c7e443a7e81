/* Avro records to events, against the writer, avro-c's reader and resolver, and the examples of the
 * Avro specification. Schemas that avro-c can't resolve are in test_avro_schemas.c. */
#include "schemas/codec.h"
#include "schemas/event_write.h"
#include "tests/avro_exact.h"
#include "tests/avro_leaks.h"
#include "tests/test_events.h"

#include <avro.h>
#include <jansson.h>

static struct avro_plan *own_plan(enum event_type type)
{
    struct avro_plan *plan = NULL;
    struct error error = {0};
    CHECK_SAY(avro_plan_new(schema_text(event_type_names[type]), type, &plan, &error) == VERDICT_OK,
              "%s", error.message);
    return plan;
}

static void test_round_trip(void)
{
    struct random random = random_from(31);
    struct arena arena = {0};
    struct buffer record = {0};
    for (int type = 0; type < EVENT_TYPES; type++) {
        struct avro_plan *plan = own_plan((enum event_type)type);
        for (int i = 0; i < 500; i++) {
            struct event event = random_event(&random, &arena, (enum event_type)type), again;
            struct error error = {0};
            const char *field = "";
            buffer_clear(&record);
            event_write_avro(&event, &record);
            event_init(&again, event.type);
            CHECK_SAY(decode_exact(plan, buffer_bytes(&record), &arena, &again, &error) ==
                          VERDICT_OK,
                      "%s", error.message);
            CHECK_SAY(same_event(&event, &again, &field), "%s differs", field);
            arena_clear(&arena);
        }
        avro_plan_free(plan);
    }
    buffer_release(&record);
    arena_release(&arena);
}

static void test_cut_off(void)
{
    struct random random = random_from(32);
    struct arena arena = {0};
    struct buffer record = {0};
    for (int i = 0; i < 10 * EVENT_TYPES; i++) {
        struct event event = random_event(&random, &arena, (enum event_type)(i % EVENT_TYPES));
        struct event again;
        struct avro_plan *plan = own_plan(event.type);
        buffer_clear(&record);
        event_write_avro(&event, &record);
        for (size_t size = 0; size < record.size; size++) {
            struct error error = {0};
            event_init(&again, event.type);
            CHECK(decode_exact(plan, bytes_of(record.at, size), &arena, &again, &error) ==
                  VERDICT_SKIP);
            CHECK(error.message[0]);
        }
        buffer_byte(&record, 0);
        struct error error = {0};
        event_init(&again, event.type);
        CHECK(decode_exact(plan, buffer_bytes(&record), &arena, &again, &error) == VERDICT_SKIP);
        CHECK_CONTAINS(error.message, "something follows the record");
        avro_plan_free(plan);
        arena_clear(&arena);
    }
    buffer_release(&record);
    arena_release(&arena);
}

/* ---- writer schemas at random, against avro-c's resolver ----
 *
 * Not their enums, which avro-c takes by index, nor missing fields, for which it has no defaults.
 */

static const char *const gained[] = {
    "\"null\"",
    "\"boolean\"",
    "\"int\"",
    "\"long\"",
    "\"float\"",
    "\"double\"",
    "\"bytes\"",
    "\"string\"",
    "[\"null\",\"long\",{\"type\":\"map\",\"values\":\"double\"}]",
    "{\"type\":\"fixed\",\"name\":\"G%d\",\"size\":5}",
    "{\"type\":\"enum\",\"name\":\"G%d\",\"symbols\":[\"A\",\"B\",\"C\"]}",
    "{\"type\":\"array\",\"items\":{\"type\":\"array\",\"items\":\"string\"}}",
    "{\"type\":\"map\",\"values\":{\"type\":\"array\",\"items\":\"int\"}}",
    ("{\"type\":\"record\",\"name\":\"G%d\",\"fields\":[{\"name\":\"a\",\"type\":\"float\"},"
     "{\"name\":\"b\",\"type\":{\"type\":\"record\",\"name\":\"H%d\",\"fields\":["
     "{\"name\":\"c\",\"type\":[\"null\",\"string\"]},{\"name\":\"d\",\"type\":\"boolean\"}]}},"
     "{\"name\":\"e\",\"type\":{\"type\":\"array\",\"items\":\"H%d\"}}]}"),
    ("{\"type\":\"record\",\"name\":\"G%d\",\"fields\":[{\"name\":\"v\",\"type\":\"long\"},"
     "{\"name\":\"next\",\"type\":[\"null\",\"G%d\"]}]}"),
};

static json_t *gained_field(struct random *random, int number)
{
    char text[1000], name[30];
    snprintf(name, sizeof name, "gained_%d", number);
    const char *format = gained[random_below(random, sizeof gained / sizeof gained[0])];
    size_t size = 0; /* %d by hand: the format is not a literal */
    for (const char *at = format; *at && size + 20 < sizeof text; at++) {
        if (*at == '%')
            size += (size_t)snprintf(text + size, 12, "%d", number), at++;
        else
            text[size++] = *at;
    }
    text[size] = '\0';
    json_t *type = json_loads(text, JSON_DECODE_ANY, NULL);
    CHECK_SAY(type != NULL, "%s", text);
    json_t *field = json_object();
    json_object_set_new(field, "name", json_string(name));
    json_object_set_new(field, "type", type);
    return field;
}

/* A type that the reader's can be made of. */
static json_t *narrower(struct random *random, const char *type)
{
    static const char *const for_double[] = {"double", "float", "long", "int"};
    if (strcmp(type, "double") == 0)
        return json_string(for_double[random_below(random, 4)]);
    if (strcmp(type, "long") == 0)
        return json_string(random_one_in(random, 2) ? "long" : "int");
    return json_string(type);
}

static void change_fields(struct random *random, json_t *record, int *number)
{
    json_t *fields = json_object_get(record, "fields"), *changed = json_array();
    while (json_array_size(fields) > 0) {
        size_t at = random_below(random, (uint32_t)json_array_size(fields));
        json_t *field = json_incref(json_array_get(fields, at));
        json_array_remove(fields, at);
        json_t *type = json_object_get(field, "type");
        json_object_del(field, "default");
        if (random_one_in(random, 4))
            json_array_append_new(changed, gained_field(random, (*number)++));
        if (json_is_array(type)) {
            json_t *inner = narrower(random, json_string_value(json_array_get(type, 1)));
            json_t *branches = json_array();
            switch (random_below(random, 3)) {
            case 0: /* never null */
                json_object_set_new(field, "type", inner);
                json_decref(branches);
                break;
            case 1: /* the other way round */
                json_array_append_new(branches, inner);
                json_array_append_new(branches, json_string("null"));
                json_object_set_new(field, "type", branches);
                break;
            default:
                json_array_append_new(branches, json_string("null"));
                json_array_append_new(branches, inner);
                json_object_set_new(field, "type", branches);
                break;
            }
        } else if (json_is_object(type) && json_object_get(type, "logicalType")) {
            json_object_set_new(field, "type", narrower(random, "long"));
        } else if (json_is_string(type)) {
            json_object_set_new(field, "type", narrower(random, json_string_value(type)));
        } else if (json_object_get(type, "fields")) {
            change_fields(random, type, number);
        } else if (json_object_get(json_object_get(type, "items"), "fields")) {
            change_fields(random, json_object_get(type, "items"), number);
        }
        json_array_append_new(changed, field);
    }
    json_array_append_new(changed, gained_field(random, (*number)++));
    json_object_set_new(record, "fields", changed);
}

static void fill(struct random *random, avro_value_t *value, int depth)
{
    avro_value_t inner;
    avro_schema_t schema = avro_value_get_schema(value);
    size_t count = 0;
    char text[8] = {0};
    for (uint32_t i = random_below(random, sizeof text - 1), k = 0; k < i; k++)
        text[k] = (char)('a' + random_below(random, 26));
    switch (avro_value_get_type(value)) {
    case AVRO_NULL:
        avro_value_set_null(value);
        break;
    case AVRO_BOOLEAN:
        avro_value_set_boolean(value, (int)random_below(random, 2));
        break;
    case AVRO_INT32:
        avro_value_set_int(value, (int32_t)random_next(random) >> random_below(random, 31));
        break;
    case AVRO_INT64:
        avro_value_set_long(value, (int64_t)random_next(random) >> random_below(random, 63));
        break;
    case AVRO_FLOAT:
        avro_value_set_float(value, (float)random_below(random, 100000) / 64);
        break;
    case AVRO_DOUBLE:
        avro_value_set_double(value, (double)random_next(random));
        break;
    case AVRO_STRING:
        avro_value_set_string(value, text);
        break;
    case AVRO_BYTES:
        avro_value_set_bytes(value, text, sizeof text);
        break;
    case AVRO_FIXED:
        avro_value_set_fixed(value, "\x80\xFF\0ab", 5);
        break;
    case AVRO_ENUM:
        avro_value_set_enum(value, (int)random_below(random, 3));
        break;
    case AVRO_UNION: {
        uint32_t branch = random_below(random, (uint32_t)avro_schema_union_size(schema));
        if (depth > 8) /* the recursive one has null first */
            branch = 0;
        avro_value_set_branch(value, (int)branch, &inner);
        fill(random, &inner, depth + 1);
        break;
    }
    case AVRO_ARRAY:
        for (uint32_t i = random_below(random, 4); i > 0; i--) {
            avro_value_append(value, &inner, NULL);
            fill(random, &inner, depth + 1);
        }
        break;
    case AVRO_MAP:
        for (uint32_t i = random_below(random, 3); i > 0; i--) {
            text[0] = (char)('a' + i);
            avro_value_add(value, text, &inner, NULL, NULL);
            fill(random, &inner, depth + 1);
        }
        break;
    default: /* AVRO_RECORD */
        avro_value_get_size(value, &count);
        for (size_t i = 0; i < count; i++) {
            avro_value_get_by_index(value, i, &inner, NULL);
            fill(random, &inner, depth + 1);
        }
        break;
    }
}

static struct bytes write_value(const avro_value_t *value, struct arena *arena)
{
    size_t size = 0;
    avro_value_sizeof((avro_value_t *)(uintptr_t)value, &size);
    char *at = arena_get(arena, size);
    avro_writer_t writer = avro_writer_memory(at, (int64_t)size);
    CHECK_SAY(avro_value_write(writer, (avro_value_t *)(uintptr_t)value) == 0, "%s",
              avro_strerror());
    avro_writer_free(writer);
    return bytes_of(at, size);
}

/* By avro-c: the record of the writer's schema as one of the reader's. */
static struct bytes resolve(avro_schema_t writer, avro_schema_t reader, struct bytes record,
                            struct arena *arena)
{
    avro_value_iface_t *reader_iface = avro_generic_class_from_schema(reader);
    avro_value_iface_t *resolver = avro_resolved_writer_new(writer, reader);
    avro_value_t value, resolved;
    CHECK_SAY(resolver != NULL, "%s", avro_strerror());
    avro_generic_value_new(reader_iface, &value);
    avro_resolved_writer_new_value(resolver, &resolved);
    avro_resolved_writer_set_dest(&resolved, &value);
    avro_reader_t input = avro_reader_memory(record.at, (int64_t)record.size);
    CHECK_SAY(avro_value_read(input, &resolved) == 0, "%s", avro_strerror());
    struct bytes written = write_value(&value, arena);
    avro_reader_free(input);
    avro_value_decref(&resolved);
    avro_value_decref(&value);
    avro_value_iface_decref(resolver);
    avro_value_iface_decref(reader_iface);
    return written;
}

static void check_writer(struct random *random, const struct avro_plan *own, enum event_type type,
                         avro_schema_t reader, struct arena *arena)
{
    int number = 0;
    struct bytes text = schema_text(event_type_names[type]);
    json_t *json = json_loadb(text.at, text.size, 0, NULL);
    change_fields(random, json, &number);
    char *changed = json_dumps(json, JSON_COMPACT);
    avro_schema_t writer = NULL;
    struct avro_plan *plan = NULL;
    struct error error = {0};
    bool ok = avro_schema_from_json_length(changed, strlen(changed), &writer) == 0 &&
              avro_plan_new(bytes_text(changed), type, &plan, &error) == VERDICT_OK;
    CHECK_SAY(ok, "%s %s: %s", error.message, avro_strerror(), changed);
    for (int i = 0; ok && i < 10; i++) {
        avro_value_iface_t *iface = avro_generic_class_from_schema(writer);
        avro_value_t value;
        struct event ours, theirs;
        const char *field = "";
        avro_generic_value_new(iface, &value);
        fill(random, &value, 0);
        struct bytes record = write_value(&value, arena);
        event_init(&ours, type);
        event_init(&theirs, type);
        CHECK_SAY(decode_exact(plan, record, arena, &ours, &error) == VERDICT_OK, "%s: %s",
                  error.message, changed);
        CHECK_SAY(avro_decode(own, resolve(writer, reader, record, arena), arena, &theirs,
                              &error) == VERDICT_OK,
                  "%s", error.message);
        CHECK_SAY(same_event(&ours, &theirs, &field), "%s differs: %s", field, changed);
        avro_value_decref(&value);
        avro_value_iface_decref(iface);
    }
    avro_plan_free(plan);
    avro_schema_decref(writer);
    free(changed);
    json_decref(json);
}

static void test_resolution(void)
{
    struct random random = random_from(33);
    struct arena arena = {0};
    for (int type = 0; type < EVENT_TYPES; type++) {
        struct bytes text = schema_text(event_type_names[type]);
        struct avro_plan *own = own_plan((enum event_type)type);
        avro_schema_t reader;
        avro_schema_from_json_length(text.at, text.size, &reader);
        for (int i = 0; i < 40; i++) {
            check_writer(&random, own, (enum event_type)type, reader, &arena);
            arena_clear(&arena);
        }
        avro_schema_decref(reader);
        avro_plan_free(own);
    }
    arena_release(&arena);
}

static void test_fingerprints(void)
{
    /* From the test vectors of the Avro specification (schema-tests.txt). */
    static const struct {
        const char *schema;
        uint64_t fingerprint;
    } cases[] = {
        {"\"null\"", 0x63dd24e7cc258f8a},
        {"\"boolean\"", 0x9f42fc78a4d4f764},
        {"\"int\"", 0x7275d51a3f395c8f},
        {"\"long\"", 0xd054e14493f41db7},
        {"\"float\"", 0x4d7c02cb3ea8d790},
        {"\"double\"", 0x8e7535c032ab957e},
        {"\"bytes\"", 0x4fc016dac3201965},
        {"\"string\"", 0x8f014872634503c7},
        {" {\"type\" : \"int\"} ", 0x7275d51a3f395c8f},
        {"[  ]", (uint64_t)-1241056759729112623},
        {"[ \"int\"  ]", (uint64_t)-5232228896498058493},
        {"[ \"int\" , {\"type\":\"boolean\"} ]", 5392556393470105090},
        {"{\"fields\":[], \"type\":\"record\", \"name\":\"foo\"}", (uint64_t)-4824392279771201922},
        {"{\"fields\":[], \"type\":\"record\", \"name\":\"foo\", \"namespace\":\"x.y\"}",
         5916914534497305771},
        {"{\"fields\":[], \"type\":\"record\", \"name\":\"a.b.foo\", \"namespace\":\"x.y\"}",
         (uint64_t)-4616218487480524110},
        {"{\"fields\":[], \"type\":\"record\", \"name\":\"foo\", \"doc\":\"Useful info\"}",
         (uint64_t)-4824392279771201922},
        {"{\"type\":\"fixed\", \"name\":\"foo\", \"size\": 15}", 1756455273707447556},
        {"{\"type\":\"enum\", \"symbols\":[\"A1\"], \"name\":\"foo\", \"aliases\":[\"b\"]}",
         (uint64_t)-6342190197741309591},
    };
    uint64_t fingerprint;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK(avro_fingerprint(bytes_text(cases[i].schema), &fingerprint, NULL) == VERDICT_OK);
        CHECK_SAY(fingerprint == cases[i].fingerprint, "%s has %016" PRIx64, cases[i].schema,
                  fingerprint);
    }
    uint64_t first, second; /* names within a namespace are written out */
    avro_fingerprint(bytes_text("{\"type\":\"record\",\"name\":\"a.R\",\"fields\":[{\"name\":\"f\","
                                "\"type\":[\"null\",\"R\"],\"default\":null}]}"),
                     &first, NULL);
    avro_fingerprint(
        bytes_text("{\"type\":\"record\",\"name\":\"R\",\"namespace\":\"a\",\"fields\":"
                   "[{\"name\":\"f\",\"type\":[\"null\",\"a.R\"]}]}"),
        &second, NULL);
    CHECK(first == second);
    struct error error = {0};
    CHECK(avro_fingerprint(bytes_text("{"), &first, &error) == VERDICT_SKIP);
    CHECK(error.message[0] && first == second);
}

static void test_reader(void)
{
    struct buffer buffer = {0};
    struct random random = random_from(34);
    static const int64_t edges[] = {0, -1, 1, 63, -64, 64, -65, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < 5000; i++) {
        int64_t value =
            i < 9 ? edges[i] : (int64_t)random_next(&random) >> random_below(&random, 64);
        double real = (double)value / 3;
        buffer_clear(&buffer);
        avro_put_header(&buffer, 99);
        avro_put_long(&buffer, value);
        avro_put_float(&buffer, (float)real);
        avro_put_double(&buffer, real);
        avro_put_optional(&buffer, bytes_of(NULL, 0));
        avro_put_optional(&buffer, bytes_text("x"));
        struct avro_reader reader = avro_open(buffer_bytes(&buffer), 99);
        CHECK_INT(avro_get_long(&reader), value);
        CHECK_REAL(avro_get_float(&reader), (float)real);
        CHECK_REAL(avro_get_double(&reader), real);
        CHECK_INT(avro_get_long(&reader), 0);
        CHECK_INT(avro_get_long(&reader), 1);
        CHECK_BYTES(avro_get_string(&reader), bytes_text("x"));
        CHECK(!reader.failed && reader.at == reader.end);
        CHECK(avro_get_long(&reader) == 0 && reader.failed);
    }
    struct avro_reader other = avro_open(buffer_bytes(&buffer), 98);
    CHECK(other.failed);
    struct avro_reader boolean = {"\2", &"\2"[1], false};
    CHECK(!avro_get_bool(&boolean) && boolean.failed);
    struct avro_reader block = {"\4a", &"\4a"[2], false};
    CHECK(avro_get_block(&block) == 0 && block.failed);
    buffer_release(&buffer);
}

int main(void)
{
    TEST_RUN(test_round_trip);
    TEST_RUN(test_cut_off);
    TEST_RUN(test_resolution);
    TEST_RUN(test_fingerprints);
    TEST_RUN(test_reader);
    return test_done();
}
