#include "schemas/hash_index.h"

#include "schemas/draw.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define CAPACITY_MIN 16

/* ---- hashing ---- */

/* One for the process, written before main() and by tests: keys must have the same hash in all
 * tables that pass hashes on to each other. */
static _Alignas(64) unsigned char secret[XXH3_SECRET_DEFAULT_SIZE];

void hash_index_seed(uint64_t seed)
{
    for (size_t i = 0; i < sizeof secret; i += sizeof seed) {
        uint64_t bits = draw_next(&seed);
        memcpy(secret + i, &bits, sizeof bits);
    }
}

__attribute__((constructor)) static void draw_secret(void)
{
    struct timespec now = {0};
    if (getrandom(secret, sizeof secret, 0) == (ssize_t)sizeof secret)
        return;
    clock_gettime(CLOCK_MONOTONIC, &now); /* a kernel without the call: what is left to draw from */
    hash_index_seed((uint64_t)now.tv_nsec ^ (uint64_t)(uintptr_t)&now);
}

uint64_t hash_index_hash(struct bytes key)
{
    return XXH3_64bits_withSecret(key.size ? key.at : "", key.size, secret, sizeof secret);
}

uint64_t hash_index_hash_number(uint64_t number)
{
    return XXH3_64bits_withSecret(&number, sizeof number, secret, sizeof secret);
}

/* ---- slots ---- */

static void put(struct hash_index *index, struct hash_slot slot)
{
    uint32_t mask = index->capacity - 1, at = slot.tag & mask;
    while (index->slots[at].entry != 0)
        at = (at + 1) & mask;
    index->slots[at] = slot;
}

static void resize(struct hash_index *index, uint32_t capacity)
{
    struct hash_slot *old = index->slots;
    uint32_t old_capacity = index->capacity;
    index->slots = memory_zero(capacity, sizeof *index->slots);
    index->capacity = capacity;
    for (uint32_t i = 0; i < old_capacity; i++)
        if (old[i].entry != 0)
            put(index, old[i]);
    free(old);
}

void hash_index_reserve(struct hash_index *index, uint32_t count)
{
    uint32_t capacity = index->capacity ? index->capacity : CAPACITY_MIN;
    assert(count <= UINT32_MAX / 4);
    while (capacity < 2 * count)
        capacity *= 2;
    if (capacity > index->capacity)
        resize(index, capacity);
}

void hash_index_add(struct hash_index *index, uint64_t hash, uint32_t entry)
{
    hash_index_reserve(index, index->count + 1);
    put(index, (struct hash_slot){.tag = (uint32_t)hash, .entry = entry + 1});
    index->count++;
}

static uint32_t slot_of(const struct hash_index *index, uint64_t hash, uint32_t entry)
{
    uint32_t mask = index->capacity - 1, at = (uint32_t)hash & mask;
    while (index->slots[at].entry != entry + 1) {
        assert(index->slots[at].entry != 0);
        at = (at + 1) & mask;
    }
    return at;
}

void hash_index_remove(struct hash_index *index, uint64_t hash, uint32_t entry)
{
    uint32_t mask = index->capacity - 1, hole = slot_of(index, hash, entry);
    for (uint32_t i = (hole + 1) & mask; index->slots[i].entry != 0; i = (i + 1) & mask) {
        uint32_t home = index->slots[i].tag & mask;
        if (((i - home) & mask) < ((i - hole) & mask))
            continue; /* its home lies behind the hole: it stays */
        index->slots[hole] = index->slots[i];
        hole = i;
    }
    index->slots[hole] = (struct hash_slot){0};
    index->count--;
}

void hash_index_renumber(struct hash_index *index, uint64_t hash, uint32_t entry, uint32_t now)
{
    index->slots[slot_of(index, hash, entry)].entry = now + 1;
}

void hash_index_clear(struct hash_index *index)
{
    if (index->capacity > 0)
        memset(index->slots, 0, index->capacity * sizeof *index->slots);
    index->count = 0;
}

void hash_index_release(struct hash_index *index)
{
    free(index->slots);
    *index = (struct hash_index){0};
}
