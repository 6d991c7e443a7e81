/* The store on disk. The only file that includes RocksDB.
 *
 * Not one database a partition: RocksDB's C API has no write buffer manager that many could share.
 * The log is written but not synced at each batch: a crash of the process loses nothing, a crash of
 * the machine loses what the changelog brings back. */
#include "state/store.h"

#include <rocksdb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define WRITE_BUFFER_BYTES ((size_t)32 << 20)
#define BLOCK_CACHE_BYTES ((size_t)64 << 20)
#define WAL_BYTES_MAX ((uint64_t)256 << 20)
#define READ_ONLY_TRIES_MAX 50
#define READ_ONLY_PAUSE_US 20000

static const char *const family_names[FAMILIES + 1] = {"visitor", "model", "offsets", "catalogue",
                                                       "default"};

struct rocksdb_store {
    struct store store;
    char *path;
    rocksdb_t *db;
    rocksdb_options_t *options;
    rocksdb_block_based_table_options_t *table_options;
    rocksdb_cache_t *cache;
    rocksdb_writeoptions_t *write_options;
    rocksdb_readoptions_t *read_options;
    rocksdb_column_family_handle_t *families[FAMILIES + 1];
};

static struct rocksdb_store *self_of(struct store *store)
{
    return (struct rocksdb_store *)(void *)store;
}

/* Takes RocksDB's message over. */
static enum verdict fail(const struct rocksdb_store *self, const char *what, char *message,
                         struct error *error)
{
    enum verdict verdict =
        error_set(error, VERDICT_FATAL, "%s %s: %s", what, self->path, message);
    rocksdb_free(message);
    return verdict;
}

static enum verdict rocksdb_get_row(struct store *store, enum family family, struct bytes key,
                                    struct buffer *value, struct error *error)
{
    struct rocksdb_store *self = self_of(store);
    char *message = NULL;
    rocksdb_pinnableslice_t *slice = rocksdb_get_pinned_cf(
        self->db, self->read_options, self->families[family], key.at, key.size, &message);
    if (message)
        return fail(self, "can't read", message, error);
    if (slice == NULL)
        return VERDICT_SKIP;
    size_t size;
    const char *at = rocksdb_pinnableslice_value(slice, &size);
    buffer_append(value, at, size);
    rocksdb_pinnableslice_destroy(slice);
    return VERDICT_OK;
}

/* The first key behind all that start with `prefix`: its last byte below 0xFF is raised. */
static struct bytes prefix_end(struct bytes prefix, char *to)
{
    memcpy(to, prefix.at, prefix.size);
    size_t size = prefix.size;
    while (size > 0 && (unsigned char)to[size - 1] == 0xFF)
        size--;
    if (size > 0)
        to[size - 1]++;
    return bytes_of(to, size);
}

static enum verdict rocksdb_write_batch(struct store *store, const struct store_batch *batch,
                                        struct error *error)
{
    struct rocksdb_store *self = self_of(store);
    rocksdb_writebatch_t *writes = rocksdb_writebatch_create();
    struct store_change change;
    for (size_t at = 0; batch_next(batch, &at, &change);) {
        rocksdb_column_family_handle_t *family = self->families[change.family];
        if (change.change == CHANGE_PUT) {
            rocksdb_writebatch_put_cf(writes, family, change.key.at, change.key.size,
                                      change.value.at, change.value.size);
        } else if (change.change == CHANGE_DELETE) {
            rocksdb_writebatch_delete_cf(writes, family, change.key.at, change.key.size);
        } else {
            char end[PREFIX_BYTES_MAX];
            struct bytes behind = prefix_end(change.key, end);
            rocksdb_writebatch_delete_range_cf(writes, family, change.key.at, change.key.size,
                                               behind.at, behind.size);
        }
    }
    char *message = NULL;
    rocksdb_write(self->db, self->write_options, writes, &message);
    rocksdb_writebatch_destroy(writes);
    return message ? fail(self, "can't write to", message, error) : VERDICT_OK;
}

static enum verdict rocksdb_scan(struct store *store, enum family family, struct bytes prefix,
                                 struct store_visitor *visitor, struct error *error)
{
    struct rocksdb_store *self = self_of(store);
    rocksdb_iterator_t *it =
        rocksdb_create_iterator_cf(self->db, self->read_options, self->families[family]);
    enum verdict verdict = VERDICT_OK;
    for (rocksdb_iter_seek(it, prefix.size ? prefix.at : "", prefix.size);
         verdict == VERDICT_OK && rocksdb_iter_valid(it); rocksdb_iter_next(it)) {
        struct bytes key, value;
        key.at = rocksdb_iter_key(it, &key.size);
        if (key.size < prefix.size || (prefix.size && memcmp(key.at, prefix.at, prefix.size) != 0))
            break;
        value.at = rocksdb_iter_value(it, &value.size);
        verdict = visitor->row(visitor, key, value, error);
    }
    char *message = NULL;
    rocksdb_iter_get_error(it, &message);
    rocksdb_iter_destroy(it);
    return message ? fail(self, "can't read", message, error) : verdict;
}

static enum verdict rocksdb_sync(struct store *store, struct error *error)
{
    struct rocksdb_store *self = self_of(store);
    char *message = NULL;
    rocksdb_flush_wal(self->db, 1, &message);
    return message ? fail(self, "can't sync", message, error) : VERDICT_OK;
}

/* Handles go before the database: Debian's build asserts it. */
static void rocksdb_store_free(struct store *store)
{
    if (store == NULL)
        return;
    struct rocksdb_store *self = self_of(store);
    for (int i = 0; i <= FAMILIES; i++)
        if (self->families[i])
            rocksdb_column_family_handle_destroy(self->families[i]);
    if (self->db) {
        rocksdb_cancel_all_background_work(self->db, 1);
        rocksdb_close(self->db);
    }
    rocksdb_writeoptions_destroy(self->write_options);
    rocksdb_readoptions_destroy(self->read_options);
    rocksdb_options_destroy(self->options);
    rocksdb_block_based_options_destroy(self->table_options);
    rocksdb_cache_destroy(self->cache);
    free(self->path);
    free(self);
}

static void set_options(struct rocksdb_store *self)
{
    self->options = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(self->options, 1);
    rocksdb_options_set_create_missing_column_families(self->options, 1);
    rocksdb_options_set_write_buffer_size(self->options, WRITE_BUFFER_BYTES);
    rocksdb_options_set_max_total_wal_size(self->options, WAL_BYTES_MAX);
    rocksdb_options_set_max_open_files(self->options, 500);
    rocksdb_options_set_keep_log_file_num(self->options, 2);
    rocksdb_options_set_compression(self->options, rocksdb_lz4_compression);
    self->cache = rocksdb_cache_create_lru(BLOCK_CACHE_BYTES);
    self->table_options = rocksdb_block_based_options_create();
    rocksdb_block_based_options_set_block_cache(self->table_options, self->cache);
    rocksdb_block_based_options_set_filter_policy(self->table_options,
                                                  rocksdb_filterpolicy_create_bloom_full(10));
    rocksdb_options_set_block_based_table_factory(self->options, self->table_options);
    self->write_options = rocksdb_writeoptions_create();
    self->read_options = rocksdb_readoptions_create();
}

enum verdict store_rocksdb_open(const char *path, bool read_only, struct store **ret_store,
                                struct error *error)
{
    struct rocksdb_store *self = memory_zero(1, sizeof *self);
    self->store = (struct store){
        .get = rocksdb_get_row,
        .write = rocksdb_write_batch,
        .scan = rocksdb_scan,
        .sync = rocksdb_sync,
        .free = rocksdb_store_free,
    };
    self->path = memory_text(bytes_text(path));
    set_options(self);
    const rocksdb_options_t *options[FAMILIES + 1];
    for (int i = 0; i <= FAMILIES; i++)
        options[i] = self->options;
    char *message = NULL;
    if (read_only) /* holds all files, which the writer may delete at any time */
        rocksdb_options_set_max_open_files(self->options, -1);
    for (int tries = 0; read_only && self->db == NULL && tries < READ_ONLY_TRIES_MAX; tries++) {
        if (message) { /* the writer was putting files together just now */
            rocksdb_free(message);
            message = NULL;
            usleep(READ_ONLY_PAUSE_US);
        }
        self->db = rocksdb_open_for_read_only_column_families(self->options, path, FAMILIES + 1,
                                                              family_names, options,
                                                              self->families, 0, &message);
    }
    if (!read_only)
        self->db = rocksdb_open_column_families(self->options, path, FAMILIES + 1, family_names,
                                                options, self->families, &message);
    if (message) {
        bool locked = strstr(message, "lock") != NULL;
        error_set(error, VERDICT_FATAL,
                  locked ? "another process uses %s (%s); give each its own state.dir"
                         : "can't open %s: %s; if the folder is damaged, delete it: the state is "
                           "rebuilt from Kafka",
                  path, message);
        rocksdb_free(message);
        rocksdb_store_free(&self->store);
        return VERDICT_FATAL;
    }
    *ret_store = &self->store;
    return VERDICT_OK;
}
