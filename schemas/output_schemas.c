#include "schemas/output_schemas.h"

#include "schemas/avro_json.h"
#include "schemas/byte_order.h"
#include "schemas/codec.h"

#include <assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

const char *const output_schema_names[OUTPUT_SCHEMAS] = {"recommendation", "ranking", "item_lists"};

const char *const subject_naming_names[SUBJECT_NAMINGS + 1] = {"topic", "record", "topic-record",
                                                               NULL};

struct output_frames output_frames_single(void)
{
    struct output_frames frames;
    for (int i = 0; i < OUTPUT_SCHEMAS; i++)
        frames.of[i] = avro_frame_single(schema_fingerprint(output_schema_names[i]));
    return frames;
}

uint64_t output_form_version(bool avro, const struct avro_frame *frame)
{
    uint64_t id = 0; /* of a registry */
    if (!avro)
        return 0;
    if (frame->size < AVRO_FRAME_BYTES_MAX)
        id = get_be(frame->at + 1, 4);
    return id << 1 | 1;
}

/* The record's full name: namespace and name. */
static void put_record_name(enum output_schema schema, struct buffer *subject)
{
    struct bytes text = schema_text(output_schema_names[schema]);
    json_t *record = json_loadb(text.at, text.size, 0, NULL);
    assert(record); /* weft's own schema */
    buffer_format(subject, "%s.%s", json_string_value(json_object_get(record, "namespace")),
                  json_string_value(json_object_get(record, "name")));
    json_decref(record);
}

void output_subject(enum subject_naming naming, const char *topic, enum output_schema schema,
                    struct buffer *subject)
{
    if (naming != SUBJECT_RECORD)
        buffer_text(subject, topic);
    if (naming == SUBJECT_TOPIC)
        buffer_text(subject, "-value");
    if (naming == SUBJECT_TOPIC_RECORD)
        buffer_byte(subject, '-');
    if (naming != SUBJECT_TOPIC)
        put_record_name(schema, subject);
}

/* ---- reading ---- */

struct output_reader {
    struct avro_shape *shapes[OUTPUT_SCHEMAS]; /* NULL: not needed so far */
};

struct output_reader *output_reader_new(void)
{
    return memory_zero(1, sizeof(struct output_reader));
}

void output_reader_free(struct output_reader *reader)
{
    if (reader == NULL)
        return;
    for (int i = 0; i < OUTPUT_SCHEMAS; i++)
        avro_shape_free(reader->shapes[i]);
    free(reader);
}

/* The bytes before the value; 0: the record is not Avro. */
static size_t frame_size(struct bytes record)
{
    if (record.size >= 10 && memcmp(record.at, "\xC3\x01", 2) == 0)
        return 10;
    return record.size >= 5 && record.at[0] == 0 ? 5 : 0;
}

enum verdict output_reader_json(struct output_reader *reader, enum output_schema schema,
                                struct bytes record, struct buffer *json, struct error *error)
{
    size_t skipped = frame_size(record);
    if (skipped == 0) {
        buffer_append(json, record.at, record.size);
        return VERDICT_OK;
    }
    if (reader->shapes[schema] == NULL &&
        avro_shape_new(schema_text(output_schema_names[schema]), &reader->shapes[schema], error) !=
            VERDICT_OK)
        return VERDICT_SKIP;
    return avro_write_json(reader->shapes[schema],
                           bytes_of(record.at + skipped, record.size - skipped), json, error);
}
