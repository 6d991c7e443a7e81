/* Shared by the programs that compare two runs: hashes of a store's rows and of rankings. Two runs
 * with the same hash have the same bytes. */
#ifndef WEFT_TESTS_HASHES_H
#define WEFT_TESTS_HASHES_H

#include "processors/recommend/rankings/rankings.h"
#include "schemas/draw.h"
#include "state/store.h"
#include "tests/test.h"

static inline uint64_t hash_mix(uint64_t hash, struct bytes bytes)
{
    return hash_join(hash, bytes_hash(bytes));
}

/* ---- rows ---- */

struct row_hasher {
    struct store_visitor visitor; /* first */
    uint64_t hash;                /* of all rows, in the order of the scan */
    uint32_t count;
    uint32_t tables[256]; /* rows by the first byte of their key */
};

static inline enum verdict row_hasher_add(struct store_visitor *self, struct bytes key,
                                          struct bytes value, struct error *error)
{
    struct row_hasher *hasher = (struct row_hasher *)(void *)self;
    (void)error;
    hasher->hash = hash_mix(hash_mix(hasher->hash, key), value);
    hasher->count++;
    if (key.size > 0)
        hasher->tables[(unsigned char)key.at[0]]++;
    return VERDICT_OK;
}

static inline struct row_hasher hash_rows(struct store *store, enum family family)
{
    struct row_hasher hasher = {.visitor.row = row_hasher_add};
    CHECK(store->scan(store, family, bytes_of("", 0), &hasher.visitor, NULL) == VERDICT_OK);
    return hasher;
}

/* Each of the tables, by the first byte of their keys, must have rows. */
static inline void check_tables(const struct row_hasher *hasher, const char *tables)
{
    for (const char *table = tables; *table; table++)
        CHECK_SAY(hasher->tables[(unsigned char)*table] > 0, "no rows of '%c'", *table);
}

/* ---- rankings ---- */

struct ranking_hasher {
    struct rankings_sink sink; /* first */
    struct buffer record;
    uint64_t hash; /* of all records, in their order */
    uint32_t count;
};

static inline bool ranking_hasher_add(struct rankings_sink *self, const struct ranking *ranking)
{
    struct ranking_hasher *hasher = (struct ranking_hasher *)(void *)self;
    buffer_clear(&hasher->record);
    ranking_write_json(ranking, &hasher->record);
    hasher->hash = hash_mix(hasher->hash, buffer_bytes(&hasher->record));
    hasher->count++;
    return true;
}

static inline struct ranking_hasher hash_rankings(const struct model *model,
                                                  const struct rankings_inputs *inputs)
{
    struct rankings_view view = {0};
    struct ranking_hasher hasher = {.sink.ranking = ranking_hasher_add};
    rankings_collect(&view, model, 1, inputs->settings);
    rankings_build(&view, inputs, &hasher.sink);
    rankings_release(&view);
    buffer_release(&hasher.record);
    return hasher;
}

#endif
