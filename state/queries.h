/* Queries: what visitors viewed, put in the cart and bought after they searched, by the normalised
 * term of the search (interaction.avsc). A part of the model: a fold of the interactions log. The
 * query history reads it (recommend/search/query_history.h). Calls schemas/ and state/store.
 *
 * The same structure, with rows of its own, holds what those take who come by a channel
 * (recommend/candidates/channel_popularity.h): its "queries" are the channels' names.
 *
 * Sums are of forward decay, as the model's (state/model.h). A query keeps its `entries_max`
 * heaviest items: one that is full replaces the lightest with probability w / (w + w_min). When
 * there are `queries_max`, a new query takes the place of the lightest of QUERY_SAMPLE that are
 * drawn; both draws are by a number that follows from the log's record, so that the same log gives
 * the same table. A query keeps its number while it lives. The words' lists follow from the
 * queries, and only these are stored.
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
    uint32_t queries_max; /* 0: none are kept */
    uint32_t entries_max; /* of a query */
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
    double total; /* of all that came, also of entries that fell out */
    uint32_t count, capacity;
    struct query_entry *entries; /* heaviest first: an entry moves up as it grows */
};

/* The queries that have a word. */
struct query_word {
    uint64_t hash;
    uint32_t *at; /* ascending */
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
    uint64_t evicted, entries_evicted; /* what fell out at the bounds */
};

struct queries *queries_new(const struct queries_limits *limits, enum model_table table);
void queries_free(struct queries *queries);

/* Adds units * m * 2^k to the query's item. Texts that are empty or longer than QUERY_TEXT_MAX are
 * left out, and so is what is too old to weigh anything beside the rest. Thread: writer. */
void queries_add(struct queries *queries, struct bytes text, uint32_t item, double units, double m,
                 int32_t k, uint64_t chance);

/* QUERY_NONE: not known. */
uint32_t queries_find(const struct queries *queries, struct bytes text);
static inline struct bytes query_text(const struct query_row *row)
{
    return bytes_of(row->text, row->size);
}
/* The queries that have the word; NULL: none. */
const struct query_word *queries_word(const struct queries *queries, struct bytes word);
/* Cuts the next word off a text whose words have a space between. False: there is none. */
bool query_next_word(struct bytes *text, struct bytes *ret_word);

/* Puts what changed since the last time into the batch. Thread: writer. */
void queries_save(struct queries *queries, struct store_batch *batch);
/* One row of the store whose table is this one's; they come in order. SKIP: damaged. */
enum verdict queries_load_row(struct queries *queries, uint32_t item_count, struct bytes key,
                              struct bytes value);

size_t queries_bytes(const struct queries *queries);

#endif
