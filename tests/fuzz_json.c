/* A record type and JSON text. jansson accepts what json_decode() accepts, and the decoded event
 * comes back from event_write_json(). */
#include "schemas/event_write.h"
#include "schemas/json.h"
#include "tests/fuzz.h"
#include "tests/test_events.h"

#include <jansson.h>

static void check_accepted(const struct event *event, struct bytes text)
{
    json_t *json = json_loadb(text.at, text.size, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
    bool escaped_nul = memmem(text.at, text.size, "\\u0000", 6) != NULL;
    FUZZ_CHECK(json || escaped_nul); /* jansson refuses a NUL in a name */
    json_decref(json);

    struct event again;
    struct arena arena = {0};
    struct buffer written = {0};
    const char *field;
    event_write_json(event, false, &written);
    event_init(&again, event->type);
    FUZZ_CHECK(json_decode(buffer_bytes(&written), &arena, &again, NULL) == VERDICT_OK);
    again.attributes.left_out = event->attributes.left_out; /* which is not written */
    FUZZ_CHECK(same_event(event, &again, &field));
    buffer_release(&written);
    arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct event event;
    struct arena arena = {0};
    struct error error = {0};
    struct bytes text = bytes_of(data + 1, size - 1), value;
    event_init(&event, (enum event_type)(data[0] % EVENT_TYPES));
    enum verdict verdict = json_decode(text, &arena, &event, &error);
    FUZZ_CHECK(verdict == VERDICT_OK || (verdict == VERDICT_SKIP && error.message[0]));
    if (verdict == VERDICT_OK) {
        /* a view of several "items" can't be written: event_check() refuses it */
        bool one = event.type == EVENT_VIEW || event.type == EVENT_CLICK;
        if (event_check(&event, &error) == VERDICT_OK || !one || event.item_count == 1)
            check_accepted(&event, text);
    }
    if (json_text_field(text, "type", &arena, &value, NULL) == VERDICT_OK)
        FUZZ_CHECK(bytes_utf8(value));
    arena_release(&arena);
    return 0;
}

void fuzz_seeds(struct fuzz_sink *sink)
{
    struct random random = {.state = 1};
    struct arena arena = {0};
    struct buffer seed = {0};
    for (int type = 0; type < EVENT_TYPES; type++) {
        struct event event = random_event(&random, &arena, (enum event_type)type);
        buffer_clear(&seed);
        buffer_byte(&seed, (char)type);
        event_write_json(&event, true, &seed);
        sink->add(sink, buffer_bytes(&seed));
    }
    buffer_clear(&seed);
    buffer_byte(&seed, EVENT_PRODUCT);
    buffer_text(&seed,
                "{ \"item_id\" : \"\\ud83d\\ude00\\n\" , \"title\":\"\", \"price\":-1.5e+3 ,"
                "\"tags\":[true,false,null,[{}],{\"a\":[1]}],\"rating\":12345678901234567890}");
    sink->add(sink, buffer_bytes(&seed));
    buffer_release(&seed);
    arena_release(&arena);
}
