#include "processors/runtime/owed_lists.h"

#include "schemas/array.h"
#include "schemas/draw.h"

#include <stdlib.h>

void owed_lists_init(struct owed_lists *owed)
{
    *owed = (struct owed_lists){.newest = OWED_NONE, .oldest = OWED_NONE, .free = OWED_NONE};
}

void owed_lists_release(struct owed_lists *owed)
{
    owed_lists_forget(owed);
    free(owed->entries);
    hash_index_release(&owed->index);
}

/* ---- entries ---- */

static uint64_t hash_of(int32_t partition, struct bytes key)
{
    return hash_join((uint64_t)partition, bytes_hash(key));
}

static struct bytes key_of(const struct owed_list *list)
{
    return bytes_of(list->key, list->key_size);
}

static uint32_t find(const struct owed_lists *owed, int32_t partition, struct bytes key)
{
    struct hash_probe probe = hash_index_probe(&owed->index, hash_of(partition, key));
    while (hash_index_next(&owed->index, &probe)) {
        const struct owed_list *list = &owed->entries[probe.entry];
        if (list->partition == partition && bytes_equal(key_of(list), key))
            return probe.entry;
    }
    return OWED_NONE;
}

static void unlink_entry(struct owed_lists *owed, uint32_t entry)
{
    const struct owed_list *list = &owed->entries[entry];
    if (list->newer == OWED_NONE)
        owed->newest = list->older;
    else
        owed->entries[list->newer].older = list->older;
    if (list->older == OWED_NONE)
        owed->oldest = list->newer;
    else
        owed->entries[list->older].newer = list->newer;
}

static void link_newest(struct owed_lists *owed, uint32_t entry)
{
    struct owed_list *list = &owed->entries[entry];
    list->newer = OWED_NONE;
    list->older = owed->newest;
    if (owed->newest == OWED_NONE)
        owed->oldest = entry;
    else
        owed->entries[owed->newest].newer = entry;
    owed->newest = entry;
}

static uint32_t new_entry(struct owed_lists *owed)
{
    uint32_t entry = owed->free;
    if (entry != OWED_NONE) {
        owed->free = owed->entries[entry].older;
        return entry;
    }
    ARRAY_RESERVE(owed->entries, owed->capacity, owed->count + 1);
    return owed->count;
}

/* The caller has the key from now on. */
static struct owed_list take_entry(struct owed_lists *owed, uint32_t entry)
{
    struct owed_list list = owed->entries[entry];
    unlink_entry(owed, entry);
    hash_index_remove(&owed->index, hash_of(list.partition, key_of(&list)), entry);
    owed->entries[entry] = (struct owed_list){.older = owed->free};
    owed->free = entry;
    owed->count--;
    return list;
}

/* ---- adding and taking ---- */

int64_t owed_lists_add(struct owed_lists *owed, const struct visitor *visitor, int64_t now_us)
{
    struct bytes key = visitor_key(visitor);
    uint32_t entry = find(owed, visitor->partition, key);
    if (entry == OWED_NONE) {
        entry = new_entry(owed);
        owed->entries[entry] = (struct owed_list){.since_us = now_us,
                                                  .partition = visitor->partition,
                                                  .key = memory_text(key),
                                                  .key_size = (uint32_t)key.size};
        hash_index_add(&owed->index, hash_of(visitor->partition, key), entry);
        owed->count++;
    } else {
        unlink_entry(owed, entry);
    }
    owed->entries[entry].touched_us = now_us;
    link_newest(owed, entry);
    return owed->entries[entry].since_us;
}

void owed_lists_remove(struct owed_lists *owed, const struct visitor *visitor)
{
    if (owed->count == 0)
        return;
    uint32_t entry = find(owed, visitor->partition, visitor_key(visitor));
    if (entry != OWED_NONE)
        free(take_entry(owed, entry).key);
}

bool owed_lists_take(struct owed_lists *owed, struct owed_list *ret_list)
{
    if (owed->count == 0)
        return false;
    *ret_list = take_entry(owed, owed->newest);
    return true;
}

bool owed_lists_take_oldest(struct owed_lists *owed, int64_t before_us, struct owed_list *ret_list)
{
    if (owed->count <= OWED_MAX && owed_lists_oldest_us(owed) >= before_us)
        return false;
    *ret_list = take_entry(owed, owed->oldest);
    return true;
}

int64_t owed_lists_oldest_us(const struct owed_lists *owed)
{
    return owed->count > 0 ? owed->entries[owed->oldest].touched_us : INT64_MAX;
}

void owed_lists_forget(struct owed_lists *owed)
{
    while (owed->count > 0)
        free(take_entry(owed, owed->newest).key);
}

/* ---- after a start ---- */

struct finder {
    struct store_visitor visitor; /* first: the store hands it back */
    struct owed_lists *owed;
    int32_t partition;
    int64_t now_us;
};

static enum verdict find_row(struct store_visitor *self, struct bytes key, struct bytes value,
                             struct error *error)
{
    struct finder *finder = (struct finder *)(void *)self;
    struct visitor *visitor;
    if (key.size < 2 || visitor_decode(finder->partition, bytes_of(key.at + 2, key.size - 2), value,
                                       &visitor, error) != VERDICT_OK)
        return VERDICT_FATAL;
    if (visitor->look_again)
        owed_lists_add(finder->owed, visitor, finder->now_us);
    visitor_free(visitor);
    return VERDICT_OK;
}

enum verdict owed_lists_find(struct owed_lists *owed, struct store *store, int32_t partition,
                             int64_t now_us, struct error *error)
{
    char prefix[VISITOR_KEY_BYTES_MAX];
    struct finder finder = {
        .visitor.row = find_row, .owed = owed, .partition = partition, .now_us = now_us};
    return store->scan(store, FAMILY_VISITOR, visitor_store_key(prefix, partition, bytes_of("", 0)),
                       &finder.visitor, error);
}
