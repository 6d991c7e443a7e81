/* The open streams of visitors: tells each one when its visitor's lists have changed.
 *
 * A stream sends server-sent events (WHATWG HTML, 9.2): "id: <recommendation_id>", "event: lists",
 * and the answer of /v1/visitors/{id}/lists as data. Thread: any. */
#ifndef WEFT_SERVE_HUB_H
#define WEFT_SERVE_HUB_H

#include "processors/runtime/http/http.h"

struct hub;

/* Writes the data of a visitor's event. */
struct hub_source {
    /* Appends one line of JSON, and its id. */
    void (*lists)(struct hub_source *self, struct bytes visitor, uint32_t limit,
                  struct buffer *data, struct buffer *id);
};

/* `source` is borrowed until hub_free(). */
struct hub *hub_new(struct hub_source *source);
/* After the last stream has ended. */
void hub_free(struct hub *hub);

/* A stream of the visitor's lists, with `limit` items each. `last_id`: the client has this event
 * already; NULL: none. NULL: there are `max` streams. The server closes it. */
struct http_stream *hub_open(struct hub *hub, struct bytes visitor, uint32_t limit,
                             const char *last_id, uint64_t max);

/* The visitor's lists have changed. Cheap when nobody listens. */
void hub_changed(struct hub *hub, struct bytes visitor);
/* Sends a comment on all streams, so that connections which are gone are noticed. */
void hub_ping(struct hub *hub);

#endif
