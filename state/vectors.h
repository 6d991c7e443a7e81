/* Vectors: one vector for each item, the gates of the session encoder, and a ring of the last
 * clicks. A part of the model: processors/embeddings.c learns them, and
 * recommend/candidates/session_encoder.h reads them. This file holds them in memory and in the
 * store. Calls schemas/ and state/store.
 *
 *     places[item] -----> place                     rows[place]: VECTOR_SIZE floats
 *     items[place] <----- place
 *     ring[]        { target, before, ... }         the last clicks; negatives and replayed samples
 *                                                   are drawn from it
 *     pending[]     { target, before, ... }         clicks of the batch that is not full yet
 *
 * An item gets a place when the fold first learns from it. When all `limits.items_max` places are
 * taken, the hand of a clock looks for a place that was not used since it last came by (Corbato
 * 1968). The item of that place loses its vector; it starts as a new one when it comes again.
 * The place of an item that the model has evicted is free, and taken first.
 *
 * All that learning depends on is here and is stored, counters included. So a fold that stops and
 * is loaded again goes on with the same bits.
 *
 * Rows of FAMILY_MODEL, little endian in values, big endian in keys:
 *
 *     'e'            counters, gates, their sums, pending samples (save_header())
 *     'p' place(4)   item(4) used(1) adagrad(4) inverse_norm(4) vector(4 x VECTOR_SIZE);
 *                    item is 2^32 - 1 where the place is free
 *     'q' chunk(4)   256 samples of the ring, 40 bytes each
 *
 * Threads: as the model's. */
#ifndef WEFT_STATE_VECTORS_H
#define WEFT_STATE_VECTORS_H

#include "schemas/rate_sample.h"
#include "state/item_state.h"
#include "state/store.h"

#define VECTOR_SIZE 64
#define ENCODER_ITEMS 8          /* of a session that count in h */
#define ENCODER_PENDING_MAX 8    /* samples of a batch */
#define VECTOR_SQUARED_MAX 1e12f /* a row whose squared norm reaches this is drawn again */
#define PLACE_NONE UINT32_MAX

struct vectors_limits {
    uint32_t items_max; /* that have a vector; 0: nothing is learned */
    uint32_t ring_max;  /* clicks in the ring */
};

/* A click with the items before it in its session, nearest first. */
struct sample {
    uint32_t target; /* items */
    uint32_t before[ENCODER_ITEMS];
    uint32_t before_count;
};

struct vectors {
    struct vectors_limits limits;
    /* by place */
    float *rows;          /* VECTOR_SIZE each, aligned to 32 bytes */
    float *inverse_norms; /* 1 / |row| */
    float *sums;          /* Adagrad's, one a row */
    uint32_t *items;      /* ITEM_NONE's value (UINT32_MAX): free */
    uint8_t *used;        /* since the clock's hand came by */
    uint8_t *dirty_place;
    uint32_t place_count, place_capacity, hand;
    uint32_t free_count, free_first; /* free places; none is below `free_first` */
    uint32_t loaded_count;           /* places whose rows were loaded */
    uint64_t evicted;                /* since the start of the process */
    /* by item */
    uint32_t *places; /* place + 1; 0: none */
    uint32_t *clicks; /* in the ring */
    uint32_t item_capacity;
    /* the encoder */
    float gates[ENCODER_ITEMS * VECTOR_SIZE];
    float gate_sums[ENCODER_ITEMS * VECTOR_SIZE];
    struct sample *ring;
    uint32_t *targets; /* copies of the ring's targets, side by side, for drawing negatives */
    uint32_t ring_count, ring_next;
    struct sample pending[ENCODER_PENDING_MAX];
    uint32_t pending_count;
    uint64_t steps; /* batches learned; the draws follow from it */
    /* sampling under load */
    uint64_t seen; /* clicks, learned or not */
    struct rate_sample rate;
    /* what the store lacks yet */
    uint8_t *dirty_chunks;
    uint32_t *dirty_places;
    uint32_t dirty_count, dirty_capacity;
    bool dirty;
};

struct vectors *vectors_new(const struct vectors_limits *limits);
void vectors_free(struct vectors *vectors);

/* The item's place; PLACE_NONE: it has no vector. */
static inline uint32_t vectors_find(const struct vectors *vectors, uint32_t item)
{
    return item < vectors->item_capacity ? vectors->places[item] - 1u : PLACE_NONE;
}

/* Finds or makes the item's place and marks it used. A new vector is drawn from `seed` alone, each
 * number about normal with deviation 1/16. PLACE_NONE: limits.items_max is 0. Thread: writer. */
uint32_t vectors_place(struct vectors *vectors, uint32_t item, uint64_t seed);

/* The VECTOR_SIZE floats of a place. They move when a new place is made. */
static inline float *vectors_row(const struct vectors *vectors, uint32_t place)
{
    return vectors->rows + (size_t)place * VECTOR_SIZE;
}

/* Notes that the row changed. `inverse_norm` is 1 / |row|, summed in an order that is always the
 * same. Thread: writer. */
void vectors_changed(struct vectors *vectors, uint32_t place, float inverse_norm);

/* Draws the row again, as vectors_place() does for a new item. Thread: writer. */
void vectors_reset(struct vectors *vectors, uint32_t place, uint64_t seed);

/* Puts a click into the ring; from a full ring the oldest falls out. Thread: writer. */
void vectors_remember(struct vectors *vectors, const struct sample *sample);

/* Removes evicted items from the clicks `from` to `to` - 1 of the ring, and from the pending
 * samples. A click on an evicted item becomes a copy of another click. Thread: writer. */
void vectors_sweep(struct vectors *vectors, const uint8_t *states, uint32_t from, uint32_t to);
/* No click has the item any more: its place is free. Thread: writer. */
void vectors_forget(struct vectors *vectors, uint32_t item);

/* Puts the rows that changed since the last call into the batch. Thread: writer. */
void vectors_save(struct vectors *vectors, struct store_batch *batch);
/* Loads one stored row of 'e', 'p' or 'q'. `item_count`: of the model. SKIP: damaged. */
enum verdict vectors_load_row(struct vectors *vectors, uint32_t item_count, struct bytes key,
                              struct bytes value);
/* After the last row: checks that none is missing, else SKIP. */
enum verdict vectors_loaded(struct vectors *vectors);

/* Bytes of memory. */
size_t vectors_bytes(const struct vectors *vectors);

#endif
