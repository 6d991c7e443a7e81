/* Session memory: the newest sessions of all visitors, and for each item the sessions that hold it.
 * A part of the model: processors/session_memory.c folds it, session kNN
 * (recommend/candidates/session_knn.h) looks for sessions like the visitor's in it. Calls schemas/
 * and state/store.
 *
 *     newest      visitor ----------------------+        hash_index: place of the newest session
 *                                               v
 *     sessions[]  { visitor, serial, last_ms, items }    a ring: place = serial % sessions_max
 *                              ^           |
 *                              |           +--> the last REMEMBERED_ITEMS distinct items
 *                              |
 *     postings[item]  { serial, serial, ... }            ascending, at most postings_max
 *
 * A serial number counts sessions in the order of their first activities in the log. A new session
 * overwrites the oldest one; postings may still name it, then the serial in the ring differs. The
 * postings and `newest` follow from the sessions and are not stored.
 *
 * Rows of FAMILY_MODEL, little endian in values, big endian in keys:
 *
 *     't'            next serial number(8)
 *     'u' chunk(4)   64 sessions: serial(8) visitor(8) last_ms(8) count(4), then item(4) x count
 *
 * Threads: as the model's. */
#ifndef WEFT_STATE_SESSION_MEMORY_H
#define WEFT_STATE_SESSION_MEMORY_H

#include "schemas/hash_index.h"
#include "state/item_state.h"
#include "state/store.h"

#define REMEMBERED_ITEMS 20

struct session_memory_limits {
    uint32_t sessions_max; /* of the ring; 0: none are remembered */
    uint32_t postings_max; /* of an item */
    int64_t gap_ms;        /* a longer pause of the visitor starts a new session */
};

struct remembered_session {
    uint64_t visitor; /* hash of the visitor's key */
    uint64_t serial;  /* from 1; 0: never used */
    int64_t last_ms;
    uint32_t count;
    uint32_t items[REMEMBERED_ITEMS]; /* oldest first, each once */
};

struct session_postings {
    uint64_t *serials; /* ascending */
    uint32_t count, capacity;
};

struct session_memory {
    struct session_memory_limits limits;
    struct remembered_session *sessions; /* the ring; serial modulo sessions_max */
    uint64_t next_serial;
    struct hash_index newest;          /* visitor -> place in the ring of the newest session */
    struct session_postings *postings; /* by item */
    uint32_t item_capacity;
    uint8_t *dirty_chunks;
    bool dirty;
};

struct session_memory *session_memory_new(const struct session_memory_limits *limits);
void session_memory_free(struct session_memory *memory);

/* Puts the item into the visitor's session, or into a new one after a pause. Thread: writer. */
void session_memory_remember(struct session_memory *memory, uint64_t visitor, uint32_t item,
                             int64_t time_ms);

/* The place of the session in the ring. If another session took it, ->serial differs. */
static inline const struct remembered_session *sessions_at(const struct session_memory *memory,
                                                           uint64_t serial)
{
    uint32_t most = memory->limits.sessions_max;
    /* a division of 32 bits is several times faster */
    return &memory->sessions[serial > UINT32_MAX ? serial % most : (uint32_t)serial % most];
}

/* The session; NULL: another one has overwritten it. */
static inline const struct remembered_session *sessions_find(const struct session_memory *memory,
                                                             uint64_t serial)
{
    const struct remembered_session *session = sessions_at(memory, serial);
    return session->serial == serial ? session : NULL;
}

/* The sessions that hold the item; NULL: none. */
static inline const struct session_postings *sessions_of(const struct session_memory *memory,
                                                         uint32_t item)
{
    return item < memory->item_capacity ? &memory->postings[item] : NULL;
}

/* Removes evicted items from the sessions at the places `from` to `to` - 1. Thread: writer. */
void session_memory_sweep(struct session_memory *memory, const uint8_t *states, uint32_t from,
                          uint32_t to);
/* No session has the item any more: its number may get another id. Thread: writer. */
void session_memory_forget(struct session_memory *memory, uint32_t item);

/* Puts the chunks that changed since the last call into the batch. Thread: writer. */
void session_memory_save(struct session_memory *memory, struct store_batch *batch);
/* Loads one stored row of 't' or 'u'. `item_count`: of the model. SKIP: damaged. */
enum verdict session_memory_load_row(struct session_memory *memory, uint32_t item_count,
                                     struct bytes key, struct bytes value);
/* After the last row: makes the postings and `newest`. */
void session_memory_loaded(struct session_memory *memory);

/* Bytes of memory. */
size_t session_memory_bytes(const struct session_memory *memory);

#endif
