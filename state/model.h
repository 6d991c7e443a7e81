/* The model's tables: items, which of them are seen after which, and how popular they are. A fold
 * of the interactions log, held in memory, with RocksDB behind it. Calls schemas/ and state/store.
 *
 * Forward decay (Cormode, Shkapenyuk, Srivastava, Xu 2009, "Forward decay: a practical time decay
 * model for streaming systems"): an event at time t adds g(t) = 2^(t/half_life), and nothing is
 * touched to decay it, since only ratios count. g is rounded to 11 significant bits,
 * m * 2^k with 1024 <= m <= 2048, and a pair at gap j adds 840/j (840 is divisible by 1..8), so
 * that sums are whole numbers: exact in any order, as long as they span less than 53 bits. Each
 * row carries the exponent that its numbers are relative to, `base`.
 *
 * Rows of FAMILY_MODEL (integers little endian in values, big endian in keys):
 *
 *     'i' item(4)               the item_id
 *     's' item(4)               struct item_counts, as drawn in model.c
 *     'r' table(1) item(4)      one row of rules, as drawn in model.c
 *     'm'                       format version
 *     'e' 'p' 'q'               vectors: see state/vectors.h
 *     'h'                       trends: see state/trends.h
 *     'k' 'c'                   queries, and channels: see state/queries.h
 *     't' 'u'                   session memory: see state/session_memory.h
 *     'w'                       the ranker's weights: see state/weights.h
 *
 * Threads: one writer, many readers; the model's owner keeps them apart by model_lock_*(). */
#ifndef WEFT_STATE_MODEL_H
#define WEFT_STATE_MODEL_H

#include "schemas/interaction.h"
#include "state/decay.h"
#include "state/queries.h"
#include "state/session_memory.h"
#include "state/store.h"
#include "state/trends.h"
#include "state/vectors.h"
#include "state/weights.h"

#define MODEL_FORMAT 1
#define ITEM_NONE UINT32_MAX
#define PAIR_UNITS 840 /* a pair at gap j counts PAIR_UNITS / j */

/* Kinds of activity that have rules of their own: the second of a pair is of the same kind. */
enum pair_kind { PAIR_VIEW, PAIR_CART, PAIR_PURCHASE, PAIR_KINDS };
enum pair_direction { PAIR_FORWARD, PAIR_BACKWARD, PAIR_DIRECTIONS };
enum { PAIR_ROWS = (int)PAIR_KINDS * (int)PAIR_DIRECTIONS }; /* of an item */
extern const char *const pair_kind_names[PAIR_KINDS];

/* False: activities of this kind have no rules. */
bool pair_kind_of(enum kind kind, enum pair_kind *ret_rules);

struct row_entry {
    uint32_t item;
    uint32_t last_s;   /* time of the newest pair, seconds since 1970 */
    double weight;     /* sum of m * 840/gap * 2^(k - base) */
    double weight_one; /* of the pairs at gap one alone */
};

struct row {
    double total; /* of all weights that came, also of entries that fell out */
    double total_one;
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
    uint8_t dirty; /* bit per row, bit 7: the counts or the id */
};

#define POPULAR_MAX 100

struct model_limits {
    uint32_t items_max;       /* distinct items; what comes after is not learned, and counted */
    uint32_t row_entries_max; /* of one row */
    int64_t pair_half_life_ms;
    int64_t popular_half_life_ms;
    int64_t quick_half_life_ms; /* of what is trending */
    struct vectors_limits vectors;
    struct session_memory_limits sessions;
    struct queries_limits queries, channels;
    uint32_t encoder_clicks_per_second_max; /* above, a sample of the clicks is learned from */
    uint64_t
        features; /* hash of the ranker's features (recommend/ranking/features.h); 0: no ranker */
};

struct model {
    struct model_limits limits;
    struct model_item *items;
    uint32_t item_count, item_capacity;
    uint32_t *slots; /* hash of the id -> item + 1 */
    uint32_t slot_capacity;
    uint32_t popular[POPULAR_MAX]; /* heaviest first by `recent` */
    uint32_t popular_count;
    struct vectors *vectors;
    struct session_memory *sessions;
    struct queries *queries;
    struct queries *channels; /* what those take who come by them */
    struct trends *trends;
    struct weights *weights; /* the ranker's, merged; zeros until somebody has learned */
    bool weights_dirty;
    uint64_t weights_dropped; /* differences and stored rows: for other features, or too large */
    uint64_t folded;          /* interactions since the start of the process */
    int64_t latest_ms;        /* of all activities that were counted */
    uint64_t items_refused;
    uint64_t entries_evicted;
    uint32_t *dirty;
    uint32_t dirty_count, dirty_capacity;
    struct model_locks *locks;
};

struct model *model_new(const struct model_limits *limits);
void model_free(struct model *model);

/* Readers hold the lock for the length of a list, the writer for a slice of records. */
void model_lock_read(struct model *model);
void model_unlock_read(struct model *model);
void model_lock_write(struct model *model);
void model_unlock_write(struct model *model);

/* ITEM_NONE: not known. */
uint32_t model_find(const struct model *model, struct bytes id);
/* Finds or adds; ITEM_NONE when the model is full. Thread: writer. */
uint32_t model_intern(struct model *model, struct bytes id);

/* Adds `units` (negative takes back) times g to the entry of `item`. A row that is full replaces
 * its weakest entry with probability w / (w + w_min), decided by `chance`. Entries of weight zero
 * go. Thread: writer. */
void model_add(struct model *model, uint32_t owner, enum pair_kind kind,
               enum pair_direction direction, uint32_t item, double units, bool gap_one,
               struct decay decay, int64_t time_ms, uint64_t chance);

/* Counts one activity with the item and keeps the popular ones in order. Thread: writer. */
void model_count(struct model *model, uint32_t item, enum pair_kind kind, struct decay decay,
                 int64_t time_ms);

/* Adds what a worker's ranker has learned: model->weights is then another object. Where a sum would
 * not be finite it is only noted, as folded, and counted as dropped. Thread: writer. */
void model_merge(struct model *model, const struct weights *difference);

/* Puts what changed since the last time into the batch. Thread: writer. */
void model_save(struct model *model, struct store_batch *batch);
/* Reads all rows. FATAL: damaged, or of a newer format. */
enum verdict model_load(struct model *model, struct store *store, struct error *error);
/* The MODEL_FORMAT of the weft that wrote the store's model. SKIP: the store has none, and
 * `ret_format` is 0. Thread: any. */
enum verdict model_stored_format(struct store *store, uint32_t *ret_format, struct error *error);

/* Bytes of memory. */
size_t model_bytes(const struct model *model);

#endif
