/* Paths of a mapping: where a value stands in a JSON tree. For schemas/mapping*.c.
 *
 *     user.id                 names of objects
 *     items[*]                each element of an array; only at the end
 *     terms[0]                one element
 *     events[only]            the element of an array that must have exactly one
 *     params[key=term].value  the first element whose field `key` is `term`
 *     ['a.b']                 a name with dots
 *     .                       the record itself, for the item of a flat record
 *
 * Thread: any. */
#ifndef WEFT_SCHEMAS_MAPPING_PATH_H
#define WEFT_SCHEMAS_MAPPING_PATH_H

#include "schemas/json_tree.h"

#define MAPPING_STEPS_MAX 16 /* names of a path */

enum map_step_kind { STEP_NAME, STEP_INDEX, STEP_ONLY, STEP_WHERE };

struct map_step {
    enum map_step_kind kind;
    struct bytes name;  /* NAME; WHERE: of the field that is compared */
    struct bytes value; /* WHERE */
    uint32_t index;     /* INDEX */
};

struct map_path {
    struct bytes text;
    struct map_step *steps;
    uint32_t count;
    bool each; /* ends with [*] */
};

/* Compiles a path; its steps are in the arena and point into `text`. SKIP, with what is wrong. */
enum verdict map_path_parse(struct bytes text, struct arena *arena, struct map_path *ret_path,
                            struct error *error);

/* Adds the names of a path below the node `from`. Returns the node of its last name. */
uint32_t map_path_names(const struct map_path *path, struct json_names *names, uint32_t from);

/* The node at the path, from `from` on; for a path with [*] the array. JSON_NONE: there is none, or
 * it is null. SKIP: [only] meets an array with more elements or none. */
enum verdict map_path_find(const struct map_path *path, const struct json_tree *tree, uint32_t from,
                           uint32_t *ret_node, struct error *error);

#endif
