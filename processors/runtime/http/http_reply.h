/* Parts of an answer that need no connection: errors, tags, compression. For http_server.c.
 * Thread: any. */
#ifndef WEFT_HTTP_REPLY_H
#define WEFT_HTTP_REPLY_H

#include "processors/runtime/http/http.h"

#define HTTP_TAG_SIZE 24

/* A strong tag in its quotes, from the bytes of the body. `compressed`: of its other form. */
void http_tag(struct bytes body, bool compressed, char ret_tag[HTTP_TAG_SIZE]);

#define HTTP_GZIP_BYTES_MIN 1000 /* a shorter body is not worth it */

/* Appends the body in gzip's format. False: it would not be shorter. */
bool http_gzip(struct bytes body, struct buffer *ret_packed);

/* Whether an origin, such as "https://shop.example", is in the list with commas, or the list is a
 * star. */
bool http_origin_listed(const char *list, const char *origin);
/* Whether the origin is that of the host that the request names. */
bool http_origin_same(const char *origin, const char *host);
/* Whether a Host header names this machine: "localhost", "127.0.0.1" or "[::1]", with any port. */
bool http_host_is_local(const char *host);

/* An address and a port to listen on. */
struct http_address {
    char host[64]; /* numeric; empty: all addresses */
    uint16_t port;
    bool loopback;
};
/* SKIP, with what to write. */
enum verdict http_address_read(const char *text, struct http_address *ret_address,
                               struct error *error);

#endif
