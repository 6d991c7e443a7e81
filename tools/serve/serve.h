/* The parts of `weft serve`, for the files of this folder.
 *
 *     serve.c     the command: starts the parts, and stops them
 *     routes.c    the paths, and what they answer
 *     lists.c     lists of visitors, items, rankings       render.c    items joined with products
 *     search.c    searches                                 products.c  the catalogue's texts
 *     events.c    events and erasures                      hub.c       open streams
 *     follow.c    topics into the copy                     copy.c      the copy's rows
 *     sinks.c     what each topic's records become         web.c       the pages
 *     known.c     all that is known of a visitor           metrics.c   figures for Prometheus
 *
 * Threads: main; one follower for each topic; the catalogue's fold, for searches; the HTTP
 * server's; one for the reports of Kafka's producer. */
#ifndef WEFT_SERVE_SERVE_H
#define WEFT_SERVE_SERVE_H

#include "processors/runtime/exposition.h"
#include "processors/runtime/http/http_server.h"
#include "processors/runtime/process.h"
#include "tools/serve/events.h"
#include "tools/serve/follow.h"
#include "tools/serve/hub.h"
#include "tools/serve/lists.h"

enum serve_topic {
    SERVE_LISTS,
    SERVE_PRODUCTS,
    SERVE_RANKINGS,
    SERVE_ITEMS,
    SERVE_EARLY,    /* with lists.early=on */
    SERVE_VISITORS, /* the visitors' changelog, with serve.explain=on */
    SERVE_TOPICS,
};

struct serve {
    struct http_service http;     /* first */
    struct hub_source hub_source; /* of the streams' data */
    struct run *run;
    struct lists_source lists;
    struct products *products;
    struct hub *hub;
    struct events *events;
    struct sink *sinks[SERVE_TOPICS];
    struct follower *followers[SERVE_TOPICS]; /* NULL: the topic is not in use */
    atomic_bool follows; /* the followers are started: other threads may look at them */
    int64_t started_us;
};

/* The follower of a topic; NULL: the topic is not in use, or not followed yet. Thread: any. */
const struct follower *serve_follower(const struct serve *serve, int topic);

/* Sets the routes. */
void routes_set(struct serve *serve);

/* The share of the topics that is read; 1: all is. Thread: any. */
double serve_share_done(const struct serve *serve);
bool serve_ready(const struct serve *serve);

/* ---- metrics.c ---- */

/* Writes the families of the copy and of events. Thread: any. */
void serve_write_metrics(struct serve *serve, struct exposition *exposition);

/* ---- search.c ---- */

/* Searches the catalogue: first what visitors took after this search, then what fits by its
 * words; a visitor's own list for the term comes before both. Appends the answer. */
void search_write(struct serve *serve, struct bytes query, struct bytes visitor, uint32_t limit,
                  struct buffer *json);

/* ---- known.c ---- */

/* Appends all that weft knows of a visitor. SKIP: nothing. FATAL: the store can't be read. */
enum verdict known_write(struct serve *serve, struct bytes id, struct buffer *json,
                         struct error *error);

/* ---- sinks.c ---- */

struct sink;
/* A sink for a topic's records. FATAL: the store can't be read. SKIP: a schema in schemas.path
 * can't be used. */
enum verdict sink_new(struct serve *serve, enum serve_topic topic, struct sink **ret_sink,
                      struct error *error);
void sink_free(struct sink *sink);
struct follow_sink *sink_of(struct sink *sink);
enum topic serve_topic_of(enum serve_topic topic);

#endif
