/* The folder of local state, state.dir:
 *
 *     lock           held while a process uses the folder
 *     instance.id    the process's name in the group, drawn once
 *     visitors/      the store of visitors and input offsets
 *     model/         the store of the model
 *
 * All of it but the name can be rebuilt from Kafka. */
#ifndef WEFT_RUNTIME_STATEDIR_H
#define WEFT_RUNTIME_STATEDIR_H

#include "processors/runtime/config.h"

struct statedir {
    int lock; /* file descriptor; closing it lets the folder go */
    char instance[CONFIG_TEXT_MAX];
    struct store *visitors;
    struct store *model;
};

/* Makes the folder if need be and takes the lock. FATAL: another process has it, or the folder
 * can't be written. `ret_lock` is closed by the caller. */
enum verdict statedir_lock(const struct config *config, int *ret_lock, struct error *error);

/* Lock, name and stores. A store that is damaged or of an older format is deleted and made anew,
 * and the log says why. FATAL, with what to do. */
enum verdict statedir_open(const struct config *config, struct statedir *ret_state,
                           struct error *error);
/* Fine on what was never opened or only in part. */
void statedir_close(struct statedir *state);

/* Whether somebody condemned one of the stores: opening the folder again rebuilds it. */
bool statedir_condemned(const struct config *config);

/* Deletes both stores. The caller holds the lock. `dry_run`: only calls `say` with the paths that
 * are there. */
enum verdict statedir_clear(const struct config *config, bool dry_run,
                            void (*say)(const char *path, bool dry_run), struct error *error);

#endif
