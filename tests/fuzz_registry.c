/* Answers of a schema registry: a status each (its last digit), and behind it a body up to a zero
 * byte. */
#include "processors/runtime/kafka/registry_answer.h"
#include "schemas/codec.h"
#include "tests/avro_leaks.h"
#include "tests/fuzz.h"

static const long statuses[] = {200, 200, 200, 200, 404, 401, 429, 503, 302, 0};

static void compile(struct bytes schema)
{
    for (int type = 0; type < EVENT_TYPES; type++) {
        struct error error = {0};
        struct avro_plan *plan = NULL;
        enum verdict verdict = avro_plan_new(schema, (enum event_type)type, &plan, &error);
        FUZZ_CHECK(verdict == VERDICT_OK || (verdict == VERDICT_SKIP && error.message[0]));
        if (verdict == VERDICT_OK)
            avro_plan_free(plan);
    }
}

static void take_all(struct schema_parts *parts, const uint8_t *data, size_t size)
{
    struct schema_part *part;
    while (size > 0 && (part = schema_parts_missing(parts)) != NULL) {
        const uint8_t *end = memchr(data, 0, size);
        size_t length = end ? (size_t)(end - data) : size;
        const struct registry_answer answer = {.url = "http://registry/x",
                                               .status = statuses[data[0] % 10],
                                               .body = bytes_of(data + 1, length ? length - 1 : 0)};
        struct error error = {0};
        uint32_t id;
        registry_has_error_code(&answer);
        registry_read_id(&answer, &id, NULL);
        enum verdict verdict = schema_parts_take(parts, part, &answer, &error);
        FUZZ_CHECK(verdict != VERDICT_FATAL && (verdict == VERDICT_OK) == (part->text != NULL));
        FUZZ_CHECK(verdict == VERDICT_OK || error.message[0]);
        FUZZ_CHECK(parts->bytes <= REGISTRY_ANSWER_BYTES_MAX);
        if (verdict == VERDICT_SKIP || end == NULL)
            return;
        size -= length + 1;
        data += length + 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct schema_parts parts;
    struct buffer schema = {0};
    struct error error = {0};
    schema_parts_init(&parts);
    take_all(&parts, data, size);
    if (schema_parts_missing(&parts) == NULL) {
        enum verdict verdict = schema_parts_join(&parts, &schema, &error);
        FUZZ_CHECK(verdict == VERDICT_OK || (verdict == VERDICT_SKIP && error.message[0]));
        if (verdict == VERDICT_OK)
            compile(buffer_bytes(&schema));
    }
    schema_parts_release(&parts);
    buffer_release(&schema);
    return 0;
}

static void add_answer(struct buffer *seed, char status, const char *schema, const char *more)
{
    buffer_byte(seed, status);
    buffer_text(seed, "{\"schema\":");
    buffer_json(seed, bytes_text(schema));
    buffer_text(seed, more);
    buffer_byte(seed, '}');
    buffer_byte(seed, 0);
}

void fuzz_seeds(struct fuzz_sink *sink)
{
    struct buffer seed = {0};
    add_answer(&seed, '0',
               "{\"type\":\"record\",\"name\":\"U\",\"namespace\":\"s\",\"fields\":[{\"name\":"
               "\"user_id\",\"type\":\"string\"},{\"name\":\"a\",\"type\":[\"null\",\"A\"]}]}",
               ",\"references\":[{\"name\":\"s.A\",\"subject\":\"a\",\"version\":1},"
               "{\"name\":\"B\",\"subject\":\"b\",\"version\":2}]");
    add_answer(&seed, '1',
               "{\"type\":\"record\",\"name\":\"s.A\",\"fields\":[{\"name\":\"b\",\"type\":"
               "{\"type\":\"map\",\"values\":\"B\"}},{\"name\":\"l\",\"type\":[\"null\",\"A\"]}]}",
               ",\"schemaType\":\"AVRO\",\"references\":[{\"name\":\"B\",\"subject\":\"b\","
               "\"version\":2}]");
    add_answer(&seed, '8', "", "");
    add_answer(&seed, '2', "{\"type\":\"enum\",\"name\":\"B\",\"symbols\":[\"x\",\"y\"]}", "");
    sink->add(sink, buffer_bytes(&seed));
    buffer_clear(&seed);
    add_answer(&seed, '0', "\"loop\"",
               ",\"references\":[{\"name\":\"loop\",\"subject\":\"l\",\"version\":1}]");
    add_answer(&seed, '0', "[\"loop\",{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}]", "");
    sink->add(sink, buffer_bytes(&seed));
    buffer_clear(&seed);
    buffer_text(&seed, "0{\"id\":7}");
    sink->add(sink, buffer_bytes(&seed));
    buffer_release(&seed);
}
