/* The pending ring: records that wait for their visitor's next click, in a ring of equal places
 * with a bound in bytes.
 *
 *     places   [ serial n-1 ][ serial n ][ serial n+1-count ] ...      place = serial mod count
 *
 * A new record takes a place only if the record in it is older than `age_ms` of the visitors' own
 * time. So in a rush a sample of visitors is kept for at least that long, instead of the newest
 * ones, whose next click would always be a quick one. Thread: one. */
#ifndef WEFT_RANKING_PENDING_RING_H
#define WEFT_RANKING_PENDING_RING_H

#include <stddef.h>
#include <stdint.h>

/* The head of a record. */
struct pending {
    uint64_t serial; /* from 1; 0: the place was never taken */
    int64_t time_ms;
};

/* Owns its places. */
struct pending_ring {
    char *places;
    size_t place_bytes, place_count;
    uint64_t serial; /* of the newest record */
    int64_t age_ms;
};

/* Makes as many places of at least `place_bytes` as `bytes` hold; that may be none. */
void pending_ring_init(struct pending_ring *ring, size_t bytes, size_t place_bytes, int64_t age_ms);
void pending_ring_release(struct pending_ring *ring);

/* Takes the next place and sets its serial number and time; the rest stays as it was. NULL: it is
 * not free. */
void *pending_ring_take(struct pending_ring *ring, int64_t time_ms);
/* The record with the number; NULL: it was overwritten, or the number is 0. Holds until the next
 * pending_ring_take(). */
const void *pending_ring_find(const struct pending_ring *ring, uint64_t serial);
/* Memory of the places that were ever taken. */
size_t pending_ring_bytes(const struct pending_ring *ring);

#endif
