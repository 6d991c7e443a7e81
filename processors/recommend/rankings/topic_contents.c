#include "processors/recommend/rankings/topic_contents.h"

#include "schemas/array.h"
#include "schemas/hash_index.h"

#include <stdlib.h>

#define NO_ENTRY UINT32_MAX

struct entry {
    char *key; /* owned */
    size_t key_size;
    uint64_t version; /* in the topic */
    uint64_t offered;
    bool there;  /* in the topic */
    bool old;    /* must be written again, whatever its version */
    bool wanted; /* offered in this round */
};

struct topic_contents {
    struct entry *entries;
    uint32_t count, capacity;
    struct hash_index index; /* by key */
};

struct topic_contents *topic_contents_new(void)
{
    return memory_zero(1, sizeof(struct topic_contents));
}

void topic_contents_clear(struct topic_contents *contents)
{
    for (uint32_t i = 0; i < contents->count; i++)
        free(contents->entries[i].key);
    contents->count = 0;
    hash_index_clear(&contents->index);
}

void topic_contents_free(struct topic_contents *contents)
{
    if (contents == NULL)
        return;
    topic_contents_clear(contents);
    free(contents->entries);
    hash_index_release(&contents->index);
    free(contents);
}

static struct bytes key_of(const struct entry *entry)
{
    return bytes_of(entry->key, entry->key_size);
}

static uint32_t find(const struct topic_contents *contents, struct bytes key)
{
    struct hash_probe probe = hash_index_probe(&contents->index, hash_index_hash(key));
    while (hash_index_next(&contents->index, &probe))
        if (bytes_equal(key_of(&contents->entries[probe.entry]), key))
            return probe.entry;
    return NO_ENTRY;
}

static struct entry *find_or_add(struct topic_contents *contents, struct bytes key)
{
    uint32_t at = find(contents, key);
    if (at != NO_ENTRY)
        return &contents->entries[at];
    ARRAY_RESERVE(contents->entries, contents->capacity, contents->count + 1);
    hash_index_add(&contents->index, hash_index_hash(key), contents->count);
    contents->entries[contents->count] =
        (struct entry){.key = memory_text(key), .key_size = key.size};
    return &contents->entries[contents->count++];
}

void topic_contents_found(struct topic_contents *contents, struct bytes key, uint64_t version)
{
    struct entry *entry = find_or_add(contents, key);
    entry->there = true;
    entry->version = version;
}

void topic_contents_found_gone(struct topic_contents *contents, struct bytes key)
{
    uint32_t at = find(contents, key);
    if (at != NO_ENTRY)
        contents->entries[at].there = false;
}

void topic_contents_renew(struct topic_contents *contents)
{
    for (uint32_t i = 0; i < contents->count; i++)
        contents->entries[i].old = true;
}

size_t topic_contents_count(const struct topic_contents *contents)
{
    size_t count = 0;
    for (uint32_t i = 0; i < contents->count; i++)
        count += contents->entries[i].there;
    return count;
}

void topic_contents_begin(struct topic_contents *contents)
{
    for (uint32_t i = 0; i < contents->count; i++)
        contents->entries[i].wanted = false;
}

bool topic_contents_offer(struct topic_contents *contents, struct bytes key, uint64_t version)
{
    struct entry *entry = find_or_add(contents, key);
    entry->wanted = true;
    entry->offered = version;
    return !entry->there || entry->old || entry->version != version;
}

bool topic_contents_put(struct topic_contents *contents, struct bytes key, uint64_t version)
{
    bool writes = topic_contents_offer(contents, key, version);
    struct entry *entry = &contents->entries[find(contents, key)];
    entry->there = true;
    entry->old = false;
    entry->version = version;
    return writes;
}

bool topic_contents_next_gone(const struct topic_contents *contents, size_t *cursor,
                              struct bytes *ret_key)
{
    while (*cursor < contents->count) {
        const struct entry *entry = &contents->entries[(*cursor)++];
        if (!entry->there || entry->wanted)
            continue;
        *ret_key = key_of(entry);
        return true;
    }
    return false;
}

void topic_contents_end(struct topic_contents *contents)
{
    uint32_t left = 0;
    hash_index_clear(&contents->index);
    for (uint32_t i = 0; i < contents->count; i++) {
        struct entry entry = contents->entries[i];
        if (!entry.wanted) {
            free(entry.key);
            continue;
        }
        entry.there = true;
        entry.old = false;
        entry.version = entry.offered;
        hash_index_add(&contents->index, hash_index_hash(key_of(&entry)), left);
        contents->entries[left++] = entry;
    }
    contents->count = left;
}
