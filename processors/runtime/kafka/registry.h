/* Writer schemas from a schema registry with Confluent's HTTP interface, by libcurl. */
#ifndef WEFT_KAFKA_REGISTRY_H
#define WEFT_KAFKA_REGISTRY_H

#include "schemas/codec.h"

struct registry;

/* `url` as in schema.registry.url: scheme, host, port, path. Thread: the one that uses it.
 * Answers are awaited for at most 2 s; a registry that gives none is left alone for 10 s, in which
 * every schema not had yet is RETRY. Making and freeing one also starts and ends libcurl: do both
 * while no other thread uses libcurl. */
struct registry *registry_new(const char *url);
void registry_free(struct registry *registry);
struct schema_source *registry_source(struct registry *registry);

/* Registers a schema under a subject and tells its id. RETRY: no answer. SKIP: refused. */
enum verdict registry_register(struct registry *registry, const char *subject, struct bytes schema,
                               uint32_t *ret_id, struct error *error);

#endif
