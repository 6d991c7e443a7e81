/* What waits for its visitor's next click: a ring of places with a bound in bytes.
 *
 * A place is taken anew only when what it holds is older than `age_ms` of the visitors' own time:
 * in a rush a sample of visitors is kept, not the newest ones, whose next click would then always
 * be a quick one. Thread: one. */
#ifndef WEFT_RANKING_PENDING_RING_H
#define WEFT_RANKING_PENDING_RING_H

#include <stddef.h>
#include <stdint.h>

/* A place begins with it. */
struct pending {
    uint64_t serial; /* from 1; 0: never taken */
    int64_t time_ms;
};

struct pending_ring {
    char *places;
    size_t place_bytes, place_count;
    uint64_t serial; /* of the newest */
    int64_t age_ms;
};

/* As many places of at least `place_bytes` as `bytes` hold; that may be none. */
void pending_ring_init(struct pending_ring *ring, size_t bytes, size_t place_bytes, int64_t age_ms);
void pending_ring_release(struct pending_ring *ring);

/* The next place, with its serial number and time set and the rest as it was; NULL: none is free.
 */
void *pending_ring_take(struct pending_ring *ring, int64_t time_ms);
/* What was kept under the number; NULL: overwritten since, or 0. */
const void *pending_ring_find(const struct pending_ring *ring, uint64_t serial);
/* Memory of the places that were ever taken. */
size_t pending_ring_bytes(const struct pending_ring *ring);

#endif
