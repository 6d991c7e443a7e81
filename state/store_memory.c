/* The store in memory: for the in-process driver and tests. Calls schemas/ and store.h. */
#include "state/store.h"

#include <pthread.h>
#include <stdlib.h>

struct row {
    uint64_t hash;
    enum family family;
    struct bytes key; /* owned; NULL: the place is free */
    struct bytes value;
    bool deleted;
};

struct memory_store {
    struct store store;
    pthread_mutex_t lock;
    struct row *rows;
    size_t capacity; /* a power of two */
    size_t used;     /* rows, deleted ones with them */
};

static struct memory_store *self_of(struct store *store)
{
    return (struct memory_store *)(void *)store;
}

static uint64_t row_hash(enum family family, struct bytes key)
{
    return bytes_hash(key) + (uint64_t)family * 0x9E3779B97F4A7C15u;
}

/* The row of that key, or the free place where it belongs. */
static struct row *find(struct memory_store *self, enum family family, struct bytes key)
{
    uint64_t hash = row_hash(family, key);
    for (size_t i = hash & (self->capacity - 1);; i = (i + 1) & (self->capacity - 1)) {
        struct row *row = &self->rows[i];
        if (row->key.at == NULL ||
            (row->hash == hash && row->family == family && bytes_equal(row->key, key)))
            return row;
    }
}

static void grow(struct memory_store *self)
{
    struct row *rows = self->rows;
    size_t capacity = self->capacity;
    self->capacity = capacity ? 2 * capacity : 1024;
    self->rows = memory_zero(self->capacity, sizeof *rows);
    for (size_t i = 0; i < capacity; i++)
        if (rows[i].key.at)
            *find(self, rows[i].family, rows[i].key) = rows[i];
    free(rows);
}

static void put(struct memory_store *self, enum family family, struct bytes key, struct bytes value)
{
    if (4 * self->used >= 3 * self->capacity)
        grow(self);
    struct row *row = find(self, family, key);
    if (row->key.at == NULL) {
        row->hash = row_hash(family, key);
        row->family = family;
        row->key = bytes_of(memory_text(key), key.size);
        self->used++;
    }
    free((void *)(uintptr_t)row->value.at);
    row->value = bytes_of(memory_text(value), value.size);
    row->deleted = false;
}

static bool starts_with(struct bytes key, struct bytes prefix)
{
    return key.size >= prefix.size &&
           (prefix.size == 0 || memcmp(key.at, prefix.at, prefix.size) == 0);
}

static enum verdict memory_get_row(struct store *store, enum family family, struct bytes key,
                                   struct buffer *value, struct error *error)
{
    struct memory_store *self = self_of(store);
    (void)error;
    pthread_mutex_lock(&self->lock);
    struct row *row = find(self, family, key);
    bool found = row->key.at && !row->deleted;
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
        if (change.change == CHANGE_PUT) {
            put(self, change.family, change.key, change.value);
        } else if (change.change == CHANGE_DELETE) {
            struct row *row = find(self, change.family, change.key);
            row->deleted = row->key.at != NULL;
        } else {
            for (size_t i = 0; i < self->capacity; i++)
                if (self->rows[i].key.at && self->rows[i].family == change.family &&
                    starts_with(self->rows[i].key, change.key))
                    self->rows[i].deleted = true;
        }
    }
    pthread_mutex_unlock(&self->lock);
    return VERDICT_OK;
}

static int row_order(const void *a, const void *b)
{
    return bytes_compare(((const struct row *)a)->key, ((const struct row *)b)->key);
}

/* Sorts copies of the rows' slices; nobody may write meanwhile. */
static enum verdict memory_scan(struct store *store, enum family family, struct bytes prefix,
                                struct store_visitor *visitor, struct error *error)
{
    struct memory_store *self = self_of(store);
    struct row *found = memory_get(self->used * sizeof *found);
    size_t count = 0;
    for (size_t i = 0; i < self->capacity; i++) {
        struct row *row = &self->rows[i];
        if (row->key.at && !row->deleted && row->family == family && starts_with(row->key, prefix))
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
    for (size_t i = 0; i < self->capacity; i++) {
        free((void *)(uintptr_t)self->rows[i].key.at);
        free((void *)(uintptr_t)self->rows[i].value.at);
    }
    free(self->rows);
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
    grow(self);
    return &self->store;
}
