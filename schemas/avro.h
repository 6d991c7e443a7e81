/* Avro binary: reading a record that some schema wrote by a plan compiled once for that schema,
 * and the few calls that write one. Schemas are parsed by avro-c; only avro.c includes it.
 *
 * Resolution (Avro 1.11 specification, "Schema Resolution"): fields are matched by name; a field
 * that the reader lacks is skipped; one that the writer lacks takes the reader's default; int goes
 * into long, int, long and float into double, bytes into string and back; enum symbols are matched
 * by name; a union on either side is resolved by its branch. */
#ifndef WEFT_SCHEMAS_AVRO_H
#define WEFT_SCHEMAS_AVRO_H

#include "schemas/event.h"

struct avro_plan; /* immutable once compiled; any thread may run it */

/* Compiles a plan from the JSON text of the writer's schema to the fields of `type`. SKIP when the
 * schema can't be parsed or resolved, with the field that stands in the way. */
enum verdict avro_plan_new(struct bytes writer_schema, enum event_type type,
                           struct avro_plan **ret_plan, struct error *error);
void avro_plan_free(struct avro_plan *plan);

/* Decodes one record; `bytes` must hold it exactly. `event` was prepared by event_init(). Slices
 * point into `bytes` or `arena`. Every length is checked against what is left before it is used.
 * SKIP with the byte at which the data is wrong. */
enum verdict avro_decode(const struct avro_plan *plan, struct bytes bytes, struct arena *arena,
                         struct event *event, struct error *error);

/* CRC-64-AVRO of the schema's Parsing Canonical Form, as single-object encoding carries it. */
enum verdict avro_fingerprint(struct bytes schema, uint64_t *ret_fingerprint, struct error *error);

/* Writing: appended to the buffer. */
void avro_put_long(struct buffer *buffer, int64_t value); /* also int, and the branch of a union */
void avro_put_float(struct buffer *buffer, float value);
void avro_put_double(struct buffer *buffer, double value);
void avro_put_string(struct buffer *buffer, struct bytes text);
void avro_put_optional(struct buffer *buffer, struct bytes text); /* [null, string] */
void avro_put_header(struct buffer *buffer, uint64_t fingerprint);

/* Reading back what weft wrote itself. A reader that has run past its end or met nonsense has
 * `failed` set and hands out zeros. */
struct avro_reader {
    const char *at;
    const char *end;
    bool failed;
};

int64_t avro_get_long(struct avro_reader *reader);
float avro_get_float(struct avro_reader *reader);
double avro_get_double(struct avro_reader *reader);
bool avro_get_bool(struct avro_reader *reader);
struct bytes avro_get_string(struct avro_reader *reader);
/* The number of elements in the next block of an array whose elements take at least one byte;
 * 0 at its end. */
uint64_t avro_get_block(struct avro_reader *reader);
/* Starts on a single-object record with this fingerprint; fails on any other. */
struct avro_reader avro_open(struct bytes record, uint64_t fingerprint);

#endif
