#include "schemas/json_tree.h"

#include "schemas/array.h"
#include "schemas/draw.h"
#include "schemas/json_scan.h"

#include <stdlib.h>

#define NODES_MIN 64 /* room for nodes that a tree begins with */

/* ---- names ---- */

static uint32_t find_name(const struct json_names *names, uint32_t parent, struct bytes name)
{
    uint32_t at = names->nodes[parent].first;
    while (at != JSON_NONE && !bytes_equal(names->nodes[at].name, name))
        at = names->nodes[at].sibling;
    return at;
}

static uint32_t push_name(struct json_names *names, struct bytes name)
{
    ARRAY_RESERVE(names->nodes, names->capacity, names->count + 1);
    names->nodes[names->count] = (struct json_name){name, JSON_NONE, JSON_NONE};
    return names->count++;
}

uint32_t json_names_add(struct json_names *names, uint32_t parent, struct bytes name)
{
    if (names->count == 0)
        push_name(names, bytes_of(NULL, 0));
    uint32_t at = find_name(names, parent, name);
    if (at != JSON_NONE)
        return at;
    at = push_name(names, name);
    names->nodes[at].sibling = names->nodes[parent].first;
    names->nodes[parent].first = at;
    return at;
}

void json_names_release(struct json_names *names)
{
    free(names->nodes);
    *names = (struct json_names){0};
}

/* ---- the hash ---- */

static uint64_t hash_scalar(enum node_kind kind, uint64_t value)
{
    return draw_mix(hash_join((uint64_t)kind + 1, value));
}

static uint64_t hash_number(const struct json_number *number)
{
    int64_t whole = number->integer;
    if (number->is_integer || event_whole_number(number->value, &whole))
        return hash_scalar(NODE_NUMBER, (uint64_t)whole);
    uint64_t bits;
    memcpy(&bits, &number->value, sizeof bits);
    return hash_scalar(NODE_NUMBER, draw_mix(bits));
}

static uint64_t hash_field(uint64_t hash, struct bytes name, uint64_t value)
{
    return hash + draw_mix(hash_join(bytes_hash(name), value)); /* in any order */
}

static uint64_t hash_element(uint64_t hash, uint64_t value)
{
    return draw_mix(hash_join(hash, value));
}

static bool hash_value(struct scanner *s, int depth, uint64_t *ret_hash);

static bool hash_container(struct scanner *s, int depth, uint64_t *ret_hash)
{
    bool object = *s->at == '{', ok = true;
    char close = object ? '}' : ']';
    uint64_t hash = 0;
    if (depth >= JSON_DEPTH_MAX)
        return scan_fail(s, "nested more than 32 deep");
    if (scan_open(s, close)) {
        do {
            struct bytes name = {0};
            uint64_t value;
            if (object && !scan_name(s, &name))
                return false;
            bool null = scan_peek(s) == 'n';
            if (!hash_value(s, depth + 1, &value))
                return false;
            if (!(object && null))
                hash = object ? hash_field(hash, name, value) : hash_element(hash, value);
        } while (scan_more(s, close, &ok));
    }
    *ret_hash = hash_scalar(object ? NODE_OBJECT : NODE_ARRAY, hash);
    return ok;
}

static bool hash_value(struct scanner *s, int depth, uint64_t *ret_hash)
{
    struct bytes text;
    struct json_number number;
    switch (scan_peek(s)) {
    case '{':
    case '[':
        return hash_container(s, depth, ret_hash);
    case '"':
        if (!scan_string(s, &text))
            return false;
        *ret_hash = hash_scalar(NODE_TEXT, bytes_hash(text));
        return true;
    case 't':
        *ret_hash = hash_scalar(NODE_BOOL, 1);
        return scan_literal(s, "true");
    case 'f':
        *ret_hash = hash_scalar(NODE_BOOL, 0);
        return scan_literal(s, "false");
    case 'n':
        *ret_hash = hash_scalar(NODE_NULL, 0);
        return scan_literal(s, "null");
    default:
        if (!scan_number(s, &number))
            return false;
        *ret_hash = hash_number(&number);
        return true;
    }
}

/* ---- the tree ---- */

struct tree_reader {
    struct scanner s;
    const struct json_names *names;
    struct json_tree tree;
    uint32_t capacity;
    bool hashing;
};

static bool push_node(struct tree_reader *r, enum node_kind kind, struct bytes name,
                      struct bytes text)
{
    if (r->tree.count == r->capacity) {
        if (r->capacity >= JSON_NODES_MAX)
            return scan_fail(&r->s, "more than 100000 values");
        struct json_node *nodes = arena_get(r->s.arena, 2 * (size_t)r->capacity * sizeof *nodes);
        memcpy(nodes, r->tree.nodes, r->tree.count * sizeof *nodes);
        r->tree.nodes = nodes;
        r->capacity *= 2;
    }
    r->tree.nodes[r->tree.count] = (struct json_node){name, text, r->tree.count + 1, kind};
    r->tree.count++;
    return true;
}

static bool read_value(struct tree_reader *r, struct bytes name, uint32_t wanted, int depth,
                       uint64_t *ret_hash);

/* A value that is not wanted. */
static bool pass_value(struct tree_reader *r, int depth, uint64_t *ret_hash)
{
    return r->hashing ? hash_value(&r->s, depth, ret_hash) : scan_skip(&r->s, depth);
}

/* `wanted`: the node of the names that the container has; JSON_NONE: everything is wanted. */
static bool read_container(struct tree_reader *r, struct bytes name, uint32_t wanted, int depth,
                           uint64_t *ret_hash)
{
    struct scanner *s = &r->s;
    bool object = *s->at == '{', ok = true;
    char close = object ? '}' : ']';
    uint64_t hash = 0, value = 0;
    uint32_t self = r->tree.count;
    if (depth >= JSON_DEPTH_MAX)
        return scan_fail(s, "nested more than 32 deep");
    if (!push_node(r, object ? NODE_OBJECT : NODE_ARRAY, name, bytes_of(s->at, 0)))
        return false;
    if (scan_open(s, close)) {
        do {
            struct bytes field = {0};
            uint32_t inner = wanted;
            if (object && !scan_name(s, &field))
                return false;
            bool skip = false;
            if (object && r->names) {
                inner = find_name(r->names, wanted, field);
                skip = inner == JSON_NONE;
            }
            bool null = scan_peek(s) == 'n';
            if (skip ? !pass_value(r, depth + 1, &value)
                     : !read_value(r, field, inner, depth + 1, &value))
                return false;
            if (r->hashing && !(object && null))
                hash = object ? hash_field(hash, field, value) : hash_element(hash, value);
        } while (scan_more(s, close, &ok));
    }
    r->tree.nodes[self].next = r->tree.count;
    *ret_hash = hash_scalar(object ? NODE_OBJECT : NODE_ARRAY, hash);
    return ok;
}

static bool read_value(struct tree_reader *r, struct bytes name, uint32_t wanted, int depth,
                       uint64_t *ret_hash)
{
    struct scanner *s = &r->s;
    struct bytes text;
    struct json_number number;
    const char *from = s->at;
    switch (scan_peek(s)) {
    case '{':
    case '[':
        return read_container(r, name, wanted, depth, ret_hash);
    case '"':
        if (!scan_string(s, &text))
            return false;
        if (r->hashing)
            *ret_hash = hash_scalar(NODE_TEXT, bytes_hash(text));
        return push_node(r, NODE_TEXT, name, text);
    case 't':
        *ret_hash = hash_scalar(NODE_BOOL, 1);
        return scan_literal(s, "true") && push_node(r, NODE_BOOL, name, bytes_of(from, 4));
    case 'f':
        *ret_hash = hash_scalar(NODE_BOOL, 0);
        return scan_literal(s, "false") && push_node(r, NODE_BOOL, name, bytes_of(from, 5));
    case 'n':
        *ret_hash = hash_scalar(NODE_NULL, 0);
        return scan_literal(s, "null") && push_node(r, NODE_NULL, name, bytes_of(from, 4));
    default:
        if (!scan_number(s, &number))
            return false;
        *ret_hash = hash_number(&number);
        return push_node(r, NODE_NUMBER, name, bytes_of(from, (size_t)(s->at - from)));
    }
}

static bool at_end(struct scanner *s)
{
    scan_space(s);
    return s->at == s->end || scan_fail(s, "something follows the value");
}

enum verdict json_tree_read(struct bytes text, const struct json_names *names, struct arena *arena,
                            struct json_tree *ret_tree, uint64_t *ret_hash, struct error *error)
{
    uint64_t hash = 0;
    struct tree_reader r = {
        .s = scanner_of(text, arena, error),
        .names = names && names->count > 0 ? names : NULL,
        .capacity = NODES_MIN,
        .hashing = ret_hash != NULL,
    };
    r.tree.nodes = arena_get(arena, NODES_MIN * sizeof *r.tree.nodes);
    scan_space(&r.s);
    if (!read_value(&r, bytes_of(NULL, 0), 0, 0, &hash) || !at_end(&r.s))
        return VERDICT_SKIP;
    if (ret_hash)
        *ret_hash = hash;
    *ret_tree = r.tree;
    return VERDICT_OK;
}

uint32_t json_field(const struct json_tree *tree, uint32_t node, struct bytes name)
{
    if (tree->nodes[node].kind != NODE_OBJECT)
        return JSON_NONE;
    for (uint32_t at = json_first(tree, node); at != JSON_NONE; at = json_next(tree, node, at))
        if (bytes_equal(tree->nodes[at].name, name))
            return tree->nodes[at].kind == NODE_NULL ? JSON_NONE : at;
    return JSON_NONE;
}

enum verdict json_hash(struct bytes text, struct arena *arena, uint64_t *ret_hash,
                       struct error *error)
{
    struct scanner s = scanner_of(text, arena, error);
    scan_space(&s);
    if (!hash_value(&s, 0, ret_hash) || !at_end(&s))
        return VERDICT_SKIP;
    return VERDICT_OK;
}
