#include "schemas/avro.h"

#include <jansson.h>

static void canonical(struct buffer *out, json_t *schema, const char *space);

static void canonical_name(struct buffer *out, const char *name, const char *space)
{
    buffer_byte(out, '"');
    if (space && *space && strchr(name, '.') == NULL) {
        buffer_text(out, space);
        buffer_byte(out, '.');
    }
    buffer_text(out, name);
    buffer_byte(out, '"');
}

static void canonical_array(struct buffer *out, json_t *array, const char *space)
{
    size_t i;
    json_t *element;
    buffer_byte(out, '[');
    json_array_foreach(array, i, element)
    {
        if (i > 0)
            buffer_byte(out, ',');
        canonical(out, element, space);
    }
    buffer_byte(out, ']');
}

static void canonical_fields(struct buffer *out, json_t *fields, const char *space)
{
    size_t i;
    json_t *field;
    buffer_text(out, ",\"fields\":[");
    json_array_foreach(fields, i, field)
    {
        buffer_text(out, i > 0 ? ",{\"name\":" : "{\"name\":");
        const char *name = json_string_value(json_object_get(field, "name"));
        canonical_name(out, name ? name : "", NULL);
        buffer_text(out, ",\"type\":");
        canonical(out, json_object_get(field, "type"), space);
        buffer_byte(out, '}');
    }
    buffer_byte(out, ']');
}

bool avro_is_primitive(const char *type)
{
    static const char *const primitives[] = {"null",  "boolean", "int",   "long",
                                             "float", "double",  "bytes", "string"};
    for (size_t i = 0; i < sizeof primitives / sizeof primitives[0]; i++)
        if (strcmp(type, primitives[i]) == 0)
            return true;
    return false;
}

static void canonical_named(struct buffer *out, json_t *schema, const char *type, const char *space)
{
    const char *name = json_string_value(json_object_get(schema, "name"));
    const char *own = json_string_value(json_object_get(schema, "namespace"));
    char enclosing[256] = "";
    const char *dot = name ? strrchr(name, '.') : NULL;
    if (dot && (size_t)(dot - name) < sizeof enclosing)
        memcpy(enclosing, name, (size_t)(dot - name));
    const char *inner = dot ? enclosing : own ? own : space;
    buffer_text(out, "{\"name\":");
    canonical_name(out, name ? name : "", inner);
    buffer_text(out, ",\"type\":\"");
    buffer_text(out, type);
    buffer_byte(out, '"');
    if (strcmp(type, "record") == 0) {
        canonical_fields(out, json_object_get(schema, "fields"), inner);
    } else if (strcmp(type, "enum") == 0) {
        buffer_text(out, ",\"symbols\":");
        size_t i;
        json_t *symbol;
        buffer_byte(out, '[');
        json_array_foreach(json_object_get(schema, "symbols"), i, symbol)
        {
            if (i > 0)
                buffer_byte(out, ',');
            canonical_name(out, json_is_string(symbol) ? json_string_value(symbol) : "", NULL);
        }
        buffer_byte(out, ']');
    } else {
        buffer_text(out, ",\"size\":");
        buffer_decimal(out, json_integer_value(json_object_get(schema, "size")));
    }
    buffer_byte(out, '}');
}

/* Parsing Canonical Form, Avro 1.11 specification: [PRIMITIVES] [FULLNAMES] [STRIP] [ORDER]
 * [STRINGS] [INTEGERS] [WHITESPACE]. */
static void canonical(struct buffer *out, json_t *schema, const char *space)
{
    if (json_is_string(schema)) {
        const char *type = json_string_value(schema);
        canonical_name(out, type, avro_is_primitive(type) ? NULL : space);
        return;
    }
    if (json_is_array(schema)) {
        canonical_array(out, schema, space);
        return;
    }
    json_t *type = json_object_get(schema, "type");
    const char *name = json_string_value(type);
    if (name == NULL) {
        if (type)
            canonical(out, type, space);
    } else if (strcmp(name, "array") == 0 || strcmp(name, "map") == 0) {
        bool array = name[0] == 'a';
        buffer_text(out,
                    array ? "{\"type\":\"array\",\"items\":" : "{\"type\":\"map\",\"values\":");
        canonical(out, json_object_get(schema, array ? "items" : "values"), space);
        buffer_byte(out, '}');
    } else if (strcmp(name, "record") == 0 || strcmp(name, "enum") == 0 ||
               strcmp(name, "fixed") == 0) {
        canonical_named(out, schema, name, space);
    } else {
        canonical_name(out, name, avro_is_primitive(name) ? NULL : space);
    }
}

enum verdict avro_fingerprint(struct bytes schema, uint64_t *ret_fingerprint, struct error *error)
{
    const uint64_t empty = 0xC15D213AA4D7A795u;
    json_error_t json_error;
    json_t *json = json_loadb(schema.at, schema.size, JSON_DECODE_ANY, &json_error);
    if (json == NULL)
        return error_set(error, VERDICT_SKIP, "a schema is not JSON: line %d: %s", json_error.line,
                         json_error.text);
    struct buffer text = {0};
    canonical(&text, json, NULL);
    json_decref(json);
    uint64_t fingerprint = empty;
    for (size_t i = 0; i < text.size; i++) {
        uint64_t row = (fingerprint ^ (unsigned char)text.at[i]) & 0xFF;
        for (int bit = 0; bit < 8; bit++)
            row = (row >> 1) ^ (empty & (0 - (row & 1)));
        fingerprint = (fingerprint >> 8) ^ row;
    }
    buffer_release(&text);
    *ret_fingerprint = fingerprint;
    return VERDICT_OK;
}
