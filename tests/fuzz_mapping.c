/* The mapper: a byte that says which, then the text of a mapping, or a record for a ready-made one.
 * An event that comes out passes for weft's own after event_check(). */
#include "schemas/event_write.h"
#include "schemas/json.h"
#include "schemas/json_tree.h"
#include "schemas/mapping.h"
#include "tests/fuzz.h"
#include "tests/test_events.h"

static const char *const ready[] = {
    "ga4",           "segment",   "snowplow",        "google-retail",
    "online-retail", "instacart", "diginetica-views"};
#define READY (sizeof ready / sizeof ready[0])

static struct mapping *mappings[READY]; /* made at the first input, stored for all */

static const char sample[] =
    "{\"event_name\":\"add_to_cart\",\"event_timestamp\":\"1767225600000000\",\"user_pseudo_id\":"
    "\"v\","
    "\"event_params\":[{\"key\":\"value\",\"value\":{\"double_value\":1.5}}],"
    "\"items\":[{\"item_id\":\"a\",\"price\":\"1,299.00\"},{\"item_id\":7,\"quantity\":\"2\"}]}";

/* weft's own reader takes the event as it is written. */
static void check_own(const struct event *event)
{
    struct event again;
    struct arena arena = {0};
    struct buffer written = {0};
    struct error error = {0};
    const char *field;
    event_write_json(event, false, &written);
    event_init(&again, event->type);
    FUZZ_CHECK(json_decode(buffer_bytes(&written), &arena, &again, &error) == VERDICT_OK);
    FUZZ_CHECK(same_event(event, &again, &field));
    buffer_release(&written);
    arena_release(&arena);
}

/* Both ways to the hash of a text agree. */
static void check_hash(struct bytes text)
{
    struct arena arena = {0};
    struct json_tree tree;
    uint64_t a = 0, b = 0;
    enum verdict verdict = json_tree_read(text, NULL, &arena, &tree, &a, NULL);
    FUZZ_CHECK(json_hash(text, &arena, &b, NULL) == verdict && a == b);
    arena_release(&arena);
}

static void try_record(const struct mapping *mapping, struct bytes record)
{
    struct event event, again;
    struct arena arena = {0};
    struct error error = {0};
    enum verdict verdict = mapping_decode(mapping, EVENT_CART, record, &arena, &event, &error);
    FUZZ_CHECK(verdict == VERDICT_OK || (verdict == VERDICT_SKIP && error.message[0]));
    if (verdict == VERDICT_OK && !event.dropped) {
        FUZZ_CHECK(event.event_id.size > 0);
        FUZZ_CHECK(mapping_decode(mapping, EVENT_CART, record, &arena, &again, NULL) == VERDICT_OK);
        FUZZ_CHECK(bytes_equal(event.event_id, again.event_id));
        check_hash(record);
        struct event product;
        if (mapping_product(mapping, record, &event, &arena, &product))
            FUZZ_CHECK(event_check(&product, NULL) == VERDICT_OK);
        if (event_check(&event, &error) == VERDICT_OK)
            check_own(&event);
    }
    arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct bytes text = bytes_of(data + 1, size - 1);
    size_t which = data[0] % (READY + 1);
    struct mapping *mapping = NULL;
    struct error error = {0};
    if (which < READY) {
        if (mappings[which] == NULL)
            FUZZ_CHECK(mapping_new(mapping_text(ready[which]), ready[which], &mappings[which],
                                   &error) == VERDICT_OK);
        try_record(mappings[which], text);
        return 0;
    }
    if (mapping_new(text, "m.json", &mapping, &error) != VERDICT_OK) {
        FUZZ_CHECK(error.message[0] && mapping == NULL);
        return 0;
    }
    try_record(mapping, bytes_text(sample));
    mapping_free(mapping);
    return 0;
}

/* The mappings themselves, and the first records of their cases. */
void fuzz_seeds(struct fuzz_sink *sink)
{
    struct buffer seed = {0};
    char path[600];
    for (size_t i = 0; i < READY; i++) {
        buffer_clear(&seed);
        buffer_byte(&seed, (char)READY);
        buffer_append(&seed, mapping_text(ready[i]).at, mapping_text(ready[i]).size);
        sink->add(sink, buffer_bytes(&seed));
        snprintf(path, sizeof path, "%s/mappings/%s/input.jsonl", WEFT_CASES_DIR, ready[i]);
        FILE *file = fopen(path, "r");
        char line[4096];
        for (int n = 0; file && n < 12 && fgets(line, sizeof line, file); n++) {
            buffer_clear(&seed);
            buffer_byte(&seed, (char)i);
            buffer_text(&seed, line);
            sink->add(sink, buffer_bytes(&seed));
        }
        if (file)
            fclose(file);
    }
    buffer_release(&seed);
}
