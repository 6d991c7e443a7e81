/* JSON text to events, against jansson and the writer. */
#include "schemas/event_write.h"
#include "schemas/json.h"
#include "tests/test_events.h"

#include <jansson.h>

static enum verdict decode(struct bytes text, enum event_type type, struct arena *arena,
                           struct event *ret_event, struct error *error)
{
    char *copy = memory_get(text.size); /* of exactly that size, for the address sanitizer */
    memcpy(copy, text.at, text.size);
    struct bytes in_arena = arena_copy(arena, text);
    struct event scratch;
    struct arena other = {0};
    event_init(&scratch, type);
    enum verdict verdict = json_decode(bytes_of(copy, text.size), &other, &scratch, error);
    free(copy);
    arena_release(&other);
    event_init(ret_event, type);
    CHECK(json_decode(in_arena, arena, ret_event, NULL) == verdict);
    return verdict;
}

static void test_round_trip(void)
{
    struct random random = random_from(21);
    struct arena arena = {0};
    struct buffer text = {0};
    for (int i = 0; i < TEST_ROUNDS(4000); i++) {
        struct event event = random_event(&random, &arena, (enum event_type)(i % EVENT_TYPES));
        struct event again;
        struct error error = {0};
        const char *field = "";
        buffer_clear(&text);
        event_write_json(&event, i % 2, &text);
        CHECK_SAY(decode(buffer_bytes(&text), event.type, &arena, &again, &error) == VERDICT_OK,
                  "%s: %.*s", error.message, (int)text.size, text.at);
        CHECK_SAY(same_event(&event, &again, &field), "%s differs: %.*s", field, (int)text.size,
                  text.at);
        CHECK(event_check(&again, NULL) == VERDICT_OK);
        arena_clear(&arena);
    }
    buffer_release(&text);
    arena_release(&arena);
}

static void mutate(struct random *random, struct buffer *text)
{
    static const char pieces[][8] = {"\"",   "\\",      "{",    "}",    "[",   "]",   ",",
                                     ":",    "null",    "true", "-",    "0",   "1e5", ".5",
                                     "\\u",  "\\ud83d", "\xC3", "\x80", " ",   "\t",  "\x01",
                                     "fals", "\\u00e4", "1",    "E+",   "\\n", "0.",  "\"\":"};
    uint32_t at = random_below(random, (uint32_t)text->size);
    const char *piece = pieces[random_below(random, sizeof pieces / sizeof pieces[0])];
    size_t size = strlen(piece), rest = text->size - at;
    switch (random_below(random, 3)) {
    case 0: /* put in */
        buffer_reserve(text, size);
        memmove(text->at + at + size, text->at + at, rest);
        memcpy(text->at + at, piece, size);
        text->size += size;
        break;
    case 1: /* put over */
        memcpy(text->at + at, piece, size < rest ? size : rest);
        break;
    default: /* take out */
        size = 1 + random_below(random, 3);
        size = size < rest ? size : rest;
        memmove(text->at + at, text->at + at + size, rest - size);
        text->size -= size;
        break;
    }
}

/* A message that is about the syntax, not about what a field holds. */
static bool about_syntax(const char *message)
{
    return strncmp(message, "JSON is ", 8) == 0;
}

static bool jansson_takes(struct bytes text, bool *ret_nul)
{
    json_error_t why = {0};
    json_t *json = json_loadb(text.at, text.size, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &why);
    bool object = json_is_object(json);
    /* in names jansson takes no NUL, which RFC 8259 does; what follows it is not known then */
    *ret_nul = !object && json_error_code(&why) == json_error_null_byte_in_key;
    json_decref(json);
    return object;
}

/* A field of an unexpected type ends the scan, so the rest of the record is not judged. */
static void test_against_jansson(void)
{
    struct random random = random_from(22);
    struct arena arena = {0};
    struct buffer text = {0};
    int taken = 0, refused = 0;
    for (int i = 0; i < TEST_ROUNDS(60000); i++) {
        struct event event = random_event(&random, &arena, (enum event_type)(i % EVENT_TYPES));
        struct event again;
        struct error error = {0};
        buffer_clear(&text);
        event_write_json(&event, true, &text);
        for (uint32_t k = random_below(&random, 3); k > 0 && text.size > 0; k--)
            mutate(&random, &text);
        enum verdict verdict = decode(buffer_bytes(&text), event.type, &arena, &again, &error);
        bool nul, well_formed = jansson_takes(buffer_bytes(&text), &nul);
        if ((verdict == VERDICT_OK || about_syntax(error.message)) && !nul) {
            CHECK_SAY((verdict == VERDICT_OK) == well_formed, "jansson %s, json.c '%s': %.*s",
                      well_formed ? "takes" : "refuses", error.message, (int)text.size, text.at);
            taken += well_formed;
            refused += !well_formed;
        }
        arena_clear(&arena);
    }
    CHECK_SAY(taken > TEST_ROUNDS(10000) && refused > TEST_ROUNDS(10000), "%d taken, %d refused",
              taken, refused);
    buffer_release(&text);
    arena_release(&arena);
}

/* Behind a field that nobody knows any value may stand: all of JSON, against jansson. */
static void test_skipped_values(void)
{
    struct random random = random_from(23);
    struct arena arena = {0};
    struct buffer text = {0};
    for (int i = 0; i < TEST_ROUNDS(60000); i++) {
        struct event event;
        struct error error = {0};
        buffer_clear(&text);
        buffer_text(&text, "{\"user_id\":\"u\",\"x\":");
        size_t from = text.size;
        buffer_text(&text, "[1,-0.5e-3,\"a\\\"\\u20ac\",{\"b\":[true,false,null],\"c\":{}}]");
        struct buffer value = {0};
        buffer_append(&value, text.at + from, text.size - from);
        for (uint32_t k = random_below(&random, 4); k > 0 && value.size > 0; k--)
            mutate(&random, &value);
        text.size = from;
        buffer_append(&text, value.at, value.size);
        buffer_release(&value);
        buffer_byte(&text, '}');
        bool taken = decode(buffer_bytes(&text), EVENT_USER, &arena, &event, &error) == VERDICT_OK;
        bool nul, well_formed = jansson_takes(buffer_bytes(&text), &nul);
        CHECK_SAY(taken == well_formed || nul, "'%s': %.*s", error.message, (int)text.size,
                  text.at);
        arena_clear(&arena);
    }
    buffer_release(&text);
    arena_release(&arena);
}

static void test_cut_off(void)
{
    struct random random = random_from(24);
    struct arena arena = {0};
    struct buffer text = {0};
    for (int type = 0; type < EVENT_TYPES; type++) {
        struct event event = random_event(&random, &arena, (enum event_type)type), again;
        buffer_clear(&text);
        event_write_json(&event, true, &text);
        for (size_t size = 0; size < text.size; size++) {
            struct error error = {0};
            CHECK(decode(bytes_of(text.at, size), event.type, &arena, &again, &error) ==
                  VERDICT_SKIP);
            CHECK_CONTAINS(error.message, "JSON is cut off at byte");
            CHECK_INT(strtoull(error.message + strlen("JSON is cut off at byte "), NULL, 10), size);
        }
    }
    buffer_release(&text);
    arena_release(&arena);
}

/* ---- one product at a time ---- */

static enum verdict product(const char *rest, struct arena *arena, struct event *ret_event,
                            struct error *error)
{
    struct buffer text = {0};
    buffer_text(&text, "{\"item_id\":\"i\",\"title\":\"t\",");
    buffer_text(&text, rest);
    buffer_byte(&text, '}');
    enum verdict verdict = decode(buffer_bytes(&text), EVENT_PRODUCT, arena, ret_event, error);
    buffer_release(&text);
    return verdict;
}

static void test_numbers(void)
{
    static const char *const taken[] = {
        "0",
        "-0",
        "1",
        "-1",
        "10",
        "0.1",
        "1.5",
        "-0.25",
        "19.99",
        "1e3",
        "1E-3",
        "1.5e+3",
        "123456789012345",
        "1234567890123456",
        "12345678901234567890",
        "0.1234567890123456789",
        "999999999999999.9",
        "1e-400",
        "1.7976931348623157e308",
        "0.000000000000001",
        "9007199254740993",
        "0.00000000000000000000000000000001",
        "5e-324",
        "-1e22",
        "1e23",
    };
    static const char *const refused[] = {
        "01",    "+1",     ".5",    "1.",       "-",    "1e",  "1e+",   "0x10",
        "1e999", "-1e999", "NaN",   "Infinity", "--1",  "1 2", "1.5.5", "1e5e5",
        "00",    "-01",    "1_000", "\"1\"",    "true", "[]",  "{}",
    };
    struct arena arena = {0};
    struct event event;
    char text[200];
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
        struct error error = {0};
        snprintf(text, sizeof text, "\"rating\":%s", taken[i]);
        CHECK_SAY(product(text, &arena, &event, &error) == VERDICT_OK, "%s: %s", taken[i],
                  error.message);
        CHECK_REAL(event.rating, strtod(taken[i], NULL));
    }
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        snprintf(text, sizeof text, "\"rating\":%s", refused[i]);
        CHECK_SAY(product(text, &arena, &event, NULL) == VERDICT_SKIP, "%s was taken", refused[i]);
    }
    arena_release(&arena);
}

static void test_random_numbers(void)
{
    struct random random = random_from(25);
    struct arena arena = {0};
    struct event event;
    char number[64], text[100];
    for (int i = 0; i < TEST_ROUNDS(50000); i++) {
        uint64_t bits = random_next(&random);
        double value;
        memcpy(&value, &bits, sizeof value);
        if (random_one_in(&random, 2))
            value = (double)(int64_t)(random_next(&random) >> random_below(&random, 60)) /
                    (double)(1 + random_below(&random, 1000));
        if (!isfinite(value))
            continue;
        snprintf(number, sizeof number, random_one_in(&random, 2) ? "%.*g" : "%.*e",
                 (int)(1 + random_below(&random, 20)), value);
        snprintf(text, sizeof text, "\"rating\":%s", number);
        enum verdict verdict = product(text, &arena, &event, NULL);
        if (isfinite(strtod(number, NULL))) {
            CHECK(verdict == VERDICT_OK);
            CHECK_REAL(event.rating, strtod(number, NULL));
        } else {
            CHECK(verdict == VERDICT_SKIP);
        }
        arena_clear(&arena);
    }
    arena_release(&arena);
}

static void test_integers(void)
{
    static const struct {
        const char *text;
        bool taken;
        int64_t value;
    } cases[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"-7", true, -7},
        {"9007199254740993", true, 9007199254740993},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"99999999999999999999999", false, 0},
        {"12.0", true, 12},
        {"1e2", true, 100},
        {"-0.0", true, 0},
        {"9007199254740991.0", true, 9007199254740991},
        {"9007199254740993.0", false, 0}, /* as a double it is 9007199254740992 */
        {"12.5", false, 0},
        {"1e-1", false, 0},
        {"1e300", false, 0},
        {"\"1\"", false, 0},
    };
    struct arena arena = {0};
    char text[100];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct event event;
        struct error error = {0};
        snprintf(text, sizeof text, "\"rating_count\":%s", cases[i].text);
        enum verdict verdict = product(text, &arena, &event, &error);
        CHECK_SAY((verdict == VERDICT_OK) == cases[i].taken, "%s: %s", cases[i].text,
                  error.message);
        if (cases[i].taken)
            CHECK_INT(event.rating_count, cases[i].value);
        else
            CHECK_CONTAINS(error.message, "rating_count is not a");
    }
    arena_release(&arena);
}

static void test_escapes(void)
{
    static const struct {
        const char *json;
        const char *meant; /* NULL: refused */
    } cases[] = {
        {"plain", "plain"},
        {"", ""},
        {"\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t"},
        {"\\u0041\\u00e4\\u20AC", "A\xC3\xA4\xE2\x82\xAC"},
        {"x\\ud83d\\ude00y", "x\xF0\x9F\x98\x80y"},
        {"\\uDBFF\\uDFFF", "\xF4\x8F\xBF\xBF"},
        {"\\uffff\\u07ff\\u0800", "\xEF\xBF\xBF\xDF\xBF\xE0\xA0\x80"},
        {"\xF0\x9F\x98\x80", "\xF0\x9F\x98\x80"},
        {"\\ud83d", NULL},
        {"\\ude00", NULL},
        {"\\ud83dx", NULL},
        {"\\ud83d\\n", NULL},
        {"\\ud83d\\u0041", NULL},
        {"\\ud83d\\ud83d", NULL},
        {"\\u12", NULL},
        {"\\u12g4", NULL},
        {"\\x41", NULL},
        {"\\", NULL},
        {"\\'", NULL},
        {"a\nb", NULL},
        {"\x1F", NULL},
        {"\x80", NULL},
        {"\xC3", NULL},
        {"\xED\xA0\x80", NULL},
        {"\xC0\x80", NULL},
        {"\\n\xFF", NULL},
    };
    struct arena arena = {0};
    char text[200];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct event event;
        struct error error = {0};
        snprintf(text, sizeof text, "\"image_uri\":\"%s\"", cases[i].json);
        enum verdict verdict = product(text, &arena, &event, &error);
        CHECK_SAY((verdict == VERDICT_OK) == (cases[i].meant != NULL), "'%s': %s", cases[i].json,
                  error.message);
        if (cases[i].meant)
            CHECK_BYTES(event.image_uri, bytes_text(cases[i].meant));
    }
    struct event event;
    CHECK(product("\"image_uri\":\"a\\u0000b\"", &arena, &event, NULL) == VERDICT_OK);
    CHECK_BYTES(event.image_uri, bytes_of("a\0b", 3));
    arena_release(&arena);
}

static void test_depth(void)
{
    struct arena arena = {0};
    struct buffer text = {0};
    for (int depth = 1; depth < 2000; depth += depth < 60 ? 1 : 500) {
        for (int object = 0; object < 2; object++) {
            struct event event;
            struct error error = {0};
            buffer_clear(&text);
            buffer_text(&text, "\"x\":");
            for (int i = 0; i < depth; i++)
                buffer_text(&text, object ? "{\"a\":" : "[");
            buffer_byte(&text, '1');
            for (int i = 0; i < depth; i++)
                buffer_byte(&text, object ? '}' : ']');
            buffer_byte(&text, '\0');
            bool taken = product(text.at, &arena, &event, &error) == VERDICT_OK;
            CHECK_SAY(taken == (depth + 1 <= 32), "nested %d deep: %s", depth + 1, error.message);
        }
    }
    buffer_release(&text);
    arena_release(&arena);
}

static void test_names(void)
{
    struct arena arena = {0};
    struct event event;
    struct error error = {0};
    CHECK(product("\"price\":1,\"price\":2,\"colors\":[\"a\"],\"colors\":[]", &arena, &event,
                  NULL) == VERDICT_OK);
    CHECK_REAL(event.price, 2);
    CHECK_INT(event.colors.count, 0);
    /* names as escapes; unknown ones; one that only starts like a known one, or goes on behind a
     * NUL */
    CHECK(product("\"pr\\u0069ce\":3,\"pric\":1,\"prices\":[],\"\":0,\"price\\u0000aaaaaaaaaaaaaaa"
                  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\":9",
                  &arena, &event, NULL) == VERDICT_OK);
    CHECK_REAL(event.price, 3);
    CHECK(product("\"price\":null,\"image_uri\":null,\"colors\":null,\"availability\":null,"
                  "\"rating_count\":null,\"tags\":null",
                  &arena, &event, NULL) == VERDICT_OK);
    CHECK(isnan(event.price) && event.image_uri.at == NULL && event.rating_count == 0);
    CHECK(product("\"title\":null", &arena, &event, NULL) == VERDICT_OK); /* "t" came before */
    CHECK(decode(bytes_text("{\"item_id\":\"i\",\"title\":null}"), EVENT_PRODUCT, &arena, &event,
                 &error) == VERDICT_SKIP);
    CHECK_TEXT(error.message, "title is missing");
    arena_release(&arena);
}

static void test_wrong_types(void)
{
    static const char *const values[] = {"\"x\"", "1", "1.5", "true", "[]", "{}", "[1]"};
    static const char *const fitting[] = {
        [FIELD_STRING] = "1000000", [FIELD_LONG] = "0100000",  [FIELD_COUNT] = "0100000",
        [FIELD_DOUBLE] = "0110000", [FIELD_BOOL] = "0001000",  [FIELD_ENUM] = "0000000",
        [FIELD_ITEM] = "0000000",   [FIELD_ITEMS] = "0000100", [FIELD_STRINGS] = "0000100",
        [FIELD_PAIRS] = "0000010",  [FIELD_SKIP] = "1111111",
    };
    struct random random = random_from(26);
    struct arena arena = {0};
    struct buffer text = {0};
    for (int type = 0; type < EVENT_TYPES; type++) {
        struct event event = random_event(&random, &arena, (enum event_type)type), again;
        struct field_table table = event_fields(event.type);
        for (size_t i = 0; i < table.count; i++) {
            for (size_t k = 0; k < sizeof values / sizeof values[0]; k++) {
                struct error error = {0};
                buffer_clear(&text);
                event_write_json(&event, true, &text);
                text.size--;
                buffer_format(&text, ",\"%s\":%s}", table.fields[i].name, values[k]);
                bool taken =
                    decode(buffer_bytes(&text), event.type, &arena, &again, &error) == VERDICT_OK;
                CHECK_SAY(taken == (fitting[table.fields[i].type][k] == '1'), "%s = %s: %s",
                          table.fields[i].name, values[k], error.message);
                if (!taken && table.fields[i].type != FIELD_ITEM)
                    CHECK(!about_syntax(error.message));
            }
        }
    }
    buffer_release(&text);
    arena_release(&arena);
}

static void test_missing(void)
{
    struct arena arena = {0};
    for (int type = 0; type < EVENT_TYPES; type++) {
        struct event event;
        struct error error = {0};
        CHECK(decode(bytes_text("{}"), (enum event_type)type, &arena, &event, &error) ==
              VERDICT_SKIP);
        CHECK_CONTAINS(error.message, " is missing");
        CHECK(strncmp(error.message, event_fields((enum event_type)type).fields[0].name,
                      strlen(event_fields((enum event_type)type).fields[0].name)) == 0);
    }
    arena_release(&arena);
}

static void test_bounds(void)
{
    struct arena arena = {0};
    struct buffer text = {0};
    for (int count = EVENT_ITEMS_MAX - 1; count <= EVENT_ITEMS_MAX + 1; count++) {
        struct event event;
        buffer_clear(&text);
        buffer_text(&text, "{\"event_id\":\"e\",\"visitor_id\":\"v\",\"event_time\":1,"
                           "\"action\":\"add\",\"items\":[");
        for (int i = 0; i < count; i++)
            buffer_format(&text, "%s{\"item_id\":\"i%d\"}", i ? "," : "", i);
        buffer_text(&text, "]}");
        bool taken = decode(buffer_bytes(&text), EVENT_CART, &arena, &event, NULL) == VERDICT_OK;
        CHECK_INT(taken, count <= EVENT_ITEMS_MAX);
        if (taken) {
            CHECK_INT(event.item_count, count);
            CHECK_BYTES(event.items[count - 1].item_id,
                        bytes_text(count == EVENT_ITEMS_MAX ? "i499" : "i498"));
            CHECK(isnan(event.items[7].price) && event.items[7].quantity == 1);
        }
    }
    for (int count = 63; count <= 65; count++) {
        struct event event;
        buffer_clear(&text);
        buffer_text(&text, "\"colors\":[\"c\"");
        for (int i = 1; i < count; i++)
            buffer_text(&text, ",\"c\"");
        buffer_append(&text, "]", 2);
        CHECK(product(text.at, &arena, &event, NULL) == VERDICT_OK);
        CHECK_INT(event.colors.count, count < EVENT_STRINGS_MAX ? count : EVENT_STRINGS_MAX);
        CHECK_INT(event.colors.left_out, count > EVENT_STRINGS_MAX);
    }
    buffer_release(&text);
    arena_release(&arena);
}

/* Nulls are left out, as from Avro's unions with null; other values are counted, or refused with
 * the field's name. */
static void test_nulls(void)
{
    struct arena arena = {0};
    struct event event;
    struct error error = {0};
    CHECK(product("\"attributes\":{\"a\":null,\"b\":\"x\",\"c\":820,\"d\":[\"S\",{}],\"e\":true}",
                  &arena, &event, NULL) == VERDICT_OK);
    CHECK_INT(event.attributes.count, 1);
    CHECK_BYTES(event.attributes.at[1], bytes_text("x"));
    CHECK_INT(event.attributes.left_out, 3);
    CHECK(product("\"colors\":[null,\"Navy\",null]", &arena, &event, NULL) == VERDICT_OK);
    CHECK_INT(event.colors.count, 1);
    CHECK_INT(event.colors.left_out, 0);
    CHECK(product("\"colors\":[null]", &arena, &event, NULL) == VERDICT_OK);
    CHECK_INT(event.colors.count, 0);
    CHECK(product("\"colors\":[7]", &arena, &event, &error) == VERDICT_SKIP);
    CHECK_CONTAINS(error.message, "colors is not an array of strings");
    error_clear(&error);
    CHECK(product("\"colors\":[nul]", &arena, &event, &error) == VERDICT_SKIP);
    error_clear(&error);
    CHECK(product("\"availability\":\"in stock\"", &arena, &event, &error) == VERDICT_SKIP);
    CHECK_TEXT(error.message, "availability is 'in stock', not one of in_stock, out_of_stock, "
                              "preorder, backorder");
    arena_release(&arena);
}

static void test_around(void)
{
    static const char *const refused[] = {
        "",
        " ",
        "[]",
        "1",
        "\"x\"",
        "null",
        "{\"user_id\":\"u\"}x",
        "{\"user_id\":\"u\"}{}",
        "{\"user_id\":\"u\",}",
        "{,\"user_id\":\"u\"}",
        "{\"user_id\" \"u\"}",
        "{user_id:\"u\"}",
        "{\"user_id\":\"u\"",
        "{\"user_id\":}",
        "{'user_id':'u'}",
        "{\"user_id\":\"u\"}\xC2\xA0",
        "\xEF\xBB\xBF{\"user_id\":\"u\"}",
        "{\"user_id\":\"u\",\"x\":nul}",
        "{\"user_id\":\"u\",\"x\":[1,]}",
        "{\"user_id\":\"u\" /**/}",
        "\f{\"user_id\":\"u\"}",
    };
    struct arena arena = {0};
    struct event event;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        CHECK_SAY(decode(bytes_text(refused[i]), EVENT_USER, &arena, &event, NULL) == VERDICT_SKIP,
                  "taken: %s", refused[i]);
    CHECK(decode(bytes_of("{\"user_id\":\"u\"}\0", 16), EVENT_USER, &arena, &event, NULL) ==
          VERDICT_SKIP);
    CHECK(decode(bytes_text(" \t\r\n{ \"user_id\"\n:\t\"u\" } \n"), EVENT_USER, &arena, &event,
                 NULL) == VERDICT_OK);
    CHECK(json_decode(bytes_of(NULL, 0), &arena, &event, NULL) == VERDICT_SKIP);
    arena_release(&arena);
}

static void test_text_field(void)
{
    struct arena arena = {0};
    struct error error = {0};
    struct bytes value = bytes_text("untouched");
    CHECK(json_text_field(bytes_text("{\"a\":[1,{}],\"type\":\"vi\\u0065w\",nonsense"), "type",
                          &arena, &value, NULL) == VERDICT_OK);
    CHECK_BYTES(value, bytes_text("view"));
    value = bytes_text("untouched");
    CHECK(json_text_field(bytes_text("{\"a\":1}"), "type", &arena, &value, &error) == VERDICT_SKIP);
    CHECK_TEXT(error.message, "type is missing");
    CHECK(json_text_field(bytes_text("{\"a\":1,}"), "type", &arena, &value, NULL) == VERDICT_SKIP);
    CHECK(json_text_field(bytes_text("{\"type\":1}"), "type", &arena, &value, NULL) ==
          VERDICT_SKIP);
    CHECK(json_text_field(bytes_text("{}"), "type", &arena, &value, NULL) == VERDICT_SKIP);
    CHECK(json_text_field(bytes_of(NULL, 0), "type", &arena, &value, NULL) == VERDICT_SKIP);
    CHECK_BYTES(value, bytes_text("untouched"));
    arena_release(&arena);
}

int main(void)
{
    TEST_RUN(test_round_trip);
    TEST_RUN(test_against_jansson);
    TEST_RUN(test_skipped_values);
    TEST_RUN(test_cut_off);
    TEST_RUN(test_numbers);
    TEST_RUN(test_random_numbers);
    TEST_RUN(test_integers);
    TEST_RUN(test_escapes);
    TEST_RUN(test_depth);
    TEST_RUN(test_names);
    TEST_RUN(test_wrong_types);
    TEST_RUN(test_missing);
    TEST_RUN(test_bounds);
    TEST_RUN(test_nulls);
    TEST_RUN(test_around);
    TEST_RUN(test_text_field);
    return test_done();
}
