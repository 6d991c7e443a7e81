/* A line of progress on standard error, drawn again a few times a second. Prints nothing if
 * standard error is no terminal. Thread: one. */
#ifndef WEFT_TOOLS_PROGRESS_H
#define WEFT_TOOLS_PROGRESS_H

#include <stdint.h>

struct progress {
    int64_t started_us, shown_us;
    int terminal;
};

void progress_start(struct progress *progress);
/* `share` of the work that is done, 0 to 1; below 0: not known. `done` counts in `unit`. */
void progress_show(struct progress *progress, double share, uint64_t done, const char *unit);
/* Clears the line. */
void progress_end(struct progress *progress);

#endif
