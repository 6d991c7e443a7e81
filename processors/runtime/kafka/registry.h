/* The schema registry of a process: fetches the schemas that records were written with, for all
 * codecs, on a thread of its own. So nobody waits in a call.
 *
 * A registry may be away, slow or busy, or refuse the credentials. Then the thread tries again
 * after a pause, which doubles from 0.2 s to schema.registry.retry.max.ms. Once a minute a warning
 * says what to do. Meanwhile fetch() is RETRY, and the record that needs the schema waits. Only an
 * answer is OK or SKIP (registry_answer.h). The registry hands it out for some seconds, and fetches
 * it again after them: so a schema that is registered later is found. */
#ifndef WEFT_KAFKA_REGISTRY_H
#define WEFT_KAFKA_REGISTRY_H

#include "processors/runtime/config.h"
#include "schemas/codec.h"

#define REGISTRY_IDS_MAX 64 /* that are fetched or handed out at a time; further ones wait */

struct registry;

struct registry_counts {
    uint64_t failed;  /* requests without an answer of a registry */
    uint64_t awaited; /* schemas that records wait for now */
};

/* Starts the thread. `config` is borrowed. Thread: see registry_http.h. FATAL: a key
 * schema.registry.* can't be used, with what to do. */
enum verdict registry_new(const struct config *config, struct registry **ret_registry,
                          struct error *error);
/* Ends the thread, within a second or so. NULL is fine. */
void registry_free(struct registry *registry);

/* Fetches schemas by their id for codecs; owned by the registry. fetch() never blocks. NULL for
 * NULL. Thread: any. */
struct schema_source *registry_source(struct registry *registry);

/* Zeros for NULL. Thread: any. */
struct registry_counts registry_counts(struct registry *registry);

/* Checks the keys schema.registry.* without a request. FATAL, with what to do. */
enum verdict registry_check(const struct config *config, struct error *error);

/* Registers a schema under a subject and waits for the answer: its id. SKIP: refused, with the
 * registry's reason. RETRY: no answer. Thread: that of `http` (registry_http.h). */
struct registry_http;
enum verdict registry_register(struct registry_http *http, const char *subject, struct bytes schema,
                               uint32_t *ret_id, struct error *error);

/* Finds the id that a schema has under a subject. SKIP: the registry does not have it there. RETRY
 * and thread as above. */
enum verdict registry_look_up(struct registry_http *http, const char *subject, struct bytes schema,
                              uint32_t *ret_id, struct error *error);

#endif
