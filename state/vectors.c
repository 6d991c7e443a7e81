#include "state/vectors.h"

#include "schemas/array.h"
#include "schemas/draw.h"
#include "state/model_tables.h"

#include <math.h>
#include <stdlib.h>

#define RING_CHUNK 256
#define FREE UINT32_MAX
#define SAMPLE_BYTES 40
#define FIRST_SUM 1e-3f        /* Adagrad's, of a row */
#define FIRST_GATE_SUM 1e-2f   /* of a gate */
#define FIRST_DEVIATION .0625f /* half of 1/sqrt(VECTOR_SIZE) */

struct vectors *vectors_new(const struct vectors_limits *limits)
{
    struct vectors *vectors = memory_zero(1, sizeof *vectors);
    vectors->limits = *limits;
    vectors->rate.second = INT64_MIN;
    float gate = 1;
    for (int p = 0; p < ENCODER_ITEMS; p++, gate *= .6f) {
        for (int k = 0; k < VECTOR_SIZE; k++) {
            vectors->gates[p * VECTOR_SIZE + k] = gate;
            vectors->gate_sums[p * VECTOR_SIZE + k] = FIRST_GATE_SUM;
        }
    }
    if (limits->items_max > 0) {
        vectors->ring = memory_get(limits->ring_max * sizeof *vectors->ring);
        vectors->targets = memory_get(limits->ring_max * sizeof *vectors->targets);
        vectors->dirty_chunks = memory_zero(limits->ring_max / RING_CHUNK + 1, 1);
    }
    return vectors;
}

void vectors_free(struct vectors *vectors)
{
    if (vectors == NULL)
        return;
    free(vectors->rows);
    free(vectors->inverse_norms);
    free(vectors->sums);
    free(vectors->items);
    free(vectors->used);
    free(vectors->dirty_place);
    free(vectors->places);
    free(vectors->clicks);
    free(vectors->ring);
    free(vectors->targets);
    free(vectors->dirty_chunks);
    free(vectors->dirty_places);
    free(vectors);
}

static void reserve_items(struct vectors *vectors, uint32_t item)
{
    uint32_t capacity = vectors->item_capacity;
    ARRAY_RESERVE_ZERO(vectors->places, capacity, item + 1);
    ARRAY_RESERVE_ZERO(vectors->clicks, vectors->item_capacity, item + 1);
}

static void reserve_places(struct vectors *vectors, uint32_t count)
{
    if (count <= vectors->place_capacity)
        return;
    uint32_t old = vectors->place_capacity, capacity = (uint32_t)array_capacity(old, count);
    if (capacity > vectors->limits.items_max)
        capacity = vectors->limits.items_max;
    float *rows = memory_aligned((size_t)capacity * VECTOR_SIZE * sizeof *rows);
    if (old > 0)
        memcpy(rows, vectors->rows, (size_t)old * VECTOR_SIZE * sizeof *rows);
    free(vectors->rows);
    vectors->rows = rows;
    vectors->inverse_norms =
        memory_resize(vectors->inverse_norms, capacity * sizeof *vectors->inverse_norms);
    vectors->sums = memory_resize(vectors->sums, capacity * sizeof *vectors->sums);
    vectors->items = memory_resize(vectors->items, capacity * sizeof *vectors->items);
    vectors->used = memory_resize(vectors->used, capacity);
    vectors->dirty_place = memory_resize(vectors->dirty_place, capacity);
    memset(vectors->items + old, 0xFF, (capacity - old) * sizeof *vectors->items);
    memset(vectors->used + old, 0, capacity - old);
    memset(vectors->dirty_place + old, 0, capacity - old);
    vectors->place_capacity = capacity;
}

static void mark_place(struct vectors *vectors, uint32_t place)
{
    vectors->dirty = true;
    if (vectors->dirty_place[place])
        return;
    vectors->dirty_place[place] = 1;
    ARRAY_RESERVE(vectors->dirty_places, vectors->dirty_capacity, vectors->dirty_count + 1);
    vectors->dirty_places[vectors->dirty_count++] = place;
}

void vectors_changed(struct vectors *vectors, uint32_t place, float inverse_norm)
{
    vectors->inverse_norms[place] = inverse_norm;
    mark_place(vectors, place);
}

/* The smallest of the free places. */
static uint32_t reuse_place(struct vectors *vectors)
{
    while (vectors->items[vectors->free_first] != FREE)
        vectors->free_first++;
    vectors->free_count--;
    return vectors->free_first++;
}

static uint32_t free_place(struct vectors *vectors)
{
    if (vectors->free_count > 0)
        return reuse_place(vectors);
    if (vectors->place_count < vectors->limits.items_max) {
        reserve_places(vectors, vectors->place_count + 1);
        return vectors->place_count++;
    }
    while (vectors->used[vectors->hand]) {
        vectors->used[vectors->hand] = 0;
        mark_place(vectors, vectors->hand);
        vectors->hand = (vectors->hand + 1) % vectors->place_count;
    }
    uint32_t place = vectors->hand;
    vectors->hand = (vectors->hand + 1) % vectors->place_count;
    vectors->places[vectors->items[place]] = 0;
    vectors->evicted++;
    return place;
}

void vectors_reset(struct vectors *vectors, uint32_t place, uint64_t seed)
{
    float *row = vectors_row(vectors, place), squared = 0;
    vectors->sums[place] = FIRST_SUM;
    for (int k = 0; k < VECTOR_SIZE; k++) {
        row[k] = draw_normal(draw_next(&seed)) * FIRST_DEVIATION;
        squared += row[k] * row[k];
    }
    vectors_changed(vectors, place, 1 / sqrtf(squared + 1e-9f));
}

uint32_t vectors_place(struct vectors *vectors, uint32_t item, uint64_t seed)
{
    if (vectors->limits.items_max == 0)
        return PLACE_NONE;
    reserve_items(vectors, item);
    uint32_t place = vectors->places[item] - 1u;
    if (place != PLACE_NONE) {
        if (!vectors->used[place]) {
            vectors->used[place] = 1;
            mark_place(vectors, place);
        }
        return place;
    }
    place = free_place(vectors);
    vectors->places[item] = place + 1;
    vectors->items[place] = item;
    vectors->used[place] = 1;
    vectors_reset(vectors, place, seed);
    return place;
}

void vectors_remember(struct vectors *vectors, const struct sample *sample)
{
    reserve_items(vectors, sample->target);
    uint32_t at = vectors->ring_next;
    if (vectors->ring_count == vectors->limits.ring_max)
        vectors->clicks[vectors->ring[at].target]--;
    else
        vectors->ring_count++;
    vectors->ring[at] = *sample;
    vectors->targets[at] = sample->target;
    vectors->clicks[sample->target]++;
    vectors->ring_next = (at + 1) % vectors->limits.ring_max;
    vectors->dirty_chunks[at / RING_CHUNK] = 1;
    vectors->dirty = true;
}

/* ---- items that the model evicts ---- */

#define COPY_TRIES 8

/* A sample looks back up to the first evicted item. */
static bool cut_sample(struct sample *sample, const uint8_t *states)
{
    for (uint32_t i = 0; i < sample->before_count; i++) {
        if (item_evicted(states, sample->before[i])) {
            sample->before_count = i;
            return true;
        }
    }
    return false;
}

/* Another click of the ring, whose item is not evicted. It is drawn, so that no click is copied
 * often; where most clicks are on evicted items, it is the one before, which was swept already. */
static uint32_t other_click(const struct vectors *vectors, const uint8_t *states, uint32_t at)
{
    uint64_t seed = vectors->seen + at;
    for (int i = 0; i < COPY_TRIES; i++) {
        uint32_t other = draw_below(draw_next(&seed), vectors->ring_count);
        if (!item_evicted(states, vectors->ring[other].target))
            return other;
    }
    if (at > 0)
        return at - 1;
    while (at + 1 < vectors->ring_count && item_evicted(states, vectors->ring[at].target))
        at++;
    return at;
}

static void sweep_click(struct vectors *vectors, const uint8_t *states, uint32_t at)
{
    struct sample *sample = &vectors->ring[at];
    bool evicted = item_evicted(states, sample->target);
    if (evicted) {
        vectors->clicks[sample->target]--;
        *sample = vectors->ring[other_click(vectors, states, at)];
        vectors->targets[at] = sample->target;
        vectors->clicks[sample->target]++;
    }
    if (cut_sample(sample, states) || evicted) {
        vectors->dirty_chunks[at / RING_CHUNK] = 1;
        vectors->dirty = true;
    }
}

static void sweep_pending(struct vectors *vectors, const uint8_t *states)
{
    uint32_t left = 0;
    for (uint32_t i = 0; i < vectors->pending_count; i++) {
        struct sample *sample = &vectors->pending[i];
        vectors->dirty = cut_sample(sample, states) || vectors->dirty;
        if (!item_evicted(states, sample->target) && sample->before_count > 0)
            vectors->pending[left++] = *sample;
    }
    vectors->dirty = vectors->dirty || left < vectors->pending_count;
    vectors->pending_count = left;
}

/* The ring of clicks on evicted items alone starts again. */
static void empty_ring(struct vectors *vectors)
{
    memset(vectors->clicks, 0, vectors->item_capacity * sizeof *vectors->clicks);
    memset(vectors->dirty_chunks, 1, vectors->limits.ring_max / RING_CHUNK + 1);
    vectors->ring_count = vectors->ring_next = 0;
    vectors->dirty = true;
}

void vectors_sweep(struct vectors *vectors, const uint8_t *states, uint32_t from, uint32_t to)
{
    if (vectors->limits.items_max == 0)
        return;
    sweep_pending(vectors, states);
    if (from == 0 && vectors->ring_count > 0 &&
        item_evicted(states, vectors->ring[other_click(vectors, states, 0)].target))
        empty_ring(vectors);
    for (uint32_t at = from; at < to && at < vectors->ring_count; at++)
        sweep_click(vectors, states, at);
}

void vectors_forget(struct vectors *vectors, uint32_t item)
{
    uint32_t place = vectors_find(vectors, item);
    if (place == PLACE_NONE)
        return;
    vectors->places[item] = 0;
    vectors->items[place] = FREE;
    vectors->used[place] = 0;
    vectors->free_count++;
    if (place < vectors->free_first)
        vectors->free_first = place;
    mark_place(vectors, place);
}

/* ---- on disk ---- */

static void put_sample(struct buffer *buffer, const struct sample *sample)
{
    buffer_append(buffer, &sample->target, 4);
    buffer_append(buffer, sample->before, sizeof sample->before);
    buffer_append(buffer, &sample->before_count, 4);
}

static void save_header(const struct vectors *vectors, struct store_batch *batch,
                        struct buffer *value)
{
    char key[MODEL_KEY_BYTES_MAX];
    buffer_clear(value);
    buffer_append(value, &vectors->limits.ring_max, 4);
    buffer_append(value, &vectors->ring_count, 4);
    buffer_append(value, &vectors->ring_next, 4);
    buffer_append(value, &vectors->place_count, 4);
    buffer_append(value, &vectors->hand, 4);
    buffer_append(value, &vectors->steps, 8);
    buffer_append(value, &vectors->seen, 8);
    buffer_append(value, &vectors->rate.second, 8);
    buffer_append(value, &vectors->rate.count, 4);
    buffer_append(value, &vectors->rate.rate, 4);
    buffer_append(value, vectors->gates, sizeof vectors->gates);
    buffer_append(value, vectors->gate_sums, sizeof vectors->gate_sums);
    for (uint32_t i = 0; i < vectors->pending_count; i++)
        put_sample(value, &vectors->pending[i]);
    batch_put(batch, FAMILY_MODEL, model_key(key, MODEL_TABLE_ENCODER), buffer_bytes(value));
}

void vectors_save(struct vectors *vectors, struct store_batch *batch)
{
    struct buffer value = {0};
    char key[MODEL_KEY_BYTES_MAX];
    if (!vectors->dirty)
        return;
    save_header(vectors, batch, &value);
    for (uint32_t i = 0; i < vectors->dirty_count; i++) {
        uint32_t place = vectors->dirty_places[i];
        buffer_clear(&value);
        buffer_append(&value, &vectors->items[place], 4);
        buffer_append(&value, &vectors->used[place], 1);
        buffer_append(&value, &vectors->sums[place], 4);
        buffer_append(&value, &vectors->inverse_norms[place], 4);
        buffer_append(&value, vectors_row(vectors, place), 4 * VECTOR_SIZE);
        batch_put(batch, FAMILY_MODEL, model_numbered_key(key, MODEL_TABLE_VECTORS, place),
                  buffer_bytes(&value));
        vectors->dirty_place[place] = 0;
    }
    vectors->dirty_count = 0;
    for (uint32_t chunk = 0; chunk <= (vectors->limits.ring_max - 1) / RING_CHUNK; chunk++) {
        if (!vectors->dirty_chunks[chunk])
            continue;
        vectors->dirty_chunks[chunk] = 0;
        buffer_clear(&value);
        for (uint32_t i = chunk * RING_CHUNK;
             i < (chunk + 1) * RING_CHUNK && i < vectors->ring_count; i++)
            put_sample(&value, &vectors->ring[i]);
        batch_put(batch, FAMILY_MODEL, model_numbered_key(key, MODEL_TABLE_SAMPLES, chunk),
                  buffer_bytes(&value));
    }
    vectors->dirty = false;
    buffer_release(&value);
}

struct cursor {
    const char *at, *end;
    bool failed;
};

static void take(struct cursor *cursor, void *to, size_t size)
{
    if ((size_t)(cursor->end - cursor->at) < size) {
        cursor->failed = true;
        memset(to, 0, size);
        return;
    }
    memcpy(to, cursor->at, size);
    cursor->at += size;
}

static void take_sample(struct cursor *cursor, uint32_t item_count, struct sample *sample)
{
    take(cursor, &sample->target, 4);
    take(cursor, sample->before, sizeof sample->before);
    take(cursor, &sample->before_count, 4);
    if (sample->target >= item_count || sample->before_count > ENCODER_ITEMS) {
        cursor->failed = true;
        return;
    }
    for (uint32_t i = 0; i < sample->before_count; i++)
        cursor->failed = cursor->failed || sample->before[i] >= item_count;
}

static bool all_finite(const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return false;
    return true;
}

/* Sums of squares, whose roots divide the steps. */
static bool all_positive(const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!(x[i] > 0))
            return false;
    return all_finite(x, n);
}

static enum verdict load_header(struct vectors *vectors, uint32_t item_count, struct cursor *cursor)
{
    uint32_t ring_max, places;
    take(cursor, &ring_max, 4);
    take(cursor, &vectors->ring_count, 4);
    take(cursor, &vectors->ring_next, 4);
    take(cursor, &places, 4);
    take(cursor, &vectors->hand, 4);
    take(cursor, &vectors->steps, 8);
    take(cursor, &vectors->seen, 8);
    take(cursor, &vectors->rate.second, 8);
    take(cursor, &vectors->rate.count, 4);
    take(cursor, &vectors->rate.rate, 4);
    take(cursor, vectors->gates, sizeof vectors->gates);
    take(cursor, vectors->gate_sums, sizeof vectors->gate_sums);
    while (!cursor->failed && cursor->at < cursor->end) {
        if (vectors->pending_count == ENCODER_PENDING_MAX)
            return VERDICT_SKIP;
        take_sample(cursor, item_count, &vectors->pending[vectors->pending_count++]);
    }
    /* With a ring of another size, or fewer places than are taken, learning can't go on. */
    if (cursor->failed || ring_max != vectors->limits.ring_max || vectors->ring_count > ring_max ||
        vectors->ring_next >= ring_max ||
        (vectors->ring_count < ring_max && vectors->ring_next != vectors->ring_count) ||
        places > vectors->limits.items_max || (vectors->hand > 0 && vectors->hand >= places) ||
        !all_finite(vectors->gates, ENCODER_ITEMS * VECTOR_SIZE) ||
        !all_positive(vectors->gate_sums, ENCODER_ITEMS * VECTOR_SIZE))
        return VERDICT_SKIP;
    reserve_places(vectors, places);
    vectors->place_count = places;
    return VERDICT_OK;
}

static bool short_enough(const float *row)
{
    float squared = 0;
    for (int k = 0; k < VECTOR_SIZE; k++)
        squared += row[k] * row[k];
    return squared < VECTOR_SQUARED_MAX;
}

static enum verdict load_place(struct vectors *vectors, uint32_t item_count, uint32_t place,
                               struct cursor *cursor)
{
    if (place >= vectors->place_count)
        return VERDICT_SKIP;
    float *row = vectors_row(vectors, place);
    uint32_t item;
    take(cursor, &item, 4);
    take(cursor, &vectors->used[place], 1);
    take(cursor, &vectors->sums[place], 4);
    take(cursor, &vectors->inverse_norms[place], 4);
    take(cursor, row, 4 * VECTOR_SIZE);
    if (cursor->failed || cursor->at != cursor->end || (item >= item_count && item != FREE) ||
        !short_enough(row) || !isfinite(vectors->sums[place]) || vectors->sums[place] <= 0 ||
        !isfinite(vectors->inverse_norms[place]))
        return VERDICT_SKIP;
    vectors->loaded_count++;
    vectors->free_count += item == FREE;
    if (item == FREE)
        return VERDICT_OK;
    reserve_items(vectors, item);
    if (vectors->places[item] != 0)
        return VERDICT_SKIP;
    vectors->places[item] = place + 1;
    vectors->items[place] = item;
    return VERDICT_OK;
}

static enum verdict load_chunk(struct vectors *vectors, uint32_t item_count, uint32_t chunk,
                               struct cursor *cursor)
{
    uint64_t first = (uint64_t)chunk * RING_CHUNK;
    for (uint64_t i = first; i < first + RING_CHUNK && i < vectors->ring_count; i++) {
        take_sample(cursor, item_count, &vectors->ring[i]);
        if (cursor->failed)
            return VERDICT_SKIP;
        vectors->targets[i] = vectors->ring[i].target;
        reserve_items(vectors, vectors->ring[i].target);
        vectors->clicks[vectors->ring[i].target]++;
    }
    return cursor->at == cursor->end ? VERDICT_OK : VERDICT_SKIP;
}

enum verdict vectors_load_row(struct vectors *vectors, uint32_t item_count, struct bytes key,
                              struct bytes value)
{
    struct cursor cursor = {value.at, value.at + value.size, false};
    if (vectors->limits.items_max == 0)
        return VERDICT_OK; /* switched off since */
    if (key.size == 1 && key.at[0] == MODEL_TABLE_ENCODER)
        return load_header(vectors, item_count, &cursor);
    if (key.size != 5)
        return VERDICT_SKIP;
    uint32_t number = model_key_number(key);
    return key.at[0] == MODEL_TABLE_VECTORS ? load_place(vectors, item_count, number, &cursor)
                                            : load_chunk(vectors, item_count, number, &cursor);
}

enum verdict vectors_loaded(struct vectors *vectors)
{
    uint64_t clicks = 0;
    if (vectors->loaded_count != vectors->place_count)
        return VERDICT_SKIP;
    for (uint32_t item = 0; item < vectors->item_capacity; item++)
        clicks += vectors->clicks[item];
    if (clicks != vectors->ring_count)
        return VERDICT_SKIP;
    return VERDICT_OK;
}

size_t vectors_bytes(const struct vectors *vectors)
{
    size_t place = VECTOR_SIZE * sizeof(float) + 2 * sizeof(float) + sizeof(uint32_t) + 2;
    return sizeof *vectors + vectors->place_count * place + vectors->item_capacity * 8ul +
           vectors->ring_count * (4 + sizeof *vectors->ring) +
           vectors->dirty_capacity * sizeof *vectors->dirty_places;
}
