/* Queries: what visitors viewed, put in the cart and bought after a search, by the normalised term
 * of the search. A part of the model: processors/queries.c folds it,
 * recommend/search/query_history.h reads it. Calls schemas/ and state/store.
 *
 * A second table of this form holds what visitors of a channel took. Its "queries" are the names of
 * channels (processors/channels.c, recommend/candidates/channel_popularity.h).
 *
 *     by_text   "wool coat" --------------+           hash_index: text -> number of the row
 *                                         v
 *     rows[]    { text, total, base, entries }
 *                                       |
 *                                       +--> { item, weight } { item, weight } ...  heaviest first
 *
 *     by_word   "coat" -------------------+           hash_index: word -> number in words[]
 *                                         v
 *     words[]   { hash, numbers of rows with the word, ascending }
 *
 * Sums have forward decay (state/model.h), relative to the row's `base`. A row has room for
 * `entries_max` items. A new item replaces the lightest one of a full row with probability
 * w / (w + w_min). Draws follow from the log's record, so the same log gives the same table. A
 * query has one number as long as it lives. The words follow from the rows and are not stored.
 *
 * A query is on probation until a second visitor takes an item after it (state/number_queue.h).
 * When there are `queries_max`, a new query takes the place of the oldest on probation, as long as
 * probation_share() of them are. Otherwise it takes the place of the lightest of QUERY_SAMPLE drawn
 * ones that have more visitors. So invented terms push out each other, whatever they weigh.
 *
 * Rows of FAMILY_MODEL, little endian in values, big endian in keys:
 *
 *     'k' query(4)   size(1) text, total(8) base(4) count(4), then item(4) weight(8) x count,
 *                    and on probation: visitor(8) serial(8)
 *     'c' channel(4) the same
 *
 * Threads: as the model's. */
#ifndef WEFT_STATE_QUERIES_H
#define WEFT_STATE_QUERIES_H

#include "schemas/hash_index.h"
#include "state/decay.h"
#include "state/item_state.h"
#include "state/model_tables.h"
#include "state/number_queue.h"
#include "state/store.h"

#define QUERY_NONE UINT32_MAX
#define QUERY_TEXT_MAX 255
#define QUERY_SAMPLE 16
#define QUERY_BASE_RANGE 30 /* half-lives that a row's numbers go past its base */

struct queries_limits {
    uint32_t queries_max; /* rows; 0: the table stays empty */
    uint32_t entries_max; /* items of a row */
};

struct query_entry {
    uint32_t item;
    double weight; /* sum of units * m * 2^(k - base) */
};

struct query_row {
    char *text;
    uint8_t size;
    bool dirty;
    int32_t base;
    double total; /* of all weights that came, also of entries that fell out */
    uint32_t count, capacity;
    struct query_entry *entries; /* heaviest first */
};

/* The rows whose text has a word. */
struct query_word {
    uint64_t hash;
    uint32_t *at; /* numbers of rows, ascending */
    uint32_t count, capacity;
};

struct queries {
    struct queries_limits limits;
    enum model_table table; /* of its rows */
    struct query_row *rows;
    uint32_t count, capacity;
    struct hash_index by_text; /* -> rows */
    struct query_word *words;
    uint32_t word_count, word_capacity;
    struct hash_index by_word; /* -> words */
    struct number_queue probation;
    uint64_t serial; /* of the newest in `probation`; the model stores it */
    uint32_t *dirty;
    uint32_t dirty_count, dirty_capacity;
    uint64_t evicted, entries_evicted; /* at the bounds, since the start of the process */
    uint64_t unseated;                 /* of the evicted: queries that more than one visitor had */
};

struct queries *queries_new(const struct queries_limits *limits, enum model_table table);
void queries_free(struct queries *queries);

/* An activity that followed a query. */
struct query_activity {
    uint64_t visitor; /* hash of the key; 0: not known, which counts as a second visitor */
    uint32_t item;
    double units;
    struct decay decay; /* g of its time */
    uint64_t chance;    /* 64 random bits that follow from the log's record */
};

/* Adds units * m * 2^k to the item's entry in the row of `text`, which is made if it is new. Leaves
 * out texts that are empty or longer than QUERY_TEXT_MAX, and weights that are too old to count.
 * Thread: writer. */
void queries_add(struct queries *queries, struct bytes text, const struct query_activity *activity);
/* Removes evicted items from the queries `from` to `to` - 1. Thread: writer. */
void queries_sweep(struct queries *queries, const uint8_t *states, uint32_t from, uint32_t to);

/* The number of the row; QUERY_NONE: there is none. */
uint32_t queries_find(const struct queries *queries, struct bytes text);
static inline struct bytes query_text(const struct query_row *row)
{
    return bytes_of(row->text, row->size);
}
/* The rows that have the word; NULL: none. */
const struct query_word *queries_word(const struct queries *queries, struct bytes word);
/* Cuts the next word off a text whose words are separated by spaces. False: there is none. */
bool query_next_word(struct bytes *text, struct bytes *ret_word);

/* Puts the rows that changed since the last call into the batch. Thread: writer. */
void queries_save(struct queries *queries, struct store_batch *batch);
/* Loads one stored row of the table; rows come in the order of their numbers. SKIP: damaged. */
enum verdict queries_load_row(struct queries *queries, uint32_t item_count, struct bytes key,
                              struct bytes value);
/* After the last row. `old`: they are of MODEL_FORMAT 1, which had no probation; then all are on
 * it. SKIP: the queue is damaged. */
enum verdict queries_loaded(struct queries *queries, bool old);

/* Bytes of memory. */
size_t queries_bytes(const struct queries *queries);

#endif
