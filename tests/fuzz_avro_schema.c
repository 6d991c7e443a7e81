/* A record type, the JSON text of a writer's schema, a zero byte, and data by that schema. */
#include "schemas/avro.h"
#include "schemas/codec.h"
#include "schemas/event_write.h"
#include "tests/avro_leaks.h"
#include "tests/fuzz.h"
#include "tests/test_events.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    enum event_type type = (enum event_type)(data[0] % EVENT_TYPES);
    const uint8_t *end = memchr(data, 0, size);
    if (end == NULL || end == data)
        return 0;
    struct bytes schema = bytes_of(data + 1, (size_t)(end - data) - 1);
    struct bytes record = bytes_of(end + 1, size - (size_t)(end + 1 - data));
    struct avro_plan *plan;
    struct error error = {0};
    uint64_t fingerprint;
    avro_fingerprint(schema, &fingerprint, NULL);
    if (avro_plan_new(schema, type, &plan, &error) != VERDICT_OK) {
        FUZZ_CHECK(error.message[0]);
        return 0;
    }
    struct event event;
    struct arena arena = {0};
    event_init(&event, type);
    enum verdict verdict = avro_decode(plan, record, &arena, &event, &error);
    FUZZ_CHECK(verdict == VERDICT_OK || (verdict == VERDICT_SKIP && error.message[0]));
    if (verdict == VERDICT_OK)
        event_check(&event, &error);
    arena_release(&arena);
    avro_plan_free(plan);
    return 0;
}

static void add(struct fuzz_sink *sink, enum event_type type, struct bytes schema,
                struct bytes record)
{
    struct buffer seed = {0};
    buffer_byte(&seed, (char)(type + EVENT_TYPES)); /* not zero, which ends the schema */
    buffer_append(&seed, schema.at, schema.size);
    buffer_byte(&seed, 0);
    buffer_append(&seed, record.at, record.size);
    sink->add(sink, buffer_bytes(&seed));
    buffer_release(&seed);
}

void fuzz_seeds(struct fuzz_sink *sink)
{
    struct random random = {.state = 1};
    struct arena arena = {0};
    struct buffer record = {0};
    struct event event = random_event(&random, &arena, EVENT_USER);
    event_write_avro(&event, &record);
    add(sink, EVENT_USER, schema_text("user"), buffer_bytes(&record));
    add(sink, EVENT_USER,
        bytes_text(
            "{\"type\":\"record\",\"name\":\"U\",\"fields\":["
            "{\"name\":\"t\",\"type\":{\"type\":\"record\",\"name\":\"T\",\"fields\":["
            "{\"name\":\"n\",\"type\":[\"null\",\"T\"]},{\"name\":\"f\",\"type\":"
            "{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}},{\"name\":\"g\",\"type\":\"F\"}]}},"
            "{\"name\":\"user_id\",\"type\":[\"bytes\",\"string\"]}]}"),
        bytes_text("\2\0abcdcd\2\2x"));
    add(sink, EVENT_PRODUCT,
        bytes_text(
            "{\"type\":\"record\",\"name\":\"P\",\"fields\":["
            "{\"name\":\"item_id\",\"type\":\"string\"},{\"name\":\"title\",\"type\":\"bytes\"},"
            "{\"name\":\"price\",\"type\":\"float\"},{\"name\":\"m\",\"type\":"
            "{\"type\":\"map\",\"values\":{\"type\":\"array\",\"items\":\"long\"}}},"
            "{\"name\":\"availability\",\"type\":{\"type\":\"enum\",\"name\":\"A\","
            "\"symbols\":[\"x\",\"in_stock\"]}},{\"name\":\"colors\",\"type\":"
            "{\"type\":\"array\",\"items\":\"string\"}}]}"),
        bytes_of("\2a\2b\0\0\x80\x3f\2\2k\2\4\0\0\2\2\2r\0", 18));
    buffer_release(&record);
    arena_release(&arena);
}
