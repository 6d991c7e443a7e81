/* Decodes the value of a Kafka record to an event. The first bytes tell the wire format:
 *
 *     '{' ...                          JSON
 *     0xC3 0x01 fingerprint(8, LE)     Avro, single-object encoding
 *     0x00 id(4, BE)                   Avro, Confluent framing: the schema registry has the id
 *
 * A schema of the registry that is not here yet is awaited: the record's decoding is RETRY.
 *
 * A codec caches one decode plan for each writer's schema and record type. Thread: the one that
 * made the codec. */
#ifndef WEFT_SCHEMAS_CODEC_H
#define WEFT_SCHEMAS_CODEC_H

#include "schemas/mapping.h"

#define CODEC_PLANS_MAX 1024

/* Where the schemas of Confluent framing come from; it outlives the codec. `fetch` puts the
 * schema's text, which stands alone, into the buffer, and never blocks for long. SKIP: there is no
 * such schema, or it is not Avro. RETRY: nobody knows yet; the next call may. */
struct schema_source {
    enum verdict (*fetch)(struct schema_source *source, uint32_t id, struct buffer *schema,
                          struct error *error);
    int64_t refusal_ms; /* how long the codec remembers SKIP, and a schema that it can't use */
};

struct codec;

/* `source` may be NULL: records in Confluent framing are then refused, and the error names the key
 * to set. */
struct codec *codec_new(struct schema_source *source);
void codec_free(struct codec *codec);

/* Adds a writer's schema, which records in single-object encoding name by its fingerprint. weft's
 * own schemas are there from the start. SKIP: it can't be parsed or resolved. */
enum verdict codec_learn(struct codec *codec, enum event_type type, struct bytes schema,
                         struct error *error);

/* From now on the records of topics of `type` are those of another system: `mapping`, which is
 * borrowed, makes events of them, of the types that it says. Avro records go through it as the JSON
 * object of avro_json.h. Records with the fingerprint of a schema that the codec knew before stay
 * weft's own. Before codec_learn() and the first record of `type`. */
void codec_set_mapping(struct codec *codec, enum event_type type, const struct mapping *mapping);

/* From now on the records of `type` are weft's own events of all kinds. JSON says its kind as
 * "type", and Avro by the fingerprint of single-object encoding. */
void codec_set_all_kinds(struct codec *codec, enum event_type type);

/* Decodes and checks one record. Slices of `event` point into `bytes` or `arena`. SKIP, with the
 * reason: the record belongs to the dead-letter topic. RETRY: the source does not have its schema
 * yet; the same call may succeed later. */
enum verdict codec_decode(struct codec *codec, enum event_type type, struct bytes bytes,
                          struct arena *arena, struct event *event, struct error *error);

/* The text of the .avsc file of that name ("view", "visitor", ...); absent if there is none. It
 * holds for ever. schema_fingerprint() asserts that there is one. Thread: any. */
struct bytes schema_text(const char *name);
uint64_t schema_fingerprint(const char *name);

#endif
