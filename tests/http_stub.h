/* A small HTTP server on loopback for tests, on a thread of its own: a reply for each path, and
 * what was asked. One connection at a time, one request a connection. */
#ifndef WEFT_TESTS_HTTP_STUB_H
#define WEFT_TESTS_HTTP_STUB_H

#include "tests/test.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

#define STUB_REPLIES_MAX 100
#define STUB_HEAD_BYTES_MAX 8192

struct stub_reply {
    char path[200];
    char head[400]; /* "HTTP/1.1 200 OK" and more lines with \r\n between them */
    struct buffer body;
    int delay_ms; /* before the answer */
    int drip_ms;  /* between two bytes of the body; 0: all at once */
    bool cut;     /* the connection ends before the last byte */
};

struct stub {
    int listener;
    int port;
    char url[64];
    pthread_t thread;
    atomic_bool stop;
    pthread_mutex_t lock; /* of all below */
    struct stub_reply replies[STUB_REPLIES_MAX];
    int reply_count;
    int requests;
    char request[STUB_HEAD_BYTES_MAX]; /* the last one: its head, and what came with it */
};

static inline struct stub_reply *stub_find(struct stub *stub, const char *path)
{
    for (int i = 0; i < stub->reply_count; i++)
        if (strcmp(stub->replies[i].path, path) == 0)
            return &stub->replies[i];
    return NULL;
}

/* Sets the reply for a path; `status` such as "404 Not Found", `headers` with \r\n before each. */
static inline void stub_reply(struct stub *stub, const char *path, const char *status,
                              const char *headers, const char *body)
{
    pthread_mutex_lock(&stub->lock);
    struct stub_reply *reply = stub_find(stub, path);
    if (reply == NULL)
        reply = &stub->replies[stub->reply_count++];
    buffer_release(&reply->body);
    *reply = (struct stub_reply){0};
    snprintf(reply->path, sizeof reply->path, "%s", path);
    snprintf(reply->head, sizeof reply->head, "HTTP/1.1 %s%s", status, headers);
    buffer_text(&reply->body, body);
    pthread_mutex_unlock(&stub->lock);
}

/* Makes the reply for a path late, slow or incomplete. */
static inline void stub_spoil(struct stub *stub, const char *path, int delay_ms, int drip_ms,
                              bool cut)
{
    pthread_mutex_lock(&stub->lock);
    struct stub_reply *reply = stub_find(stub, path);
    reply->delay_ms = delay_ms;
    reply->drip_ms = drip_ms;
    reply->cut = cut;
    pthread_mutex_unlock(&stub->lock);
}

static inline void stub_sleep(struct stub *stub, int ms)
{
    for (int i = 0; i < ms && !atomic_load(&stub->stop); i++)
        usleep(1000);
}

static inline void stub_send(struct stub *stub, int socket, const struct stub_reply *reply)
{
    struct buffer text = {0};
    size_t size = reply->body.size - (reply->cut && reply->body.size > 0);
    stub_sleep(stub, reply->delay_ms);
    buffer_format(&text, "%s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", reply->head,
                  reply->body.size);
    if (!reply->drip_ms)
        buffer_append(&text, reply->body.at, size);
    bool good = send(socket, text.at, text.size, MSG_NOSIGNAL) >= 0;
    for (size_t i = 0; reply->drip_ms && good && i < size && !atomic_load(&stub->stop); i++) {
        stub_sleep(stub, reply->drip_ms);
        good = send(socket, reply->body.at + i, 1, MSG_NOSIGNAL) == 1;
    }
    buffer_release(&text);
}

static inline void stub_serve(struct stub *stub, int socket)
{
    char text[STUB_HEAD_BYTES_MAX], path[200] = "";
    struct stub_reply reply = {.head = "HTTP/1.1 404 Not Found"};
    size_t size = 0;
    ssize_t more;
    do {
        more = recv(socket, text + size, sizeof text - 1 - size, 0);
        size += more > 0 ? (size_t)more : 0;
        text[size] = '\0';
    } while (more > 0 && strstr(text, "\r\n\r\n") == NULL && size < sizeof text - 1);
    sscanf(text, "%*s %199s", path);
    pthread_mutex_lock(&stub->lock);
    stub->requests++;
    memcpy(stub->request, text, size + 1);
    struct stub_reply *found = stub_find(stub, path);
    if (found) {
        reply = *found;
        reply.body = (struct buffer){0};
        buffer_append(&reply.body, found->body.at, found->body.size);
    } else {
        buffer_text(&reply.body, "{\"error_code\":40403,\"message\":\"Schema not found\"}");
    }
    pthread_mutex_unlock(&stub->lock);
    stub_send(stub, socket, &reply);
    buffer_release(&reply.body);
    close(socket);
}

static inline void *stub_thread(void *argument)
{
    struct stub *stub = argument;
    struct pollfd listener = {.fd = stub->listener, .events = POLLIN};
    while (!atomic_load(&stub->stop))
        if (poll(&listener, 1, 20) > 0)
            stub_serve(stub, accept(stub->listener, NULL, NULL));
    return NULL;
}

/* `port` 0: any. */
static inline struct stub *stub_new(int port)
{
    struct stub *stub = memory_zero(1, sizeof *stub);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    socklen_t size = sizeof address;
    int yes = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    stub->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(stub->listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(stub->listener, (struct sockaddr *)&address, size) != 0 ||
        listen(stub->listener, 16) != 0 ||
        getsockname(stub->listener, (struct sockaddr *)&address, &size) != 0) {
        perror("a server on loopback");
        exit(1);
    }
    stub->port = ntohs(address.sin_port);
    snprintf(stub->url, sizeof stub->url, "http://127.0.0.1:%d", stub->port);
    pthread_mutex_init(&stub->lock, NULL);
    pthread_create(&stub->thread, NULL, stub_thread, stub);
    return stub;
}

/* NULL is fine. */
static inline void stub_free(struct stub *stub)
{
    if (stub == NULL)
        return;
    atomic_store(&stub->stop, true);
    pthread_join(stub->thread, NULL);
    close(stub->listener);
    for (int i = 0; i < stub->reply_count; i++)
        buffer_release(&stub->replies[i].body);
    pthread_mutex_destroy(&stub->lock);
    free(stub);
}

/* How many requests came, and a copy of the last one. */
static inline int stub_requests(struct stub *stub, char *request)
{
    pthread_mutex_lock(&stub->lock);
    int requests = stub->requests;
    if (request)
        memcpy(request, stub->request, STUB_HEAD_BYTES_MAX);
    pthread_mutex_unlock(&stub->lock);
    return requests;
}

#endif
