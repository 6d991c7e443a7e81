/* Writes Avro records of any schema as JSON, which mappings read (schemas/mapping.h): records and
 * maps are objects, enums are texts, and a union is the value of its branch. A decimal of at most 8
 * bytes is a number. Bytes that are not UTF-8, larger decimals and doubles that are not finite are
 * null. In a map's names, bytes that are not UTF-8 become U+FFFD. Thread: any. */
#ifndef WEFT_SCHEMAS_AVRO_JSON_H
#define WEFT_SCHEMAS_AVRO_JSON_H

#include "schemas/bytes.h"
#include "schemas/error.h"

#define AVRO_JSON_NODES_MAX 4096              /* types and fields of a schema */
#define AVRO_JSON_BYTES_MAX ((size_t)4 << 20) /* of a record as JSON */

/* A writer's schema, compiled; immutable: many threads may use it at once. */
struct avro_shape;

/* Compiles the JSON text of a schema that stands alone. The caller frees it; NULL is fine there.
 * SKIP, with what is wrong. */
enum verdict avro_shape_new(struct bytes schema, struct avro_shape **ret_shape,
                            struct error *error);
void avro_shape_free(struct avro_shape *shape);

/* Appends one record, which fills `record` exactly. SKIP: it is damaged, nested too deep, or longer
 * than AVRO_JSON_BYTES_MAX as JSON; the buffer then has a part of it. */
enum verdict avro_write_json(const struct avro_shape *shape, struct bytes record,
                             struct buffer *buffer, struct error *error);

#endif
