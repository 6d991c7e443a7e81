#include "tools/event_layouts.h"

#include "schemas/embedded.h"
#include "schemas/json_tree.h"
#include "tools/column_mapping.h"
#include "tools/table.h"

#include <stdlib.h>

#define LINES_LOOKED_AT 20

bool layout_next_line(struct bytes *rest, bool whole, struct bytes *ret_line)
{
    while (rest->size > 0) {
        const char *end = memchr(rest->at, '\n', rest->size);
        if (end == NULL && !whole)
            return false;
        size_t size = end ? (size_t)(end - rest->at) : rest->size;
        struct bytes line = bytes_of(rest->at, size);
        size_t taken = size + (end != NULL);
        *rest = bytes_of(rest->at + taken, rest->size - taken);
        if (line.size > 0 && line.at[line.size - 1] == '\r')
            line.size--;
        if (bytes_trim(line).size == 0)
            continue;
        *ret_line = line;
        return true;
    }
    return false;
}

/* ---- whether a layout fits ---- */

static bool has_value(const struct table_row *row, struct bytes name)
{
    for (size_t i = 0; i < row->count && i < TABLE_COLUMNS_MAX; i++)
        if (bytes_equal(bytes_trim(row->values[i]), name))
            return true;
    return false;
}

static bool header_fits(const struct mapping_layout *layout, struct bytes line, struct arena *arena)
{
    struct table_row row;
    table_split(line, table_separator(line), arena, &row);
    for (uint32_t i = 0; i < layout->count; i++)
        if (!has_value(&row, layout->names[i]))
            return false;
    return true;
}

static bool only_has(struct bytes text, const char *characters)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.at[i] == '\0' || strchr(characters, text.at[i]) == NULL)
            return false;
    return text.size > 0;
}

/* As much as tells a column of times from others; the reader then reads it exactly. */
static bool looks_like(struct bytes value, enum layout_form form)
{
    switch (form) {
    case LAYOUT_DIGITS:
        return only_has(value, "0123456789");
    case LAYOUT_NUMBER:
        return only_has(value, "0123456789.-");
    case LAYOUT_TIME:
        return value.size >= 10 && value.at[4] == '-' && value.at[7] == '-' &&
               only_has(value, "0123456789-:.TZ+ ");
    default:
        return true;
    }
}

static bool columns_fit(const struct mapping_layout *layout, struct bytes line, struct arena *arena)
{
    struct table_row row;
    table_split(line, table_separator(line), arena, &row);
    if (row.count != layout->count)
        return false;
    for (uint32_t i = 0; i < layout->count; i++)
        if (!looks_like(row.values[i], layout->forms[i]))
            return false;
    return true;
}

static bool line_fits(const struct mapping_layout *layout, struct bytes line, struct arena *arena)
{
    struct json_names names = {0};
    struct json_tree tree;
    for (uint32_t i = 0; i < layout->count; i++)
        json_names_add(&names, 0, layout->names[i]);
    bool fits = json_tree_read(line, &names, arena, &tree, NULL, NULL) == VERDICT_OK &&
                tree.nodes[0].kind == NODE_OBJECT;
    for (uint32_t i = 0; i < layout->count && fits; i++)
        fits = json_field(&tree, 0, layout->names[i]) != JSON_NONE;
    json_names_release(&names);
    return fits;
}

/* A header is in the first line; of JSON lines one must fit, of rows without a header all. */
bool layout_fits(const struct mapping_layout *layout, struct bytes sample, bool whole)
{
    struct arena arena = {0};
    struct bytes line;
    bool fits = false;
    for (int i = 0; i < LINES_LOOKED_AT && layout_next_line(&sample, whole, &line); i++) {
        arena_clear(&arena);
        if (layout->kind == LAYOUT_LINES)
            fits = line_fits(layout, line, &arena);
        else if (layout->kind == LAYOUT_COLUMNS)
            fits = columns_fit(layout, line, &arena);
        else
            fits = header_fits(layout, line, &arena);
        if (layout->kind == LAYOUT_HEADER || fits != (layout->kind == LAYOUT_COLUMNS))
            break;
    }
    arena_release(&arena);
    return fits;
}

struct mapping *layout_recognise(struct bytes sample, bool whole)
{
    struct mapping *found = NULL;
    for (size_t i = 0; embedded_mappings[i].name; i++) {
        struct mapping *mapping = NULL;
        const char *name = embedded_mappings[i].name;
        if (mapping_new(mapping_text(name), name, &mapping, NULL) != VERDICT_OK)
            continue;
        const struct mapping_layout *layout = mapping_layout(mapping);
        bool more = layout && (found == NULL || layout->count > mapping_layout(found)->count);
        if (more && layout_fits(layout, sample, whole)) {
            mapping_free(found);
            found = mapping;
        } else {
            mapping_free(mapping);
        }
    }
    return found;
}

void layout_text(const struct mapping_layout *layout, struct buffer *to)
{
    static const char *const kinds[] = {
        [LAYOUT_LINES] = "JSON lines with",
        [LAYOUT_HEADER] = "a header with",
        [LAYOUT_COLUMNS] = "rows without a header of",
    };
    buffer_text(to, kinds[layout->kind]);
    for (uint32_t i = 0; i < layout->count; i++)
        buffer_format(to, "%s %.*s", i ? "," : "", (int)layout->names[i].size, layout->names[i].at);
}

/* ---- what a file is that has no layout ---- */

static bool begins_with(struct bytes text, const char *start, size_t size)
{
    return text.size >= size && memcmp(text.at, start, size) == 0;
}

enum verdict layout_refuse_binary(const char *path, struct bytes sample, struct error *error)
{
    static const struct {
        const char *start;
        size_t size;
        const char *what, *command;
    } kinds[] = {
        {"PAR1", 4, "a Parquet file", "duckdb -c \"copy (from 'FILE') to 'events.jsonl'\""},
        {"PK\x03\x04", 4, "a zip archive or an Excel workbook",
         "unzip it, or save the workbook as CSV"},
        {"\xFF\xFE", 2, "UTF-16 text", "iconv -f UTF-16 -t UTF-8 FILE > events.csv"},
        {"\xFE\xFF", 2, "UTF-16 text", "iconv -f UTF-16 -t UTF-8 FILE > events.csv"},
        {"BZh", 3, "packed by bzip2", "bunzip2 FILE"},
        {"\xFD"
         "7zXZ",
         5, "packed by xz", "unxz FILE"},
        {"Obj\x01", 4, "an Avro container file", "avro-tools tojson FILE > events.jsonl"},
        {"SQLite format 3", 15, "an SQLite database",
         "sqlite3 -csv -header FILE 'select ...' > events.csv"},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (begins_with(sample, kinds[i].start, kinds[i].size))
            return error_set(error, VERDICT_SKIP,
                             "%s is %s, and weft reads UTF-8 text; make text of it: %s", path,
                             kinds[i].what, kinds[i].command);
    if (memchr(sample.at ? sample.at : "", '\0', sample.size))
        return error_set(error, VERDICT_SKIP,
                         "%s has bytes of 0, so it is no text; export the events as CSV or JSON "
                         "lines in UTF-8",
                         path);
    return VERDICT_OK;
}

enum verdict layout_refuse(const char *path, struct bytes sample, bool whole, struct error *error)
{
    struct bytes rest = sample, first = bytes_of("", 0), second = bytes_of("", 0);
    char quoted[BYTES_QUOTED_SIZE];
    if (!layout_next_line(&rest, whole, &first))
        first = sample;
    else
        layout_next_line(&rest, whole, &second);
    bytes_quote(first, quoted);
    if (begins_with(bytes_trim(first), "[", 1))
        return error_set(error, VERDICT_SKIP,
                         "%s is one JSON array (it begins %s), and weft reads an object a line; "
                         "make lines of it: jq -c '.[]' %s > events.jsonl",
                         path, quoted, path);
    if (begins_with(bytes_trim(first), "{", 1))
        return error_set(
            error, VERDICT_SKIP,
            "%s: format not recognised, for no line has a \"type\" of weft's or the "
            "fields of a ready-made mapping; its first line is %s; write a mapping, and "
            "name it: weft check --map FILE.json %s",
            path, quoted, path);
    struct arena arena = {0};
    struct table_row header, row;
    struct buffer command = {0};
    char separator = table_separator(first);
    table_split(first, separator, &arena, &header);
    table_split(second, separator, &arena, &row);
    if (header.count > 1 && column_mapping_suggest(&header, &row, &command))
        error_set(error, VERDICT_SKIP,
                  "%s: format not recognised, for no known file has the header %s; say which "
                  "columns are what: weft check --map %.*s %s",
                  path, quoted, (int)command.size, command.at, path);
    else
        error_set(
            error, VERDICT_SKIP,
            "%s: format not recognised, for its first line %s is no JSON, no header of a table "
            "and no session of item ids; name the format: weft check --format weft (or rees46, "
            "tsv, sessions) %s",
            path, quoted, path);
    buffer_release(&command);
    arena_release(&arena);
    return VERDICT_SKIP;
}
