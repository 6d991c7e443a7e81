/* The store on disk. The only file that includes RocksDB.
 *
 * The default family holds one row, "format". Each row of weft's families has a checksum of its own
 * beside RocksDB's of its blocks: it covers the value from where it is made to where it is used.
 * All families are flushed together, so that without the logs an earlier state is left, whole.
 *
 * All partitions share one database: RocksDB's C API has no write buffer manager for many. The log
 * is written, but not synced, with each batch. So a crash of the process loses nothing. A crash of
 * the machine loses rows that the changelog brings back. */
#include "state/store.h"

#include "schemas/byte_order.h"

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <rocksdb/c.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct store_bounds usual_bounds = {.cache_bytes = 64 << 20, .writes_bytes = 32 << 20};
#define ORDERED_MIN 1000 /* changes of a batch that are worth sorting */
#define WAL_BYTES_MAX ((uint64_t)256 << 20)
#define READ_ONLY_TRIES_MAX 50
#define READ_ONLY_PAUSE_US 20000
#define FOLDERS_OPEN_MAX 16
#define JOURNAL_NOTHING 5     /* RocksDB's HEADER_LEVEL: above the level of each line it writes */
#define CONDEMNED "CONDEMNED" /* name of a file in the folder; its text says why */
#define FORMAT_KEY "format"
#define FORMAT_BYTES 4

static const char *const family_names[FAMILIES + 1] = {"visitor", "model", "offsets", "catalogue",
                                                       "default"};

struct rocksdb_store {
    struct store store;
    char *path;
    bool read_only;
    atomic_bool full; /* a call failed because the disk is full */
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

static void rocksdb_condemn(struct store *store, const char *why)
{
    struct rocksdb_store *self = self_of(store);
    char path[PATH_MAX];
    if (self->read_only || snprintf(path, sizeof path, "%s/" CONDEMNED, self->path) >= PATH_MAX)
        return;
    FILE *file = fopen(path, "w");
    if (file == NULL)
        return; /* the next start will find the same damage */
    fprintf(file, "%s\n", why);
    fclose(file);
}

/* RocksDB's messages for files that are damaged or missing. */
static bool says_damage(const char *message)
{
    return strncmp(message, "Corruption", 10) == 0 || strstr(message, "No such file") != NULL ||
           strncmp(message, "Invalid argument", 16) == 0 || strstr(message, "does not exist");
}

static bool says_full(const char *message)
{
    return strstr(message, "No space left") || strstr(message, "Disk quota exceeded");
}

/* Advice for the operator, to append to the message; "": none. */
static const char *advice_for(const char *message)
{
    if (says_full(message))
        return "; free space on the disk of state.dir";
    if (strstr(message, "File too large"))
        return "; raise the limit of file sizes (ulimit -f), then start weft again";
    if (strstr(message, "Too many open files"))
        return "; raise the limit of open files (ulimit -n), then start weft again";
    if (strstr(message, "Permission denied") || strstr(message, "Read-only file system"))
        return "; let weft's user write to state.dir";
    return "";
}

/* Takes over the message, which RocksDB allocated. */
static enum verdict fail(struct rocksdb_store *self, const char *what, char *message,
                         struct error *error)
{
    enum verdict verdict = error_set(error, VERDICT_FATAL, "%s %s: %s%s", what, self->path, message,
                                     advice_for(message));
    if (says_full(message))
        atomic_store(&self->full, true);
    else if (says_damage(message))
        rocksdb_condemn(&self->store, message);
    rocksdb_free(message);
    return verdict;
}

bool store_rocksdb_full(struct store *store)
{
    return atomic_load(&self_of(store)->full);
}

static enum verdict fail_row(struct rocksdb_store *self, enum family family, struct error *error)
{
    char why[100];
    snprintf(why, sizeof why, "a row of table '%s' does not fit its checksum",
             family_names[family]);
    rocksdb_condemn(&self->store, why);
    return error_set(error, VERDICT_FATAL, "%s is damaged: %s", self->path, why);
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
    struct bytes found;
    bool good = row_open(family, key, bytes_of(at, size), &found);
    if (good)
        buffer_append(value, found.at, found.size);
    rocksdb_pinnableslice_destroy(slice);
    return good ? VERDICT_OK : fail_row(self, family, error);
}

/* The first key behind all keys that start with `prefix`: adds 1 to its last byte below 0xFF. */
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

static void put_row(rocksdb_writebatch_t *writes, rocksdb_column_family_handle_t *family,
                    const struct store_change *change)
{
    char check[ROW_CHECK_BYTES];
    row_check(change->family, change->key, change->value, check);
    const char *const parts[] = {change->value.at, check};
    const size_t sizes[] = {change->value.size, sizeof check};
    rocksdb_writebatch_putv_cf(writes, family, 1, &change->key.at, &change->key.size, 2, parts,
                               sizes);
}

static void put_change(struct rocksdb_store *self, rocksdb_writebatch_t *writes,
                       const struct store_change *change)
{
    rocksdb_column_family_handle_t *family = self->families[change->family];
    if (change->change == CHANGE_PUT) {
        put_row(writes, family, change);
    } else if (change->change == CHANGE_DELETE) {
        rocksdb_writebatch_delete_cf(writes, family, change->key.at, change->key.size);
    } else {
        char end[PREFIX_BYTES_MAX];
        struct bytes behind = prefix_end(change->key, end);
        rocksdb_writebatch_delete_range_cf(writes, family, change->key.at, change->key.size,
                                           behind.at, behind.size);
    }
}

/* A change with the first bytes of its key as a number, which tell most keys apart. */
struct ordered_change {
    uint64_t head;
    struct store_change change;
};

static int key_order(const void *a, const void *b)
{
    const struct ordered_change *x = a, *y = b;
    if (x->change.family != y->change.family)
        return x->change.family < y->change.family ? -1 : 1;
    if (x->head != y->head)
        return x->head < y->head ? -1 : 1;
    int order = bytes_compare(x->change.key, y->change.key);
    if (order != 0)
        return order;
    /* the values lie in the batch in the order of the changes: the last one must win */
    return (x->change.key.at > y->change.key.at) - (x->change.key.at < y->change.key.at);
}

static uint64_t key_head(struct bytes key)
{
    char head[8] = {0};
    memcpy(head, key.at, key.size < sizeof head ? key.size : sizeof head);
    return get_be(head, sizeof head);
}

/* Takes the changes of a large batch in the order of their keys: RocksDB inserts neighbours in a
 * fraction of the time. False: the batch deletes by prefix, so the order of its changes counts. */
static bool put_in_order(struct rocksdb_store *self, rocksdb_writebatch_t *writes,
                         const struct store_batch *batch)
{
    struct ordered_change *ordered = memory_zero(batch->count, sizeof *ordered);
    uint64_t count = 0;
    bool prefixes = false;
    for (size_t at = 0; !prefixes && batch_next(batch, &at, &ordered[count].change); count++) {
        prefixes = ordered[count].change.change == CHANGE_DELETE_PREFIX;
        ordered[count].head = key_head(ordered[count].change.key);
    }
    if (!prefixes) {
        qsort(ordered, count, sizeof *ordered, key_order);
        for (uint64_t i = 0; i < count; i++)
            put_change(self, writes, &ordered[i].change);
    }
    free(ordered);
    return !prefixes;
}

static enum verdict rocksdb_write_batch(struct store *store, const struct store_batch *batch,
                                        struct error *error)
{
    struct rocksdb_store *self = self_of(store);
    rocksdb_writebatch_t *writes = rocksdb_writebatch_create();
    struct store_change change;
    if (batch->count < ORDERED_MIN || !put_in_order(self, writes, batch))
        for (size_t at = 0; batch_next(batch, &at, &change);)
            put_change(self, writes, &change);
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
        if (row_open(family, key, value, &value))
            verdict = visitor->row(visitor, key, value, error);
        else
            verdict = fail_row(self, family, error);
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

static struct store_memory rocksdb_memory(struct store *store)
{
    struct rocksdb_store *self = self_of(store);
    struct store_memory memory = {0};
    char *message = NULL;
    rocksdb_memory_consumers_t *consumers = rocksdb_memory_consumers_create();
    rocksdb_memory_consumers_add_db(consumers, self->db);
    rocksdb_memory_consumers_add_cache(consumers, self->cache);
    rocksdb_memory_usage_t *usage = rocksdb_approximate_memory_usage_create(consumers, &message);
    if (message == NULL) {
        memory.cache = rocksdb_approximate_memory_usage_get_cache_total(usage);
        memory.writes = rocksdb_approximate_memory_usage_get_mem_table_total(usage);
        memory.tables = rocksdb_approximate_memory_usage_get_mem_table_readers_total(usage);
        rocksdb_approximate_memory_usage_destroy(usage);
    }
    rocksdb_free(message);
    rocksdb_memory_consumers_destroy(consumers);
    return memory;
}

/* Frees the handles before the database: Debian's build asserts it. */
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

/* The families share `writes_bytes`: by themselves each could have as much, twice.
 *
 * RocksDB's journal (LOG) stays empty: on a full disk its second line fails an assertion of
 * Debian's build, which aborts the process. Errors come with the calls that fail. */
static void set_options(struct rocksdb_store *self, const struct store_bounds *bounds)
{
    self->options = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(self->options, 1);
    rocksdb_options_set_create_missing_column_families(self->options, 1);
    rocksdb_options_set_write_buffer_size(self->options, bounds->writes_bytes);
    rocksdb_options_set_db_write_buffer_size(self->options, bounds->writes_bytes);
    rocksdb_options_set_max_total_wal_size(self->options, WAL_BYTES_MAX);
    rocksdb_options_set_max_open_files(self->options, 500);
    rocksdb_options_set_keep_log_file_num(self->options, 1);
    rocksdb_options_set_info_log_level(self->options, JOURNAL_NOTHING);
    rocksdb_options_set_atomic_flush(self->options, 1);
    rocksdb_options_set_compression(self->options, rocksdb_lz4_compression);
    self->cache = rocksdb_cache_create_lru(bounds->cache_bytes);
    self->table_options = rocksdb_block_based_options_create();
    rocksdb_block_based_options_set_block_cache(self->table_options, self->cache);
    rocksdb_block_based_options_set_filter_policy(self->table_options,
                                                  rocksdb_filterpolicy_create_bloom_full(10));
    rocksdb_options_set_block_based_table_factory(self->options, self->table_options);
    self->write_options = rocksdb_writeoptions_create();
    self->read_options = rocksdb_readoptions_create();
}

/* ---- opening ---- */

/* OK: it is not. RETRY, with the reason: it is. FATAL: that can't be told now. */
static enum verdict check_condemned(const char *path, struct error *error)
{
    char file_path[PATH_MAX], why[ERROR_MESSAGE_MAX / 2];
    snprintf(file_path, sizeof file_path, "%s/" CONDEMNED, path);
    FILE *file = fopen(file_path, "r");
    if (file == NULL && (errno == ENOENT || errno == ENOTDIR))
        return VERDICT_OK;
    if (file == NULL)
        return error_set(error, VERDICT_FATAL, "can't open %s: %s", file_path, strerror(errno));
    if (fgets(why, (int)sizeof why, file) == NULL)
        why[0] = '\0';
    why[strcspn(why, "\n")] = '\0';
    fclose(file);
    return error_set(error, VERDICT_RETRY, "%s is damaged: %s", path, why);
}

bool store_rocksdb_condemned(const char *path)
{
    return check_condemned(path, NULL) == VERDICT_RETRY;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

enum verdict store_rocksdb_remove(const char *path, struct error *error)
{
    if (access(path, F_OK) != 0)
        return VERDICT_OK;
    if (nftw(path, remove_entry, FOLDERS_OPEN_MAX, FTW_DEPTH | FTW_PHYS) != 0)
        return error_set(error, VERDICT_FATAL, "%s can't be deleted: %s", path, strerror(errno));
    return VERDICT_OK;
}

/* OK: it has no rows. SKIP: it has some. */
static enum verdict check_empty(struct rocksdb_store *self, struct error *error)
{
    char *message = NULL;
    bool empty = true;
    for (int i = 0; i < FAMILIES && empty && message == NULL; i++) {
        rocksdb_iterator_t *it =
            rocksdb_create_iterator_cf(self->db, self->read_options, self->families[i]);
        rocksdb_iter_seek_to_first(it);
        empty = !rocksdb_iter_valid(it);
        rocksdb_iter_get_error(it, &message);
        rocksdb_iter_destroy(it);
    }
    if (message)
        return fail(self, "can't read", message, error);
    return empty ? VERDICT_OK : VERDICT_SKIP;
}

static enum verdict write_format(struct rocksdb_store *self, struct error *error)
{
    char *message = NULL, value[FORMAT_BYTES];
    put_le(value, STORE_FORMAT, FORMAT_BYTES);
    rocksdb_put_cf(self->db, self->write_options, self->families[FAMILIES], FORMAT_KEY,
                   strlen(FORMAT_KEY), value, sizeof value, &message);
    return message ? fail(self, "can't write to", message, error) : VERDICT_OK;
}

/* Writes the format if the store is new, or of an older format that is read. */
static enum verdict check_format(struct rocksdb_store *self, struct error *error)
{
    char *message = NULL;
    size_t size;
    uint32_t format = 1;
    char *value = rocksdb_get_cf(self->db, self->read_options, self->families[FAMILIES], FORMAT_KEY,
                                 strlen(FORMAT_KEY), &size, &message);
    if (message)
        return fail(self, "can't read", message, error);
    if (value) {
        format = (uint32_t)get_le(value, size < FORMAT_BYTES ? (int)size : FORMAT_BYTES);
        rocksdb_free(value);
    } else {
        enum verdict verdict = check_empty(self, error);
        if (verdict == VERDICT_OK)
            return self->read_only ? VERDICT_OK : write_format(self, error);
        if (verdict != VERDICT_SKIP)
            return verdict;
    }
    if (format > STORE_FORMAT)
        return error_set(error, VERDICT_FATAL,
                         "%s has format %u, this weft knows %d: use the newer weft, or delete the "
                         "folder: the state is rebuilt from Kafka",
                         self->path, format, STORE_FORMAT);
    if (format < STORE_FORMAT_OLDEST)
        return error_set(error, VERDICT_RETRY, "%s has the older format %u, now it is %d",
                         self->path, format, STORE_FORMAT);
    return format < STORE_FORMAT && !self->read_only ? write_format(self, error) : VERDICT_OK;
}

static char *open_read_only(struct rocksdb_store *self, const rocksdb_options_t *const *options)
{
    char *message = NULL;
    rocksdb_options_set_max_open_files(self->options, -1); /* the writer may delete any file */
    for (int tries = 0; self->db == NULL && tries < READ_ONLY_TRIES_MAX; tries++) {
        if (message) { /* the writer was compacting at this moment */
            rocksdb_free(message);
            message = NULL;
            usleep(READ_ONLY_PAUSE_US);
        }
        self->db = rocksdb_open_for_read_only_column_families(self->options, self->path,
                                                              FAMILIES + 1, family_names, options,
                                                              self->families, 0, &message);
    }
    return message;
}

static enum verdict open_database(struct rocksdb_store *self, struct error *error)
{
    char *message = NULL;
    const rocksdb_options_t *options[FAMILIES + 1];
    for (int i = 0; i <= FAMILIES; i++)
        options[i] = self->options;
    enum verdict verdict = self->read_only ? VERDICT_OK : check_condemned(self->path, error);
    if (verdict != VERDICT_OK)
        return verdict;
    if (self->read_only)
        message = open_read_only(self, options);
    else
        self->db = rocksdb_open_column_families(self->options, self->path, FAMILIES + 1,
                                                family_names, options, self->families, &message);
    if (message == NULL)
        return check_format(self, error);
    verdict = says_damage(message) ? VERDICT_RETRY : VERDICT_FATAL;
    if (strstr(message, "not opened")) /* it has families that this weft does not know */
        verdict = error_set(error, VERDICT_FATAL, "%s was written by a newer weft: %s", self->path,
                            message);
    else if (strstr(message, "lock hold by") || strstr(message, "While lock file"))
        verdict = error_set(error, VERDICT_FATAL,
                            "another process uses %s (%s); give each its own state.dir", self->path,
                            message);
    else if (says_full(message))
        return fail(self, "can't open", message, error); /* frees the message */
    else
        error_set(error, verdict, "can't open %s: %s", self->path, message);
    rocksdb_free(message);
    return verdict;
}

static enum verdict open_store(const char *path, bool read_only, const struct store_bounds *bounds,
                               struct store **ret_store, struct error *error)
{
    struct rocksdb_store *self = memory_zero(1, sizeof *self);
    self->store = (struct store){
        .get = rocksdb_get_row,
        .write = rocksdb_write_batch,
        .scan = rocksdb_scan,
        .sync = rocksdb_sync,
        .condemn = rocksdb_condemn,
        .memory = rocksdb_memory,
        .free = rocksdb_store_free,
    };
    self->path = memory_text(bytes_text(path));
    self->read_only = read_only;
    set_options(self, bounds);
    enum verdict verdict = open_database(self, error);
    if (verdict != VERDICT_OK) {
        if (store_rocksdb_full(&self->store))
            verdict = VERDICT_SKIP;
        rocksdb_store_free(&self->store);
        return read_only ? VERDICT_FATAL : verdict;
    }
    *ret_store = &self->store;
    return VERDICT_OK;
}

enum verdict store_rocksdb_open(const char *path, bool read_only, struct store **ret_store,
                                struct error *error)
{
    return open_store(path, read_only, &usual_bounds, ret_store, error);
}

enum verdict store_rocksdb_open_within(const char *path, const struct store_bounds *bounds,
                                       struct store **ret_store, struct error *error)
{
    return open_store(path, false, bounds, ret_store, error);
}
