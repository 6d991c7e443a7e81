/* The tables of FAMILY_MODEL: the first byte of a row's key names its table. The bytes are on disk,
 * in snapshots and in seed models: a letter never changes its meaning. Calls schemas/.
 *
 *     key = table(1)                         a table of one row
 *         | table(1) number(4)               a table of rows by number: item, place, query, ...
 *         | table(1) pair row(1) item(4)     MODEL_TABLE_PAIRS alone
 *
 * Numbers in keys are big endian, so that a scan goes by number. */
#ifndef WEFT_STATE_MODEL_TABLES_H
#define WEFT_STATE_MODEL_TABLES_H

#include "schemas/byte_order.h"
#include "schemas/bytes.h"

enum model_table {
    MODEL_TABLE_FORMAT = 'm',        /* one row; state/model_store.h */
    MODEL_TABLE_ROOM = 'a',          /* one row; state/model_store.h */
    MODEL_TABLE_STATES = 'b',        /* by item; state/model_store.h */
    MODEL_TABLE_ITEMS = 'i',         /* by item; state/model_store.h */
    MODEL_TABLE_COUNTS = 's',        /* by item; state/model_store.h */
    MODEL_TABLE_PAIRS = 'r',         /* by pair row and item; state/model_store.h */
    MODEL_TABLE_ENCODER = 'e',       /* one row; state/vectors.h */
    MODEL_TABLE_VECTORS = 'p',       /* by place; state/vectors.h */
    MODEL_TABLE_SAMPLES = 'q',       /* by chunk; state/vectors.h */
    MODEL_TABLE_SESSION_COUNT = 't', /* one row; state/session_memory.h */
    MODEL_TABLE_SESSIONS = 'u',      /* by chunk; state/session_memory.h */
    MODEL_TABLE_QUERIES = 'k',       /* by query; state/queries.h */
    MODEL_TABLE_CHANNELS = 'c',      /* by channel; state/queries.h */
    MODEL_TABLE_TRENDS = 'h',        /* by item, and one row for the clock; state/trends.h */
    MODEL_TABLE_WEIGHTS = 'w',       /* one row; state/weights.h */
    MODEL_TABLE_CART_WEIGHTS = 'v',  /* one row; state/weights.h */
};

#define MODEL_KEY_BYTES_MAX 6

/* The key of a table's only row. `to` has room for MODEL_KEY_BYTES_MAX. */
static inline struct bytes model_key(char *to, enum model_table table)
{
    to[0] = (char)table;
    return bytes_of(to, 1);
}

/* The key of row `number` of a table; likewise. */
static inline struct bytes model_numbered_key(char *to, enum model_table table, uint32_t number)
{
    to[0] = (char)table;
    put_be(to + 1, number, 4);
    return bytes_of(to, 5);
}

/* The number in a key of 5 bytes or more: its last four. */
static inline uint32_t model_key_number(struct bytes key)
{
    return (uint32_t)get_be(key.at + key.size - 4, 4);
}

#endif
