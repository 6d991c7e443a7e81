/* Who may do what over HTTP: bearer tokens (RFC 6750) from files, one token in one line.
 *
 *     read     lists, items, rankings, searches, products, streams
 *     write    events
 *     admin    all that there is: what is known of a visitor, erasure, metrics
 *
 * The admin token also reads and writes. A right without a file is free for everybody who reaches
 * the address; only the admin's is free on loopback alone. Thread: any; immutable once read. */
#ifndef WEFT_HTTP_TOKENS_H
#define WEFT_HTTP_TOKENS_H

#include "processors/runtime/config.h"

enum http_right {
    HTTP_OPEN, /* no token */
    HTTP_READ,
    HTTP_WRITE,
    HTTP_ADMIN,
    HTTP_RIGHTS,
};

#define HTTP_TOKEN_BYTES_MIN 16
#define HTTP_TOKEN_BYTES_MAX 256

struct http_tokens {
    char text[HTTP_RIGHTS][HTTP_TOKEN_BYTES_MAX + 1]; /* empty: there is none */
    bool loopback;                                    /* the server listens on loopback alone */
};

/* Reads the files that the configuration names. SKIP, with the key and what to do. */
enum verdict http_tokens_read(const struct config *config, bool loopback,
                              struct http_tokens *ret_tokens, struct error *error);

/* Whether a request with this token may do it; an absent token is none. Takes the same time for all
 * wrong tokens of the same length. */
bool http_tokens_allow(const struct http_tokens *tokens, enum http_right right, struct bytes token);

#endif
