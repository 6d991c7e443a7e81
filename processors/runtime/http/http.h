/* Requests and replies, as the routes of an HTTP server see them (http_server.h). A route's
 * function gets a request and fills in a reply. It may put the request off until something else has
 * happened (http_put_off), or answer with a stream that stays open (struct http_stream).
 *
 * Threads: the functions of routes run on the server's threads, several at a time. */
#ifndef WEFT_HTTP_HTTP_H
#define WEFT_HTTP_HTTP_H

#include "processors/runtime/http/http_text.h"
#include "processors/runtime/http/http_tokens.h"

struct http_service;
struct http_pipe;

/* The memory of a route for a request that it puts off. The owner embeds it. */
struct http_later {
    void (*free)(struct http_later *self); /* Thread: the request's */
};

/* A request. All that it points to holds until its reply is sent. */
struct http_request {
    struct bytes values[HTTP_SEGMENTS_MAX]; /* the path's, in place of the pattern's {} */
    struct http_path path;
    struct bytes body;
    struct arena arena;       /* of the request */
    bool again;               /* it was put off, and is asked for the second time */
    struct http_later *later; /* of a request that is put off; the server frees it */
};

/* The value of a name in the query, decoded; absent: there is none, or it can't be decoded. */
struct bytes http_query(struct http_request *request, const char *name);
/* The same as a number from `min` to `max`; `fallback` if it is absent or no number. */
int64_t http_query_number(struct http_request *request, const char *name, int64_t fallback,
                          int64_t min, int64_t max);
/* A header's value; NULL: there is none. */
const char *http_header(struct http_request *request, const char *name);

/* Puts the request off: the route's function ends without a reply, and is called again after
 * http_go_on(). Call it before anybody can call http_go_on(). Thread: the request's. */
void http_put_off(struct http_request *request);
/* Once for each http_put_off(). From then on the request is the server's. Thread: any. */
void http_go_on(struct http_request *request);

/* An answer that stays open. The owner embeds it. */
struct http_stream {
    /* Appends what is new; nothing is fine. False: the stream ends. Thread: the request's. */
    bool (*next)(struct http_stream *self, struct buffer *buffer);
    /* The stream has ended: frees it. No call follows. Thread: the request's. */
    void (*close)(struct http_stream *self);
    struct http_pipe *_Atomic pipe; /* the server's */
};
/* next() will be called soon. Not after close() has returned. Thread: any. */
void http_stream_wake(struct http_stream *stream);

struct http_reply {
    int status;               /* 0: the request is put off */
    const char *content_type; /* holds for ever */
    struct buffer body;       /* the server's from now on */
    struct bytes constant;    /* a body that holds for ever, in place of `body` */
    bool tagged;              /* with an ETag, from the body */
    bool page;                /* a page of this origin with scripts and styles of its own */
    const char *cache;        /* Cache-Control; NULL: no-store */
    const char *location;     /* in the request's arena; NULL: none */
    uint32_t retry_after_s;   /* 0: none */
    struct http_stream *stream;
};

/* Fills in an error (RFC 9457): {"type":"about:blank","title":...,"status":...,"detail":...}. */
void http_problem(struct http_reply *reply, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The standard's words for a status, such as "Not Found". */
const char *http_title(int status);

struct http_route {
    const char *method;  /* "GET" also takes HEAD */
    const char *pattern; /* "/v1/products/{}"; "*": all paths that no other route has */
    enum http_right right;
    void (*answer)(struct http_service *service, struct http_request *request,
                   struct http_reply *reply);
};

struct http_service {
    const struct http_route *routes;
    size_t route_count;
};

#define HTTP_ROUTES_MAX 32
#define HTTP_BUCKETS 12
extern const double http_bucket_seconds[HTTP_BUCKETS]; /* upper bounds; the last is infinite */

/* Figures of a route; the last one is that of all requests without a route. */
struct http_route_counts {
    uint64_t by_class[6];           /* answers by the first digit of their status */
    uint64_t buckets[HTTP_BUCKETS]; /* answers by time, not cumulative */
    double seconds;                 /* of all answers */
};
struct http_counts {
    struct http_route_counts routes[HTTP_ROUTES_MAX + 1];
    uint64_t connections, streams; /* open now */
    uint64_t cut;                  /* connections that took too long to ask */
};
/* The figures of the server that has the request. Thread: any. */
void http_counts(struct http_request *request, struct http_counts *ret_counts);

#endif
