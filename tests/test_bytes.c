/* Slices, arena, buffer, UTF-8 and JSON escaping, against naive versions. */
#include "tests/test_events.h"

#include <jansson.h>

/* RFC 3629, decoded code point by code point. */
static bool naive_utf8(const unsigned char *at, size_t size)
{
    for (size_t i = 0; i < size;) {
        static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
        size_t length = at[i] < 0x80             ? 1
                        : (at[i] & 0xE0) == 0xC0 ? 2
                        : (at[i] & 0xF0) == 0xE0 ? 3
                        : (at[i] & 0xF8) == 0xF0 ? 4
                                                 : 0;
        if (length == 0 || i + length > size)
            return false;
        uint32_t point = length == 1 ? at[i] : at[i] & (0xFFu >> (length + 1));
        for (size_t k = 1; k < length; k++) {
            if ((at[i + k] & 0xC0) != 0x80)
                return false;
            point = point << 6 | (at[i + k] & 0x3F);
        }
        if (point < least[length] || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF))
            return false;
        i += length;
    }
    return true;
}

/* All sequences of up to three bytes that can matter, behind a run of ASCII of each length. */
static void test_utf8(void)
{
    static const unsigned char edges[] = {0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF,
                                          0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE,
                                          0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xF8, 0xFF};
    enum { EDGES = sizeof edges };
    unsigned char text[32];
    memset(text, 'a', sizeof text);
    for (uint32_t i = 0; i < EDGES * EDGES * EDGES * EDGES; i++) {
        size_t before = i % 11;
        text[before] = edges[i % EDGES];
        text[before + 1] = edges[i / EDGES % EDGES];
        text[before + 2] = edges[i / EDGES / EDGES % EDGES];
        text[before + 3] = edges[i / EDGES / EDGES / EDGES];
        for (size_t size = before + 1; size <= before + 4; size++)
            CHECK_SAY(bytes_utf8(bytes_of(text, size)) == naive_utf8(text, size),
                      "utf8 of case %u, %zu bytes", i, size);
        memset(text, 'a', before + 4);
    }
    CHECK(bytes_utf8(bytes_of(NULL, 0)));
}

static void test_utf8_random(void)
{
    struct random random = random_from(11);
    unsigned char text[40];
    for (int i = 0; i < 200000; i++) {
        size_t size = random_below(&random, sizeof text);
        for (size_t k = 0; k < size; k++)
            text[k] = random_one_in(&random, 3) ? (unsigned char)random_next(&random) : 'x';
        if (size > 4 && random_one_in(&random, 2))
            memcpy(text + random_below(&random, (uint32_t)size - 3), "\xF0\x9F\x98\x80", 4);
        CHECK_SAY(bytes_utf8(bytes_of(text, size)) == naive_utf8(text, size), "utf8 of case %d", i);
    }
}

static void test_slices(void)
{
    CHECK_BYTES(bytes_trim(bytes_text(" \t a b\n")), bytes_text("a b"));
    CHECK_BYTES(bytes_trim(bytes_text("ab")), bytes_text("ab"));
    CHECK_INT(bytes_trim(bytes_text(" \r\n")).size, 0);
    CHECK_INT(bytes_trim(bytes_of(NULL, 0)).size, 0);
    CHECK(bytes_equal(bytes_text("ab"), bytes_of("abc", 2)));
    CHECK(!bytes_equal(bytes_text("ab"), bytes_text("ac")));
    CHECK(!bytes_equal(bytes_text("ab"), bytes_text("abc")));
    CHECK(bytes_equal(bytes_of(NULL, 0), bytes_text("")));
    CHECK(bytes_text(NULL).at == NULL);
    CHECK(bytes_compare(bytes_text("a"), bytes_text("ab")) < 0);
    CHECK(bytes_compare(bytes_text("b"), bytes_text("ab")) > 0);
    CHECK(bytes_compare(bytes_text("\x80"), bytes_text("\x7F")) > 0);
    CHECK(bytes_compare(bytes_text("x"), bytes_text("x")) == 0);
    CHECK(bytes_compare(bytes_of(NULL, 0), bytes_text("")) == 0);
    CHECK(bytes_compare(bytes_of("a\0b", 3), bytes_of("a\0c", 3)) < 0);
    /* XXH3_64bits of nothing, from xxHash's own sanity checks: hashes are on disk. */
    CHECK(bytes_hash(bytes_of(NULL, 0)) == 0x2D06800538D394C2u);
    CHECK(bytes_hash(bytes_text("a")) != bytes_hash(bytes_text("b")));
    char *text = memory_text(bytes_of("abc", 2));
    CHECK_TEXT(text, "ab");
    free(text);
}

struct piece {
    unsigned char *at;
    size_t size;
    unsigned char fill;
};

/* Memory of an arena keeps its bytes until the arena is cleared. */
static void test_arena(void)
{
    struct random random = random_from(12);
    struct arena arena = {0};
    static struct piece pieces[300];
    for (int round = 0; round < 20; round++) {
        size_t count = 1 + random_below(&random, 300);
        for (size_t i = 0; i < count; i++) {
            size_t size = random_one_in(&random, 20)  ? 60000 + random_below(&random, 200000)
                          : random_one_in(&random, 9) ? 0
                                                      : random_below(&random, 3000);
            pieces[i] = (struct piece){arena_get(&arena, size), size, (unsigned char)i};
            CHECK((uintptr_t)pieces[i].at % 8 == 0);
            memset(pieces[i].at, pieces[i].fill, size);
        }
        for (size_t i = 0; i < count; i++) {
            bool intact = true;
            for (size_t k = 0; k < pieces[i].size; k++)
                intact = intact && pieces[i].at[k] == pieces[i].fill;
            CHECK_SAY(intact, "piece %zu of round %d was written over", i, round);
        }
        arena_clear(&arena);
    }
    CHECK(arena_copy(&arena, bytes_of(NULL, 0)).at == NULL);
    CHECK(arena_copy(&arena, bytes_of("", 0)).at != NULL);
    CHECK_BYTES(arena_copy(&arena, bytes_text("abc")), bytes_text("abc"));
    arena_release(&arena);
    arena_release(&arena);
    CHECK(arena.block == NULL);
}

static void test_buffer(void)
{
    struct random random = random_from(13);
    struct buffer buffer = {0};
    static char model[70000];
    size_t size = 0;
    for (int i = 0; i < 3000; i++) {
        char piece[40];
        size_t more = random_below(&random, sizeof piece);
        memset(piece, 'a' + i % 26, sizeof piece);
        if (size + more + 1 > sizeof model)
            break;
        buffer_append(&buffer, piece, more);
        memcpy(model + size, piece, more);
        buffer_byte(&buffer, (char)i);
        model[size + more] = (char)i;
        size += more + 1;
        CHECK(buffer.size == size && buffer.capacity >= size);
    }
    CHECK_BYTES(buffer_bytes(&buffer), bytes_of(model, size));
    buffer_clear(&buffer);
    CHECK_INT(buffer.size, 0);
    buffer_format(&buffer, "%d-%s", 42, "x");
    buffer_format(&buffer, "%s", "");
    buffer_format(&buffer, "%0300d", 7);
    CHECK_INT(buffer.size, 304);
    CHECK(memcmp(buffer.at, "42-x000", 7) == 0 && buffer.at[303] == '7');
    buffer_release(&buffer);
    buffer_append(&buffer, NULL, 0);
    CHECK(buffer.at == NULL && buffer.capacity == 0);
}

static void test_decimal(void)
{
    static const int64_t values[] = {0, 1, -1, 9, 10, -10, 99, 100, INT64_MAX, INT64_MIN};
    struct buffer buffer = {0};
    char expected[32];
    struct random random = random_from(14);
    for (size_t i = 0; i < 5000; i++) {
        int64_t value = i < sizeof values / sizeof values[0]
                            ? values[i]
                            : (int64_t)(random_next(&random) >> random_below(&random, 64));
        buffer_clear(&buffer);
        buffer_decimal(&buffer, value);
        snprintf(expected, sizeof expected, "%" PRId64, value);
        CHECK_BYTES(buffer_bytes(&buffer), bytes_text(expected));
    }
    buffer_release(&buffer);
}

/* Replaces bytes that are no UTF-8 one by one. */
static void replace_naively(struct bytes text, struct buffer *buffer)
{
    const unsigned char *at = (const unsigned char *)text.at;
    for (size_t i = 0; i < text.size;) {
        size_t length = 4;
        while (length > 0 && (i + length > text.size || !naive_utf8(at + i, length) ||
                              (length > 1 && naive_utf8(at + i, 1))))
            length--;
        if (length == 0)
            buffer_text(buffer, "\xEF\xBF\xBD");
        else
            buffer_append(buffer, at + i, length);
        i += length ? length : 1;
    }
}

static void test_json_escapes(void)
{
    struct random random = random_from(15);
    struct buffer escaped = {0}, expected = {0};
    char text[24];
    for (int i = 0; i < 50000; i++) {
        size_t size = random_below(&random, sizeof text);
        for (size_t k = 0; k < size; k++)
            text[k] = (char)(random_one_in(&random, 2) ? random_below(&random, 0x80)
                                                       : random_next(&random));
        if (size > 4 && random_one_in(&random, 2))
            memcpy(text + random_below(&random, (uint32_t)size - 2), "\xE2\x82\xAC", 3);
        buffer_clear(&escaped);
        buffer_clear(&expected);
        buffer_json(&escaped, bytes_of(text, size));
        replace_naively(bytes_of(text, size), &expected);
        json_t *json = json_loadb(escaped.at, escaped.size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        CHECK_SAY(json_is_string(json), "case %d is no JSON string", i);
        CHECK_BYTES(bytes_of(json_string_value(json), json_string_length(json)),
                    buffer_bytes(&expected));
        json_decref(json);
    }
    buffer_clear(&escaped);
    buffer_json(&escaped, bytes_of(NULL, 0));
    CHECK_BYTES(buffer_bytes(&escaped), bytes_text("\"\""));
    buffer_release(&escaped);
    buffer_release(&expected);
}

static void test_errors(void)
{
    struct error error = {0};
    CHECK(error_set(&error, VERDICT_SKIP, "first %d", 1) == VERDICT_SKIP);
    CHECK(error_set(&error, VERDICT_FATAL, "second") == VERDICT_FATAL);
    CHECK_TEXT(error.message, "first 1");
    error_clear(&error);
    error_set(&error, VERDICT_SKIP, "%0500d", 7);
    CHECK_INT(strlen(error.message), ERROR_MESSAGE_MAX - 1);
    CHECK(error_set(NULL, VERDICT_RETRY, "nobody listens") == VERDICT_RETRY);
}

static void check_quoted(struct bytes bytes, const char *expected)
{
    char quoted[BYTES_QUOTED_SIZE];
    CHECK_TEXT(bytes_quote(bytes, quoted), expected);
}

static void test_quoted(void)
{
    char bytes[300], quoted[BYTES_QUOTED_SIZE];
    check_quoted(bytes_of(NULL, 0), "missing");
    check_quoted(bytes_of("", 0), "''");
    check_quoted(bytes_text("caf\xC3\xA9 \"12\""), "'caf\xC3\xA9 \"12\"'");
    check_quoted(bytes_of("\0\0\0\0\5\0041\n", 8), "'\\x00\\x00\\x00\\x00\\x05\\x041\\x0a'");
    check_quoted(bytes_text("\xFF\xC2\x9B\x7F\xC2"), "'\\xff\\xc2\\x9b\\x7f\\xc2'");
    memset(bytes, 0, sizeof bytes); /* the longest one */
    CHECK_INT(strlen(bytes_quote(bytes_of(bytes, sizeof bytes), quoted)), BYTES_QUOTED_SIZE - 1);
    memset(bytes, 'a', sizeof bytes);
    memcpy(bytes + BYTES_QUOTED_MAX - 1, "\xC3\xA9", 2); /* is not cut in two */
    CHECK_INT(strlen(bytes_quote(bytes_of(bytes, sizeof bytes), quoted)), BYTES_QUOTED_MAX - 1 + 5);
    CHECK_INT(strlen(bytes_quote(bytes_of(bytes, BYTES_QUOTED_MAX - 1), quoted)),
              BYTES_QUOTED_MAX - 1 + 2);
}

int main(void)
{
    TEST_RUN(test_utf8);
    TEST_RUN(test_utf8_random);
    TEST_RUN(test_slices);
    TEST_RUN(test_arena);
    TEST_RUN(test_buffer);
    TEST_RUN(test_decimal);
    TEST_RUN(test_json_escapes);
    TEST_RUN(test_errors);
    TEST_RUN(test_quoted);
    return test_done();
}
