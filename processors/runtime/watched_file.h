/* A file that is read again when it changes: tells when. Calls stat() only.
 *
 * Thread: the one that owns it. */
#ifndef WEFT_RUNTIME_WATCHED_FILE_H
#define WEFT_RUNTIME_WATCHED_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct watched_file {
    const char *path;  /* borrowed; empty: there is no file */
    int64_t reload_us; /* 0: it is read only once */
    struct stat seen;  /* the file when it was last read, or found unreadable */
    int64_t due_us;    /* the next check, by the monotonic clock */
};

/* Notes how the file is now. Call it before the file is read, so that a change in between is found
 * later. */
void watched_file_init(struct watched_file *file, const char *path, int64_t reload_ms);
/* Whether a check is due and finds a change, which it notes. */
bool watched_file_changed(struct watched_file *file);
/* The next check finds a change: the file could not be read now. */
void watched_file_again(struct watched_file *file);

#endif
