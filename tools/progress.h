/* A line of progress on a terminal's standard error, redrawn a few times a second; nothing where
 * standard error is no terminal. */
#ifndef WEFT_TOOLS_PROGRESS_H
#define WEFT_TOOLS_PROGRESS_H

#include <stdint.h>

struct progress {
    int64_t started_us, shown_us;
    int terminal;
};

void progress_start(struct progress *progress);
/* `share` from 0 to 1; below 0: not known. */
void progress_show(struct progress *progress, double share, uint64_t done, const char *unit);
void progress_end(struct progress *progress);

#endif
