/* A client of a schema registry with Confluent's HTTP interface, by libcurl: fetches the schemas
 * that records were written with, and registers schemas.
 *
 * Thread: one at a time. Making and freeing a client also starts and ends libcurl: do both while no
 * other thread uses libcurl. */
#ifndef WEFT_KAFKA_REGISTRY_H
#define WEFT_KAFKA_REGISTRY_H

#include "schemas/codec.h"

struct registry;

/* `url` as in schema.registry.url: scheme, host, port, path; copied. */
struct registry *registry_new(const char *url);
void registry_free(struct registry *registry); /* takes NULL */

/* Fetches schemas by their id for a codec; owned by the registry. A call waits at most 2 s for an
 * answer. After a call without an answer every further one is RETRY at once, for 10 s. SKIP: there
 * is no such id, or the schema is not Avro. */
struct schema_source *registry_source(struct registry *registry);

/* Registers a schema under a subject and returns its id. RETRY: no answer. SKIP: refused. */
enum verdict registry_register(struct registry *registry, const char *subject, struct bytes schema,
                               uint32_t *ret_id, struct error *error);

#endif
