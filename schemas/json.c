#include "schemas/json.h"

#include "schemas/json_scan.h"

static bool decode_object(struct scanner *s, struct field_table table, char *base);

static bool decode_strings(struct scanner *s, const struct field *field, char *base)
{
    struct bytes found[EVENT_STRINGS_MAX], text;
    uint32_t count = 0, left_out = 0;
    bool ok = true;
    if (scan_peek(s) != '[')
        return scan_fail_type(s, field->name, "an array of strings");
    if (scan_open(s, ']')) {
        do {
            if (scan_peek(s) == 'n') {
                if (!scan_literal(s, "null"))
                    return false;
                continue;
            }
            if (scan_peek(s) != '"')
                return scan_fail_type(s, field->name, "an array of strings");
            if (!scan_string(s, &text))
                return false;
            if (count < EVENT_STRINGS_MAX)
                found[count++] = text;
            else
                left_out++;
        } while (scan_more(s, ']', &ok));
    }
    if (!ok)
        return false;
    struct event_strings *strings = (struct event_strings *)(void *)(base + field->offset);
    strings->count = count;
    strings->left_out = left_out;
    strings->at = arena_get(s->arena, count * sizeof *found);
    if (count > 0)
        memcpy(strings->at, found, count * sizeof *found);
    return true;
}

static bool decode_pairs(struct scanner *s, const struct field *field, char *base)
{
    struct event_pairs *pairs = (struct event_pairs *)(void *)(base + field->offset);
    struct bytes name, value;
    uint32_t capacity = 16;
    bool ok = true;
    if (scan_peek(s) != '{')
        return scan_fail_type(s, field->name, "an object");
    *pairs = (struct event_pairs){.at = arena_get(s->arena, 2 * capacity * sizeof *pairs->at)};
    if (scan_open(s, '}')) {
        do {
            if (!scan_name(s, &name))
                return false;
            if (scan_peek(s) != '"') {
                pairs->left_out += scan_peek(s) != 'n';
                if (!scan_skip(s, 2))
                    return false;
                continue;
            }
            if (!scan_string(s, &value))
                return false;
            if (pairs->count == EVENT_PAIRS_MAX) {
                pairs->left_out++;
                continue;
            }
            if (pairs->count == capacity) {
                struct bytes *more = arena_get(s->arena, 4 * capacity * sizeof *more);
                memcpy(more, pairs->at, 2 * capacity * sizeof *more);
                pairs->at = more;
                capacity *= 2;
            }
            pairs->at[2 * pairs->count] = name;
            pairs->at[2 * pairs->count++ + 1] = value;
        } while (scan_more(s, '}', &ok));
    }
    return ok;
}

static bool decode_items(struct scanner *s, const struct field *field)
{
    uint32_t capacity = 0;
    bool ok = true;
    if (scan_peek(s) != '[')
        return scan_fail_type(s, field->name, "an array");
    s->event->items = NULL;
    s->event->item_count = 0;
    if (scan_open(s, ']')) {
        do {
            if (scan_peek(s) != '{')
                return scan_fail_type(s, "an element of items", "an object");
            struct event_item *item = event_add_item(s->event, &capacity, s->arena, s->error);
            if (item == NULL || !decode_object(s, event_item_fields(), (char *)item))
                return false;
        } while (scan_more(s, ']', &ok));
    }
    return ok;
}

static bool decode_number(struct scanner *s, const struct field *field, char *base)
{
    struct json_number number;
    char c = scan_peek(s);
    if (c != '-' && (c < '0' || c > '9'))
        return scan_fail_type(s, field->name, "a number");
    if (!scan_number(s, &number))
        return false;
    if (field->type == FIELD_DOUBLE) {
        memcpy(base + field->offset, &number.value, sizeof number.value);
        return true;
    }
    if (!number.is_integer && !event_whole_number(number.value, &number.integer))
        return scan_fail_type(s, field->name, "a whole number of 64 bits");
    memcpy(base + field->offset, &number.integer, sizeof number.integer);
    return true;
}

static bool decode_enum(struct scanner *s, const struct field *field, char *base)
{
    struct bytes text;
    if (scan_peek(s) != '"')
        return scan_fail_type(s, field->name, "a string");
    if (!scan_string(s, &text))
        return false;
    for (int64_t i = 0; field->symbols[i]; i++) {
        if (bytes_equal(text, bytes_text(field->symbols[i]))) {
            memcpy(base + field->offset, &i, sizeof i);
            return true;
        }
    }
    char quoted[BYTES_QUOTED_SIZE];
    event_refuse_symbol(field, bytes_quote(text, quoted), s->error);
    return false;
}

static bool decode_bool(struct scanner *s, const struct field *field, char *base)
{
    bool value = scan_peek(s) == 't';
    if (!value && scan_peek(s) != 'f')
        return scan_fail_type(s, field->name, "true or false");
    if (!scan_literal(s, value ? "true" : "false"))
        return false;
    memcpy(base + field->offset, &value, sizeof value);
    return true;
}

static bool decode_field(struct scanner *s, const struct field *field, char *base)
{
    struct bytes text;
    switch (field->type) {
    case FIELD_STRING:
        if (scan_peek(s) != '"')
            return scan_fail_type(s, field->name, "a string");
        if (!scan_string(s, &text))
            return false;
        memcpy(base + field->offset, &text, sizeof text);
        return true;
    case FIELD_LONG:
    case FIELD_COUNT:
    case FIELD_DOUBLE:
        return decode_number(s, field, base);
    case FIELD_BOOL:
        return decode_bool(s, field, base);
    case FIELD_ENUM:
        return decode_enum(s, field, base);
    case FIELD_ITEM:
        if (scan_peek(s) != '{')
            return scan_fail_type(s, field->name, "an object");
        s->event->items = arena_get(s->arena, sizeof *s->event->items);
        s->event->item_count = 1;
        event_item_init(s->event->items);
        return decode_object(s, event_item_fields(), (char *)s->event->items);
    case FIELD_ITEMS:
        return decode_items(s, field);
    case FIELD_STRINGS:
        return decode_strings(s, field, base);
    case FIELD_PAIRS:
        return decode_pairs(s, field, base);
    case FIELD_SKIP:
        break;
    }
    return scan_skip(s, 1);
}

/* The table's entry of that name. It looks at `hint` first: producers write fields in one order. */
static size_t find_field(struct field_table table, struct bytes name, size_t hint)
{
    for (size_t i = 0; i < table.count; i++) {
        size_t k = hint + i < table.count ? hint + i : hint + i - table.count;
        const char *known = table.fields[k].name;
        if (bytes_equal(name, bytes_text(known))) /* a name may hold a NUL */
            return k;
    }
    return table.count;
}

/* A view or a click may carry its one item as "items", as other systems do. event_check() counts
 * them. */
static bool is_item_list(const struct scanner *s, struct field_table table, struct bytes name)
{
    enum event_type type = s->event->type;
    return (type == EVENT_VIEW || type == EVENT_CLICK) &&
           table.fields == event_fields(type).fields && bytes_equal(name, bytes_text("items"));
}

static bool is_missing(const struct scanner *s, const struct field *field)
{
    return field->required && !(field->type == FIELD_ITEM && s->event->item_count > 0);
}

static bool decode_object(struct scanner *s, struct field_table table, char *base)
{
    static const struct field item_list = {"items", FIELD_ITEMS, 0, false, NULL};
    uint64_t seen = 0;
    size_t hint = 0;
    bool ok = true;
    if (scan_open(s, '}')) {
        do {
            struct bytes name;
            if (!scan_name(s, &name))
                return false;
            size_t k = find_field(table, name, hint);
            bool null = scan_peek(s) == 'n';
            if (k == table.count && !null && is_item_list(s, table, name)) {
                if (!decode_items(s, &item_list))
                    return false;
                continue;
            }
            if (k == table.count || null) {
                if (!scan_skip(s, 1))
                    return false;
                continue;
            }
            if (!decode_field(s, &table.fields[k], base))
                return false;
            seen |= (uint64_t)1 << k;
            hint = k + 1;
        } while (scan_more(s, '}', &ok));
    }
    if (!ok)
        return false;
    for (size_t k = 0; k < table.count; k++) {
        if (!(seen >> k & 1) && is_missing(s, &table.fields[k])) {
            error_set(s->error, VERDICT_SKIP, "%s is missing", table.fields[k].name);
            return false;
        }
    }
    return true;
}

enum verdict json_decode(struct bytes text, struct arena *arena, struct event *event,
                         struct error *error)
{
    struct scanner s = scanner_of(text, arena, error);
    s.event = event;
    scan_space(&s);
    if (scan_peek(&s) != '{')
        return scan_fail(&s, "an object was expected"), VERDICT_SKIP;
    if (!decode_object(&s, event_fields(event->type), (char *)event))
        return VERDICT_SKIP;
    scan_space(&s);
    if (s.at < s.end)
        return scan_fail(&s, "something follows the object"), VERDICT_SKIP;
    return VERDICT_OK;
}

enum verdict json_text_field(struct bytes text, const char *name, struct arena *arena,
                             struct bytes *ret_value, struct error *error)
{
    struct scanner s = scanner_of(text, arena, error);
    scan_space(&s);
    if (scan_peek(&s) != '{')
        return scan_fail(&s, "an object was expected"), VERDICT_SKIP;
    bool ok = true;
    if (scan_open(&s, '}')) {
        do {
            struct bytes found;
            if (!scan_name(&s, &found))
                return VERDICT_SKIP;
            if (bytes_equal(found, bytes_text(name)))
                return scan_string(&s, ret_value) ? VERDICT_OK : VERDICT_SKIP;
            if (!scan_skip(&s, 1))
                return VERDICT_SKIP;
        } while (scan_more(&s, '}', &ok));
    }
    if (ok)
        error_set(error, VERDICT_SKIP, "%s is missing", name);
    return VERDICT_SKIP;
}
