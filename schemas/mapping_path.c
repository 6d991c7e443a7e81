#include "schemas/mapping_path.h"

static enum verdict refuse(struct bytes text, const char *why, struct error *error)
{
    char quoted[BYTES_QUOTED_SIZE];
    return error_set(error, VERDICT_SKIP, "the path %s %s", bytes_quote(text, quoted), why);
}

static bool is_number(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
    return text.size > 0 && text.size <= 6;
}

/* The inside of a pair of brackets. False: it is none of the forms. */
static bool parse_brackets(struct bytes inside, struct map_step *ret_step)
{
    const char *equals = memchr(inside.at, '=', inside.size);
    *ret_step = (struct map_step){.kind = STEP_NAME};
    if (is_number(inside)) {
        ret_step->kind = STEP_INDEX;
        for (size_t i = 0; i < inside.size; i++)
            ret_step->index = ret_step->index * 10 + (uint32_t)(inside.at[i] - '0');
    } else if (bytes_equal(inside, bytes_text("only"))) {
        ret_step->kind = STEP_ONLY;
    } else if (inside.size > 2 && inside.at[0] == '\'' && inside.at[inside.size - 1] == '\'') {
        ret_step->name = bytes_of(inside.at + 1, inside.size - 2);
    } else if (equals && equals > inside.at) {
        size_t size = (size_t)(equals - inside.at);
        ret_step->kind = STEP_WHERE;
        ret_step->name = bytes_of(inside.at, size);
        ret_step->value = bytes_of(equals + 1, inside.size - size - 1);
    } else {
        return false;
    }
    return true;
}

enum verdict map_path_parse(struct bytes text, struct arena *arena, struct map_path *ret_path,
                            struct error *error)
{
    struct map_path path = {.text = text};
    const char *at = text.at, *end = text.at + text.size;
    path.steps = arena_get(arena, MAPPING_STEPS_MAX * sizeof *path.steps);
    if (text.size == 0)
        return refuse(text, "is empty", error);
    if (bytes_equal(text, bytes_text(".")))
        at = end;
    while (at < end) {
        if (path.each)
            return refuse(text, "goes on behind [*], which ends a path", error);
        if (path.count == MAPPING_STEPS_MAX)
            return refuse(text, "has more than 16 steps", error);
        struct map_step *step = &path.steps[path.count];
        if (*at == '[') {
            const char *close = memchr(at, ']', (size_t)(end - at));
            if (close == NULL)
                return refuse(text, "has a '[' without its ']'", error);
            struct bytes inside = bytes_of(at + 1, (size_t)(close - at - 1));
            path.each = bytes_equal(inside, bytes_text("*"));
            if (!path.each && !parse_brackets(inside, step))
                return refuse(text,
                              "has brackets that are not [*], [0], [only], [key=value] or "
                              "['name']",
                              error);
            path.count += !path.each;
            at = close + 1;
            continue;
        }
        if (*at == '.' && at > text.at)
            at++;
        const char *from = at;
        while (at < end && *at != '.' && *at != '[')
            at++;
        if (at == from)
            return refuse(text, "has an empty name", error);
        *step = (struct map_step){.kind = STEP_NAME, .name = bytes_of(from, (size_t)(at - from))};
        path.count++;
    }
    *ret_path = path;
    return VERDICT_OK;
}

uint32_t map_path_names(const struct map_path *path, struct json_names *names, uint32_t from)
{
    for (uint32_t i = 0; i < path->count; i++) {
        const struct map_step *step = &path->steps[i];
        if (step->kind == STEP_NAME)
            from = json_names_add(names, from, step->name);
        else if (step->kind == STEP_WHERE)
            json_names_add(names, from, step->name);
    }
    return from;
}

static uint32_t element_at(const struct json_tree *tree, uint32_t array, uint32_t index)
{
    uint32_t at = json_first(tree, array);
    while (at != JSON_NONE && index-- > 0)
        at = json_next(tree, array, at);
    return at;
}

static uint32_t element_where(const struct json_tree *tree, uint32_t array,
                              const struct map_step *step)
{
    for (uint32_t at = json_first(tree, array); at != JSON_NONE; at = json_next(tree, array, at)) {
        uint32_t field = json_field(tree, at, step->name);
        if (field != JSON_NONE && bytes_equal(tree->nodes[field].text, step->value))
            return at;
    }
    return JSON_NONE;
}

static uint32_t take_step(const struct json_tree *tree, uint32_t node, const struct map_step *step)
{
    if (step->kind == STEP_NAME)
        return json_field(tree, node, step->name);
    if (tree->nodes[node].kind != NODE_ARRAY)
        return JSON_NONE;
    if (step->kind == STEP_WHERE)
        return element_where(tree, node, step);
    return element_at(tree, node, step->index);
}

enum verdict map_path_find(const struct map_path *path, const struct json_tree *tree, uint32_t from,
                           uint32_t *ret_node, struct error *error)
{
    uint32_t node = from;
    for (uint32_t i = 0; i < path->count && node != JSON_NONE; i++) {
        const struct map_step *step = &path->steps[i];
        bool array = tree->nodes[node].kind == NODE_ARRAY;
        if (step->kind == STEP_ONLY && array &&
            (element_at(tree, node, 0) == JSON_NONE || element_at(tree, node, 1) != JSON_NONE)) {
            char quoted[BYTES_QUOTED_SIZE];
            return error_set(error, VERDICT_SKIP,
                             "the array in %s does not have exactly one element; send one event a "
                             "record",
                             bytes_quote(path->text, quoted));
        }
        node = take_step(tree, node, step);
    }
    if (node != JSON_NONE && tree->nodes[node].kind == NODE_NULL)
        node = JSON_NONE;
    *ret_node = node;
    return VERDICT_OK;
}
