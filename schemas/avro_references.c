/* Joins a schema and the schemas that it refers to. The text that avro.c compiles then stands
 * alone: each named type is written out where it is met first, and by its name afterwards. */
#include "schemas/avro.h"

#include "schemas/array.h"

#include <jansson.h>
#include <stdlib.h>

#define JOIN_DEPTH_MAX 200

/* A record, an enum or a fixed of one of the texts. */
struct definition {
    char *name; /* with its namespace */
    json_t *json;
    char *space; /* the namespace of the names in it */
    bool written;
};

struct join {
    json_t *schema;
    json_t *references[AVRO_REFERENCES_MAX];
    const struct avro_reference *names;
    size_t reference_count;
    struct definition *definitions;
    size_t definition_count, definition_capacity;
    struct buffer *out;
    struct error *error;
};

static enum verdict write_type(struct join *join, json_t *type, const char *space, int depth);

/* ---- names (Avro 1.11 specification, "Names") ---- */

static bool is_named_type(const char *type)
{
    return strcmp(type, "record") == 0 || strcmp(type, "error") == 0 || strcmp(type, "enum") == 0 ||
           strcmp(type, "fixed") == 0;
}

/* The caller frees it. */
static char *full_name(const char *name, const char *space)
{
    struct buffer full = {0};
    if (strchr(name, '.') == NULL && *space)
        buffer_format(&full, "%s.", space);
    buffer_text(&full, name);
    buffer_byte(&full, '\0');
    return full.at;
}

/* The same. */
static char *definition_name(json_t *json, const char *space)
{
    const char *name = json_string_value(json_object_get(json, "name"));
    const char *own = json_string_value(json_object_get(json, "namespace"));
    return full_name(name ? name : "", own ? own : space);
}

static struct definition *find_definition(const struct join *join, const char *name)
{
    for (size_t i = 0; i < join->definition_count; i++)
        if (strcmp(join->definitions[i].name, name) == 0)
            return &join->definitions[i];
    return NULL;
}

/* ---- collecting definitions ---- */

static enum verdict collect(struct join *join, json_t *type, const char *space, int depth);

static enum verdict add_definition(struct join *join, json_t *json, const char *space, int depth)
{
    if (join->definition_count == AVRO_DEFINITIONS_MAX)
        return error_set(join->error, VERDICT_SKIP, "the schema has more than %d named types",
                         AVRO_DEFINITIONS_MAX);
    if (!json_is_string(json_object_get(json, "name")))
        return error_set(join->error, VERDICT_SKIP, "the schema has a type without a name");
    char *name = definition_name(json, space);
    if (find_definition(join, name)) { /* the first one holds */
        free(name);
        return VERDICT_OK;
    }
    const char *dot = strrchr(name, '.');
    struct bytes inner = bytes_of(name, dot ? (size_t)(dot - name) : 0);
    ARRAY_RESERVE(join->definitions, join->definition_capacity, join->definition_count + 1);
    struct definition *definition = &join->definitions[join->definition_count++];
    *definition = (struct definition){.name = name, .json = json, .space = memory_text(inner)};
    const char *own_space = definition->space; /* outlives a move of the definitions */
    size_t i;
    json_t *field;
    enum verdict verdict = VERDICT_OK;
    json_array_foreach(json_object_get(json, "fields"), i, field)
    {
        if (verdict == VERDICT_OK)
            verdict = collect(join, json_object_get(field, "type"), own_space, depth + 1);
    }
    return verdict;
}

static enum verdict collect(struct join *join, json_t *type, const char *space, int depth)
{
    size_t i;
    json_t *branch;
    enum verdict verdict = VERDICT_OK;
    if (depth > JOIN_DEPTH_MAX)
        return error_set(join->error, VERDICT_SKIP, "the schema is nested more than %d deep",
                         JOIN_DEPTH_MAX);
    if (json_is_array(type)) {
        json_array_foreach(type, i, branch)
        {
            if (verdict == VERDICT_OK)
                verdict = collect(join, branch, space, depth + 1);
        }
        return verdict;
    }
    if (!json_is_object(type))
        return VERDICT_OK;
    json_t *inner = json_object_get(type, "type");
    const char *name = json_string_value(inner);
    if (name == NULL)
        return collect(join, inner, space, depth + 1);
    if (is_named_type(name))
        return add_definition(join, type, space, depth);
    verdict = collect(join, json_object_get(type, "items"), space, depth + 1);
    if (verdict != VERDICT_OK)
        return verdict;
    return collect(join, json_object_get(type, "values"), space, depth + 1);
}

/* ---- writing ---- */

static void write_string(struct join *join, json_t *json)
{
    const char *text = json_string_value(json);
    buffer_json(join->out, bytes_text(text ? text : ""));
}

/* The types get names without a namespace, so that none depends on where it stands. Plans match
 * the names of fields only. */
static void write_name(struct join *join, const struct definition *definition)
{
    buffer_format(join->out, "\"t%zu\"", (size_t)(definition - join->definitions));
}

static enum verdict write_fields(struct join *join, const struct definition *definition, int depth)
{
    size_t i;
    json_t *field;
    enum verdict verdict = VERDICT_OK;
    buffer_text(join->out, ",\"fields\":[");
    json_array_foreach(json_object_get(definition->json, "fields"), i, field)
    {
        if (verdict != VERDICT_OK)
            break;
        buffer_text(join->out, i > 0 ? ",{\"name\":" : "{\"name\":");
        write_string(join, json_object_get(field, "name"));
        buffer_text(join->out, ",\"type\":");
        verdict = write_type(join, json_object_get(field, "type"), definition->space, depth + 1);
        buffer_byte(join->out, '}');
    }
    buffer_byte(join->out, ']');
    return verdict;
}

static enum verdict write_definition(struct join *join, struct definition *definition, int depth)
{
    if (definition->written) {
        write_name(join, definition);
        return VERDICT_OK;
    }
    size_t i;
    json_t *symbol;
    enum verdict verdict = VERDICT_OK;
    const char *type = json_string_value(json_object_get(definition->json, "type"));
    definition->written = true;
    buffer_text(join->out, "{\"name\":");
    write_name(join, definition);
    if (strcmp(type, "enum") == 0) {
        buffer_text(join->out, ",\"type\":\"enum\",\"symbols\":[");
        json_array_foreach(json_object_get(definition->json, "symbols"), i, symbol)
        {
            buffer_text(join->out, i > 0 ? "," : "");
            write_string(join, symbol);
        }
        buffer_byte(join->out, ']');
    } else if (strcmp(type, "fixed") == 0) {
        buffer_text(join->out, ",\"type\":\"fixed\",\"size\":");
        buffer_decimal(join->out, json_integer_value(json_object_get(definition->json, "size")));
    } else {
        buffer_text(join->out, ",\"type\":\"record\"");
        verdict = write_fields(join, definition, depth);
    }
    buffer_byte(join->out, '}');
    return verdict;
}

static enum verdict write_named(struct join *join, const char *name, const char *space, int depth)
{
    if (avro_is_primitive(name)) {
        buffer_format(join->out, "\"%s\"", name);
        return VERDICT_OK;
    }
    char *full = full_name(name, space);
    struct definition *definition = find_definition(join, full);
    if (definition == NULL)
        definition = find_definition(join, name);
    if (definition) {
        free(full);
        return write_definition(join, definition, depth);
    }
    for (size_t i = 0; i < join->reference_count; i++)
        if (bytes_equal(join->names[i].name, bytes_text(full)) ||
            bytes_equal(join->names[i].name, bytes_text(name))) {
            free(full);
            return write_type(join, join->references[i], "", depth + 1);
        }
    error_set(join->error, VERDICT_SKIP,
              "the type '%.100s' is neither in the schema nor in its references", full);
    free(full);
    return VERDICT_SKIP;
}

static enum verdict write_union(struct join *join, json_t *branches, const char *space, int depth)
{
    size_t i;
    json_t *branch;
    enum verdict verdict = VERDICT_OK;
    buffer_byte(join->out, '[');
    json_array_foreach(branches, i, branch)
    {
        if (verdict != VERDICT_OK)
            break;
        buffer_text(join->out, i > 0 ? "," : "");
        verdict = write_type(join, branch, space, depth + 1);
    }
    buffer_byte(join->out, ']');
    return verdict;
}

static enum verdict write_container(struct join *join, json_t *type, const char *inner,
                                    const char *space, int depth)
{
    buffer_format(join->out, "{\"type\":\"%s\",\"%s\":", inner[0] == 'i' ? "array" : "map", inner);
    enum verdict verdict = write_type(join, json_object_get(type, inner), space, depth + 1);
    buffer_byte(join->out, '}');
    return verdict;
}

static enum verdict write_type(struct join *join, json_t *type, const char *space, int depth)
{
    if (depth > JOIN_DEPTH_MAX)
        return error_set(join->error, VERDICT_SKIP, "the schema is nested more than %d deep",
                         JOIN_DEPTH_MAX);
    if (join->out->size > AVRO_JOINED_BYTES_MAX)
        return error_set(join->error, VERDICT_SKIP,
                         "the schema and its references have more than %zu bytes",
                         AVRO_JOINED_BYTES_MAX);
    if (json_is_string(type))
        return write_named(join, json_string_value(type), space, depth);
    if (json_is_array(type))
        return write_union(join, type, space, depth);
    json_t *inner = json_object_get(type, "type");
    const char *name = json_string_value(inner);
    if (inner == NULL)
        return error_set(join->error, VERDICT_SKIP, "the schema has a type that is no type");
    if (name == NULL)
        return write_type(join, inner, space, depth + 1);
    if (strcmp(name, "array") == 0)
        return write_container(join, type, "items", space, depth);
    if (strcmp(name, "map") == 0)
        return write_container(join, type, "values", space, depth);
    if (!is_named_type(name))
        return write_named(join, name, space, depth);
    char *full = definition_name(type, space);
    struct definition *definition = find_definition(join, full); /* all were collected */
    free(full);
    return write_definition(join, definition, depth);
}

/* ---- the whole ---- */

static enum verdict parse(struct join *join, struct bytes text, const char *what, json_t **ret_json)
{
    json_error_t why;
    *ret_json = json_loadb(text.at ? text.at : "", text.size, JSON_DECODE_ANY, &why);
    if (*ret_json)
        return VERDICT_OK;
    return error_set(join->error, VERDICT_SKIP, "%s is not JSON: line %d: %s", what, why.line,
                     why.text);
}

static enum verdict parse_all(struct join *join, struct bytes schema)
{
    enum verdict verdict = parse(join, schema, "the schema", &join->schema);
    if (verdict == VERDICT_OK)
        verdict = collect(join, join->schema, "", 0);
    for (size_t i = 0; verdict == VERDICT_OK && i < join->reference_count; i++) {
        verdict =
            parse(join, join->names[i].schema, "a schema that it refers to", &join->references[i]);
        if (verdict == VERDICT_OK)
            verdict = collect(join, join->references[i], "", 0);
    }
    return verdict;
}

enum verdict avro_join(struct bytes schema, const struct avro_reference *references, size_t count,
                       struct buffer *ret_schema, struct error *error)
{
    if (count > AVRO_REFERENCES_MAX)
        return error_set(error, VERDICT_SKIP, "the schema refers to more than %d others",
                         AVRO_REFERENCES_MAX);
    struct join *join = memory_zero(1, sizeof *join);
    struct buffer out = {0};
    join->names = references;
    join->reference_count = count;
    join->out = &out;
    join->error = error;
    enum verdict verdict = parse_all(join, schema);
    if (verdict == VERDICT_OK)
        verdict = write_type(join, join->schema, "", 0);
    if (verdict == VERDICT_OK)
        buffer_append(ret_schema, out.at, out.size);
    for (size_t i = 0; i < join->definition_count; i++) {
        free(join->definitions[i].name);
        free(join->definitions[i].space);
    }
    for (size_t i = 0; i < count; i++)
        json_decref(join->references[i]);
    json_decref(join->schema);
    free(join->definitions);
    buffer_release(&out);
    free(join);
    return verdict;
}
