#include "tools/table_join.h"

#include "schemas/array.h"
#include "schemas/hash_index.h"
#include "tools/record_reader.h"
#include "tools/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PATH_BYTES_MAX 4096

/* A table's header, and which column has the key. */
struct joined_table {
    struct bytes *names; /* of the columns, in the arena */
    size_t count, key;
    char separator;
};

/* Rows of one key that stand together in a table: `size` bytes of `text` at `at`, each row behind
 * its size as uint32_t. */
struct run {
    size_t at, size;
    struct bytes key; /* in the arena */
    uint32_t table;
    uint32_t next, last; /* of the same key: the next run, and in the first run the last one */
};

#define NO_RUN UINT32_MAX

struct table_join {
    struct joined_table tables[LAYOUT_NAMES_MAX];
    uint32_t table_count;
    struct arena arena;
    struct buffer text;
    struct run *runs;
    uint32_t count, capacity;
    struct hash_index index; /* of the first run of each key */
};

static enum verdict read_header(const struct mapping_layout *layout, struct record_reader *reader,
                                const char *path, struct table_join *join, struct error *error)
{
    struct joined_table *table = &join->tables[join->table_count];
    struct table_row row;
    if (record_reader_line(reader, error) != RECORD_READ)
        return error_set(error, VERDICT_SKIP, "%s holds no lines", path);
    struct bytes line = arena_copy(&join->arena, record_reader_text(reader));
    table->separator = table_separator(line);
    table_split(line, table->separator, &join->arena, &row);
    table->names = arena_get(&join->arena, TABLE_COLUMNS_MAX * sizeof *table->names);
    table->count = table->key = row.count;
    for (size_t i = 0; i < row.count && i < TABLE_COLUMNS_MAX; i++) {
        table->names[i] = bytes_trim(row.values[i]);
        if (bytes_equal(table->names[i], layout->key))
            table->key = i;
    }
    if (row.count > TABLE_COLUMNS_MAX || table->key == row.count)
        return error_set(error, VERDICT_SKIP, "%s has no column %.*s in its header", path,
                         (int)layout->key.size, layout->key.at);
    return VERDICT_OK;
}

/* NO_RUN: the key is new. */
static uint32_t first_run(const struct table_join *join, struct bytes key, uint64_t hash)
{
    struct hash_probe probe = hash_index_probe(&join->index, hash);
    while (hash_index_next(&join->index, &probe))
        if (bytes_equal(join->runs[probe.entry].key, key))
            return probe.entry;
    return NO_RUN;
}

static void begin_run(struct table_join *join, struct bytes key)
{
    uint64_t hash = hash_index_hash(key);
    uint32_t first = first_run(join, key, hash), run = join->count++;
    ARRAY_RESERVE(join->runs, join->capacity, join->count);
    join->runs[run] = (struct run){
        .at = join->text.size, .table = join->table_count, .next = NO_RUN, .last = run};
    if (first == NO_RUN) {
        join->runs[run].key = arena_copy(&join->arena, key);
        hash_index_add(&join->index, hash, run);
    } else {
        join->runs[run].key = join->runs[first].key;
        join->runs[join->runs[first].last].next = run;
        join->runs[first].last = run;
    }
}

static enum verdict read_rows(struct record_reader *reader, const char *path,
                              struct table_join *join, struct error *error)
{
    const struct joined_table *table = &join->tables[join->table_count];
    struct arena arena = {0};
    struct table_row row;
    enum record_outcome record;
    while ((record = record_reader_row(reader, table->separator, error)) == RECORD_READ) {
        struct bytes text = record_reader_text(reader);
        arena_clear(&arena);
        table_split(text, table->separator, &arena, &row);
        if (row.count != table->count)
            continue;
        if (join->text.size + text.size > TABLE_JOIN_BYTES_MAX)
            break;
        struct bytes key = row.values[table->key];
        const struct run *last = join->count > 0 ? &join->runs[join->count - 1] : NULL;
        if (last == NULL || last->table != join->table_count || !bytes_equal(last->key, key))
            begin_run(join, key);
        uint32_t size = (uint32_t)text.size;
        buffer_append(&join->text, &size, sizeof size);
        buffer_append(&join->text, text.at, text.size);
        join->runs[join->count - 1].size += sizeof size + text.size;
    }
    arena_release(&arena);
    if (record == RECORD_READ)
        return error_set(error, VERDICT_SKIP,
                         "%s and the tables before it are larger than %zu MB; take a part of them",
                         path, TABLE_JOIN_BYTES_MAX >> 20);
    return record == RECORD_END ? VERDICT_OK : VERDICT_SKIP;
}

static enum verdict read_table(const struct mapping_layout *layout, const char *path,
                               struct table_join *join, struct error *error)
{
    struct record_reader *reader;
    enum verdict verdict = record_reader_open(path, &reader, error);
    if (verdict != VERDICT_OK)
        return verdict;
    verdict = read_header(layout, reader, path, join, error);
    if (verdict == VERDICT_OK)
        verdict = read_rows(reader, path, join, error);
    record_reader_close(reader);
    join->table_count++;
    return verdict;
}

enum verdict table_join_open(const struct mapping_layout *layout, const char *path,
                             struct table_join **ret_join, struct error *error)
{
    static const char *const endings[] = {"", ".gz", ".zst"};
    const char *slash = strrchr(path, '/');
    int folder = slash ? (int)(slash - path) + 1 : 0;
    struct table_join *join = memory_zero(1, sizeof *join);
    enum verdict verdict = VERDICT_OK;
    for (uint32_t i = 0; i < layout->beside_count; i++) {
        for (size_t e = 0; e < sizeof endings / sizeof endings[0]; e++) {
            char beside[PATH_BYTES_MAX];
            snprintf(beside, sizeof beside, "%.*s%.*s%s", folder, path, (int)layout->beside[i].size,
                     layout->beside[i].at, endings[e]);
            if (access(beside, F_OK) != 0)
                continue;
            if (verdict == VERDICT_OK)
                verdict = read_table(layout, beside, join, error);
            break;
        }
    }
    if (verdict == VERDICT_OK && join->table_count == 0)
        verdict = error_set(error, VERDICT_SKIP,
                            "%s has no items itself; put the table that has them, such as %.*s, "
                            "into the same folder",
                            path, (int)layout->beside[0].size, layout->beside[0].at);
    if (verdict != VERDICT_OK) {
        table_join_free(join);
        return verdict;
    }
    *ret_join = join;
    return VERDICT_OK;
}

void table_join_free(struct table_join *join)
{
    if (join == NULL)
        return;
    hash_index_release(&join->index);
    buffer_release(&join->text);
    arena_release(&join->arena);
    free(join->runs);
    free(join);
}

static void write_run(const struct table_join *join, const struct run *run, struct arena *arena,
                      bool *any, struct buffer *to)
{
    const struct joined_table *table = &join->tables[run->table];
    struct table_row row;
    for (size_t at = run->at; at < run->at + run->size;) {
        uint32_t size;
        memcpy(&size, join->text.at + at, sizeof size);
        at += sizeof size;
        table_split(bytes_of(join->text.at + at, size), table->separator, arena, &row);
        at += size;
        if (*any)
            buffer_byte(to, ',');
        *any = true;
        table_row_json(&row, table->names, to);
    }
}

bool table_join_rows(const struct table_join *join, struct bytes key, struct arena *arena,
                     struct buffer *to)
{
    bool any = false;
    for (uint32_t run = first_run(join, key, hash_index_hash(key)); run != NO_RUN;
         run = join->runs[run].next)
        write_run(join, &join->runs[run], arena, &any, to);
    return any;
}
