#include "processors/runtime/log.h"
#include "processors/runtime/visitors/worker_parts.h"
#include "schemas/array.h"

#include <stdlib.h>

void worker_note_record(struct worker *worker, int64_t written_ms)
{
    struct delays *delays = &worker->delays;
    if (written_ms <= 0) /* no timestamp, or none that can be true */
        return;
    ARRAY_RESERVE(delays->written_ms, delays->capacity, delays->count + 1);
    delays->written_ms[delays->count++] = written_ms;
}

void worker_count_delays(struct worker *worker, int64_t commit_us)
{
    struct delays *delays = &worker->delays;
    int64_t now_ms = clock_now_ms();
    for (size_t i = 0; i < delays->count; i++) {
        int64_t delay_ms = now_ms - delays->written_ms[i];
        histogram_add(&delays->event_to_list, delay_ms > 0 ? (double)delay_ms / 1e3 : 0);
    }
    histogram_add(&delays->commits, (double)commit_us / 1e6);
    delays->count = 0;
}

void worker_drop_delays(struct worker *worker)
{
    worker->delays.count = 0;
}

void worker_release_delays(struct worker *worker)
{
    free(worker->delays.written_ms);
    worker->delays = (struct delays){0};
}
