/* An HTTP server for `weft run` and `weft serve`, over libmicrohttpd, which only this folder names.
 * The owner gives it a table of routes (http.h).
 *
 * The server itself answers unknown paths (404), other methods (405), requests without the right
 * token (401), bodies that are too large (413), questions of browsers about other origins (CORS),
 * and requests for a body that the client has already (304). It compresses, and it bounds the
 * number of connections, the size of a request, and the time that one may take to come.
 *
 * The access log names the route, never the path, so it has no visitor's name.
 *
 * Threads: http.threads of its own, and one that cuts connections. */
#ifndef WEFT_HTTP_HTTP_SERVER_H
#define WEFT_HTTP_HTTP_SERVER_H

#include "processors/runtime/http/http.h"

struct http_server;

/* Starts it. `listen`: "127.0.0.1:8080", "[::1]:8080", ":8080" for all addresses; port 0: any free
 * one. Config, service and its routes are borrowed until http_server_free(). SKIP: the
 * configuration is wrong, or other addresses than loopback need a token or TLS; with what to do.
 * FATAL: the address can't be used. */
enum verdict http_server_new(const struct config *config, const char *listen,
                             struct http_service *service, struct http_server **ret_server,
                             struct error *error);
/* Takes no more requests, ends the streams, waits for the requests that are put off, and ends. All
 * that goes on with requests must still work. Takes NULL. */
void http_server_free(struct http_server *server);
/* The port that it listens on. */
uint16_t http_server_port(const struct http_server *server);

#endif
