/* The recipe of exactly-once, from event to list:
 *
 *   1. Take records, the oldest of a task's inputs first, through the steps (worker.c). State
 *      changes stay in memory. Outputs go into the open transaction as they arise.
 *   2. At the end of the batch: write the lists, and one changelog record for each changed visitor,
 *      which holds its whole new value.
 *   3. Flush; check every delivery; note the highest changelog offsets.
 *   4. Put the input offsets into the transaction, with the group's generation.
 *   5. Commit the transaction.
 *   6. Then, and only then, write one batch into the store: the same values, the input offsets and
 *      the changelog offsets.
 *
 * So the store is never ahead of Kafka. After a crash anywhere it is at most one transaction
 * behind, and the changelog brings it level (restore.c).
 *
 * Every trouble with a transaction ends in the same way. The worker aborts it, drops everything
 * derived from it, and starts again from the last commit: new producers with the same ids, which
 * fences the old ones; then the group's offsets, the restore, and on (run_session() in worker.c).
 *
 * The outcome of a commit is unknown when no answer comes. Kafka may have committed, may still
 * commit, or may abort.
 *   - transaction_commit() repeats the call for a minute. It mostly learns the outcome so.
 *   - If it learns that the commit happened, step 6 follows. The producer is made again before its
 *     next turn, so that a late end can't end its next transaction (transactions_turn()).
 *   - Otherwise step 6 does not happen, and the worker starts again. Initialising the producers
 *     ends the old transaction one way or the other. Then the group's offsets tell which: if the
 *     commit happened, they stand behind the batch and the changelog has its values, which the
 *     restore writes to the store; if not, they stand before it and the batch is read again. */
#include "processors/runtime/failpoint.h"
#include "processors/runtime/log.h"
#include "processors/runtime/visitors/worker_parts.h"
#include "state/visitor_table.h"

#include <stdio.h>
#include <stdlib.h>

/* When the parts of a commit ended; for the debug log. */
struct commit_times {
    int64_t began_us, closed_us, flushed_us, ended_us;
};

static int64_t now_us(struct worker *worker)
{
    return worker->edge->now_us(worker->edge);
}

static bool exactly_once(const struct worker *worker)
{
    return config_exactly_once(worker->run->config);
}

/* Without a transaction nothing fences a process that stood still for longer than its session. Its
 * output may be older than what other processes wrote of the same visitors since. */
enum verdict worker_check_presence(struct worker *worker)
{
    worker_watch_session(worker);
    if (exactly_once(worker))
        return VERDICT_OK;
    int64_t away_us = now_us(worker) - worker->group_polled_us;
    if (away_us <= worker->run->config->session_timeout_ms * 1000)
        return VERDICT_OK;
    return error_set(&worker->error, VERDICT_RETRY, "this process stood still for %.1f s",
                     (double)away_us / 1e6);
}

/* ---- step 2 ---- */

/* A row may date from when the changelog took larger ones. */
static void fit_row(struct context *context, struct visitor *visitor)
{
    struct activity_bounds bounds = activity_bounds_of(context->settings);
    uint32_t out = visitor_fit(visitor, context->visitor_row_bytes_max, &bounds);
    context->counts->counters[COUNT_CART_ITEMS_OUT] += bounds.cart.fallen;
    context->counts->counters[COUNT_RETRACTABLE_OUT] += bounds.retractable.fallen;
    context->counts->counters[COUNT_ACTIVITIES_OUT] += out;
    context->counts->counters[COUNT_ACTIVITIES_CUT] += out;
}

static enum verdict write_changelog(struct worker *worker)
{
    struct visitor_table *visitors = pipeline_visitors(worker->pipeline);
    enum verdict verdict = VERDICT_OK;
    for (size_t i = 0; verdict == VERDICT_OK && i < visitor_table_dirty_count(visitors); i++) {
        struct visitor *visitor = visitor_table_dirty_at(visitors, i);
        fit_row(pipeline_context(worker->pipeline), visitor);
        const struct edge_record record = {
            .topic = TOPIC_VISITOR_CHANGELOG,
            .partition = visitor->partition,
            .key = visitor_key(visitor),
            .value = visitor_table_encode(visitors, visitor),
            .reported = true,
        };
        verdict = transaction_send(worker->transactions, &record, &worker->error);
    }
    return verdict;
}

/* Without a transaction the outputs are flushed before the changelog. Otherwise, after a crash
 * between the two, the events would be known and nothing written of them. */
static enum verdict write_outputs(struct worker *worker)
{
    enum verdict verdict = worker_check_presence(worker);
    if (verdict == VERDICT_OK)
        verdict = pipeline_close(worker->pipeline, &worker->error);
    if (verdict == VERDICT_OK && !exactly_once(worker))
        verdict = transaction_flush(worker->transactions, &worker->error);
    if (verdict == VERDICT_OK)
        verdict = worker_check_presence(worker);
    return verdict == VERDICT_OK ? write_changelog(worker) : verdict;
}

/* ---- steps 4 and 5 ---- */

/* The inputs' offsets that the batch moves. The owner's name tells whoever takes a partition over
 * whose transactions to end (assignment.c). The caller frees `ret_places`. */
static size_t batch_places(const struct worker *worker, struct edge_place **ret_places)
{
    struct edge_place *places =
        memory_get((worker->task_count * INPUT_TOPICS + 1) * sizeof *places);
    size_t count = 0;
    for (size_t i = 0; i < worker->task_count; i++) {
        for (int k = 0; k < worker->tasks[i]->input_count; k++) {
            const struct input *input = &worker->tasks[i]->inputs[k];
            if (input->next < 0)
                continue;
            struct edge_place *place = &places[count++];
            place->topic = input->topic;
            place->partition = input->partition;
            place->offset = input->next;
            snprintf(place->owner, sizeof place->owner, "%s", worker->member);
        }
    }
    *ret_places = places;
    return count;
}

static enum verdict commit_plainly(struct worker *worker, const struct edge_place *places,
                                   size_t count)
{
    struct error why = {0};
    if (count == 0 || worker->edge->commit_offsets(worker->edge, places, count, &why) == EDGE_OK)
        return VERDICT_OK;
    return error_set(&worker->error, VERDICT_RETRY, "offsets can't be committed: %s", why.message);
}

static enum verdict commit_kafka(struct worker *worker, const struct edge_place *places,
                                 size_t count)
{
    if (!exactly_once(worker))
        return commit_plainly(worker, places, count);
    enum verdict verdict = transaction_commit(worker->transactions, places, count, &worker->error);
    failpoint("after_commit");
    return verdict;
}

/* ---- step 6 ---- */

static enum verdict write_store(struct worker *worker, const struct edge_place *places,
                                size_t count)
{
    const char *changelog = worker->run->topology.topics[TOPIC_VISITOR_CHANGELOG];
    batch_clear(&worker->batch);
    visitor_table_batch(pipeline_visitors(worker->pipeline), &worker->batch);
    for (size_t i = 0; i < count; i++)
        batch_put_offset(&worker->batch, OFFSETS_INPUT, places[i].topic, places[i].partition,
                         places[i].offset);
    for (size_t i = 0; i < worker->task_count; i++) {
        struct task *task = worker->tasks[i];
        int64_t offset = transaction_changelog(worker->transactions, task->partition);
        if (task->looks_wait != pipeline_lists_wait(worker->pipeline)) {
            task->looks_wait = !task->looks_wait;
            batch_put_offset(&worker->batch, OFFSETS_SECOND_LOOKS, changelog, task->partition,
                             task->looks_wait);
        }
        if (offset < 0)
            continue;
        task->changelog_next = offset + 1;
        batch_put_offset(&worker->batch, OFFSETS_CHANGELOG, changelog, task->partition, offset + 1);
    }
    failpoint_within("mid_batch", 200);
    return worker->run->store->write(worker->run->store, &worker->batch, &worker->error);
}

/* ---- the price of a commit ---- */

#define COST_WEIGHT 8 /* of the past in the mean, against one commit */

/* A slow commit makes the next ones rarer, and so does a broker that has much to do. The batches
 * grow with it, before the delay of a list does. */
static void note_cost(struct worker *worker, const struct commit_times *times)
{
    int64_t cost_us = now_us(worker) - times->closed_us;
    double record_us = (double)(times->closed_us - times->began_us) /
                       (double)(worker->batch_records > 0 ? worker->batch_records : 1);
    if (worker->commit_cost_us == 0) {
        worker->commit_cost_us = cost_us;
        worker->record_cost_us = record_us;
        return;
    }
    worker->commit_cost_us += (cost_us - worker->commit_cost_us) / COST_WEIGHT;
    worker->record_cost_us += (record_us - worker->record_cost_us) / COST_WEIGHT;
}

int64_t worker_commit_pause_us(const struct worker *worker)
{
    const struct config *config = worker->run->config;
    int64_t pause_us = config->commit_min_ms * 1000;
    if (config->settings.lists_early)
        return config->commit_interval_ms * 1000;
    if (!(config->commit_share > 0))
        return pause_us;
    double rest = (1 - (double)config->commit_share) / (double)config->commit_share;
    double lists_us = worker->record_cost_us * (double)worker->batch_records;
    int64_t priced_us = (int64_t)(rest * (double)worker->commit_cost_us - lists_us);
    return priced_us > pause_us ? priced_us : pause_us;
}

/* ---- the whole ---- */

static enum verdict commit_batch(struct worker *worker, struct commit_times *times)
{
    struct edge_place *places;
    /* begun here where nothing was sent: duplicates alone write nothing, but their offsets count */
    enum verdict verdict = transaction_begin(worker->transactions, &worker->error);
    if (verdict != VERDICT_OK)
        return verdict;
    failpoint_within("mid_flush", 3000);
    verdict = transaction_flush(worker->transactions, &worker->error);
    if (verdict != VERDICT_OK)
        return verdict;
    times->flushed_us = now_us(worker);
    failpoint("after_flush");
    size_t count = batch_places(worker, &places);
    verdict = commit_kafka(worker, places, count);
    times->ended_us = now_us(worker);
    if (verdict == VERDICT_OK)
        verdict = write_store(worker, places, count);
    free(places);
    return verdict;
}

static void log_commit(struct worker *worker, const struct commit_times *times)
{
    if (log_level_wanted() < LOG_LEVEL_DEBUG)
        return;
    int64_t now = now_us(worker);
    log_line(LOG_LEVEL_DEBUG, worker->name,
             "commit: %llu records, %lld us since the last; lists and changelog %lld us, flush "
             "%lld, end %lld, store %lld",
             (unsigned long long)worker->batch_records, (long long)(now - worker->committed_us),
             (long long)(times->closed_us - times->began_us),
             (long long)(times->flushed_us - times->closed_us),
             (long long)(times->ended_us - times->flushed_us), (long long)(now - times->ended_us));
}

static enum verdict close_batch(struct worker *worker)
{
    for (size_t i = 0; i < worker->task_count; i++)
        for (int k = 0; k < worker->tasks[i]->input_count; k++)
            worker->tasks[i]->inputs[k].next = -1;
    worker->batch_records = worker->early_records = 0;
    worker->committed_us = worker->early_us = now_us(worker);
    worker->early_stopped = false;
    return transactions_turn(worker->transactions, &worker->error);
}

enum verdict worker_commit(struct worker *worker)
{
    struct commit_times times = {.began_us = now_us(worker)};
    enum verdict verdict = write_outputs(worker);
    if (verdict != VERDICT_OK)
        return verdict;
    if (!transaction_is_open(worker->transactions) && worker->batch_records == 0) {
        pipeline_committed(worker->pipeline); /* a second look found nothing new */
        return VERDICT_OK;
    }
    times.closed_us = now_us(worker);
    verdict = commit_batch(worker, &times);
    if (verdict != VERDICT_OK)
        return verdict;
    log_commit(worker, &times);
    note_cost(worker, &times);
    worker_count_delays(worker, now_us(worker) - times.closed_us);
    worker->commits++;
    worker->restarts = 0;
    pipeline_committed(worker->pipeline);
    worker_warn_of_cuts(worker);
    worker_keep_reasons(worker);
    verdict = close_batch(worker);
    worker_publish_totals(worker);
    return verdict;
}
