/* The visitor table: visitors by partition and key. Decoded objects are cached in memory; the store
 * behind them is written once a commit.
 *
 *     entries   [ visitor * ][ visitor * ] ...    dense: removal moves the last one into the gap
 *                  ^                     \
 *     index        hash of partition and key -> entry          schemas/hash_index.h
 *
 *     newest <-> ... <-> oldest                   by last use; eviction begins at the oldest
 *     dirty     [ visitor * ] ...                 changed in this batch, in order of first change
 *     encoded   arena with the dirty ones' new values, until the batch ends
 *
 * A changed object is dirty until it is committed. Dirty objects are never evicted; they do not
 * count for the bound. An abort drops them, so that the next look reads the committed state.
 *
 * One batch:
 *     get -> mark_dirty -> change it ... encode -> batch -> (transaction) -> commit or abort
 *
 * The table owns its objects. Thread: one table belongs to one worker; nothing here is shared. */
#ifndef WEFT_STATE_VISITOR_TABLE_H
#define WEFT_STATE_VISITOR_TABLE_H

#include "state/store.h"
#include "state/visitor.h"

struct visitor_table;

/* `cache_bytes` bounds the memory of clean objects. The store outlives the table. */
struct visitor_table *visitor_table_new(struct store *store, size_t cache_bytes);
void visitor_table_free(struct visitor_table *table);

/* The visitor; one that was never seen is new and empty. The pointer holds until
 * visitor_table_commit(), visitor_table_abort() or visitor_table_forget(). FATAL: the store can't
 * be read, or the row is damaged. */
enum verdict visitor_table_get(struct visitor_table *table, int32_t partition, struct bytes key,
                               struct visitor **ret_visitor, struct error *error);

/* Call it before the visitor is changed. */
void visitor_table_mark_dirty(struct visitor_table *table, struct visitor *visitor);

/* The dirty visitors, in the order in which they became dirty. */
size_t visitor_table_dirty_count(const struct visitor_table *table);
struct visitor *visitor_table_dirty_at(const struct visitor_table *table, size_t index);

/* The new value of a dirty visitor for changelog and store (state/visitor_codec.h). Absent for a
 * blank visitor, whose row goes. Holds until the batch ends. */
struct bytes visitor_table_encode(struct visitor_table *table, struct visitor *visitor);

/* Adds every dirty visitor to the batch; each must be encoded before. */
void visitor_table_batch(struct visitor_table *table, struct store_batch *batch);
/* The batch was written: dirty objects become clean, and the cache is brought under its bound. */
void visitor_table_commit(struct visitor_table *table);
/* The transaction was aborted: dirty objects are dropped. */
void visitor_table_abort(struct visitor_table *table);
/* Another worker owns the partition now: its objects, which must be clean, are dropped. */
void visitor_table_forget(struct visitor_table *table, int32_t partition);

/* Objects in memory, and the bytes of the clean ones. */
size_t visitor_table_count(const struct visitor_table *table);
size_t visitor_table_bytes(const struct visitor_table *table);
/* Bytes of memory of the whole table. Between batches, when no object is dirty. */
size_t visitor_table_memory(const struct visitor_table *table);

#endif
