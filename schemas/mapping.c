#include "schemas/mapping.h"

#include "schemas/embedded.h"
#include "schemas/mapping_compiler.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- places ---- */

static bool add_path(struct compiler *c, uint32_t node, struct map_paths *paths)
{
    struct error inner = {0};
    if (c->tree.nodes[node].kind != NODE_TEXT)
        return refuse(c, node, "a path must be a text, such as \"user.id\"");
    if (paths->count == MAPPING_PATHS_MAX)
        return refuse(c, node, "more than %d paths for one field", MAPPING_PATHS_MAX);
    if (map_path_parse(c->tree.nodes[node].text, &c->mapping->arena, &paths->at[paths->count],
                       &inner) != VERDICT_OK)
        return refuse(c, node, "%s", inner.message);
    paths->count++;
    return true;
}

/* One path, or an array of paths. */
static bool read_paths(struct compiler *c, uint32_t node, struct map_paths *ret_paths)
{
    struct map_paths paths = {.count = 0};
    if (c->tree.nodes[node].kind != NODE_ARRAY) {
        if (!add_path(c, node, &paths))
            return false;
    } else {
        for (uint32_t at = json_first(&c->tree, node); at != JSON_NONE;
             at = json_next(&c->tree, node, at))
            if (!add_path(c, at, &paths))
                return false;
        if (paths.count == 0)
            return refuse(c, node, "there is no path in the array");
    }
    *ret_paths = paths;
    return true;
}

static bool read_unit(struct compiler *c, uint32_t node, enum map_unit *ret_unit)
{
    for (int i = 0; i < MAP_UNITS; i++) {
        if (bytes_equal(c->tree.nodes[node].text, bytes_text(map_unit_names[i]))) {
            *ret_unit = (enum map_unit)i;
            return true;
        }
    }
    return refuse(c, node,
                  "unit is %s; set it to ms, s, us, minute, hour, day, iso8601, date, mdy or dmy",
                  quote(c->tree.nodes[node].text).text);
}

static bool read_character(struct compiler *c, uint32_t node, char *ret_character)
{
    struct bytes text = c->tree.nodes[node].text;
    if (c->tree.nodes[node].kind != NODE_TEXT || text.size != 1 ||
        (text.at[0] >= '0' && text.at[0] <= '9'))
        return refuse(c, node, "%s must be one character, such as \",\"",
                      quote(c->tree.nodes[node].name).text);
    *ret_character = text.at[0];
    return true;
}

static bool read_words(struct compiler *c, uint32_t node, struct map_words *ret_words)
{
    if (!is_kind(c, node, NODE_ARRAY, "an array of texts"))
        return false;
    for (uint32_t at = json_first(&c->tree, node); at != JSON_NONE;
         at = json_next(&c->tree, node, at)) {
        if (c->tree.nodes[at].kind != NODE_TEXT && c->tree.nodes[at].kind != NODE_NUMBER)
            return refuse(c, at, "%s must be an array of texts",
                          quote(c->tree.nodes[node].name).text);
        if (ret_words->count == MAPPING_WORDS_MAX)
            return refuse(c, at, "more than %d texts", MAPPING_WORDS_MAX);
        ret_words->at[ret_words->count++] = c->tree.nodes[at].text;
    }
    return true;
}

/* {"PATH": "UNIT", ...} */
static bool read_plus(struct compiler *c, uint32_t node, struct map_place *place)
{
    if (!is_kind(c, node, NODE_OBJECT, "an object, such as {\"hour_of_day\": \"hour\"}"))
        return false;
    for (uint32_t at = json_first(&c->tree, node); at != JSON_NONE;
         at = json_next(&c->tree, node, at)) {
        struct map_summand *summand = &place->plus[place->plus_count];
        struct error inner = {0};
        if (place->plus_count == MAPPING_SUMMANDS_MAX)
            return refuse(c, at, "more than %d times are added", MAPPING_SUMMANDS_MAX);
        *summand = (struct map_summand){.form.decimal = '.'};
        if (map_path_parse(c->tree.nodes[at].name, &c->mapping->arena, &summand->path, &inner) !=
            VERDICT_OK)
            return refuse(c, at, "%s", inner.message);
        if (!read_unit(c, at, &summand->form.unit))
            return false;
        if (summand->form.unit >= UNIT_ISO8601)
            return refuse(c, at,
                          "a date can't be added; plus takes ms, s, us, minute, hour or day");
        place->plus_count++;
    }
    return true;
}

static bool read_option(struct compiler *c, uint32_t node, struct map_place *place)
{
    if (is_named(c, node, "plus"))
        return read_plus(c, node, place);
    const struct json_node *value = &c->tree.nodes[node];
    if (is_named(c, node, "path"))
        return read_paths(c, node, &place->paths);
    if (is_named(c, node, "value")) {
        if (value->kind != NODE_TEXT && value->kind != NODE_NUMBER)
            return refuse(c, node, "value must be a text or a number");
        place->constant = value->text;
        return true;
    }
    if (is_named(c, node, "unit"))
        return read_unit(c, node, &place->form.unit);
    if (is_named(c, node, "thousands"))
        return read_character(c, node, &place->form.thousands);
    if (is_named(c, node, "decimal"))
        return read_character(c, node, &place->form.decimal);
    if (is_named(c, node, "true"))
        return read_words(c, node, &place->form.trues);
    if (is_named(c, node, "false"))
        return read_words(c, node, &place->form.falses);
    if (is_named(c, node, "join")) {
        place->form.join = value->text;
        return is_kind(c, node, NODE_TEXT, "a text");
    }
    return refuse(c, node,
                  "%s is unknown; a field has path or value, and unit, plus, thousands, decimal, "
                  "join, true or false",
                  quote(value->name).text);
}

/* "path", ["path", ...], or an object with options. */
static bool read_place(struct compiler *c, uint32_t node, struct map_place *ret_place)
{
    *ret_place = (struct map_place){.name = c->tree.nodes[node].name, .form.decimal = '.'};
    if (c->tree.nodes[node].kind != NODE_OBJECT)
        return read_paths(c, node, &ret_place->paths);
    for (uint32_t at = json_first(&c->tree, node); at != JSON_NONE;
         at = json_next(&c->tree, node, at))
        if (!read_option(c, at, ret_place))
            return false;
    if ((ret_place->paths.count > 0) == (ret_place->constant.at != NULL))
        return refuse(c, node, "%s needs either path or value", quote(ret_place->name).text);
    return true;
}

static bool has_each(const struct map_paths *paths)
{
    for (uint32_t i = 0; i < paths->count; i++)
        if (paths->at[i].each)
            return true;
    return false;
}

/* The field of that name in any type of event of visitors. NULL: there is none that can be mapped.
 */
static const struct field *find_event_field(struct bytes name)
{
    for (int type = 0; type < EVENT_USER; type++) {
        struct field_table table = event_fields((enum event_type)type);
        for (size_t i = 0; i < table.count; i++)
            if (bytes_equal(name, bytes_text(table.fields[i].name)) &&
                table.fields[i].type < FIELD_ITEM)
                return &table.fields[i];
    }
    return NULL;
}

static const struct field *find_item_field(struct bytes name)
{
    struct field_table table = event_item_fields();
    for (size_t i = 0; i < table.count; i++)
        if (bytes_equal(name, bytes_text(table.fields[i].name)))
            return &table.fields[i];
    return NULL;
}

static bool check_form(struct compiler *c, uint32_t node, const struct field *field,
                       const struct map_place *place)
{
    bool time = strcmp(field->name, "event_time") == 0 || strcmp(field->name, "dwell_ms") == 0;
    if ((place->form.unit != UNIT_MS || place->plus_count > 0) && !time)
        return refuse(c, node, "%s has no unit; event_time and dwell_ms have", field->name);
    if (has_each(&place->paths))
        return refuse(c, node, "%s is one value, so its path has no [*]; fields.items has",
                      field->name);
    return true;
}

/* The fields of a product that one value of a record can be. */
static const struct field *find_product_field(struct bytes name)
{
    struct field_table table = event_fields(EVENT_PRODUCT);
    for (size_t i = 0; i < table.count; i++)
        if (bytes_equal(name, bytes_text(table.fields[i].name)) &&
            strcmp(table.fields[i].name, "item_id") != 0 &&
            (table.fields[i].type == FIELD_STRING || table.fields[i].type == FIELD_DOUBLE ||
             strcmp(table.fields[i].name, "categories") == 0))
            return &table.fields[i];
    return NULL;
}

static bool read_product(struct compiler *c, uint32_t node)
{
    struct mapping *mapping = c->mapping;
    if (!is_kind(c, node, NODE_OBJECT, "an object of fields"))
        return false;
    for (uint32_t at = json_first(&c->tree, node); at != JSON_NONE;
         at = json_next(&c->tree, node, at)) {
        const struct field *field = find_product_field(c->tree.nodes[at].name);
        struct map_place *place = &mapping->product_fields[mapping->product_field_count];
        if (field == NULL)
            return refuse(c, at,
                          "there is no field %s that a record can have beside its event; a product "
                          "has title, item_brand, categories, price and others",
                          quote(c->tree.nodes[at].name).text);
        if (mapping->product_field_count == MAPPING_FIELDS_MAX)
            return refuse(c, at, "more than %d fields", MAPPING_FIELDS_MAX);
        if (!read_place(c, at, place) || !check_form(c, at, field, place))
            return false;
        mapping->product_field_count++;
    }
    return true;
}

static bool read_fields(struct compiler *c, uint32_t node, bool items, struct map_place *places,
                        uint32_t *count)
{
    if (!is_kind(c, node, NODE_OBJECT, "an object of fields"))
        return false;
    for (uint32_t at = json_first(&c->tree, node); at != JSON_NONE;
         at = json_next(&c->tree, node, at)) {
        struct bytes name = c->tree.nodes[at].name;
        if (!items && is_named(c, at, "items")) {
            if (!read_place(c, at, &c->mapping->items))
                return false;
            continue;
        }
        const struct field *field = items ? find_item_field(name) : find_event_field(name);
        if (field == NULL)
            return refuse(c, at, "there is no field %s; schemas/README.md lists the fields of %s",
                          quote(name).text, items ? "an item" : "an event");
        if (*count == MAPPING_FIELDS_MAX)
            return refuse(c, at, "more than %d fields", MAPPING_FIELDS_MAX);
        if (!read_place(c, at, &places[*count]) || !check_form(c, at, field, &places[*count]))
            return false;
        ++*count;
    }
    return true;
}

/* ---- kinds ---- */

static const struct {
    const char *name;
    enum event_type type;
    int64_t action, status;
} kind_targets[] = {
    {"view", EVENT_VIEW, 0, 0},
    {"search", EVENT_SEARCH, 0, 0},
    {"cart add", EVENT_CART, CART_ADD, 0},
    {"cart remove", EVENT_CART, CART_REMOVE, 0},
    {"cart update", EVENT_CART, CART_UPDATE, 0},
    {"cart clear", EVENT_CART, CART_CLEAR, 0},
    {"purchase", EVENT_PURCHASE, 0, PURCHASE_COMPLETED},
    {"purchase refunded", EVENT_PURCHASE, 0, PURCHASE_REFUNDED},
    {"purchase cancelled", EVENT_PURCHASE, 0, PURCHASE_CANCELLED},
    {"impression", EVENT_IMPRESSION, 0, 0},
    {"click", EVENT_CLICK, 0, 0},
    {"drop", EVENT_TYPES, 0, 0},
};

#define KIND_TARGETS (sizeof kind_targets / sizeof kind_targets[0])

/* `of_all`: the records do not say their kind, and all have this one. */
static bool read_kind(struct compiler *c, uint32_t node, bool of_all)
{
    struct mapping *mapping = c->mapping;
    struct bytes target = c->tree.nodes[node].text;
    size_t i = 0;
    if (mapping->kind_count == MAPPING_KINDS_MAX)
        return refuse(c, node, "more than %d kinds", MAPPING_KINDS_MAX);
    while (i < KIND_TARGETS && !bytes_equal(target, bytes_text(kind_targets[i].name)))
        i++;
    if (c->tree.nodes[node].kind != NODE_TEXT || i == KIND_TARGETS)
        return refuse(c, node,
                      "the kind %s maps to %s; set it to view, search, cart add, cart remove, cart "
                      "update, cart clear, purchase, purchase refunded, purchase cancelled, "
                      "impression, click or drop",
                      quote(c->tree.nodes[node].name).text, quote(target).text);
    struct map_kind *kind = &mapping->kinds[mapping->kind_count++];
    *kind = (struct map_kind){c->tree.nodes[node].name, false, kind_targets[i].type,
                              kind_targets[i].action, kind_targets[i].status};
    if (of_all || bytes_equal(kind->name, bytes_text("*")))
        mapping->other_kind = kind;
    else if (kind->name.size > 0 && kind->name.at[kind->name.size - 1] == '*') {
        kind->is_start = true;
        kind->name.size--;
    }
    return true;
}

static bool read_kinds(struct compiler *c, uint32_t node)
{
    if (c->tree.nodes[node].kind == NODE_TEXT)
        return read_kind(c, node, true);
    if (!is_kind(c, node, NODE_OBJECT, "an object, such as {\"add_to_cart\": \"cart add\"}"))
        return false;
    for (uint32_t at = json_first(&c->tree, node); at != JSON_NONE;
         at = json_next(&c->tree, node, at))
        if (!read_kind(c, at, false))
            return false;
    if (c->mapping->kind_count == 0)
        return refuse(c, node, "kinds is empty");
    return true;
}

/* ---- the whole ---- */

static bool is_name_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
}

static bool read_name(struct compiler *c, uint32_t node)
{
    struct bytes name = c->tree.nodes[node].text;
    bool fine = c->tree.nodes[node].kind == NODE_TEXT && name.size > 0 &&
                name.size <= MAPPING_NAME_BYTES_MAX;
    for (size_t i = 0; fine && i < name.size; i++)
        fine = is_name_character(name.at[i]);
    if (!fine)
        return refuse(c, node, "name must be 1 to %d letters, digits, '-', '_' or '.'",
                      MAPPING_NAME_BYTES_MAX);
    memcpy(c->mapping->name, name.at, name.size);
    return true;
}

static bool read_member(struct compiler *c, uint32_t node)
{
    struct mapping *mapping = c->mapping;
    if (is_named(c, node, "name"))
        return read_name(c, node);
    if (is_named(c, node, "about")) /* for people */
        return true;
    if (is_named(c, node, "kind"))
        return read_paths(c, node, &mapping->kind_paths);
    if (is_named(c, node, "kinds"))
        return read_kinds(c, node);
    if (is_named(c, node, "absent"))
        return read_words(c, node, &mapping->absent);
    if (is_named(c, node, "fields"))
        return read_fields(c, node, false, mapping->fields, &mapping->field_count);
    if (is_named(c, node, "item"))
        return read_fields(c, node, true, mapping->item_fields, &mapping->item_field_count);
    if (is_named(c, node, "product"))
        return read_product(c, node);
    if (is_named(c, node, "file"))
        return map_layout_read(c, node);
    return refuse(c, node,
                  "%s is unknown; a mapping has name, about, file, kind, kinds, absent, fields, "
                  "item and product",
                  quote(c->tree.nodes[node].name).text);
}

static const struct map_place *find_place(const struct map_place *places, uint32_t count,
                                          const char *name)
{
    for (uint32_t i = 0; i < count; i++)
        if (bytes_equal(places[i].name, bytes_text(name)))
            return &places[i];
    return NULL;
}

static void bind(struct field_table table, const struct map_place *places, uint32_t count,
                 struct map_bindings *bindings)
{
    for (size_t i = 0; i < table.count; i++) {
        const struct map_place *place = find_place(places, count, table.fields[i].name);
        if (place)
            bindings->at[bindings->count++] = (struct map_binding){&table.fields[i], place};
    }
}

static void add_names(struct json_names *names, const struct map_paths *paths, uint32_t from)
{
    for (uint32_t i = 0; i < paths->count; i++)
        map_path_names(&paths->at[i], names, from);
}

static void add_all_names(struct mapping *mapping)
{
    struct json_names *names = &mapping->names;
    add_names(names, &mapping->kind_paths, 0);
    for (uint32_t i = 0; i < mapping->field_count; i++) {
        add_names(names, &mapping->fields[i].paths, 0);
        for (uint32_t k = 0; k < mapping->fields[i].plus_count; k++)
            map_path_names(&mapping->fields[i].plus[k].path, names, 0);
    }
    for (uint32_t i = 0; i < mapping->product_field_count; i++)
        add_names(names, &mapping->product_fields[i].paths, 0);
    for (uint32_t i = 0; i < mapping->items.paths.count; i++) {
        uint32_t array = map_path_names(&mapping->items.paths.at[i], names, 0);
        for (uint32_t k = 0; k < mapping->item_field_count; k++)
            add_names(names, &mapping->item_fields[k].paths, array);
    }
}

/* Whether the fields that events of this type must have are mapped. `node` and `kind` are where the
 * message points to. */
static bool check_type(struct compiler *c, uint32_t node, struct bytes kind, enum event_type type)
{
    const struct mapping *mapping = c->mapping;
    struct field_table table = event_fields(type);
    for (size_t i = 0; i < table.count; i++) {
        const struct field *field = &table.fields[i];
        bool item = field->type == FIELD_ITEM || field->type == FIELD_ITEMS;
        if (!field->required || strcmp(field->name, "event_id") == 0 ||
            (type == EVENT_CART && strcmp(field->name, "action") == 0))
            continue;
        if (item ? mapping->items.paths.count == 0
                 : !find_place(mapping->fields, mapping->field_count, field->name))
            return refuse(c, node, "the kind %s is a %s, which needs %s; add fields.%s",
                          quote(kind).text, event_type_names[type], item ? "items" : field->name,
                          item ? "items" : field->name);
    }
    return true;
}

/* Checks that need the whole mapping. */
static bool check_whole(struct compiler *c)
{
    const struct mapping *mapping = c->mapping;
    static const char *const always[] = {"visitor_id", "event_time"};
    uint32_t fields = child(c, 0, "fields"), kinds = child(c, 0, "kinds");
    if (mapping->name[0] == '\0')
        return refuse(c, 0, "name is missing; ids that are made begin with it");
    for (size_t i = 0; i < 2; i++)
        if (!find_place(mapping->fields, mapping->field_count, always[i]))
            return refuse(c, fields == JSON_NONE ? 0 : fields, "fields.%s is missing", always[i]);
    bool one_kind = kinds != JSON_NONE && c->tree.nodes[kinds].kind == NODE_TEXT;
    if ((mapping->kind_paths.count > 0) != (mapping->kind_count > 0 && !one_kind))
        return refuse(c, 0,
                      "kind says where the name of the kind stands, and kinds what the names "
                      "mean: set both, or none if each topic has one kind");
    if (mapping->items.paths.count > 0 &&
        !find_place(mapping->item_fields, mapping->item_field_count, "item_id"))
        return refuse(c, 0,
                      "item.item_id is missing; paths in item start at an element of "
                      "fields.items");
    if (mapping->items.paths.count == 0 && mapping->item_field_count > 0)
        return refuse(c, child(c, 0, "item"), "fields.items is missing; it says where items stand");
    if (one_kind && mapping->other_kind->type != EVENT_TYPES)
        return check_type(c, kinds, c->tree.nodes[kinds].text, mapping->other_kind->type);
    uint32_t at = kinds == JSON_NONE ? JSON_NONE : json_first(&c->tree, kinds);
    for (uint32_t i = 0; i < mapping->kind_count; i++, at = json_next(&c->tree, kinds, at))
        if (mapping->kinds[i].type != EVENT_TYPES &&
            !check_type(c, at, mapping->kinds[i].name, mapping->kinds[i].type))
            return false;
    return true;
}

static bool compile(struct compiler *c)
{
    struct mapping *mapping = c->mapping;
    json_error_t where;
    json_t *parsed =
        json_loadb(c->text.at ? c->text.at : "", c->text.size, JSON_REJECT_DUPLICATES, &where);
    if (parsed == NULL) {
        error_set(c->error, VERDICT_SKIP, "%s, line %d: %s; a mapping is a JSON object", c->source,
                  where.line, where.text);
        return false;
    }
    json_decref(parsed);
    struct error inner = {0};
    if (json_tree_read(c->text, NULL, &mapping->arena, &c->tree, NULL, &inner) != VERDICT_OK) {
        error_set(c->error, VERDICT_SKIP, "%s: %s", c->source, inner.message);
        return false;
    }
    if (c->tree.nodes[0].kind != NODE_OBJECT)
        return refuse(c, 0, "a mapping is a JSON object");
    for (uint32_t at = json_first(&c->tree, 0); at != JSON_NONE; at = json_next(&c->tree, 0, at))
        if (!read_member(c, at))
            return false;
    if (!check_whole(c))
        return false;
    for (int type = 0; type < EVENT_USER; type++)
        bind(event_fields((enum event_type)type), mapping->fields, mapping->field_count,
             &mapping->bindings[type]);
    bind(event_fields(EVENT_PRODUCT), mapping->product_fields, mapping->product_field_count,
         &mapping->bindings[EVENT_PRODUCT]);
    mapping->categories =
        find_place(mapping->product_fields, mapping->product_field_count, "categories");
    bind(event_item_fields(), mapping->item_fields, mapping->item_field_count,
         &mapping->item_bindings);
    mapping->has_ids = find_place(mapping->fields, mapping->field_count, "event_id") != NULL;
    add_all_names(mapping);
    return true;
}

enum verdict mapping_new(struct bytes text, const char *source, struct mapping **ret_mapping,
                         struct error *error)
{
    struct mapping *mapping = memory_zero(1, sizeof *mapping);
    struct compiler c = {.mapping = mapping, .source = source, .error = error};
    c.text = arena_copy(&mapping->arena, text);
    if (!compile(&c)) {
        mapping_free(mapping);
        return VERDICT_SKIP;
    }
    *ret_mapping = mapping;
    return VERDICT_OK;
}

void mapping_free(struct mapping *mapping)
{
    if (mapping == NULL)
        return;
    json_names_release(&mapping->names);
    arena_release(&mapping->arena);
    free(mapping);
}

const char *mapping_name(const struct mapping *mapping)
{
    return mapping->name;
}

bool mapping_has_kinds(const struct mapping *mapping)
{
    return mapping->kind_count > 0;
}

const struct mapping_layout *mapping_layout(const struct mapping *mapping)
{
    return mapping->has_layout ? &mapping->layout : NULL;
}

struct bytes mapping_text(const char *name)
{
    for (size_t i = 0; embedded_mappings[i].name; i++)
        if (strcmp(embedded_mappings[i].name, name) == 0)
            return bytes_of(embedded_mappings[i].text, embedded_mappings[i].size);
    return bytes_of(NULL, 0);
}

void mapping_names(struct buffer *buffer)
{
    for (size_t i = 0; embedded_mappings[i].name; i++)
        buffer_format(buffer, "%s%s", i ? ", " : "", embedded_mappings[i].name);
}
