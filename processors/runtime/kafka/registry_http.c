#include "processors/runtime/kafka/registry_http.h"

#include "processors/runtime/kafka/faults.h"
#include "processors/runtime/kafka/registry_answer.h"
#include "processors/runtime/log.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define HEADERS_BYTES_MAX 65536
#define SECRET_BYTES_MAX 16384 /* a token of some identity providers has some thousand */

struct registry_http {
    const struct config *config;
    const atomic_bool *stop;
    CURL *curl;
    char *base;            /* the URL without user, password and a slash at its end */
    char *user, *password; /* of the URL; NULL: it has none */
    char why[CURL_ERROR_SIZE];
};

/* One request and where its answer goes. */
struct exchange {
    struct http_answer *answer;
    size_t header_bytes;
    bool too_long;
};

void http_answer_release(struct http_answer *answer)
{
    free(answer->url);
    buffer_release(&answer->body);
    *answer = (struct http_answer){0};
}

/* ---- URLs ---- */

/* A part of a URL; NULL: it has none. The caller frees it with curl_free(). */
static char *url_part(CURLU *url, CURLUPart part, unsigned flags)
{
    char *text = NULL;
    return curl_url_get(url, part, &text, flags) == CURLUE_OK ? text : NULL;
}

static bool same_part(CURLU *a, CURLU *b, CURLUPart part)
{
    char *x = url_part(a, part, CURLU_DEFAULT_PORT), *y = url_part(b, part, CURLU_DEFAULT_PORT);
    bool same = x && y && strcasecmp(x, y) == 0;
    curl_free(x);
    curl_free(y);
    return same;
}

/* NULL: it is no URL. Without a scheme it is http. The caller cleans it up. */
static CURLU *parse_url(const char *text)
{
    struct buffer whole = {0};
    CURLU *url = curl_url();
    buffer_format(&whole, "%s%s", strstr(text, "://") ? "" : "http://", text);
    buffer_byte(&whole, '\0');
    bool good = url && curl_url_set(url, CURLUPART_URL, whole.at, 0) == CURLUE_OK;
    buffer_release(&whole);
    if (good)
        return url;
    curl_url_cleanup(url);
    return NULL;
}

/* Takes user and password out of the URL, and what belongs to no request. */
static void strip_url(CURLU *url)
{
    curl_url_set(url, CURLUPART_USER, NULL, 0);
    curl_url_set(url, CURLUPART_PASSWORD, NULL, 0);
    curl_url_set(url, CURLUPART_OPTIONS, NULL, 0);
    curl_url_set(url, CURLUPART_FRAGMENT, NULL, 0);
}

static char *own_copy(char *text)
{
    char *copy = text ? memory_text(bytes_text(text)) : NULL;
    curl_free(text);
    return copy;
}

static bool has_scheme(CURLU *url, const char *scheme)
{
    char *found = url_part(url, CURLUPART_SCHEME, 0);
    bool same = found && strcasecmp(found, scheme) == 0;
    curl_free(found);
    return same;
}

/* The message names no part of the value: it may hold a password. */
static enum verdict read_url(struct registry_http *http, struct error *error)
{
    CURLU *url = parse_url(http->config->schema_registry_url);
    char *query = url ? url_part(url, CURLUPART_QUERY, 0) : NULL;
    bool good = url && query == NULL && (has_scheme(url, "http") || has_scheme(url, "https"));
    curl_free(query);
    if (!good) {
        curl_url_cleanup(url);
        return error_set(error, VERDICT_FATAL,
                         "schema.registry.url is not one URL such as http://registry:8081 or "
                         "https://registry:8081/path");
    }
    http->user = own_copy(url_part(url, CURLUPART_USER, CURLU_URLDECODE));
    http->password = own_copy(url_part(url, CURLUPART_PASSWORD, CURLU_URLDECODE));
    strip_url(url);
    http->base = own_copy(url_part(url, CURLUPART_URL, 0));
    curl_url_cleanup(url);
    size_t size = strlen(http->base);
    while (size > 0 && http->base[size - 1] == '/')
        http->base[--size] = '\0';
    return VERDICT_OK;
}

/* ---- credentials ---- */

/* Reads a file of one line. The caller releases `ret_secret`, which ends with a zero byte. */
static enum verdict read_secret(const char *key, const char *path, struct buffer *ret_secret,
                                struct error *error)
{
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return error_set(error, VERDICT_RETRY, "%s: can't open %s: %s", key, path, strerror(errno));
    buffer_reserve(ret_secret, SECRET_BYTES_MAX + 2);
    size_t size = fread(ret_secret->at, 1, SECRET_BYTES_MAX + 1, file);
    bool failed = ferror(file) != 0;
    fclose(file);
    while (size > 0 && strchr(" \t\r\n", ret_secret->at[size - 1]) && ret_secret->at[size - 1])
        size--;
    ret_secret->at[size] = '\0';
    ret_secret->size = size;
    bool one_line = strlen(ret_secret->at) == size && strpbrk(ret_secret->at, "\r\n") == NULL;
    if (failed || size == 0 || size > SECRET_BYTES_MAX || !one_line)
        return error_set(error, VERDICT_RETRY, "%s: %s is not one line of 1 to %d bytes", key, path,
                         SECRET_BYTES_MAX);
    return VERDICT_OK;
}

static enum verdict set_token(struct registry_http *http, struct error *error)
{
    struct buffer token = {0};
    enum verdict verdict = read_secret("schema.registry.token.file",
                                       http->config->schema_registry_token_file, &token, error);
    if (verdict == VERDICT_OK) {
        curl_easy_setopt(http->curl, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
        curl_easy_setopt(http->curl, CURLOPT_XOAUTH2_BEARER, token.at);
    }
    buffer_release(&token);
    return verdict;
}

static enum verdict set_user(struct registry_http *http, struct error *error)
{
    const struct config *config = http->config;
    struct buffer password = {0};
    enum verdict verdict = VERDICT_OK;
    const char *user = config->schema_registry_user[0] ? config->schema_registry_user : http->user;
    if (user == NULL)
        return VERDICT_OK;
    if (config->schema_registry_password_file[0])
        verdict = read_secret("schema.registry.password.file",
                              config->schema_registry_password_file, &password, error);
    else
        buffer_append(&password, http->password ? http->password : "",
                      http->password ? strlen(http->password) + 1 : 1);
    if (verdict == VERDICT_OK) {
        curl_easy_setopt(http->curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
        curl_easy_setopt(http->curl, CURLOPT_USERNAME, user);
        curl_easy_setopt(http->curl, CURLOPT_PASSWORD, password.at);
    }
    buffer_release(&password);
    return verdict;
}

static enum verdict set_credentials(struct registry_http *http, struct error *error)
{
    const struct config *config = http->config;
    if (config->schema_registry_certificate_file[0]) {
        curl_easy_setopt(http->curl, CURLOPT_SSLCERT, config->schema_registry_certificate_file);
        curl_easy_setopt(http->curl, CURLOPT_SSLKEY, config->schema_registry_key_file);
        curl_easy_setopt(http->curl, CURLOPT_KEYPASSWD, ""); /* or OpenSSL asks at the terminal */
    }
    return config->schema_registry_token_file[0] ? set_token(http, error) : set_user(http, error);
}

/* ---- one request ---- */

static size_t receive(char *at, size_t size, size_t count, void *to)
{
    struct exchange *exchange = to;
    struct buffer *body = &exchange->answer->body;
    if (size * count > REGISTRY_ANSWER_BYTES_MAX - body->size) {
        exchange->too_long = true;
        return 0;
    }
    buffer_append(body, at, size * count);
    return size * count;
}

static size_t receive_header(char *at, size_t size, size_t count, void *to)
{
    struct exchange *exchange = to;
    (void)at;
    exchange->header_bytes += size * count;
    return exchange->header_bytes > HEADERS_BYTES_MAX ? 0 : size * count;
}

static int check_stop(void *self, curl_off_t in_all, curl_off_t in, curl_off_t out_all,
                      curl_off_t out)
{
    const struct registry_http *http = self;
    (void)in_all;
    (void)in;
    (void)out_all;
    (void)out;
    return http->stop && atomic_load(http->stop);
}

static void set_options(struct registry_http *http, struct exchange *exchange, int64_t timeout_ms)
{
    CURL *curl = http->curl;
    curl_easy_reset(curl); /* leaves connections open */
    curl_easy_setopt(curl, CURLOPT_URL, exchange->answer->url);
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, exchange);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, receive_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, exchange);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, check_stop);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, http);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, http->why);
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (http->config->schema_registry_ca_file[0])
        curl_easy_setopt(curl, CURLOPT_CAINFO, http->config->schema_registry_ca_file);
}

static struct curl_slist *set_body(CURL *curl, const struct buffer *body)
{
    struct curl_slist *headers =
        curl_slist_append(NULL, "Accept: application/vnd.schemaregistry.v1+json, application/json");
    if (body) {
        headers =
            curl_slist_append(headers, "Content-Type: application/vnd.schemaregistry.v1+json");
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)body->size);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body->at);
    }
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    return headers;
}

static enum verdict no_answer(struct registry_http *http, const struct exchange *exchange,
                              CURLcode code, struct error *error)
{
    const char *url = exchange->answer->url;
    char advice[FAULT_ADVICE_BYTES_MAX];
    if (exchange->too_long)
        return error_set(error, VERDICT_SKIP, "the answer from %.200s is longer than %zu bytes",
                         url, REGISTRY_ANSWER_BYTES_MAX);
    return error_set(error, VERDICT_RETRY, "no answer from %.150s: %.130s%s", url,
                     http->why[0] ? http->why : curl_easy_strerror(code),
                     fault_advice(fault_find(FAULT_OF_REGISTRY, 0), advice));
}

static enum verdict perform(struct registry_http *http, const struct buffer *body, bool trusted,
                            int64_t timeout_ms, struct http_answer *answer, struct error *error)
{
    struct exchange exchange = {.answer = answer};
    curl_off_t retry_after_s = 0;
    buffer_clear(&answer->body);
    http->why[0] = '\0';
    set_options(http, &exchange, timeout_ms);
    enum verdict verdict = trusted ? set_credentials(http, error) : VERDICT_OK;
    if (verdict != VERDICT_OK)
        return verdict;
    struct curl_slist *headers = set_body(http->curl, body);
    CURLcode code = curl_easy_perform(http->curl);
    curl_easy_setopt(http->curl, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(headers);
    if (code != CURLE_OK)
        return no_answer(http, &exchange, code, error);
    curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &answer->status);
    curl_easy_getinfo(http->curl, CURLINFO_RETRY_AFTER, &retry_after_s);
    answer->retry_after_ms =
        retry_after_s < 0 || retry_after_s > 86400 ? 86400000 : retry_after_s * 1000;
    return VERDICT_OK;
}

/* ---- redirects ---- */

/* Whether the URL's scheme, host and port are those of schema.registry.url. */
static bool is_trusted(const struct registry_http *http, CURLU *url)
{
    CURLU *base = parse_url(http->base);
    bool trusted = base && same_part(base, url, CURLUPART_SCHEME) &&
                   same_part(base, url, CURLUPART_HOST) && same_part(base, url, CURLUPART_PORT);
    curl_url_cleanup(base);
    return trusted;
}

/* The URL to which `location` leads; NULL: weft does not go there. The caller frees it. */
static char *next_url(const struct registry_http *http, const char *from_text, const char *location,
                      bool *ret_trusted)
{
    char *next = NULL;
    CURLU *from = parse_url(from_text), *to = parse_url(location);
    if (from && to && (has_scheme(to, "https") || same_part(from, to, CURLUPART_SCHEME))) {
        strip_url(to);
        *ret_trusted = is_trusted(http, to);
        next = own_copy(url_part(to, CURLUPART_URL, 0));
    }
    curl_url_cleanup(from);
    curl_url_cleanup(to);
    return next;
}

/* SKIP: the answer leads nowhere. RETRY: weft does not follow it. */
static enum verdict follow(struct registry_http *http, struct http_answer *answer,
                           bool *ret_trusted, struct error *error)
{
    const char *location = NULL;
    curl_easy_getinfo(http->curl, CURLINFO_REDIRECT_URL, &location);
    if (location == NULL)
        return VERDICT_SKIP;
    char *next = next_url(http, answer->url, location, ret_trusted);
    if (next == NULL)
        return error_set(error, VERDICT_RETRY,
                         "%.200s redirects to a scheme that weft does not follow; set "
                         "schema.registry.url to the registry itself",
                         answer->url);
    free(answer->url);
    answer->url = next;
    return VERDICT_OK;
}

enum verdict registry_http_request(struct registry_http *http, const char *path,
                                   const struct buffer *body, struct http_answer *ret_answer,
                                   struct error *error)
{
    int64_t until_us = clock_monotonic_us() + http->config->schema_registry_timeout_ms * 1000;
    struct buffer url = {0};
    bool trusted = true;
    buffer_format(&url, "%s%s", http->base, path);
    *ret_answer = (struct http_answer){.url = memory_text(buffer_bytes(&url))};
    buffer_release(&url);
    for (int redirects = 0;; redirects++) {
        int64_t left_ms = (until_us - clock_monotonic_us()) / 1000;
        enum verdict verdict =
            perform(http, body, trusted, left_ms > 1 ? left_ms : 1, ret_answer, error);
        if (verdict != VERDICT_OK || ret_answer->status / 100 != 3 || body)
            return verdict;
        if (redirects == REGISTRY_REDIRECTS_MAX)
            return error_set(error, VERDICT_RETRY,
                             "%.200s redirects more than %d times; set schema.registry.url to the "
                             "registry itself",
                             ret_answer->url, REGISTRY_REDIRECTS_MAX);
        verdict = follow(http, ret_answer, &trusted, error);
        if (verdict != VERDICT_OK)
            return verdict == VERDICT_SKIP ? VERDICT_OK : verdict;
    }
}

/* ---- making and freeing ---- */

const char *registry_http_url(const struct registry_http *http)
{
    return http->base;
}

void registry_http_encode(struct registry_http *http, const char *text, struct buffer *to)
{
    char *encoded = curl_easy_escape(http->curl, text, 0);
    buffer_text(to, encoded ? encoded : "");
    curl_free(encoded);
}

static enum verdict check_readable(const char *key, const char *path, struct error *error)
{
    FILE *file = *path ? fopen(path, "r") : NULL;
    if (*path && file == NULL)
        return error_set(error, VERDICT_FATAL, "%s: can't open %s: %s", key, path, strerror(errno));
    if (file)
        fclose(file);
    return VERDICT_OK;
}

static enum verdict check_files(const struct config *config, struct error *error)
{
    const struct {
        const char *key, *path;
    } files[] = {
        {"schema.registry.password.file", config->schema_registry_password_file},
        {"schema.registry.token.file", config->schema_registry_token_file},
        {"schema.registry.ca.file", config->schema_registry_ca_file},
        {"schema.registry.certificate.file", config->schema_registry_certificate_file},
        {"schema.registry.key.file", config->schema_registry_key_file},
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        if (check_readable(files[i].key, files[i].path, error) != VERDICT_OK)
            return VERDICT_FATAL;
    return VERDICT_OK;
}

/* For libcurl, which allocates as weft does: where memory is short, the process ends. */
static char *copy_text(const char *text)
{
    return memory_text(bytes_text(text));
}

enum verdict registry_http_new(const struct config *config, const atomic_bool *stop,
                               struct registry_http **ret_http, struct error *error)
{
    struct registry_http *http = memory_zero(1, sizeof *http);
    http->config = config;
    http->stop = stop;
    curl_global_init_mem(CURL_GLOBAL_DEFAULT, memory_get, free, memory_resize, copy_text,
                         memory_zero); /* libcurl counts these calls */
    http->curl = curl_easy_init();
    enum verdict verdict = http->curl ? check_files(config, error)
                                      : error_set(error, VERDICT_FATAL, "libcurl can't start");
    if (verdict == VERDICT_OK)
        verdict = read_url(http, error);
    if (verdict != VERDICT_OK) {
        registry_http_free(http);
        return verdict;
    }
    *ret_http = http;
    return VERDICT_OK;
}

void registry_http_free(struct registry_http *http)
{
    if (http == NULL)
        return;
    curl_easy_cleanup(http->curl);
    curl_global_cleanup();
    free(http->base);
    free(http->user);
    free(http->password);
    free(http);
}
