#include "schemas/event.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>

#define ITEMS_MIN 4 /* room for items that an event begins with */

const char *const event_type_names[EVENT_TYPES] = {
    "view", "search", "cart", "purchase", "impression", "click", "user", "product",
};

static const char *const cart_actions[] = {"add", "remove", "update", "clear", NULL};
static const char *const purchase_statuses[] = {"completed", "refunded", "cancelled", NULL};
static const char *const availabilities[] = {"in_stock", "out_of_stock", "preorder", "backorder",
                                             NULL};

#define AT(field) offsetof(struct event, field)
#define ITEM_AT(field) offsetof(struct event_item, field)

#define ENVELOPE(attribution_required)                                                             \
    {"event_id", FIELD_STRING, AT(event_id), true, NULL},                                          \
        {"visitor_id", FIELD_STRING, AT(visitor_id), true, NULL},                                  \
        {"user_id", FIELD_STRING, AT(user_id), false, NULL},                                       \
        {"session_id", FIELD_STRING, AT(session_id), false, NULL},                                 \
        {"event_time", FIELD_LONG, AT(event_time_ms), true, NULL},                                 \
        {"channel", FIELD_STRING, AT(channel), false, NULL},                                       \
        {"user_agent", FIELD_STRING, AT(user_agent), false, NULL},                                 \
        {"uri", FIELD_STRING, AT(uri), false, NULL},                                               \
        {"consent", FIELD_BOOL, AT(consent), false, NULL},                                         \
        {"attributes", FIELD_SKIP, 0, false, NULL},                                                \
        {"experiment_ids", FIELD_SKIP, 0, false, NULL},                                            \
        {"recommendation_id", FIELD_STRING, AT(recommendation_id), attribution_required, NULL},    \
    {                                                                                              \
        "placement", FIELD_STRING, AT(placement), attribution_required, NULL                       \
    }

static const struct field view_fields[] = {
    ENVELOPE(false),
    {"item", FIELD_ITEM, 0, true, NULL},
    {"dwell_ms", FIELD_LONG, AT(dwell_ms), false, NULL},
};

static const struct field search_fields[] = {
    ENVELOPE(false),
    {"search_term", FIELD_STRING, AT(search_term), true, NULL},
    {"filters", FIELD_SKIP, 0, false, NULL},
    {"result_count", FIELD_LONG, AT(result_count), false, NULL},
    {"items", FIELD_ITEMS, 0, false, NULL},
};

static const struct field cart_fields[] = {
    ENVELOPE(false),
    {"action", FIELD_ENUM, AT(action), true, cart_actions},
    {"items", FIELD_ITEMS, 0, false, NULL},
};

static const struct field purchase_fields[] = {
    ENVELOPE(false),
    {"transaction_id", FIELD_STRING, AT(transaction_id), true, NULL},
    {"value", FIELD_DOUBLE, AT(value), false, NULL},
    {"currency", FIELD_STRING, AT(currency), false, NULL},
    {"status", FIELD_ENUM, AT(status), false, purchase_statuses},
    {"items", FIELD_ITEMS, 0, false, NULL},
};

static const struct field impression_fields[] = {
    ENVELOPE(true),
    {"items", FIELD_ITEMS, 0, true, NULL},
};

static const struct field click_fields[] = {
    ENVELOPE(true),
    {"item", FIELD_ITEM, 0, true, NULL},
};

static const struct field product_fields[] = {
    {"item_id", FIELD_STRING, AT(item_id), true, NULL},
    {"title", FIELD_STRING, AT(title), true, NULL},
    {"description", FIELD_SKIP, 0, false, NULL},
    {"item_brand", FIELD_STRING, AT(item_brand), false, NULL},
    {"categories", FIELD_STRINGS, AT(categories), false, NULL},
    {"price", FIELD_DOUBLE, AT(price), false, NULL},
    {"original_price", FIELD_DOUBLE, AT(original_price), false, NULL},
    {"currency", FIELD_STRING, AT(currency), false, NULL},
    {"availability", FIELD_ENUM, AT(availability), false, availabilities},
    {"rating", FIELD_DOUBLE, AT(rating), false, NULL},
    {"rating_count", FIELD_COUNT, AT(rating_count), false, NULL},
    {"like_count", FIELD_COUNT, AT(like_count), false, NULL},
    {"genders", FIELD_STRINGS, AT(genders), false, NULL},
    {"age_groups", FIELD_STRINGS, AT(age_groups), false, NULL},
    {"colors", FIELD_STRINGS, AT(colors), false, NULL},
    {"tags", FIELD_STRINGS, AT(tags), false, NULL},
    {"image_uri", FIELD_STRING, AT(image_uri), false, NULL},
    {"attributes", FIELD_PAIRS, AT(attributes), false, NULL},
};

static const struct field user_fields[] = {
    {"user_id", FIELD_STRING, AT(user_id), true, NULL},
    {"gender", FIELD_STRING, AT(gender), false, NULL},
    {"age_group", FIELD_STRING, AT(age_group), false, NULL},
    {"segment", FIELD_STRING, AT(segment), false, NULL},
    {"consent", FIELD_BOOL, AT(consent), false, NULL},
};

static const struct field item_fields[] = {
    {"item_id", FIELD_STRING, ITEM_AT(item_id), true, NULL},
    {"item_variant", FIELD_STRING, ITEM_AT(item_variant), false, NULL},
    {"price", FIELD_DOUBLE, ITEM_AT(price), false, NULL},
    {"currency", FIELD_STRING, ITEM_AT(currency), false, NULL},
    {"discount", FIELD_DOUBLE, ITEM_AT(discount), false, NULL},
    {"quantity", FIELD_COUNT, ITEM_AT(quantity), false, NULL},
    {"index", FIELD_LONG, ITEM_AT(index), false, NULL},
    {"item_list_id", FIELD_STRING, ITEM_AT(item_list_id), false, NULL},
};

#define TABLE(array) {(array), sizeof(array) / sizeof((array)[0])}

static const struct field_table tables[EVENT_TYPES] = {
    TABLE(view_fields),       TABLE(search_fields), TABLE(cart_fields), TABLE(purchase_fields),
    TABLE(impression_fields), TABLE(click_fields),  TABLE(user_fields), TABLE(product_fields),
};

void event_refuse_symbol(const struct field *field, const char *value, struct error *error)
{
    char symbols[200] = "";
    for (size_t i = 0; field->symbols[i]; i++)
        snprintf(symbols + strlen(symbols), sizeof symbols - strlen(symbols), "%s%s", i ? ", " : "",
                 field->symbols[i]);
    error_set(error, VERDICT_SKIP, "%s is %s, not one of %s", field->name, value, symbols);
}

bool event_whole_number(double value, int64_t *ret_number)
{
    if (!(fabs(value) < 0x1p53) || floor(value) != value)
        return false;
    *ret_number = (int64_t)value;
    return true;
}

struct field_table event_fields(enum event_type type)
{
    return tables[type];
}

struct field_table event_item_fields(void)
{
    return (struct field_table)TABLE(item_fields);
}

void event_item_init(struct event_item *item)
{
    *item = (struct event_item){.price = NAN, .discount = NAN, .quantity = 1, .index = -1};
}

void event_init(struct event *event, enum event_type type)
{
    *event = (struct event){
        .type = type,
        .consent = true,
        .dwell_ms = -1,
        .result_count = -1,
        .value = NAN,
        .price = NAN,
        .original_price = NAN,
        .rating = NAN,
    };
}

void event_init_erased(struct event *event, struct bytes user_id)
{
    event_init(event, EVENT_USER);
    event->user_id = user_id;
    event->erased = true;
}

struct event_item *event_add_item(struct event *event, uint32_t *capacity, struct arena *arena,
                                  struct error *error)
{
    if (event->item_count == EVENT_ITEMS_MAX) {
        error_set(error, VERDICT_SKIP, "more than %d items in one event", EVENT_ITEMS_MAX);
        return NULL;
    }
    if (event->item_count == *capacity) {
        *capacity = *capacity ? 2 * *capacity : ITEMS_MIN;
        struct event_item *items = arena_get(arena, *capacity * sizeof *items);
        if (event->item_count > 0)
            memcpy(items, event->items, event->item_count * sizeof *items);
        event->items = items;
    }
    struct event_item *item = &event->items[event->item_count++];
    event_item_init(item);
    return item;
}

static void copy_strings(struct event_strings *strings, struct arena *arena)
{
    struct bytes *copies = arena_get(arena, strings->count * sizeof *copies);
    for (uint32_t i = 0; i < strings->count; i++)
        copies[i] = arena_copy(arena, strings->at[i]);
    strings->at = copies;
}

static void copy_pairs(struct event_pairs *pairs, struct arena *arena)
{
    struct event_strings halves = {.at = pairs->at, .count = 2 * pairs->count};
    copy_strings(&halves, arena);
    pairs->at = halves.at;
}

/* Replaces what the fields of `record` point to by copies. */
static void copy_fields(struct field_table table, void *record, struct arena *arena)
{
    for (size_t i = 0; i < table.count; i++) {
        void *field = (char *)record + table.fields[i].offset;
        if (table.fields[i].type == FIELD_STRING)
            *(struct bytes *)field = arena_copy(arena, *(struct bytes *)field);
        else if (table.fields[i].type == FIELD_STRINGS)
            copy_strings(field, arena);
        else if (table.fields[i].type == FIELD_PAIRS)
            copy_pairs(field, arena);
    }
}

struct event event_copy(const struct event *event, struct arena *arena)
{
    struct event copy = *event;
    copy_fields(event_fields(event->type), &copy, arena);
    copy.items = arena_get(arena, event->item_count * sizeof *copy.items);
    for (uint32_t i = 0; i < event->item_count; i++) {
        copy.items[i] = event->items[i];
        copy_fields(event_item_fields(), &copy.items[i], arena);
    }
    return copy;
}

static enum verdict check_id(struct bytes id, const char *name, bool required, struct error *error)
{
    if (id.at == NULL && !required)
        return VERDICT_OK;
    if (id.size == 0)
        return error_set(error, VERDICT_SKIP, "%s is missing or empty", name);
    if (id.size > EVENT_ID_BYTES_MAX)
        return error_set(error, VERDICT_SKIP, "%s has %zu bytes, at most %d are taken", name,
                         id.size, EVENT_ID_BYTES_MAX);
    for (size_t i = 0; i < id.size; i++)
        if ((unsigned char)id.at[i] < 0x20 || id.at[i] == 0x7F)
            return error_set(error, VERDICT_SKIP, "%s has a control character (byte %zu is 0x%02x)",
                             name, i, (unsigned)(unsigned char)id.at[i]);
    return VERDICT_OK;
}

static enum verdict check_amount(double amount, const char *name, struct error *error)
{
    if (isnan(amount) || (amount >= 0 && amount <= 1e12))
        return VERDICT_OK;
    return error_set(error, VERDICT_SKIP, "%s is %g, which is no amount", name, amount);
}

static enum verdict check_item(const struct event_item *item, struct error *error)
{
    if (check_id(item->item_id, "item_id", true, error) != VERDICT_OK ||
        check_amount(item->price, "price", error) != VERDICT_OK ||
        check_amount(item->discount, "discount", error) != VERDICT_OK)
        return VERDICT_SKIP;
    if (item->quantity < 0 || item->quantity > 1000000)
        return error_set(error, VERDICT_SKIP, "quantity is %lld", (long long)item->quantity);
    return VERDICT_OK;
}

static enum verdict check_term(struct bytes term, struct error *error)
{
    if (term.size == 0)
        return error_set(error, VERDICT_SKIP, "search_term is empty");
    if (term.size > EVENT_TEXT_BYTES_MAX)
        return error_set(error, VERDICT_SKIP, "search_term has %zu bytes, at most %d are taken",
                         term.size, EVENT_TEXT_BYTES_MAX);
    return VERDICT_OK;
}

static enum verdict check_items(const struct event *event, struct error *error)
{
    bool needs_items = event->type != EVENT_SEARCH &&
                       !(event->type == EVENT_CART && event->action == CART_CLEAR) &&
                       !(event->type == EVENT_PURCHASE && event->status != PURCHASE_COMPLETED);
    bool one = event->type == EVENT_VIEW || event->type == EVENT_CLICK;
    if (needs_items && event->item_count == 0)
        return error_set(error, VERDICT_SKIP, one ? "item is missing" : "items is empty");
    if (one && event->item_count > 1)
        return error_set(error, VERDICT_SKIP,
                         "a %s is of one item, and items has %u; send a record for each item",
                         event_type_names[event->type], event->item_count);
    for (uint32_t i = 0; i < event->item_count; i++) {
        if (check_item(&event->items[i], error) != VERDICT_OK)
            return VERDICT_SKIP;
        if (event->type == EVENT_IMPRESSION && event->items[i].index < 0)
            return error_set(error, VERDICT_SKIP, "items[%u] of an impression has no index", i);
    }
    return VERDICT_OK;
}

static enum verdict check_activity(const struct event *event, struct error *error)
{
    if (check_id(event->event_id, "event_id", true, error) != VERDICT_OK ||
        check_id(event->visitor_id, "visitor_id", true, error) != VERDICT_OK)
        return VERDICT_SKIP;
    if (event->user_id.size > 0 && check_id(event->user_id, "user_id", true, error) != VERDICT_OK)
        return VERDICT_SKIP;
    if (event->type == EVENT_SEARCH && check_term(event->search_term, error) != VERDICT_OK)
        return VERDICT_SKIP;
    if (check_items(event, error) != VERDICT_OK)
        return VERDICT_SKIP;
    return check_amount(event->value, "value", error);
}

static enum verdict check_user(const struct event *event, struct error *error)
{
    if (check_id(event->user_id, "user_id", true, error) != VERDICT_OK)
        return VERDICT_SKIP;
    if (event->gender.size > EVENT_ID_BYTES_MAX || event->age_group.size > EVENT_ID_BYTES_MAX ||
        event->segment.size > EVENT_ID_BYTES_MAX)
        return error_set(error, VERDICT_SKIP,
                         "gender, age_group or segment is longer than %d bytes",
                         EVENT_ID_BYTES_MAX);
    return VERDICT_OK;
}

static enum verdict check_product(const struct event *event, struct error *error)
{
    if (check_id(event->item_id, "item_id", true, error) != VERDICT_OK ||
        check_amount(event->price, "price", error) != VERDICT_OK ||
        check_amount(event->original_price, "original_price", error) != VERDICT_OK ||
        check_amount(event->rating, "rating", error) != VERDICT_OK)
        return VERDICT_SKIP;
    if (event->rating_count < 0 || event->like_count < 0)
        return error_set(error, VERDICT_SKIP, "rating_count or like_count is negative");
    return VERDICT_OK;
}

enum verdict event_check(const struct event *event, struct error *error)
{
    switch (event->type) {
    case EVENT_USER:
        return check_user(event, error);
    case EVENT_PRODUCT:
        return check_product(event, error);
    default:
        return check_activity(event, error);
    }
}

static enum verdict check_text_fields(struct field_table table, const void *record,
                                      struct error *error)
{
    for (size_t i = 0; i < table.count; i++) {
        const void *field = (const char *)record + table.fields[i].offset;
        if (table.fields[i].type == FIELD_STRING && !bytes_utf8(*(const struct bytes *)field))
            return error_set(error, VERDICT_SKIP, "%s is not UTF-8", table.fields[i].name);
    }
    return VERDICT_OK;
}

enum verdict event_check_text(const struct event *event, struct error *error)
{
    enum verdict verdict = check_text_fields(event_fields(event->type), event, error);
    for (uint32_t i = 0; i < event->item_count && verdict == VERDICT_OK; i++)
        verdict = check_text_fields(event_item_fields(), &event->items[i], error);
    return verdict;
}
