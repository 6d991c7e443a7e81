/* HTTP to a schema registry, by libcurl: encryption, credentials, redirects and bounds.
 *
 *   - The credentials stand in files that are read for each request, so that they can be renewed
 *     while weft runs. They go to the scheme, host and port of schema.registry.url only.
 *   - No URL in an error has a user or a password.
 *   - A redirect leads to the same scheme or from http to https, at most REGISTRY_REDIRECTS_MAX
 *     times. POST follows none.
 *
 * Thread: one at a time. registry_http_new() and _free() also start and end libcurl: call them
 * while no other thread does. */
#ifndef WEFT_KAFKA_REGISTRY_HTTP_H
#define WEFT_KAFKA_REGISTRY_HTTP_H

#include "processors/runtime/config.h"

#include <stdatomic.h>

#define REGISTRY_REDIRECTS_MAX 3

struct registry_http;

struct http_answer {
    char *url; /* of the last request, for messages */
    long status;
    int64_t retry_after_ms; /* the server wants no request for so long; 0: it says nothing */
    struct buffer body;     /* at most REGISTRY_ANSWER_BYTES_MAX */
};

void http_answer_release(struct http_answer *answer);

/* Reads the keys schema.registry.* of `config`, which is borrowed, as `stop` is: when it becomes
 * true, a request ends within a second; NULL: none does. FATAL: a key can't be used, with what to
 * do. */
enum verdict registry_http_new(const struct config *config, const atomic_bool *stop,
                               struct registry_http **ret_http, struct error *error);
void registry_http_free(struct registry_http *http); /* takes NULL */

/* schema.registry.url without user and password; borrowed. */
const char *registry_http_url(const struct registry_http *http);

/* Asks for schema.registry.url + `path`, which is encoded; posts `body` there unless it is NULL. At
 * most schema.registry.timeout.ms in all. The caller releases `ret_answer`, whatever the verdict.
 * OK: an answer of any status. SKIP: it is longer than the bound. RETRY: no answer. */
enum verdict registry_http_request(struct registry_http *http, const char *path,
                                   const struct buffer *body, struct http_answer *ret_answer,
                                   struct error *error);

/* Appends the text, encoded for a place in a path. */
void registry_http_encode(struct registry_http *http, const char *text, struct buffer *to);

#endif
