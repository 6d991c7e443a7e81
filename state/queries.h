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
 * w / (w + w_min). A new query replaces the lightest of QUERY_SAMPLE drawn rows when there are
 * `queries_max`. Both draws follow from the log's record, so the same log gives the same table. A
 * query has one number as long as it lives. The words follow from the rows and are not stored.
 *
 * Rows of FAMILY_MODEL, little endian in values, big endian in keys:
 *
 *     'k' query(4)   size(1) text, total(8) base(4) count(4), then item(4) weight(8) x count
 *     'c' channel(4) the same
 *
 * Threads: as the model's. */
#ifndef WEFT_STATE_QUERIES_H
#define WEFT_STATE_QUERIES_H

#include "schemas/hash_index.h"
#include "state/model_tables.h"
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
    uint32_t *dirty;
    uint32_t dirty_count, dirty_capacity;
    uint64_t evicted, entries_evicted; /* at the bounds, since the start of the process */
};

struct queries *queries_new(const struct queries_limits *limits, enum model_table table);
void queries_free(struct queries *queries);

/* Adds units * m * 2^k to the item's entry in the row of `text`, which is made if it is new. Leaves
 * out texts that are empty or longer than QUERY_TEXT_MAX, and weights that are too old to count.
 * `chance`: 64 bits that look random, for the draws. Thread: writer. */
void queries_add(struct queries *queries, struct bytes text, uint32_t item, double units, double m,
                 int32_t k, uint64_t chance);

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

/* Bytes of memory. */
size_t queries_bytes(const struct queries *queries);

#endif
