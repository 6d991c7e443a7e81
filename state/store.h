/* The store's contract: ordered keys and values in families, written only in atomic batches.
 * Two stores keep it: RocksDB (store_rocksdb.c) and memory (store_memory.c). Calls schemas/.
 *
 * Keys of the families:
 *
 *     FAMILY_VISITOR   partition(2, BE) visitor key          value: visitor.avsc, single-object
 *     FAMILY_MODEL     table(1) ...                          see state/model.h
 *     FAMILY_CATALOGUE table(1) ...                          see state/catalogue.h
 *     FAMILY_OFFSETS   table(1) partition(4, BE) topic       value: next offset (8, LE)
 *
 * A process has two stores on disk: one for visitors and the inputs' offsets, one for the model,
 * whose large writes would hold the visitors' small ones up.
 *
 * A batch holds new values together with the offsets that they stand for; that is what makes the
 * store recoverable: it is never ahead of Kafka, and knows how far it is behind. */
#ifndef WEFT_STATE_STORE_H
#define WEFT_STATE_STORE_H

#include "schemas/bytes.h"
#include "schemas/error.h"

enum family { FAMILY_VISITOR, FAMILY_MODEL, FAMILY_OFFSETS, FAMILY_CATALOGUE, FAMILIES };

/* Changes, in order. Zero-initialised is empty. Keys and values are copied. */
struct store_batch {
    struct buffer changes;
    uint64_t count;
};

void batch_put(struct store_batch *batch, enum family family, struct bytes key, struct bytes value);
void batch_delete(struct store_batch *batch, enum family family, struct bytes key);
/* Every key of the family that starts with `prefix`, which has 1 to PREFIX_BYTES_MAX bytes, the
 * first of them below 0xFF. */
#define PREFIX_BYTES_MAX 64
void batch_delete_prefix(struct store_batch *batch, enum family family, struct bytes prefix);
void batch_clear(struct store_batch *batch);
void batch_release(struct store_batch *batch);

/* One change of a batch, as a store reads it. */
enum change { CHANGE_PUT, CHANGE_DELETE, CHANGE_DELETE_PREFIX };
struct store_change {
    enum change change;
    enum family family;
    struct bytes key;
    struct bytes value;
};
/* `at` starts at 0 and is moved on; false at the end. */
bool batch_next(const struct store_batch *batch, size_t *at, struct store_change *ret_change);

/* Called for each row in the order of keys; slices hold during the call. Anything but OK ends the
 * scan, which returns it. */
struct store_visitor {
    enum verdict (*row)(struct store_visitor *self, struct bytes key, struct bytes value,
                        struct error *error);
};

struct store {
    /* Appends the value. SKIP: there is no such key. FATAL: can't be read. Thread: any. */
    enum verdict (*get)(struct store *store, enum family family, struct bytes key,
                        struct buffer *value, struct error *error);
    /* All of the batch or nothing. FATAL: disk full and the like. Thread: any. */
    enum verdict (*write)(struct store *store, const struct store_batch *batch,
                          struct error *error);
    enum verdict (*scan)(struct store *store, enum family family, struct bytes prefix,
                         struct store_visitor *visitor, struct error *error);
    /* What was written is on disk when this returns. */
    enum verdict (*sync)(struct store *store, struct error *error);
    /* What was read can't be right: the next opening tells so with RETRY. Thread: any. */
    void (*condemn)(struct store *store, const char *why);
    void (*free)(struct store *store);
};

/* The format of what is on disk; 1 had no checksums, 2 no preferences of visitors, 3 nothing
 * of what they were shown and declared, 4 not the channel that they came by. */
#define STORE_FORMAT 5

/* Opens or creates the folder. FATAL, with what to do, when another process has it, when it was
 * written by a newer weft, or when it can't be read or written. RETRY, with what is wrong, when it
 * is damaged, half deleted, condemned or of an older format: store_rocksdb_remove() it and open it
 * again; all of it can be rebuilt from Kafka. Nothing is changed before that. `read_only` works
 * beside the process that has it, and what would be RETRY is FATAL. */
enum verdict store_rocksdb_open(const char *path, bool read_only, struct store **ret_store,
                                struct error *error);
/* Whether the next opening will say RETRY because somebody condemned it. */
bool store_rocksdb_condemned(const char *path);
/* Deletes the folder with all that is in it; fine when there is none. Nobody may have it open. */
enum verdict store_rocksdb_remove(const char *path, struct error *error);
struct store *store_memory_new(void);

/* A row's value as it lies on disk: the value and ROW_CHECK_BYTES that bind it to its family and
 * key. `row_check` makes those; `row_open` is false when they do not fit. */
#define ROW_CHECK_BYTES 4
void row_check(enum family family, struct bytes key, struct bytes value, char *ret_check);
bool row_open(enum family family, struct bytes key, struct bytes stored, struct bytes *ret_value);

/* Offsets: which record of a topic's partition comes next. The value is the byte on disk. */
enum offset_table {
    OFFSETS_INPUT = 'i',
    OFFSETS_CHANGELOG = 'c',    /* the visitors' changelog */
    OFFSETS_MODEL = 'm',        /* the interactions log, as far as the model has folded it */
    OFFSETS_CATALOGUE = 'p',    /* the products' topic, and the time at which they were saved */
    OFFSETS_SECOND_LOOKS = 'l', /* a flag: 1 while visitors of a changelog's partition wait for a
                                 * second look at their lists, else 0 */
};

void batch_put_offset(struct store_batch *batch, enum offset_table table, const char *topic,
                      int32_t partition, int64_t offset);
void batch_delete_offset(struct store_batch *batch, enum offset_table table, const char *topic,
                         int32_t partition);
/* SKIP: none is stored. FATAL: the stored one is damaged, or can't be read. */
enum verdict store_get_offset(struct store *store, enum offset_table table, const char *topic,
                              int32_t partition, int64_t *ret_offset, struct error *error);

#endif
