/* A JSON text as a flat list of nodes, in the order of the text. Only the parts that a set of names
 * wants get a node, so that a large record with few fields of interest is cheap. Accepts what
 * schemas/json.h says. Thread: any. */
#ifndef WEFT_SCHEMAS_JSON_TREE_H
#define WEFT_SCHEMAS_JSON_TREE_H

#include "schemas/bytes.h"
#include "schemas/error.h"

#define JSON_NODES_MAX 100000
#define JSON_NONE UINT32_MAX

enum node_kind { NODE_NULL, NODE_BOOL, NODE_NUMBER, NODE_TEXT, NODE_ARRAY, NODE_OBJECT };

struct json_node {
    struct bytes name; /* of an object's field; absent for elements of arrays */
    struct bytes text; /* a text without its escapes; the characters of a number; true or false. In
                        * arrays and objects only `at` counts: where they stand */
    uint32_t next;     /* index behind the node and all that is in it */
    enum node_kind kind;
};

struct json_tree {
    struct json_node *nodes; /* nodes[0] is the outermost value */
    uint32_t count;
};

/* Names that are wanted: node 0 is the outermost object, and the names in it are the nodes that
 * start at `first`. The elements of an array count as the array itself. */
struct json_names {
    struct json_name *nodes;
    uint32_t count, capacity;
};

struct json_name {
    struct bytes name;
    uint32_t first;   /* the first name in it; JSON_NONE: none */
    uint32_t sibling; /* the next name beside it; JSON_NONE: none */
};

/* The node of `name` in `parent`, which is added if need be. `names` starts as zeros, and node 0 is
 * there from the first call on. `name` is borrowed for as long as the names. */
uint32_t json_names_add(struct json_names *names, uint32_t parent, struct bytes name);
void json_names_release(struct json_names *names);

/* Reads the text. `names` NULL: everything. `ret_hash`: the hash of the whole text, as json_hash()
 * says; NULL: none. Nodes are in the arena; their texts point into `text` or into the arena. SKIP,
 * with the byte at which the text is wrong: it is no JSON, nested too deep, or has more than
 * JSON_NODES_MAX nodes. */
enum verdict json_tree_read(struct bytes text, const struct json_names *names, struct arena *arena,
                            struct json_tree *ret_tree, uint64_t *ret_hash, struct error *error);

/* The field of an object; if a name comes twice, the first one. JSON_NONE: there is none, it is
 * null, or the node is no object. */
uint32_t json_field(const struct json_tree *tree, uint32_t node, struct bytes name);

/* Steps through the elements of an array or the fields of an object: the first one, and the next
 * one behind `child`. JSON_NONE: there is none. */
static inline uint32_t json_first(const struct json_tree *tree, uint32_t node)
{
    return node + 1 < tree->nodes[node].next ? node + 1 : JSON_NONE;
}

static inline uint32_t json_next(const struct json_tree *tree, uint32_t node, uint32_t child)
{
    return tree->nodes[child].next < tree->nodes[node].next ? tree->nodes[child].next : JSON_NONE;
}

/* A hash of all that the text says: spaces, the order of an object's fields, fields that are null,
 * escapes and the form of a number (12, 12.0, 1.2e1) do not change it. SKIP as json_tree_read(). */
enum verdict json_hash(struct bytes text, struct arena *arena, uint64_t *ret_hash,
                       struct error *error);

#endif
