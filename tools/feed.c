#include "tools/feed.h"

#include "processors/runtime/command.h"
#include "tools/events.h"

static enum verdict feed_file(struct driver *driver, const struct wire_format *wire,
                              const char *format, const char *path, struct feed *feed,
                              struct error *error)
{
    struct event_file *file;
    struct arena arena = {0};
    struct buffer value = {0};
    struct event event;
    enum verdict verdict = event_file_open(path, format, &file, error);
    if (verdict != VERDICT_OK)
        return verdict;
    while (verdict == VERDICT_OK) {
        struct error why = {0};
        enum fate fate;
        arena_clear(&arena);
        enum read read = event_file_next(file, &arena, &event, &why);
        if (read == READ_END)
            break;
        if (read == READ_FAILED) {
            verdict = error_set(error, VERDICT_SKIP, "%s", why.message);
        } else if (atomic_load(&command_interrupted)) {
            verdict = error_set(error, VERDICT_RETRY, "interrupted");
        } else if (read == READ_EVENT && event.type == EVENT_PRODUCT) {
            driver_product(driver, &event);
        } else if (read == READ_REJECTED) {
            feed->rejected++;
        } else {
            buffer_clear(&value);
            wire_write(wire, &event, &value);
            feed->published++;
            verdict = driver_record(driver, event.type, event_visitor(&event), buffer_bytes(&value),
                                    &fate, error);
        }
    }
    feed->lines += event_file_lines(file);
    event_file_close(file);
    arena_release(&arena);
    buffer_release(&value);
    return verdict;
}

enum verdict feed_files(struct driver *driver, const struct wire_format *wire, const char *format,
                        int count, char **paths, struct feed *ret_feed, struct error *error)
{
    enum verdict verdict = VERDICT_OK;
    *ret_feed = (struct feed){0};
    for (int i = 0; i < count && verdict == VERDICT_OK; i++)
        verdict = feed_file(driver, wire, format, paths[i], ret_feed, error);
    return verdict;
}
