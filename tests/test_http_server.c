/* The HTTP server under requests that no client sends: random bytes, mutated requests, requests
 * that are put off and streams, over many connections at once. It answers each good request in
 * between, and it ends with requests under way. */
#include "processors/runtime/http/http_server.h"
#include "tests/test.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/time.h>

#define CLIENTS 4
#define REQUESTS 3000 /* of all clients */
#define REQUESTS_LONG 10000000
#define PIPELINED 16 /* requests of a connection */

struct later {
    struct http_later later; /* first */
    struct http_request *request;
};

struct ticking {
    struct http_stream stream; /* first */
    int left;
};

struct service {
    struct http_service http; /* first */
    pthread_t helper;
    pthread_mutex_t lock;
    struct later *waiting; /* under the lock; one at a time */
    atomic_bool stop;
    atomic_uint streams;
};

/* ---- routes ---- */

static struct service *service_of(struct http_service *http)
{
    return (struct service *)(void *)http;
}

static void echo(struct http_service *http, struct http_request *request, struct http_reply *reply)
{
    (void)http;
    reply->status = 200;
    reply->content_type = "application/json";
    reply->tagged = true;
    buffer_text(&reply->body, "{\"path\":");
    buffer_json(&reply->body, request->values[0]);
    buffer_text(&reply->body, ",\"query\":");
    buffer_json(&reply->body, http_query(request, "q"));
    buffer_format(&reply->body, ",\"limit\":%lld,\"bytes\":%zu}",
                  (long long)http_query_number(request, "limit", 20, 1, 200), request->body.size);
}

static void free_later(struct http_later *later)
{
    free(later); /* its first member */
}

/* Answers in a moment, unless another request waits. */
static void put_off(struct http_service *http, struct http_request *request,
                    struct http_reply *reply)
{
    struct service *service = service_of(http);
    struct later *later = NULL;
    pthread_mutex_lock(&service->lock);
    if (!request->again && service->waiting == NULL) {
        later = memory_zero(1, sizeof *later);
        later->later.free = free_later;
        later->request = request;
        request->later = &later->later;
        http_put_off(request);
        service->waiting = later;
    }
    pthread_mutex_unlock(&service->lock);
    if (later == NULL)
        echo(http, request, reply);
}

static bool tick(struct http_stream *stream, struct buffer *buffer)
{
    struct ticking *ticking = (struct ticking *)(void *)stream;
    buffer_text(buffer, ": tick\n\n");
    return ticking->left-- > 0;
}

static void close_ticking(struct http_stream *stream)
{
    free(stream); /* its first member */
}

static void stream(struct http_service *http, struct http_request *request,
                   struct http_reply *reply)
{
    struct ticking *ticking = memory_zero(1, sizeof *ticking);
    (void)request;
    atomic_fetch_add(&service_of(http)->streams, 1);
    ticking->stream = (struct http_stream){.next = tick, .close = close_ticking};
    ticking->left = 3;
    reply->status = 200;
    reply->content_type = "text/event-stream";
    reply->stream = &ticking->stream;
}

static const struct http_route routes[] = {
    {"GET", "/echo/{}", HTTP_READ, echo},
    {"POST", "/echo/{}", HTTP_WRITE, echo},
    {"POST", "/later/{}", HTTP_WRITE, put_off},
    {"GET", "/stream", HTTP_READ, stream},
};

/* Goes on with the request that waits. */
static void *helper_thread(void *argument)
{
    struct service *service = argument;
    for (bool last = false; !last;) {
        last = atomic_load(&service->stop);
        pthread_mutex_lock(&service->lock);
        struct later *later = service->waiting;
        service->waiting = NULL;
        pthread_mutex_unlock(&service->lock);
        if (later)
            http_go_on(later->request);
        usleep(200);
    }
    return NULL;
}

/* ---- clients ---- */

static const char *const seeds[] = {
    "GET /echo/a%20b?q=x%2By&limit=7 HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n",
    "POST /echo/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello",
    "POST /later/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    "3\r\nabc\r\n0\r\n\r\n",
    "GET /stream HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: 1\r\n\r\n",
    "OPTIONS /echo/a HTTP/1.1\r\nHost: localhost\r\nOrigin: https://a.example\r\n"
    "Access-Control-Request-Method: POST\r\n\r\n",
    "HEAD /echo/%ED%A0%80 HTTP/1.0\r\nHost: localhost\r\nIf-None-Match: *\r\n\r\n",
    "DELETE /none HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer x\r\n\r\n",
};
#define SEEDS (sizeof seeds / sizeof seeds[0])

struct client {
    struct random random;
    uint16_t port;
    long requests;
    pthread_t thread;
    unsigned long good, wrong;
};

static int open_connection(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct timeval timeout = {.tv_sec = 10};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

static void mutate(struct random *random, struct buffer *text)
{
    for (uint32_t times = random_below(random, 5); times > 0 && text->size > 1; times--) {
        uint32_t at = random_below(random, (uint32_t)text->size);
        switch (random_below(random, 4)) {
        case 0:
            text->at[at] = (char)random_below(random, 256);
            break;
        case 1:
            text->size = at + 1;
            break;
        case 2: /* a part comes twice */
            buffer_reserve(text, text->size);
            buffer_append(text, text->at + at, text->size - at);
            break;
        default:
            text->at[at] = "%/?&=\r\n\0 ;:"[random_below(random, 11)];
        }
    }
}

/* Sends requests, mutated ones among them, and leaves without reading the answers to all. */
static void send_bad(struct client *client)
{
    struct buffer text = {0};
    char answer[512];
    int fd = open_connection(client->port);
    for (int i = 0; fd >= 0 && i < PIPELINED; i++) {
        buffer_clear(&text);
        buffer_text(&text, seeds[random_below(&client->random, SEEDS)]);
        mutate(&client->random, &text);
        if (send(fd, text.at, text.size, MSG_NOSIGNAL) < 0)
            break;
        if (random_one_in(&client->random, 8))
            recv(fd, answer, sizeof answer, MSG_DONTWAIT);
    }
    if (fd >= 0)
        close(fd);
    buffer_release(&text);
}

/* A good request is answered, whatever the others send. */
static void send_good(struct client *client)
{
    static const char request[] =
        "POST /later/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: "
        "2\r\n\r\nab";
    char answer[1024];
    size_t size = 0;
    ssize_t got = 1;
    int fd = open_connection(client->port);
    if (fd >= 0 && send(fd, request, sizeof request - 1, MSG_NOSIGNAL) > 0)
        while (got > 0 && size < sizeof answer - 1) {
            got = recv(fd, answer + size, sizeof answer - 1 - size, 0);
            size += got > 0 ? (size_t)got : 0;
        }
    answer[size] = '\0';
    if (strstr(answer, "{\"path\":\"x\",\"query\":\"\",\"limit\":20,\"bytes\":2}"))
        client->good++;
    else
        client->wrong++;
    if (fd >= 0)
        close(fd);
}

static void *client_thread(void *argument)
{
    struct client *client = argument;
    for (long sent = 0; sent < client->requests; sent += PIPELINED + 1) {
        send_bad(client);
        send_good(client);
    }
    return NULL;
}

static void test_requests(void)
{
    const char *all = getenv("WEFT_TEST_LONG");
    struct service service = {.http = {routes, sizeof routes / sizeof routes[0]}};
    struct config *config = memory_zero(1, sizeof *config);
    struct client clients[CLIENTS];
    struct http_server *server = NULL;
    struct error error = {0};
    struct random random = random_from(11);
    config_init(config);
    config->http_request_ms = 2000;
    config->http_body_bytes = 4096;
    pthread_mutex_init(&service.lock, NULL);
    bool started =
        http_server_new(config, "127.0.0.1:0", &service.http, &server, &error) == VERDICT_OK;
    CHECK_SAY(started, "%s", error.message);
    if (!started)
        return;
    pthread_create(&service.helper, NULL, helper_thread, &service);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] =
            (struct client){.random = {random_next(&random)},
                            .port = http_server_port(server),
                            .requests = (all && *all == '1' ? REQUESTS_LONG : REQUESTS) / CLIENTS};
        pthread_create(&clients[i].thread, NULL, client_thread, &clients[i]);
    }
    for (int i = 0; i < CLIENTS; i++) {
        pthread_join(clients[i].thread, NULL);
        CHECK(clients[i].good > 0);
        CHECK_INT(clients[i].wrong, 0);
    }
    CHECK(atomic_load(&service.streams) > 0);
    http_server_free(server);
    atomic_store(&service.stop, true);
    pthread_join(service.helper, NULL);
    pthread_mutex_destroy(&service.lock);
    free(config);
}

int main(void)
{
    TEST_RUN(test_requests);
    return test_done();
}
