/* The Avro schemas of the records that weft writes for other services, and the bytes that stand
 * before each record:
 *
 *     single-object encoding   0xC3 0x01 fingerprint(8, little endian)   Avro 1.11 specification
 *     Confluent's framing      0x00 id(4, big endian)                    the registry has the id
 *
 * Calls avro_binary.h, avro_json.h and codec.h. Thread: any, where nothing else is said. */
#ifndef WEFT_SCHEMAS_OUTPUT_SCHEMAS_H
#define WEFT_SCHEMAS_OUTPUT_SCHEMAS_H

#include "schemas/avro_binary.h"
#include "schemas/error.h"

enum output_schema { SCHEMA_RECOMMENDATION, SCHEMA_RANKING, SCHEMA_ITEM_LISTS, OUTPUT_SCHEMAS };

/* Names for schema_text(): "recommendation", "ranking", "item_lists". */
extern const char *const output_schema_names[OUTPUT_SCHEMAS];

struct output_frames {
    struct avro_frame of[OUTPUT_SCHEMAS];
};

/* The frames of single-object encoding. */
struct output_frames output_frames_single(void);

/* The share of a record's form in its version: a record in another format or framing is written
 * again. 0 for JSON. */
uint64_t output_form_version(bool avro, const struct avro_frame *frame);

/* How the subject of a schema is named in the registry. The names are those of Confluent's
 * serialisers: TopicNameStrategy, RecordNameStrategy and TopicRecordNameStrategy. */
enum subject_naming { SUBJECT_TOPIC, SUBJECT_RECORD, SUBJECT_TOPIC_RECORD, SUBJECT_NAMINGS };
extern const char *const subject_naming_names[SUBJECT_NAMINGS + 1]; /* ends with NULL */

/* Appends the subject: "recommendations-value", "weft.Recommendation" or
 * "recommendations-weft.Recommendation". */
void output_subject(enum subject_naming naming, const char *topic, enum output_schema schema,
                    struct buffer *subject);

/* Reads records that weft wrote, in each form, as JSON text. One thread at a time. */
struct output_reader;
struct output_reader *output_reader_new(void);
void output_reader_free(struct output_reader *reader); /* NULL is fine */

/* Appends the record as JSON; JSON itself as it is. An absent field is null or left out. SKIP: it
 * is no record of this schema. */
enum verdict output_reader_json(struct output_reader *reader, enum output_schema schema,
                                struct bytes record, struct buffer *json, struct error *error);

#endif
