#include "tools/mapped_records.h"

#include "processors/runtime/mapping_files.h"
#include "schemas/json_tree.h"
#include "tools/column_mapping.h"
#include "tools/event_layouts.h"
#include "tools/table.h"
#include "tools/table_join.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct mapped_records {
    struct mapping *mapping;
    struct record_reader *reader;
    bool table;
    char separator;
    struct bytes *names; /* of a table's columns, in `memory` */
    size_t count;
    size_t key, sum, sum_by; /* columns of the layout; SIZE_MAX: none */
    struct table_join *join; /* NULL: nothing stands beside the file */
    double total;            /* of the column `sum` so far */
    struct buffer total_of;  /* the value of `sum_by` */
    char total_text[32];
    struct bytes each; /* the array of a line; absent: the line is one record */
    struct json_tree tree;
    uint32_t array, element; /* of the line's array; JSON_NONE: the line is done */
    struct arena memory, line_arena;
    struct buffer json;
};

/* ---- opening ---- */

static size_t column_of(const struct mapped_records *records, struct bytes name)
{
    for (size_t i = 0; i < records->count && name.size > 0; i++)
        if (bytes_equal(records->names[i], name))
            return i;
    return SIZE_MAX;
}

/* The first row of a table; `has_names`: it is the header. */
static enum verdict read_names(struct mapped_records *records, const char *path,
                               struct error *error)
{
    struct table_row row;
    enum record_outcome record = record_reader_line(records->reader, error);
    while (record == RECORD_READ && bytes_trim(record_reader_text(records->reader)).size == 0)
        record = record_reader_line(records->reader, error);
    if (record != RECORD_READ)
        return error_set(error, VERDICT_SKIP, "%s holds no lines", path);
    struct bytes line = arena_copy(&records->memory, record_reader_text(records->reader));
    records->separator = table_separator(line);
    table_split(line, records->separator, &records->memory, &row);
    if (row.count > TABLE_COLUMNS_MAX)
        return error_set(error, VERDICT_SKIP, "%s: %zu columns, at most %d are read", path,
                         row.count, TABLE_COLUMNS_MAX);
    records->count = row.count;
    records->names = arena_get(&records->memory, row.count * sizeof *records->names);
    for (size_t i = 0; i < row.count; i++)
        records->names[i] = bytes_trim(row.values[i]);
    return VERDICT_OK;
}

static enum verdict open_table(struct mapped_records *records, const struct mapping_layout *layout,
                               const char *path, struct error *error)
{
    if (layout == NULL)
        return VERDICT_OK;
    if (layout->kind == LAYOUT_COLUMNS) {
        records->count = layout->count;
        records->names = arena_get(&records->memory, layout->count * sizeof *records->names);
        memcpy(records->names, layout->names, layout->count * sizeof *records->names);
        record_reader_again(records->reader);
    }
    records->key = column_of(records, layout->key);
    records->sum = column_of(records, layout->sum);
    records->sum_by = column_of(records, layout->sum_by);
    if ((layout->beside_count > 0 && records->key == SIZE_MAX) ||
        (layout->sum.size > 0 && (records->sum == SIZE_MAX || records->sum_by == SIZE_MAX)))
        return error_set(
            error, VERDICT_SKIP,
            "the mapping %s joins or sums by a column that %s does not have; mend key, "
            "sum or sum_by in it",
            mapping_name(records->mapping), path);
    if (layout->beside_count > 0)
        return table_join_open(layout, path, &records->join, error);
    return VERDICT_OK;
}

static enum verdict refuse_layout(const struct mapping *mapping, const char *path,
                                  struct bytes sample, bool whole, struct error *error)
{
    char quoted[BYTES_QUOTED_SIZE];
    struct bytes first = sample;
    struct buffer wanted = {0};
    layout_next_line(&sample, whole, &first);
    layout_text(mapping_layout(mapping), &wanted);
    error_set(error, VERDICT_SKIP,
              "%s is no file of %s: that has %.*s, but the first line here is %s; leave the format "
              "out to let weft recognise it",
              path, mapping_name(mapping), (int)wanted.size, wanted.at, bytes_quote(first, quoted));
    buffer_release(&wanted);
    return VERDICT_SKIP;
}

/* A line of a file has no topic that says its kind, so the mapping must. */
static enum verdict open_named(const char *map, struct mapping **ret_mapping, struct error *error)
{
    enum verdict verdict = mapping_open(map, ret_mapping, error);
    if (verdict == VERDICT_OK && *ret_mapping == NULL)
        return error_set(error, VERDICT_SKIP,
                         "weft's own events need no mapping: take --format weft");
    if (verdict == VERDICT_OK && !mapping_has_kinds(*ret_mapping))
        return error_set(error, VERDICT_SKIP,
                         "the mapping %s does not say where the kind stands, and a file has no "
                         "topic that says it; add kind and kinds to it",
                         map);
    return verdict;
}

static bool is_json(struct bytes sample)
{
    struct bytes text = bytes_trim(sample);
    return text.size > 0 && text.at[0] == '{';
}

static enum verdict open_mapping(struct mapped_records *records, const char *map, const char *path,
                                 struct error *error)
{
    bool whole;
    struct bytes sample = record_reader_sample(records->reader, &whole);
    if (map && !column_mapping_is(map)) {
        enum verdict verdict = open_named(map, &records->mapping, error);
        if (verdict != VERDICT_OK)
            return verdict;
    } else if (map == NULL) {
        records->mapping = layout_recognise(sample, whole);
        if (records->mapping == NULL)
            return layout_refuse(path, sample, whole, error);
    }
    const struct mapping_layout *layout =
        records->mapping ? mapping_layout(records->mapping) : NULL;
    records->table = !is_json(sample) && (layout == NULL || layout->kind != LAYOUT_LINES);
    if (layout && records->table && !layout_fits(layout, sample, whole))
        return refuse_layout(records->mapping, path, sample, whole, error);
    if (layout && layout->each.at)
        records->each = layout->each;
    if (records->table && read_names(records, path, error) != VERDICT_OK)
        return VERDICT_SKIP;
    if (records->mapping == NULL) {
        struct error inner = {0};
        if (column_mapping_new(map, records->names, records->count, &records->mapping, &inner) !=
            VERDICT_OK)
            return error_set(error, VERDICT_SKIP, "%s: %s", path, inner.message);
    }
    return records->table ? open_table(records, layout, path, error) : VERDICT_OK;
}

enum verdict mapped_records_open(const char *map, struct record_reader *reader, const char *path,
                                 struct mapped_records **ret_records, struct error *error)
{
    struct mapped_records *records = memory_zero(1, sizeof *records);
    records->reader = reader;
    records->key = records->sum = records->sum_by = SIZE_MAX;
    records->element = JSON_NONE;
    if (open_mapping(records, map, path, error) != VERDICT_OK) {
        mapped_records_free(records);
        return VERDICT_SKIP;
    }
    *ret_records = records;
    return VERDICT_OK;
}

void mapped_records_free(struct mapped_records *records)
{
    if (records == NULL)
        return;
    mapping_free(records->mapping);
    table_join_free(records->join);
    buffer_release(&records->json);
    buffer_release(&records->total_of);
    arena_release(&records->memory);
    arena_release(&records->line_arena);
    free(records);
}

const struct mapping *mapped_records_mapping(const struct mapped_records *records)
{
    return records->mapping;
}

bool mapped_records_are_lines(const struct mapped_records *records)
{
    return !records->table && records->each.at == NULL;
}

/* ---- rows of a table ---- */

/* Replaces the value of the column `sum` by the sum up to this row. */
static bool add_sum(struct mapped_records *records, struct table_row *row)
{
    struct bytes by = row->values[records->sum_by], value = row->values[records->sum];
    char copy[32] = "", *end = copy;
    if (value.size >= sizeof copy)
        return false;
    memcpy(copy, value.at, value.size);
    double number = value.size > 0 ? strtod(copy, &end) : 0;
    if (*end != '\0' || !isfinite(number))
        return false;
    if (!bytes_equal(by, buffer_bytes(&records->total_of))) {
        buffer_clear(&records->total_of);
        buffer_append(&records->total_of, by.at, by.size);
        records->total = 0;
    }
    records->total += number;
    int size = snprintf(records->total_text, sizeof records->total_text, "%.15g", records->total);
    row->values[records->sum] = bytes_of(records->total_text, (size_t)size);
    return true;
}

/* Puts the rows beside into the object, which ends with '}'. False: there are none. */
static bool add_rows(struct mapped_records *records, const struct table_row *row)
{
    records->json.size--;
    buffer_byte(&records->json, ',');
    buffer_json(&records->json, mapping_layout(records->mapping)->rows);
    buffer_text(&records->json, ":[");
    bool found = table_join_rows(records->join, row->values[records->key], &records->line_arena,
                                 &records->json);
    buffer_text(&records->json, "]}");
    return found;
}

static enum mapped reject_text(struct bytes text, struct error *error)
{
    if (bytes_utf8(text))
        return MAPPED_RECORD;
    error_set(error, VERDICT_SKIP,
              "the line is not UTF-8; make it so: iconv -f LATIN1 -t UTF-8 FILE > events.csv");
    return MAPPED_REJECTED;
}

static enum mapped read_row(struct mapped_records *records, struct bytes *ret_json,
                            struct error *error)
{
    struct table_row row;
    struct bytes text = record_reader_text(records->reader);
    table_split(text, records->separator, &records->line_arena, &row);
    if (row.unclosed) {
        error_set(error, VERDICT_SKIP, "a quote has no end within %d lines", RECORD_LINES_MAX);
        return MAPPED_REJECTED;
    }
    if (row.count != records->count) {
        error_set(error, VERDICT_SKIP, "%zu columns instead of %zu", row.count, records->count);
        return MAPPED_REJECTED;
    }
    if (reject_text(text, error) != MAPPED_RECORD)
        return MAPPED_REJECTED;
    if (records->sum != SIZE_MAX && !add_sum(records, &row)) {
        error_set(error, VERDICT_SKIP, "%.*s is not a number",
                  (int)records->names[records->sum].size, records->names[records->sum].at);
        return MAPPED_REJECTED;
    }
    buffer_clear(&records->json);
    table_row_json(&row, records->names, &records->json);
    if (records->join && !add_rows(records, &row))
        return MAPPED_PASSED;
    *ret_json = buffer_bytes(&records->json);
    return MAPPED_RECORD;
}

/* ---- the elements of a line ---- */

static void write_node(const struct json_tree *tree, uint32_t node, struct buffer *to)
{
    const struct json_node *value = &tree->nodes[node];
    bool object = value->kind == NODE_OBJECT, first = true;
    if (value->kind == NODE_TEXT) {
        buffer_json(to, value->text);
    } else if (value->kind == NODE_NULL) {
        buffer_text(to, "null");
    } else if (value->kind == NODE_NUMBER || value->kind == NODE_BOOL) {
        buffer_append(to, value->text.at, value->text.size);
    } else {
        buffer_byte(to, object ? '{' : '[');
        for (uint32_t at = json_first(tree, node); at != JSON_NONE;
             at = json_next(tree, node, at)) {
            if (!first)
                buffer_byte(to, ',');
            first = false;
            if (object) {
                buffer_json(to, tree->nodes[at].name);
                buffer_byte(to, ':');
            }
            write_node(tree, at, to);
        }
        buffer_byte(to, object ? '}' : ']');
    }
}

/* The element's fields, then those of the line, of which the array itself is left out. */
static enum mapped write_element(struct mapped_records *records, struct bytes *ret_json,
                                 struct error *error)
{
    const struct json_tree *tree = &records->tree;
    struct buffer *to = &records->json;
    uint32_t element = records->element;
    bool first = true;
    records->element = json_next(tree, records->array, element);
    if (tree->nodes[element].kind != NODE_OBJECT) {
        error_set(error, VERDICT_SKIP, "an element of %.*s is no object", (int)records->each.size,
                  records->each.at);
        return MAPPED_REJECTED;
    }
    buffer_clear(to);
    buffer_byte(to, '{');
    const uint32_t objects[] = {element, 0};
    for (size_t i = 0; i < 2; i++) {
        for (uint32_t at = json_first(tree, objects[i]); at != JSON_NONE;
             at = json_next(tree, objects[i], at)) {
            if (at == records->array)
                continue;
            if (!first)
                buffer_byte(to, ',');
            first = false;
            buffer_json(to, tree->nodes[at].name);
            buffer_byte(to, ':');
            write_node(tree, at, to);
        }
    }
    buffer_byte(to, '}');
    *ret_json = buffer_bytes(to);
    return MAPPED_RECORD;
}

static enum mapped read_line(struct mapped_records *records, struct bytes *ret_json,
                             struct error *error)
{
    struct bytes text = record_reader_text(records->reader);
    if (records->each.at == NULL) {
        *ret_json = text;
        return MAPPED_RECORD;
    }
    if (json_tree_read(text, NULL, &records->line_arena, &records->tree, NULL, error) != VERDICT_OK)
        return MAPPED_REJECTED;
    records->array = json_field(&records->tree, 0, records->each);
    if (records->array == JSON_NONE || records->tree.nodes[records->array].kind != NODE_ARRAY) {
        error_set(error, VERDICT_SKIP, "there is no array %.*s", (int)records->each.size,
                  records->each.at);
        return MAPPED_REJECTED;
    }
    records->element = json_first(&records->tree, records->array);
    if (records->element == JSON_NONE)
        return MAPPED_PASSED;
    return write_element(records, ret_json, error);
}

enum mapped mapped_records_next(struct mapped_records *records, struct bytes *ret_json,
                                struct error *error)
{
    if (records->element != JSON_NONE)
        return write_element(records, ret_json, error);
    arena_clear(&records->line_arena);
    for (;;) {
        enum record_outcome record =
            records->table ? record_reader_row(records->reader, records->separator, error)
                           : record_reader_line(records->reader, error);
        if (record != RECORD_READ)
            return record == RECORD_END ? MAPPED_END : MAPPED_FAILED;
        if (bytes_trim(record_reader_text(records->reader)).size > 0)
            break;
    }
    return records->table ? read_row(records, ret_json, error)
                          : read_line(records, ret_json, error);
}

bool mapped_records_within(const struct mapped_records *records)
{
    return records->element != JSON_NONE;
}
