/* Avro records to events, with schemas that avro-c's resolver can't take, and with schemas and
 * records that must be refused. */
#include "schemas/codec.h"
#include "schemas/event_write.h"
#include "tests/avro_exact.h"
#include "tests/avro_leaks.h"

#include <math.h>

#define RECORD(fields) "{\"type\":\"record\",\"name\":\"P\",\"fields\":[" fields "]}"
#define FIELD(name, type) "{\"name\":\"" name "\",\"type\":" type "}"
#define IDS FIELD("item_id", "\"string\"") "," FIELD("title", "\"string\"")

static enum verdict product(const char *schema, struct bytes record, struct arena *arena,
                            struct event *ret_event, struct error *error)
{
    struct avro_plan *plan;
    struct error inner = {0};
    event_init(ret_event, EVENT_PRODUCT);
    if (avro_plan_new(bytes_text(schema), EVENT_PRODUCT, &plan, &inner) != VERDICT_OK)
        return error_set(error, VERDICT_FATAL, "%s", inner.message); /* told apart in the tests */
    enum verdict verdict = decode_exact(plan, record, arena, ret_event, error);
    avro_plan_free(plan);
    return verdict;
}

#define BYTES(text) bytes_of(text, sizeof text - 1)

static void test_defaults(void)
{
    struct arena arena = {0};
    struct event event;
    struct error error = {0};
    CHECK(product(RECORD(IDS), BYTES("\2a\2b"), &arena, &event, &error) == VERDICT_OK);
    CHECK(isnan(event.price) && event.rating_count == 0 && event.availability == IN_STOCK &&
          event.image_uri.at == NULL && event.colors.count == 0);
    CHECK(product(RECORD(FIELD("item_id", "\"string\"")), BYTES("\2a"), &arena, &event, &error) ==
          VERDICT_FATAL);
    CHECK_CONTAINS(error.message, "title: the field is missing");
    error_clear(&error);
    CHECK(
        product(RECORD(FIELD("item_id", "\"string\"") "," FIELD("title", "[\"null\",\"string\"]")),
                BYTES("\2a\0"), &arena, &event, &error) == VERDICT_SKIP);
    CHECK_TEXT(error.message, "title is missing");
    CHECK(product(RECORD(FIELD("item_id", "\"bytes\"") "," FIELD("title", "\"bytes\"")),
                  BYTES("\2a\4\xC3\xA4"), &arena, &event, NULL) == VERDICT_OK);
    CHECK_BYTES(event.title, bytes_text("\xC3\xA4"));
    CHECK(product(RECORD(IDS), BYTES("\2a\4\xC3("), &arena, &event, NULL) == VERDICT_SKIP);
    arena_release(&arena);
}

static void test_unions(void)
{
    static const char schema[] = RECORD(IDS "," FIELD("x", "[\"null\",\"int\"]"));
    static const struct {
        const char *index;
        bool taken;
    } cases[] = {{"\0", true}, {"\2\7", true}, {"\4", false}, {"\6", false}, {"\1", false}};
    struct arena arena = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct event event;
        struct buffer record = {0};
        buffer_text(&record, "\2a\2b");
        buffer_append(&record, cases[i].index, i == 0 ? 1 : strlen(cases[i].index));
        CHECK_SAY((product(schema, buffer_bytes(&record), &arena, &event, NULL) == VERDICT_OK) ==
                      cases[i].taken,
                  "case %zu", i);
        buffer_release(&record);
    }
    arena_release(&arena);
}

static void test_enums(void)
{
    static const char schema[] = RECORD(
        IDS "," FIELD("availability", "{\"type\":\"enum\",\"name\":\"A\",\"symbols\":[\"sold\","
                                      "\"preorder\",\"in_stock\"]}"));
    struct arena arena = {0};
    struct event event;
    struct error error = {0};
    CHECK(product(schema, BYTES("\2a\2b\2"), &arena, &event, NULL) == VERDICT_OK);
    CHECK_INT(event.availability, PREORDER);
    CHECK(product(schema, BYTES("\2a\2b\4"), &arena, &event, NULL) == VERDICT_OK);
    CHECK_INT(event.availability, IN_STOCK);
    CHECK(product(schema, BYTES("\2a\2b\0"), &arena, &event, &error) == VERDICT_SKIP);
    CHECK_TEXT(error.message, "availability is symbol 0 of its schema, not one of in_stock, "
                              "out_of_stock, preorder, backorder");
    CHECK(product(schema, BYTES("\2a\2b\6"), &arena, &event, NULL) == VERDICT_SKIP);
    CHECK(product(schema, BYTES("\2a\2b\1"), &arena, &event, NULL) == VERDICT_SKIP);
    arena_release(&arena);
}

/* Whole numbers as doubles. */
static void test_whole_numbers(void)
{
    static const struct {
        double value;
        enum verdict verdict;
    } cases[] = {{12, VERDICT_OK}, {-0.0, VERDICT_OK}, {12.5, VERDICT_SKIP}, {1e300, VERDICT_SKIP}};
    static const char schema[] = RECORD(IDS "," FIELD("rating_count", "\"double\""));
    struct arena arena = {0};
    struct buffer record = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct event event;
        struct error error = {0};
        buffer_clear(&record);
        buffer_text(&record, "\2a\2b");
        avro_put_double(&record, cases[i].value);
        CHECK_INT(product(schema, buffer_bytes(&record), &arena, &event, &error), cases[i].verdict);
        if (cases[i].verdict == VERDICT_OK)
            CHECK_INT(event.rating_count, (int64_t)cases[i].value);
        else
            CHECK_CONTAINS(error.message, "not a whole number");
    }
    buffer_release(&record);
    arena_release(&arena);
}

/* Nulls in a list, and more texts than an event holds. */
static void test_long_list(void)
{
    static const char schema[] =
        RECORD(IDS "," FIELD("colors", "{\"type\":\"array\",\"items\":[\"null\",\"string\"]}"));
    struct arena arena = {0};
    struct buffer record = {0};
    struct event event;
    buffer_text(&record, "\2a\2b");
    avro_put_long(&record, EVENT_STRINGS_MAX + 3);
    for (int i = 0; i < EVENT_STRINGS_MAX + 3; i++) {
        avro_put_long(&record, i > 0); /* the first is null */
        if (i > 0)
            avro_put_string(&record, bytes_text("c"));
    }
    avro_put_long(&record, 0);
    CHECK(product(schema, buffer_bytes(&record), &arena, &event, NULL) == VERDICT_OK);
    CHECK_INT(event.colors.count, EVENT_STRINGS_MAX);
    CHECK_INT(event.colors.left_out, 2);
    buffer_release(&record);
    arena_release(&arena);
}

/* Attributes that are null, texts, numbers and lists. */
static void test_loose_attributes(void)
{
    static const char schema[] =
        RECORD(IDS "," FIELD("attributes", "{\"type\":\"map\",\"values\":[\"null\",\"string\","
                                           "\"long\",{\"type\":\"array\",\"items\":\"string\"}]}"));
    struct arena arena = {0};
    struct buffer record = {0};
    struct event event;
    buffer_text(&record, "\2a\2b");
    avro_put_long(&record, 4);
    avro_put_string(&record, bytes_text("material"));
    avro_put_long(&record, 0);
    avro_put_string(&record, bytes_text("weight_g"));
    avro_put_long(&record, 2);
    avro_put_long(&record, 820);
    avro_put_string(&record, bytes_text("sizes"));
    avro_put_long(&record, 3);
    avro_put_long(&record, 1);
    avro_put_string(&record, bytes_text("S"));
    avro_put_long(&record, 0);
    avro_put_string(&record, bytes_text("care"));
    avro_put_long(&record, 1);
    avro_put_string(&record, bytes_text("hand"));
    avro_put_long(&record, 0);
    CHECK(product(schema, buffer_bytes(&record), &arena, &event, NULL) == VERDICT_OK);
    CHECK_INT(event.attributes.count, 1);
    CHECK_INT(event.attributes.left_out, 2);
    CHECK_BYTES(event.attributes.at[0], bytes_text("care"));
    CHECK_BYTES(event.attributes.at[1], bytes_text("hand"));
    buffer_release(&record);
    arena_release(&arena);
}

static void test_refused_schemas(void)
{
    static const char *const schemas[] = {
        "",
        "{",
        "\"string\"",
        "[\"null\"]",
        "{\"type\":\"array\",\"items\":\"int\"}",
        RECORD(IDS "," FIELD("price", "\"string\"")),
        RECORD(IDS "," FIELD("price", "\"boolean\"")),
        RECORD(IDS "," FIELD("image_uri", "\"int\"")),
        RECORD(IDS "," FIELD("availability", "\"string\"")),
        RECORD(IDS "," FIELD("colors", "\"string\"")),
        RECORD(IDS "," FIELD("colors", "{\"type\":\"map\",\"values\":\"string\"}")),
        RECORD(IDS "," FIELD("colors", "{\"type\":\"array\",\"items\":\"int\"}")),
        RECORD(IDS "," FIELD("colors", "{\"type\":\"array\",\"items\":"
                                       "{\"type\":\"array\",\"items\":\"string\"}}")),
        RECORD(FIELD("item_id", "\"string\"") "," FIELD("title", "[\"null\",\"int\"]")),
        RECORD(IDS "," FIELD("image_uri", "{\"type\":\"fixed\",\"name\":\"F\",\"size\":3}")),
        RECORD(IDS "," FIELD("x", "{\"type\":\"fixed\",\"name\":\"F\",\"size\":-3}")),
        RECORD(IDS "," FIELD("x", "\"Unknown\"")),
    };
    struct arena arena = {0};
    for (size_t i = 0; i < sizeof schemas / sizeof schemas[0]; i++) {
        struct event event;
        struct error error = {0};
        CHECK_SAY(product(schemas[i], BYTES("\2a\2b"), &arena, &event, &error) == VERDICT_FATAL,
                  "was taken: %s", schemas[i]);
        CHECK(error.message[0]);
    }
    static const char items[] = "{\"type\":\"record\",\"name\":\"I\",\"fields\":["
                                "{\"name\":\"item_id\",\"type\":\"string\"}]}";
    static const char *const wrong[] = {"%s", "{\"type\":\"array\",\"items\":{\"type\":\"array\","
                                              "\"items\":%s}}"};
    for (size_t i = 0; i < 2; i++) { /* items that are no array, or one too many */
        struct buffer text = {0};
        struct avro_plan *plan;
        const char *hole = strstr(wrong[i], "%s");
        buffer_text(&text, "{\"type\":\"record\",\"name\":\"I\",\"fields\":["
                           "{\"name\":\"event_id\",\"type\":\"string\"},"
                           "{\"name\":\"visitor_id\",\"type\":\"string\"},"
                           "{\"name\":\"event_time\",\"type\":\"long\"},"
                           "{\"name\":\"transaction_id\",\"type\":\"string\"},"
                           "{\"name\":\"items\",\"type\":");
        buffer_append(&text, wrong[i], (size_t)(hole - wrong[i]));
        buffer_text(&text, items);
        buffer_text(&text, hole + 2);
        buffer_text(&text, "}]}");
        CHECK_SAY(avro_plan_new(buffer_bytes(&text), EVENT_PURCHASE, &plan, NULL) == VERDICT_SKIP,
                  "was taken: %.*s", (int)text.size, text.at);
        buffer_release(&text);
    }
    arena_release(&arena);
}

static void test_hostile_lengths(void)
{
    static const char schema[] =
        RECORD(IDS "," FIELD("colors", "{\"type\":\"array\",\"items\":\"string\"}") "," FIELD(
            "x", "{\"type\":\"array\",\"items\":\"null\"}") "," FIELD("m", "{\"type\":\"map\","
                                                                           "\"values\":\"int\"}"));
    struct arena arena = {0};
    struct event event;
    CHECK(product(schema, BYTES("\2a\2b\0\0\0"), &arena, &event, NULL) == VERDICT_OK);
    /* blocks: two of one element, and one with its size in bytes */
    CHECK(product(schema, BYTES("\2a\2b\2\2r\2\2g\0\0\0"), &arena, &event, NULL) == VERDICT_OK);
    CHECK_INT(event.colors.count, 2);
    CHECK(product(schema, BYTES("\2a\2b\3\10\2r\2g\0\0\0"), &arena, &event, NULL) == VERDICT_OK);
    CHECK_INT(event.colors.count, 2);
    CHECK_BYTES(event.colors.at[1], bytes_text("g"));
    CHECK(product(schema, BYTES("\2a\2b\0\0\1\6\2k\2\0"), &arena, &event, NULL) == VERDICT_OK);
    const struct bytes refused[] = {
        BYTES("\1a\2b\0\0\0"),                                     /* a length of -1 */
        BYTES("\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"),         /* 2^63 - 1 */
        BYTES("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"),         /* -2^63 */
        BYTES("\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x03"),         /* more than 64 bits */
        BYTES("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"),     /* more than ten bytes */
        BYTES("\2a\2b\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"),   /* as a block's count */
        BYTES("\2a\2b\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01\0"), /* as a negative one */
        BYTES("\2a\2b\0\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"), /* of nulls, that take nothing */
        BYTES("\2a\2b\x04\2r\0\0\0"),                              /* two, but one is there */
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct error error = {0};
        CHECK_SAY(product(schema, refused[i], &arena, &event, &error) == VERDICT_SKIP,
                  "case %zu was taken", i);
        CHECK(error.message[0]);
    }
    arena_release(&arena);
}

int main(void)
{
    TEST_RUN(test_defaults);
    TEST_RUN(test_unions);
    TEST_RUN(test_enums);
    TEST_RUN(test_whole_numbers);
    TEST_RUN(test_long_list);
    TEST_RUN(test_loose_attributes);
    TEST_RUN(test_refused_schemas);
    TEST_RUN(test_hostile_lengths);
    return test_done();
}
