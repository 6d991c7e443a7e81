/* Avro: reading a record that some schema wrote by a plan compiled once for that schema (avro.c,
 * the only file that includes avro-c, which parses schemas), and fingerprints (avro_fingerprint.c).
 *
 * Resolution (Avro 1.11 specification, "Schema Resolution"): fields are matched by name; a field
 * that the reader lacks is skipped; one that the writer lacks takes the reader's default; int goes
 * into long, int, long and float into double, bytes into string and back; enum symbols are matched
 * by name; a union on either side is resolved by its branch. */
#ifndef WEFT_SCHEMAS_AVRO_H
#define WEFT_SCHEMAS_AVRO_H

#include "schemas/avro_binary.h"
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

#endif
