#include "schemas/early_choice.h"

/* Whether the early record counts beside committed lists. */
static bool is_newer(const struct list_version *early, const struct list_version *committed)
{
    if (early->recommendation_id == committed->recommendation_id &&
        early->generated_time_ms == committed->generated_time_ms)
        return false; /* the same list */
    return early->generated_time_ms > committed->generated_time_ms &&
           early->source_event_time_ms >= committed->source_event_time_ms;
}

enum early_choice early_choose(const struct list_version *committed,
                               const struct list_version *early, int64_t now_ms,
                               int64_t retention_ms)
{
    bool erased = committed->there && committed->tombstone;
    enum early_choice without = committed->there && !erased ? SHOW_COMMITTED : SHOW_NOTHING;
    if (!early->there || early->tombstone || now_ms - early->written_ms > retention_ms)
        return without;
    if (erased)
        return early->written_ms > committed->written_ms ? SHOW_EARLY : SHOW_NOTHING;
    return !committed->there || is_newer(early, committed) ? SHOW_EARLY : SHOW_COMMITTED;
}
