/* The one judge of events: whether `weft run` processes an event, or refuses it. The pipeline and
 * the tools that read files ask the same functions, so what `weft check` accepts `weft run`
 * processes. event_check() (event.h) judges the fields; this file judges what depends on the
 * configuration, on the record's key, size and time. Thread: any. */
#ifndef WEFT_SCHEMAS_EVENT_JUDGE_H
#define WEFT_SCHEMAS_EVENT_JUDGE_H

#include "schemas/event.h"

/* The bounds of event times, which the keys of the same names set. Times are ms since 1970. */
struct event_bounds {
    int64_t time_min_ms;   /* event.time.min.ms: older events are refused */
    int64_t ahead_max_ms;  /* event.ahead.max.ms: further ahead, the record's time is taken */
    int64_t future_max_ms; /* event.future.max.ms: further ahead, the event is refused */
};

/* Returns by how much the event lies ahead of its record, which was written at `written_ms`; 0: by
 * at most ahead_max_ms. An event can't happen after its record was written: between the two bounds
 * it takes the record's time. A `written_ms` outside the bounds of event times says nothing. Users
 * and products have no time. */
int64_t event_settle_time(const struct event_bounds *bounds, int64_t written_ms,
                          struct event *event);

/* Judges the time of an event that event_settle_time() found `ahead_ms` ahead. SKIP, with the bound
 * and with the unit that the number would fit in. */
enum verdict event_judge_time(const struct event_bounds *bounds, const struct event *event,
                              int64_t ahead_ms, struct error *error);

/* SKIP: the record's key is not its visitor; of a product, the item. */
enum verdict event_judge_key(struct bytes key, const struct event *event, struct error *error);

/* SKIP: a record of that many bytes is too large. */
enum verdict event_judge_size(size_t record_bytes, struct error *error);

/* All of them, for an event whose record is written at `written_ms` with `record_bytes` bytes under
 * the right key. event_check() comes before. SKIP, with the reason that `weft run` would have. */
enum verdict event_judge(const struct event_bounds *bounds, const struct event *event,
                         int64_t written_ms, size_t record_bytes, struct error *error);

#endif
