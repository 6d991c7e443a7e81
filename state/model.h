/* The model: items, which of them are seen together, and how popular they are. It is a fold of the
 * interactions log, held in memory, with RocksDB behind it (state/model_store.h). Calls schemas/
 * and the tables below.
 *
 *     index    hash of item_id -> item                                schemas/hash_index.h
 *     items    [ item 0 ][ item 1 ] ...                               by number
 *                  |  id      --> "sku-1"
 *                  |  counts      activities by kind; decayed sum; time of the newest
 *                  |  rows[kind][direction]                           3 kinds x 2 directions
 *                  |      total, total_one, base
 *                  |      entries --> [ item 7 ][ item 3 ] ...        heaviest first; 24 bytes each
 *     popular  [ item ] x POPULAR_MAX                                 heaviest first
 *     dirty    [ item ] ...                                           items that a save must write
 *     probation, evicted                                              queues of numbers
 *     vectors, sessions, queries, channels, trends, weights           each drawn in its own header
 *
 * A row holds the co-occurrence counts of one item: the items after it (forward) or before it
 * (backward) in the same session, by activities of one kind.
 *
 * Forward decay (Cormode, Shkapenyuk, Srivastava, Xu 2009, "Forward decay: a practical time decay
 * model for streaming systems"): an event at time t adds g(t) = 2^(t/half_life), and nothing is
 * touched to decay it, since only ratios count. g is rounded to 11 significant bits,
 * m * 2^k with 1024 <= m <= 2048, and a pair at gap j adds 840/j (840 is divisible by 1..8). So
 * sums are whole numbers: exact in any order, as long as they span less than 53 bits. Each row
 * carries `base`, the exponent that its numbers are relative to.
 *
 * Room for items is bounded by limits.items_max. A new item is on probation until an activity of a
 * second visitor has it. When the model is full, a new id takes the room of the oldest item on
 * probation, as long as probation_share() of the room is on probation. Otherwise it takes the room
 * of an item with more visitors: of ITEM_SAMPLE drawn ones, the one with the least decayed count.
 * So invented ids push out each other, and no id is refused.
 *
 * Only the log decides. The catalogue is folded apart from it, at another pace in each process, so
 * it must not touch the model. A product that one visitor has seen, and that goes, loses that
 * visitor's counts alone: lists still find it by the catalogue.
 *
 * An evicted item keeps its number and its id, since rows, vectors, sessions and queries may still
 * refer to them. Each eviction sweeps a part of all tables and removes such references
 * (state/model_sweep.c); lists may still show the item before. After a whole sweep the number is
 * free for another id, and `renumbered` counts up: caches by number forget them. An evicted item
 * that comes back before that gets its old number.
 *
 * The model owns its rows and its tables. Threads: one writer, many readers, kept apart by
 * model_lock_*(). Readers may call what says nothing else; "Thread: writer" is under the write
 * lock. Out of memory ends the process. */
#ifndef WEFT_STATE_MODEL_H
#define WEFT_STATE_MODEL_H

#include "schemas/hash_index.h"
#include "schemas/interaction.h"
#include "state/decay.h"
#include "state/item_state.h"
#include "state/model_item.h"
#include "state/number_queue.h"
#include "state/queries.h"
#include "state/reused_numbers.h"
#include "state/session_memory.h"
#include "state/trends.h"
#include "state/vectors.h"
#include "state/weights.h"

#define ITEM_NONE UINT32_MAX
#define PAIR_UNITS 840 /* a pair at gap j counts PAIR_UNITS / j */

/* False: activities of this kind are not paired. */
bool pair_kind_of(enum kind kind, enum pair_kind *ret_pair);

#define POPULAR_MAX 100
#define ITEM_SAMPLE 16       /* items that are drawn when one with several visitors must go */
#define SWEEP_STEPS_MIN 4096 /* so a sweep goes on in small steps, also in a small model */

struct model_limits {
    uint32_t items_max;       /* live items; 0: all are refused */
    uint32_t sweep_steps;     /* evictions in a whole sweep; 0: an eighth of items_max, at least
                                 SWEEP_STEPS_MIN */
    uint32_t row_entries_max; /* of one row */
    int64_t pair_half_life_ms;
    int64_t popular_half_life_ms;
    int64_t quick_half_life_ms; /* of trends */
    struct vectors_limits vectors;
    struct session_memory_limits sessions;
    struct queries_limits queries, channels;
    uint32_t encoder_clicks_per_second_max; /* above it, the encoder learns from a sample */
    uint64_t features, cart_features;       /* hashes of the rankers' features; 0: no ranker */
};

struct model {
    struct model_limits limits;
    struct model_item *items; /* by number */
    uint8_t *item_states;     /* by number: enum item_state */
    uint32_t item_count;      /* numbers that were ever in use */
    uint32_t item_capacity;
    uint32_t stored_count;               /* item_count of the model that is loaded */
    uint32_t live_count;                 /* items that are live */
    uint32_t unused_count, unused_first; /* free numbers; none is below `unused_first` */
    struct hash_index index;             /* of live and evicted items */
    struct number_queue probation;       /* live items of one visitor */
    struct number_queue evicted;
    uint64_t serial;     /* of the newest number in the two queues */
    uint32_t sweep_step; /* of the sweep that goes on */
    uint64_t sweep_from; /* it frees the numbers that were evicted before this serial */
    struct reused_numbers reused;
    uint64_t renumbered;           /* sweeps since the start that freed numbers */
    uint32_t popular[POPULAR_MAX]; /* heaviest first by `recent`; ties: model_popular.c */
    uint32_t popular_count;
    struct popular_reserve *reserve; /* the next ones; NULL: not needed yet */
    struct vectors *vectors;
    struct session_memory *sessions;
    struct queries *queries, *channels; /* of searches; items popular in a channel */
    struct trends *trends;
    struct weights *weights, *cart_weights; /* the rankers', merged over all workers */
    bool weights_dirty, cart_weights_dirty;
    uint64_t weights_dropped; /* differences and stored rows of other features, or not finite */
    uint64_t folded;          /* interactions since the start of the process */
    int64_t latest_ms;        /* time of the newest activity that was counted */
    uint64_t items_refused;   /* since the start of the process, as the next three */
    uint64_t items_evicted;
    uint64_t items_unseated; /* of the evicted: items that more than one visitor had */
    uint64_t entries_evicted;
    uint32_t *dirty;
    uint32_t dirty_count, dirty_capacity;
    struct model_locks *locks;
};

struct model *model_new(const struct model_limits *limits);
void model_free(struct model *model);

/* Readers hold the lock while they make one list, the writer during a slice. Thread: any. */
void model_lock_read(struct model *model);
void model_unlock_read(struct model *model);
void model_lock_write(struct model *model);
void model_unlock_write(struct model *model);

/* The item's number, also of an evicted one; ITEM_NONE: not known. */
uint32_t model_find(const struct model *model, struct bytes id);
/* Finds or adds the item of an activity of `visitor`; the id is copied. In a full model this evicts
 * another item. 0: the visitor is not known, which counts as a second one. ITEM_NONE: items_max is
 * 0. Thread: writer. */
uint32_t model_intern(struct model *model, struct bytes id, uint64_t visitor);
/* The item of an interaction: interned if its activity is new, otherwise as model_live(). A change
 * of an evicted item changes nothing. Thread: writer. */
uint32_t model_item_of(struct model *model, const struct interaction *interaction);
/* The number of a live item; ITEM_NONE: it is not known, or evicted. */
uint32_t model_live(const struct model *model, struct bytes id);
/* Puts ITEM_NONE in place of items that are not live: a new id may have pushed out an item that was
 * interned just before it. No number gets another id within ITEMS_INTERNED_MAX calls of
 * model_intern(). */
void model_drop_evicted(const struct model *model, uint32_t *items, uint32_t count);
#define ITEMS_INTERNED_MAX 32

/* Adds `units` times g to the entry of `item` in a row of `owner`; negative units take back. A full
 * row replaces its weakest entry with probability w / (w + w_min); `chance`, 64 random bits,
 * decides. Entries of weight zero go. An entry that fell out takes nothing back but its share of
 * the total; no sum goes below 0. Thread: writer. */
void model_add(struct model *model, uint32_t owner, enum pair_kind kind,
               enum pair_direction direction, uint32_t item, double units, bool gap_one,
               struct decay decay, int64_t time_ms, uint64_t chance);

/* Counts one activity with the item and puts it at its place among the popular. Thread: writer. */
void model_count(struct model *model, uint32_t item, enum pair_kind kind, struct decay decay,
                 int64_t time_ms);

/* Takes back what model_count() counted for an activity of that time. Nothing, if the item has no
 * count of that kind: it was evicted since. Thread: writer. */
void model_uncount(struct model *model, uint32_t item, enum pair_kind kind, struct decay decay);

/* Adds what a worker's ranker has learned. The weights with these features are another object
 * afterwards. A difference whose sum
 * would not be finite only counts as folded and dropped. Thread: writer. */
void model_merge(struct model *model, const struct weights *difference);

/* Bytes of memory: of all; of all but items, sessions and queries; of items `from` to `to` - 1. */
size_t model_bytes(const struct model *model);
size_t model_tables_bytes(const struct model *model);
size_t model_items_bytes(const struct model *model, uint32_t from, uint32_t to);

/* ---- loading: for model_store.c ---- */

/* Adds an item, which is not there yet. Numbers ascend; those between are unused. False: too many
 * are. */
bool model_add_stored(struct model *model, uint32_t item, struct bytes id);
/* The item's counts were read. */
void model_stored_counts(struct model *model, uint32_t item);
/* The item is on probation, or evicted. */
void model_stored_state(struct model *model, uint32_t item, enum item_state state, uint64_t visitor,
                        uint64_t serial);
/* All rows were read. `old`: they are of MODEL_FORMAT 1, which had no probation. Then items with
 * one activity are on it. False: the queues are damaged. */
bool model_stored_items(struct model *model, bool old);

/* ---- for the other files of the model: thread: writer ---- */

/* A save must write these parts of the item: bits of model_item.dirty. */
void model_mark(struct model *model, uint32_t item, uint8_t bits);

bool model_heavier(const struct item_counts *a, const struct item_counts *b);
/* state/model_popular.c: the item's decayed count has grown; or it is zero, as it is evicted. */
void model_popular_count(struct model *model, uint32_t item);
void model_popular_forget(struct model *model, uint32_t item);
/* state/model_popular.c: the item's decayed count has shrunk. */
void model_popular_uncount(struct model *model, uint32_t item);

/* One step of the sweep: removes references to evicted items from a part of each table. At the end
 * of a sweep it frees the numbers that were evicted before it began. */
void model_sweep(struct model *model);

uint32_t model_sweep_steps(const struct model *model); /* of a whole sweep */
/* A hash of the limits that the steps of a sweep depend on. A model that is loaded with other
 * limits begins its sweep again. */
uint64_t model_sweep_key(const struct model *model);

/* Nothing refers to the evicted item any more: its number is free. */
void model_free_number(struct model *model, uint32_t item);

#endif
