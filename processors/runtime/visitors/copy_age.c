#include "processors/runtime/visitors/copy_age.h"

#include "processors/runtime/log.h"
#include "state/visitor_codec.h"

#define MARGIN 10             /* a tenth of the retention */
#define RETENTION_MIN_MS 1000 /* less is as much: a copy that is level is half a second behind */
#define RETENTION_MAX_MS ((int64_t)10 * 365 * 24 * 3600 * 1000) /* more is as much */
#define REBUILD_MIN_MS 2000 /* for a copy read from the beginning; doubled each time in a row */
#define DOUBLINGS_MAX 20

static const char *const reasons[] = {
    [COPY_FRESH] = "",
    [COPY_STALE] = "it was away for longer than the topic remembers deletions",
    [COPY_CUT_OFF] = "the topic begins behind it",
    [COPY_UNKNOWN_AGE] =
        "this machine's clock is behind the topic's records, so its age is unknown",
};

enum copy_age copy_age(const struct copy_view *view)
{
    if (view->next <= 0)
        return COPY_FRESH; /* it has no rows */
    if (view->next < view->low)
        return COPY_CUT_OFF;
    bool all = view->since < 0 || view->clock_behind;
    int64_t lacking = (all ? view->high : view->since) - view->next;
    if (lacking <= view->marked) /* a tombstone and its mark take two offsets */
        return COPY_FRESH;
    return view->clock_behind ? COPY_UNKNOWN_AGE : COPY_STALE;
}

/* ---- deadlines ---- */

static void set_deadline(struct copy_deadline *deadline, int64_t from_ms, int64_t ms)
{
    deadline->from_ms = from_ms;
    deadline->until_ms = from_ms + ms;
    deadline->until_us = clock_monotonic_us() + ms * 1000;
}

bool copy_deadline_passed(const struct copy_deadline *deadline)
{
    int64_t now_ms = clock_now_ms();
    return clock_monotonic_us() > deadline->until_us || now_ms > deadline->until_ms ||
           now_ms < deadline->from_ms;
}

/* ---- asking ---- */

enum verdict copy_check_open(struct copy_check *check, struct run *run, enum topic topic,
                             const char *log_name, struct error *error)
{
    *check = (struct copy_check){
        .run = run,
        .topic = run->topology.topics[topic],
        .marked = topic == TOPIC_VISITOR_CHANGELOG && config_exactly_once(run->config),
        .log_name = log_name,
    };
    const struct reader_options options = {.topic = check->topic,
                                           .log_name = log_name,
                                           .isolation = READ_UNCOMMITTED,
                                           .stop = &run->stop};
    check->watcher = partition_reader_open(run->config, &options, error);
    if (check->watcher == NULL)
        return VERDICT_FATAL;
    enum verdict verdict =
        partition_reader_delete_retention(check->watcher, &check->retention_ms, error);
    if (verdict == VERDICT_SKIP) {
        error_clear(error);
        check->retention_ms = -1;
        return VERDICT_OK;
    }
    if (verdict != VERDICT_OK)
        copy_check_close(check);
    else if (check->retention_ms > RETENTION_MAX_MS)
        check->retention_ms = RETENTION_MAX_MS;
    else if (check->retention_ms < RETENTION_MIN_MS)
        check->retention_ms = RETENTION_MIN_MS;
    return verdict;
}

void copy_check_close(struct copy_check *check)
{
    partition_reader_free(check->watcher);
    check->watcher = NULL;
}

/* Mostly nothing is lacking, and the first question suffices. It comes first for a second reason:
 * whatever lies behind this end is new. */
static enum verdict look(const struct copy_check *check, int32_t partition, struct copy_view *view,
                         struct error *error)
{
    int64_t now_ms = clock_now_ms(), margin_ms = check->retention_ms / MARGIN, future;
    int64_t time_ms = now_ms - (check->retention_ms - margin_ms);
    enum verdict verdict =
        partition_reader_ends(check->watcher, partition, &view->low, &view->high, error);
    view->since = -1;
    if (verdict != VERDICT_OK || copy_age(view) == COPY_FRESH)
        return verdict;
    view->since = 0;
    if (time_ms > 0)
        verdict = partition_reader_since(check->watcher, partition, time_ms, &view->since, error);
    if (verdict == VERDICT_OK)
        verdict = partition_reader_since(check->watcher, partition, now_ms + margin_ms + 1, &future,
                                         error);
    view->clock_behind = verdict == VERDICT_OK && future >= 0;
    return verdict;
}

enum verdict copy_check_age(struct copy_check *check, int32_t partition, int64_t next,
                            enum copy_age *ret_age, struct error *error)
{
    struct copy_view view = {.next = next, .marked = check->marked};
    *ret_age = COPY_FRESH;
    if (check->retention_ms < 0)
        return VERDICT_OK;
    enum verdict verdict = look(check, partition, &view, error);
    if (verdict == VERDICT_OK)
        *ret_age = copy_age(&view);
    return verdict;
}

enum verdict copy_check_partition(struct copy_check *check, int32_t partition, int64_t next,
                                  struct copy_deadline *deadline, bool *ret_fresh,
                                  struct error *error)
{
    struct copy_deadline fresh = {.until_us = INT64_MAX, .until_ms = INT64_MAX};
    enum copy_age age;
    if (check->retention_ms >= 0) /* from before the answer on */
        set_deadline(&fresh, clock_now_ms(), check->retention_ms / MARGIN);
    enum verdict verdict = copy_check_age(check, partition, next, &age, error);
    if (verdict != VERDICT_OK)
        return verdict;
    *ret_fresh = age == COPY_FRESH;
    if (age == COPY_FRESH)
        *deadline = fresh;
    else
        log_line(LOG_LEVEL_INFO, check->log_name,
                 "the copy of %s [%d] up to offset %lld is dropped: %s (%lld ms); erased visitors "
                 "could stay in it",
                 check->topic, (int)partition, (long long)next, reasons[age],
                 (long long)check->retention_ms);
    return VERDICT_OK;
}

void copy_drop(const struct copy_check *check, int32_t partition, struct copy_deadline *deadline,
               struct store_batch *batch)
{
    char to[VISITOR_KEY_BYTES_MAX];
    batch_delete_prefix(batch, FAMILY_VISITOR, visitor_store_key(to, partition, bytes_of(NULL, 0)));
    batch_delete_offset(batch, OFFSETS_CHANGELOG, check->topic, partition);
    batch_delete_offset(batch, OFFSETS_SECOND_LOOKS, check->topic, partition);
    copy_begin_again(check, partition, deadline);
}

void copy_begin_again(const struct copy_check *check, int32_t partition,
                      struct copy_deadline *deadline)
{
    int64_t ms = check->retention_ms - check->retention_ms / MARGIN;
    int64_t min_ms = (int64_t)REBUILD_MIN_MS << deadline->rebuilds;
    if (deadline->rebuilds > 0)
        log_line(LOG_LEVEL_WARN, check->log_name,
                 "%s [%d] was not read within its delete.retention.ms, or this process stood "
                 "still; raise delete.retention.ms if this comes again",
                 check->topic, (int)partition);
    if (deadline->rebuilds < DOUBLINGS_MAX)
        deadline->rebuilds++;
    set_deadline(deadline, clock_now_ms(), ms > min_ms ? ms : min_ms);
}
