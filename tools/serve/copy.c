#include "tools/serve/copy.h"

#include "schemas/byte_order.h"
#include "schemas/json_tree.h"

#define TIME_BYTES 8
#define KEY_BYTES_MAX 4096 /* longer keys are in no topic of weft's */

static struct bytes row_key(enum copy_table table, struct bytes key, char *to)
{
    to[0] = (char)table;
    memcpy(to + 1, key.at ? key.at : "", key.size);
    return bytes_of(to, key.size + 1);
}

enum verdict copy_get(struct store *store, enum copy_table table, struct bytes key,
                      struct buffer *record, int64_t *ret_written_ms, struct error *error)
{
    char to[KEY_BYTES_MAX + 1];
    size_t before = record->size;
    if (key.size > KEY_BYTES_MAX)
        return VERDICT_SKIP;
    enum verdict verdict = store->get(store, FAMILY_MODEL, row_key(table, key, to), record, error);
    if (verdict != VERDICT_OK)
        return verdict;
    if (record->size - before < TIME_BYTES)
        return error_set(error, VERDICT_FATAL, "a row of the copy is damaged");
    if (ret_written_ms)
        *ret_written_ms = (int64_t)get_le(record->at + before, TIME_BYTES);
    memmove(record->at + before, record->at + before + TIME_BYTES,
            record->size - before - TIME_BYTES);
    record->size -= TIME_BYTES;
    return VERDICT_OK;
}

void copy_put(struct store_batch *batch, enum copy_table table, struct bytes key,
              int64_t written_ms, struct bytes record)
{
    char to[KEY_BYTES_MAX + 1], time[TIME_BYTES];
    struct buffer row = {0};
    if (key.size > KEY_BYTES_MAX)
        return;
    put_le(time, (uint64_t)written_ms, TIME_BYTES);
    buffer_append(&row, time, TIME_BYTES);
    buffer_append(&row, record.at, record.size);
    batch_put(batch, FAMILY_MODEL, row_key(table, key, to), buffer_bytes(&row));
    buffer_release(&row);
}

void copy_delete(struct store_batch *batch, enum copy_table table, struct bytes key)
{
    char to[KEY_BYTES_MAX + 1];
    if (key.size <= KEY_BYTES_MAX)
        batch_delete(batch, FAMILY_MODEL, row_key(table, key, to));
}

void copy_clear(struct store_batch *batch, enum copy_table table)
{
    const char prefix = (char)table;
    batch_delete_prefix(batch, FAMILY_MODEL, bytes_of(&prefix, 1));
}

enum verdict copy_read(struct output_reader *reader, enum output_schema schema, struct bytes record,
                       struct buffer *json, struct arena *arena, struct error *error)
{
    struct json_tree tree;
    size_t before = json->size;
    enum verdict verdict = output_reader_json(reader, schema, record, json, error);
    if (verdict != VERDICT_OK)
        return verdict;
    return json_tree_read(bytes_of(json->at + before, json->size - before), NULL, arena, &tree,
                          NULL, error);
}
