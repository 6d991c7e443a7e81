#include "tests/failing_calls.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <rocksdb/c.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct failing_calls failing_calls;
static const FILE *broken; /* a stream of which a read failed */

static bool fails(enum call_kind kind, const char *name)
{
    struct failing_calls *calls = &failing_calls;
    if (calls->kind != kind)
        return false;
    long number = ++calls->count;
    if (calls->nth == 0 || number < calls->nth || (number > calls->nth && !calls->lasts))
        return false;
    if (calls->failed == NULL)
        calls->failed = name;
    return true;
}

static bool file_fails(const char *name)
{
    if (!fails(CALLS_FILE, name))
        return false;
    errno = failing_calls.code;
    return true;
}

/* Declares the real function and the one in its place, which follows. */
#define WRAP(type, name, ...)                                                                      \
    type __real_##name(__VA_ARGS__);                                                               \
    type __wrap_##name(__VA_ARGS__);                                                               \
    type __wrap_##name(__VA_ARGS__)

/* ---- allocations ---- */

WRAP(void *, malloc, size_t size)
{
    return fails(CALLS_ALLOCATION, "malloc") ? NULL : __real_malloc(size);
}

WRAP(void *, calloc, size_t count, size_t size)
{
    return fails(CALLS_ALLOCATION, "calloc") ? NULL : __real_calloc(count, size);
}

WRAP(void *, realloc, void *at, size_t size)
{
    return fails(CALLS_ALLOCATION, "realloc") ? NULL : __real_realloc(at, size);
}

WRAP(void *, aligned_alloc, size_t alignment, size_t size)
{
    return fails(CALLS_ALLOCATION, "aligned_alloc") ? NULL : __real_aligned_alloc(alignment, size);
}

__attribute__((noreturn)) void __real_abort(void);
__attribute__((noreturn)) void __wrap_abort(void);
void __wrap_abort(void)
{
    if (failing_calls.on_abort)
        siglongjmp(*failing_calls.on_abort, 1);
    __real_abort();
}

/* ---- RocksDB ---- */

static bool store_fails(const char *name, char **ret_message)
{
    if (!fails(CALLS_STORE, name))
        return false;
    *ret_message = strdup(failing_calls.message);
    return true;
}

WRAP(rocksdb_t *, rocksdb_open_column_families, const rocksdb_options_t *options, const char *path,
     int count, const char *const *names, const rocksdb_options_t *const *each,
     rocksdb_column_family_handle_t **families, char **message)
{
    if (store_fails("rocksdb_open_column_families", message))
        return NULL;
    return __real_rocksdb_open_column_families(options, path, count, names, each, families,
                                               message);
}

WRAP(rocksdb_pinnableslice_t *, rocksdb_get_pinned_cf, rocksdb_t *db,
     const rocksdb_readoptions_t *options, rocksdb_column_family_handle_t *family, const char *key,
     size_t size, char **message)
{
    if (store_fails("rocksdb_get_pinned_cf", message))
        return NULL;
    return __real_rocksdb_get_pinned_cf(db, options, family, key, size, message);
}

WRAP(char *, rocksdb_get_cf, rocksdb_t *db, const rocksdb_readoptions_t *options,
     rocksdb_column_family_handle_t *family, const char *key, size_t size, size_t *ret_size,
     char **message)
{
    if (store_fails("rocksdb_get_cf", message))
        return NULL;
    return __real_rocksdb_get_cf(db, options, family, key, size, ret_size, message);
}

WRAP(void, rocksdb_put_cf, rocksdb_t *db, const rocksdb_writeoptions_t *options,
     rocksdb_column_family_handle_t *family, const char *key, size_t key_size, const char *value,
     size_t size, char **message)
{
    if (!store_fails("rocksdb_put_cf", message))
        __real_rocksdb_put_cf(db, options, family, key, key_size, value, size, message);
}

WRAP(void, rocksdb_write, rocksdb_t *db, const rocksdb_writeoptions_t *options,
     rocksdb_writebatch_t *writes, char **message)
{
    char *why = NULL;
    bool fault = store_fails("rocksdb_write", &why);
    if (!fault || failing_calls.applied)
        __real_rocksdb_write(db, options, writes, message);
    if (fault)
        *message = why;
}

WRAP(void, rocksdb_iter_get_error, const rocksdb_iterator_t *it, char **message)
{
    if (!store_fails("rocksdb_iter_get_error", message))
        __real_rocksdb_iter_get_error(it, message);
}

WRAP(void, rocksdb_flush_wal, rocksdb_t *db, unsigned char sync, char **message)
{
    if (!store_fails("rocksdb_flush_wal", message))
        __real_rocksdb_flush_wal(db, sync, message);
}

/* ---- files ---- */

WRAP(FILE *, fopen, const char *path, const char *mode)
{
    return file_fails("fopen") ? NULL : __real_fopen(path, mode);
}

static bool is_log(const FILE *file)
{
    return file == stderr || file == stdout;
}

static bool read_fails(FILE *file, const char *name)
{
    if (!file_fails(name))
        return false;
    broken = file;
    return true;
}

WRAP(size_t, fread, void *to, size_t size, size_t count, FILE *file)
{
    return read_fails(file, "fread") ? 0 : __real_fread(to, size, count, file);
}

WRAP(char *, fgets, char *to, int size, FILE *file)
{
    return read_fails(file, "fgets") ? NULL : __real_fgets(to, size, file);
}

WRAP(ssize_t, __getdelim, char **line, size_t *capacity, int delimiter, FILE *file)
{
    return read_fails(file, "getline") ? -1 : __real___getdelim(line, capacity, delimiter, file);
}

WRAP(ssize_t, getline, char **line, size_t *capacity, FILE *file)
{
    return read_fails(file, "getline") ? -1 : __real_getline(line, capacity, file);
}

WRAP(int, ferror, FILE *file)
{
    return file == broken || __real_ferror(file);
}

WRAP(int, feof, FILE *file)
{
    return file != broken && __real_feof(file);
}

WRAP(size_t, fwrite, const void *from, size_t size, size_t count, FILE *file)
{
    return !is_log(file) && file_fails("fwrite") ? 0 : __real_fwrite(from, size, count, file);
}

__attribute__((format(printf, 2, 3))) int __wrap_fprintf(FILE *file, const char *format, ...);
int __wrap_fprintf(FILE *file, const char *format, ...)
{
    if (!is_log(file) && file_fails("fprintf"))
        return -1;
    va_list arguments;
    va_start(arguments, format);
    int size = vfprintf(file, format, arguments);
    va_end(arguments);
    return size;
}

WRAP(int, fflush, FILE *file)
{
    return file_fails("fflush") ? EOF : __real_fflush(file);
}

WRAP(int, fclose, FILE *file)
{
    bool fault = file_fails("fclose");
    int code = errno;
    if (file == broken)
        broken = NULL;
    int result = __real_fclose(file);
    if (fault)
        errno = code;
    return fault ? EOF : result;
}

WRAP(int, fsync, int fd)
{
    return file_fails("fsync") ? -1 : __real_fsync(fd);
}

WRAP(int, rename, const char *from, const char *to)
{
    return file_fails("rename") ? -1 : __real_rename(from, to);
}

WRAP(int, mkdir, const char *path, mode_t mode)
{
    return file_fails("mkdir") ? -1 : __real_mkdir(path, mode);
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, mode_t mode);
int __wrap_open(const char *path, int flags, mode_t mode)
{
    return file_fails("open") ? -1 : __real_open(path, flags, mode);
}

WRAP(int, flock, int fd, int operation)
{
    return file_fails("flock") ? -1 : __real_flock(fd, operation);
}

WRAP(DIR *, opendir, const char *path)
{
    return file_fails("opendir") ? NULL : __real_opendir(path);
}

WRAP(struct dirent *, readdir, DIR *folder)
{
    return file_fails("readdir") ? NULL : __real_readdir(folder);
}

WRAP(ssize_t, getrandom, void *to, size_t size, unsigned flags)
{
    return file_fails("getrandom") ? -1 : __real_getrandom(to, size, flags);
}

/* ---- threads ---- */

WRAP(int, pthread_create, pthread_t *thread, const pthread_attr_t *attributes,
     void *(*body)(void *), void *argument)
{
    return fails(CALLS_THREAD, "pthread_create")
               ? failing_calls.code
               : __real_pthread_create(thread, attributes, body, argument);
}
