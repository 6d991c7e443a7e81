/* The copy of the topics that `weft serve` answers from: the newest record of each key, in a store
 * (state/store.h).
 *
 *     FAMILY_MODEL     table(1) key      written(8, LE) record as JSON
 *
 * With lists.early=on, an empty record of COPY_LISTS is a tombstone: it ends the early lists that
 * were written before it.
 *
 * Thread: any; the writer of a table is one. */
#ifndef WEFT_SERVE_COPY_H
#define WEFT_SERVE_COPY_H

#include "processors/runtime/topology.h"
#include "schemas/output_schemas.h"
#include "state/store.h"

enum copy_table {
    COPY_LISTS = 'l',    /* key: visitor */
    COPY_EARLY = 'e',    /* key: visitor; lists ahead of their commit */
    COPY_ITEMS = 'i',    /* key: item_id */
    COPY_RANKINGS = 'r', /* key: see schemas/ranking.h */
    COPY_PRODUCTS = 'p', /* key: item_id */
    COPY_VISITORS,       /* no table here: rows of FAMILY_VISITOR, as those of 'weft run' */
};

/* Appends the record of a key. `ret_written_ms`: its Kafka timestamp; NULL: nobody asks. SKIP:
 * there is none. FATAL: it can't be read. */
enum verdict copy_get(struct store *store, enum copy_table table, struct bytes key,
                      struct buffer *record, int64_t *ret_written_ms, struct error *error);

/* Add to a batch. */
void copy_put(struct store_batch *batch, enum copy_table table, struct bytes key,
              int64_t written_ms, struct bytes record);
void copy_delete(struct store_batch *batch, enum copy_table table, struct bytes key);
/* Deletes all rows of the table. */
void copy_clear(struct store_batch *batch, enum copy_table table);

/* Appends a record of one of weft's output topics as JSON. SKIP, with the reason: it is damaged, or
 * of another schema. Thread: the reader's. */
enum verdict copy_read(struct output_reader *reader, enum output_schema schema, struct bytes record,
                       struct buffer *json, struct arena *arena, struct error *error);

#endif
