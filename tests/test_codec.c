/* The three wire formats, their framing, and what goes to the dead letters. */
#include "schemas/avro.h"
#include "schemas/codec.h"
#include "schemas/event_write.h"
#include "tests/test_events.h"

#define OWN(id) ((id) < EVENT_TYPES)
#define ID_NONE 100
#define ID_RETRY 200
#define ID_NONSENSE 300
#define IDS_MANY 1000 /* and more: a product schema each */

struct source {
    struct schema_source source;
    int calls;
    bool silent; /* about ID_RETRY */
};

static enum verdict fetch(struct schema_source *source, uint32_t id, struct buffer *schema,
                          struct error *error)
{
    struct source *self = (struct source *)(void *)source;
    self->calls++;
    if (id == ID_NONE)
        return error_set(error, VERDICT_SKIP, "there is no such id");
    if (id == ID_RETRY && self->silent)
        return error_set(error, VERDICT_RETRY, "nobody answers");
    if (id == ID_NONSENSE)
        buffer_text(schema, "nonsense");
    else
        buffer_append(schema, schema_text(event_type_names[OWN(id) ? id : EVENT_PRODUCT]).at,
                      schema_text(event_type_names[OWN(id) ? id : EVENT_PRODUCT]).size);
    return VERDICT_OK;
}

static void put_id(struct buffer *buffer, uint32_t id)
{
    buffer_byte(buffer, 0);
    for (int i = 0; i < 4; i++)
        buffer_byte(buffer, (char)(id >> (24 - 8 * i)));
}

static void write_wire(int wire, const struct event *event, struct buffer *buffer)
{
    buffer_clear(buffer);
    if (wire == 0) {
        event_write_json(event, false, buffer);
        return;
    }
    if (wire == 1)
        avro_put_header(buffer, schema_fingerprint(event_type_names[event->type]));
    else
        put_id(buffer, event->type);
    event_write_avro(event, buffer);
}

static void test_wires_are_equal(void)
{
    struct random random = random_from(51);
    struct source source = {.source.fetch = fetch};
    struct codec *codec = codec_new(&source.source);
    struct arena arena = {0};
    struct buffer record = {0};
    for (int i = 0; i < 3000; i++) {
        struct event event = random_event(&random, &arena, (enum event_type)(i % EVENT_TYPES));
        for (int wire = 0; wire < 3; wire++) {
            struct event decoded;
            struct error error = {0};
            const char *field = "";
            write_wire(wire, &event, &record);
            CHECK_SAY(codec_decode(codec, event.type, buffer_bytes(&record), &arena, &decoded,
                                   &error) == VERDICT_OK,
                      "wire %d: %s", wire, error.message);
            CHECK_SAY(same_event(&event, &decoded, &field), "wire %d: %s differs", wire, field);
            arena_copy(&arena, buffer_bytes(&record));
        }
        arena_clear(&arena);
    }
    CHECK_INT(source.calls, EVENT_TYPES); /* once for each schema */
    codec_free(codec);
    buffer_release(&record);
    arena_release(&arena);
}

static struct event user_event(void)
{
    struct event event;
    event_init(&event, EVENT_USER);
    event.user_id = bytes_text("u");
    return event;
}

#define CHECK_REFUSED(codec, type, record, part)                                                   \
    do {                                                                                           \
        struct event refused_event;                                                                \
        struct arena refused_arena = {0};                                                          \
        struct error refused_error = {0};                                                          \
        CHECK(codec_decode(codec, type, record, &refused_arena, &refused_event, &refused_error) == \
              VERDICT_SKIP);                                                                       \
        CHECK_CONTAINS(refused_error.message, part);                                               \
        arena_release(&refused_arena);                                                             \
    } while (0)

static void test_framing(void)
{
    struct source source = {.source.fetch = fetch};
    struct codec *codec = codec_new(&source.source), *alone = codec_new(NULL);
    struct event event = user_event();
    struct buffer record = {0};
    write_wire(2, &event, &record);
    CHECK_REFUSED(alone, EVENT_USER, buffer_bytes(&record), "schema.registry.url");
    for (size_t size = 1; size < record.size; size++)
        CHECK_REFUSED(codec, EVENT_USER, bytes_of(record.at, size),
                      size < 5 ? "cut off in the schema id" : "");
    write_wire(1, &event, &record);
    for (size_t size = 2; size < record.size; size++)
        CHECK_REFUSED(codec, EVENT_USER, bytes_of(record.at, size),
                      size < 10 ? "cut off in the schema's fingerprint" : "");
    CHECK_REFUSED(codec, EVENT_USER, bytes_of(record.at, 1), "first byte is 0xc3");
    CHECK_REFUSED(codec, EVENT_VIEW, buffer_bytes(&record), "no view schema has the fingerprint");
    CHECK_REFUSED(codec, EVENT_USER, bytes_text("\xC3\x02xxxxxxxxxx"), "first byte is 0xc3");
    CHECK_REFUSED(codec, EVENT_USER, bytes_text("x"), "first byte is 0x78");
    CHECK_REFUSED(codec, EVENT_USER, bytes_text("[]"), "first byte is 0x5b");
    CHECK_REFUSED(codec, EVENT_USER, bytes_text("\xEF\xBB\xBF{}"), "first byte is 0xef");
    CHECK_REFUSED(codec, EVENT_USER, bytes_text(" "), "cut off");
    CHECK_REFUSED(codec, EVENT_USER, bytes_of(NULL, 0), "tombstone");
    CHECK_REFUSED(codec, EVENT_USER, bytes_of("", 0), "empty");
    codec_free(codec);
    codec_free(alone);
    codec_free(NULL);
    buffer_release(&record);
}

static void test_source(void)
{
    struct source source = {.source = {.fetch = fetch, .refusal_ms = 60000}};
    struct codec *codec = codec_new(&source.source);
    struct event event = user_event(), decoded;
    struct arena arena = {0};
    struct buffer record = {0};
    static const struct {
        uint32_t id;
        const char *message;
    } cases[] = {{ID_NONE, "schema id 100: there is no such id"},
                 {ID_NONSENSE, "schema id 300: the writer's schema can't be parsed"},
                 {EVENT_PRODUCT, "schema id 7: the writer's schema can't be read: user_id"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        source.calls = 0;
        buffer_clear(&record);
        put_id(&record, cases[i].id);
        event_write_avro(&event, &record);
        for (int times = 0; times < 3; times++) {
            CHECK_REFUSED(codec, EVENT_USER, buffer_bytes(&record), cases[i].message);
            CHECK_INT(source.calls, 1); /* remembered for refusal_ms */
        }
    }
    /* nonsense ids push nobody out who is known, and neither do many good ones */
    struct event product;
    event_init(&product, EVENT_PRODUCT);
    product.item_id = product.title = bytes_text("p");
    for (uint32_t id = 0; id < 2 * CODEC_PLANS_MAX; id++) {
        buffer_clear(&record);
        put_id(&record, IDS_MANY + id);
        event_write_avro(&product, &record);
        CHECK(codec_decode(codec, EVENT_PRODUCT, buffer_bytes(&record), &arena, &decoded, NULL) ==
              VERDICT_OK);
        CHECK_BYTES(decoded.title, bytes_text("p"));
    }
    for (int type = 0; type < EVENT_TYPES; type++) {
        struct random random = {.state = (uint64_t)type};
        struct event own = random_event(&random, &arena, (enum event_type)type);
        struct error error = {0};
        write_wire(1, &own, &record);
        CHECK_SAY(codec_decode(codec, own.type, buffer_bytes(&record), &arena, &decoded, &error) ==
                      VERDICT_OK,
                  "%s", error.message);
    }
    codec_free(codec);
    buffer_release(&record);
    arena_release(&arena);
}

/* Silence is not remembered, and says nothing about the record; a refusal only for its time. */
static void test_source_later(void)
{
    struct source source = {.source.fetch = fetch, .silent = true};
    struct codec *codec = codec_new(&source.source);
    struct event product, decoded;
    struct arena arena = {0};
    struct buffer record = {0};
    event_init(&product, EVENT_PRODUCT);
    product.item_id = product.title = bytes_text("p");
    put_id(&record, ID_RETRY);
    event_write_avro(&product, &record);
    for (int times = 1; times <= 3; times++) {
        struct error error = {0};
        CHECK_INT(
            codec_decode(codec, EVENT_PRODUCT, buffer_bytes(&record), &arena, &decoded, &error),
            VERDICT_RETRY);
        CHECK_TEXT(error.message, "schema id 200: nobody answers");
        CHECK_INT(source.calls, times);
    }
    source.silent = false;
    CHECK_INT(codec_decode(codec, EVENT_PRODUCT, buffer_bytes(&record), &arena, &decoded, NULL),
              VERDICT_OK);
    CHECK_BYTES(decoded.title, bytes_text("p"));
    source.source.refusal_ms = 0;
    source.calls = 0;
    buffer_clear(&record);
    put_id(&record, ID_NONE);
    for (int times = 1; times <= 3; times++) {
        CHECK_REFUSED(codec, EVENT_USER, buffer_bytes(&record), "there is no such id");
        CHECK_INT(source.calls, times);
    }
    codec_free(codec);
    buffer_release(&record);
    arena_release(&arena);
}

static void test_learn(void)
{
    static const char schema[] =
        "{\"type\":\"record\",\"name\":\"User\",\"fields\":[{\"name\":\"x\",\"type\":\"int\"},"
        "{\"name\":\"user_id\",\"type\":\"string\"}]}";
    struct codec *codec = codec_new(NULL);
    struct event decoded;
    struct arena arena = {0};
    struct buffer record = {0};
    struct error error = {0};
    uint64_t fingerprint = 0;
    avro_fingerprint(bytes_text(schema), &fingerprint, NULL);
    avro_put_header(&record, fingerprint);
    avro_put_long(&record, 7);
    avro_put_string(&record, bytes_text("u"));
    CHECK_REFUSED(codec, EVENT_USER, buffer_bytes(&record), "schemas.path");
    CHECK(codec_learn(codec, EVENT_USER, bytes_text(schema), &error) == VERDICT_OK);
    CHECK(codec_learn(codec, EVENT_USER, bytes_text(schema), &error) == VERDICT_OK);
    CHECK(codec_decode(codec, EVENT_USER, buffer_bytes(&record), &arena, &decoded, &error) ==
          VERDICT_OK);
    CHECK_BYTES(decoded.user_id, bytes_text("u"));
    CHECK_REFUSED(codec, EVENT_VIEW, buffer_bytes(&record), "no view schema");
    CHECK(codec_learn(codec, EVENT_USER, bytes_text("{"), &error) == VERDICT_SKIP);
    CHECK(codec_learn(codec, EVENT_VIEW, bytes_text(schema), NULL) == VERDICT_SKIP);
    codec_free(codec);
    buffer_release(&record);
    arena_release(&arena);
}

/* ---- what the schema can't say ---- */

#define VIEW "{\"event_id\":\"e\",\"visitor_id\":\"v\",\"event_time\":1700000000000,"
#define CART VIEW "\"action\":\"add\","

static void test_contents(void)
{
    static const struct {
        enum event_type type;
        const char *text;
        const char *message; /* NULL: it is taken */
    } cases[] = {
        {EVENT_VIEW, VIEW "\"item\":{\"item_id\":\"i\"}}", NULL},
        {EVENT_VIEW, "\n " VIEW "\"item\":{\"item_id\":\"i\",\"price\":0}}", NULL},
        {EVENT_VIEW, VIEW "\"item\":{\"item_id\":\"\"}}", "item_id is missing or empty"},
        {EVENT_VIEW, VIEW "\"item\":{\"item_id\":\"a\\u0000b\"}}", "control character"},
        {EVENT_VIEW, VIEW "\"item\":{\"item_id\":\"a\\nb\"}}", "control character"},
        {EVENT_VIEW, VIEW "\"item\":{\"item_id\":\"i\",\"price\":-1}}", "price is -1"},
        {EVENT_VIEW, VIEW "\"item\":{\"item_id\":\"i\",\"price\":1e300}}", "price is 1e+300"},
        {EVENT_VIEW, VIEW "\"item\":{\"item_id\":\"i\",\"price\":NaN}}", "price is not a number"},
        {EVENT_VIEW, VIEW "\"item\":{\"item_id\":\"i\",\"quantity\":-2}}", "quantity is -2"},
        {EVENT_VIEW, VIEW "\"item\":{\"item_id\":\"\xC3(\"}}", "not UTF-8"},
        {EVENT_VIEW, VIEW "\"item\":null}", "item is missing"},
        {EVENT_VIEW, VIEW "\"items\":[{\"item_id\":\"i\"}]}", NULL},
        {EVENT_VIEW, VIEW "\"item\":null,\"items\":[{\"item_id\":\"i\"}]}", NULL},
        {EVENT_VIEW, VIEW "\"items\":[]}", "item is missing"},
        {EVENT_VIEW, VIEW "\"items\":null}", "item is missing"},
        {EVENT_VIEW, VIEW "\"items\":[{}]}", "item_id is missing"},
        {EVENT_VIEW, VIEW "\"items\":[{\"item_id\":\"i\"},{\"item_id\":\"k\"}]}",
         "a view is of one item, and items has 2; send a record for each item"},
        {EVENT_VIEW, VIEW "\"item\":{}}", "item_id is missing"},
        {EVENT_CART, CART "\"items\":[]}", "items is empty"},
        {EVENT_CART, CART "\"items\":null}", "items is empty"},
        {EVENT_CART, VIEW "\"action\":\"clear\"}", NULL},
        {EVENT_CART, VIEW "\"action\":\"steal\"}",
         "action is 'steal', not one of add, remove, update, clear"},
        {EVENT_SEARCH, VIEW "\"search_term\":\"\"}", "search_term is empty"},
        {EVENT_SEARCH, VIEW "\"search_term\":\"a\\u0000\"}", NULL},
    };
    struct codec *codec = codec_new(NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct event event;
        struct arena arena = {0};
        struct error error = {0};
        enum verdict verdict =
            codec_decode(codec, cases[i].type, bytes_text(cases[i].text), &arena, &event, &error);
        CHECK_SAY((verdict == VERDICT_OK) == (cases[i].message == NULL), "%s: %s", cases[i].text,
                  error.message);
        CHECK_CONTAINS(error.message, cases[i].message ? cases[i].message : "");
        arena_release(&arena);
    }
    codec_free(codec);
}

static void test_nan_price(void)
{
    static const double prices[] = {NAN, INFINITY, -INFINITY, -1, 1e13};
    struct codec *codec = codec_new(NULL);
    for (size_t i = 0; i < sizeof prices / sizeof prices[0]; i++) {
        struct buffer record = {0};
        struct event event;
        event_init(&event, EVENT_PRODUCT);
        event.item_id = event.title = bytes_text("x");
        event.price = 1;
        avro_put_header(&record, schema_fingerprint("product"));
        event_write_avro(&event, &record);
        double one = 1;
        char *at = memmem(record.at, record.size, &one, sizeof one);
        CHECK(at != NULL);
        memcpy(at, &prices[i], sizeof prices[i]);
        CHECK_REFUSED(codec, EVENT_PRODUCT, buffer_bytes(&record), "price is");
        buffer_release(&record);
    }
    codec_free(codec);
}

static void test_sizes(void)
{
    struct codec *codec = codec_new(NULL);
    struct buffer text = {0}, record = {0};
    buffer_text(&text, "{\"user_id\":\"u\"");
    while (text.size < EVENT_BYTES_MAX - 1)
        buffer_byte(&text, ' ');
    buffer_byte(&text, '}');
    struct event event;
    struct arena arena = {0};
    CHECK(codec_decode(codec, EVENT_USER, buffer_bytes(&text), &arena, &event, NULL) == VERDICT_OK);
    buffer_byte(&text, ' ');
    CHECK_REFUSED(codec, EVENT_USER, buffer_bytes(&text), "has 1048577 bytes");
    /* 100,000 items, in both formats */
    buffer_clear(&text);
    buffer_text(&text, CART "\"items\":[{\"item_id\":\"i\"}");
    avro_put_header(&record, schema_fingerprint("cart"));
    for (int i = 0; i < 50000; i++)
        buffer_text(&text, ",{\"item_id\":\"i\"}");
    buffer_text(&text, "]}");
    CHECK_REFUSED(codec, EVENT_CART, buffer_bytes(&text), "more than 500 items");
    avro_put_string(&record, bytes_text("e"));
    avro_put_string(&record, bytes_text("v"));
    buffer_append(&record, "\0\0\2\0\0\0\1\0\0\0\0\0", 12);
    avro_put_long(&record, 100000);
    for (int i = 0; i < 100000; i++)
        buffer_append(&record, "\2i\0\0\0\0\2\0\0", 9);
    buffer_byte(&record, 0);
    CHECK_REFUSED(codec, EVENT_CART, buffer_bytes(&record), "more than 500 items");
    codec_free(codec);
    buffer_release(&text);
    buffer_release(&record);
    arena_release(&arena);
}

int main(void)
{
    TEST_RUN(test_wires_are_equal);
    TEST_RUN(test_framing);
    TEST_RUN(test_source);
    TEST_RUN(test_source_later);
    TEST_RUN(test_learn);
    TEST_RUN(test_contents);
    TEST_RUN(test_nan_price);
    TEST_RUN(test_sizes);
    return test_done();
}
