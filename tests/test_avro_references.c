/* Schemas that refer to others by name, as a schema registry has them. */
#include "schemas/avro.h"
#include "schemas/codec.h"
#include "schemas/event_write.h"
#include "tests/test_events.h"

#include <jansson.h>

/* ---- random parts of weft's own schemas, taken out ---- */

struct parts {
    struct avro_reference at[AVRO_REFERENCES_MAX];
    size_t count;
};

static void add_part(struct parts *parts, const char *name, json_t *json)
{
    char *text = json_dumps(json, 0);
    parts->at[parts->count++] = (struct avro_reference){
        .name = bytes_text(memory_text(bytes_text(name))), .schema = bytes_text(text)};
}

static void release_parts(struct parts *parts)
{
    for (size_t i = 0; i < parts->count; i++) {
        free((void *)(uintptr_t)parts->at[i].name.at);
        free((void *)(uintptr_t)parts->at[i].schema.at);
    }
    parts->count = 0;
}

/* Returns the rest of a type, whose named types may be references now. The caller owns it. */
static json_t *take_out(struct random *random, struct parts *parts, json_t *type)
{
    size_t i;
    json_t *inner;
    const char *const holders[] = {"type", "items", "values"};
    if (json_is_array(type)) {
        json_array_foreach(type, i, inner)
            json_array_set_new(type, i, take_out(random, parts, inner));
        return json_incref(type);
    }
    if (!json_is_object(type))
        return json_incref(type);
    const char *name = json_string_value(json_object_get(type, "name"));
    const char *kind = json_string_value(json_object_get(type, "type"));
    for (size_t k = 0; k < 3; k++)
        if ((inner = json_object_get(type, holders[k])) && !json_is_string(inner))
            json_object_set_new(type, holders[k], take_out(random, parts, inner));
    json_array_foreach(json_object_get(type, "fields"), i, inner)
        json_object_set_new(inner, "type", take_out(random, parts, json_object_get(inner, "type")));
    if (name == NULL || kind == NULL || random_one_in(random, 4))
        return json_incref(type);
    char full[200];
    snprintf(full, sizeof full, "weft.%s", name);
    json_object_set_new(type, "namespace", json_string("weft"));
    char *left = memory_text(bytes_text(full));
    add_part(parts, full, type);
    inner = json_string(left);
    free(left);
    return inner;
}

/* Events written by the whole schema are read by the joined one. */
static void test_own_schemas_in_parts(void)
{
    struct random random = random_from(71);
    struct arena arena = {0};
    struct buffer joined = {0}, record = {0};
    size_t parts_taken = 0;
    for (int round = 0; round < 200; round++) {
        enum event_type type = (enum event_type)(round % EVENT_TYPES);
        struct parts parts = {0};
        struct error error = {0};
        struct avro_plan *plan = NULL;
        struct bytes whole = schema_text(event_type_names[type]);
        json_t *json = json_loadb(whole.at, whole.size, 0, NULL);
        size_t i;
        json_t *field;
        json_array_foreach(json_object_get(json, "fields"), i, field) json_object_set_new(
            field, "type", take_out(&random, &parts, json_object_get(field, "type")));
        char *main_text = json_dumps(json, 0);
        parts_taken += parts.count;
        buffer_clear(&joined);
        CHECK_SAY(avro_join(bytes_text(main_text), parts.at, parts.count, &joined, &error) ==
                          VERDICT_OK &&
                      avro_plan_new(buffer_bytes(&joined), type, &plan, &error) == VERDICT_OK,
                  "%s: %s", event_type_names[type], error.message);
        struct event event = random_event(&random, &arena, type), decoded;
        const char *difference = "";
        buffer_clear(&record);
        event_write_avro(&event, &record);
        event_init(&decoded, type);
        CHECK_SAY(plan && avro_decode(plan, buffer_bytes(&record), &arena, &decoded, &error) ==
                              VERDICT_OK,
                  "%s: %s", event_type_names[type], error.message);
        CHECK_SAY(same_event(&event, &decoded, &difference), "%s differs", difference);
        avro_plan_free(plan);
        free(main_text);
        json_decref(json);
        release_parts(&parts);
        arena_clear(&arena);
    }
    CHECK(parts_taken > 100);
    buffer_release(&joined);
    buffer_release(&record);
    arena_release(&arena);
}

/* ---- names ---- */

#define USER(field_type)                                                                           \
    "{\"type\":\"record\",\"name\":\"User\",\"namespace\":\"shop\",\"fields\":["                   \
    "{\"name\":\"extra\",\"type\":" field_type "},"                                                \
    "{\"name\":\"user_id\",\"type\":\"string\"}]}"
#define SIZE(name) "{\"type\":\"record\"," name ",\"fields\":[{\"name\":\"w\",\"type\":\"int\"}]}"

static enum verdict join_one(const char *schema, const char *name, const char *reference,
                             struct buffer *joined, struct error *error)
{
    struct avro_reference one = {bytes_text(name), bytes_text(reference)};
    buffer_clear(joined);
    return avro_join(bytes_text(schema), &one, reference ? 1 : 0, joined, error);
}

/* The extra field is one int, 7 (two bytes as a boxed array where it is an array). */
static void test_names(void)
{
    static const struct {
        const char *schema, *name, *reference, *record;
        size_t size;
    } cases[] = {
        {USER("\"shop.Size\""), "shop.Size", SIZE("\"name\":\"shop.Size\""), "\16\2u", 3},
        {USER("\"Size\""), "size-value", SIZE("\"name\":\"Size\",\"namespace\":\"shop\""), "\16\2u",
         3},
        {USER("\"Size\""), "Size", SIZE("\"name\":\"Size\""), "\16\2u", 3},
        /* a type without a namespace is not the one of the same name in the schema's namespace */
        {USER("\"other.Size\""), "other.Size", SIZE("\"name\":\"Size\""), "\16\2u", 3},
        {USER("{\"type\":\"array\",\"items\":\"other.Size\"}"), "x",
         SIZE("\"name\":\"other.Size\""), "\2\16\0\2u", 5},
        {USER("{\"type\":\"map\",\"values\":{\"type\":\"other.Size\"}}"), "x",
         SIZE("\"name\":\"other.Size\""), "\2\2k\16\0\2u", 7},
        {USER("[\"null\",\"number\"]"), "number", "\"int\"", "\2\16\2u", 4},
        {USER("\"either\""), "either", "[\"null\",{\"type\":\"int\"}]", "\2\16\2u", 4},
        /* a type that holds itself */
        {USER("\"Tree\""), "Tree",
         "{\"type\":\"record\",\"name\":\"Tree\",\"fields\":[{\"name\":\"l\",\"type\":[\"null\","
         "\"Tree\"]},{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":\"E\",\"symbols\":["
         "\"a\",\"b\"]}},{\"name\":\"f\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}}]"
         "}",
         "\2\0\2xy\0zz\2u", 10},
        /* the schema's own type comes before a reference of the same name */
        {USER("[" SIZE("\"name\":\"Size\"") ",\"null\"]"), "Size",
         "{\"type\":\"enum\",\"name\":\"shop.Size\",\"symbols\":[\"s\"]}", "\0\16\2u", 4},
        {USER("\"int\""), NULL, NULL, "\16\2u", 3},
    };
    struct buffer joined = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error error = {0};
        struct arena arena = {0};
        struct avro_plan *plan = NULL;
        struct event event;
        event_init(&event, EVENT_USER);
        CHECK_SAY(join_one(cases[i].schema, cases[i].name, cases[i].reference, &joined, &error) ==
                          VERDICT_OK &&
                      avro_plan_new(buffer_bytes(&joined), EVENT_USER, &plan, &error) ==
                          VERDICT_OK &&
                      avro_decode(plan, bytes_of(cases[i].record, cases[i].size), &arena, &event,
                                  &error) == VERDICT_OK,
                  "case %zu: %s: %.*s", i, error.message, (int)joined.size, joined.at);
        CHECK_BYTES(event.user_id, bytes_text("u"));
        avro_plan_free(plan);
        arena_release(&arena);
    }
    buffer_release(&joined);
}

static void test_refusals(void)
{
    static const struct {
        const char *schema, *name, *reference, *message;
    } cases[] = {
        {USER("\"Size\""), NULL, NULL, "the type 'shop.Size' is neither in the schema nor"},
        {USER("\"Size\""), "other.Size", SIZE("\"name\":\"other.Size\""), "neither in the schema"},
        {USER("\"Size\""), "Size", "{", "a schema that it refers to is not JSON"},
        {"{", NULL, NULL, "the schema is not JSON"},
        {"7", NULL, NULL, "a type that is no type"},
        {USER("null"), NULL, NULL, "a type that is no type"},
        {USER("{\"type\":\"fixed\",\"size\":3}"), NULL, NULL, "a type without a name"},
        {USER("\"loop\""), "loop", "[\"loop\"]", "nested more than 200 deep"},
        {USER("\"twice\""), "twice", "[\"twice\",\"twice\"]", "nested more than 200 deep"},
    };
    struct buffer joined = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error error = {0};
        CHECK_INT(join_one(cases[i].schema, cases[i].name, cases[i].reference, &joined, &error),
                  VERDICT_SKIP);
        CHECK_INT(joined.size, 0);
        CHECK_CONTAINS(error.message, cases[i].message);
    }
    struct avro_reference many[AVRO_REFERENCES_MAX + 1] = {0};
    CHECK_INT(avro_join(bytes_text("\"int\""), many, AVRO_REFERENCES_MAX + 1, &joined, NULL),
              VERDICT_SKIP);
    buffer_release(&joined);
}

/* Each name stands for two of the next: the text would double 60 times. */
static void test_doubling(void)
{
    struct avro_reference references[AVRO_REFERENCES_MAX];
    char texts[AVRO_REFERENCES_MAX][60], names[AVRO_REFERENCES_MAX][20];
    struct buffer joined = {0};
    struct error error = {0};
    for (int i = 0; i < AVRO_REFERENCES_MAX; i++) {
        snprintf(names[i], sizeof names[i], "d%d", i);
        snprintf(texts[i], sizeof texts[i], "[\"d%d\",\"d%d\"]", i + 1, i + 1);
        references[i] = (struct avro_reference){bytes_text(names[i]), bytes_text(texts[i])};
    }
    references[AVRO_REFERENCES_MAX - 1].schema = bytes_text("\"int\"");
    CHECK_INT(avro_join(bytes_text("\"d0\""), references, AVRO_REFERENCES_MAX, &joined, &error),
              VERDICT_SKIP);
    CHECK_CONTAINS(error.message, "more than 4194304 bytes");
    buffer_release(&joined);
}

int main(void)
{
    TEST_RUN(test_own_schemas_in_parts);
    TEST_RUN(test_names);
    TEST_RUN(test_refusals);
    TEST_RUN(test_doubling);
    return test_done();
}
