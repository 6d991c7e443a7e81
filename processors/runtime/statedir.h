/* The folder of local state, state.dir:
 *
 *     lock           locked while a process uses the folder
 *     instance.id    the process's name in the group, drawn once
 *     visitors/      the store of visitors and input offsets
 *     model/         the store of the model and the catalogue
 *
 * Everything except the name can be rebuilt from Kafka. Thread: the main thread. */
#ifndef WEFT_RUNTIME_STATEDIR_H
#define WEFT_RUNTIME_STATEDIR_H

#include "processors/runtime/config.h"

struct statedir {
    int lock; /* file descriptor; closing it unlocks the folder. -1: none */
    char instance[CONFIG_TEXT_MAX];
    struct store *visitors;
    struct store *model;
};

/* Makes the folder if it is missing and takes the lock. The caller closes `ret_lock`. FATAL:
 * another process has the lock, or the folder can't be written. RETRY: the disk is full. */
enum verdict statedir_lock(const struct config *config, int *ret_lock, struct error *error);

/* Opens the lock, the name and the stores. A store that is damaged or has an older format is
 * deleted and made again, empty; the log says why. FATAL, with what to do. RETRY: the disk is full;
 * a later call may succeed. */
enum verdict statedir_open(const struct config *config, struct statedir *ret_state,
                           struct error *error);
/* Also for a state that is not open, or only in part, with lock -1. */
void statedir_close(struct statedir *state);

/* Whether a call on one of the open stores failed because the disk is full (store.h). The folder
 * has to be closed and opened again. */
bool statedir_full(const struct statedir *state);

/* Whether one of the stores is condemned (store.h): opening the folder again rebuilds it. */
bool statedir_condemned(const struct config *config);

/* Deletes both stores, and calls `say` with the path of each one that is there. `dry_run`: deletes
 * nothing. The caller holds the lock. FATAL: a store can't be deleted. */
enum verdict statedir_clear(const struct config *config, bool dry_run,
                            void (*say)(const char *path, bool dry_run), struct error *error);

#endif
