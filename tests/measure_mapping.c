/* Measures what an event costs through a mapping, beside weft's own JSON, from bytes to a checked
 * event. Prints one JSON object: for each case of tests/cases/mappings the nanoseconds and the
 * bytes of a record, of both forms, for records that give an event. "flat" is a mapping that only
 * renames weft's own fields, so its records say as much as weft's own.
 *
 *     measure_mapping [ROUNDS] */
#include "processors/runtime/mapping_files.h"
#include "schemas/event_write.h"
#include "tests/measure.h"

#define RECORDS_MAX 64

static const char flat[] =
    "{\"name\":\"flat\",\"kind\":\"type\",\"kinds\":{\"view\":\"view\",\"search\":\"search\","
    "\"cart\":"
    "\"cart add\",\"purchase\":\"purchase\"},\"fields\":{\"event_id\":\"event_id\",\"visitor_id\":"
    "\"visitor_id\",\"user_id\":\"user_id\",\"session_id\":\"session_id\",\"event_time\":\"event_"
    "time\","
    "\"channel\":\"channel\",\"uri\":\"uri\",\"search_term\":\"search_term\",\"transaction_id\":"
    "\"transaction_id\",\"value\":\"value\",\"currency\":\"currency\",\"status\":\"status\","
    "\"action\":"
    "\"action\",\"items\":[\"items[*]\",\"item\"]},\"item\":{\"item_id\":\"item_id\",\"price\":"
    "\"price\","
    "\"quantity\":\"quantity\",\"currency\":\"currency\"}}";

struct records {
    struct buffer bytes;
    size_t ends[RECORDS_MAX];
    enum event_type types[RECORDS_MAX];
    size_t count;
};

static void add_record(struct records *records, enum event_type type)
{
    records->types[records->count] = type;
    records->ends[records->count++] = records->bytes.size;
}

/* Nanoseconds a record. */
static double decode_all(struct codec *codec, const struct records *records, bool mapped,
                         uint32_t rounds)
{
    struct arena arena = {0};
    struct event event;
    double began_s = measure_now_s();
    for (uint32_t round = 0; round < rounds; round++) {
        size_t at = 0;
        for (size_t i = 0; i < records->count; i++) {
            struct bytes record = bytes_of(records->bytes.at + at, records->ends[i] - at);
            CHECK(codec_decode(codec, mapped ? EVENT_VIEW : records->types[i], record, &arena,
                               &event, NULL) == VERDICT_OK);
            at = records->ends[i];
            arena_clear(&arena);
        }
    }
    double took_s = measure_now_s() - began_s;
    arena_release(&arena);
    return took_s * 1e9 / ((double)rounds * (double)records->count);
}

/* The lines of a case that give events, and these events as weft's own JSON. */
static void read_case(const char *name, const struct mapping *mapping, struct records *foreign,
                      struct records *own)
{
    char path[600], line[8192];
    struct arena arena = {0};
    struct event event;
    snprintf(path, sizeof path, "%s/mappings/%s/input.jsonl", WEFT_CASES_DIR, name);
    FILE *file = fopen(path, "r");
    while (file && own->count < RECORDS_MAX && fgets(line, sizeof line, file)) {
        struct bytes text = bytes_trim(bytes_text(line));
        if (mapping_decode(mapping, EVENT_VIEW, text, &arena, &event, NULL) == VERDICT_OK &&
            !event.dropped && event_check(&event, NULL) == VERDICT_OK) {
            buffer_append(&foreign->bytes, text.at, text.size);
            add_record(foreign, event.type);
            event_write_json(&event, false, &own->bytes);
            add_record(own, event.type);
        }
        arena_clear(&arena);
    }
    if (file)
        fclose(file);
    arena_release(&arena);
}

static void measure(const char *name, const struct mapping *mapping, const struct records *foreign,
                    const struct records *own, uint32_t rounds, bool first)
{
    struct codec *codec = codec_new(NULL), *plain = codec_new(NULL);
    codec_set_mapping(codec, EVENT_VIEW, mapping);
    decode_all(plain, own, false, rounds / 10 + 1);
    double own_ns = decode_all(plain, own, false, rounds);
    double mapped_ns = decode_all(codec, foreign, true, rounds);
    printf(
        "%s\"%s\":{\"bytes\":%.0f,\"ns\":%.0f,\"own_bytes\":%.0f,\"own_ns\":%.0f,\"more_ns\":%.0f,"
        "\"ratio\":%.2f}",
        first ? "{" : ",", name, (double)foreign->bytes.size / (double)foreign->count, mapped_ns,
        (double)own->bytes.size / (double)own->count, own_ns, mapped_ns - own_ns,
        mapped_ns / own_ns);
    codec_free(codec);
    codec_free(plain);
}

/* weft's own events with a "type" are the records of the flat mapping. */
static void measure_flat(const struct records *own, uint32_t rounds)
{
    struct mapping *mapping = NULL;
    struct records typed = {0};
    size_t at = 0;
    CHECK(mapping_new(bytes_text(flat), "flat", &mapping, NULL) == VERDICT_OK);
    for (size_t i = 0; i < own->count; i++) {
        buffer_format(&typed.bytes, "{\"type\":\"%s\",%.*s", event_type_names[own->types[i]],
                      (int)(own->ends[i] - at - 1), own->bytes.at + at + 1);
        add_record(&typed, own->types[i]);
        at = own->ends[i];
    }
    measure("flat", mapping, &typed, own, rounds, true);
    buffer_release(&typed.bytes);
    mapping_free(mapping);
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"ga4", "segment", "snowplow", "google-retail"};
    uint32_t rounds = measure_number(argc, argv, 1, 20000);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct mapping *mapping = NULL;
        struct records foreign = {0}, own = {0};
        CHECK(mapping_open(names[i], &mapping, NULL) == VERDICT_OK);
        read_case(names[i], mapping, &foreign, &own);
        CHECK(own.count > 5);
        if (i == 0)
            measure_flat(&own, rounds);
        measure(names[i], mapping, &foreign, &own, rounds, false);
        buffer_release(&foreign.bytes);
        buffer_release(&own.bytes);
        mapping_free(mapping);
    }
    printf("}\n");
    return test_failed > 0;
}
