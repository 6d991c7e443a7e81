#include "tools/serve/products.h"

#include "schemas/array.h"
#include "schemas/hash_index.h"

#include <pthread.h>
#include <stdlib.h>

struct entry {
    char *data; /* item_id, json, title, one after the other */
    struct bytes item_id;
    struct product_text text;
};

struct products {
    pthread_rwlock_t lock;
    struct entry *entries; /* without gaps */
    uint32_t count;
    size_t capacity;
    size_t bytes;
    struct hash_index index;
};

struct products *products_new(void)
{
    struct products *products = memory_zero(1, sizeof *products);
    pthread_rwlockattr_t attributes; /* readers without end would keep the writer out */
    pthread_rwlockattr_init(&attributes);
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&products->lock, &attributes);
    pthread_rwlockattr_destroy(&attributes);
    return products;
}

static size_t entry_bytes(const struct entry *entry)
{
    return entry->item_id.size + entry->text.json.size + entry->text.title.size;
}

static void forget_all(struct products *products)
{
    for (uint32_t i = 0; i < products->count; i++)
        free(products->entries[i].data);
    products->count = 0;
    products->bytes = 0;
    hash_index_clear(&products->index);
}

void products_free(struct products *products)
{
    if (products == NULL)
        return;
    forget_all(products);
    free(products->entries);
    hash_index_release(&products->index);
    pthread_rwlock_destroy(&products->lock);
    free(products);
}

static struct entry *find(const struct products *products, struct bytes item_id, uint64_t hash)
{
    struct hash_probe probe = hash_index_probe(&products->index, hash);
    while (hash_index_next(&products->index, &probe))
        if (bytes_equal(products->entries[probe.entry].item_id, item_id))
            return &products->entries[probe.entry];
    return NULL;
}

static struct bytes append(char **at, struct bytes bytes)
{
    char *to = *at;
    if (bytes.size > 0)
        memcpy(to, bytes.at, bytes.size);
    *at += bytes.size;
    return bytes_of(to, bytes.size);
}

static void fill(struct entry *entry, struct bytes item_id, const struct product_text *text)
{
    char *at = memory_get(item_id.size + text->json.size + text->title.size + 1);
    entry->data = at;
    entry->item_id = append(&at, item_id);
    entry->text.json = append(&at, text->json);
    entry->text.title = append(&at, text->title);
    entry->text.available = text->available;
}

void products_put(struct products *products, struct bytes item_id, const struct product_text *text)
{
    struct entry filled;
    uint64_t hash = hash_index_hash(item_id);
    fill(&filled, item_id, text);
    pthread_rwlock_wrlock(&products->lock);
    struct entry *entry = find(products, item_id, hash);
    if (entry) {
        products->bytes -= entry_bytes(entry);
        free(entry->data);
    } else {
        ARRAY_RESERVE(products->entries, products->capacity, (size_t)products->count + 1);
        entry = &products->entries[products->count];
        hash_index_add(&products->index, hash, products->count++);
    }
    *entry = filled;
    products->bytes += entry_bytes(entry);
    pthread_rwlock_unlock(&products->lock);
}

void products_remove(struct products *products, struct bytes item_id)
{
    uint64_t hash = hash_index_hash(item_id);
    pthread_rwlock_wrlock(&products->lock);
    struct entry *entry = find(products, item_id, hash);
    if (entry) {
        uint32_t number = (uint32_t)(entry - products->entries), last = products->count - 1;
        hash_index_remove(&products->index, hash, number);
        products->bytes -= entry_bytes(entry);
        free(entry->data);
        if (number != last) { /* the last one fills the gap */
            *entry = products->entries[last];
            hash_index_renumber(&products->index, hash_index_hash(entry->item_id), last, number);
        }
        products->count--;
    }
    pthread_rwlock_unlock(&products->lock);
}

void products_clear(struct products *products)
{
    pthread_rwlock_wrlock(&products->lock);
    forget_all(products);
    pthread_rwlock_unlock(&products->lock);
}

void products_lock(struct products *products)
{
    pthread_rwlock_rdlock(&products->lock);
}

void products_unlock(struct products *products)
{
    pthread_rwlock_unlock(&products->lock);
}

const struct product_text *products_find(const struct products *products, struct bytes item_id)
{
    const struct entry *entry = find(products, item_id, hash_index_hash(item_id));
    return entry ? &entry->text : NULL;
}

uint32_t products_count(const struct products *products)
{
    return products->count;
}

size_t products_bytes(const struct products *products)
{
    return products->bytes + products->capacity * sizeof *products->entries +
           hash_index_bytes(&products->index);
}
