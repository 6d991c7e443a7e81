#include "schemas/avro_json.h"

#include "schemas/array.h"
#include "schemas/avro_binary.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define DEPTH_MAX 128 /* of values; JSON then takes 32 */
#define SCHEMA_DEPTH_MAX 100
#define NO_NODE UINT32_MAX

enum shape_op {
    SHAPE_NULL,
    SHAPE_BOOL,
    SHAPE_LONG,
    SHAPE_FLOAT,
    SHAPE_DOUBLE,
    SHAPE_TEXT, /* also bytes */
    SHAPE_FIXED,
    SHAPE_ENUM,
    SHAPE_RECORD,
    SHAPE_ARRAY,
    SHAPE_MAP,
    SHAPE_UNION,
};

struct shape_node {
    enum shape_op op;
    bool decimal; /* TEXT, FIXED: a number of `scale` digits behind the point */
    int scale;
    size_t size;        /* FIXED */
    char *name;         /* of a named type, with its namespace */
    char **labels;      /* names of a record's fields, symbols of an enum */
    uint32_t *children; /* of fields, branches or elements */
    uint32_t count;     /* of labels, or children */
};

struct avro_shape {
    struct shape_node *nodes; /* nodes[0] is the record itself */
    uint32_t count, capacity;
};

/* ---- compiling ---- */

struct shaper {
    struct avro_shape *shape;
    struct error *error;
};

static uint32_t compile(struct shaper *s, json_t *type, const char *space, int depth);

static uint32_t fail(struct shaper *s, const char *why)
{
    error_set(s->error, VERDICT_SKIP, "the writer's schema can't be used: %s", why);
    return NO_NODE;
}

static uint32_t add_node(struct shaper *s, enum shape_op op)
{
    struct avro_shape *shape = s->shape;
    if (shape->count == AVRO_JSON_NODES_MAX)
        return fail(s, "it has more than 4096 types");
    ARRAY_RESERVE(shape->nodes, shape->capacity, shape->count + 1);
    shape->nodes[shape->count] = (struct shape_node){.op = op};
    return shape->count++;
}

static const struct {
    const char *name;
    enum shape_op op;
} primitives[] = {
    {"null", SHAPE_NULL},   {"boolean", SHAPE_BOOL},  {"int", SHAPE_LONG},    {"long", SHAPE_LONG},
    {"float", SHAPE_FLOAT}, {"double", SHAPE_DOUBLE}, {"string", SHAPE_TEXT}, {"bytes", SHAPE_TEXT},
};

/* A name with its namespace; the caller frees it. */
static char *full_name(const char *name, const char *space)
{
    struct buffer full = {0};
    if (strchr(name, '.') == NULL && *space)
        buffer_format(&full, "%s.", space);
    buffer_format(&full, "%s", name);
    buffer_byte(&full, '\0');
    return full.at;
}

static uint32_t compile_name(struct shaper *s, const char *name, const char *space)
{
    for (size_t i = 0; i < sizeof primitives / sizeof primitives[0]; i++)
        if (strcmp(primitives[i].name, name) == 0)
            return add_node(s, primitives[i].op);
    char *full = full_name(name, space);
    uint32_t found = NO_NODE;
    for (uint32_t i = 0; i < s->shape->count; i++)
        if (s->shape->nodes[i].name && (strcmp(s->shape->nodes[i].name, full) == 0 ||
                                        strcmp(s->shape->nodes[i].name, name) == 0))
            found = i;
    free(full);
    return found != NO_NODE ? found : fail(s, "it names a type that it does not have");
}

/* Makes room for labels and children. `labels` may be false. */
static void reserve(struct shaper *s, uint32_t node, size_t count, bool labels, bool children)
{
    struct shape_node *n = &s->shape->nodes[node];
    n->count = (uint32_t)count;
    if (labels)
        n->labels = memory_zero(count + 1, sizeof *n->labels);
    if (children)
        n->children = memory_zero(count + 1, sizeof *n->children);
}

static bool add_child(struct shaper *s, uint32_t node, size_t i, json_t *type, const char *space,
                      int depth)
{
    uint32_t child = compile(s, type, space, depth + 1);
    if (child == NO_NODE)
        return false;
    s->shape->nodes[node].children[i] = child;
    return true;
}

static uint32_t compile_union(struct shaper *s, json_t *branches, const char *space, int depth)
{
    uint32_t node = add_node(s, SHAPE_UNION);
    if (node == NO_NODE)
        return node;
    reserve(s, node, json_array_size(branches), false, true);
    for (size_t i = 0; i < json_array_size(branches); i++)
        if (!add_child(s, node, i, json_array_get(branches, i), space, depth))
            return NO_NODE;
    return node;
}

static bool add_label(struct shaper *s, uint32_t node, size_t i, json_t *label)
{
    if (!json_is_string(label))
        return fail(s, "a name is missing"), false;
    s->shape->nodes[node].labels[i] = memory_text(bytes_text(json_string_value(label)));
    return true;
}

static uint32_t compile_fields(struct shaper *s, uint32_t node, json_t *type, const char *space,
                               int depth)
{
    json_t *fields = json_object_get(type, "fields");
    if (!json_is_array(fields))
        return fail(s, "a record has no fields");
    reserve(s, node, json_array_size(fields), true, true);
    for (size_t i = 0; i < json_array_size(fields); i++) {
        json_t *field = json_array_get(fields, i);
        if (!add_label(s, node, i, json_object_get(field, "name")) ||
            !add_child(s, node, i, json_object_get(field, "type"), space, depth))
            return NO_NODE;
    }
    return node;
}

/* A record, an enum or a fixed. */
static uint32_t compile_named(struct shaper *s, json_t *type, const char *kind, const char *space,
                              int depth)
{
    const char *name = json_string_value(json_object_get(type, "name"));
    const char *own = json_string_value(json_object_get(type, "namespace"));
    bool is_enum = strcmp(kind, "enum") == 0, is_fixed = strcmp(kind, "fixed") == 0;
    if (name == NULL)
        return fail(s, "a type has no name");
    uint32_t node = add_node(s, is_enum ? SHAPE_ENUM : is_fixed ? SHAPE_FIXED : SHAPE_RECORD);
    if (node == NO_NODE)
        return node;
    char *full = s->shape->nodes[node].name = full_name(name, own ? own : space);
    if (is_fixed) {
        json_int_t size = json_integer_value(json_object_get(type, "size"));
        s->shape->nodes[node].size = size > 0 ? (size_t)size : 0;
        return node;
    }
    if (is_enum) {
        json_t *symbols = json_object_get(type, "symbols");
        reserve(s, node, json_array_size(symbols), true, false);
        for (size_t i = 0; i < json_array_size(symbols); i++)
            if (!add_label(s, node, i, json_array_get(symbols, i)))
                return NO_NODE;
        return node;
    }
    const char *dot = strrchr(full, '.');
    char *inner = memory_text(bytes_of(full, dot ? (size_t)(dot - full) : 0));
    node = compile_fields(s, node, type, inner, depth);
    free(inner);
    return node;
}

static uint32_t compile_object(struct shaper *s, json_t *type, const char *space, int depth)
{
    json_t *inner = json_object_get(type, "type");
    const char *kind = json_string_value(inner);
    uint32_t node;
    if (kind == NULL)
        return inner ? compile(s, inner, space, depth + 1) : fail(s, "a type is missing");
    if (strcmp(kind, "array") == 0 || strcmp(kind, "map") == 0) {
        bool array = strcmp(kind, "array") == 0;
        node = add_node(s, array ? SHAPE_ARRAY : SHAPE_MAP);
        if (node == NO_NODE)
            return node;
        reserve(s, node, 1, false, true);
        return add_child(s, node, 0, json_object_get(type, array ? "items" : "values"), space,
                         depth)
                   ? node
                   : NO_NODE;
    }
    bool named = strcmp(kind, "record") == 0 || strcmp(kind, "error") == 0 ||
                 strcmp(kind, "enum") == 0 || strcmp(kind, "fixed") == 0;
    node = named ? compile_named(s, type, kind, space, depth) : compile_name(s, kind, space);
    const char *logical = json_string_value(json_object_get(type, "logicalType"));
    if (node != NO_NODE && logical && strcmp(logical, "decimal") == 0) {
        json_int_t scale = json_integer_value(json_object_get(type, "scale"));
        s->shape->nodes[node].decimal = true;
        s->shape->nodes[node].scale = scale >= 0 && scale <= 18 ? (int)scale : 0;
    }
    return node;
}

static uint32_t compile(struct shaper *s, json_t *type, const char *space, int depth)
{
    if (depth > SCHEMA_DEPTH_MAX)
        return fail(s, "it is nested more than 100 deep");
    if (json_is_string(type))
        return compile_name(s, json_string_value(type), space);
    if (json_is_array(type))
        return compile_union(s, type, space, depth);
    if (json_is_object(type))
        return compile_object(s, type, space, depth);
    return fail(s, "a type is missing");
}

enum verdict avro_shape_new(struct bytes schema, struct avro_shape **ret_shape, struct error *error)
{
    struct avro_shape *shape = memory_zero(1, sizeof *shape);
    struct shaper s = {shape, error};
    json_t *json = json_loadb(schema.at ? schema.at : "", schema.size, JSON_DECODE_ANY, NULL);
    enum verdict verdict = VERDICT_OK;
    if (json == NULL)
        fail(&s, "it is no JSON");
    if (json == NULL || compile(&s, json, "", 0) == NO_NODE)
        verdict = VERDICT_SKIP;
    else if (shape->nodes[0].op != SHAPE_RECORD)
        verdict = error_set(error, VERDICT_SKIP, "the writer's schema is no record");
    json_decref(json);
    if (verdict == VERDICT_OK)
        *ret_shape = shape;
    else
        avro_shape_free(shape);
    return verdict;
}

void avro_shape_free(struct avro_shape *shape)
{
    if (shape == NULL)
        return;
    for (uint32_t i = 0; i < shape->count; i++) {
        struct shape_node *node = &shape->nodes[i];
        for (uint32_t k = 0; node->labels && k < node->count; k++)
            free(node->labels[k]);
        free(node->labels);
        free(node->children);
        free(node->name);
    }
    free(shape->nodes);
    free(shape);
}

/* ---- writing ---- */

struct writer {
    const struct avro_shape *shape;
    struct avro_reader reader;
    const char *start;
    struct buffer *out;
    size_t out_from;
    struct error *error;
};

static bool refuse(struct writer *w, const char *why)
{
    error_set(w->error, VERDICT_SKIP, "Avro is wrong at byte %zu: %s",
              (size_t)(w->reader.at - w->start), why);
    return false;
}

static void write_double(struct writer *w, double value, bool single)
{
    char text[40];
    if (!isfinite(value)) {
        buffer_text(w->out, "null");
        return;
    }
    snprintf(text, sizeof text, single ? "%.9g" : "%.15g", value);
    if (!single && strtod(text, NULL) != value) /* short where that is exact */
        snprintf(text, sizeof text, "%.17g", value);
    buffer_text(w->out, text);
}

/* Two's complement, big endian (Avro 1.11 specification, "Decimal"). */
static void write_decimal(struct writer *w, struct bytes bytes, int scale)
{
    char digits[24];
    if (bytes.size == 0 || bytes.size > 8) {
        buffer_text(w->out, "null");
        return;
    }
    uint64_t bits = (unsigned char)bytes.at[0] & 0x80 ? ~(uint64_t)0 : 0;
    for (size_t i = 0; i < bytes.size; i++)
        bits = bits << 8 | (unsigned char)bytes.at[i];
    bool negative = bits >> 63;
    int size = snprintf(digits, sizeof digits, "%0*llu", scale + 1,
                        (unsigned long long)(negative ? 0 - bits : bits));
    buffer_format(w->out, "%s%.*s", negative ? "-" : "", size - scale, digits);
    if (scale > 0)
        buffer_format(w->out, ".%s", digits + size - scale);
}

static void write_bytes(struct writer *w, const struct shape_node *node, struct bytes bytes)
{
    if (node->decimal)
        write_decimal(w, bytes, node->scale);
    else if (bytes_utf8(bytes))
        buffer_json(w->out, bytes);
    else
        buffer_text(w->out, "null");
}

static bool write_node(struct writer *w, uint32_t at, int depth);

static bool write_record(struct writer *w, const struct shape_node *node, int depth)
{
    buffer_byte(w->out, '{');
    for (uint32_t i = 0; i < node->count; i++) {
        if (i > 0)
            buffer_byte(w->out, ',');
        buffer_json(w->out, bytes_text(node->labels[i]));
        buffer_byte(w->out, ':');
        if (!write_node(w, node->children[i], depth + 1))
            return false;
    }
    buffer_byte(w->out, '}');
    return true;
}

static bool write_element(struct writer *w, const struct shape_node *node, bool first, int depth)
{
    if (!first)
        buffer_byte(w->out, ',');
    if (node->op == SHAPE_MAP) {
        struct bytes name = avro_get_string(&w->reader);
        if (w->reader.failed)
            return refuse(w, "it is cut off");
        buffer_json(w->out, name);
        buffer_byte(w->out, ':');
    }
    return write_node(w, node->children[0], depth + 1);
}

static bool write_blocks(struct writer *w, const struct shape_node *node, int depth)
{
    bool first = true;
    buffer_byte(w->out, node->op == SHAPE_MAP ? '{' : '[');
    for (;;) {
        int64_t count = avro_get_long(&w->reader);
        if (count < 0) {
            avro_get_long(&w->reader); /* the block's size in bytes */
            count = count == INT64_MIN ? INT64_MAX : -count;
        }
        if (w->reader.failed || count > w->reader.end - w->reader.at)
            return refuse(w, "an array or map has more elements than there are bytes");
        if (count == 0)
            break;
        for (int64_t i = 0; i < count; i++, first = false)
            if (!write_element(w, node, first, depth))
                return false;
    }
    buffer_byte(w->out, node->op == SHAPE_MAP ? '}' : ']');
    return true;
}

static bool write_fixed(struct writer *w, const struct shape_node *node)
{
    if ((size_t)(w->reader.end - w->reader.at) < node->size)
        return refuse(w, "it is cut off");
    write_bytes(w, node, bytes_of(w->reader.at, node->size));
    w->reader.at += node->size;
    return true;
}

static bool write_scalar(struct writer *w, const struct shape_node *node)
{
    int64_t index;
    switch (node->op) {
    case SHAPE_NULL:
        buffer_text(w->out, "null");
        break;
    case SHAPE_BOOL:
        buffer_text(w->out, avro_get_bool(&w->reader) ? "true" : "false");
        break;
    case SHAPE_LONG:
        buffer_decimal(w->out, avro_get_long(&w->reader));
        break;
    case SHAPE_FLOAT:
        write_double(w, (double)avro_get_float(&w->reader), true);
        break;
    case SHAPE_DOUBLE:
        write_double(w, avro_get_double(&w->reader), false);
        break;
    case SHAPE_TEXT:
        write_bytes(w, node, avro_get_string(&w->reader));
        break;
    default:
        index = avro_get_long(&w->reader);
        if (w->reader.failed || index < 0 || index >= node->count)
            return refuse(w, "an enum has no such symbol");
        buffer_json(w->out, bytes_text(node->labels[index]));
    }
    return !w->reader.failed || refuse(w, "it is cut off");
}

static bool write_node(struct writer *w, uint32_t at, int depth)
{
    const struct shape_node *node = &w->shape->nodes[at];
    if (depth > DEPTH_MAX)
        return refuse(w, "it is nested too deep");
    if (w->out->size - w->out_from > AVRO_JSON_BYTES_MAX)
        return refuse(w, "it has more than 4 MB as JSON");
    switch (node->op) {
    case SHAPE_RECORD:
        return write_record(w, node, depth);
    case SHAPE_ARRAY:
    case SHAPE_MAP:
        return write_blocks(w, node, depth);
    case SHAPE_FIXED:
        return write_fixed(w, node);
    case SHAPE_UNION: {
        int64_t branch = avro_get_long(&w->reader);
        if (w->reader.failed || branch < 0 || branch >= node->count)
            return refuse(w, "a union has no such branch");
        return write_node(w, node->children[branch], depth + 1);
    }
    default:
        return write_scalar(w, node);
    }
}

enum verdict avro_write_json(const struct avro_shape *shape, struct bytes record,
                             struct buffer *buffer, struct error *error)
{
    const char *at = record.at ? record.at : ""; /* no offset from NULL */
    struct writer w = {
        .shape = shape,
        .reader = {.at = at, .end = at + record.size},
        .start = at,
        .out = buffer,
        .out_from = buffer->size,
        .error = error,
    };
    if (!write_node(&w, 0, 0))
        return VERDICT_SKIP;
    if (w.reader.at != w.reader.end && !refuse(&w, "something follows the record"))
        return VERDICT_SKIP;
    return VERDICT_OK;
}
