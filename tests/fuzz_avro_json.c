/* A byte that picks one of weft's own schemas, then an Avro record of it; or a byte beyond them,
 * then the text of a schema. Each record that the plan decodes is written as JSON, too, and
 * json_decode() makes the same event of it. */
#include "schemas/avro.h"
#include "schemas/avro_json.h"
#include "schemas/codec.h"
#include "schemas/event_write.h"
#include "schemas/json.h"
#include "tests/fuzz.h"
#include "tests/test_events.h"

static struct avro_plan *plans[EVENT_TYPES]; /* made at the first input, stored for all */
static struct avro_shape *shapes[EVENT_TYPES];

static void try_record(enum event_type type, struct bytes record)
{
    struct arena arena = {0};
    struct buffer json = {0};
    struct error error = {0};
    struct event event, again;
    const char *field;
    event_init(&event, type);
    event_init(&again, type);
    bool written = avro_write_json(shapes[type], record, &json, &error) == VERDICT_OK;
    FUZZ_CHECK(written || error.message[0]);
    if (avro_decode(plans[type], record, &arena, &event, NULL) == VERDICT_OK) {
        FUZZ_CHECK(written);
        FUZZ_CHECK(json_decode(buffer_bytes(&json), &arena, &again, NULL) == VERDICT_OK);
        FUZZ_CHECK(same_event(&event, &again, &field));
    }
    buffer_release(&json);
    arena_release(&arena);
}

static void try_schema(struct bytes schema)
{
    static const char record[] = "\2\4ab\0\0\1\2\2x\0";
    struct avro_shape *shape = NULL;
    struct error error = {0};
    struct buffer json = {0};
    if (avro_shape_new(schema, &shape, &error) == VERDICT_OK)
        avro_write_json(shape, bytes_of(record, sizeof record), &json, NULL);
    else
        FUZZ_CHECK(error.message[0] && shape == NULL);
    buffer_release(&json);
    avro_shape_free(shape);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    for (int type = 0; type < EVENT_TYPES && plans[type] == NULL; type++) {
        struct bytes schema = schema_text(event_type_names[type]);
        FUZZ_CHECK(avro_plan_new(schema, (enum event_type)type, &plans[type], NULL) == VERDICT_OK);
        FUZZ_CHECK(avro_shape_new(schema, &shapes[type], NULL) == VERDICT_OK);
    }
    struct bytes rest = bytes_of(data + 1, size - 1);
    size_t which = data[0] % (EVENT_TYPES + 1);
    if (which < EVENT_TYPES)
        try_record((enum event_type)which, rest);
    else
        try_schema(rest);
    return 0;
}

void fuzz_seeds(struct fuzz_sink *sink)
{
    struct random random = {.state = 1};
    struct arena arena = {0};
    struct buffer seed = {0};
    for (int i = 0; i < 3 * EVENT_TYPES; i++) {
        enum event_type type = (enum event_type)(i % EVENT_TYPES);
        struct event event = random_event(&random, &arena, type);
        buffer_clear(&seed);
        buffer_byte(&seed, (char)type);
        event_write_avro(&event, &seed);
        sink->add(sink, buffer_bytes(&seed));
    }
    for (int type = 0; type < EVENT_TYPES; type += 3) {
        struct bytes schema = schema_text(event_type_names[type]);
        buffer_clear(&seed);
        buffer_byte(&seed, EVENT_TYPES);
        buffer_append(&seed, schema.at, schema.size);
        sink->add(sink, buffer_bytes(&seed));
    }
    buffer_release(&seed);
    arena_release(&arena);
}
