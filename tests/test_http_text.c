/* The texts of HTTP requests: paths, escapes, lists in headers, addresses, tokens. */
#include "processors/runtime/http/http_reply.h"
#include "tests/test.h"

static void check_decoded(const char *text, const char *expected)
{
    struct arena arena = {0};
    struct bytes decoded = http_decode(bytes_text(text), &arena);
    CHECK_SAY(expected ? bytes_equal(decoded, bytes_text(expected)) : decoded.at == NULL,
              "'%s' is '%.*s'", text, (int)decoded.size, decoded.at ? decoded.at : "");
    arena_release(&arena);
}

static void test_decode(void)
{
    check_decoded("", "");
    check_decoded("Women%20%3E%20Coats", "Women > Coats");
    check_decoded("a%2Fb%2fc", "a/b/c");
    check_decoded("%EC%BD%94%ED%8A%B8", "코트");
    check_decoded("100%25", "100%");
    check_decoded("%", NULL);
    check_decoded("%2", NULL);
    check_decoded("%2x", NULL);
    check_decoded("%x2", NULL);
    check_decoded("%00", NULL);
    check_decoded("a%0Ab", NULL);
    check_decoded("%7F", NULL);
    check_decoded("%FF", NULL);       /* not UTF-8 */
    check_decoded("%C0%AF", NULL);    /* an overlong slash */
    check_decoded("%ED%A0%80", NULL); /* a surrogate */
}

static void test_long_segments(void)
{
    char text[HTTP_SEGMENT_BYTES_MAX + 2];
    struct arena arena = {0};
    memset(text, 'a', sizeof text);
    CHECK(http_decode(bytes_of(text, HTTP_SEGMENT_BYTES_MAX), &arena).at != NULL);
    CHECK(http_decode(bytes_of(text, HTTP_SEGMENT_BYTES_MAX + 1), &arena).at == NULL);
    arena_release(&arena);
}

static void check_path(const char *text, const char *pattern, const char *value)
{
    struct arena arena = {0};
    struct http_path path;
    struct bytes values[HTTP_SEGMENTS_MAX] = {{0}};
    bool fits =
        http_path_read(bytes_text(text), &arena, &path) && http_path_fits(&path, pattern, values);
    CHECK_SAY(fits == (value != NULL), "%s and %s", text, pattern);
    if (fits && *value)
        CHECK_SAY(bytes_equal(values[0], bytes_text(value)), "%s: %.*s", text, (int)values[0].size,
                  values[0].at);
    arena_release(&arena);
}

static void test_paths(void)
{
    check_path("/v1/products/a%2Fb", "/v1/products/{}", "a/b");
    check_path("/v1/products/..", "/v1/products/{}", "..");
    check_path("/v1/products/", "/v1/products/{}", NULL);
    check_path("/v1/products", "/v1/products/{}", NULL);
    check_path("/v1/products/a/b", "/v1/products/{}", NULL);
    check_path("/v1/products/%zz", "/v1/products/{}", NULL);
    check_path("v1/products/a", "/v1/products/{}", NULL);
    check_path("", "/livez", NULL);
    check_path("/livez", "/livez", "");
    check_path("//livez", "/livez", NULL);
    check_path("/livez/", "/livez", NULL);
    check_path("/1/2/3/4/5/6/7/8/9", "/{}", NULL); /* too many */
}

static void test_header_lists(void)
{
    CHECK(http_list_has("gzip", "gzip"));
    CHECK(http_list_has("br, GZIP;q=0.5", "gzip"));
    CHECK(!http_list_has("br;q=1, gzip;q=0", "gzip"));
    CHECK(!http_list_has("gzip;q=0.000", "gzip"));
    CHECK(!http_list_has("gzipped", "gzip"));
    CHECK(!http_list_has("", "gzip"));
    CHECK(!http_list_has(NULL, "gzip"));
    CHECK(http_tags_have("\"a\", W/\"b\"", "\"b\""));
    CHECK(http_tags_have("*", "\"b\""));
    CHECK(!http_tags_have("\"a\"", "\"b\""));
    CHECK(!http_tags_have("b", "\"b\""));
    CHECK(!http_tags_have(NULL, "\"b\""));
}

static void test_origins(void)
{
    CHECK(http_origin_listed("https://a.example, https://b.example", "https://b.example"));
    CHECK(!http_origin_listed("https://a.example", "https://a.example.evil"));
    CHECK(!http_origin_listed("", "https://a.example"));
    CHECK(http_origin_listed("*", "https://a.example"));
    CHECK(http_origin_same("http://localhost:8080", "localhost:8080"));
    CHECK(!http_origin_same("http://evil:8080", "localhost:8080"));
    CHECK(!http_origin_same("null", "localhost:8080"));
    CHECK(http_host_is_local("localhost:8080") && http_host_is_local("127.0.0.1") &&
          http_host_is_local("[::1]:80"));
    CHECK(!http_host_is_local("localhost.evil.example") && !http_host_is_local(NULL) &&
          !http_host_is_local("127.0.0.1.evil.example"));
}

static void check_address(const char *text, const char *host, int port, bool loopback)
{
    struct http_address address;
    struct error error = {0};
    enum verdict verdict = http_address_read(text, &address, &error);
    CHECK_SAY((verdict == VERDICT_OK) == (host != NULL), "%s: %s", text, error.message);
    if (verdict != VERDICT_OK)
        return;
    CHECK_SAY(strcmp(address.host, host) == 0, "%s: %s", text, address.host);
    CHECK_INT(address.port, port);
    CHECK_SAY(address.loopback == loopback, "%s", text);
}

static void test_addresses(void)
{
    check_address("127.0.0.1:8080", "127.0.0.1", 8080, true);
    check_address("localhost:0", "127.0.0.1", 0, true);
    check_address("[::1]:80", "::1", 80, true);
    check_address(":80", "", 80, false);
    check_address("0.0.0.0:80", "0.0.0.0", 80, false);
    check_address("[::]:80", "::", 80, false);
    check_address("10.1.2.3:80", "10.1.2.3", 80, false);
    check_address("8080", NULL, 0, false);
    check_address("127.0.0.1:", NULL, 0, false);
    check_address("127.0.0.1:65536", NULL, 0, false);
    check_address("127.0.0.1:-1", NULL, 0, false);
    check_address("127.0.0.1:80x", NULL, 0, false);
    check_address("shop.example:80", NULL, 0, false);
}

static bool allows(const struct http_tokens *tokens, enum http_right right, const char *token)
{
    return http_tokens_allow(tokens, right, bytes_text(token));
}

static void test_tokens(void)
{
    struct http_tokens tokens = {.loopback = true};
    CHECK(allows(&tokens, HTTP_READ, NULL) && allows(&tokens, HTTP_ADMIN, NULL));
    tokens.loopback = false;
    CHECK(allows(&tokens, HTTP_READ, NULL) && !allows(&tokens, HTTP_ADMIN, NULL));
    CHECK(!allows(&tokens, HTTP_ADMIN, "")); /* an empty token is none */
    strcpy(tokens.text[HTTP_READ], "read-read-read-read");
    strcpy(tokens.text[HTTP_ADMIN], "admin-admin-admin");
    CHECK(allows(&tokens, HTTP_OPEN, NULL));
    CHECK(!allows(&tokens, HTTP_READ, NULL));
    CHECK(!allows(&tokens, HTTP_READ, "read-read-read-reaD"));
    CHECK(!allows(&tokens, HTTP_READ, "read-read-read-read "));
    CHECK(allows(&tokens, HTTP_READ, "read-read-read-read"));
    CHECK(!allows(&tokens, HTTP_ADMIN, "read-read-read-read"));
    CHECK(allows(&tokens, HTTP_READ, "admin-admin-admin"));
    CHECK(allows(&tokens, HTTP_WRITE, "admin-admin-admin"));
    CHECK(allows(&tokens, HTTP_ADMIN, "admin-admin-admin"));
}

static void test_gzip(void)
{
    char body[4000];
    struct buffer packed = {0};
    memset(body, 'x', sizeof body);
    CHECK(!http_gzip(bytes_of(body, HTTP_GZIP_BYTES_MIN - 1), &packed));
    CHECK(http_gzip(bytes_of(body, sizeof body), &packed) && packed.size < 100 &&
          (unsigned char)packed.at[0] == 0x1F && (unsigned char)packed.at[1] == 0x8B);
    buffer_release(&packed);
}

int main(void)
{
    TEST_RUN(test_decode);
    TEST_RUN(test_long_segments);
    TEST_RUN(test_paths);
    TEST_RUN(test_header_lists);
    TEST_RUN(test_origins);
    TEST_RUN(test_addresses);
    TEST_RUN(test_tokens);
    TEST_RUN(test_gzip);
    return test_done();
}
