#include "processors/runtime/http/http_server.h"

#include "processors/runtime/http/http_exchange.h"
#include "processors/runtime/http/http_reply.h"
#include "processors/runtime/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define WATCH_US 200000
#define HEADER_BYTES_MAX 16384 /* of a request: its line and headers, with room for them parsed */
#define PEM_BYTES_MAX (1u << 20)
#define BACKLOG 1024

/* ---- connections ---- */

void http_limit_time(struct http_connection *connection, int64_t us)
{
    if (connection)
        atomic_store(&connection->deadline_us, us > 0 ? clock_monotonic_us() + us : 0);
}

static void connection_event(void *opaque, struct MHD_Connection *mhd, void **context,
                             enum MHD_ConnectionNotificationCode code)
{
    struct http_server *server = opaque;
    struct http_connection *connection = *context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
        connection = memory_zero(1, sizeof *connection);
        connection->socket = info ? info->connect_fd : -1;
        http_limit_time(connection, server->config->http_request_ms * 1000);
        pthread_mutex_lock(&server->lock);
        connection->after = server->connections;
        if (connection->after)
            connection->after->before = connection;
        server->connections = connection;
        server->connection_count++;
        pthread_mutex_unlock(&server->lock);
        *context = connection;
    } else if (connection) {
        pthread_mutex_lock(&server->lock);
        *(connection->before ? &connection->before->after : &server->connections) =
            connection->after;
        if (connection->after)
            connection->after->before = connection->before;
        server->connection_count--;
        pthread_mutex_unlock(&server->lock);
        free(connection);
        *context = NULL;
    }
}

/* libmicrohttpd closes a socket only after it has told so; the lock keeps its number from being
 * given to another one meanwhile. */
static void cut_late(struct http_server *server)
{
    int64_t now_us = clock_monotonic_us();
    pthread_mutex_lock(&server->lock);
    for (struct http_connection *at = server->connections; at; at = at->after) {
        int64_t deadline_us = atomic_load(&at->deadline_us);
        if (deadline_us == 0 || now_us < deadline_us || at->socket < 0)
            continue;
        shutdown(at->socket, SHUT_RDWR);
        atomic_store(&at->deadline_us, 0);
        atomic_fetch_add(&server->cut, 1);
    }
    pthread_mutex_unlock(&server->lock);
}

static void *watch_thread(void *argument)
{
    struct http_server *server = argument;
    pthread_setname_np(pthread_self(), "http-watch");
    while (!atomic_load(&server->stopping)) {
        usleep(WATCH_US);
        cut_late(server);
    }
    return NULL;
}

/* ---- callbacks ---- */

static enum MHD_Result on_request(void *opaque, struct MHD_Connection *mhd, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_bytes, void **context)
{
    struct http_server *server = opaque;
    struct http_exchange *exchange = *context;
    (void)version;
    if (exchange == NULL) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
        struct http_connection *connection = info ? info->socket_context : NULL;
        http_limit_time(connection, server->config->http_request_ms * 1000);
        exchange = http_exchange_new(server, mhd, connection, url, method);
        *context = exchange;
        return http_exchange_begin(exchange, method);
    }
    if (*data_bytes > 0) {
        enum MHD_Result taken = http_exchange_take(exchange, data, *data_bytes);
        *data_bytes = 0;
        return taken;
    }
    return http_exchange_answer(exchange);
}

static void on_completed(void *opaque, struct MHD_Connection *mhd, void **context,
                         enum MHD_RequestTerminationCode code)
{
    struct http_server *server = opaque;
    struct http_exchange *exchange = *context;
    (void)mhd;
    (void)code;
    if (exchange == NULL)
        return;
    http_limit_time(exchange->connection,
                    (server->config->http_idle_ms + server->config->http_request_ms) * 1000);
    http_exchange_free(exchange);
    *context = NULL;
}

/* Paths and queries stay as they came; http_text.h decodes them. */
static size_t leave_escaped(void *opaque, struct MHD_Connection *mhd, char *text)
{
    (void)opaque;
    (void)mhd;
    return strlen(text);
}

static void on_log(void *opaque, const char *format, va_list arguments)
{
    char text[512];
    (void)opaque;
    vsnprintf(text, sizeof text, format, arguments);
    log_line(LOG_LEVEL_DEBUG, "http", "%s", text);
}

/* ---- start and end ---- */

static enum verdict read_pem(const char *key, const char *path, struct buffer *text,
                             struct error *error)
{
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return error_set(error, VERDICT_SKIP, "%s: %s can't be read: %s", key, path,
                         strerror(errno));
    buffer_reserve(text, PEM_BYTES_MAX);
    text->size = fread(text->at, 1, PEM_BYTES_MAX - 1, file);
    fclose(file);
    buffer_byte(text, '\0');
    return VERDICT_OK;
}

static enum verdict read_secrets(struct http_server *server, const struct http_address *address,
                                 struct error *error)
{
    const struct config *config = server->config;
    bool tls = config->http_tls_certificate_file[0] != '\0';
    if (tls != (config->http_tls_key_file[0] != '\0'))
        return error_set(error, VERDICT_SKIP,
                         "http.tls.certificate.file and http.tls.key.file go together");
    enum verdict verdict = http_tokens_read(config, address->loopback, &server->tokens, error);
    if (verdict == VERDICT_OK && tls)
        verdict = read_pem("http.tls.certificate.file", config->http_tls_certificate_file,
                           &server->certificate, error);
    if (verdict == VERDICT_OK && tls)
        verdict = read_pem("http.tls.key.file", config->http_tls_key_file, &server->key, error);
    bool token = false;
    for (int right = 0; right < HTTP_RIGHTS; right++)
        token = token || server->tokens.text[right][0] != '\0';
    if (verdict == VERDICT_OK && !address->loopback && !token && !tls)
        return error_set(error, VERDICT_SKIP,
                         "http.listen = '%s' is open to other machines: set http.token.read.file, "
                         "http.token.write.file or http.token.admin.file, or "
                         "http.tls.certificate.file, or listen on 127.0.0.1",
                         config->http_listen);
    return verdict;
}

/* Binds a socket of our own, so that libmicrohttpd needs no address. -1: errno says why. */
static int open_socket(const struct http_address *address)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(address->port)};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(address->port)};
    bool is_four = address->host[0] && inet_pton(AF_INET, address->host, &four.sin_addr) == 1;
    int on = 1, off = 0;
    if (!is_four && address->host[0])
        inet_pton(AF_INET6, address->host, &six.sin6_addr);
    int fd = socket(is_four ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (!is_four)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    int bound = is_four ? bind(fd, (const struct sockaddr *)&four, sizeof four)
                        : bind(fd, (const struct sockaddr *)&six, sizeof six);
    if (bound == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int code = errno;
    close(fd);
    errno = code;
    return -1;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_in6 address = {0};
    socklen_t size = sizeof address;
    getsockname(fd, (struct sockaddr *)&address, &size);
    return ntohs(address.sin6_port); /* at the same place in IPv4's */
}

static enum verdict start_daemon(struct http_server *server, int fd, struct error *error)
{
    const struct config *config = server->config;
    bool tls = server->certificate.size > 0;
    unsigned threads = (unsigned)config->http_threads;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
                     (tls ? MHD_USE_TLS : 0u);
    struct MHD_OptionItem options[] = {
        {MHD_OPTION_THREAD_POOL_SIZE, threads, NULL},
        {MHD_OPTION_HTTPS_MEM_CERT, 0, server->certificate.at},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, server->key.at},
        {MHD_OPTION_END, 0, NULL},
    };
    struct MHD_OptionItem *more = threads > 1 ? options : options + 1;
    if (!tls)
        options[1].option = MHD_OPTION_END;
    server->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, server, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)config->http_connections_max, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)((config->http_idle_ms + 999) / 1000), MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)HEADER_BYTES_MAX, MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, NULL,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, server, MHD_OPTION_NOTIFY_CONNECTION,
        connection_event, server, MHD_OPTION_ARRAY, more, MHD_OPTION_END);
    if (server->daemon)
        return VERDICT_OK;
    close(fd);
    return error_set(error, VERDICT_FATAL, "the HTTP server can't start%s",
                     tls ? ": the TLS certificate and key do not fit" : "");
}

enum verdict http_server_new(const struct config *config, const char *listen,
                             struct http_service *service, struct http_server **ret_server,
                             struct error *error)
{
    struct http_address address;
    struct http_server *server = NULL;
    enum verdict verdict = http_address_read(listen, &address, error);
    if (verdict != VERDICT_OK)
        return verdict;
    server = memory_zero(1, sizeof *server);
    server->config = config;
    server->service = service;
    pthread_mutex_init(&server->lock, NULL);
    pthread_mutex_init(&server->pipes_lock, NULL);
    verdict = read_secrets(server, &address, error);
    int fd = verdict == VERDICT_OK ? open_socket(&address) : -1;
    if (verdict == VERDICT_OK && fd < 0)
        verdict = error_set(error, VERDICT_FATAL, "%s can't be listened on: %s; change http.listen",
                            listen, strerror(errno));
    if (verdict == VERDICT_OK) {
        server->port = port_of(fd);
        verdict = start_daemon(server, fd, error);
    }
    if (verdict == VERDICT_OK && pthread_create(&server->watch, NULL, watch_thread, server) != 0)
        verdict = error_set(error, VERDICT_FATAL, "a thread can't be started");
    else
        server->watches = verdict == VERDICT_OK;
    if (verdict == VERDICT_OK)
        *ret_server = server;
    else
        http_server_free(server);
    return verdict;
}

static void stop(struct http_server *server)
{
    if (atomic_exchange(&server->stopping, true) || server->daemon == NULL)
        return;
    int fd = MHD_quiesce_daemon(server->daemon);
    if (fd >= 0)
        close(fd);
    pthread_mutex_lock(&server->pipes_lock);
    for (struct http_pipe *at = server->pipes; at; at = at->after)
        http_stream_wake(at->stream);
    pthread_mutex_unlock(&server->pipes_lock);
}

static bool streams_left(struct http_server *server)
{
    pthread_mutex_lock(&server->pipes_lock);
    bool left = server->stream_count > 0;
    pthread_mutex_unlock(&server->pipes_lock);
    return left;
}

void http_server_free(struct http_server *server)
{
    if (server == NULL)
        return;
    stop(server);
    while (server->daemon && (atomic_load(&server->pending) > 0 || streams_left(server)))
        usleep(2000);
    if (server->watches)
        pthread_join(server->watch, NULL);
    if (server->daemon)
        MHD_stop_daemon(server->daemon);
    pthread_mutex_destroy(&server->lock);
    pthread_mutex_destroy(&server->pipes_lock);
    buffer_release(&server->certificate);
    buffer_release(&server->key);
    free(server);
}

uint16_t http_server_port(const struct http_server *server)
{
    return server->port;
}

void http_counts(struct http_request *request, struct http_counts *ret_counts)
{
    struct http_server *server = ((struct http_exchange *)(void *)request)->server;
    *ret_counts = (struct http_counts){.cut = atomic_load(&server->cut)};
    for (size_t i = 0; i <= HTTP_ROUTES_MAX; i++) {
        struct http_route_counts *counts = &ret_counts->routes[i];
        for (int k = 0; k < 6; k++)
            counts->by_class[k] = atomic_load(&server->figures[i].by_class[k]);
        for (int k = 0; k < HTTP_BUCKETS; k++)
            counts->buckets[k] = atomic_load(&server->figures[i].buckets[k]);
        counts->seconds = (double)atomic_load(&server->figures[i].us) / 1e6;
    }
    pthread_mutex_lock(&server->lock);
    ret_counts->connections = server->connection_count;
    pthread_mutex_unlock(&server->lock);
    pthread_mutex_lock(&server->pipes_lock);
    ret_counts->streams = server->stream_count;
    pthread_mutex_unlock(&server->pipes_lock);
}
