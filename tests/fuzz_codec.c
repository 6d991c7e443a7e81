/* A record type and the bytes of a record in any wire format. */
#include "schemas/avro.h"
#include "schemas/codec.h"
#include "schemas/event_write.h"
#include "tests/fuzz.h"
#include "tests/test_events.h"

static struct codec *codec; /* made at the first input, kept for all */

/* Odd ids have our own schemas, some others answer with nonsense or not at all. */
static enum verdict fetch(struct schema_source *source, uint32_t id, struct buffer *schema,
                          struct error *error)
{
    (void)source;
    if (id % 8 == 0)
        return error_set(error, VERDICT_SKIP, "no such id");
    if (id % 8 == 2)
        return error_set(error, VERDICT_RETRY, "nobody answers");
    if (id % 8 == 4)
        buffer_text(schema, "{\"type\":\"record\"");
    else
        buffer_append(schema, schema_text(event_type_names[id / 8 % EVENT_TYPES]).at,
                      schema_text(event_type_names[id / 8 % EVENT_TYPES]).size);
    return VERDICT_OK;
}

static struct schema_source source = {.fetch = fetch, .refusal_ms = 10000};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct event event;
    struct arena arena = {0};
    struct error error = {0};
    if (codec == NULL)
        codec = codec_new(&source);
    if (size == 0)
        return 0;
    enum verdict verdict = codec_decode(codec, (enum event_type)(data[0] % EVENT_TYPES),
                                        bytes_of(data + 1, size - 1), &arena, &event, &error);
    FUZZ_CHECK(verdict == VERDICT_OK || verdict == VERDICT_RETRY || verdict == VERDICT_SKIP);
    FUZZ_CHECK(verdict == VERDICT_OK || error.message[0]);
    if (verdict == VERDICT_OK) {
        FUZZ_CHECK(event_check(&event, NULL) == VERDICT_OK);
        for (uint32_t i = 0; i < event.item_count; i++)
            FUZZ_CHECK(bytes_utf8(event.items[i].item_id) && event.items[i].item_id.size > 0);
    }
    arena_release(&arena);
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
        if (i < EVENT_TYPES) {
            event_write_json(&event, false, &seed);
        } else if (i < 2 * EVENT_TYPES) {
            avro_put_header(&seed, schema_fingerprint(event_type_names[type]));
            event_write_avro(&event, &seed);
        } else {
            buffer_append(&seed, "\0\0\0\0", 4);
            buffer_byte(&seed, (char)(8 * type + 1));
            event_write_avro(&event, &seed);
        }
        sink->add(sink, buffer_bytes(&seed));
    }
    buffer_release(&seed);
    arena_release(&arena);
}
