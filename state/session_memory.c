#include "state/session_memory.h"

#include "schemas/array.h"
#include "state/model_tables.h"

#include <stdlib.h>

#define CHUNK 64

struct session_memory *session_memory_new(const struct session_memory_limits *limits)
{
    struct session_memory *memory = memory_zero(1, sizeof *memory);
    memory->limits = *limits;
    memory->next_serial = 1;
    if (limits->sessions_max == 0)
        return memory;
    memory->sessions = memory_zero(limits->sessions_max, sizeof *memory->sessions);
    hash_index_reserve(&memory->newest, limits->sessions_max);
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
    hash_index_release(&memory->newest);
    free(memory->dirty_chunks);
    free(memory);
}

/* ---- by visitor ---- */

#define PLACE_NONE UINT32_MAX

/* The place of the visitor's newest session in the ring. */
static uint32_t find_place(const struct session_memory *memory, uint64_t visitor)
{
    struct hash_probe probe = hash_index_probe(&memory->newest, hash_index_hash_number(visitor));
    while (hash_index_next(&memory->newest, &probe))
        if (memory->sessions[probe.entry].visitor == visitor)
            return probe.entry;
    return PLACE_NONE;
}

/* From now on the session at `place` is the visitor's newest. */
static void set_place(struct session_memory *memory, uint64_t visitor, uint32_t place)
{
    uint32_t before = find_place(memory, visitor);
    if (before == PLACE_NONE)
        hash_index_add(&memory->newest, hash_index_hash_number(visitor), place);
    else if (before != place)
        hash_index_renumber(&memory->newest, hash_index_hash_number(visitor), before, place);
}

/* ---- by item ---- */

static void add_posting(struct session_memory *memory, uint32_t item, uint64_t serial)
{
    ARRAY_RESERVE_ZERO(memory->postings, memory->item_capacity, item + 1);
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
    ARRAY_RESERVE_SMALL(postings->serials, postings->capacity, postings->count + 1);
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

static struct remembered_session *start_session(struct session_memory *memory, uint64_t visitor)
{
    uint32_t place = (uint32_t)(memory->next_serial % memory->limits.sessions_max);
    struct remembered_session *session = &memory->sessions[place];
    if (session->serial != 0 && find_place(memory, session->visitor) == place)
        hash_index_remove(&memory->newest, hash_index_hash_number(session->visitor), place);
    set_place(memory, visitor, place);
    *session = (struct remembered_session){.visitor = visitor, .serial = memory->next_serial++};
    return session;
}

void session_memory_remember(struct session_memory *memory, uint64_t visitor, uint32_t item,
                             int64_t time_ms)
{
    if (memory->limits.sessions_max == 0)
        return;
    uint32_t place = find_place(memory, visitor);
    struct remembered_session *session = place == PLACE_NONE ? NULL : &memory->sessions[place];
    if (session == NULL || time_ms - session->last_ms > memory->limits.gap_ms) {
        session = start_session(memory, visitor);
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

void session_memory_sweep(struct session_memory *memory, const uint8_t *states, uint32_t from,
                          uint32_t to)
{
    for (uint32_t place = from; place < to && place < memory->limits.sessions_max; place++) {
        struct remembered_session *session = &memory->sessions[place];
        uint32_t left = 0;
        for (uint32_t i = 0; i < session->count; i++) {
            if (item_evicted(states, session->items[i]))
                remove_posting(memory, session->items[i], session->serial);
            else
                session->items[left++] = session->items[i];
        }
        if (left == session->count)
            continue;
        session->count = left;
        memory->dirty = true;
        memory->dirty_chunks[place / CHUNK] = 1;
    }
}

void session_memory_forget(struct session_memory *memory, uint32_t item)
{
    if (item >= memory->item_capacity)
        return;
    free(memory->postings[item].serials); /* some may be of sessions that were overwritten */
    memory->postings[item] = (struct session_postings){.count = 0};
}

/* ---- on disk ---- */

void session_memory_save(struct session_memory *memory, struct store_batch *batch)
{
    struct buffer value = {0};
    char key[MODEL_KEY_BYTES_MAX];
    if (!memory->dirty)
        return;
    memory->dirty = false;
    batch_put(batch, FAMILY_MODEL, model_key(key, MODEL_TABLE_SESSION_COUNT),
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
        batch_put(batch, FAMILY_MODEL, model_numbered_key(key, MODEL_TABLE_SESSIONS, first / CHUNK),
                  buffer_bytes(&value));
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
    if (key.size == 1 && key.at[0] == MODEL_TABLE_SESSION_COUNT && value.size == 8) {
        memcpy(&memory->next_serial, value.at, 8);
        return memory->next_serial > 0 ? VERDICT_OK : VERDICT_SKIP;
    }
    if (key.size != 5 || key.at[0] != MODEL_TABLE_SESSIONS)
        return VERDICT_SKIP;
    return load_chunk(memory, item_count, model_key_number(key), value);
}

/* In the order of serial numbers, so that a visitor's newest session comes last. */
void session_memory_loaded(struct session_memory *memory)
{
    uint64_t max = memory->limits.sessions_max, next = memory->next_serial;
    for (uint64_t serial = next > max ? next - max : 1; max > 0 && serial < next; serial++) {
        struct remembered_session *session = &memory->sessions[serial % max];
        if (session->serial != serial)
            continue;
        set_place(memory, session->visitor, (uint32_t)(serial % max));
        for (uint32_t k = 0; k < session->count; k++)
            add_posting(memory, session->items[k], serial);
    }
}

size_t session_memory_bytes(const struct session_memory *memory)
{
    uint64_t made = memory->next_serial, most = memory->limits.sessions_max;
    size_t used = (size_t)(made < most ? made : most); /* zeroed pages take memory once used */
    size_t bytes = sizeof *memory + used * sizeof *memory->sessions +
                   memory->item_capacity * sizeof *memory->postings +
                   hash_index_bytes(&memory->newest);
    for (uint32_t i = 0; i < memory->item_capacity; i++)
        bytes +=
            memory_block_bytes(memory->postings[i].capacity * sizeof *memory->postings[i].serials);
    return bytes;
}
