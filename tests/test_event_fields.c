/* The C field tables against the .avsc files, both ways. */
#include "schemas/codec.h"
#include "schemas/interaction.h"
#include "tests/test_events.h"

#include <jansson.h>

static json_t *load_schema(const char *name)
{
    struct bytes text = schema_text(name);
    json_t *schema = json_loadb(text.at, text.size, 0, NULL);
    CHECK_SAY(schema != NULL, "%s.avsc is not JSON", name);
    return schema;
}

/* "string", or "enum", "array", ... of a type that is an object; `ret_null`: of [null, T]. */
static const char *type_of(json_t *type, json_t **ret_inner, bool *ret_null)
{
    *ret_null = false;
    if (json_is_array(type)) {
        CHECK_INT(json_array_size(type), 2);
        CHECK_TEXT(json_string_value(json_array_get(type, 0)), "null");
        *ret_null = true;
        type = json_array_get(type, 1);
    }
    *ret_inner = type;
    return json_string_value(json_is_object(type) ? json_object_get(type, "type") : type);
}

static bool is_item(json_t *type)
{
    const char *name = json_string_value(json_object_get(type, "name"));
    return name && strcmp(name, "Item") == 0;
}

static void check_symbols(const struct field *field, json_t *type)
{
    json_t *symbols = json_object_get(type, "symbols");
    size_t count = 0;
    while (field->symbols[count])
        count++;
    CHECK_INT(count, json_array_size(symbols));
    for (size_t i = 0; i < count && i < json_array_size(symbols); i++)
        CHECK_TEXT(field->symbols[i], json_string_value(json_array_get(symbols, i)));
}

static bool matches(const struct field *field, const char *name, json_t *type, bool null)
{
    json_t *inner;
    bool inner_null;
    switch (field->type) {
    case FIELD_STRING:
        return strcmp(name, "string") == 0 && null != field->required;
    case FIELD_LONG:
        return (strcmp(name, "long") == 0 || strcmp(name, "int") == 0) && null != field->required;
    case FIELD_COUNT:
        return (strcmp(name, "long") == 0 || strcmp(name, "int") == 0) && !null;
    case FIELD_DOUBLE:
        return strcmp(name, "double") == 0 && null != field->required;
    case FIELD_BOOL:
        return strcmp(name, "boolean") == 0 && !null;
    case FIELD_ENUM:
        check_symbols(field, type);
        return strcmp(name, "enum") == 0 && !null;
    case FIELD_ITEM:
        return strcmp(name, "record") == 0 && is_item(type) && !null;
    case FIELD_ITEMS:
        return strcmp(name, "array") == 0 && is_item(json_object_get(type, "items")) && !null;
    case FIELD_STRINGS:
        return strcmp(name, "array") == 0 && !null &&
               strcmp(type_of(json_object_get(type, "items"), &inner, &inner_null), "string") == 0;
    case FIELD_PAIRS:
        return strcmp(name, "map") == 0 && !null;
    case FIELD_SKIP: /* event_write.c writes a zero byte for it */
        return null || strcmp(name, "array") == 0 || strcmp(name, "map") == 0 ||
               strcmp(name, "long") == 0;
    }
    return false;
}

static void check_default(const struct field *field, json_t *value, const char *base)
{
    const void *at = base + field->offset;
    switch (field->type) {
    case FIELD_STRING:
        CHECK(json_is_null(value) && ((const struct bytes *)at)->at == NULL);
        break;
    case FIELD_LONG:
        CHECK(json_is_null(value) && *(const int64_t *)at == -1);
        break;
    case FIELD_COUNT:
        CHECK_INT(*(const int64_t *)at, json_integer_value(value));
        break;
    case FIELD_DOUBLE:
        CHECK(json_is_null(value) && isnan(*(const double *)at));
        break;
    case FIELD_BOOL:
        CHECK_INT(*(const bool *)at, json_is_true(value));
        break;
    case FIELD_ENUM:
        CHECK_TEXT(field->symbols[*(const int64_t *)at], json_string_value(value));
        break;
    case FIELD_STRINGS:
        CHECK(((const struct event_strings *)at)->count == 0);
        break;
    default:
        CHECK(json_is_null(value) || json_array_size(value) + json_object_size(value) == 0);
        break;
    }
}

static void check_table(const char *what, struct field_table table, json_t *fields,
                        const char *initial)
{
    CHECK_SAY(table.count == json_array_size(fields), "%s: %zu fields in C, %zu in the schema",
              what, table.count, json_array_size(fields));
    CHECK(table.count <= 64);
    for (size_t i = 0; i < table.count && i < json_array_size(fields); i++) {
        const struct field *field = &table.fields[i];
        json_t *entry = json_array_get(fields, i), *inner;
        json_t *fallback = json_object_get(entry, "default");
        bool null;
        CHECK_TEXT(field->name, json_string_value(json_object_get(entry, "name")));
        CHECK_SAY(field->required == (fallback == NULL), "%s.%s: required", what, field->name);
        const char *type = type_of(json_object_get(entry, "type"), &inner, &null);
        CHECK_SAY(matches(field, type, inner, null), "%s.%s: is %s in the schema", what,
                  field->name, type);
        if (fallback)
            check_default(field, fallback, initial);
        if (field->type == FIELD_ITEM || field->type == FIELD_ITEMS) {
            struct event_item item;
            event_item_init(&item);
            json_t *record = field->type == FIELD_ITEM ? inner : json_object_get(inner, "items");
            check_table("Item", event_item_fields(), json_object_get(record, "fields"),
                        (const char *)&item);
        }
    }
}

static void test_tables(void)
{
    for (int type = 0; type < EVENT_TYPES; type++) {
        struct event event;
        event_init(&event, (enum event_type)type);
        json_t *schema = load_schema(event_type_names[type]);
        check_table(event_type_names[type], event_fields((enum event_type)type),
                    json_object_get(schema, "fields"), (const char *)&event);
        json_decref(schema);
    }
}

static void test_kinds(void)
{
    json_t *schema = load_schema("interaction");
    json_t *kind = json_object_get(
        json_object_get(json_array_get(json_object_get(schema, "fields"), 2), "type"), "symbols");
    CHECK_INT(json_array_size(kind), KINDS);
    for (size_t i = 0; i < KINDS; i++)
        CHECK_TEXT(kind_names[i], json_string_value(json_array_get(kind, i)));
    json_decref(schema);
    CHECK(schema_text("nonsense").at == NULL);
}

static struct event valid_view(struct event_item *item)
{
    struct event event;
    event_init(&event, EVENT_VIEW);
    event_item_init(item);
    event.event_id = event.visitor_id = item->item_id = bytes_text("x");
    event.items = item;
    event.item_count = 1;
    return event;
}

#define CHECK_REFUSED(event, part)                                                                 \
    do {                                                                                           \
        struct error why = {0};                                                                    \
        CHECK(event_check((event), &why) == VERDICT_SKIP);                                         \
        CHECK_CONTAINS(why.message, part);                                                         \
    } while (0)

static void test_check_ids(void)
{
    struct event_item item;
    struct event event = valid_view(&item);
    char id[EVENT_ID_BYTES_MAX + 1];
    memset(id, 'x', sizeof id);
    CHECK(event_check(&event, NULL) == VERDICT_OK);
    event.event_id = bytes_of(id, EVENT_ID_BYTES_MAX);
    CHECK(event_check(&event, NULL) == VERDICT_OK);
    event.event_id = bytes_of(id, sizeof id);
    CHECK_REFUSED(&event, "event_id has 257 bytes");
    event.event_id = bytes_of("", 0);
    CHECK_REFUSED(&event, "event_id is missing or empty");
    event.event_id = bytes_of("a\0b", 3);
    CHECK_REFUSED(&event, "event_id has a control character (byte 1 is 0x00)");
    event.event_id = bytes_text("\x7F");
    CHECK_REFUSED(&event, "0x7f");
    event.event_id = bytes_text("\x80"); /* UTF-8 is the decoder's to check */
    CHECK(event_check(&event, NULL) == VERDICT_OK);
    event.visitor_id = bytes_text("\n");
    CHECK_REFUSED(&event, "visitor_id");
    event.visitor_id = bytes_text("v");
    event.user_id = bytes_text("\t");
    CHECK_REFUSED(&event, "user_id");
    event.user_id = bytes_of("", 0); /* the same as absent: the visitor counts */
    CHECK(event_check(&event, NULL) == VERDICT_OK);
    CHECK_BYTES(event_visitor(&event), bytes_text("v"));
    event.user_id = bytes_text("u");
    CHECK_BYTES(event_visitor(&event), bytes_text("u"));
    item.item_id = bytes_of("", 0);
    CHECK_REFUSED(&event, "item_id");
}

static void test_check_amounts(void)
{
    static const double refused[] = {-0.01, -INFINITY, INFINITY, 1.1e12};
    static const double taken[] = {0, -0.0, 0.01, 1e12, NAN};
    struct event_item item;
    struct event event = valid_view(&item);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        item.price = refused[i];
        CHECK_REFUSED(&event, "price");
        item.price = NAN;
        item.discount = refused[i];
        CHECK_REFUSED(&event, "discount");
        item.discount = NAN;
        event.value = refused[i];
        CHECK_REFUSED(&event, "value");
        event.value = NAN;
    }
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
        item.price = item.discount = event.value = taken[i];
        CHECK(event_check(&event, NULL) == VERDICT_OK);
    }
    item.quantity = -1;
    CHECK_REFUSED(&event, "quantity");
    item.quantity = 1000001;
    CHECK_REFUSED(&event, "quantity");
    item.quantity = 1000000;
    CHECK(event_check(&event, NULL) == VERDICT_OK);
}

static void test_check_items(void)
{
    struct event_item item;
    struct event event = valid_view(&item);
    event.item_count = 0;
    for (int type = 0; type < EVENT_TYPES; type++) {
        event.type = (enum event_type)type;
        event.search_term = bytes_text("t");
        event.action = CART_ADD;
        event.user_id = event.item_id = bytes_text("x");
        bool needs = type != EVENT_SEARCH && type != EVENT_PRODUCT && type != EVENT_USER;
        CHECK_SAY((event_check(&event, NULL) == VERDICT_OK) == !needs, "%s without items",
                  event_type_names[type]);
    }
    event.type = EVENT_CART;
    event.action = CART_CLEAR;
    CHECK(event_check(&event, NULL) == VERDICT_OK);
    event.type = EVENT_IMPRESSION;
    event.item_count = 1;
    CHECK_REFUSED(&event, "no index");
    item.index = 0;
    CHECK(event_check(&event, NULL) == VERDICT_OK);
    event.type = EVENT_SEARCH;
    event.search_term = bytes_of("", 0);
    CHECK_REFUSED(&event, "search_term is empty");
    static char term[EVENT_TEXT_BYTES_MAX + 1];
    memset(term, 'x', sizeof term);
    event.search_term = bytes_of(term, sizeof term);
    CHECK_REFUSED(&event, "search_term has 4097 bytes");
}

int main(void)
{
    TEST_RUN(test_tables);
    TEST_RUN(test_kinds);
    TEST_RUN(test_check_ids);
    TEST_RUN(test_check_amounts);
    TEST_RUN(test_check_items);
    return test_done();
}
