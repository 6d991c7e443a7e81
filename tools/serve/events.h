/* Events over HTTP: POST /v1/events takes one or many, checks each as `weft run` does, writes them
 * to the topics of events, and answers once Kafka has them all. Erasures go the same way, to the
 * topic of users.
 *
 * An event may come twice: its event_id tells, and `weft run` drops the second. An event without an
 * event_id gets one, which the answer tells. Thread: any. */
#ifndef WEFT_SERVE_EVENTS_H
#define WEFT_SERVE_EVENTS_H

#include "processors/runtime/http/http.h"
#include "processors/runtime/topology.h"

#define EVENTS_OF_REQUEST_MAX 1000

struct events;

/* All is borrowed until events_free(). SKIP: a mapping can't be used, with the key and what to do.
 * FATAL: librdkafka refuses the configuration. */
enum verdict events_new(const struct config *config, const struct topology *topology,
                        struct events **ret_events, struct error *error);
/* After the server has ended. Takes NULL. */
void events_free(struct events *events);

/* Answers a request with events, or puts it off until Kafka has them. */
void events_post(struct events *events, struct http_request *request, struct http_reply *reply);

/* Writes a visitor's erasure; the same. True: it is written, and the reply is 202. */
bool events_erase(struct events *events, struct http_request *request, struct bytes visitor,
                  struct http_reply *reply);

struct events_counts {
    uint64_t accepted, refused, dropped, failed, busy; /* events; `busy`: refused for now */
    uint64_t waiting;
};
void events_counts(struct events *events, struct events_counts *ret_counts);

/* Cuts a body into its events: one object, an array of objects, or an object whose "events" is such
 * an array. The texts point into the body. SKIP, with the reason: it is none of these, or there
 * are more than `max`. */
enum verdict events_split(struct bytes body, uint32_t max, struct arena *arena,
                          struct bytes *ret_events, uint32_t *ret_count, struct error *error);

#endif
