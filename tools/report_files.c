#include "tools/report_files.h"

#include "processors/runtime/command.h"
#include "processors/runtime/log.h"
#include "tools/events.h"
#include "tools/progress.h"

static enum verdict read_file(struct report_events *events, const struct config *config,
                              const char *format, const char *path, struct error *error)
{
    struct event_file *file;
    struct event event;
    struct arena arena = {0};
    struct progress progress;
    enum read read = READ_EVENT;
    if (event_file_open(path, format, &file, error) != VERDICT_OK)
        return VERDICT_SKIP;
    event_file_judge(file, &config->settings.times, clock_now_ms());
    progress_start(&progress);
    while (read != READ_END && read != READ_FAILED && !atomic_load(&command_interrupted)) {
        struct error why = {0};
        arena_clear(&arena);
        read = event_file_next(file, &arena, &event, &why);
        if (read == READ_EVENT)
            report_events_add(events, &event);
        else if (read == READ_REJECTED)
            events->rejected++;
        else if (read == READ_FAILED)
            error_set(error, VERDICT_SKIP, "%s: %s", path, why.message);
        progress_show(&progress, event_file_share(file), events->count, "events read");
    }
    progress_end(&progress);
    event_file_close(file);
    arena_release(&arena);
    if (read != READ_END && read != READ_FAILED)
        return error_set(error, VERDICT_RETRY, "interrupted");
    return read == READ_FAILED ? VERDICT_SKIP : VERDICT_OK;
}

enum verdict report_read_files(struct report_events *events, const struct config *config,
                               const char *format, int count, char **paths, struct error *error)
{
    enum verdict verdict = VERDICT_OK;
    for (int i = 0; i < count && verdict == VERDICT_OK; i++)
        verdict = read_file(events, config, format, paths[i], error);
    return verdict;
}
