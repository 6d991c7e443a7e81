#include "processors/recommend/ranking/pending_ring.h"

#include "schemas/bytes.h"

#include <stdlib.h>

#define LINE_BYTES 64

void pending_ring_init(struct pending_ring *ring, size_t bytes, size_t place_bytes, int64_t age_ms)
{
    place_bytes = (place_bytes + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES;
    *ring = (struct pending_ring){
        .place_bytes = place_bytes, .place_count = bytes / place_bytes, .age_ms = age_ms};
    if (ring->place_count > 0) /* zeroed pages take memory only once they are used */
        ring->places = memory_zero(ring->place_count, place_bytes);
}

void pending_ring_release(struct pending_ring *ring)
{
    free(ring->places);
    *ring = (struct pending_ring){0};
}

static struct pending *place_of(const struct pending_ring *ring, uint64_t serial)
{
    return (struct pending *)(void *)(ring->places +
                                      serial % ring->place_count * ring->place_bytes);
}

void *pending_ring_take(struct pending_ring *ring, int64_t time_ms)
{
    if (ring->place_count == 0)
        return NULL;
    struct pending *place = place_of(ring, ring->serial + 1);
    int64_t age_ms = time_ms - place->time_ms;
    if (place->serial != 0 && age_ms >= 0 && age_ms < ring->age_ms)
        return NULL;
    *place = (struct pending){.serial = ++ring->serial, .time_ms = time_ms};
    return place;
}

const void *pending_ring_find(const struct pending_ring *ring, uint64_t serial)
{
    if (serial == 0 || ring->place_count == 0)
        return NULL;
    const struct pending *place = place_of(ring, serial);
    return place->serial == serial ? place : NULL;
}

size_t pending_ring_bytes(const struct pending_ring *ring)
{
    size_t used = ring->serial < ring->place_count ? (size_t)ring->serial : ring->place_count;
    return used * ring->place_bytes;
}
