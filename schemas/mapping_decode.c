/* Applies a mapping to one record. */
#include "schemas/mapping.h"
#include "schemas/mapping_parts.h"

#include <math.h>
#include <stdio.h>

/* One record while it is mapped. */
struct record_map {
    const struct mapping *mapping;
    struct json_tree tree;
    struct arena *arena;
    struct error *error;
};

/* Appends the paths of a place, for a message. */
static void paths_text(const struct map_paths *paths, char *to, size_t size)
{
    size_t used = 0;
    to[0] = '\0';
    for (uint32_t i = 0; i < paths->count && used < size; i++) {
        struct bytes text = paths->at[i].text;
        int more = snprintf(to + used, size - used, "%s%.*s", i ? ", " : "",
                            (int)(text.size < size ? text.size : size), text.at);
        used += more > 0 ? (size_t)more : 0;
    }
}

static enum verdict refuse_missing(const struct record_map *r, const char *name,
                                   const struct map_paths *paths)
{
    char text[160];
    paths_text(paths, text, sizeof text);
    return error_set(r->error, VERDICT_SKIP, "%s is missing: the mapping %s looked for %s", name,
                     r->mapping->name, text);
}

static enum verdict refuse_value(const struct record_map *r, const struct field *field,
                                 uint32_t node, const char *expected)
{
    char quoted[BYTES_QUOTED_SIZE];
    const struct json_node *value = &r->tree.nodes[node];
    const char *shown = value->kind == NODE_ARRAY    ? "an array"
                        : value->kind == NODE_OBJECT ? "an object"
                                                     : bytes_quote(value->text, quoted);
    return error_set(r->error, VERDICT_SKIP, "%s is %s, not %s (mapping %s)", field->name, shown,
                     expected, r->mapping->name);
}

/* Whether the node says nothing: an empty text, or one that the mapping counts as absent. */
static bool is_absent(const struct record_map *r, uint32_t node)
{
    const struct json_node *value = &r->tree.nodes[node];
    return value->kind == NODE_TEXT &&
           (value->text.size == 0 || map_words_have(&r->mapping->absent, value->text));
}

/* The first of the paths that has a value. JSON_NONE: none has. */
static enum verdict find_value(const struct record_map *r, const struct map_paths *paths,
                               uint32_t from, uint32_t *ret_node)
{
    *ret_node = JSON_NONE;
    for (uint32_t i = 0; i < paths->count; i++) {
        uint32_t node;
        if (map_path_find(&paths->at[i], &r->tree, from, &node, r->error) != VERDICT_OK)
            return VERDICT_SKIP;
        if (node != JSON_NONE && !is_absent(r, node)) {
            *ret_node = node;
            return VERDICT_OK;
        }
    }
    return VERDICT_OK;
}

/* ---- one field ---- */

static bool find_symbol(const struct field *field, struct bytes text, int64_t *ret_index)
{
    for (int64_t i = 0; field->symbols[i]; i++) {
        if (bytes_equal(text, bytes_text(field->symbols[i]))) {
            *ret_index = i;
            return true;
        }
    }
    return false;
}

static enum verdict read_time(const struct record_map *r, const struct map_binding *binding,
                              uint32_t node, int64_t *ret_ms)
{
    static const char *const expected[MAP_UNITS] = {
        [UNIT_MS] = "a number of milliseconds",
        [UNIT_S] = "a number of seconds",
        [UNIT_US] = "a number of microseconds",
        [UNIT_MINUTE] = "a number of minutes",
        [UNIT_HOUR] = "a number of hours",
        [UNIT_DAY] = "a number of days",
        [UNIT_ISO8601] = "a time with its offset, such as 2026-01-01T00:00:00Z",
        [UNIT_DATE] = "a date such as 2026-01-31 or 2026-01-31 08:26:00",
        [UNIT_DATE_MDY] = "a date such as 1/31/2026 or 1/31/2026 8:26",
        [UNIT_DATE_DMY] = "a date such as 31.1.2026 or 31.1.2026 8:26",
    };
    const struct map_form *form = &binding->place->form;
    if (map_ms(&r->tree.nodes[node], form, ret_ms))
        return VERDICT_OK;
    return refuse_value(r, binding->field, node, expected[form->unit]);
}

/* Adds the times that belong to the field's own; one that is absent adds nothing. */
static enum verdict add_times(const struct record_map *r, const struct map_binding *binding,
                              char *base)
{
    int64_t *time_ms = (int64_t *)(void *)(base + binding->field->offset), more_ms;
    for (uint32_t i = 0; i < binding->place->plus_count; i++) {
        const struct map_summand *summand = &binding->place->plus[i];
        uint32_t node;
        if (map_path_find(&summand->path, &r->tree, 0, &node, r->error) != VERDICT_OK)
            return VERDICT_SKIP;
        if (node == JSON_NONE || is_absent(r, node))
            continue;
        if (!map_ms(&r->tree.nodes[node], &summand->form, &more_ms))
            return refuse_value(r, binding->field, node, "a number that can be added");
        if (__builtin_add_overflow(*time_ms, more_ms, time_ms))
            return refuse_value(r, binding->field, node, "a time");
    }
    return VERDICT_OK;
}

/* Reads the node into the binding's field of `base`. */
static enum verdict set_field(const struct record_map *r, const struct map_binding *binding,
                              uint32_t node, char *base)
{
    const struct field *field = binding->field;
    const struct map_form *form = &binding->place->form;
    const struct json_node *value = &r->tree.nodes[node];
    void *to = base + field->offset;
    switch (field->type) {
    case FIELD_STRING:
        if (map_string(&r->tree, node, form, r->arena, to))
            return VERDICT_OK;
        return refuse_value(r, field, node, "a text or a whole number");
    case FIELD_LONG:
        if (strcmp(field->name, "event_time") == 0 || strcmp(field->name, "dwell_ms") == 0)
            return read_time(r, binding, node, to);
        /* fall through */
    case FIELD_COUNT:
        if (map_long(value, form, to))
            return VERDICT_OK;
        return refuse_value(r, field, node, "a whole number");
    case FIELD_DOUBLE:
        if (map_double(value, form, to))
            return VERDICT_OK;
        return refuse_value(r, field, node, "a number; see thousands and decimal");
    case FIELD_BOOL:
        if (map_bool(value, form, to))
            return VERDICT_OK;
        return refuse_value(r, field, node, "true or false; see true and false");
    case FIELD_ENUM:
        if (find_symbol(field, value->text, to))
            return VERDICT_OK;
        return refuse_value(r, field, node, "one of weft's values");
    default:
        return VERDICT_OK;
    }
}

static enum verdict set_constant(const struct record_map *r, const struct map_binding *binding,
                                 char *base)
{
    struct json_node node = {.kind = NODE_TEXT, .text = binding->place->constant, .next = 1};
    struct record_map constant = *r;
    constant.tree = (struct json_tree){&node, 1};
    return set_field(&constant, binding, 0, base);
}

static enum verdict set_fields(const struct record_map *r, const struct map_bindings *bindings,
                               uint32_t from, char *base)
{
    for (uint32_t i = 0; i < bindings->count; i++) {
        const struct map_binding *binding = &bindings->at[i];
        uint32_t node;
        enum verdict verdict;
        if (binding->place->constant.at) {
            verdict = set_constant(r, binding, base);
        } else {
            verdict = find_value(r, &binding->place->paths, from, &node);
            if (verdict == VERDICT_OK && node != JSON_NONE)
                verdict = set_field(r, binding, node, base);
            else if (verdict == VERDICT_OK && binding->field->required &&
                     bindings != &r->mapping->bindings[EVENT_PRODUCT] &&
                     binding->field->type != FIELD_ENUM &&
                     strcmp(binding->field->name, "event_id") != 0)
                verdict = refuse_missing(r, binding->field->name, &binding->place->paths);
        }
        if (verdict == VERDICT_OK && binding->place->plus_count > 0)
            verdict = add_times(r, binding, base);
        if (verdict != VERDICT_OK)
            return verdict;
    }
    return VERDICT_OK;
}

/* ---- the record ---- */

/* Many systems give a refund a negative quantity and value. */
static void turn_positive(struct event *event)
{
    if (event->value < 0)
        event->value = -event->value;
    for (uint32_t i = 0; i < event->item_count; i++)
        if (event->items[i].quantity < 0 && event->items[i].quantity != INT64_MIN)
            event->items[i].quantity = -event->items[i].quantity;
}

static enum verdict add_item(const struct record_map *r, uint32_t node, uint32_t *capacity,
                             struct event *event)
{
    struct event_item *item = event_add_item(event, capacity, r->arena, r->error);
    if (item == NULL)
        return VERDICT_SKIP;
    return set_fields(r, &r->mapping->item_bindings, node, (char *)item);
}

/* Whether an object that is no element of an array has an item_id. Without one it is no item. */
static enum verdict find_id(const struct record_map *r, uint32_t node, bool *ret_found)
{
    const struct map_bindings *bindings = &r->mapping->item_bindings;
    uint32_t id = JSON_NONE;
    enum verdict verdict = VERDICT_OK;
    for (uint32_t i = 0; i < bindings->count && verdict == VERDICT_OK; i++)
        if (bindings->at[i].field->required)
            verdict = find_value(r, &bindings->at[i].place->paths, node, &id);
    *ret_found = id != JSON_NONE;
    return verdict;
}

/* A path without [*] leads to one item, or to an array of items all the same. */
static enum verdict add_items(const struct record_map *r, struct event *event)
{
    uint32_t array, capacity = 0;
    enum verdict verdict = find_value(r, &r->mapping->items.paths, 0, &array);
    if (verdict != VERDICT_OK || array == JSON_NONE)
        return verdict;
    if (r->tree.nodes[array].kind != NODE_ARRAY) {
        bool found;
        verdict = find_id(r, array, &found);
        return verdict == VERDICT_OK && found ? add_item(r, array, &capacity, event) : verdict;
    }
    for (uint32_t at = json_first(&r->tree, array); at != JSON_NONE && verdict == VERDICT_OK;
         at = json_next(&r->tree, array, at))
        verdict = add_item(r, at, &capacity, event);
    return verdict;
}

/* The kind of a record. NULL, with the error set: it is missing, or the mapping does not know it.
 */
static const struct map_kind *find_kind(const struct record_map *r)
{
    const struct mapping *mapping = r->mapping;
    char quoted[BYTES_QUOTED_SIZE];
    uint32_t node;
    if (mapping->kind_paths.count == 0)
        return mapping->other_kind;
    if (find_value(r, &mapping->kind_paths, 0, &node) != VERDICT_OK)
        return NULL;
    if (node == JSON_NONE) {
        refuse_missing(r, "the kind", &mapping->kind_paths);
        return NULL;
    }
    struct bytes name = r->tree.nodes[node].text;
    for (uint32_t i = 0; i < mapping->kind_count; i++)
        if (!mapping->kinds[i].is_start && bytes_equal(mapping->kinds[i].name, name))
            return &mapping->kinds[i];
    for (uint32_t i = 0; i < mapping->kind_count; i++) {
        const struct map_kind *kind = &mapping->kinds[i];
        if (kind->is_start && kind->name.size <= name.size &&
            memcmp(kind->name.at, name.at, kind->name.size) == 0)
            return kind;
    }
    if (mapping->other_kind == NULL)
        error_set(r->error, VERDICT_SKIP,
                  "the mapping %s does not know the kind %s; add it to kinds, or \"*\": \"drop\"",
                  mapping->name, bytes_quote(name, quoted));
    return mapping->other_kind;
}

/* "NAME-", and the hash as 16 hexadecimal digits. */
static struct bytes id_of(const struct record_map *r, uint64_t hash)
{
    size_t size = strlen(r->mapping->name);
    char *id = arena_get(r->arena, size + 17);
    memcpy(id, r->mapping->name, size);
    id[size] = '-';
    for (size_t i = 16; i > 0; i--, hash >>= 4)
        id[size + i] = "0123456789abcdef"[hash & 15];
    return bytes_of(id, size + 17);
}

/* `hash`: of the record, if the mapping has no place for ids. */
static enum verdict make_id(const struct record_map *r, struct bytes json, uint64_t hash,
                            struct event *event)
{
    if (r->mapping->has_ids && json_hash(json, r->arena, &hash, r->error) != VERDICT_OK)
        return VERDICT_SKIP;
    event->event_id = id_of(r, hash);
    return VERDICT_OK;
}

enum verdict mapping_decode(const struct mapping *mapping, enum event_type type, struct bytes json,
                            struct arena *arena, struct event *ret_event, struct error *error)
{
    struct record_map r = {.mapping = mapping, .arena = arena, .error = error};
    struct map_kind kind = {.type = type};
    uint64_t hash = 0;
    if (json_tree_read(json, &mapping->names, arena, &r.tree, mapping->has_ids ? NULL : &hash,
                       error) != VERDICT_OK)
        return VERDICT_SKIP;
    if (r.tree.nodes[0].kind != NODE_OBJECT)
        return error_set(error, VERDICT_SKIP, "the record is no JSON object");
    if (mapping->kind_count > 0) {
        const struct map_kind *found = find_kind(&r);
        if (found == NULL)
            return VERDICT_SKIP;
        kind = *found;
    }
    event_init(ret_event, kind.type == EVENT_TYPES ? type : kind.type);
    ret_event->dropped = kind.type == EVENT_TYPES;
    if (ret_event->dropped)
        return VERDICT_OK;
    ret_event->action = kind.action;
    ret_event->status = kind.status;
    enum verdict verdict = set_fields(&r, &mapping->bindings[kind.type], 0, (char *)ret_event);
    if (verdict == VERDICT_OK)
        verdict = add_items(&r, ret_event);
    if (ret_event->type == EVENT_PURCHASE && ret_event->status != PURCHASE_COMPLETED)
        turn_positive(ret_event);
    if (verdict == VERDICT_OK && ret_event->event_id.size == 0)
        verdict = make_id(&r, json, hash, ret_event);
    return verdict;
}

/* The categories are one text. */
static enum verdict set_categories(const struct record_map *r, struct event *product)
{
    const struct map_place *place = r->mapping->categories;
    uint32_t node = JSON_NONE;
    struct bytes *category = arena_get(r->arena, sizeof *category);
    if (place == NULL)
        return VERDICT_OK;
    if (place->constant.at)
        *category = place->constant;
    else if (find_value(r, &place->paths, 0, &node) != VERDICT_OK ||
             (node != JSON_NONE && !map_string(&r->tree, node, &place->form, r->arena, category)))
        return VERDICT_SKIP;
    if (place->constant.at || node != JSON_NONE)
        product->categories = (struct event_strings){category, 1, 0};
    return VERDICT_OK;
}

bool mapping_product(const struct mapping *mapping, struct bytes json, const struct event *event,
                     struct arena *arena, struct event *ret_product)
{
    struct record_map r = {.mapping = mapping, .arena = arena};
    struct event product;
    if (mapping->product_field_count == 0 || event->item_count == 0 ||
        json_tree_read(json, &mapping->names, arena, &r.tree, NULL, NULL) != VERDICT_OK)
        return false;
    event_init(&product, EVENT_PRODUCT);
    product.item_id = event->items[0].item_id;
    if (set_fields(&r, &mapping->bindings[EVENT_PRODUCT], 0, (char *)&product) != VERDICT_OK ||
        set_categories(&r, &product) != VERDICT_OK)
        return false;
    if (product.title.size == 0 && product.item_brand.size == 0 && product.categories.count == 0 &&
        isnan(product.price))
        return false;
    if (product.title.at == NULL)
        product.title = bytes_text(""); /* a record must have one */
    *ret_product = product;
    return event_check(&product, NULL) == VERDICT_OK;
}
