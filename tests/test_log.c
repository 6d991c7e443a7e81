/* Log lines: what they must not show. */
#include "processors/runtime/log.h"
#include "tests/test.h"

static void test_redact(void)
{
    static const struct {
        const char *before, *after;
    } cases[] = {
        {"no answer from http://shop:s3cret@host:8081/x: why",
         "no answer from http://***@host:8081/x: why"},
        {"'https://shop:s3/c#re?t@host'", "'https://***@host'"},
        {"http://shop@host http://a:b@c, http://plain/x@",
         "http://***@host http://***@c, http://***@"},
        {"http://a@b", "http://*@b"},
        {"http://@b", "http://@b"},
        {"a@b http://host/x and y@z", "a@b http://host/x and y@z"},
        {"://", "://"},
        {"://u:p@://v:q@", "://***@"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *text = memory_text(bytes_text(cases[i].before));
        log_redact(text);
        CHECK_TEXT(text, cases[i].after);
        free(text);
    }
}

static void test_blank(void)
{
    char text[] = "a\x1b[31m\tb\n\x7f, \xc3\xa9 \xc2\x9b"
                  "2J \xc2\xa0\xc2";
    log_blank(text);
    CHECK_TEXT(text, "a [31m b  , \xc3\xa9   2J \xc2\xa0\xc2");
}

/* Random texts of the characters that matter: never longer, and masked once is masked. */
static void test_redact_random(void)
{
    struct random random = random_from(91);
    for (int i = 0; i < 20000; i++) {
        char text[40], again[40];
        uint32_t size = random_below(&random, sizeof text);
        for (uint32_t k = 0; k < size; k++)
            text[k] = ":/@a' "[random_below(&random, 6)];
        text[size] = '\0';
        log_redact(text);
        CHECK(strlen(text) <= size);
        strcpy(again, text);
        log_redact(again);
        CHECK_TEXT(again, text);
    }
}

static void test_growth(void)
{
    static const struct {
        uint64_t count;
        int64_t now_us;
        bool due;
    } steps[] = {
        {0, 0, false},   {1, 1, true},   {1, 200, false},  {2, 100, false},  {3, 101, true},
        {5, 900, false}, {6, 900, true}, {99, 950, false}, {99, 1000, true},
    };
    struct log_growth growth = {0}, other = {0};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        CHECK_SAY(log_growth_due(&growth, steps[i].count, steps[i].now_us, 100) == steps[i].due,
                  "step %zu", i);
    CHECK(log_growth_due(&other, 1, 0, 100)); /* nothing is shared */
}

int main(void)
{
    TEST_RUN(test_redact);
    TEST_RUN(test_redact_random);
    TEST_RUN(test_blank);
    TEST_RUN(test_growth);
    return test_done();
}
