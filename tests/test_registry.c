/* The schema registry: what is an answer and what is waited for, references, credentials, redirects
 * and bounds, against a server on loopback. */
#include "processors/runtime/kafka/registry.h"

#include "processors/runtime/kafka/registry_answer.h"
#include "processors/runtime/kafka/registry_http.h"
#include "processors/runtime/log.h"
#include "tests/http_stub.h"

#define PATIENCE_US 20000000 /* for what comes within milliseconds on a machine at rest */
#define SCHEMA "{\"schema\":\"\\\"string\\\"\"}"

static void configure(struct config *config, const char *url, const char *const *settings)
{
    struct error error = {0};
    config_init(config);
    CHECK(config_set(config, "schema.registry.url", url, &error) == VERDICT_OK);
    CHECK(config_set(config, "schema.registry.retry.max.ms", "200", &error) == VERDICT_OK);
    for (; settings && *settings; settings++)
        CHECK(config_assign(config, *settings, &error) == VERDICT_OK);
    CHECK_SAY(config_finish(config, &error) == VERDICT_OK, "%s", error.message);
}

/* ---- answers ---- */

static void test_status(void)
{
    static const struct {
        long status;
        enum verdict verdict;
        const char *message;
    } cases[] = {
        {200, VERDICT_OK, ""},
        {404, VERDICT_SKIP, "the registry does not know it"},
        {204, VERDICT_RETRY, "check schema.registry.url"},
        {304, VERDICT_RETRY, "check schema.registry.url"},
        {400, VERDICT_RETRY, "check schema.registry.url"},
        {401, VERDICT_RETRY, "schema.registry.password.file"},
        {403, VERDICT_RETRY, "let the registry's user read"},
        {410, VERDICT_RETRY, "check schema.registry.url"},
        {429, VERDICT_RETRY, "limit of requests"},
        {500, VERDICT_RETRY, "look at the registry's log"},
        {503, VERDICT_RETRY, "look at the registry's log"},
        {599, VERDICT_RETRY, "look at the registry's log"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error error = {0};
        struct registry_answer answer = {.url = "http://r/x", .status = cases[i].status};
        CHECK_INT(registry_judge(&answer, &error), cases[i].verdict);
        CHECK_CONTAINS(error.message, cases[i].message);
        CHECK_CONTAINS(error.message, cases[i].verdict == VERDICT_OK ? "" : "http://r/x");
    }
}

static enum verdict take(struct schema_parts *parts, const char *body, struct error *error)
{
    struct registry_answer answer = {.url = "http://r/x", .status = 200, .body = bytes_text(body)};
    return schema_parts_take(parts, schema_parts_missing(parts), &answer, error);
}

static void test_bodies(void)
{
    static const struct {
        const char *body;
        enum verdict verdict;
        const char *message;
    } cases[] = {
        {SCHEMA, VERDICT_OK, ""},
        {"{\"schema\":\"x\",\"schemaType\":\"AVRO\",\"id\":7,\"more\":{}}", VERDICT_OK, ""},
        {"{\"schema\":\"x\",\"references\":[]}", VERDICT_OK, ""},
        {"{\"schema\":\"x\",\"schemaType\":\"PROTOBUF\"}", VERDICT_SKIP, "PROTOBUF, not AVRO"},
        {"{\"schema\":\"x\",\"references\":[7]}", VERDICT_SKIP, "a reference without"},
        {"{\"schema\":\"x\",\"references\":[{\"name\":\"a\",\"subject\":\"\",\"version\":1}]}",
         VERDICT_SKIP, "a reference without"},
        {"{\"schema\":\"x\",\"references\":[{\"name\":\"a\",\"subject\":\"s\",\"version\":\"1\"}]}",
         VERDICT_SKIP, "a reference without"},
        /* these come from something else than a registry, or are cut off */
        {"", VERDICT_RETRY, "answers without a schema"},
        {"{}", VERDICT_RETRY, "answers without a schema"},
        {"[]", VERDICT_RETRY, "answers without a schema"},
        {"<html>please log in</html>", VERDICT_RETRY, "answers without a schema"},
        {"{\"schema\":\"x", VERDICT_RETRY, "answers without a schema"},
        {"{\"schema\":{}}", VERDICT_RETRY, "answers without a schema"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct schema_parts parts;
        struct error error = {0};
        schema_parts_init(&parts);
        CHECK_SAY(take(&parts, cases[i].body, &error) == cases[i].verdict, "%s: %s", cases[i].body,
                  error.message);
        CHECK_CONTAINS(error.message, cases[i].message);
        CHECK((schema_parts_missing(&parts) == NULL) == (cases[i].verdict == VERDICT_OK));
        schema_parts_release(&parts);
    }
}

static void test_references_are_bounded(void)
{
    struct schema_parts parts;
    struct buffer body = {0};
    struct error error = {0};
    char text[200];
    schema_parts_init(&parts);
    for (int depth = 0; depth <= REGISTRY_DEPTH_MAX; depth++) { /* each refers to the next */
        error_clear(&error);
        snprintf(text, sizeof text,
                 "{\"schema\":\"x\",\"references\":[{\"name\":\"n\",\"subject\":\"s%d\","
                 "\"version\":1},{\"name\":\"n\",\"subject\":\"s0\",\"version\":1}]}",
                 depth);
        CHECK_INT(take(&parts, text, &error),
                  depth < REGISTRY_DEPTH_MAX ? VERDICT_OK : VERDICT_SKIP);
    }
    CHECK_CONTAINS(error.message, "nested more than 8 deep");
    schema_parts_release(&parts);
    for (int count = AVRO_REFERENCES_MAX; count <= AVRO_REFERENCES_MAX + 1; count++) {
        error_clear(&error);
        schema_parts_init(&parts);
        buffer_clear(&body);
        buffer_text(&body, "{\"schema\":\"x\",\"references\":[");
        for (int i = 0; i < count; i++)
            buffer_format(&body, "%s{\"name\":\"n\",\"subject\":\"s%d\",\"version\":1}",
                          i ? "," : "", i);
        buffer_text(&body, "]}");
        buffer_byte(&body, '\0');
        CHECK_INT(take(&parts, body.at, &error),
                  count == AVRO_REFERENCES_MAX ? VERDICT_OK : VERDICT_SKIP);
        schema_parts_release(&parts);
    }
    CHECK_CONTAINS(error.message, "refers to more than 64 others");
    buffer_release(&body);
}

static void test_ids(void)
{
    static const struct {
        long status;
        const char *body;
        enum verdict verdict;
        const char *message;
    } cases[] = {
        {200, "{\"id\":7}", VERDICT_OK, ""},
        {200, "{\"id\":-1}", VERDICT_RETRY, "without an id"},
        {200, "{\"id\":4294967296}", VERDICT_RETRY, "without an id"},
        {200, "<html>", VERDICT_RETRY, "without an id"},
        {409, "{\"error_code\":409,\"message\":\"incompatible\"}", VERDICT_SKIP, "incompatible"},
        {422, "{\"error_code\":42201,\"message\":\"no Avro\"}", VERDICT_SKIP, "no Avro"},
        {503, "{\"message\":\"later\"}", VERDICT_RETRY, "look at the registry's log"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error error = {0};
        uint32_t id = 0;
        struct registry_answer answer = {
            .url = "http://r/x", .status = cases[i].status, .body = bytes_text(cases[i].body)};
        CHECK_INT(registry_read_id(&answer, &id, &error), cases[i].verdict);
        CHECK_INT(id, cases[i].verdict == VERDICT_OK ? 7 : 0);
        CHECK_CONTAINS(error.message, cases[i].message);
    }
}

/* ---- HTTP ---- */

static struct registry_http *http_new(const struct config *config)
{
    struct registry_http *http = NULL;
    struct error error = {0};
    CHECK_SAY(registry_http_new(config, NULL, &http, &error) == VERDICT_OK, "%s", error.message);
    return http;
}

/* Asks for the path; `ret_status` is 0 without an answer. */
static enum verdict ask(struct registry_http *http, const char *path, long *ret_status,
                        struct error *error)
{
    struct http_answer answer;
    error_clear(error);
    enum verdict verdict = registry_http_request(http, path, NULL, &answer, error);
    *ret_status = verdict == VERDICT_OK ? answer.status : 0;
    http_answer_release(&answer);
    return verdict;
}

static void test_no_answer(void)
{
    static const char *const quick[] = {"schema.registry.timeout.ms=300", NULL};
    struct stub *stub = stub_new(0);
    struct config config;
    struct error error = {0};
    struct buffer large = {0};
    long status;
    configure(&config, stub->url, quick);
    struct registry_http *http = http_new(&config);
    stub_reply(stub, "/hangs", "200 OK", "", "x");
    stub_spoil(stub, "/hangs", 2000, 0, false);
    stub_reply(stub, "/drips", "200 OK", "", "a slow answer that lasts longer");
    stub_spoil(stub, "/drips", 0, 40, false);
    stub_reply(stub, "/cut", "200 OK", "", "xyz");
    stub_spoil(stub, "/cut", 0, 0, true);
    while (large.size < REGISTRY_ANSWER_BYTES_MAX)
        buffer_text(&large, "0123456789abcdef");
    buffer_byte(&large, '\0');
    stub_reply(stub, "/full", "200 OK", "", large.at);
    large.at[large.size - 1] = 'x';
    buffer_byte(&large, '\0');
    stub_reply(stub, "/long", "200 OK", "", large.at);
    int64_t began_us = clock_monotonic_us();
    CHECK_INT(ask(http, "/hangs", &status, &error), VERDICT_RETRY);
    CHECK_CONTAINS(error.message, "start the registry, or check schema.registry.url");
    CHECK_SAY(clock_monotonic_us() - began_us < 1500000, "the time-out is not total");
    CHECK_INT(ask(http, "/drips", &status, &error), VERDICT_RETRY);
    CHECK_INT(ask(http, "/cut", &status, &error), VERDICT_RETRY);
    registry_http_free(http);
    CHECK(config_set(&config, "schema.registry.timeout.ms", "10000", &error) == VERDICT_OK);
    http = http_new(&config);
    CHECK_INT(ask(http, "/full", &status, &error), VERDICT_OK);
    CHECK_INT(ask(http, "/long", &status, &error), VERDICT_SKIP);
    CHECK_CONTAINS(error.message, "longer than 1048576 bytes");
    stub_free(stub);
    CHECK_INT(ask(http, "/gone", &status, &error), VERDICT_RETRY);
    registry_http_free(http);
    buffer_release(&large);
}

static void test_redirects(void)
{
    static const char *const user[] = {"schema.registry.user=shop", NULL};
    struct stub *stub = stub_new(0), *other = stub_new(0);
    struct config config;
    struct error error = {0};
    char elsewhere[200], request[STUB_HEAD_BYTES_MAX];
    long status;
    configure(&config, stub->url, user);
    struct registry_http *http = http_new(&config);
    stub_reply(stub, "/a", "301 Moved", "\r\nLocation: /b", "");
    stub_reply(stub, "/b", "302 Found", "\r\nLocation: c", "");
    stub_reply(stub, "/c", "307 Again", "\r\nLocation: /d", "");
    stub_reply(stub, "/d", "200 OK", "", "here");
    CHECK_INT(ask(http, "/a", &status, &error), VERDICT_OK);
    CHECK_INT(status, 200);
    stub_requests(stub, request);
    CHECK_CONTAINS(request, "Authorization: Basic c2hvcDo="); /* to the registry itself */
    stub_reply(stub, "/d", "308 Again", "\r\nLocation: /a", "");
    int before = stub_requests(stub, NULL);
    CHECK_INT(ask(http, "/a", &status, &error), VERDICT_RETRY);
    CHECK_CONTAINS(error.message, "redirects more than 3 times");
    CHECK_INT(stub_requests(stub, NULL) - before, 4);
    snprintf(elsewhere, sizeof elsewhere, "\r\nLocation: http://u:s3cret@127.0.0.1:%d/x",
             other->port);
    stub_reply(stub, "/elsewhere", "302 Found", elsewhere, "");
    stub_reply(other, "/x", "401 No", "", "");
    CHECK_INT(ask(http, "/elsewhere", &status, &error), VERDICT_OK);
    CHECK_INT(status, 401);
    CHECK_INT(stub_requests(other, request), 1);
    CHECK_SAY(strstr(request, "Authorization") == NULL, "credentials went to another host");
    static const char *const wrong[] = {"\r\nLocation: ftp://127.0.0.1/x",
                                        "\r\nLocation: file:///etc/passwd",
                                        "\r\nLocation: gopher://s3cret@127.0.0.1/", ""};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        stub_reply(stub, "/wrong", "302 Found", wrong[i], "");
        CHECK_INT(ask(http, "/wrong", &status, &error), wrong[i][0] ? VERDICT_RETRY : VERDICT_OK);
        CHECK_CONTAINS(error.message, wrong[i][0] ? "a scheme that weft does not follow" : "");
        CHECK(strstr(error.message, "s3cret") == NULL);
    }
    registry_http_free(http);
    stub_free(stub);
    stub_free(other);
}

static char *write_file(const char *folder, const char *name, const char *text)
{
    struct buffer path = {0};
    buffer_format(&path, "%s/%s", folder, name);
    buffer_byte(&path, '\0');
    FILE *file = fopen(path.at, "w");
    CHECK(file && fputs(text, file) >= 0 && fclose(file) == 0);
    return path.at;
}

static void set(struct config *config, const char *key, const char *value)
{
    CHECK(config_set(config, key, value, NULL) == VERDICT_OK);
}

static void check_header(struct config *config, struct stub *stub, const char *header)
{
    char request[STUB_HEAD_BYTES_MAX];
    struct error error = {0};
    long status;
    struct registry_http *http = http_new(config);
    CHECK_SAY(ask(http, "/ok", &status, &error) == VERDICT_OK, "%s", error.message);
    stub_requests(stub, request);
    CHECK_CONTAINS(request, header);
    CHECK(strstr(registry_http_url(http), "s3cret") == NULL);
    registry_http_free(http);
}

static void test_credentials(void)
{
    char *folder = test_new_folder();
    char *password = write_file(folder, "password", "s3cret:word\r\n");
    char *token = write_file(folder, "token", "tok.en\n");
    char *broken = write_file(folder, "broken", "two\nlines\n");
    struct stub *stub = stub_new(0);
    struct config config;
    struct error error = {0};
    char url[100];
    long status;
    stub_reply(stub, "/ok", "200 OK", "", "");
    stub_reply(stub, "/path/ok", "200 OK", "", "");
    configure(&config, stub->url, NULL);
    set(&config, "schema.registry.user", "shop");
    set(&config, "schema.registry.password.file", password);
    check_header(&config, stub, "Authorization: Basic c2hvcDpzM2NyZXQ6d29yZA==\r\n");
    set(&config, "schema.registry.user", "");
    set(&config, "schema.registry.token.file", token);
    check_header(&config, stub, "Authorization: Bearer tok.en\r\n");
    snprintf(url, sizeof url, "http://shop:s%%33cret@127.0.0.1:%d/path/", stub->port);
    configure(&config, url, NULL);
    check_header(&config, stub, "Authorization: Basic c2hvcDpzM2NyZXQ=\r\n");
    check_header(&config, stub, "GET /path/ok HTTP/1.1\r\n");
    configure(&config, stub->url, NULL);
    set(&config, "schema.registry.token.file", broken);
    struct registry_http *http = http_new(&config);
    CHECK_INT(ask(http, "/ok", &status, &error), VERDICT_RETRY);
    CHECK_CONTAINS(error.message, "is not one line");
    CHECK(strstr(error.message, "two") == NULL);
    remove(broken); /* while the process runs */
    CHECK_INT(ask(http, "/ok", &status, &error), VERDICT_RETRY);
    CHECK_CONTAINS(error.message, "schema.registry.token.file: can't open");
    registry_http_free(http);
    stub_free(stub);
    test_remove_folder(folder);
    free(folder);
    free(password);
    free(token);
    free(broken);
}

static void test_bad_settings(void)
{
    static const struct {
        const char *key, *value, *message;
    } cases[] = {
        {"schema.registry.url", "ftp://registry", "schema.registry.url is not one URL"},
        {"schema.registry.url", "file:///etc/passwd", "schema.registry.url is not one URL"},
        {"schema.registry.url", "http://u:s3cret@h:port", "schema.registry.url is not one URL"},
        {"schema.registry.url", "http://a,http://u:s3cret@b", "schema.registry.url is not one URL"},
        {"schema.registry.url", "http://h/?key=s3cret", "schema.registry.url is not one URL"},
        {"schema.registry.ca.file", "/nowhere/ca", "schema.registry.ca.file: can't open /nowhere"},
        {"schema.registry.password.file", "/nowhere/p", "schema.registry.password.file: can't"},
        {"schema.registry.url", "registry:8081", NULL},
        {"schema.registry.url", "https://[::1]:8081/apis/ccompat/v7/", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct config config;
        struct error error = {0};
        configure(&config, "http://registry", NULL);
        set(&config, cases[i].key, cases[i].value);
        CHECK_SAY(registry_check(&config, &error) ==
                      (cases[i].message ? VERDICT_FATAL : VERDICT_OK),
                  "%s: %s", cases[i].value, error.message);
        CHECK_CONTAINS(error.message, cases[i].message ? cases[i].message : "");
        CHECK(strstr(error.message, "s3cret") == NULL);
    }
}

/* ---- the registry of a process ---- */

static struct registry *registry_at(struct config *config)
{
    struct registry *registry = NULL;
    struct error error = {0};
    CHECK_SAY(registry_new(config, &registry, &error) == VERDICT_OK, "%s", error.message);
    return registry;
}

/* Looks as a worker does, until there is an answer. */
static enum verdict await(struct registry *registry, uint32_t id, struct buffer *schema,
                          struct error *error)
{
    struct schema_source *source = registry_source(registry);
    int64_t until_us = clock_monotonic_us() + PATIENCE_US;
    enum verdict verdict;
    do {
        error_clear(error);
        buffer_clear(schema);
        int64_t began_us = clock_monotonic_us();
        verdict = source->fetch(source, id, schema, error);
        CHECK_SAY(clock_monotonic_us() - began_us < 200000 || TEST_SANITIZED, "a look blocks");
        usleep(2000);
    } while (verdict == VERDICT_RETRY && clock_monotonic_us() < until_us);
    return verdict;
}

/* Each kind of silence is waited for; then the answer comes. */
static void test_waits(void)
{
    static const char *const statuses[] = {"500 No", "502 No", "503 No", "429 No",
                                           "401 No", "403 No", "200 OK", "302 No"};
    static const char *const quick[] = {"schema.registry.timeout.ms=200", NULL};
    struct stub *stub = stub_new(0);
    struct config config;
    struct buffer schema = {0};
    configure(&config, stub->url, quick);
    struct registry *registry = registry_at(&config);
    struct schema_source *source = registry_source(registry);
    for (uint32_t i = 0; i <= sizeof statuses / sizeof statuses[0]; i++) {
        char path[40];
        struct error error = {0};
        bool hangs = i == sizeof statuses / sizeof statuses[0];
        snprintf(path, sizeof path, "/schemas/ids/%u", i);
        stub_reply(stub, path, hangs ? "200 OK" : statuses[i], "\r\nRetry-After: 1",
                   hangs ? SCHEMA : "<html>");
        stub_spoil(stub, path, hangs ? 1000 : 0, 0, false);
        uint64_t failed = registry_counts(registry).failed;
        int64_t until_us = clock_monotonic_us() + PATIENCE_US;
        while (registry_counts(registry).failed == failed && clock_monotonic_us() < until_us) {
            CHECK_INT(source->fetch(source, i, &schema, &error), VERDICT_RETRY);
            usleep(2000);
        }
        CHECK_INT(registry_counts(registry).awaited, 1);
        stub_reply(stub, path, "200 OK", "", SCHEMA);
        CHECK_SAY(await(registry, i, &schema, &error) == VERDICT_OK, "case %u: %s", i,
                  error.message);
        CHECK_BYTES(buffer_bytes(&schema), bytes_text("\"string\""));
        CHECK_INT(registry_counts(registry).awaited, 0);
    }
    registry_free(registry);
    stub_free(stub);
    buffer_release(&schema);
}

/* The registry starts after weft. */
static void test_starts_later(void)
{
    struct stub *stub = stub_new(0);
    struct config config;
    struct buffer schema = {0};
    struct error error = {0};
    int port = stub->port;
    configure(&config, stub->url, NULL);
    stub_free(stub);
    struct registry *registry = registry_at(&config);
    struct schema_source *source = registry_source(registry);
    int64_t until_us = clock_monotonic_us() + PATIENCE_US;
    while (registry_counts(registry).failed < 3 && clock_monotonic_us() < until_us) {
        CHECK_INT(source->fetch(source, 7, &schema, &error), VERDICT_RETRY);
        usleep(2000);
    }
    CHECK_CONTAINS(error.message, "schema");
    stub = stub_new(port);
    stub_reply(stub, "/schemas/ids/7", "200 OK", "", SCHEMA);
    CHECK_INT(await(registry, 7, &schema, &error), VERDICT_OK);
    registry_free(registry);
    stub_free(stub);
    buffer_release(&schema);
}

/* 404 is an answer; it is given again for some seconds without a request. */
static void test_unknown_ids(void)
{
    struct stub *stub = stub_new(0);
    struct config config;
    struct buffer schema = {0};
    struct error error = {0};
    configure(&config, stub->url, NULL);
    struct registry *registry = registry_at(&config);
    for (uint32_t id = 0; id < 3 * REGISTRY_IDS_MAX; id++) {
        CHECK_INT(await(registry, id, &schema, &error), VERDICT_SKIP);
        CHECK_CONTAINS(error.message, "the registry does not know it (http://127.0.0.1:");
    }
    CHECK_INT(stub_requests(stub, NULL), 3 * REGISTRY_IDS_MAX);
    CHECK_INT(await(registry, 3 * REGISTRY_IDS_MAX - 1, &schema, &error), VERDICT_SKIP);
    CHECK_INT(stub_requests(stub, NULL), 3 * REGISTRY_IDS_MAX);
    CHECK_INT(registry_counts(registry).failed, 0);
    registry_free(registry);
    stub_free(stub);
    buffer_release(&schema);
}

/* More ids than there is room for: the first ones hold theirs, and all get their turn. */
static void test_many_ids(void)
{
    struct stub *stub = stub_new(0);
    struct config config;
    struct buffer schema = {0};
    struct error error = {0};
    configure(&config, stub->url, NULL);
    struct registry *registry = registry_at(&config);
    struct schema_source *source = registry_source(registry);
    for (uint32_t id = 0; id < REGISTRY_IDS_MAX + 10; id++) /* nobody knows yet */
        source->fetch(source, id, &schema, &error);
    CHECK(registry_counts(registry).awaited <= REGISTRY_IDS_MAX);
    for (uint32_t id = 0; id < REGISTRY_IDS_MAX + 10; id++)
        CHECK_INT(await(registry, id, &schema, &error), VERDICT_SKIP);
    registry_free(registry);
    stub_free(stub);
    buffer_release(&schema);
}

static void test_references(void)
{
    struct stub *stub = stub_new(0);
    struct config config;
    struct buffer schema = {0};
    struct error error = {0};
    configure(&config, stub->url, NULL);
    struct registry *registry = registry_at(&config);
    stub_reply(stub, "/schemas/ids/1", "200 OK", "",
               "{\"schema\":\"[\\\"a.A\\\",\\\"b.B\\\"]\",\"references\":["
               "{\"name\":\"a.A\",\"subject\":\"an \\u00e4/A\",\"version\":3},"
               "{\"name\":\"b.B\",\"subject\":\"b\",\"version\":1}]}");
    stub_reply(
        stub, "/subjects/an%20%C3%A4%2FA/versions/3", "200 OK", "",
        "{\"subject\":\"x\",\"version\":3,\"id\":9,\"schema\":\"{\\\"type\\\":\\\"record\\\","
        "\\\"name\\\":\\\"a.A\\\",\\\"fields\\\":[{\\\"name\\\":\\\"b\\\",\\\"type\\\":"
        "\\\"b.B\\\"}]}\",\"references\":[{\"name\":\"b.B\",\"subject\":\"b\",\"version\":1}"
        "]}");
    stub_reply(stub, "/subjects/b/versions/1", "503 No", "", "");
    while (registry_counts(registry).failed < 2) { /* what has come is not fetched again */
        registry_source(registry)->fetch(registry_source(registry), 1, &schema, &error);
        usleep(2000);
    }
    int before = stub_requests(stub, NULL);
    stub_reply(stub, "/subjects/b/versions/1", "200 OK", "",
               "{\"schema\":\"{\\\"type\\\":\\\"fixed\\\",\\\"name\\\":\\\"b.B\\\",\\\"size\\\":2}"
               "\"}");
    CHECK_SAY(await(registry, 1, &schema, &error) == VERDICT_OK, "%s", error.message);
    CHECK(stub_requests(stub, NULL) - before <= 2);
    CHECK_BYTES(buffer_bytes(&schema),
                bytes_text("[{\"name\":\"t0\",\"type\":\"record\",\"fields\":[{\"name\":\"b\","
                           "\"type\":{\"name\":\"t1\",\"type\":\"fixed\",\"size\":2}}]},\"t1\"]"));
    stub_reply(stub, "/schemas/ids/2", "200 OK", "",
               "{\"schema\":\"\\\"c.C\\\"\",\"references\":["
               "{\"name\":\"c.C\",\"subject\":\"gone\",\"version\":1}]}");
    CHECK_INT(await(registry, 2, &schema, &error), VERDICT_SKIP);
    CHECK_CONTAINS(error.message, "it refers to version 1 of subject 'gone'");
    registry_free(registry);
    stub_free(stub);
    buffer_release(&schema);
}

/* A process that stops does not wait for the end of a request. */
static void test_stops_at_once(void)
{
    static const char *const patient[] = {"schema.registry.timeout.ms=60000", NULL};
    struct stub *stub = stub_new(0);
    struct config config;
    struct buffer schema = {0};
    configure(&config, stub->url, patient);
    struct registry *registry = registry_at(&config);
    stub_reply(stub, "/schemas/ids/1", "200 OK", "", SCHEMA);
    stub_spoil(stub, "/schemas/ids/1", 60000, 0, false);
    registry_source(registry)->fetch(registry_source(registry), 1, &schema, NULL);
    while (stub_requests(stub, NULL) == 0)
        usleep(1000);
    int64_t began_us = clock_monotonic_us();
    registry_free(registry);
    CHECK_SAY(clock_monotonic_us() - began_us < 5000000, "the stop waits for the registry");
    registry_free(NULL);
    CHECK(registry_source(NULL) == NULL);
    CHECK_INT(registry_counts(NULL).awaited, 0);
    stub_free(stub);
    buffer_release(&schema);
}

static void test_register(void)
{
    struct stub *stub = stub_new(0);
    struct config config;
    struct error error = {0};
    char request[STUB_HEAD_BYTES_MAX];
    uint32_t id = 0;
    configure(&config, stub->url, NULL);
    struct registry_http *http = http_new(&config);
    stub_reply(stub, "/subjects/a%2Fb/versions", "200 OK", "", "{\"id\":12}");
    CHECK_INT(registry_register(http, "a/b", bytes_text("\"int\""), &id, &error), VERDICT_OK);
    CHECK_INT(id, 12);
    stub_requests(stub, request);
    CHECK_CONTAINS(request, "POST /subjects/a%2Fb/versions HTTP/1.1\r\n");
    CHECK_CONTAINS(request, "Content-Type: application/vnd.schemaregistry.v1+json\r\n");
    stub_reply(stub, "/subjects/c/versions", "302 Found", "\r\nLocation: /subjects/d/versions", "");
    CHECK_INT(registry_register(http, "c", bytes_text("\"int\""), &id, &error), VERDICT_RETRY);
    registry_http_free(http);
    stub_free(stub);
}

int main(void)
{
    TEST_RUN(test_status);
    TEST_RUN(test_bodies);
    TEST_RUN(test_references_are_bounded);
    TEST_RUN(test_ids);
    TEST_RUN(test_no_answer);
    TEST_RUN(test_redirects);
    TEST_RUN(test_credentials);
    TEST_RUN(test_bad_settings);
    TEST_RUN(test_waits);
    TEST_RUN(test_starts_later);
    TEST_RUN(test_unknown_ids);
    TEST_RUN(test_many_ids);
    TEST_RUN(test_references);
    TEST_RUN(test_stops_at_once);
    TEST_RUN(test_register);
    return test_done();
}
