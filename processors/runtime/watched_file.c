#include "processors/runtime/watched_file.h"

#include "processors/runtime/log.h"

#include <string.h>

static bool has_changed(struct watched_file *file)
{
    struct stat now, *seen = &file->seen;
    file->due_us = clock_monotonic_us() + file->reload_us;
    if (stat(file->path, &now) != 0)
        memset(&now, 0, sizeof now);
    bool changed = now.st_ino != seen->st_ino || now.st_size != seen->st_size ||
                   now.st_mtim.tv_sec != seen->st_mtim.tv_sec ||
                   now.st_mtim.tv_nsec != seen->st_mtim.tv_nsec;
    *seen = now;
    return changed;
}

void watched_file_init(struct watched_file *file, const char *path, int64_t reload_ms)
{
    *file = (struct watched_file){.path = path, .reload_us = reload_ms * 1000};
    if (path[0])
        has_changed(file);
}

bool watched_file_changed(struct watched_file *file)
{
    return file->path[0] && file->reload_us > 0 && clock_monotonic_us() >= file->due_us &&
           has_changed(file);
}

void watched_file_again(struct watched_file *file)
{
    memset(&file->seen, 0, sizeof file->seen);
}
