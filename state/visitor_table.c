#include "state/visitor_table.h"

#include "schemas/array.h"
#include "schemas/draw.h"
#include "schemas/hash_index.h"
#include "state/visitor_codec.h"

#include <assert.h>
#include <stdlib.h>

struct visitor_table {
    struct store *store;
    size_t cache_bytes;
    size_t bytes;             /* of the clean objects */
    struct visitor **entries; /* owned */
    uint32_t count, capacity;
    struct hash_index index; /* hash_of() -> entry */
    struct visitor *newest, *oldest;
    struct visitor **dirty;
    size_t dirty_count, dirty_capacity;
    struct arena encoded;
    struct buffer scratch;
};

struct visitor_table *visitor_table_new(struct store *store, size_t cache_bytes)
{
    struct visitor_table *table = memory_zero(1, sizeof *table);
    table->store = store;
    table->cache_bytes = cache_bytes;
    return table;
}

static uint64_t hash_of(int32_t partition, struct bytes key)
{
    return hash_join(hash_index_hash(key), (uint32_t)partition);
}

/* NULL: not in memory. */
static struct visitor *find_cached(const struct visitor_table *table, uint64_t hash,
                                   int32_t partition, struct bytes key)
{
    struct hash_probe probe = hash_index_probe(&table->index, hash);
    while (hash_index_next(&table->index, &probe)) {
        struct visitor *visitor = table->entries[probe.entry];
        if (visitor->hash == hash && visitor->partition == partition &&
            bytes_equal(visitor_key(visitor), key))
            return visitor;
    }
    return NULL;
}

static void unlink_use(struct visitor_table *table, struct visitor *visitor)
{
    if (visitor->newer)
        visitor->newer->older = visitor->older;
    else
        table->newest = visitor->older;
    if (visitor->older)
        visitor->older->newer = visitor->newer;
    else
        table->oldest = visitor->newer;
    visitor->newer = visitor->older = NULL;
}

static void link_newest(struct visitor_table *table, struct visitor *visitor)
{
    visitor->older = table->newest;
    if (table->newest)
        table->newest->newer = visitor;
    table->newest = visitor;
    if (table->oldest == NULL)
        table->oldest = visitor;
}

static void add_object(struct visitor_table *table, struct visitor *visitor)
{
    ARRAY_RESERVE(table->entries, table->capacity, table->count + 1);
    visitor->entry = table->count;
    table->entries[table->count++] = visitor;
    hash_index_add(&table->index, visitor->hash, visitor->entry);
    table->bytes += visitor_bytes(visitor);
    link_newest(table, visitor);
}

/* Drops the object. The caller has taken its bytes off, unless it is dirty. */
static void remove_object(struct visitor_table *table, struct visitor *visitor)
{
    hash_index_remove(&table->index, visitor->hash, visitor->entry);
    struct visitor *last = table->entries[--table->count];
    if (last != visitor) {
        hash_index_renumber(&table->index, last->hash, last->entry, visitor->entry);
        last->entry = visitor->entry;
        table->entries[last->entry] = last;
    }
    unlink_use(table, visitor);
    visitor_free(visitor);
}

void visitor_table_free(struct visitor_table *table)
{
    if (table == NULL)
        return;
    for (uint32_t i = 0; i < table->count; i++)
        visitor_free(table->entries[i]);
    free(table->entries);
    hash_index_release(&table->index);
    free(table->dirty);
    arena_release(&table->encoded);
    buffer_release(&table->scratch);
    free(table);
}

/* A new object from the store; one without a row is empty. */
static enum verdict read_stored(struct visitor_table *table, int32_t partition, struct bytes key,
                                struct visitor **ret_visitor, struct error *error)
{
    char store_key[VISITOR_KEY_BYTES_MAX];
    struct store *store = table->store;
    buffer_clear(&table->scratch);
    enum verdict verdict =
        store->get(store, FAMILY_VISITOR, visitor_store_key(store_key, partition, key),
                   &table->scratch, error);
    if (verdict == VERDICT_SKIP) {
        *ret_visitor = visitor_new(partition, key);
        return VERDICT_OK;
    }
    if (verdict != VERDICT_OK)
        return verdict;
    verdict = visitor_decode(partition, key, buffer_bytes(&table->scratch), ret_visitor, error);
    if (verdict == VERDICT_OK)
        return VERDICT_OK;
    store->condemn(store, "a visitor can't be read");
    return VERDICT_FATAL;
}

enum verdict visitor_table_get(struct visitor_table *table, int32_t partition, struct bytes key,
                               struct visitor **ret_visitor, struct error *error)
{
    uint64_t hash = hash_of(partition, key);
    struct visitor *visitor = find_cached(table, hash, partition, key);
    if (visitor) {
        unlink_use(table, visitor);
        link_newest(table, visitor);
        *ret_visitor = visitor;
        return VERDICT_OK;
    }
    enum verdict verdict = read_stored(table, partition, key, &visitor, error);
    if (verdict != VERDICT_OK)
        return verdict;
    visitor->hash = hash;
    add_object(table, visitor);
    *ret_visitor = visitor;
    return VERDICT_OK;
}

void visitor_table_mark_dirty(struct visitor_table *table, struct visitor *visitor)
{
    if (visitor->dirty)
        return;
    ARRAY_RESERVE(table->dirty, table->dirty_capacity, table->dirty_count + 1);
    table->dirty[table->dirty_count++] = visitor;
    visitor->dirty = true;
    table->bytes -= visitor_bytes(visitor); /* counted again when it is clean */
}

size_t visitor_table_dirty_count(const struct visitor_table *table)
{
    return table->dirty_count;
}

struct visitor *visitor_table_dirty_at(const struct visitor_table *table, size_t index)
{
    return table->dirty[index];
}

struct bytes visitor_table_encode(struct visitor_table *table, struct visitor *visitor)
{
    if (visitor_is_blank(visitor))
        return visitor->encoded = bytes_of(NULL, 0);
    buffer_clear(&table->scratch);
    visitor_encode(visitor, &table->scratch);
    visitor->encoded = arena_copy(&table->encoded, buffer_bytes(&table->scratch));
    return visitor->encoded;
}

void visitor_table_batch(struct visitor_table *table, struct store_batch *batch)
{
    char key[VISITOR_KEY_BYTES_MAX];
    for (size_t i = 0; i < table->dirty_count; i++) {
        struct visitor *visitor = table->dirty[i];
        struct bytes name = visitor_store_key(key, visitor->partition, visitor_key(visitor));
        if (visitor->encoded.at)
            batch_put(batch, FAMILY_VISITOR, name, visitor->encoded);
        else
            batch_delete(batch, FAMILY_VISITOR, name);
    }
}

void visitor_table_commit(struct visitor_table *table)
{
    for (size_t i = 0; i < table->dirty_count; i++) {
        struct visitor *visitor = table->dirty[i];
        visitor->dirty = visitor->touched = false;
        visitor->encoded = bytes_of(NULL, 0);
        table->bytes += visitor_bytes(visitor);
    }
    table->dirty_count = 0;
    arena_clear(&table->encoded);
    while (table->bytes > table->cache_bytes && table->oldest) {
        table->bytes -= visitor_bytes(table->oldest);
        remove_object(table, table->oldest);
    }
}

void visitor_table_abort(struct visitor_table *table)
{
    for (size_t i = 0; i < table->dirty_count; i++)
        remove_object(table, table->dirty[i]);
    table->dirty_count = 0;
    arena_clear(&table->encoded);
}

void visitor_table_forget(struct visitor_table *table, int32_t partition)
{
    assert(table->dirty_count == 0);
    for (struct visitor *visitor = table->oldest, *newer; visitor; visitor = newer) {
        newer = visitor->newer;
        if (visitor->partition == partition) {
            table->bytes -= visitor_bytes(visitor);
            remove_object(table, visitor);
        }
    }
}

size_t visitor_table_count(const struct visitor_table *table)
{
    return table->count;
}

size_t visitor_table_bytes(const struct visitor_table *table)
{
    return table->bytes;
}

size_t visitor_table_memory(const struct visitor_table *table)
{
    return table->bytes + table->capacity * sizeof(struct visitor *) +
           table->dirty_capacity * sizeof(struct visitor *) + hash_index_bytes(&table->index) +
           arena_bytes(&table->encoded) + table->scratch.capacity;
}
