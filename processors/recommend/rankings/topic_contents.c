#include "processors/recommend/rankings/topic_contents.h"

#include <stdlib.h>

struct entry {
    struct bytes key; /* owned */
    uint64_t version; /* in the topic */
    uint64_t offered;
    bool there;  /* in the topic */
    bool old;    /* to be written again, whatever its version */
    bool wanted; /* offered in this round */
};

struct topic_contents {
    struct entry *entries;
    size_t count, capacity;
    size_t *slots; /* hash of the key -> entry + 1 */
    size_t slot_capacity;
};

struct topic_contents *topic_contents_new(void)
{
    struct topic_contents *published = memory_zero(1, sizeof *published);
    published->slot_capacity = 1024;
    published->slots = memory_zero(published->slot_capacity, sizeof *published->slots);
    return published;
}

void topic_contents_clear(struct topic_contents *published)
{
    for (size_t i = 0; i < published->count; i++)
        free((void *)(uintptr_t)published->entries[i].key.at);
    published->count = 0;
    memset(published->slots, 0, published->slot_capacity * sizeof *published->slots);
}

void topic_contents_free(struct topic_contents *published)
{
    if (published == NULL)
        return;
    topic_contents_clear(published);
    free(published->entries);
    free(published->slots);
    free(published);
}

static size_t *find_slot(const struct topic_contents *published, struct bytes key)
{
    size_t mask = published->slot_capacity - 1, at = (size_t)bytes_hash(key) & mask;
    while (published->slots[at] != 0 &&
           !bytes_equal(published->entries[published->slots[at] - 1].key, key))
        at = (at + 1) & mask;
    return &published->slots[at];
}

static void fill_slots(struct topic_contents *published)
{
    memset(published->slots, 0, published->slot_capacity * sizeof *published->slots);
    for (size_t i = 0; i < published->count; i++)
        *find_slot(published, published->entries[i].key) = i + 1;
}

static struct entry *find_or_add(struct topic_contents *published, struct bytes key)
{
    size_t *slot = find_slot(published, key);
    if (*slot != 0)
        return &published->entries[*slot - 1];
    if (published->count == published->capacity) {
        published->capacity = published->capacity ? 2 * published->capacity : 256;
        published->entries =
            memory_resize(published->entries, published->capacity * sizeof *published->entries);
    }
    published->entries[published->count++] =
        (struct entry){.key = bytes_of(memory_text(key), key.size)};
    *slot = published->count;
    if (2 * published->count >= published->slot_capacity) {
        published->slot_capacity *= 2;
        published->slots =
            memory_resize(published->slots, published->slot_capacity * sizeof *published->slots);
        fill_slots(published);
    }
    return &published->entries[published->count - 1];
}

void topic_contents_found(struct topic_contents *published, struct bytes key, uint64_t version)
{
    struct entry *entry = find_or_add(published, key);
    entry->there = true;
    entry->version = version;
}

void topic_contents_found_gone(struct topic_contents *published, struct bytes key)
{
    size_t slot = *find_slot(published, key);
    if (slot != 0)
        published->entries[slot - 1].there = false;
}

void topic_contents_renew(struct topic_contents *published)
{
    for (size_t i = 0; i < published->count; i++)
        published->entries[i].old = true;
}

size_t topic_contents_count(const struct topic_contents *published)
{
    size_t count = 0;
    for (size_t i = 0; i < published->count; i++)
        count += published->entries[i].there;
    return count;
}

void topic_contents_begin(struct topic_contents *published)
{
    for (size_t i = 0; i < published->count; i++)
        published->entries[i].wanted = false;
}

bool topic_contents_offer(struct topic_contents *published, struct bytes key, uint64_t version)
{
    struct entry *entry = find_or_add(published, key);
    entry->wanted = true;
    entry->offered = version;
    return !entry->there || entry->old || entry->version != version;
}

bool topic_contents_next_gone(const struct topic_contents *published, size_t *cursor,
                              struct bytes *ret_key)
{
    while (*cursor < published->count) {
        const struct entry *entry = &published->entries[(*cursor)++];
        if (!entry->there || entry->wanted)
            continue;
        *ret_key = entry->key;
        return true;
    }
    return false;
}

void topic_contents_end(struct topic_contents *published)
{
    size_t kept = 0;
    for (size_t i = 0; i < published->count; i++) {
        struct entry *entry = &published->entries[i];
        if (!entry->wanted) {
            free((void *)(uintptr_t)entry->key.at);
            continue;
        }
        entry->there = true;
        entry->old = false;
        entry->version = entry->offered;
        published->entries[kept++] = *entry;
    }
    published->count = kept;
    fill_slots(published);
}
