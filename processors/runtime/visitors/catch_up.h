/* Whether a worker is behind: it has more to read than it can show in lists that still matter.
 *
 * A worker is behind if the oldest record that waits was written more than catch.up.lag.ms ago, and
 * more records wait than it takes in a second. The second condition tells a backlog from records
 * that are old by themselves. Event times play no part, since replayed files have old ones. It is
 * also behind if this process folds the log of interactions much later than it is written, as in a
 * cold start: lists from such a model would be poor.
 *
 * It has caught up once the lag is half of that. Thread: the worker's. */
#ifndef WEFT_VISITORS_CATCH_UP_H
#define WEFT_VISITORS_CATCH_UP_H

#include "processors/runtime/process.h"
#include "processors/runtime/visitors/task.h"

#define CATCH_UP_LOOK_US 100000  /* between looks */
#define CATCH_UP_LEFT_MIN 1000   /* records that wait; with fewer no worker is behind */
#define CATCH_UP_FOLD_LEFT 20000 /* records of the log that are not folded yet */

/* Zero-initialised is valid: not behind. */
struct catch_up {
    bool behind;
    int64_t lag_ms; /* age of the oldest record that waits; 0: none waits */
    int64_t left;   /* records that wait in the worker's inputs, as last heard */
    int64_t looked_us, since_us;
    uint64_t records; /* taken since the last look */
    int64_t second;   /* records in a second, a moving mean */
};

/* The figures of one look. */
struct catch_up_view {
    int64_t lag_ms, left;
    int64_t fold_left;
    int64_t lag_max_ms; /* catch.up.lag.ms; 0: nobody is ever behind */
};

/* Decides by the view, `now_us` by the monotonic clock. Returns whether the answer has changed. */
bool catch_up_decide(struct catch_up *catch_up, const struct catch_up_view *view, int64_t now_us);

/* Looks at the tasks' inputs, if it is time, and decides. `taken`: records since the last call. The
 * change is told in the log under `name`. */
void catch_up_look(struct catch_up *catch_up, struct run *run, struct kafka_edge *edge,
                   struct task *const *tasks, size_t task_count, uint64_t taken, const char *name);

#endif
