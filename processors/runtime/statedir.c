#include "processors/runtime/statedir.h"

#include "processors/runtime/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES_MAX (CONFIG_LONG_MAX + 64)

static const char *const parts[] = {"visitors", "model"};
enum { PARTS = sizeof parts / sizeof parts[0] };

static void part_path(const struct config *config, const char *part, char *to)
{
    snprintf(to, PATH_BYTES_MAX, "%s/%s", config->state_dir, part);
}

/* A full disk passes; the rest needs somebody's hand. `errno` tells which it is. */
static enum verdict fail_file(const char *path, const char *what, struct error *error)
{
    bool full = errno == ENOSPC || errno == EDQUOT;
    return error_set(error, full ? VERDICT_RETRY : VERDICT_FATAL, "%s can't be %s: %s%s", path,
                     what, strerror(errno), full ? "; free space on the disk of state.dir" : "");
}

static enum verdict make_folder(const char *path, struct error *error)
{
    char part[CONFIG_LONG_MAX];
    snprintf(part, sizeof part, "%s", path);
    for (char *at = part + 1; *at; at++) {
        if (*at != '/' || at[1] == '\0')
            continue;
        *at = '\0';
        mkdir(part, 0777);
        *at = '/';
    }
    if (mkdir(part, 0700) != 0 && errno != EEXIST)
        return fail_file(path, "made", error);
    return VERDICT_OK;
}

enum verdict statedir_lock(const struct config *config, int *ret_lock, struct error *error)
{
    char path[PATH_BYTES_MAX];
    enum verdict verdict = make_folder(config->state_dir, error);
    if (verdict != VERDICT_OK)
        return verdict;
    part_path(config, "lock", path);
    int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (lock < 0)
        return fail_file(path, "written", error);
    if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
        close(lock);
        return error_set(error, VERDICT_FATAL,
                         "another process uses state.dir %s; give each its own", config->state_dir);
    }
    *ret_lock = lock;
    return VERDICT_OK;
}

/* SKIP: there is no name yet. A file that can't be read is no reason to draw another name: the
 * group would wait for the old member. */
static enum verdict read_name(const char *path, char *ret_name, struct error *error)
{
    char line[64] = "";
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return errno == ENOENT ? VERDICT_SKIP : fail_file(path, "read", error);
    bool read = fgets(line, sizeof line, file) != NULL || !ferror(file);
    int code = errno;
    fclose(file);
    errno = code;
    if (!read)
        return fail_file(path, "read", error);
    line[strcspn(line, "\n")] = '\0';
    if (line[0] == '\0')
        return VERDICT_SKIP;
    snprintf(ret_name, CONFIG_TEXT_MAX, "%s", line);
    return VERDICT_OK;
}

/* Whole or not at all: half a name would be another member. */
static enum verdict write_name(const char *path, const char *name, struct error *error)
{
    char part[PATH_BYTES_MAX + 8];
    snprintf(part, sizeof part, "%s.part", path);
    FILE *file = fopen(part, "w");
    bool good =
        file && fprintf(file, "%s\n", name) > 0 && fflush(file) == 0 && fsync(fileno(file)) == 0;
    int code = errno;
    if (file && fclose(file) != 0 && good) {
        good = false;
        code = errno;
    }
    if (good && rename(part, path) == 0)
        return VERDICT_OK;
    errno = good ? errno : code;
    return fail_file(path, "written", error);
}

/* The static member's name: configured, or drawn once and stored beside the state. */
static enum verdict name_instance(const struct config *config, char *ret_name, struct error *error)
{
    char path[PATH_BYTES_MAX];
    uint64_t drawn;
    if (config->instance_id[0]) {
        snprintf(ret_name, CONFIG_TEXT_MAX, "%s", config->instance_id);
        return VERDICT_OK;
    }
    part_path(config, "instance.id", path);
    enum verdict verdict = read_name(path, ret_name, error);
    if (verdict != VERDICT_SKIP)
        return verdict;
    if (getrandom(&drawn, sizeof drawn, 0) != sizeof drawn)
        return error_set(error, VERDICT_FATAL, "the system gives no random number");
    snprintf(ret_name, CONFIG_TEXT_MAX, "%016llx", (unsigned long long)drawn);
    return write_name(path, ret_name, error);
}

static enum verdict open_part(const struct config *config, const char *part,
                              struct store **ret_store, struct error *error)
{
    char path[PATH_BYTES_MAX];
    struct error why = {0};
    const struct store_bounds bounds = {.cache_bytes = (uint64_t)config->store_cache_bytes,
                                        .writes_bytes = (uint64_t)config->store_writes_bytes};
    part_path(config, part, path);
    enum verdict verdict = store_rocksdb_open_within(path, &bounds, ret_store, &why);
    if (verdict == VERDICT_RETRY) {
        log_line(LOG_LEVEL_WARN, "state", "%s; it is deleted and rebuilt from Kafka", why.message);
        error_clear(&why);
        verdict = store_rocksdb_remove(path, &why);
        if (verdict == VERDICT_OK)
            verdict = store_rocksdb_open_within(path, &bounds, ret_store, &why);
    }
    if (verdict == VERDICT_OK)
        return verdict;
    return error_set(error, verdict == VERDICT_SKIP ? VERDICT_RETRY : VERDICT_FATAL, "%s",
                     why.message);
}

static enum verdict open_all(const struct config *config, struct statedir *state,
                             struct error *error)
{
    enum verdict verdict = statedir_lock(config, &state->lock, error);
    if (verdict != VERDICT_OK)
        return verdict;
    verdict = name_instance(config, state->instance, error);
    if (verdict != VERDICT_OK)
        return verdict;
    verdict = open_part(config, parts[0], &state->visitors, error);
    if (verdict != VERDICT_OK)
        return verdict;
    return open_part(config, parts[1], &state->model, error);
}

/* A folder of an earlier version, or one that was made for weft, may be open to all. */
static void warn_of_readers(const char *path)
{
    struct stat folder;
    if (stat(path, &folder) == 0 && (folder.st_mode & S_IRWXO) != 0)
        log_line(
            LOG_LEVEL_WARN, "state",
            "every user of this machine can enter state.dir %s, which holds what visitors did; "
            "use chmod o-rwx",
            path);
}

enum verdict statedir_open(const struct config *config, struct statedir *ret_state,
                           struct error *error)
{
    *ret_state = (struct statedir){.lock = -1};
    enum verdict verdict = open_all(config, ret_state, error);
    if (verdict != VERDICT_OK)
        statedir_close(ret_state);
    else
        warn_of_readers(config->state_dir);
    return verdict;
}

void statedir_close(struct statedir *state)
{
    if (state->visitors)
        state->visitors->free(state->visitors);
    if (state->model)
        state->model->free(state->model);
    if (state->lock >= 0)
        close(state->lock);
    *state = (struct statedir){.lock = -1};
}

bool statedir_full(const struct statedir *state)
{
    return (state->visitors && store_rocksdb_full(state->visitors)) ||
           (state->model && store_rocksdb_full(state->model));
}

bool statedir_condemned(const struct config *config)
{
    char path[PATH_BYTES_MAX];
    bool condemned = false;
    for (int i = 0; i < PARTS; i++) {
        part_path(config, parts[i], path);
        condemned = condemned || store_rocksdb_condemned(path);
    }
    return condemned;
}

enum verdict statedir_clear(const struct config *config, bool dry_run,
                            void (*say)(const char *path, bool dry_run), struct error *error)
{
    char path[PATH_BYTES_MAX];
    enum verdict verdict = VERDICT_OK;
    for (int i = 0; i < PARTS && verdict == VERDICT_OK; i++) {
        part_path(config, parts[i], path);
        if (access(path, F_OK) != 0)
            continue;
        say(path, dry_run);
        if (!dry_run)
            verdict = store_rocksdb_remove(path, error);
    }
    return verdict;
}
