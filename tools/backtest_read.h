/* Recorded events, read whole: `weft backtest` has to know how many there are before it tests the
 * first. Thread: one. */
#ifndef WEFT_TOOLS_BACKTEST_READ_H
#define WEFT_TOOLS_BACKTEST_READ_H

#include "processors/runtime/config.h"

/* One line of a file. */
struct line {
    struct event event;    /* its type is EVENT_PRODUCT if the line is about a product only */
    struct event *product; /* news about the line's item; NULL: none */
    uint32_t session;      /* from 0; a visitor's sessions end by session.gap.ms */
};

/* Zero-initialised is empty and valid. Owns all that its events point to. */
struct recorded {
    struct arena memory;
    struct line *lines;
    size_t count, capacity;
    uint32_t sessions;
    uint64_t rejected;
    uint64_t older;                                 /* events that are older than one before them */
    int64_t older_ms_most; /* by so much at most */ /* lines that hold no event that can be used */
};

/* Appends the views, searches, carts, purchases and products of the files. `format` NULL: guessed
 * (events.h). SKIP, with the file: it can't be read, or there are no events. */
enum verdict recorded_read(struct recorded *recorded, const struct config *config,
                           const char *format, int count, char **paths, struct error *error);
/* Numbers the sessions again: a pause of more than `gap_ms` of a visitor's ends one. */
void recorded_number_sessions(struct recorded *recorded, int64_t gap_ms);
void recorded_release(struct recorded *recorded);

#endif
