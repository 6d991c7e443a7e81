#include "schemas/avro.h"

#include <avro.h>
#include <math.h>
#include <stdlib.h>

#define AVRO_DEPTH_MAX 32
#define AVRO_NODES_MAX 2048

/* A node of the plan: one type of the writer's schema. Its value is decoded into the node's field,
 * or skipped if there is none. */
enum node_op {
    NODE_NULL,
    NODE_BOOL,
    NODE_LONG,
    NODE_FLOAT,
    NODE_DOUBLE,
    NODE_STRING,
    NODE_FIXED,
    NODE_ENUM,
    NODE_UNION,
    NODE_ARRAY,
    NODE_MAP,
    NODE_RECORD,
    NODE_LEFT_OUT, /* a value of a map of texts that is no text; its child skips it */
};

struct node {
    enum node_op op;
    const struct field *field; /* NULL: skip */
    bool is_items;             /* the record of one item */
    int64_t size;              /* fixed: bytes; enum: symbols */
    int64_t *symbols;          /* enum: from the writer's index to ours; -1: unknown */
    uint32_t *children;
    uint32_t child_count;
};

struct avro_plan {
    enum event_type type;
    struct node *nodes;
    uint32_t node_count;
};

struct compiler {
    struct avro_plan *plan;
    avro_schema_t linked[AVRO_NODES_MAX]; /* skipped records: compiled, or being compiled */
    uint32_t linked_node[AVRO_NODES_MAX]; /* their nodes: a type may hold itself */
    uint32_t linked_count;
    bool in_array; /* inside a decoded array or map of strings or items */
    struct error *error;
};

#define NODE_NONE UINT32_MAX

static uint32_t compile(struct compiler *c, avro_schema_t schema, const struct field *field,
                        int depth);

static uint32_t compile_error(struct compiler *c, const struct field *field, const char *what)
{
    error_set(c->error, VERDICT_SKIP, "the writer's schema can't be read: %s%s%s",
              field ? field->name : "", field ? ": " : "", what);
    return NODE_NONE;
}

static uint32_t add_node(struct compiler *c, enum node_op op, const struct field *field)
{
    struct avro_plan *plan = c->plan;
    if (plan->node_count == AVRO_NODES_MAX)
        return compile_error(c, field, "it has more than 2048 types");
    plan->nodes[plan->node_count] = (struct node){.op = op, .field = field};
    return plan->node_count++;
}

static bool set_children(struct compiler *c, uint32_t node, const uint32_t *children,
                         uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (children[i] == NODE_NONE)
            return false;
    struct node *n = &c->plan->nodes[node];
    n->children = memory_get(count * sizeof *children);
    memcpy(n->children, children, count * sizeof *children);
    n->child_count = count;
    return true;
}

static uint32_t compile_enum(struct compiler *c, avro_schema_t schema, const struct field *field)
{
    if (field && field->type != FIELD_ENUM && field->type != FIELD_SKIP)
        return compile_error(c, field, "an enum does not fit this field");
    uint32_t node = add_node(c, NODE_ENUM, field);
    if (node == NODE_NONE)
        return node;
    struct node *n = &c->plan->nodes[node];
    n->size = avro_schema_enum_number_of_symbols(schema);
    n->symbols = memory_get((size_t)n->size * sizeof *n->symbols);
    for (int64_t i = 0; i < n->size; i++) {
        const char *symbol = avro_schema_enum_get(schema, (int)i);
        n->symbols[i] = -1;
        for (int64_t k = 0; field && field->symbols && field->symbols[k]; k++)
            if (strcmp(field->symbols[k], symbol) == 0)
                n->symbols[i] = k;
    }
    return node;
}

static uint32_t compile_union(struct compiler *c, avro_schema_t schema, const struct field *field,
                              int depth)
{
    uint32_t children[64];
    size_t count = avro_schema_union_size(schema);
    if (count > 64)
        return compile_error(c, field, "a union of more than 64 types");
    uint32_t node = add_node(c, NODE_UNION, field);
    if (node == NODE_NONE)
        return node;
    for (size_t i = 0; i < count; i++)
        children[i] = compile(c, avro_schema_union_branch(schema, (int)i), field, depth + 1);
    return set_children(c, node, children, (uint32_t)count) ? node : NODE_NONE;
}

static bool has_reader_field(avro_schema_t schema, const struct field *field)
{
    /* avro_schema_record_field_get() follows a wild pointer if there is no such field */
    return avro_schema_record_field_get_index(schema, field->name) >= 0;
}

/* A record that is decoded: the event itself, or an item in it. */
static uint32_t compile_record(struct compiler *c, avro_schema_t schema, struct field_table table,
                               const struct field *field, int depth)
{
    uint32_t children[512];
    size_t count = avro_schema_record_size(schema);
    if (count > 512)
        return compile_error(c, field, "a record of more than 512 fields");
    uint32_t node = add_node(c, NODE_RECORD, field);
    if (node == NODE_NONE)
        return node;
    for (size_t k = 0; k < table.count; k++)
        if (table.fields[k].required && !has_reader_field(schema, &table.fields[k]))
            return compile_error(c, &table.fields[k], "the field is missing and has no default");
    for (size_t i = 0; i < count; i++) {
        const char *name = avro_schema_record_field_name(schema, (int)i);
        const struct field *inner = NULL;
        for (size_t k = 0; k < table.count; k++)
            if (strcmp(table.fields[k].name, name) == 0)
                inner = &table.fields[k];
        children[i] = compile(c, avro_schema_record_field_get_by_index(schema, (int)i),
                              inner && inner->type != FIELD_SKIP ? inner : NULL, depth + 1);
    }
    return set_children(c, node, children, (uint32_t)count) ? node : NODE_NONE;
}

static uint32_t compile_item(struct compiler *c, avro_schema_t schema, const struct field *field,
                             int depth)
{
    uint32_t node = compile_record(c, schema, event_item_fields(), field, depth);
    if (node != NODE_NONE)
        c->plan->nodes[node].is_items = true;
    return node;
}

static uint32_t compile_array(struct compiler *c, avro_schema_t schema, const struct field *field,
                              int depth)
{
    if (field && (c->in_array || (field->type != FIELD_ITEMS && field->type != FIELD_STRINGS)))
        return compile_error(c, field, "an array does not fit this field");
    uint32_t node = add_node(c, NODE_ARRAY, field);
    if (node == NODE_NONE)
        return node;
    if (field)
        c->in_array = true;
    uint32_t child = compile(c, avro_schema_array_items(schema), field, depth + 1);
    if (field)
        c->in_array = false;
    return set_children(c, node, &child, 1) ? node : NODE_NONE;
}

static uint32_t compile_map(struct compiler *c, avro_schema_t schema, const struct field *field,
                            int depth)
{
    if (field && (c->in_array || field->type != FIELD_PAIRS))
        return compile_error(c, field, "a map does not fit this field");
    uint32_t node = add_node(c, NODE_MAP, field);
    if (node == NODE_NONE)
        return node;
    if (field)
        c->in_array = true;
    uint32_t child = compile(c, avro_schema_map_values(schema), field, depth + 1);
    if (field)
        c->in_array = false;
    return set_children(c, node, &child, 1) ? node : NODE_NONE;
}

/* Whether the type, a value of a map of texts, is a text, may be one, or is absent. */
static bool is_pair_value(avro_schema_t schema)
{
    switch (avro_typeof(schema)) {
    case AVRO_STRING:
    case AVRO_BYTES:
    case AVRO_NULL:
    case AVRO_UNION:
    case AVRO_LINK:
        return true;
    default:
        return false;
    }
}

static uint32_t compile_left_out(struct compiler *c, avro_schema_t schema,
                                 const struct field *field, int depth)
{
    uint32_t node = add_node(c, NODE_LEFT_OUT, field);
    if (node == NODE_NONE)
        return node;
    uint32_t child = compile(c, schema, NULL, depth + 1);
    return set_children(c, node, &child, 1) ? node : NODE_NONE;
}

static uint32_t compile_skipped_record(struct compiler *c, avro_schema_t schema, int depth)
{
    for (uint32_t i = 0; i < c->linked_count; i++)
        if (c->linked[i] == schema)
            return c->linked_node[i];
    uint32_t children[512];
    size_t count = avro_schema_record_size(schema);
    if (count > 512)
        return compile_error(c, NULL, "a record of more than 512 fields");
    uint32_t node = add_node(c, NODE_RECORD, NULL);
    if (node == NODE_NONE)
        return node;
    c->linked[c->linked_count] = schema;
    c->linked_node[c->linked_count++] = node;
    for (size_t i = 0; i < count; i++)
        children[i] =
            compile(c, avro_schema_record_field_get_by_index(schema, (int)i), NULL, depth + 1);
    return set_children(c, node, children, (uint32_t)count) ? node : NODE_NONE;
}

static bool accepts(const struct compiler *c, const struct field *field, enum node_op op)
{
    if (field == NULL)
        return true;
    switch (op) {
    case NODE_BOOL:
        return field->type == FIELD_BOOL;
    case NODE_LONG:
        return field->type == FIELD_LONG || field->type == FIELD_COUNT ||
               field->type == FIELD_DOUBLE;
    case NODE_FLOAT:
    case NODE_DOUBLE:
        return field->type == FIELD_DOUBLE || field->type == FIELD_LONG ||
               field->type == FIELD_COUNT;
    case NODE_STRING:
        return field->type == FIELD_STRING ||
               ((field->type == FIELD_STRINGS || field->type == FIELD_PAIRS) && c->in_array);
    default:
        return false;
    }
}

static uint32_t compile_scalar(struct compiler *c, enum node_op op, const struct field *field)
{
    if (op != NODE_NULL && !accepts(c, field, op))
        return compile_error(c, field, "the writer's type does not fit this field");
    return add_node(c, op, field);
}

static uint32_t compile(struct compiler *c, avro_schema_t schema, const struct field *field,
                        int depth)
{
    uint32_t node;
    if (depth > AVRO_DEPTH_MAX)
        return compile_error(c, field, "nested more than 32 deep");
    if (field && field->type == FIELD_PAIRS && c->in_array && !is_pair_value(schema))
        return compile_left_out(c, schema, field, depth);
    switch (avro_typeof(schema)) {
    case AVRO_NULL:
        return compile_scalar(c, NODE_NULL, field);
    case AVRO_BOOLEAN:
        return compile_scalar(c, NODE_BOOL, field);
    case AVRO_INT32:
    case AVRO_INT64:
        return compile_scalar(c, NODE_LONG, field);
    case AVRO_FLOAT:
        return compile_scalar(c, NODE_FLOAT, field);
    case AVRO_DOUBLE:
        return compile_scalar(c, NODE_DOUBLE, field);
    case AVRO_STRING:
    case AVRO_BYTES:
        return compile_scalar(c, NODE_STRING, field);
    case AVRO_FIXED:
        if (field)
            return compile_error(c, field, "a fixed does not fit this field");
        if (avro_schema_fixed_size(schema) < 0)
            return compile_error(c, NULL, "a fixed of negative size");
        node = add_node(c, NODE_FIXED, NULL);
        if (node != NODE_NONE)
            c->plan->nodes[node].size = avro_schema_fixed_size(schema);
        return node;
    case AVRO_ENUM:
        return compile_enum(c, schema, field);
    case AVRO_UNION:
        return compile_union(c, schema, field, depth);
    case AVRO_ARRAY:
        return compile_array(c, schema, field, depth);
    case AVRO_MAP:
        return compile_map(c, schema, field, depth);
    case AVRO_LINK:
        return compile(c, avro_schema_link_target(schema), field, depth + 1);
    case AVRO_RECORD:
        if (field == NULL)
            return compile_skipped_record(c, schema, depth);
        if (field->type != FIELD_ITEM && !(field->type == FIELD_ITEMS && c->in_array))
            return compile_error(c, field, "a record does not fit this field");
        return compile_item(c, schema, field, depth);
    default:
        return compile_error(c, field, "an unknown type");
    }
}

void avro_plan_free(struct avro_plan *plan)
{
    if (plan == NULL)
        return;
    for (uint32_t i = 0; i < plan->node_count; i++) {
        free(plan->nodes[i].children);
        free(plan->nodes[i].symbols);
    }
    free(plan->nodes);
    free(plan);
}

enum verdict avro_plan_new(struct bytes writer_schema, enum event_type type,
                           struct avro_plan **ret_plan, struct error *error)
{
    avro_schema_t schema;
    if (writer_schema.size > INT32_MAX ||
        avro_schema_from_json_length(writer_schema.at, writer_schema.size, &schema) != 0)
        return error_set(error, VERDICT_SKIP, "the writer's schema can't be parsed: %s",
                         avro_strerror());
    struct compiler *c = memory_zero(1, sizeof *c);
    c->error = error;
    c->plan = memory_zero(1, sizeof *c->plan);
    c->plan->type = type;
    c->plan->nodes = memory_zero(AVRO_NODES_MAX, sizeof *c->plan->nodes);
    uint32_t root = NODE_NONE;
    if (avro_typeof(schema) == AVRO_RECORD)
        root = compile_record(c, schema, event_fields(type), NULL, 0);
    else
        compile_error(c, NULL, "it is not a record");
    avro_schema_decref(schema);
    struct avro_plan *plan = c->plan;
    free(c);
    if (root == NODE_NONE) {
        avro_plan_free(plan);
        return VERDICT_SKIP;
    }
    plan->nodes = memory_resize(plan->nodes, plan->node_count * sizeof *plan->nodes);
    *ret_plan = plan;
    return VERDICT_OK;
}

/* ---- running a plan ---- */

struct run {
    const struct avro_plan *plan;
    struct avro_reader reader;
    const char *start;
    struct arena *arena;
    struct event *event;
    struct error *error;
    struct bytes strings[EVENT_STRINGS_MAX];
    uint32_t string_count, strings_left_out;
    uint32_t item_capacity;
};

static bool run_fail(struct run *r, const char *what)
{
    error_set(r->error, VERDICT_SKIP, "Avro is wrong at byte %zu: %s",
              (size_t)(r->reader.at - r->start), what);
    return false;
}

static bool run_node(struct run *r, uint32_t index, char *base, int depth);

/* Stores the value of the pair whose name run_name() has stored. */
static bool store_pair(struct event_pairs *pairs, struct bytes text)
{
    if (pairs->count == EVENT_PAIRS_MAX)
        pairs->left_out++;
    else
        pairs->at[2 * pairs->count++ + 1] = text;
    return true;
}

static bool store_string(struct run *r, const struct field *field, char *base, struct bytes text)
{
    if (!bytes_utf8(text))
        return run_fail(r, "the string before this is not UTF-8");
    if (field->type == FIELD_STRINGS) {
        if (r->string_count < EVENT_STRINGS_MAX)
            r->strings[r->string_count++] = text;
        else
            r->strings_left_out++;
        return true;
    }
    if (field->type == FIELD_PAIRS)
        return store_pair((struct event_pairs *)(void *)(base + field->offset), text);
    memcpy(base + field->offset, &text, sizeof text);
    return true;
}

static bool store_number(struct run *r, const struct field *field, char *base, double value)
{
    if (!isfinite(value)) {
        error_set(r->error, VERDICT_SKIP, "%s is not a finite number", field->name);
        return false;
    }
    if (field->type == FIELD_DOUBLE) {
        memcpy(base + field->offset, &value, sizeof value);
        return true;
    }
    int64_t whole;
    if (!event_whole_number(value, &whole)) {
        error_set(r->error, VERDICT_SKIP, "%s is %g, not a whole number", field->name, value);
        return false;
    }
    memcpy(base + field->offset, &whole, sizeof whole);
    return true;
}

static bool run_item(struct run *r, const struct node *n, int depth)
{
    struct event_item *item = event_add_item(r->event, &r->item_capacity, r->arena, r->error);
    if (item == NULL)
        return false;
    for (uint32_t i = 0; i < n->child_count; i++)
        if (!run_node(r, n->children[i], (char *)item, depth + 1))
            return false;
    return true;
}

/* Reads the name of the map's next value. */
static bool run_name(struct run *r, const struct node *n, char *base)
{
    struct bytes name = avro_get_string(&r->reader);
    if (r->reader.failed)
        return run_fail(r, "it is cut off");
    if (n->field == NULL)
        return true;
    struct event_pairs *pairs = (struct event_pairs *)(void *)(base + n->field->offset);
    if (!bytes_utf8(name))
        return run_fail(r, "the name before this is not UTF-8");
    if (pairs->count < EVENT_PAIRS_MAX)
        pairs->at[2 * pairs->count] = name;
    return true;
}

static bool run_blocks(struct run *r, const struct node *n, char *base, int depth)
{
    for (;;) {
        int64_t count = avro_get_long(&r->reader);
        if (count < 0) {
            avro_get_long(&r->reader); /* the block's size in bytes; its items are read anyway */
            count = count == INT64_MIN ? INT64_MAX : -count;
        }
        if (r->reader.failed)
            return run_fail(r, "an array or map is cut off");
        if (count == 0)
            return true;
        if (count > r->reader.end - r->reader.at)
            return run_fail(r, "an array or map with more elements than there are bytes");
        for (int64_t i = 0; i < count; i++) {
            if (n->op == NODE_MAP && !run_name(r, n, base))
                return false;
            if (!run_node(r, n->children[0], base, depth + 1))
                return false;
        }
    }
}

static bool run_array(struct run *r, const struct node *n, char *base, int depth)
{
    r->string_count = r->strings_left_out = 0;
    if (n->field && n->field->type == FIELD_ITEMS)
        r->event->item_count = 0;
    if (n->field && n->field->type == FIELD_PAIRS)
        *(struct event_pairs *)(void *)(base + n->field->offset) = (struct event_pairs){
            .at = arena_get(r->arena, 2 * EVENT_PAIRS_MAX * sizeof(struct bytes))};
    if (!run_blocks(r, n, base, depth))
        return false;
    if (n->field && n->field->type == FIELD_STRINGS) {
        struct event_strings *strings = (struct event_strings *)(void *)(base + n->field->offset);
        strings->count = r->string_count;
        strings->left_out = r->strings_left_out;
        strings->at = arena_get(r->arena, r->string_count * sizeof *r->strings);
        memcpy(strings->at, r->strings, r->string_count * sizeof *r->strings);
    }
    return true;
}

static bool run_enum(struct run *r, const struct node *n, char *base)
{
    int64_t index = avro_get_long(&r->reader);
    if (r->reader.failed)
        return run_fail(r, "it is cut off");
    if (index < 0 || index >= n->size)
        return run_fail(r, "an enum outside its symbols");
    if (n->field == NULL)
        return true;
    if (n->symbols[index] < 0) {
        char value[60];
        snprintf(value, sizeof value, "symbol %lld of its schema", (long long)index);
        event_refuse_symbol(n->field, value, r->error);
        return false;
    }
    memcpy(base + n->field->offset, &n->symbols[index], sizeof n->symbols[index]);
    return true;
}

static bool run_union(struct run *r, const struct node *n, char *base, int depth)
{
    int64_t branch = avro_get_long(&r->reader);
    if (r->reader.failed)
        return run_fail(r, "it is cut off");
    if (branch < 0 || branch >= (int64_t)n->child_count)
        return run_fail(r, "a union outside its branches");
    return run_node(r, n->children[branch], base, depth + 1);
}

static bool run_scalar(struct run *r, const struct node *n, char *base)
{
    struct avro_reader *reader = &r->reader;
    const struct field *field = n->field;
    switch (n->op) {
    case NODE_BOOL: {
        bool value = avro_get_bool(reader);
        if (!reader->failed && field)
            memcpy(base + field->offset, &value, sizeof value);
        break;
    }
    case NODE_LONG: {
        int64_t value = avro_get_long(reader);
        if (!reader->failed && field && field->type == FIELD_DOUBLE)
            return store_number(r, field, base, (double)value);
        if (!reader->failed && field)
            memcpy(base + field->offset, &value, sizeof value);
        break;
    }
    case NODE_FLOAT:
    case NODE_DOUBLE: {
        double value =
            n->op == NODE_FLOAT ? (double)avro_get_float(reader) : avro_get_double(reader);
        if (!reader->failed && field)
            return store_number(r, field, base, value);
        break;
    }
    case NODE_STRING: {
        struct bytes text = avro_get_string(reader);
        if (!reader->failed && field)
            return store_string(r, field, base, text);
        break;
    }
    default: /* NODE_FIXED */
        if (reader->end - reader->at < n->size)
            reader->failed = true;
        else
            reader->at += n->size;
        break;
    }
    return reader->failed ? run_fail(r, "it is cut off") : true;
}

static bool run_node(struct run *r, uint32_t index, char *base, int depth)
{
    const struct node *n = &r->plan->nodes[index];
    if (depth > 2 * AVRO_DEPTH_MAX)
        return run_fail(r, "nested too deep");
    switch (n->op) {
    case NODE_NULL:
        if (n->field && n->field->required) {
            error_set(r->error, VERDICT_SKIP, "%s is missing", n->field->name);
            return false;
        }
        return true;
    case NODE_ENUM:
        return run_enum(r, n, base);
    case NODE_UNION:
        return run_union(r, n, base, depth);
    case NODE_ARRAY:
    case NODE_MAP:
        return run_array(r, n, base, depth);
    case NODE_LEFT_OUT:
        ((struct event_pairs *)(void *)(base + n->field->offset))->left_out++;
        return run_node(r, n->children[0], base, depth + 1);
    case NODE_RECORD:
        if (n->is_items)
            return run_item(r, n, depth);
        for (uint32_t i = 0; i < n->child_count; i++)
            if (!run_node(r, n->children[i], base, depth + 1))
                return false;
        return true;
    default:
        return run_scalar(r, n, base);
    }
}

enum verdict avro_decode(const struct avro_plan *plan, struct bytes bytes, struct arena *arena,
                         struct event *event, struct error *error)
{
    const char *at = bytes.at ? bytes.at : ""; /* no offset from NULL */
    struct run r = {
        .plan = plan,
        .reader = {.at = at, .end = at + bytes.size},
        .start = at,
        .arena = arena,
        .event = event,
        .error = error,
    };
    if (!run_node(&r, 0, (char *)event, 0))
        return VERDICT_SKIP;
    if (r.reader.at != r.reader.end)
        return run_fail(&r, "something follows the record"), VERDICT_SKIP;
    return VERDICT_OK;
}
