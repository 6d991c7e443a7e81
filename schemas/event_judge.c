#include "schemas/event_judge.h"

static bool has_time(const struct event *event)
{
    return event->type < EVENT_USER;
}

int64_t event_settle_time(const struct event_bounds *bounds, int64_t written_ms,
                          struct event *event)
{
    if (!has_time(event) || written_ms <= 0 || written_ms < bounds->time_min_ms ||
        written_ms > EVENT_TIME_MAX_MS || event->event_time_ms <= written_ms + bounds->ahead_max_ms)
        return 0;
    int64_t ahead_ms = event->event_time_ms - written_ms;
    if (ahead_ms <= bounds->future_max_ms)
        event->event_time_ms = written_ms;
    return ahead_ms;
}

/* The unit that a number of milliseconds should perhaps have had; "": none fits. */
static const char *likely_unit(int64_t time, int64_t min_ms, int64_t max_ms)
{
    if (time > 0 && time < min_ms && time <= max_ms / 1000 && time * 1000 >= min_ms)
        return "; seconds?";
    if (time > max_ms && time / 1000 >= min_ms && time / 1000 <= max_ms)
        return "; microseconds?";
    return "";
}

enum verdict event_judge_time(const struct event_bounds *bounds, const struct event *event,
                              int64_t ahead_ms, struct error *error)
{
    int64_t time_ms = event->event_time_ms, min_ms = bounds->time_min_ms;
    if (!has_time(event))
        return VERDICT_OK;
    if (time_ms < min_ms)
        return error_set(
            error, VERDICT_SKIP, "event_time %lld ms lies before event.time.min.ms = %lld%s",
            (long long)time_ms, (long long)min_ms, likely_unit(time_ms, min_ms, EVENT_TIME_MAX_MS));
    if (ahead_ms > bounds->future_max_ms)
        return error_set(error, VERDICT_SKIP,
                         "event_time %lld ms lies more than event.future.max.ms = %lld ahead of "
                         "the record's Kafka timestamp%s",
                         (long long)time_ms, (long long)bounds->future_max_ms,
                         likely_unit(time_ms, min_ms, time_ms - ahead_ms + bounds->future_max_ms));
    if (time_ms > EVENT_TIME_MAX_MS)
        return error_set(error, VERDICT_SKIP, "event_time %lld ms lies after the year 2286%s",
                         (long long)time_ms, likely_unit(time_ms, min_ms, EVENT_TIME_MAX_MS));
    return VERDICT_OK;
}

enum verdict event_judge_key(struct bytes key, const struct event *event, struct error *error)
{
    char quoted_key[BYTES_QUOTED_SIZE], quoted_visitor[BYTES_QUOTED_SIZE];
    if (event->type == EVENT_PRODUCT) {
        if (bytes_equal(key, event->item_id))
            return VERDICT_OK;
        return error_set(error, VERDICT_SKIP,
                         "the record's key is not its item_id, so compaction would mix products");
    }
    struct bytes visitor = event_visitor(event);
    if (bytes_equal(key, visitor))
        return VERDICT_OK;
    return error_set(error, VERDICT_SKIP,
                     "the record's key is %s but its visitor is %s, so it may be in the wrong "
                     "partition; key records by user_id or else visitor_id, or set input.key=trust",
                     bytes_quote(key, quoted_key), bytes_quote(visitor, quoted_visitor));
}

enum verdict event_judge_size(size_t record_bytes, struct error *error)
{
    if (record_bytes <= EVENT_BYTES_MAX)
        return VERDICT_OK;
    return error_set(error, VERDICT_SKIP, "the record has %zu bytes, at most %u are taken",
                     record_bytes, EVENT_BYTES_MAX);
}

enum verdict event_judge(const struct event_bounds *bounds, const struct event *event,
                         int64_t written_ms, size_t record_bytes, struct error *error)
{
    struct event settled = *event;
    if (event_judge_size(record_bytes, error) != VERDICT_OK)
        return VERDICT_SKIP;
    int64_t ahead_ms = event_settle_time(bounds, written_ms, &settled);
    return event_judge_time(bounds, &settled, ahead_ms, error);
}
