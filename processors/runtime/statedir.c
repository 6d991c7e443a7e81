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
        return error_set(error, VERDICT_FATAL, "state.dir %s can't be made: %s", path,
                         strerror(errno));
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
        return error_set(error, VERDICT_FATAL, "%s can't be written: %s", path, strerror(errno));
    if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
        close(lock);
        return error_set(error, VERDICT_FATAL,
                         "another process uses state.dir %s; give each its own", config->state_dir);
    }
    *ret_lock = lock;
    return VERDICT_OK;
}

/* The static member's name: configured, or drawn once and stored beside the state. */
static enum verdict name_instance(const struct config *config, char *ret_name, struct error *error)
{
    char path[PATH_BYTES_MAX];
    if (config->instance_id[0]) {
        snprintf(ret_name, CONFIG_TEXT_MAX, "%s", config->instance_id);
        return VERDICT_OK;
    }
    part_path(config, "instance.id", path);
    FILE *file = fopen(path, "r");
    bool found = file && fgets(ret_name, 64, file);
    if (file)
        fclose(file);
    if (found)
        ret_name[strcspn(ret_name, "\n")] = '\0';
    if (found && ret_name[0])
        return VERDICT_OK;
    uint64_t drawn;
    if (getrandom(&drawn, sizeof drawn, 0) != sizeof drawn)
        return error_set(error, VERDICT_FATAL, "the system gives no random number");
    snprintf(ret_name, CONFIG_TEXT_MAX, "%016llx", (unsigned long long)drawn);
    file = fopen(path, "w");
    bool good = file && fprintf(file, "%s\n", ret_name) > 0;
    if (file)
        good = fclose(file) == 0 && good;
    if (!good)
        return error_set(error, VERDICT_FATAL, "%s can't be written: %s", path, strerror(errno));
    return VERDICT_OK;
}

static enum verdict open_part(const struct config *config, const char *part,
                              struct store **ret_store, struct error *error)
{
    char path[PATH_BYTES_MAX];
    struct error why = {0};
    part_path(config, part, path);
    enum verdict verdict = store_rocksdb_open(path, false, ret_store, &why);
    if (verdict == VERDICT_RETRY) {
        log_line(LOG_LEVEL_WARN, "state", "%s; it is deleted and rebuilt from Kafka", why.message);
        error_clear(&why);
        verdict = store_rocksdb_remove(path, &why);
        if (verdict == VERDICT_OK)
            verdict = store_rocksdb_open(path, false, ret_store, &why);
    }
    return verdict == VERDICT_OK ? verdict : error_set(error, VERDICT_FATAL, "%s", why.message);
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
