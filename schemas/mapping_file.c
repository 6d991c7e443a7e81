/* Compiles the member "file" of a mapping. */
#include "schemas/mapping_compiler.h"

static bool add_name(struct compiler *c, uint32_t node, struct bytes name, struct bytes *names,
                     uint32_t *count)
{
    if (*count == LAYOUT_NAMES_MAX)
        return refuse(c, node, "more than %d names", LAYOUT_NAMES_MAX);
    names[(*count)++] = name;
    return true;
}

static bool read_names(struct compiler *c, uint32_t node, struct bytes *names, uint32_t *count)
{
    if (!is_kind(c, node, NODE_ARRAY, "an array of texts"))
        return false;
    for (uint32_t at = json_first(&c->tree, node); at != JSON_NONE;
         at = json_next(&c->tree, node, at)) {
        if (c->tree.nodes[at].kind != NODE_TEXT || c->tree.nodes[at].text.size == 0)
            return refuse(c, at, "%s must be an array of texts",
                          quote(c->tree.nodes[node].name).text);
        if (!add_name(c, at, c->tree.nodes[at].text, names, count))
            return false;
    }
    return true;
}

/* {"NAME": "FORM", ...} in the order of the columns */
static bool read_columns(struct compiler *c, uint32_t node, struct mapping_layout *layout)
{
    static const char *const forms[LAYOUT_FORMS] = {"any", "digits", "number", "time"};
    if (!is_kind(c, node, NODE_OBJECT, "an object, such as {\"item\": \"digits\"}"))
        return false;
    for (uint32_t at = json_first(&c->tree, node); at != JSON_NONE;
         at = json_next(&c->tree, node, at)) {
        int form = 0;
        while (form < LAYOUT_FORMS && !bytes_equal(c->tree.nodes[at].text, bytes_text(forms[form])))
            form++;
        if (form == LAYOUT_FORMS)
            return refuse(c, at, "the form of a column is any, digits, number or time");
        if (!add_name(c, at, c->tree.nodes[at].name, layout->names, &layout->count))
            return false;
        layout->forms[layout->count - 1] = (enum layout_form)form;
    }
    return true;
}

static bool read_text(struct compiler *c, uint32_t node, struct bytes *ret_text)
{
    *ret_text = c->tree.nodes[node].text;
    return is_kind(c, node, NODE_TEXT, "a text");
}

static bool read_layout_member(struct compiler *c, uint32_t node, struct mapping_layout *layout)
{
    static const char *const kinds[] = {
        [LAYOUT_LINES] = "lines", [LAYOUT_HEADER] = "header", [LAYOUT_COLUMNS] = "columns"};
    for (int kind = LAYOUT_LINES; kind <= LAYOUT_COLUMNS; kind++) {
        if (!is_named(c, node, kinds[kind]))
            continue;
        if (layout->count > 0)
            return refuse(c, node, "file has one of lines, header and columns");
        layout->kind = (enum layout_kind)kind;
        return kind == LAYOUT_COLUMNS ? read_columns(c, node, layout)
                                      : read_names(c, node, layout->names, &layout->count);
    }
    if (is_named(c, node, "each"))
        return read_text(c, node, &layout->each);
    if (is_named(c, node, "beside"))
        return read_names(c, node, layout->beside, &layout->beside_count);
    if (is_named(c, node, "key"))
        return read_text(c, node, &layout->key);
    if (is_named(c, node, "rows"))
        return read_text(c, node, &layout->rows);
    if (is_named(c, node, "sum"))
        return read_text(c, node, &layout->sum);
    if (is_named(c, node, "sum_by"))
        return read_text(c, node, &layout->sum_by);
    return refuse(c, node,
                  "%s is unknown; file has lines, header or columns, and each, beside, key, rows, "
                  "sum or sum_by",
                  quote(c->tree.nodes[node].name).text);
}

bool map_layout_read(struct compiler *c, uint32_t node)
{
    struct mapping_layout *layout = &c->mapping->layout;
    if (!is_kind(c, node, NODE_OBJECT, "an object, such as {\"header\": [\"user\", \"item\"]}"))
        return false;
    for (uint32_t at = json_first(&c->tree, node); at != JSON_NONE;
         at = json_next(&c->tree, node, at))
        if (!read_layout_member(c, at, layout))
            return false;
    if (layout->count == 0)
        return refuse(c, node, "file needs one of lines, header and columns");
    if (layout->each.at && layout->kind != LAYOUT_LINES)
        return refuse(c, node, "each is for lines");
    if ((layout->beside_count > 0 || layout->sum.at) && layout->kind == LAYOUT_LINES)
        return refuse(c, node, "beside and sum are for tables");
    if ((layout->beside_count > 0) != (layout->key.at != NULL) ||
        (layout->beside_count > 0) != (layout->rows.at != NULL))
        return refuse(c, node, "beside, key and rows go together");
    if ((layout->sum.at != NULL) != (layout->sum_by.at != NULL))
        return refuse(c, node, "sum and sum_by go together");
    c->mapping->has_layout = true;
    return true;
}
