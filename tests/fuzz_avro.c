/* A record type and an Avro record by weft's own schema. A record that avro_decode() accepts comes
 * back from event_write_avro(). */
#include "schemas/avro.h"
#include "schemas/codec.h"
#include "schemas/event_write.h"
#include "tests/fuzz.h"
#include "tests/test_events.h"

static struct avro_plan *plans[EVENT_TYPES]; /* made at the first input, kept for all */

static void make_plans(void)
{
    for (int type = 0; plans[type % EVENT_TYPES] == NULL && type < EVENT_TYPES; type++)
        FUZZ_CHECK(avro_plan_new(schema_text(event_type_names[type]), (enum event_type)type,
                                 &plans[type], NULL) == VERDICT_OK);
}

static void check_accepted(const struct avro_plan *plan, const struct event *event)
{
    struct event again;
    struct arena arena = {0};
    struct buffer written = {0};
    const char *field;
    event_write_avro(event, &written);
    event_init(&again, event->type);
    FUZZ_CHECK(avro_decode(plan, buffer_bytes(&written), &arena, &again, NULL) == VERDICT_OK);
    FUZZ_CHECK(same_event(event, &again, &field));
    buffer_release(&written);
    arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    make_plans();
    struct event event;
    struct arena arena = {0};
    struct error error = {0};
    const struct avro_plan *plan = plans[data[0] % EVENT_TYPES];
    event_init(&event, (enum event_type)(data[0] % EVENT_TYPES));
    enum verdict verdict = avro_decode(plan, bytes_of(data + 1, size - 1), &arena, &event, &error);
    FUZZ_CHECK(verdict == VERDICT_OK || (verdict == VERDICT_SKIP && error.message[0]));
    if (verdict == VERDICT_OK) {
        event_check(&event, &error);
        check_accepted(plan, &event);
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
        struct event event = random_event(&random, &arena, (enum event_type)(i % EVENT_TYPES));
        buffer_clear(&seed);
        buffer_byte(&seed, (char)event.type);
        event_write_avro(&event, &seed);
        sink->add(sink, buffer_bytes(&seed));
    }
    buffer_release(&seed);
    arena_release(&arena);
}
