/* The answers of a schema registry (Confluent's HTTP interface), without the network: which answer
 * is final and which one must be awaited, and a schema with those that it refers to.
 *
 *     GET /schemas/ids/7                {"schema": "...", "schemaType": "AVRO", "references": [
 *                                        {"name": "shop.Item", "subject": "item", "version": 1}]}
 *     GET /subjects/item/versions/1     the same, with subject, version and id
 *
 * Thread: any; a `struct schema_parts` belongs to one at a time. */
#ifndef WEFT_KAFKA_REGISTRY_ANSWER_H
#define WEFT_KAFKA_REGISTRY_ANSWER_H

#include "schemas/avro.h"

#define REGISTRY_ANSWER_BYTES_MAX ((size_t)1 << 20) /* also of a schema with its references */
#define REGISTRY_DEPTH_MAX 8                        /* of references within references */

/* An answer as it came. */
struct registry_answer {
    const char *url; /* of the request, without user and password */
    long status;     /* of HTTP */
    struct bytes body;
};

/* Decides by the table of faults.h. OK: the answer is a registry's to a good request. SKIP: the
 * registry does not have it. RETRY: the registry is away, busy or refuses this client, or something
 * else answered; the error says what to do. Only SKIP speaks about the record that names the
 * schema. */
enum verdict registry_judge(const struct registry_answer *answer, struct error *error);

/* A registry says "error_code": 40403 with its 404; a web server or a proxy has none. */
bool registry_has_error_code(const struct registry_answer *answer);

/* One text: the schema itself, or one that it refers to. All strings are owned. */
struct schema_part {
    char *name; /* NULL: the schema itself */
    char *subject;
    int64_t version;
    int depth;
    char *text; /* NULL: not fetched yet */
};

/* A schema and all that it refers to, while they are fetched one by one. */
struct schema_parts {
    struct schema_part at[1 + AVRO_REFERENCES_MAX]; /* the schema itself is the first */
    size_t count;
    size_t bytes;
};

/* Knows that there is a schema, and nothing of it. */
void schema_parts_init(struct schema_parts *parts);
void schema_parts_release(struct schema_parts *parts);

/* The next part to fetch; NULL: all are here. */
struct schema_part *schema_parts_missing(struct schema_parts *parts);

/* Takes the answer to the request for `part`, and notes which parts it refers to. OK: its text is
 * here. SKIP: there is no such schema, it is not Avro, or it passes a bound. RETRY: as above; the
 * parts are as before. */
enum verdict schema_parts_take(struct schema_parts *parts, struct schema_part *part,
                               const struct registry_answer *answer, struct error *error);

/* When all are here: appends one schema that stands alone. SKIP: they can't be joined. */
enum verdict schema_parts_join(const struct schema_parts *parts, struct buffer *ret_schema,
                               struct error *error);

/* Reads {"id": 7}, the answer to a registration or to a look-up. SKIP: refused, for the reason that
 * the registry gives. RETRY: as above. */
enum verdict registry_read_id(const struct registry_answer *answer, uint32_t *ret_id,
                              struct error *error);

#endif
