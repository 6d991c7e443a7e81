#include "processors/runtime/http/http_reply.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <zlib.h>

#define GZIP_LEVEL 1
#define GZIP_WINDOW 31 /* 15 bits of window, and gzip's header */

const char *http_title(int status)
{
    static const struct {
        int status;
        const char *title;
    } titles[] = {
        {200, "OK"},
        {202, "Accepted"},
        {204, "No Content"},
        {302, "Found"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {413, "Content Too Large"},
        {421, "Misdirected Request"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {503, "Service Unavailable"},
    };
    for (size_t i = 0; i < sizeof titles / sizeof titles[0]; i++)
        if (titles[i].status == status)
            return titles[i].title;
    return "Error";
}

void http_problem(struct http_reply *reply, int status, const char *format, ...)
{
    va_list arguments;
    char detail[512];
    va_start(arguments, format);
    vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    buffer_clear(&reply->body);
    reply->status = status;
    reply->content_type = "application/problem+json";
    reply->tagged = false;
    reply->cache = NULL;
    buffer_format(&reply->body,
                  "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"detail\":",
                  http_title(status), status);
    buffer_json(&reply->body, bytes_text(detail));
    buffer_byte(&reply->body, '}');
}

void http_tag(struct bytes body, bool compressed, char ret_tag[HTTP_TAG_SIZE])
{
    snprintf(ret_tag, HTTP_TAG_SIZE, "\"%016" PRIx64 "%s\"", bytes_hash(body),
             compressed ? "z" : "");
}

bool http_gzip(struct bytes body, struct buffer *ret_packed)
{
    z_stream stream = {0};
    if (body.size < HTTP_GZIP_BYTES_MIN || body.size > UINT32_MAX ||
        deflateInit2(&stream, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    buffer_reserve(ret_packed, body.size);
    stream.next_in = (Bytef *)(uintptr_t)body.at;
    stream.avail_in = (uInt)body.size;
    stream.next_out = (Bytef *)ret_packed->at;
    stream.avail_out = (uInt)body.size;
    bool shorter = deflate(&stream, Z_FINISH) == Z_STREAM_END;
    ret_packed->size = stream.total_out;
    deflateEnd(&stream);
    return shorter;
}

bool http_origin_listed(const char *list, const char *origin)
{
    struct bytes name;
    while (list_next(&list, &name))
        if (bytes_equal(name, bytes_text("*")) || bytes_equal(name, bytes_text(origin)))
            return true;
    return false;
}

bool http_origin_same(const char *origin, const char *host)
{
    const char *at = strstr(origin, "://");
    return at && host && strcasecmp(at + 3, host) == 0;
}

bool http_host_is_local(const char *host)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};
    for (size_t i = 0; host && i < sizeof names / sizeof names[0]; i++) {
        size_t size = strlen(names[i]);
        if (strncasecmp(host, names[i], size) == 0 && (host[size] == '\0' || host[size] == ':'))
            return true;
    }
    return false;
}

/* ---- addresses ---- */

static bool is_loopback(const char *host)
{
    struct in_addr four;
    if (inet_pton(AF_INET, host, &four) == 1)
        return (ntohl(four.s_addr) >> 24) == 127;
    return strcmp(host, "::1") == 0;
}

static bool is_numeric(const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];
    return host[0] == '\0' || inet_pton(AF_INET, host, address) == 1 ||
           inet_pton(AF_INET6, host, address) == 1;
}

enum verdict http_address_read(const char *text, struct http_address *ret_address,
                               struct error *error)
{
    struct http_address address = {.host = ""};
    const char *colon = strrchr(text, ':');
    char *end = NULL;
    long port = colon ? strtol(colon + 1, &end, 10) : -1;
    struct bytes host = bytes_of(text, colon ? (size_t)(colon - text) : 0);
    if (host.size >= 2 && host.at[0] == '[' && host.at[host.size - 1] == ']')
        host = bytes_of(host.at + 1, host.size - 2);
    if (bytes_equal(host, bytes_text("localhost")))
        host = bytes_text("127.0.0.1");
    if (host.size < sizeof address.host)
        memcpy(address.host, host.at, host.size);
    if (colon == NULL || end == colon + 1 || *end != '\0' || port < 0 || port > 65535 ||
        host.size >= sizeof address.host || !is_numeric(address.host))
        return error_set(error, VERDICT_SKIP,
                         "http.listen = '%.100s' is not an address and a port, such as "
                         "127.0.0.1:8080, [::1]:8080, or :8080 for all addresses",
                         text);
    address.port = (uint16_t)port;
    address.loopback = is_loopback(address.host);
    *ret_address = address;
    return VERDICT_OK;
}
