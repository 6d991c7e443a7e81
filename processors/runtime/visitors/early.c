/* Lists ahead of the commit (lists.early). A worker makes the lists of changed visitors as often as
 * commit.min.ms allows and sends each at once (early_lists.h). Its transaction stays open for
 * commit.interval.ms.
 *
 * Nothing fences an early list. So a worker whose session may be over sends none: the same clock
 * tells it that stops a worker without transactions. A moment after a stand-still the clock runs
 * again, and the group may not have told yet that it went on without this process. Only a commit,
 * or a new session, tells that the visitors are this worker's. */
#include "processors/runtime/log.h"
#include "processors/runtime/visitors/worker_parts.h"

#define BUSY 8 /* of commit.min.ms: the time between early lists while more records are ready */

static bool is_on(const struct worker *worker)
{
    return worker->run->config->settings.lists_early;
}

enum verdict worker_make_early(struct worker *worker, int64_t at_us, bool ready,
                               int64_t *ret_wait_us)
{
    int64_t pause_us = worker->run->config->commit_min_ms * 1000 * (ready ? BUSY : 1);
    if (!is_on(worker) || worker->catch_up.behind || worker->early_records == worker->batch_records)
        return VERDICT_OK;
    if (at_us < worker->early_us + pause_us) {
        if (worker->early_us + pause_us < *ret_wait_us)
            *ret_wait_us = worker->early_us + pause_us;
        return VERDICT_OK;
    }
    enum verdict verdict = pipeline_make_early(worker->pipeline, &worker->error);
    worker->early_records = worker->batch_records;
    worker->early_us = worker->edge->now_us(worker->edge);
    return verdict;
}

void worker_watch_session(struct worker *worker)
{
    int64_t away_us = worker->edge->now_us(worker->edge) - worker->group_polled_us;
    if (!is_on(worker) || worker->early_stopped ||
        away_us <= worker->run->config->session_timeout_ms * 1000)
        return;
    worker->early_stopped = true;
    log_line(LOG_LEVEL_WARN, worker->name,
             "this process stood still for %.1f s; no early lists until the next commit",
             (double)away_us / 1e6);
}

void worker_send_early(struct worker *worker, const struct edge_record *record)
{
    worker_watch_session(worker);
    if (worker->early_stopped)
        return;
    worker->edge->send_early(worker->edge, record);
    pipeline_context(worker->pipeline)->counts->counters[COUNT_LISTS_EARLY]++;
}
