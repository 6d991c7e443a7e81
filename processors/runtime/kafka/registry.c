#include "processors/runtime/kafka/registry.h"

#include "processors/runtime/log.h"

#include <curl/curl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ANSWER_MS 2000L
#define TRIES 3
#define SILENCE_MS 10000 /* pause after a call without an answer */
#define ANSWER_BYTES_MAX ((size_t)1 << 20)
#define URL_BYTES_MAX 512

struct registry {
    struct schema_source source;
    char *url;
    CURL *curl;
    int64_t silent_until_us; /* no call before this time */
    struct error silence;    /* why the last call had no answer */
};

static size_t receive(char *at, size_t size, size_t count, void *to)
{
    struct buffer *answer = to;
    if (answer->size + size * count > ANSWER_BYTES_MAX)
        return 0;
    buffer_append(answer, at, size * count);
    return size * count;
}

/* {"schema": "...", "schemaType": "..."}; without a type it is AVRO. */
static enum verdict read_answer(const struct buffer *answer, struct buffer *schema,
                                struct error *error)
{
    json_t *json = json_loadb(answer->at ? answer->at : "", answer->size, 0, NULL);
    const char *text = json_string_value(json_object_get(json, "schema"));
    const char *type = json_string_value(json_object_get(json, "schemaType"));
    enum verdict verdict = VERDICT_OK;
    if (text == NULL)
        verdict = error_set(error, VERDICT_SKIP, "the registry's answer has no schema");
    else if (type && strcmp(type, "AVRO") != 0)
        verdict = error_set(error, VERDICT_SKIP, "the schema is of type %.40s, not AVRO", type);
    else
        buffer_text(schema, text);
    json_decref(json);
    return verdict;
}

static enum verdict read_response(const char *url, CURLcode code, long status,
                                  const struct buffer *answer, struct buffer *schema,
                                  struct error *error)
{
    if (code == CURLE_WRITE_ERROR)
        return error_set(error, VERDICT_SKIP, "the answer from %s is longer than %zu bytes", url,
                         ANSWER_BYTES_MAX);
    if (code != CURLE_OK)
        return error_set(error, VERDICT_RETRY, "no answer from %s: %s", url,
                         curl_easy_strerror(code));
    if (status == 404)
        return error_set(error, VERDICT_SKIP, "the registry does not know it (%s)", url);
    if (status != 200)
        return error_set(error, VERDICT_RETRY, "%s answers with status %ld", url, status);
    return read_answer(answer, schema, error);
}

/* `ret_code` is not CURLE_OK: there was no answer. */
static enum verdict ask(struct registry *registry, const char *url, struct buffer *schema,
                        CURLcode *ret_code, struct error *error)
{
    struct buffer answer = {0};
    long status = 0;
    curl_easy_setopt(registry->curl, CURLOPT_URL, url);
    curl_easy_setopt(registry->curl, CURLOPT_WRITEDATA, &answer);
    CURLcode code = curl_easy_perform(registry->curl);
    curl_easy_getinfo(registry->curl, CURLINFO_RESPONSE_CODE, &status);
    enum verdict verdict = read_response(url, code, status, &answer, schema, error);
    buffer_release(&answer);
    *ret_code = code == CURLE_WRITE_ERROR ? CURLE_OK : code;
    return verdict;
}

/* The worker waits here, and its JSON records wait with it. So a time-out is not tried again, and
 * after a failure no id is fetched until SILENCE_MS have passed. */
static enum verdict registry_fetch(struct schema_source *source, uint32_t id, struct buffer *schema,
                                   struct error *error)
{
    struct registry *registry = (struct registry *)(void *)source;
    char url[URL_BYTES_MAX];
    CURLcode code = CURLE_OK;
    if (clock_monotonic_us() < registry->silent_until_us)
        return error_set(error, VERDICT_RETRY, "%s", registry->silence.message);
    snprintf(url, sizeof url, "%s/schemas/ids/%u", registry->url, id);
    enum verdict verdict = VERDICT_RETRY;
    for (int i = 0; i < TRIES && verdict == VERDICT_RETRY && code != CURLE_OPERATION_TIMEDOUT;
         i++) {
        if (i > 0)
            usleep(200000);
        error_clear(error);
        verdict = ask(registry, url, schema, &code, error);
    }
    if (code != CURLE_OK) {
        registry->silent_until_us = clock_monotonic_us() + SILENCE_MS * 1000;
        error_clear(&registry->silence);
        error_set(&registry->silence, verdict, "no answer from %s: %s", registry->url,
                  curl_easy_strerror(code));
    }
    return verdict;
}

struct registry *registry_new(const char *url)
{
    struct registry *registry = memory_zero(1, sizeof *registry);
    curl_global_init(CURL_GLOBAL_DEFAULT); /* libcurl counts these calls */
    registry->source.fetch = registry_fetch;
    registry->url = memory_text(bytes_text(url));
    size_t size = strlen(registry->url);
    while (size > 0 && registry->url[size - 1] == '/')
        registry->url[--size] = '\0';
    registry->curl = curl_easy_init();
    curl_easy_setopt(registry->curl, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(registry->curl, CURLOPT_TIMEOUT_MS, ANSWER_MS);
    curl_easy_setopt(registry->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(registry->curl, CURLOPT_FOLLOWLOCATION, 1L);
    return registry;
}

void registry_free(struct registry *registry)
{
    if (registry == NULL)
        return;
    curl_easy_cleanup(registry->curl);
    curl_global_cleanup();
    free(registry->url);
    free(registry);
}

struct schema_source *registry_source(struct registry *registry)
{
    return &registry->source;
}

static CURLcode post(struct registry *registry, const char *url, const struct buffer *body,
                     struct buffer *answer)
{
    CURL *curl = registry->curl;
    struct curl_slist *headers =
        curl_slist_append(NULL, "Content-Type: application/vnd.schemaregistry.v1+json");
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)body->size);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body->at);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, NULL);
    curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
    curl_slist_free_all(headers);
    return code;
}

/* {"id": 7} */
static enum verdict read_id(const char *url, const struct buffer *answer, uint32_t *ret_id,
                            struct error *error)
{
    const char *at = answer->at ? answer->at : "";
    json_t *json = json_loadb(at, answer->size, 0, NULL);
    json_t *id = json_object_get(json, "id");
    bool good = json_is_integer(id);
    if (good)
        *ret_id = (uint32_t)json_integer_value(id);
    json_decref(json);
    if (good)
        return VERDICT_OK;
    return error_set(error, VERDICT_SKIP, "%s refuses the schema: %.*s", url,
                     (int)(answer->size < 200 ? answer->size : 200), at);
}

enum verdict registry_register(struct registry *registry, const char *subject, struct bytes schema,
                               uint32_t *ret_id, struct error *error)
{
    char url[URL_BYTES_MAX];
    struct buffer body = {0}, answer = {0};
    snprintf(url, sizeof url, "%s/subjects/%s/versions", registry->url, subject);
    buffer_text(&body, "{\"schema\":");
    buffer_json(&body, schema);
    buffer_text(&body, "}");
    CURLcode code = post(registry, url, &body, &answer);
    enum verdict verdict = code == CURLE_OK
                               ? read_id(url, &answer, ret_id, error)
                               : error_set(error, VERDICT_RETRY, "no answer from %s: %s", url,
                                           curl_easy_strerror(code));
    buffer_release(&body);
    buffer_release(&answer);
    return verdict;
}
