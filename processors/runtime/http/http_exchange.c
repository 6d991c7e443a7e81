#include "processors/runtime/http/http_exchange.h"

#include "processors/runtime/http/http_reply.h"
#include "processors/runtime/log.h"

#include <stdio.h>
#include <stdlib.h>

#define ANSWER_US 60000000 /* the longest time that a client may take to read an answer */
#define TOKEN_PREFIX "Bearer "

const double http_bucket_seconds[HTTP_BUCKETS] = {.00025, .0005, .001, .002, .004, .008,
                                                  .016,   .064,  .25,  1,    10,   1e300};

/* ---- requests ---- */

struct bytes http_query(struct http_request *request, const char *name)
{
    struct http_exchange *exchange = (struct http_exchange *)(void *)request;
    const char *value = MHD_lookup_connection_value(exchange->mhd, MHD_GET_ARGUMENT_KIND, name);
    return value ? http_decode(bytes_text(value), &request->arena) : bytes_of(NULL, 0);
}

int64_t http_query_number(struct http_request *request, const char *name, int64_t fallback,
                          int64_t min, int64_t max)
{
    struct bytes text = http_query(request, name);
    int64_t number = 0;
    if (text.size == 0 || text.size > 9)
        return fallback;
    for (size_t i = 0; i < text.size; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return fallback;
        number = number * 10 + (text.at[i] - '0');
    }
    return number < min ? min : number > max ? max : number;
}

const char *http_header(struct http_request *request, const char *name)
{
    struct http_exchange *exchange = (struct http_exchange *)(void *)request;
    return MHD_lookup_connection_value(exchange->mhd, MHD_HEADER_KIND, name);
}

void http_put_off(struct http_request *request)
{
    struct http_exchange *exchange = (struct http_exchange *)(void *)request;
    http_limit_time(exchange->connection, 0);
    request->again = true;
    MHD_suspend_connection(exchange->mhd);
}

void http_go_on(struct http_request *request)
{
    struct http_exchange *exchange = (struct http_exchange *)(void *)request;
    MHD_resume_connection(exchange->mhd);
}

/* ---- streams ---- */

void http_stream_wake(struct http_stream *stream)
{
    struct http_pipe *pipe = stream->pipe;
    if (pipe == NULL) /* its answer has not begun */
        return;
    pthread_mutex_lock(&pipe->lock);
    pipe->woken = true;
    if (pipe->suspended)
        MHD_resume_connection(pipe->mhd);
    pipe->suspended = false;
    pthread_mutex_unlock(&pipe->lock);
}

/* Whether the stream has to wait; it is suspended then. */
static bool pipe_waits(struct http_pipe *pipe)
{
    pthread_mutex_lock(&pipe->lock);
    bool waits = !pipe->woken;
    if (waits) {
        MHD_suspend_connection(pipe->mhd);
        pipe->suspended = true;
    }
    pipe->woken = false;
    pthread_mutex_unlock(&pipe->lock);
    return waits;
}

static ssize_t read_stream(void *opaque, uint64_t position, char *to, size_t max)
{
    struct http_pipe *pipe = opaque;
    (void)position;
    while (pipe->sent == pipe->text.size) {
        buffer_clear(&pipe->text);
        pipe->sent = 0;
        if (atomic_load(&pipe->server->stopping) || !pipe->stream->next(pipe->stream, &pipe->text))
            return MHD_CONTENT_READER_END_OF_STREAM;
        if (pipe->text.size == 0 && pipe_waits(pipe))
            return 0;
    }
    size_t size = pipe->text.size - pipe->sent;
    size = size < max ? size : max;
    memcpy(to, pipe->text.at + pipe->sent, size);
    pipe->sent += size;
    return (ssize_t)size;
}

static void end_stream(void *opaque)
{
    struct http_pipe *pipe = opaque;
    struct http_server *server = pipe->server;
    pthread_mutex_lock(&server->pipes_lock);
    *(pipe->before ? &pipe->before->after : &server->pipes) = pipe->after;
    if (pipe->after)
        pipe->after->before = pipe->before;
    server->stream_count--;
    pthread_mutex_unlock(&server->pipes_lock);
    pipe->stream->close(pipe->stream);
    pthread_mutex_destroy(&pipe->lock);
    buffer_release(&pipe->text);
    free(pipe);
}

/* Connects the stream with the connection. From here on it can be woken. */
static struct MHD_Response *start_stream(struct http_exchange *exchange, struct http_stream *stream)
{
    struct http_server *server = exchange->server;
    struct http_pipe *pipe = memory_zero(1, sizeof *pipe);
    *pipe = (struct http_pipe){.server = server, .mhd = exchange->mhd, .stream = stream};
    pthread_mutex_init(&pipe->lock, NULL);
    stream->pipe = pipe;
    pthread_mutex_lock(&server->pipes_lock);
    pipe->after = server->pipes;
    if (pipe->after)
        pipe->after->before = pipe;
    server->pipes = pipe;
    server->stream_count++;
    pthread_mutex_unlock(&server->pipes_lock);
    return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 16384, read_stream, pipe,
                                             end_stream);
}

/* ---- answers ---- */

static void add_headers(struct http_exchange *exchange, const struct http_reply *reply,
                        struct MHD_Response *response)
{
    char number[16];
    const char *origin = http_header(&exchange->request, "Origin");
    if (reply->content_type)
        MHD_add_response_header(response, "Content-Type", reply->content_type);
    MHD_add_response_header(response, "Cache-Control", reply->cache ? reply->cache : "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(response, "Referrer-Policy", "same-origin");
    MHD_add_response_header(response, "Content-Security-Policy",
                            reply->page ? HTTP_POLICY_OF_PAGES : "default-src 'none'");
    if (reply->location)
        MHD_add_response_header(response, "Location", reply->location);
    if (reply->status == 401)
        MHD_add_response_header(response, "WWW-Authenticate", "Bearer");
    if (reply->retry_after_s > 0) {
        snprintf(number, sizeof number, "%u", reply->retry_after_s);
        MHD_add_response_header(response, "Retry-After", number);
    }
    if (exchange->allowed.size > 0)
        MHD_add_response_header(response, "Allow", exchange->allowed.at);
    if (exchange->server->config->http_cors_origins[0])
        MHD_add_response_header(response, "Vary", "Origin, Accept-Encoding");
    else if (reply->tagged)
        MHD_add_response_header(response, "Vary", "Accept-Encoding");
    if (origin && http_origin_listed(exchange->server->config->http_cors_origins, origin)) {
        MHD_add_response_header(response, "Access-Control-Allow-Origin", origin);
        MHD_add_response_header(response, "Access-Control-Expose-Headers", "ETag, Retry-After");
        if (exchange->preflight) {
            MHD_add_response_header(response, "Access-Control-Allow-Methods",
                                    "GET, HEAD, POST, DELETE");
            MHD_add_response_header(response, "Access-Control-Allow-Headers",
                                    "Authorization, Content-Type, If-None-Match, Last-Event-ID");
            MHD_add_response_header(response, "Access-Control-Max-Age", "600");
        }
    }
}

/* The answer as it goes over the wire: tagged, 304 where the client has it, compressed. */
static struct MHD_Response *make_plain(struct http_exchange *exchange, struct http_reply *reply)
{
    char tag[HTTP_TAG_SIZE];
    struct buffer packed = {0};
    struct bytes body = reply->constant.at ? reply->constant : buffer_bytes(&reply->body);
    bool zip = reply->tagged && body.size >= HTTP_GZIP_BYTES_MIN &&
               http_list_has(http_header(&exchange->request, "Accept-Encoding"), "gzip");
    bool same = false;
    if (reply->tagged) {
        http_tag(body, zip, tag);
        same = http_tags_have(http_header(&exchange->request, "If-None-Match"), tag);
    }
    zip = zip && !same && http_gzip(body, &packed);
    if (same) {
        reply->status = 304;
        body.size = 0;
    }
    struct buffer *owned = zip ? &packed : &reply->body;
    struct MHD_Response *response =
        reply->constant.at && !zip
            ? MHD_create_response_from_buffer(body.size, (void *)(uintptr_t)body.at,
                                              MHD_RESPMEM_PERSISTENT)
            : MHD_create_response_from_buffer(same ? 0 : owned->size, owned->at,
                                              MHD_RESPMEM_MUST_FREE);
    if (owned == &packed || reply->constant.at)
        buffer_release(&reply->body);
    if (reply->tagged)
        MHD_add_response_header(response, "ETag", tag);
    if (zip)
        MHD_add_response_header(response, "Content-Encoding", "gzip");
    return response;
}

static void note_answered(struct http_exchange *exchange)
{
    if (exchange->pending)
        atomic_fetch_sub(&exchange->server->pending, 1);
    exchange->pending = false;
}

static enum MHD_Result send_reply(struct http_exchange *exchange, struct http_reply *reply)
{
    struct MHD_Response *response =
        reply->stream ? start_stream(exchange, reply->stream) : make_plain(exchange, reply);
    add_headers(exchange, reply, response);
    http_limit_time(exchange->connection, reply->stream ? 0 : ANSWER_US);
    exchange->status = reply->status;
    exchange->streams = reply->stream != NULL;
    enum MHD_Result queued = MHD_queue_response(exchange->mhd, (unsigned)reply->status, response);
    MHD_destroy_response(response);
    note_answered(exchange);
    return queued;
}

/* ---- which route, and who may take it ---- */

/* Notes the methods that the path has, for a request with another one. */
static void note_method(struct http_exchange *exchange, const char *method)
{
    struct buffer *allowed = &exchange->allowed;
    if (allowed->size > 0)
        allowed->size--; /* its NUL */
    buffer_text(allowed, allowed->size > 0 ? ", " : "");
    buffer_text(allowed, method);
    buffer_text(allowed, strcmp(method, "GET") == 0 ? ", HEAD" : "");
    buffer_byte(allowed, '\0');
}

static bool is_method(const char *method, const char *wanted)
{
    return strcmp(method, wanted) == 0 ||
           (strcmp(wanted, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

/* Sets the exchange's route; NULL: none fits. */
static void find_route(struct http_exchange *exchange, const char *method)
{
    const struct http_service *service = exchange->server->service;
    const struct http_route *any = NULL;
    for (size_t i = 0; i < service->route_count; i++) {
        const struct http_route *route = &service->routes[i];
        if (strcmp(route->pattern, "*") == 0) {
            any = is_method(method, route->method) ? route : any;
        } else if (http_path_fits(&exchange->request.path, route->pattern,
                                  exchange->request.values)) {
            if (is_method(method, route->method)) {
                exchange->route = route;
                return;
            }
            note_method(exchange, route->method);
        }
    }
    if (exchange->allowed.size == 0)
        exchange->route = any;
}

static struct bytes token_of(struct http_exchange *exchange)
{
    const char *header = http_header(&exchange->request, "Authorization");
    size_t size = strlen(TOKEN_PREFIX);
    if (header)
        return strncmp(header, TOKEN_PREFIX, size) == 0 ? bytes_trim(bytes_text(header + size))
                                                        : bytes_of(NULL, 0);
    /* EventSource and sendBeacon() of browsers send no header */
    if (exchange->route->right == HTTP_ADMIN)
        return bytes_of(NULL, 0);
    return http_query(&exchange->request, "token");
}

/* A page of another site in a visitor's browser may not send events, nor read from a server that
 * trusts loopback. */
static bool comes_from_elsewhere(struct http_exchange *exchange, const char *method)
{
    const char *origin = http_header(&exchange->request, "Origin");
    return origin && !is_method(method, "GET") &&
           !http_origin_same(origin, http_header(&exchange->request, "Host")) &&
           !http_origin_listed(exchange->server->config->http_cors_origins, origin);
}

/* Fills in an error if the request gets no answer of its route. */
static void check_request(struct http_exchange *exchange, const char *method,
                          struct http_reply *reply)
{
    struct http_server *server = exchange->server;
    const char *length = http_header(&exchange->request, "Content-Length");
    if (!exchange->path_read) {
        http_problem(reply, 400, "the path can't be decoded");
    } else if (server->tokens.loopback &&
               !http_host_is_local(http_header(&exchange->request, "Host"))) {
        http_problem(reply, 421, "this server listens on loopback: ask for localhost");
    } else if (exchange->preflight) {
        reply->status = 204;
    } else if (exchange->route == NULL && exchange->allowed.size > 0) {
        http_problem(reply, 405, "this path does not take %.20s", method);
    } else if (exchange->route == NULL) {
        http_problem(reply, 404, "there is nothing at this path; /v1/openapi.json lists the paths");
    } else if (comes_from_elsewhere(exchange, method)) {
        http_problem(reply, 403, "pages of this origin may not send; see http.cors.origins");
    } else if (!http_tokens_allow(&server->tokens, exchange->route->right, token_of(exchange))) {
        http_problem(reply, 401, "this needs the token in an Authorization header");
    } else if (length && strtoull(length, NULL, 10) > (uint64_t)server->config->http_body_bytes) {
        http_problem(reply, 413, "the body is larger than http.body.bytes.max, %lld bytes",
                     (long long)server->config->http_body_bytes);
    }
}

/* ---- the exchange ---- */

struct http_exchange *http_exchange_new(struct http_server *server, struct MHD_Connection *mhd,
                                        struct http_connection *connection, const char *url,
                                        const char *method)
{
    struct http_exchange *exchange = memory_zero(1, sizeof *exchange);
    exchange->server = server;
    exchange->mhd = mhd;
    exchange->connection = connection;
    exchange->started_us = clock_monotonic_us();
    exchange->path_read =
        http_path_read(bytes_text(url), &exchange->request.arena, &exchange->request.path);
    exchange->preflight = strcmp(method, "OPTIONS") == 0 &&
                          http_header(&exchange->request, "Access-Control-Request-Method");
    if (exchange->path_read && !exchange->preflight)
        find_route(exchange, method);
    return exchange;
}

enum MHD_Result http_exchange_begin(struct http_exchange *exchange, const char *method)
{
    struct http_reply reply = {0};
    check_request(exchange, method, &reply);
    return reply.status ? send_reply(exchange, &reply) : MHD_YES;
}

enum MHD_Result http_exchange_take(struct http_exchange *exchange, const char *data, size_t size)
{
    size_t max = (size_t)exchange->server->config->http_body_bytes;
    exchange->body_bytes += size;
    if (exchange->body_bytes <= max)
        buffer_append(&exchange->body, data, size);
    return exchange->body_bytes / 4 <= max ? MHD_YES : MHD_NO;
}

enum MHD_Result http_exchange_answer(struct http_exchange *exchange)
{
    struct http_reply reply = {0};
    struct http_request *request = &exchange->request;
    if (exchange->body_bytes > (size_t)exchange->server->config->http_body_bytes) {
        http_problem(&reply, 413, "the body is larger than http.body.bytes.max, %lld bytes",
                     (long long)exchange->server->config->http_body_bytes);
        return send_reply(exchange, &reply);
    }
    if (!exchange->pending)
        atomic_fetch_add(&exchange->server->pending, 1); /* before the look at `stopping` */
    exchange->pending = true;
    if (atomic_load(&exchange->server->stopping) && !request->again) {
        http_problem(&reply, 503, "this server stops: ask another one, or ask again");
        reply.retry_after_s = 1;
        return send_reply(exchange, &reply);
    }
    request->body = buffer_bytes(&exchange->body);
    exchange->route->answer(exchange->server->service, request, &reply);
    if (reply.status == 0) {
        buffer_release(&reply.body);
        return MHD_YES;
    }
    return send_reply(exchange, &reply);
}

static void count_answer(struct http_exchange *exchange, double seconds)
{
    struct http_server *server = exchange->server;
    size_t route = exchange->route ? (size_t)(exchange->route - server->service->routes)
                                   : server->service->route_count;
    struct http_figures *figures = &server->figures[route];
    size_t bucket = 0;
    while (seconds > http_bucket_seconds[bucket])
        bucket++;
    atomic_fetch_add(&figures->by_class[exchange->status / 100 % 6], 1);
    atomic_fetch_add(&figures->buckets[bucket], 1);
    atomic_fetch_add(&figures->us, (uint64_t)(seconds * 1e6));
}

void http_exchange_free(struct http_exchange *exchange)
{
    struct http_server *server = exchange->server;
    double seconds = (double)(clock_monotonic_us() - exchange->started_us) / 1e6;
    enum access_log wanted = server->config->http_access_log;
    note_answered(exchange);
    if (exchange->request.later)
        exchange->request.later->free(exchange->request.later);
    if (exchange->status && !exchange->streams)
        count_answer(exchange, seconds);
    if (exchange->status &&
        (wanted == ACCESS_LOG_ALL || (wanted == ACCESS_LOG_ERRORS && exchange->status >= 500)))
        log_line(LOG_LEVEL_INFO, "http", "%s %s %d %.2f ms",
                 exchange->route ? exchange->route->method : "-",
                 exchange->route ? exchange->route->pattern : "-", exchange->status, seconds * 1e3);
    buffer_release(&exchange->body);
    buffer_release(&exchange->allowed);
    arena_release(&exchange->request.arena);
    free(exchange);
}
