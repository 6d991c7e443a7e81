#include "state/session_memory.h"

#include <stdlib.h>

#define CHUNK 64

struct session_memory *session_memory_new(const struct session_memory_limits *limits)
{
    struct session_memory *memory = memory_zero(1, sizeof *memory);
    memory->limits = *limits;
    memory->next_serial = 1;
    if (limits->sessions_max == 0)
        return memory;
    uint32_t slot_count = 16;
    while (slot_count < 2 * limits->sessions_max)
        slot_count *= 2;
    memory->sessions = memory_zero(limits->sessions_max, sizeof *memory->sessions);
    memory->slots = memory_zero(slot_count, sizeof *memory->slots);
    memory->slot_mask = slot_count - 1;
    memory->dirty_chunks = memory_zero(limits->sessions_max / CHUNK + 1, 1);
    return memory;
}

void session_memory_free(struct session_memory *memory)
{
    if (memory == NULL)
        return;
    for (uint32_t i = 0; i < memory->item_capacity; i++)
        free(memory->postings[i].serials);
    free(memory->postings);
    free(memory->sessions);
    free(memory->slots);
    free(memory->dirty_chunks);
    free(memory);
}

/* ---- by visitor: open addressing, with removal by shifting back (Knuth 6.4, algorithm R) ---- */

static uint32_t home_of(const struct session_memory *memory, uint64_t visitor)
{
    return (uint32_t)(visitor ^ visitor >> 32) & memory->slot_mask;
}

static uint32_t find_slot(const struct session_memory *memory, uint64_t visitor)
{
    uint32_t at = home_of(memory, visitor);
    while (memory->slots[at] != 0 && memory->sessions[memory->slots[at] - 1].visitor != visitor)
        at = (at + 1) & memory->slot_mask;
    return at;
}

static void remove_slot(struct session_memory *memory, uint32_t at)
{
    uint32_t hole = at;
    for (uint32_t next = (at + 1) & memory->slot_mask; memory->slots[next] != 0;
         next = (next + 1) & memory->slot_mask) {
        uint32_t home = home_of(memory, memory->sessions[memory->slots[next] - 1].visitor);
        if (((next - home) & memory->slot_mask) < ((next - hole) & memory->slot_mask))
            continue;
        memory->slots[hole] = memory->slots[next];
        hole = next;
    }
    memory->slots[hole] = 0;
}

/* ---- by item ---- */

static void reserve_items(struct session_memory *memory, uint32_t item)
{
    if (item < memory->item_capacity)
        return;
    uint32_t old = memory->item_capacity, capacity = old ? old : 1024;
    while (capacity <= item)
        capacity *= 2;
    memory->postings = memory_resize(memory->postings, capacity * sizeof *memory->postings);
    memset(memory->postings + old, 0, (capacity - old) * sizeof *memory->postings);
    memory->item_capacity = capacity;
}

static void add_posting(struct session_memory *memory, uint32_t item, uint64_t serial)
{
    reserve_items(memory, item);
    struct session_postings *postings = &memory->postings[item];
    uint32_t at = postings->count;
    while (at > 0 && postings->serials[at - 1] > serial)
        at--;
    if (postings->count == memory->limits.postings_max) {
        if (at == 0)
            return;
        memmove(postings->serials, postings->serials + 1, (at - 1) * sizeof *postings->serials);
        postings->serials[at - 1] = serial;
        return;
    }
    if (postings->count == postings->capacity) {
        postings->capacity =
            postings->capacity ? postings->capacity + postings->capacity / 2 + 1 : 2;
        postings->serials =
            memory_resize(postings->serials, postings->capacity * sizeof *postings->serials);
    }
    memmove(postings->serials + at + 1, postings->serials + at,
            (postings->count - at) * sizeof *postings->serials);
    postings->serials[at] = serial;
    postings->count++;
}

static void remove_posting(struct session_memory *memory, uint32_t item, uint64_t serial)
{
    struct session_postings *postings = &memory->postings[item];
    uint32_t at = postings->count;
    while (at > 0 && postings->serials[at - 1] != serial)
        at--;
    if (at == 0)
        return;
    postings->count--;
    memmove(postings->serials + at - 1, postings->serials + at,
            (postings->count - (at - 1)) * sizeof *postings->serials);
}

/* ---- the fold ---- */

static struct remembered_session *start_session(struct session_memory *memory, uint32_t slot,
                                                uint64_t visitor)
{
    uint32_t place = (uint32_t)(memory->next_serial % memory->limits.sessions_max);
    struct remembered_session *session = &memory->sessions[place];
    if (session->serial != 0) { /* the oldest one gives way */
        uint32_t old = find_slot(memory, session->visitor);
        if (memory->slots[old] == place + 1)
            remove_slot(memory, old);
        slot = find_slot(memory, visitor);
    }
    *session = (struct remembered_session){.visitor = visitor, .serial = memory->next_serial++};
    memory->slots[slot] = place + 1;
    return session;
}

void session_memory_remember(struct session_memory *memory, uint64_t visitor, uint32_t item,
                             int64_t time_ms)
{
    if (memory->limits.sessions_max == 0)
        return;
    uint32_t slot = find_slot(memory, visitor);
    struct remembered_session *session =
        memory->slots[slot] ? &memory->sessions[memory->slots[slot] - 1] : NULL;
    if (session == NULL || time_ms - session->last_ms > memory->limits.gap_ms) {
        session = start_session(memory, slot, visitor);
        session->last_ms = time_ms;
    }
    if (time_ms > session->last_ms)
        session->last_ms = time_ms;
    memory->dirty = true;
    memory->dirty_chunks[(uint32_t)(session->serial % memory->limits.sessions_max) / CHUNK] = 1;
    for (uint32_t i = 0; i < session->count; i++)
        if (session->items[i] == item)
            return;
    if (session->count == REMEMBERED_ITEMS) {
        remove_posting(memory, session->items[0], session->serial);
        memmove(session->items, session->items + 1, --session->count * sizeof *session->items);
    }
    session->items[session->count++] = item;
    add_posting(memory, item, session->serial);
}

/* ---- on disk ---- */

static struct bytes chunk_key(char *to, uint32_t chunk)
{
    to[0] = 'u';
    for (int i = 0; i < 4; i++)
        to[1 + i] = (char)(chunk >> (24 - 8 * i));
    return bytes_of(to, 5);
}

void session_memory_save(struct session_memory *memory, struct store_batch *batch)
{
    struct buffer value = {0};
    char key[5];
    if (!memory->dirty)
        return;
    memory->dirty = false;
    batch_put(batch, FAMILY_MODEL, bytes_of("t", 1),
              bytes_of(&memory->next_serial, sizeof memory->next_serial));
    for (uint32_t first = 0; first < memory->limits.sessions_max; first += CHUNK) {
        if (!memory->dirty_chunks[first / CHUNK])
            continue;
        memory->dirty_chunks[first / CHUNK] = 0;
        buffer_clear(&value);
        for (uint32_t i = first; i < first + CHUNK && i < memory->limits.sessions_max; i++) {
            const struct remembered_session *session = &memory->sessions[i];
            buffer_append(&value, &session->serial, 8);
            buffer_append(&value, &session->visitor, 8);
            buffer_append(&value, &session->last_ms, 8);
            buffer_append(&value, &session->count, 4);
            buffer_append(&value, session->items, session->count * sizeof *session->items);
        }
        batch_put(batch, FAMILY_MODEL, chunk_key(key, first / CHUNK), buffer_bytes(&value));
    }
    buffer_release(&value);
}

static bool take(struct bytes *value, void *to, size_t size)
{
    if (value->size < size)
        return false;
    memcpy(to, value->at, size);
    value->at += size;
    value->size -= size;
    return true;
}

static enum verdict load_chunk(struct session_memory *memory, uint32_t item_count, uint32_t chunk,
                               struct bytes value)
{
    uint64_t first = (uint64_t)chunk * CHUNK;
    for (uint64_t i = first; i < first + CHUNK && i < memory->limits.sessions_max; i++) {
        struct remembered_session *session = &memory->sessions[i];
        if (!take(&value, &session->serial, 8) || !take(&value, &session->visitor, 8) ||
            !take(&value, &session->last_ms, 8) || !take(&value, &session->count, 4) ||
            session->count > REMEMBERED_ITEMS ||
            !take(&value, session->items, session->count * sizeof *session->items))
            return VERDICT_SKIP;
        if (session->serial >= memory->next_serial ||
            (session->serial != 0 && session->serial % memory->limits.sessions_max != i))
            return VERDICT_SKIP;
        for (uint32_t k = 0; k < session->count; k++)
            if (session->items[k] >= item_count)
                return VERDICT_SKIP;
    }
    return value.size == 0 ? VERDICT_OK : VERDICT_SKIP;
}

enum verdict session_memory_load_row(struct session_memory *memory, uint32_t item_count,
                                     struct bytes key, struct bytes value)
{
    if (memory->limits.sessions_max == 0)
        return VERDICT_OK; /* switched off since */
    if (key.size == 1 && key.at[0] == 't' && value.size == 8) {
        memcpy(&memory->next_serial, value.at, 8);
        return memory->next_serial > 0 ? VERDICT_OK : VERDICT_SKIP;
    }
    if (key.size != 5 || key.at[0] != 'u')
        return VERDICT_SKIP;
    uint32_t chunk = 0;
    for (int i = 1; i < 5; i++)
        chunk = chunk << 8 | (unsigned char)key.at[i];
    return load_chunk(memory, item_count, chunk, value);
}

/* In the order of serial numbers, so that a visitor's newest session is the one that is found. */
void session_memory_loaded(struct session_memory *memory)
{
    uint64_t max = memory->limits.sessions_max, next = memory->next_serial;
    for (uint64_t serial = next > max ? next - max : 1; max > 0 && serial < next; serial++) {
        struct remembered_session *session = &memory->sessions[serial % max];
        if (session->serial != serial)
            continue;
        memory->slots[find_slot(memory, session->visitor)] = (uint32_t)(serial % max) + 1;
        for (uint32_t k = 0; k < session->count; k++)
            add_posting(memory, session->items[k], serial);
    }
}

size_t session_memory_bytes(const struct session_memory *memory)
{
    size_t bytes = sizeof *memory + memory->limits.sessions_max * sizeof *memory->sessions +
                   memory->item_capacity * sizeof *memory->postings;
    if (memory->slots)
        bytes += (memory->slot_mask + 1ul) * sizeof *memory->slots;
    for (uint32_t i = 0; i < memory->item_capacity; i++)
        bytes += memory->postings[i].capacity * sizeof *memory->postings[i].serials;
    return bytes;
}
