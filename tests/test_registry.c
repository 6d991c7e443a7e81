/* The schema registry: what is an answer and what is waited for, references, credentials, redirects
 * and bounds, against a server on loopback. */
#include "processors/runtime/kafka/registry.h"

#include "processors/runtime/kafka/registry_answer.h"
#include "processors/runtime/kafka/registry_http.h"
#include "processors/runtime/log.h"
#include "tests/http_stub.h"

#define PATIENCE_US 20000000 /* for what comes within milliseconds on a machine at rest */
#define SCHEMA "{\"schema\":\"\\\"string\\\"\"}"

/* `setting`: KEY=VALUE; NULL: none. */
static void configure(struct config *config, const char *url, const char *setting)
{
    struct error error = {0};
    config_init(config);
    CHECK(config_set(config, "schema.registry.url", url, &error) == VERDICT_OK);
    CHECK(config_set(config, "schema.registry.retry.max.ms", "200", &error) == VERDICT_OK);
    if (setting)
        CHECK(config_assign(config, setting, &error) == VERDICT_OK);
    CHECK_SAY(config_finish(config, &error) == VERDICT_OK, "%s", error.message);
}

/* A server, and its two clients: single requests, and the registry of a process. */
struct fixture {
    struct stub *stub;
    struct config config;
    struct registry_http *http;
    struct registry *registry;
    struct error error;   /* of the last request or fetch */
    struct buffer schema; /* of the last fetch */
    long status;          /* of the last request; 0: no answer */
};

/* Opens the client for single requests, with the configuration as it is now. */
static void open_http(struct fixture *fixture)
{
    registry_http_free(fixture->http);
    fixture->http = NULL;
    CHECK_SAY(registry_http_new(&fixture->config, NULL, &fixture->http, &fixture->error) ==
                  VERDICT_OK,
              "%s", fixture->error.message);
}

static void set_up(struct fixture *fixture, const char *setting)
{
    *fixture = (struct fixture){.stub = stub_new(0)};
    configure(&fixture->config, fixture->stub->url, setting);
    open_http(fixture);
    CHECK_SAY(registry_new(&fixture->config, &fixture->registry, &fixture->error) == VERDICT_OK,
              "%s", fixture->error.message);
}

static void tear_down(struct fixture *fixture)
{
    registry_http_free(fixture->http);
    registry_free(fixture->registry);
    stub_free(fixture->stub);
    buffer_release(&fixture->schema);
}

static void set(struct fixture *fixture, const char *key, const char *value)
{
    CHECK(config_set(&fixture->config, key, value, NULL) == VERDICT_OK);
}

static enum verdict request(struct fixture *fixture, const char *path)
{
    struct http_answer answer;
    error_clear(&fixture->error);
    enum verdict verdict =
        registry_http_request(fixture->http, path, NULL, &answer, &fixture->error);
    fixture->status = verdict == VERDICT_OK ? answer.status : 0;
    http_answer_release(&answer);
    return verdict;
}

static enum verdict fetch(struct fixture *fixture, uint32_t id)
{
    struct schema_source *source = registry_source(fixture->registry);
    error_clear(&fixture->error);
    buffer_clear(&fixture->schema);
    return source->fetch(source, id, &fixture->schema, &fixture->error);
}

/* Fetches as a worker does, until there is an answer. */
static enum verdict await(struct fixture *fixture, uint32_t id)
{
    int64_t until_us = clock_monotonic_us() + PATIENCE_US;
    enum verdict verdict;
    do {
        int64_t began_us = clock_monotonic_us();
        verdict = fetch(fixture, id);
        CHECK_SAY(clock_monotonic_us() - began_us < 200000 || TEST_SANITIZED, "a fetch blocks");
        usleep(2000);
    } while (verdict == VERDICT_RETRY && clock_monotonic_us() < until_us);
    return verdict;
}

/* Fetches without an answer until that many requests failed. */
static void await_failures(struct fixture *fixture, uint32_t id, uint64_t failures)
{
    int64_t until_us = clock_monotonic_us() + PATIENCE_US;
    while (registry_counts(fixture->registry).failed < failures &&
           clock_monotonic_us() < until_us) {
        CHECK_INT(fetch(fixture, id), VERDICT_RETRY);
        usleep(2000);
    }
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

static void test_no_answer(void)
{
    struct fixture fixture;
    struct buffer large = {0};
    set_up(&fixture, "schema.registry.timeout.ms=300");
    struct stub *stub = fixture.stub;
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
    CHECK_INT(request(&fixture, "/hangs"), VERDICT_RETRY);
    CHECK_CONTAINS(fixture.error.message, "start the registry, or check schema.registry.url");
    CHECK_SAY(clock_monotonic_us() - began_us < 1500000, "the time-out is not total");
    CHECK_INT(request(&fixture, "/drips"), VERDICT_RETRY);
    CHECK_INT(request(&fixture, "/cut"), VERDICT_RETRY);
    set(&fixture, "schema.registry.timeout.ms", "10000");
    open_http(&fixture);
    CHECK_INT(request(&fixture, "/full"), VERDICT_OK);
    CHECK_INT(request(&fixture, "/long"), VERDICT_SKIP);
    CHECK_CONTAINS(fixture.error.message, "longer than 1048576 bytes");
    stub_free(stub);
    fixture.stub = NULL;
    CHECK_INT(request(&fixture, "/gone"), VERDICT_RETRY);
    tear_down(&fixture);
    buffer_release(&large);
}

static void test_redirects(void)
{
    struct fixture fixture;
    char elsewhere[200], head[STUB_HEAD_BYTES_MAX];
    set_up(&fixture, "schema.registry.user=shop");
    struct stub *stub = fixture.stub, *other = stub_new(0);
    stub_reply(stub, "/a", "301 Moved", "\r\nLocation: /b", "");
    stub_reply(stub, "/b", "302 Found", "\r\nLocation: c", "");
    stub_reply(stub, "/c", "307 Again", "\r\nLocation: /d", "");
    stub_reply(stub, "/d", "200 OK", "", "here");
    CHECK_INT(request(&fixture, "/a"), VERDICT_OK);
    CHECK_INT(fixture.status, 200);
    stub_requests(stub, head);
    CHECK_CONTAINS(head, "Authorization: Basic c2hvcDo="); /* to the registry itself */
    stub_reply(stub, "/d", "308 Again", "\r\nLocation: /a", "");
    int before = stub_requests(stub, NULL);
    CHECK_INT(request(&fixture, "/a"), VERDICT_RETRY);
    CHECK_CONTAINS(fixture.error.message, "redirects more than 3 times");
    CHECK_INT(stub_requests(stub, NULL) - before, 4);
    snprintf(elsewhere, sizeof elsewhere, "\r\nLocation: http://u:s3cret@127.0.0.1:%d/x",
             other->port);
    stub_reply(stub, "/elsewhere", "302 Found", elsewhere, "");
    stub_reply(other, "/x", "401 No", "", "");
    CHECK_INT(request(&fixture, "/elsewhere"), VERDICT_OK);
    CHECK_INT(fixture.status, 401);
    CHECK_INT(stub_requests(other, head), 1);
    CHECK_SAY(strstr(head, "Authorization") == NULL, "credentials went to another host");
    static const char *const wrong[] = {"\r\nLocation: ftp://127.0.0.1/x",
                                        "\r\nLocation: file:///etc/passwd",
                                        "\r\nLocation: gopher://s3cret@127.0.0.1/", ""};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        stub_reply(stub, "/wrong", "302 Found", wrong[i], "");
        CHECK_INT(request(&fixture, "/wrong"), wrong[i][0] ? VERDICT_RETRY : VERDICT_OK);
        CHECK_CONTAINS(fixture.error.message,
                       wrong[i][0] ? "a scheme that weft does not follow" : "");
        CHECK(strstr(fixture.error.message, "s3cret") == NULL);
    }
    stub_free(other);
    tear_down(&fixture);
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

/* Checks that a request with the configuration as it is now has this part. */
static void check_header(struct fixture *fixture, const char *header)
{
    char head[STUB_HEAD_BYTES_MAX];
    open_http(fixture);
    CHECK_SAY(request(fixture, "/ok") == VERDICT_OK, "%s", fixture->error.message);
    stub_requests(fixture->stub, head);
    CHECK_CONTAINS(head, header);
    CHECK(strstr(registry_http_url(fixture->http), "s3cret") == NULL);
}

static void test_credentials(void)
{
    char *folder = test_new_folder();
    char *password = write_file(folder, "password", "s3cret:word\r\n");
    char *token = write_file(folder, "token", "tok.en\n");
    char *broken = write_file(folder, "broken", "two\nlines\n");
    struct fixture fixture;
    char url[100];
    set_up(&fixture, NULL);
    stub_reply(fixture.stub, "/ok", "200 OK", "", "");
    stub_reply(fixture.stub, "/path/ok", "200 OK", "", "");
    set(&fixture, "schema.registry.user", "shop");
    set(&fixture, "schema.registry.password.file", password);
    check_header(&fixture, "Authorization: Basic c2hvcDpzM2NyZXQ6d29yZA==\r\n");
    set(&fixture, "schema.registry.user", "");
    set(&fixture, "schema.registry.token.file", token);
    check_header(&fixture, "Authorization: Bearer tok.en\r\n");
    snprintf(url, sizeof url, "http://shop:s%%33cret@127.0.0.1:%d/path/", fixture.stub->port);
    configure(&fixture.config, url, NULL);
    check_header(&fixture, "Authorization: Basic c2hvcDpzM2NyZXQ=\r\n");
    check_header(&fixture, "GET /path/ok HTTP/1.1\r\n");
    configure(&fixture.config, fixture.stub->url, NULL);
    set(&fixture, "schema.registry.token.file", broken);
    open_http(&fixture);
    CHECK_INT(request(&fixture, "/ok"), VERDICT_RETRY);
    CHECK_CONTAINS(fixture.error.message, "is not one line");
    CHECK(strstr(fixture.error.message, "two") == NULL);
    remove(broken); /* while the process runs */
    CHECK_INT(request(&fixture, "/ok"), VERDICT_RETRY);
    CHECK_CONTAINS(fixture.error.message, "schema.registry.token.file: can't open");
    tear_down(&fixture);
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
        CHECK(config_set(&config, cases[i].key, cases[i].value, NULL) == VERDICT_OK);
        CHECK_SAY(registry_check(&config, &error) ==
                      (cases[i].message ? VERDICT_FATAL : VERDICT_OK),
                  "%s: %s", cases[i].value, error.message);
        CHECK_CONTAINS(error.message, cases[i].message ? cases[i].message : "");
        CHECK(strstr(error.message, "s3cret") == NULL);
    }
}

/* ---- the registry of a process ---- */

/* Each kind of silence is waited for; then the answer comes. */
static void test_waits(void)
{
    static const char *const statuses[] = {"500 No", "502 No", "503 No", "429 No",
                                           "401 No", "403 No", "200 OK", "302 No"};
    struct fixture fixture;
    set_up(&fixture, "schema.registry.timeout.ms=200");
    for (uint32_t i = 0; i <= sizeof statuses / sizeof statuses[0]; i++) {
        char path[40];
        bool hangs = i == sizeof statuses / sizeof statuses[0];
        snprintf(path, sizeof path, "/schemas/ids/%u", i);
        stub_reply(fixture.stub, path, hangs ? "200 OK" : statuses[i], "\r\nRetry-After: 1",
                   hangs ? SCHEMA : "<html>");
        stub_spoil(fixture.stub, path, hangs ? 1000 : 0, 0, false);
        await_failures(&fixture, i, registry_counts(fixture.registry).failed + 1);
        CHECK_INT(registry_counts(fixture.registry).awaited, 1);
        stub_reply(fixture.stub, path, "200 OK", "", SCHEMA);
        CHECK_SAY(await(&fixture, i) == VERDICT_OK, "case %u: %s", i, fixture.error.message);
        CHECK_BYTES(buffer_bytes(&fixture.schema), bytes_text("\"string\""));
        CHECK_INT(registry_counts(fixture.registry).awaited, 0);
    }
    tear_down(&fixture);
}

/* The registry starts after weft. */
static void test_starts_later(void)
{
    struct fixture fixture;
    set_up(&fixture, NULL);
    int port = fixture.stub->port;
    stub_free(fixture.stub);
    await_failures(&fixture, 7, 3);
    CHECK_CONTAINS(fixture.error.message, "schema");
    fixture.stub = stub_new(port);
    stub_reply(fixture.stub, "/schemas/ids/7", "200 OK", "", SCHEMA);
    CHECK_INT(await(&fixture, 7), VERDICT_OK);
    tear_down(&fixture);
}

/* 404 is an answer; it is given again for some seconds without a request. */
static void test_unknown_ids(void)
{
    struct fixture fixture;
    set_up(&fixture, NULL);
    for (uint32_t id = 0; id < 3 * REGISTRY_IDS_MAX; id++) {
        CHECK_INT(await(&fixture, id), VERDICT_SKIP);
        CHECK_CONTAINS(fixture.error.message, "the registry does not know it (http://127.0.0.1:");
    }
    CHECK_INT(stub_requests(fixture.stub, NULL), 3 * REGISTRY_IDS_MAX);
    CHECK_INT(await(&fixture, 3 * REGISTRY_IDS_MAX - 1), VERDICT_SKIP);
    CHECK_INT(stub_requests(fixture.stub, NULL), 3 * REGISTRY_IDS_MAX);
    CHECK_INT(registry_counts(fixture.registry).failed, 0);
    tear_down(&fixture);
}

/* More ids than there is room for: the first ones hold theirs, and all get their turn. */
static void test_many_ids(void)
{
    struct fixture fixture;
    set_up(&fixture, NULL);
    for (uint32_t id = 0; id < REGISTRY_IDS_MAX + 10; id++) /* nobody knows yet */
        fetch(&fixture, id);
    CHECK(registry_counts(fixture.registry).awaited <= REGISTRY_IDS_MAX);
    for (uint32_t id = 0; id < REGISTRY_IDS_MAX + 10; id++)
        CHECK_INT(await(&fixture, id), VERDICT_SKIP);
    tear_down(&fixture);
}

static void test_references(void)
{
    struct fixture fixture;
    set_up(&fixture, NULL);
    struct stub *stub = fixture.stub;
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
    await_failures(&fixture, 1, 2);
    int before = stub_requests(stub, NULL);
    stub_reply(stub, "/subjects/b/versions/1", "200 OK", "",
               "{\"schema\":\"{\\\"type\\\":\\\"fixed\\\",\\\"name\\\":\\\"b.B\\\",\\\"size\\\":2}"
               "\"}");
    CHECK_SAY(await(&fixture, 1) == VERDICT_OK, "%s", fixture.error.message);
    CHECK(stub_requests(stub, NULL) - before <= 2); /* what has come is not fetched again */
    CHECK_BYTES(buffer_bytes(&fixture.schema),
                bytes_text("[{\"name\":\"t0\",\"type\":\"record\",\"fields\":[{\"name\":\"b\","
                           "\"type\":{\"name\":\"t1\",\"type\":\"fixed\",\"size\":2}}]},\"t1\"]"));
    stub_reply(stub, "/schemas/ids/2", "200 OK", "",
               "{\"schema\":\"\\\"c.C\\\"\",\"references\":["
               "{\"name\":\"c.C\",\"subject\":\"gone\",\"version\":1}]}");
    CHECK_INT(await(&fixture, 2), VERDICT_SKIP);
    CHECK_CONTAINS(fixture.error.message, "it refers to version 1 of subject 'gone'");
    tear_down(&fixture);
}

/* A process that stops does not wait for the end of a request. */
static void test_stops_at_once(void)
{
    struct fixture fixture;
    set_up(&fixture, "schema.registry.timeout.ms=60000");
    stub_reply(fixture.stub, "/schemas/ids/1", "200 OK", "", SCHEMA);
    stub_spoil(fixture.stub, "/schemas/ids/1", 60000, 0, false);
    fetch(&fixture, 1);
    while (stub_requests(fixture.stub, NULL) == 0)
        usleep(1000);
    int64_t began_us = clock_monotonic_us();
    registry_free(fixture.registry);
    fixture.registry = NULL;
    CHECK_SAY(clock_monotonic_us() - began_us < 5000000, "the stop waits for the registry");
    registry_free(NULL);
    CHECK(registry_source(NULL) == NULL);
    CHECK_INT(registry_counts(NULL).awaited, 0);
    tear_down(&fixture);
}

static void test_register(void)
{
    struct fixture fixture;
    char head[STUB_HEAD_BYTES_MAX];
    struct bytes schema = bytes_text("\"int\"");
    uint32_t id = 0;
    set_up(&fixture, NULL);
    stub_reply(fixture.stub, "/subjects/a%2Fb/versions", "200 OK", "", "{\"id\":12}");
    CHECK_INT(registry_register(fixture.http, "a/b", schema, &id, &fixture.error), VERDICT_OK);
    CHECK_INT(id, 12);
    stub_requests(fixture.stub, head);
    CHECK_CONTAINS(head, "POST /subjects/a%2Fb/versions HTTP/1.1\r\n");
    CHECK_CONTAINS(head, "Content-Type: application/vnd.schemaregistry.v1+json\r\n");
    stub_reply(fixture.stub, "/subjects/c/versions", "302 Found",
               "\r\nLocation: /subjects/d/versions", "");
    CHECK_INT(registry_register(fixture.http, "c", schema, &id, &fixture.error), VERDICT_RETRY);
    tear_down(&fixture);
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
