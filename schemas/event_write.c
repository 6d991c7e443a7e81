#include "schemas/event_write.h"

#include "schemas/avro_binary.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static int64_t long_at(const char *base, const struct field *field)
{
    int64_t value;
    memcpy(&value, base + field->offset, sizeof value);
    return value;
}

static double double_at(const char *base, const struct field *field)
{
    double value;
    memcpy(&value, base + field->offset, sizeof value);
    return value;
}

static struct bytes bytes_at(const char *base, const struct field *field)
{
    struct bytes value;
    memcpy(&value, base + field->offset, sizeof value);
    return value;
}

static bool bool_at(const char *base, const struct field *field)
{
    return base[field->offset] != 0;
}

/* ---- JSON ---- */

static void json_object(const struct event *event, struct field_table table, const char *base,
                        bool first, struct buffer *buffer);

static void json_double(struct buffer *buffer, double value)
{
    char text[32];
    if (value == floor(value) && fabs(value) < 1e15) {
        buffer_decimal(buffer, (int64_t)value);
        return;
    }
    snprintf(text, sizeof text, "%.15g", value); /* short where that is exact */
    if (strtod(text, NULL) != value)
        snprintf(text, sizeof text, "%.17g", value);
    buffer_text(buffer, text);
}

static void json_strings(const struct event_strings *strings, struct buffer *buffer)
{
    buffer_byte(buffer, '[');
    for (uint32_t i = 0; i < strings->count; i++) {
        if (i > 0)
            buffer_byte(buffer, ',');
        buffer_json(buffer, strings->at[i]);
    }
    buffer_byte(buffer, ']');
}

static const struct event_pairs *pairs_at(const char *base, const struct field *field)
{
    return (const struct event_pairs *)(const void *)(base + field->offset);
}

static void json_pairs(const struct event_pairs *pairs, struct buffer *buffer)
{
    buffer_byte(buffer, '{');
    for (uint32_t i = 0; i < pairs->count; i++) {
        if (i > 0)
            buffer_byte(buffer, ',');
        buffer_json(buffer, pairs->at[2 * i]);
        buffer_byte(buffer, ':');
        buffer_json(buffer, pairs->at[2 * i + 1]);
    }
    buffer_byte(buffer, '}');
}

static void json_items(const struct event *event, struct buffer *buffer)
{
    buffer_byte(buffer, '[');
    for (uint32_t i = 0; i < event->item_count; i++) {
        buffer_text(buffer, i > 0 ? ",{" : "{");
        json_object(event, event_item_fields(), (const char *)&event->items[i], true, buffer);
        buffer_byte(buffer, '}');
    }
    buffer_byte(buffer, ']');
}

/* Whether the field has to be written: required, or other than its default. */
static bool present(const struct event *event, const struct field *field, const char *base)
{
    switch (field->type) {
    case FIELD_STRING:
        return bytes_at(base, field).at != NULL;
    case FIELD_LONG:
        return field->required || long_at(base, field) != -1;
    case FIELD_COUNT:
        return long_at(base, field) != (strcmp(field->name, "quantity") == 0 ? 1 : 0);
    case FIELD_DOUBLE:
        return !isnan(double_at(base, field));
    case FIELD_BOOL:
        return !bool_at(base, field);
    case FIELD_ENUM:
        return field->required || long_at(base, field) != 0;
    case FIELD_ITEM:
        return event->item_count > 0;
    case FIELD_ITEMS:
        return field->required || event->item_count > 0;
    case FIELD_STRINGS:
        return ((const struct event_strings *)(const void *)(base + field->offset))->count > 0;
    case FIELD_PAIRS:
        return pairs_at(base, field)->count > 0;
    case FIELD_SKIP:
        break;
    }
    return false;
}

static void json_value(const struct event *event, const struct field *field, const char *base,
                       struct buffer *buffer)
{
    switch (field->type) {
    case FIELD_STRING:
        buffer_json(buffer, bytes_at(base, field));
        break;
    case FIELD_LONG:
    case FIELD_COUNT:
        buffer_decimal(buffer, long_at(base, field));
        break;
    case FIELD_DOUBLE:
        json_double(buffer, double_at(base, field));
        break;
    case FIELD_BOOL:
        buffer_text(buffer, bool_at(base, field) ? "true" : "false");
        break;
    case FIELD_ENUM:
        buffer_json(buffer, bytes_text(field->symbols[long_at(base, field)]));
        break;
    case FIELD_ITEM:
        buffer_byte(buffer, '{');
        json_object(event, event_item_fields(), (const char *)event->items, true, buffer);
        buffer_byte(buffer, '}');
        break;
    case FIELD_ITEMS:
        json_items(event, buffer);
        break;
    case FIELD_STRINGS:
        json_strings((const struct event_strings *)(const void *)(base + field->offset), buffer);
        break;
    case FIELD_PAIRS:
        json_pairs(pairs_at(base, field), buffer);
        break;
    case FIELD_SKIP:
        break;
    }
}

static void json_object(const struct event *event, struct field_table table, const char *base,
                        bool first, struct buffer *buffer)
{
    for (size_t i = 0; i < table.count; i++) {
        const struct field *field = &table.fields[i];
        if (!present(event, field, base))
            continue;
        buffer_text(buffer, first ? "\"" : ",\"");
        buffer_text(buffer, field->name);
        buffer_text(buffer, "\":");
        json_value(event, field, base, buffer);
        first = false;
    }
}

void event_write_json(const struct event *event, bool typed, struct buffer *buffer)
{
    buffer_byte(buffer, '{');
    if (typed) {
        buffer_text(buffer, "\"type\":\"");
        buffer_text(buffer, event_type_names[event->type]);
        buffer_byte(buffer, '"');
    }
    json_object(event, event_fields(event->type), (const char *)event, !typed, buffer);
    buffer_byte(buffer, '}');
}

/* ---- Avro ---- */

static void avro_fields(const struct event *event, struct field_table table, const char *base,
                        struct buffer *buffer);

static void avro_items(const struct event *event, struct buffer *buffer)
{
    if (event->item_count > 0)
        avro_put_long(buffer, event->item_count);
    for (uint32_t i = 0; i < event->item_count; i++)
        avro_fields(event, event_item_fields(), (const char *)&event->items[i], buffer);
    avro_put_long(buffer, 0);
}

static void avro_strings(const struct event_strings *strings, struct buffer *buffer)
{
    if (strings->count > 0)
        avro_put_long(buffer, strings->count);
    for (uint32_t i = 0; i < strings->count; i++)
        avro_put_string(buffer, strings->at[i]);
    avro_put_long(buffer, 0);
}

static void avro_pairs(const struct event_pairs *pairs, struct buffer *buffer)
{
    if (pairs->count > 0)
        avro_put_long(buffer, pairs->count);
    for (uint32_t i = 0; i < 2 * pairs->count; i++)
        avro_put_string(buffer, pairs->at[i]);
    avro_put_long(buffer, 0);
}

/* A field whose schema is [null, T]: the branch, and whether a value follows. */
static bool avro_branch(const struct event *event, const struct field *field, const char *base,
                        struct buffer *buffer)
{
    if (field->required)
        return true;
    bool has = present(event, field, base);
    avro_put_long(buffer, has ? 1 : 0);
    return has;
}

static void avro_field(const struct event *event, const struct field *field, const char *base,
                       struct buffer *buffer)
{
    switch (field->type) {
    case FIELD_STRING:
        if (avro_branch(event, field, base, buffer))
            avro_put_string(buffer, bytes_at(base, field));
        break;
    case FIELD_LONG:
        if (avro_branch(event, field, base, buffer))
            avro_put_long(buffer, long_at(base, field));
        break;
    case FIELD_DOUBLE:
        if (avro_branch(event, field, base, buffer))
            avro_put_double(buffer, double_at(base, field));
        break;
    case FIELD_COUNT:
    case FIELD_ENUM:
        avro_put_long(buffer, long_at(base, field));
        break;
    case FIELD_BOOL:
        buffer_byte(buffer, bool_at(base, field) ? 1 : 0);
        break;
    case FIELD_ITEM:
        avro_fields(event, event_item_fields(), (const char *)event->items, buffer);
        break;
    case FIELD_ITEMS:
        avro_items(event, buffer);
        break;
    case FIELD_STRINGS:
        avro_strings((const struct event_strings *)(const void *)(base + field->offset), buffer);
        break;
    case FIELD_PAIRS:
        avro_pairs(pairs_at(base, field), buffer);
        break;
    case FIELD_SKIP: /* an empty map or array, or null */
        avro_put_long(buffer, 0);
        break;
    }
}

static void avro_fields(const struct event *event, struct field_table table, const char *base,
                        struct buffer *buffer)
{
    for (size_t i = 0; i < table.count; i++)
        avro_field(event, &table.fields[i], base, buffer);
}

void event_write_avro(const struct event *event, struct buffer *buffer)
{
    avro_fields(event, event_fields(event->type), (const char *)event, buffer);
}
