/* The model: items, which of them are seen together, and how popular they are. It is a fold of the
 * interactions log, held in memory, with RocksDB behind it (state/model_store.h). Calls schemas/
 * and the tables below.
 *
 *     index    hash of item_id -> item                                schemas/hash_index.h
 *     items    [ item 0 ][ item 1 ] ...                               by number, in the log's order
 *                  |  id      --> "sku-1"
 *                  |  counts      activities by kind; decayed sum; time of the newest
 *                  |  rows[kind][direction]                           3 kinds x 2 directions
 *                  |      total, total_one, base
 *                  |      entries --> [ item 7 ][ item 3 ] ...        heaviest first; 24 bytes each
 *     popular  [ item ] x POPULAR_MAX                                 heaviest first
 *     dirty    [ item ] ...                                           items that a save must write
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
 * The model owns its rows and its tables. Threads: one writer, many readers, kept apart by
 * model_lock_*(). Readers may call what says nothing else; "Thread: writer" is under the write
 * lock. Out of memory ends the process. */
#ifndef WEFT_STATE_MODEL_H
#define WEFT_STATE_MODEL_H

#include "schemas/hash_index.h"
#include "schemas/interaction.h"
#include "state/decay.h"
#include "state/queries.h"
#include "state/session_memory.h"
#include "state/trends.h"
#include "state/vectors.h"
#include "state/weights.h"

#define ITEM_NONE UINT32_MAX
#define PAIR_UNITS 840 /* a pair at gap j counts PAIR_UNITS / j */

/* Kinds of activity that are paired. Both activities of a pair are of the same kind. */
enum pair_kind { PAIR_VIEW, PAIR_CART, PAIR_PURCHASE, PAIR_KINDS };
enum pair_direction { PAIR_FORWARD, PAIR_BACKWARD, PAIR_DIRECTIONS };
enum { PAIR_ROWS = (int)PAIR_KINDS * (int)PAIR_DIRECTIONS }; /* of an item */
extern const char *const pair_kind_names[PAIR_KINDS];

/* False: activities of this kind are not paired. */
bool pair_kind_of(enum kind kind, enum pair_kind *ret_pair);

struct row_entry {
    uint32_t item;
    uint32_t last_s;   /* time of the newest pair, seconds since 1970 */
    double weight;     /* sum of m * 840/gap * 2^(k - base) */
    double weight_one; /* of the pairs at gap one alone */
};

struct row {
    double total;     /* sum of all weights so far, with those of entries that fell out */
    double total_one; /* the same of pairs at gap one */
    int32_t base;
    uint32_t count, capacity;
    struct row_entry *entries; /* heaviest first, roughly: an entry moves up as it grows */
};

struct item_counts {
    uint64_t count[PAIR_KINDS];
    double recent; /* decayed count of all kinds: sum of m * 2^(k - base) */
    int32_t base;
    int64_t last_ms; /* INT64_MIN: never */
};

struct model_item {
    struct bytes id;
    struct item_counts counts;
    struct row rows[PAIR_KINDS][PAIR_DIRECTIONS];
    uint8_t
        dirty; /* ITEM_DIRTY_COUNTS, and 1 << (kind * PAIR_DIRECTIONS + direction) of each row */
};
#define ITEM_DIRTY_COUNTS 0x80u /* counts or id */

#define POPULAR_MAX 100

struct model_limits {
    uint32_t items_max;       /* distinct items; further ones are refused and counted */
    uint32_t row_entries_max; /* of one row */
    int64_t pair_half_life_ms;
    int64_t popular_half_life_ms;
    int64_t quick_half_life_ms; /* of trends */
    struct vectors_limits vectors;
    struct session_memory_limits sessions;
    struct queries_limits queries, channels;
    uint32_t encoder_clicks_per_second_max; /* above it, the encoder learns from a sample */
    uint64_t features; /* hash of the features' names (recommend/ranking); 0: no ranker */
};

struct model {
    struct model_limits limits;
    struct model_item *items;
    uint32_t item_count, item_capacity;
    struct hash_index index;
    uint32_t popular[POPULAR_MAX]; /* heaviest first by `recent` */
    uint32_t popular_count;
    struct vectors *vectors;
    struct session_memory *sessions;
    struct queries *queries;
    struct queries *channels; /* items popular in a channel */
    struct trends *trends;
    struct weights *weights; /* the ranker's, merged over all workers; zeros at first */
    bool weights_dirty;
    uint64_t weights_dropped; /* differences and stored rows of other features, or not finite */
    uint64_t folded;          /* interactions since the start of the process */
    int64_t latest_ms;        /* time of the newest activity that was counted */
    uint64_t items_refused;
    uint64_t entries_evicted;
    uint32_t *dirty;
    uint32_t dirty_count, dirty_capacity;
    struct model_locks *locks;
};

struct model *model_new(const struct model_limits *limits);
void model_free(struct model *model);

/* Readers hold the lock while they make one list, the writer for a slice of records. Thread: any.
 */
void model_lock_read(struct model *model);
void model_unlock_read(struct model *model);
void model_lock_write(struct model *model);
void model_unlock_write(struct model *model);

/* The item's number; ITEM_NONE: not known. */
uint32_t model_find(const struct model *model, struct bytes id);
/* Finds or adds; the id is copied. ITEM_NONE: the model is full. Thread: writer. */
uint32_t model_intern(struct model *model, struct bytes id);

/* Adds `units` times g to the entry of `item` in a row of `owner`; negative units take back. A full
 * row replaces its weakest entry with probability w / (w + w_min); `chance`, 64 random bits,
 * decides. Entries of weight zero go. Thread: writer. */
void model_add(struct model *model, uint32_t owner, enum pair_kind kind,
               enum pair_direction direction, uint32_t item, double units, bool gap_one,
               struct decay decay, int64_t time_ms, uint64_t chance);

/* Counts one activity with the item and puts it at its place among the popular. Thread: writer. */
void model_count(struct model *model, uint32_t item, enum pair_kind kind, struct decay decay,
                 int64_t time_ms);

/* Adds what a worker's ranker has learned; model->weights is another object afterwards. If a sum
 * would not be finite, the difference is only marked as folded and counted as dropped. Thread:
 * writer. */
void model_merge(struct model *model, const struct weights *difference);

/* Bytes of memory. */
size_t model_bytes(const struct model *model);

/* ---- loading: for model_store.c ---- */

/* Adds an item, which is not there yet, with the next number. Returns it. */
uint32_t model_add_stored(struct model *model, struct bytes id);
/* The item's counts were read: updates what follows from them. */
void model_stored_counts(struct model *model, uint32_t item);

#endif
