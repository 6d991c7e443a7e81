/* The store in memory: for the in-process driver and tests. Calls schemas/ and store.h.
 *
 *     rows    [ key, value ][ key, value, deleted ] ...     in the order of their first write
 *     index   hash of family and key -> row                 schemas/hash_index.h
 *
 * Thread: any; the lock guards all. */
#include "state/store.h"

#include "schemas/array.h"
#include "schemas/draw.h"
#include "schemas/hash_index.h"

#include <pthread.h>
#include <stdlib.h>

struct row {
    uint64_t hash;
    enum family family;
    struct bytes key; /* owned, as the value */
    struct bytes value;
    bool deleted;
};

struct memory_store {
    struct store store;
    pthread_mutex_t lock;
    struct row *rows;
    uint32_t count, capacity;
    struct hash_index index;
};

static struct memory_store *self_of(struct store *store)
{
    return (struct memory_store *)(void *)store;
}

static uint64_t row_hash(enum family family, struct bytes key)
{
    return hash_join(hash_index_hash(key), (uint64_t)family);
}

/* NULL: there was never such a key. */
static struct row *find(const struct memory_store *self, uint64_t hash, enum family family,
                        struct bytes key)
{
    struct hash_probe probe = hash_index_probe(&self->index, hash);
    while (hash_index_next(&self->index, &probe)) {
        struct row *row = &self->rows[probe.entry];
        if (row->hash == hash && row->family == family && bytes_equal(row->key, key))
            return row;
    }
    return NULL;
}

static struct row *find_or_add(struct memory_store *self, enum family family, struct bytes key)
{
    uint64_t hash = row_hash(family, key);
    struct row *row = find(self, hash, family, key);
    if (row)
        return row;
    ARRAY_RESERVE(self->rows, self->capacity, self->count + 1);
    hash_index_add(&self->index, hash, self->count);
    row = &self->rows[self->count++];
    *row =
        (struct row){.hash = hash, .family = family, .key = bytes_of(memory_text(key), key.size)};
    return row;
}

static void put(struct memory_store *self, enum family family, struct bytes key, struct bytes value)
{
    struct row *row = find_or_add(self, family, key);
    free((void *)(uintptr_t)row->value.at);
    row->value = bytes_of(memory_text(value), value.size);
    row->deleted = false;
}

static void delete_row(struct memory_store *self, enum family family, struct bytes key)
{
    struct row *row = find(self, row_hash(family, key), family, key);
    if (row)
        row->deleted = true;
}

static bool starts_with(struct bytes key, struct bytes prefix)
{
    return key.size >= prefix.size &&
           (prefix.size == 0 || memcmp(key.at, prefix.at, prefix.size) == 0);
}

static void delete_prefix(struct memory_store *self, enum family family, struct bytes prefix)
{
    for (uint32_t i = 0; i < self->count; i++)
        if (self->rows[i].family == family && starts_with(self->rows[i].key, prefix))
            self->rows[i].deleted = true;
}

static enum verdict memory_get_row(struct store *store, enum family family, struct bytes key,
                                   struct buffer *value, struct error *error)
{
    struct memory_store *self = self_of(store);
    (void)error;
    pthread_mutex_lock(&self->lock);
    struct row *row = find(self, row_hash(family, key), family, key);
    bool found = row && !row->deleted;
    if (found)
        buffer_append(value, row->value.at, row->value.size);
    pthread_mutex_unlock(&self->lock);
    return found ? VERDICT_OK : VERDICT_SKIP;
}

static enum verdict memory_write(struct store *store, const struct store_batch *batch,
                                 struct error *error)
{
    struct memory_store *self = self_of(store);
    struct store_change change;
    (void)error;
    pthread_mutex_lock(&self->lock);
    for (size_t at = 0; batch_next(batch, &at, &change);) {
        if (change.change == CHANGE_PUT)
            put(self, change.family, change.key, change.value);
        else if (change.change == CHANGE_DELETE)
            delete_row(self, change.family, change.key);
        else
            delete_prefix(self, change.family, change.key);
    }
    pthread_mutex_unlock(&self->lock);
    return VERDICT_OK;
}

static int row_order(const void *a, const void *b)
{
    return bytes_compare(((const struct row *)a)->key, ((const struct row *)b)->key);
}

/* Sorts copies of the rows' slices. Takes no lock: the caller keeps writers away. */
static enum verdict memory_scan(struct store *store, enum family family, struct bytes prefix,
                                struct store_visitor *visitor, struct error *error)
{
    struct memory_store *self = self_of(store);
    struct row *found = memory_get(self->count * sizeof *found);
    size_t count = 0;
    for (uint32_t i = 0; i < self->count; i++) {
        const struct row *row = &self->rows[i];
        if (!row->deleted && row->family == family && starts_with(row->key, prefix))
            found[count++] = *row;
    }
    qsort(found, count, sizeof *found, row_order);
    enum verdict verdict = VERDICT_OK;
    for (size_t i = 0; verdict == VERDICT_OK && i < count; i++)
        verdict = visitor->row(visitor, found[i].key, found[i].value, error);
    free(found);
    return verdict;
}

static enum verdict memory_sync(struct store *store, struct error *error)
{
    (void)store;
    (void)error;
    return VERDICT_OK;
}

static void memory_condemn(struct store *store, const char *why)
{
    (void)store;
    (void)why;
}

static void memory_free(struct store *store)
{
    if (store == NULL)
        return;
    struct memory_store *self = self_of(store);
    for (uint32_t i = 0; i < self->count; i++) {
        free((void *)(uintptr_t)self->rows[i].key.at);
        free((void *)(uintptr_t)self->rows[i].value.at);
    }
    free(self->rows);
    hash_index_release(&self->index);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

struct store *store_memory_new(void)
{
    struct memory_store *self = memory_zero(1, sizeof *self);
    self->store = (struct store){
        .get = memory_get_row,
        .write = memory_write,
        .scan = memory_scan,
        .sync = memory_sync,
        .condemn = memory_condemn,
        .free = memory_free,
    };
    pthread_mutex_init(&self->lock, NULL);
    return &self->store;
}
