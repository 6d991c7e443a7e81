/* The contract of a store: ordered keys and values in families, written only in atomic batches.
 * There are two: RocksDB (store_rocksdb.c) and memory (store_memory.c). Calls schemas/.
 *
 * Keys of the families:
 *
 *     FAMILY_VISITOR   partition(2, BE) visitor key          value: see state/visitor_codec.h
 *     FAMILY_MODEL     table(1) ...                          see state/model_tables.h
 *     FAMILY_CATALOGUE table(1) ...                          see state/catalogue_store.h
 *     FAMILY_OFFSETS   table(1) partition(4, BE) topic       value: next offset (8, LE)
 *
 * A process has two stores on disk. One has the visitors and the offsets of the inputs. The other
 * has the model: its large writes would delay the small ones of the visitors.
 *
 * A batch holds new values together with the offsets that they belong to. So the store can be
 * recovered: it is never ahead of Kafka, and it knows how far it is behind.
 *
 * Threads: get, write and condemn are for any thread. scan, sync and free are for the thread that
 * owns the store; a scan of the store in memory needs that nobody writes. */
#ifndef WEFT_STATE_STORE_H
#define WEFT_STATE_STORE_H

#include "schemas/bytes.h"
#include "schemas/error.h"

enum family { FAMILY_VISITOR, FAMILY_MODEL, FAMILY_OFFSETS, FAMILY_CATALOGUE, FAMILIES };

/* Changes, in order. Zero-initialised is empty. Keys and values are copied. Thread: the owner. */
struct store_batch {
    struct buffer changes;
    uint64_t count;
};

void batch_put(struct store_batch *batch, enum family family, struct bytes key, struct bytes value);
void batch_delete(struct store_batch *batch, enum family family, struct bytes key);
/* Deletes every key of the family that starts with `prefix`: 1 to PREFIX_BYTES_MAX bytes, the first
 * of them below 0xFF. */
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
/* The next change; its slices point into the batch. `at` begins with 0. False: there is none. */
bool batch_next(const struct store_batch *batch, size_t *at, struct store_change *ret_change);

/* Is called for each row, in the order of keys; the slices hold during the call. A verdict other
 * than OK ends the scan, which returns it. */
struct store_visitor {
    enum verdict (*row)(struct store_visitor *self, struct bytes key, struct bytes value,
                        struct error *error);
};

/* Memory of a store on disk, in bytes. */
struct store_memory {
    uint64_t cache;  /* blocks of files, as read */
    uint64_t writes; /* rows that are not in files yet */
    uint64_t tables; /* the indexes and filters of open files */
};

struct store {
    /* Appends the value to the buffer. SKIP: there is no such key. FATAL: it can't be read. */
    enum verdict (*get)(struct store *store, enum family family, struct bytes key,
                        struct buffer *value, struct error *error);
    /* Writes all of the batch or nothing. FATAL: the disk is full and the like. */
    enum verdict (*write)(struct store *store, const struct store_batch *batch,
                          struct error *error);
    /* Visits the rows whose keys start with `prefix`; an empty one: all rows of the family. */
    enum verdict (*scan)(struct store *store, enum family family, struct bytes prefix,
                         struct store_visitor *visitor, struct error *error);
    /* Returns when all that was written is on disk. */
    enum verdict (*sync)(struct store *store, struct error *error);
    /* A row that was read makes no sense: the next opening returns RETRY. `why` is copied. */
    void (*condemn)(struct store *store, const char *why);
    /* NULL: it takes none. Thread: any. */
    struct store_memory (*memory)(struct store *store);
    void (*free)(struct store *store);
};

/* The format of a store on disk. Formats below it lack, of visitors: 1 checksums, 2 preferences,
 * 3 shown items and what the shop declares, 4 the channel, 5 the lines of their orders, 6 the cart,
 * 7 what can be taken back. Formats 5 to 7 are read, and become the newest one when opened for
 * writing. */
#define STORE_FORMAT 8
#define STORE_FORMAT_OLDEST 5

/* Opens or creates the folder. The caller frees the store.
 * FATAL, the error says what to do: another process has it, a newer weft wrote it, or it can't be
 * read or written.
 * SKIP: the disk is full. Nothing is lost; opening it later may succeed.
 * RETRY, the error says what is wrong: it is damaged, half deleted, condemned or of an older
 * format. The caller removes it with store_rocksdb_remove() and opens it again; Kafka has all of
 * it. `read_only` works beside the process that has it; then FATAL stands for SKIP and RETRY. */
enum verdict store_rocksdb_open(const char *path, bool read_only, struct store **ret_store,
                                struct error *error);
/* The same, with bounds of memory; a store that store_rocksdb_open() opens has 64 and 32 MB. */
struct store_bounds {
    uint64_t cache_bytes;  /* blocks of files, as read */
    uint64_t writes_bytes; /* rows that are not in files yet; some more while they are written */
};
enum verdict store_rocksdb_open_within(const char *path, const struct store_bounds *bounds,
                                       struct store **ret_store, struct error *error);
/* Whether a call on this store failed because the disk is full. RocksDB may then refuse all writes
 * until the store is opened again. All that was written before is there. Thread: any. */
bool store_rocksdb_full(struct store *store);
/* Whether the store is condemned, so that the next opening returns RETRY. Thread: any. */
bool store_rocksdb_condemned(const char *path);
/* Deletes the folder and its contents; OK also if there is none. Nobody may have it open. */
enum verdict store_rocksdb_remove(const char *path, struct error *error);

/* An empty store in memory. */
struct store *store_memory_new(void);

/* A row's value on disk is the value and a check of ROW_CHECK_BYTES, which binds it to its family
 * and key. row_check() computes the check. row_open() cuts it off; false: it does not fit. */
#define ROW_CHECK_BYTES 4
void row_check(enum family family, struct bytes key, struct bytes value, char *ret_check);
bool row_open(enum family family, struct bytes key, struct bytes stored, struct bytes *ret_value);

/* Offsets: which record of a topic's partition comes next, and the like. The value is the byte on
 * disk. */
enum offset_table {
    OFFSETS_INPUT = 'i',
    OFFSETS_CHANGELOG = 'c',    /* the visitors' changelog */
    OFFSETS_MODEL = 'm',        /* the interactions log, as far as the model has folded it */
    OFFSETS_CATALOGUE = 'p',    /* the products' topic, and the time at which they were saved */
    OFFSETS_SECOND_LOOKS = 'l', /* a flag: 1 while visitors of a changelog's partition wait for a
                                 * second look at their lists, else 0 */
    OFFSETS_MARK = 'o',         /* of any topic: a record that was read (kafka/topic_mark.h) */
    OFFSETS_PRINT = 'f',        /* a hash of this record */
};

void batch_put_offset(struct store_batch *batch, enum offset_table table, const char *topic,
                      int32_t partition, int64_t offset);
void batch_delete_offset(struct store_batch *batch, enum offset_table table, const char *topic,
                         int32_t partition);
/* SKIP: none is stored. FATAL: the stored one is damaged, or can't be read. */
enum verdict store_get_offset(struct store *store, enum offset_table table, const char *topic,
                              int32_t partition, int64_t *ret_offset, struct error *error);

#endif
