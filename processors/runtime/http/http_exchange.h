/* A request from its route to its answer, streams, and figures; and the server's own structures.
 * Only for the files of this folder: http_server.c has libmicrohttpd's callbacks, connections and
 * their time. */
#ifndef WEFT_HTTP_HTTP_EXCHANGE_H
#define WEFT_HTTP_HTTP_EXCHANGE_H

#include "processors/runtime/http/http.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#define HTTP_POLICY_OF_PAGES                                                                       \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "              \
    "connect-src 'self'; font-src 'self'; manifest-src 'self'; base-uri 'none'; "                  \
    "form-action 'self'; frame-ancestors 'none'"

struct http_figures {
    atomic_ullong by_class[6];
    atomic_ullong buckets[HTTP_BUCKETS];
    atomic_ullong us;
};

/* An open connection. Linked under the server's lock. */
struct http_connection {
    int socket;
    atomic_llong deadline_us; /* then it is cut; 0: never */
    struct http_connection *before, *after;
};

/* A stream's side of the server. */
struct http_pipe {
    struct http_server *server;
    struct MHD_Connection *mhd;
    struct http_stream *stream;
    struct buffer text;
    size_t sent; /* of the text */
    pthread_mutex_t lock;
    bool suspended, woken; /* under the lock */
    struct http_pipe *before, *after;
};

struct http_server {
    const struct config *config;
    struct http_service *service;
    struct http_tokens tokens;
    struct MHD_Daemon *daemon;
    uint16_t port;
    struct buffer certificate, key;
    struct http_figures figures[HTTP_ROUTES_MAX + 1];
    atomic_bool stopping;
    atomic_ullong pending; /* requests that are being answered, or wait */
    atomic_ullong cut;
    pthread_mutex_t lock;
    struct http_connection *connections; /* under the lock, with their count */
    uint64_t connection_count;
    pthread_mutex_t pipes_lock;
    struct http_pipe *pipes; /* under that lock, with their count */
    uint64_t stream_count;
    pthread_t watch; /* cuts connections that take too long */
    bool watches;
};

/* A request and its answer. */
struct http_exchange {
    struct http_request request; /* first */
    struct http_server *server;
    struct MHD_Connection *mhd;
    struct http_connection *connection;
    const struct http_route *route; /* NULL: none */
    bool path_read, preflight, streams;
    bool pending; /* it is counted as such */
    int status;   /* of the answer; 0: there was none */
    int64_t started_us;
    struct buffer body;
    size_t body_bytes;     /* that came, more than `body` has if it is too large */
    struct buffer allowed; /* methods, for 405 */
};

/* Cuts the connection in so many microseconds; 0: never. NULL is fine. */
void http_limit_time(struct http_connection *connection, int64_t us);

/* The parts of an exchange, in their order. http_exchange_answer() comes again for a request that
 * was put off. */
struct http_exchange *http_exchange_new(struct http_server *server, struct MHD_Connection *mhd,
                                        struct http_connection *connection, const char *url,
                                        const char *method);
enum MHD_Result http_exchange_begin(struct http_exchange *exchange, const char *method);
enum MHD_Result http_exchange_take(struct http_exchange *exchange, const char *data, size_t size);
enum MHD_Result http_exchange_answer(struct http_exchange *exchange);
void http_exchange_free(struct http_exchange *exchange);

#endif
