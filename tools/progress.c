#include "tools/progress.h"

#include "processors/runtime/log.h"

#include <stdio.h>
#include <unistd.h>

#define REDRAW_US 200000
#define BAR_WIDTH 30

void progress_start(struct progress *progress)
{
    progress->started_us = clock_monotonic_us();
    progress->shown_us = 0;
    progress->terminal = isatty(STDERR_FILENO);
}

void progress_show(struct progress *progress, double share, uint64_t done, const char *unit)
{
    int64_t now_us = clock_monotonic_us();
    if (!progress->terminal || now_us - progress->shown_us < REDRAW_US)
        return;
    progress->shown_us = now_us;
    double seconds = (double)(now_us - progress->started_us) / 1e6;
    fputs("\r\x1b[K", stderr);
    if (share >= 0) {
        int filled = (int)(share * BAR_WIDTH);
        fputc('[', stderr);
        for (int i = 0; i < BAR_WIDTH; i++)
            fputc(i < filled ? '#' : ' ', stderr);
        fprintf(stderr, "] %3.0f %%  ", share * 100);
    }
    fprintf(stderr, "%llu %s, %.0f/s", (unsigned long long)done, unit,
            seconds > 0 ? (double)done / seconds : 0.0);
    fflush(stderr);
}

void progress_end(struct progress *progress)
{
    if (progress->terminal)
        fputs("\r\x1b[K", stderr);
}
