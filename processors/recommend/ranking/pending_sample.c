#include "processors/recommend/ranking/pending_sample.h"

#include "schemas/array.h"
#include "schemas/draw.h"

#include <stdlib.h>

struct pending_place {
    void *record; /* NULL: the place is free */
    size_t bytes; /* that the record counts */
    uint64_t number;
    double span, deadline;
    uint32_t at; /* its position in the heap */
};

/* A handle is  number of the record (40 bits) | place + 1 (24 bits). */
#define PLACE_BITS 24
#define PLACES_MAX ((1u << PLACE_BITS) - 1)
#define NUMBER_MASK (UINT64_MAX >> PLACE_BITS)

/* A record's place, its number in the heap, and what malloc() adds. */
#define REST_BYTES (sizeof(struct pending_place) + sizeof(uint32_t) + 16)

void pending_sample_init(struct pending_sample *sample, size_t bytes_max)
{
    *sample = (struct pending_sample){.bytes_max = bytes_max};
}

void pending_sample_release(struct pending_sample *sample)
{
    pending_sample_clear(sample);
    free(sample->places);
    free(sample->heap);
    *sample = (struct pending_sample){0};
}

void pending_sample_bound(struct pending_sample *sample, size_t bytes_max)
{
    sample->bytes_max = bytes_max;
}

/* ---- the heap ---- */

static bool is_before(const struct pending_sample *sample, uint32_t a, uint32_t b)
{
    const struct pending_place *x = &sample->places[a], *y = &sample->places[b];
    return x->deadline < y->deadline || (x->deadline <= y->deadline && x->number < y->number);
}

static void put_at(struct pending_sample *sample, uint32_t at, uint32_t place)
{
    sample->heap[at] = place;
    sample->places[place].at = at;
}

/* Moves the place from the free position `at` up or down to where it belongs. */
static void sift(struct pending_sample *sample, uint32_t at, uint32_t place)
{
    while (at > 0 && is_before(sample, place, sample->heap[(at - 1) / 2])) {
        put_at(sample, at, sample->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    for (uint32_t child; (child = 2 * at + 1) < sample->count; at = child) {
        if (child + 1 < sample->count &&
            is_before(sample, sample->heap[child + 1], sample->heap[child]))
            child++;
        if (!is_before(sample, sample->heap[child], place))
            break;
        put_at(sample, at, sample->heap[child]);
    }
    put_at(sample, at, place);
}

static void remove_place(struct pending_sample *sample, uint32_t place)
{
    uint32_t at = sample->places[place].at, last = sample->heap[--sample->count];
    free(sample->places[place].record);
    sample->places[place].record = NULL;
    sample->bytes -= sample->places[place].bytes;
    if (last != place)
        sift(sample, at, last);
    sample->heap[sample->count] = place; /* free from now on */
}

static uint32_t free_place(struct pending_sample *sample)
{
    if (sample->count < sample->made)
        return sample->heap[sample->count];
    uint32_t before = sample->capacity;
    ARRAY_RESERVE(sample->places, sample->capacity, sample->made + 1);
    if (sample->capacity > before)
        sample->heap = memory_resize(sample->heap, sample->capacity * sizeof *sample->heap);
    return sample->made++;
}

/* ---- records ---- */

static double draw(uint64_t visitor_hash, int64_t time_ms)
{
    uint64_t bits = draw_mix(hash_join(visitor_hash, (uint64_t)time_ms));
    return ((double)(bits >> 11) + 1) * 0x1p-53; /* 0 < u <= 1 */
}

/* Drops the records with the smallest deadlines until there is room. False: the new one, with
 * `deadline`, would leave before. */
static bool make_room(struct pending_sample *sample, double deadline, size_t bytes)
{
    while (sample->bytes + bytes > sample->bytes_max || sample->count == PLACES_MAX) {
        double least = sample->count ? sample->places[sample->heap[0]].deadline : deadline;
        if (sample->count == 0 || deadline <= least) {
            sample->threshold = deadline;
            return false;
        }
        sample->threshold = least;
        remove_place(sample, sample->heap[0]);
    }
    return true;
}

void *pending_sample_add(struct pending_sample *sample, uint64_t before, uint64_t visitor_hash,
                         int64_t time_ms, size_t bytes, uint64_t *ret_handle)
{
    *ret_handle = 0;
    pending_sample_drop(sample, before);
    if (bytes + REST_BYTES > sample->bytes_max)
        return NULL;
    double u = draw(visitor_hash, time_ms), n = (double)++sample->number;
    double span = 1 + sample->count / PENDING_SPAN_SHARE;
    double deadline = n + span * (1 / u < PENDING_WEIGHT_MAX ? 1 / u : PENDING_WEIGHT_MAX);
    if (deadline <= sample->threshold || !make_room(sample, deadline, bytes + REST_BYTES))
        return NULL;
    uint32_t place = free_place(sample);
    sample->places[place] = (struct pending_place){
        .record = memory_get(bytes),
        .bytes = bytes + REST_BYTES,
        .number = sample->number & NUMBER_MASK,
        .span = span,
        .deadline = deadline,
    };
    sample->bytes += bytes + REST_BYTES;
    sift(sample, sample->count++, place);
    *ret_handle = (sample->number & NUMBER_MASK) << PLACE_BITS | (place + 1);
    return sample->places[place].record;
}

/* UINT32_MAX: the record is gone. */
static uint32_t place_of(const struct pending_sample *sample, uint64_t handle)
{
    uint32_t place = (uint32_t)(handle & PLACES_MAX) - 1;
    if (handle == 0 || place >= sample->made || sample->places[place].record == NULL ||
        sample->places[place].number != handle >> PLACE_BITS)
        return UINT32_MAX;
    return place;
}

const void *pending_sample_find(const struct pending_sample *sample, uint64_t handle,
                                double *ret_weight)
{
    uint32_t number = place_of(sample, handle);
    if (number == UINT32_MAX)
        return NULL;
    const struct pending_place *place = &sample->places[number];
    double weight = (sample->threshold - (double)place->number) / place->span;
    *ret_weight = weight > 1 ? weight : 1;
    return place->record;
}

void pending_sample_drop(struct pending_sample *sample, uint64_t handle)
{
    uint32_t place = place_of(sample, handle);
    if (place != UINT32_MAX)
        remove_place(sample, place);
}

void pending_sample_clear(struct pending_sample *sample)
{
    while (sample->count > 0)
        remove_place(sample, sample->heap[sample->count - 1]);
}
