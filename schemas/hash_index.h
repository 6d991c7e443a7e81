/* The one open-addressing hash table of weft: it finds the number of an entry by a hash of its key.
 * The entries themselves, and their keys, stay in the caller's array. Calls bytes.h.
 *
 *     slots   [ tag | entry + 1 ] [ 0 | 0 ] [ tag | entry + 1 ] ...
 *                    |
 *                    +--> the caller's entries[entry]
 *
 * A slot has 8 bytes; a free one is 0; their number is a power of two.
 *
 * A tag is the low 32 bits of the key's hash. A key's slots begin at tag & mask and go on, one by
 * one, up to the first free slot (linear probing; Knuth, The Art of Computer Programming, volume 3,
 * section 6.4, algorithm L). A removal shifts the slots behind it back (algorithm R), so there are
 * no tombstones. At most half of the slots are in use. The order of the slots is never visible to a
 * caller.
 *
 * Two uses:
 *
 *     struct hash_index   keys of any kind: the caller compares the entries that the probe proposes
 *
 *         struct hash_probe probe = hash_index_probe(&index, hash);
 *         while (hash_index_next(&index, &probe))
 *             if (bytes_equal(entries[probe.entry].key, key))
 *                 return probe.entry;
 *
 *     number_slot()       a short-lived map from numbers to the slots of a fixed array
 *
 * Many keys come from outside: ids of items and visitors, search terms, words of products. Keys
 * that share a slot make each look-up walk over all of them, and somebody could choose such keys.
 * So the hash of such a key is hash_index_hash(), which depends on a secret of the process.
 *
 * Thread: a reader may run beside other readers; a writer runs alone. */
#ifndef WEFT_SCHEMAS_HASH_INDEX_H
#define WEFT_SCHEMAS_HASH_INDEX_H

#include "schemas/bytes.h"

struct hash_slot {
    uint32_t tag;
    uint32_t entry; /* + 1; 0: free */
};

/* Zero-initialised is empty and valid. Owns its slots. */
struct hash_index {
    struct hash_slot *slots;
    uint32_t capacity; /* 0 or a power of two */
    uint32_t count;
};

struct hash_probe {
    uint32_t tag;
    uint32_t next;  /* slot that is looked at next */
    uint32_t entry; /* the caller's number, after hash_index_next() returned true */
};

static inline struct hash_probe hash_index_probe(const struct hash_index *index, uint64_t hash)
{
    uint32_t tag = (uint32_t)hash;
    return (struct hash_probe){.tag = tag,
                               .next = index->capacity ? tag & (index->capacity - 1) : 0};
}

/* Moves on to the next entry whose key has the same tag. False: there is none. */
static inline bool hash_index_next(const struct hash_index *index, struct hash_probe *probe)
{
    if (index->capacity == 0)
        return false;
    uint32_t mask = index->capacity - 1;
    for (uint32_t i = probe->next;; i = (i + 1) & mask) {
        struct hash_slot slot = index->slots[i];
        if (slot.entry == 0)
            return false;
        if (slot.tag == probe->tag) {
            probe->entry = slot.entry - 1;
            probe->next = (i + 1) & mask;
            return true;
        }
    }
}

/* Fetches the first slot of a key ahead of its use. */
static inline void hash_index_prefetch(const struct hash_index *index, uint64_t hash)
{
    if (index->capacity > 0)
        __builtin_prefetch(&index->slots[(uint32_t)hash & (index->capacity - 1)]);
}

/* The hash of a key that comes from outside: XXH3 with a secret that each process draws at its
 * start, so that nobody can choose keys with the same hash. It is another one in each process:
 * never store or send it, and let no result depend on it. bytes_hash() is the one to store. */
uint64_t hash_index_hash(struct bytes key);
/* The same for a number that follows from such a key, as a bytes_hash() does. */
uint64_t hash_index_hash_number(uint64_t number);
/* For tests: the secret follows from `seed`. No index may be in use. Thread: the only one. */
void hash_index_seed(uint64_t seed);

/* Makes room for `count` entries without growth in between. Out of memory ends the process. */
void hash_index_reserve(struct hash_index *index, uint32_t count);
/* Adds an entry whose key is not there yet; grows by doubling. */
void hash_index_add(struct hash_index *index, uint64_t hash, uint32_t entry);
/* Removes the entry, which is there. */
void hash_index_remove(struct hash_index *index, uint64_t hash, uint32_t entry);
/* The entry, which is there, has another number from now on. */
void hash_index_renumber(struct hash_index *index, uint64_t hash, uint32_t entry, uint32_t now);
/* Empties it and keeps the memory. */
void hash_index_clear(struct hash_index *index);
void hash_index_release(struct hash_index *index);

static inline size_t hash_index_bytes(const struct hash_index *index)
{
    return index->capacity * sizeof *index->slots;
}

/* The slot of `number` in `keys`: where it stands, or the free slot where it belongs. A key is
 * number + 1; 0 is free. `capacity` is a power of two, and at least one slot is free. `stride` is
 * the distance of two keys in bytes: keys may be the first member of a larger struct. */
static inline uint32_t number_slot(const void *keys, size_t stride, uint32_t capacity,
                                   uint32_t number)
{
    uint32_t mask = capacity - 1;
    uint32_t at = ((number * 0x9E3779B1u) >> 8) & mask;
    for (;; at = (at + 1) & mask) {
        uint32_t key;
        memcpy(&key, (const char *)keys + at * stride, sizeof key);
        if (key == 0 || key == number + 1)
            return at;
    }
}

#endif
