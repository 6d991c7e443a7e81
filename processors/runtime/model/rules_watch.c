#include "processors/runtime/model/rules_watch.h"

#include "processors/runtime/log.h"

/* Logs each line of the text by itself, with `result` behind it. */
static void log_lines(const struct rules_watch *watch, struct buffer *text, const char *result)
{
    for (size_t at = 0; at < text->size;) {
        const char *line = text->at + at, *end = memchr(line, '\n', text->size - at);
        log_line(LOG_LEVEL_WARN, "rules", "%s, %.*s%s", watch->file.file.path, (int)(end - line),
                 line, result);
        at += (size_t)(end - line) + 1;
    }
    buffer_release(text);
}

static void tell_placements(const struct rules_watch *watch)
{
    struct buffer text = {0};
    rules_placements_text(&watch->file.rules, watch->placements, &text);
    log_lines(watch, &text, "");
}

void rules_watch_open(struct rules_watch *watch, const struct config *config)
{
    *watch = (struct rules_watch){.placements = &config->settings.recommend.placements};
    watch->told =
        rules_file_open(&watch->file, config, NULL) != VERDICT_OK || watch->file.rules.count == 0;
    watch->file.silent = true;
    tell_placements(watch);
}

void rules_watch_release(struct rules_watch *watch)
{
    rules_file_release(&watch->file);
}

static bool has_been_read(struct rules_watch *watch, const struct catalogue *catalogue,
                          uint64_t rows, int64_t now_us)
{
    if (watch->rows != rows || watch->still_us == 0) {
        watch->rows = rows;
        watch->still_us = now_us;
    }
    if (catalogue->present == 0)
        return false;
    if (watch->first_us == 0)
        watch->first_us = now_us;
    return now_us - watch->still_us >= RULES_STILL_US ||
           now_us - watch->first_us >= RULES_PATIENCE_US;
}

bool rules_watch_look(struct rules_watch *watch, const struct catalogue *catalogue, uint64_t rows,
                      bool whole, int64_t now_us)
{
    if (rules_file_reload(&watch->file)) {
        watch->told = false;
        tell_placements(watch);
    }
    if (watch->told || !whole || !has_been_read(watch, catalogue, rows, now_us))
        return false;
    struct buffer text = {0};
    rules_unmatched_text(&watch->file.rules, catalogue, &text);
    log_lines(watch, &text, "; such rules have no effect");
    watch->told = true;
    return true;
}
