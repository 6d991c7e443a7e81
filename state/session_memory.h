/* Session memory: the last sessions of all visitors, and for each item the sessions that have it. A
 * part of the model: a fold of the interactions log. Session kNN
 * finds its neighbours here (recommend/candidates/session_knn.h). Calls schemas/ and state/store.
 *
 * A session has a serial number, in the order of the first clicks in the log. It holds its last
 * REMEMBERED_ITEMS distinct items; an item's postings are the serial numbers of the newest
 * limits.postings_max sessions that hold it, ascending. So the postings follow from the sessions,
 * and only these are stored.
 *
 * Rows of FAMILY_MODEL, little endian in values, big endian in keys:
 *
 *     't'            next serial number(8)
 *     'u' chunk(4)   REMEMBERED_CHUNK sessions: visitor(8) last_ms(8) count(4) item(4) x count
 *
 * Threads: as the model's. */
#ifndef WEFT_STATE_SESSION_MEMORY_H
#define WEFT_STATE_SESSION_MEMORY_H

#include "schemas/hash_index.h"
#include "state/store.h"

#define REMEMBERED_ITEMS 20

struct session_memory_limits {
    uint32_t sessions_max; /* remembered; 0: none are */
    uint32_t postings_max; /* of an item */
    int64_t gap_ms;        /* a longer pause of the visitor starts another */
};

struct remembered_session {
    uint64_t visitor; /* hash of the key */
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
    struct remembered_session *sessions; /* a ring: serial modulo sessions_max */
    uint64_t next_serial;
    struct hash_index newest;          /* visitor -> place in the ring of the newest session */
    struct session_postings *postings; /* by item */
    uint32_t item_capacity;
    uint8_t *dirty_chunks;
    bool dirty;
};

struct session_memory *session_memory_new(const struct session_memory_limits *limits);
void session_memory_free(struct session_memory *memory);

/* The visitor's activity with an item. Thread: writer. */
void session_memory_remember(struct session_memory *memory, uint64_t visitor, uint32_t item,
                             int64_t time_ms);

/* Where the session is, or was until another took its place: then ->serial differs. */
static inline const struct remembered_session *sessions_at(const struct session_memory *memory,
                                                           uint64_t serial)
{
    uint32_t most = memory->limits.sessions_max;
    /* the division of 32 bits is several times faster */
    return &memory->sessions[serial > UINT32_MAX ? serial % most : (uint32_t)serial % most];
}

/* NULL: it was overwritten since. */
static inline const struct remembered_session *sessions_find(const struct session_memory *memory,
                                                             uint64_t serial)
{
    const struct remembered_session *session = sessions_at(memory, serial);
    return session->serial == serial ? session : NULL;
}

static inline const struct session_postings *sessions_of(const struct session_memory *memory,
                                                         uint32_t item)
{
    return item < memory->item_capacity ? &memory->postings[item] : NULL;
}

/* Puts what changed since the last time into the batch. Thread: writer. */
void session_memory_save(struct session_memory *memory, struct store_batch *batch);
/* One row of the store whose table is 't' or 'u'. SKIP: damaged. */
enum verdict session_memory_load_row(struct session_memory *memory, uint32_t item_count,
                                     struct bytes key, struct bytes value);
/* After the last row: makes the postings. */
void session_memory_loaded(struct session_memory *memory);

size_t session_memory_bytes(const struct session_memory *memory);

#endif
