/* Answers that `weft run` and `weft serve` share: whether the process lives and is ready, its
 * metrics, and the level of its log. Thread: any. */
#ifndef WEFT_RUNTIME_PROBES_H
#define WEFT_RUNTIME_PROBES_H

#include "processors/runtime/exposition.h"
#include "processors/runtime/http/http.h"

/* GET /livez: the process answers. */
void probes_live(struct http_reply *reply);
/* GET /readyz: 200, or 503 while not `ready`, with the share that is done, 0 to 1. */
void probes_ready(bool ready, double done, struct http_reply *reply);

/* GET and PUT /loglevel: the level of the log, and sets it to the query's `level`. */
void probes_log_level(struct http_request *request, struct http_reply *reply);
void probes_set_log_level(struct http_request *request, struct http_reply *reply);

/* GET /metrics: begins the text in the format that the client wants; probes_end() adds the server's
 * figures and makes it the reply. Between them the caller writes its families. */
struct exposition probes_begin(struct http_request *request);
void probes_end(struct exposition *exposition, struct http_request *request,
                const struct http_service *service, struct http_reply *reply);

#endif
