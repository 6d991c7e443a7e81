/* Bytes of a Kafka record to an event, whatever the wire format: told apart by the first bytes.
 *
 *     '{' ...                          JSON
 *     0xC3 0x01 fingerprint(8, LE)     Avro, single-object encoding
 *     0x00 id(4, BE)                   Avro, Confluent framing: the schema is asked for by its id
 *
 * A codec caches one decode plan for each writer schema and record type. Thread: the one that
 * made it. */
#ifndef WEFT_SCHEMAS_CODEC_H
#define WEFT_SCHEMAS_CODEC_H

#include "schemas/event.h"

#define CODEC_PLANS_MAX 1024

/* Where the schemas of Confluent framing come from. SKIP: there is no such id. RETRY: nobody
 * answers now; asked again not before CODEC_ABSENCE_MS have passed. The source outlives the
 * codec. */
struct schema_source {
    enum verdict (*fetch)(struct schema_source *source, uint32_t id, struct buffer *schema,
                          struct error *error);
};

#define CODEC_ABSENCE_MS 10000

struct codec;

/* `source` may be NULL: Confluent framing is then refused with what to set. */
struct codec *codec_new(struct schema_source *source);
void codec_free(struct codec *codec);

/* Makes a further writer schema known by its fingerprint, for single-object encoding; weft's own
 * are known from the start. SKIP when it can't be parsed. */
enum verdict codec_learn(struct codec *codec, enum event_type type, struct bytes schema,
                         struct error *error);

/* Decodes and checks one record. Slices of `event` point into `bytes` or `arena`. SKIP, with the
 * reason, for a record that has to go to the dead-letter topic. */
enum verdict codec_decode(struct codec *codec, enum event_type type, struct bytes bytes,
                          struct arena *arena, struct event *event, struct error *error);

/* weft's own schemas, as the .avsc files are: "view", "visitor", ... `at` is NULL for a name that
 * there is not. `schema_fingerprint` asserts that there is. */
struct bytes schema_text(const char *name);
uint64_t schema_fingerprint(const char *name);

#endif
