#include "processors/runtime/rules_file.h"

#include "processors/runtime/log.h"

static bool has_changed(struct rules_file *file)
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

enum verdict rules_file_open(struct rules_file *file, const struct config *config,
                             struct error *error)
{
    *file = (struct rules_file){
        .path = config->rules_path,
        .reload_us = config->rules_reload_ms * 1000,
    };
    if (file->path[0] == '\0')
        return VERDICT_OK;
    has_changed(file); /* before it is read, so that a change in between is found later */
    return merchandising_rules_read(file->path, &file->rules, error);
}

void rules_file_release(struct rules_file *file)
{
    merchandising_rules_release(&file->rules);
}

void rules_file_reload(struct rules_file *file)
{
    struct merchandising_rules rules;
    struct error error = {0};
    if (file->path[0] == '\0' || file->reload_us == 0 || clock_monotonic_us() < file->due_us ||
        !has_changed(file))
        return;
    if (merchandising_rules_read(file->path, &rules, &error) != VERDICT_OK) {
        log_line(LOG_LEVEL_WARN, "rules", "%s; the previous rules stay", error.message);
        return;
    }
    merchandising_rules_release(&file->rules);
    file->rules = rules;
    log_line(LOG_LEVEL_INFO, "rules", "%u rules from %s", rules.count, file->path);
}
