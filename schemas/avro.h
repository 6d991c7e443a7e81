/* Avro: reads records of any writer's schema. The schema is compiled once to a plan; the plan
 * decodes each record (avro.c, the only file that includes avro-c, which parses schemas). Also
 * computes the fingerprints of schemas (avro_fingerprint.c), and joins schemas that refer to others
 * (avro_references.c). Thread: any.
 *
 * Resolution (Avro 1.11 specification, "Schema Resolution"): fields are matched by name; a field
 * that only the writer has is skipped; a field that only the reader has takes its default; int goes
 * into long; int, long and float go into double; bytes go into string and back; enum symbols are
 * matched by name; a union on either side is resolved by its branch.
 *
 * Beyond it: float and double go into long where the value has no fraction; nulls in an array or a
 * map are left out; so are a map's values that are no texts, which struct event_pairs counts. */
#ifndef WEFT_SCHEMAS_AVRO_H
#define WEFT_SCHEMAS_AVRO_H

#include "schemas/avro_binary.h"
#include "schemas/event.h"

struct avro_plan; /* immutable once compiled: many threads may use it at once */

/* Compiles a plan from the JSON text of the writer's schema to the fields of `type`. The caller
 * frees it. SKIP, with the field that is the reason: the schema can't be parsed or resolved. */
enum verdict avro_plan_new(struct bytes writer_schema, enum event_type type,
                           struct avro_plan **ret_plan, struct error *error);
void avro_plan_free(struct avro_plan *plan);

/* Decodes one record, which fills `bytes` exactly, into `event`, which event_init() has prepared.
 * Slices point into `bytes` or `arena`. Every length is checked against the bytes that are left
 * before it is used. SKIP, with the byte at which the data is wrong. */
enum verdict avro_decode(const struct avro_plan *plan, struct bytes bytes, struct arena *arena,
                         struct event *event, struct error *error);

/* CRC-64-AVRO of the schema's Parsing Canonical Form (Avro 1.11 specification), which single-object
 * encoding carries. SKIP: the text is no JSON. */
enum verdict avro_fingerprint(struct bytes schema, uint64_t *ret_fingerprint, struct error *error);

/* Whether the name is that of a type without a definition: "null", "boolean", ..., "string". */
bool avro_is_primitive(const char *name);

#define AVRO_REFERENCES_MAX 64
#define AVRO_DEFINITIONS_MAX 2048 /* named types in a schema and its references */
#define AVRO_JOINED_BYTES_MAX ((size_t)4 << 20)

/* A schema that another one refers to, with the name that the schema registry has for it. */
struct avro_reference {
    struct bytes name, schema;
};

/* Appends a schema that stands alone, for avro_plan_new(): each type that `schema` names stands in
 * it. A type is found by its full name in all texts, or else by the reference's name. Named types
 * get other names and fields lose their defaults, which a writer's schema does not need. SKIP: a
 * text is no JSON, a type is missing, or a bound above is passed. */
enum verdict avro_join(struct bytes schema, const struct avro_reference *references, size_t count,
                       struct buffer *ret_schema, struct error *error);

#endif
