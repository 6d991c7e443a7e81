/* A worker's life: sessions, each from new clients to the first trouble, and in a session batches,
 * each from its first record to its commit. The recipe of exactly-once stands in commit.c. */
#include "processors/runtime/visitors/worker.h"

#include "processors/runtime/kafka/registry.h"
#include "processors/runtime/log.h"
#include "processors/runtime/visitors/worker_parts.h"
#include "state/visitor_table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define RESTARTS_QUICK 3 /* the first ones, which do not wait long */
#define QUICK_PAUSE_US 100000
#define PAUSE_US 1000000 /* doubles from restart to restart */
#define PAUSE_MAX_US 16000000
#define RECORDS_A_LOOK 64 /* between looks at the clock */
#define GROUP_POLL_US 50000
#define MODEL_POLL_US 10000
#define HALVINGS_MAX 12
#define STALE_ASSIGNMENTS_MAX 3 /* in a row; metadata of topics that were just made comes soon */
#define AHEAD_TOLD_US 60000000
#define FORGOTTEN_US 1000000 /* beyond the session's time-out */

static const char *const state_names[] = {"starting", "waiting", "restoring", "running", "stopped"};

void worker_set_state(struct worker *worker, enum worker_state state)
{
    if (worker->state != state)
        log_line(LOG_LEVEL_INFO, worker->name, "%s -> %s", state_names[worker->state],
                 state_names[state]);
    worker->state = state;
}

void worker_meet_trouble(struct worker *worker, enum verdict verdict)
{
    if (verdict == VERDICT_FATAL || worker->trouble == VERDICT_OK)
        worker->trouble = verdict;
}

static struct worker_memory memory_of(struct worker *worker)
{
    const struct context *context = pipeline_context(worker->pipeline);
    return (struct worker_memory){
        .visitors = visitor_table_memory(context->visitors),
        .lists = pipeline_waiting_bytes(worker->pipeline),
        .batches = pipeline_batch_bytes(worker->pipeline) + worker->batch.changes.capacity,
        .kafka = worker->edge->queued_bytes(worker->edge),
    };
}

void worker_publish_totals(struct worker *worker)
{
    pthread_mutex_lock(&worker->totals_lock);
    worker->totals = (struct totals){
        .counts = *pipeline_counts(worker->pipeline),
        .commits = worker->commits,
        .aborts = worker->aborts,
        .restored = worker->restored,
        .lost = worker->lost,
        .reasons = worker->reasons,
        .visitors_cached = visitor_table_count(pipeline_visitors(worker->pipeline)),
        .visitors_bytes = visitor_table_bytes(pipeline_visitors(worker->pipeline)),
        .shown_bytes = pipeline_shown_bytes(worker->pipeline),
        .memory = memory_of(worker),
        .ready_workers = worker->state == WORKER_RUNNING,
        .behind_workers = worker->catch_up.behind,
        .lag_ms = (uint64_t)worker->catch_up.lag_ms,
        .records_left = (uint64_t)worker->catch_up.left,
        .lists_owed = pipeline_owed(worker->pipeline)->count,
        .event_to_list = worker->delays.event_to_list,
        .commit_times = worker->delays.commits,
    };
    pthread_mutex_unlock(&worker->totals_lock);
}

static int64_t now_us(struct worker *worker)
{
    return worker->edge->now_us(worker->edge);
}

/* ---- records ---- */

static enum verdict worker_emit(struct outlet *outlet, enum output output, int32_t partition,
                                struct bytes key, struct bytes value, struct error *error)
{
    struct worker *worker = (struct worker *)(void *)outlet;
    const struct edge_record record = {
        .topic = output_topics[output], .partition = partition, .key = key, .value = value};
    (void)error; /* the worker's own */
    if (output == OUTPUT_EARLY) {
        worker_send_early(worker, &record);
        return VERDICT_OK;
    }
    return transaction_send(worker->transactions, &record, &worker->error);
}

/* A wrong clock sends many events, so this is told now and then; `times_ahead` counts them. */
static void tell_ahead(struct worker *worker, const struct input *input)
{
    int64_t at_us = now_us(worker);
    if (worker->ahead_told_us != 0 && at_us - worker->ahead_told_us < AHEAD_TOLD_US)
        return;
    worker->ahead_told_us = at_us;
    log_line(LOG_LEVEL_WARN, worker->name,
             "%s [%" PRId32 "] offset %" PRId64 ": event_time lies %" PRId64
             " s ahead of the record's Kafka timestamp; set the clock of its sender "
             "(event.ahead.max.ms, event.future.max.ms)",
             input->topic, input->partition, input->record.offset, input->record.ahead_ms / 1000);
}

static enum verdict process(struct worker *worker, struct input *input)
{
    const char *step = "decode";
    struct error why = {0};
    enum verdict verdict = VERDICT_OK;
    if (input->decoded && input->record.ahead_ms > 0)
        tell_ahead(worker, input);
    if (input->decoded)
        verdict = pipeline_event(worker->pipeline, &input->record, &step, &why);
    else
        pipeline_context(worker->pipeline)->counts->fates[input->record.fate]++;
    if (verdict != VERDICT_OK)
        return error_set(&worker->error, verdict, "%s", why.message);
    if (input->record.fate == FATE_DEAD_LETTER)
        verdict = worker_send_letter(worker, TOPIC_DEAD_LETTERS, input, step,
                                     input->decoded ? why.message : input->why.message);
    else if (input->record.fate == FATE_LATE)
        verdict = worker_send_letter(worker, TOPIC_LATE, input, step,
                                     "older than all that is remembered of the visitor");
    worker->batch_records++;
    worker_note_record(worker, input->record.written_ms);
    input_advance(input, worker->edge);
    return verdict;
}

/* Takes records until nothing is ready or it is time to look at the clock. `ret_wait_us` is lowered
 * to the time at which a task stops waiting for an older record. `ret_taken`: how many records. */
static enum verdict take_records(struct worker *worker, int64_t at_us, int64_t *ret_wait_us,
                                 size_t *ret_taken)
{
    size_t taken = 0, idle = 0;
    int64_t idle_max_us = worker->run->config->max_task_idle_ms * 1000;
    enum verdict verdict = VERDICT_OK;
    while (taken < RECORDS_A_LOOK && idle < worker->task_count && verdict == VERDICT_OK) {
        struct task *task = worker->tasks[worker->task_turn];
        task_fill(task, worker->edge, worker->pipeline, at_us);
        if (task->lost) { /* the next session begins where the partition does (assignment.c) */
            verdict =
                error_set(&worker->error, VERDICT_RETRY, "%s [%d] does not have the next record",
                          task->lost->topic, (int)task->partition);
            break;
        }
        struct input *input = task_next(task, idle_max_us, at_us, ret_wait_us);
        if (input == NULL) {
            idle++;
            worker->task_turn = (worker->task_turn + 1) % worker->task_count;
            continue;
        }
        idle = 0;
        verdict = process(worker, input);
        taken++;
    }
    if (worker->task_count > 0)
        worker->task_turn = (worker->task_turn + 1) % worker->task_count;
    *ret_taken = taken;
    return verdict;
}

/* ---- a batch ---- */

/* Bound of a batch's records. It halves with each failure until a batch is committed: a batch that
 * takes longer than its transaction may last would otherwise come back for ever. */
static uint64_t batch_records_max(const struct worker *worker)
{
    int halvings = worker->restarts < HALVINGS_MAX ? worker->restarts : HALVINGS_MAX;
    uint64_t most = (uint64_t)worker->run->config->batch_records_max >> halvings;
    return most > 0 ? most : 1;
}

static enum verdict run_batch(struct worker *worker)
{
    const struct config *config = worker->run->config;
    struct context *context = pipeline_context(worker->pipeline);
    int64_t at_us = now_us(worker), wait_us = INT64_MAX;
    size_t taken;
    context->generated_ms = clock_now_ms();
    context->steady_ms = at_us / 1000;
    enum verdict verdict = take_records(worker, at_us, &wait_us, &taken);
    if (verdict != VERDICT_OK)
        return verdict;
    catch_up_look(&worker->catch_up, worker->run, worker->edge, worker->tasks, worker->task_count,
                  taken, worker->name);
    pipeline_set_behind(worker->pipeline, worker->catch_up.behind);
    worker_warn_of_letters(worker, at_us);
    if (worker->batch_records > 0 && worker->batch_opened_us == 0)
        worker->batch_opened_us = at_us;
    int64_t calm_us = worker->committed_us + worker_commit_pause_us(worker);
    int64_t late_us = worker->batch_opened_us + config->commit_interval_ms * 1000;
    int64_t look_us = pipeline_next_lists_us(worker->pipeline);
    bool open = worker->batch_records > 0, nothing_ready = taken < RECORDS_A_LOOK;
    bool full = worker->batch_records >= batch_records_max(worker);
    if ((open && (full || at_us >= late_us || (nothing_ready && at_us >= calm_us))) ||
        (!open && at_us >= look_us)) {
        context->generated_ms = clock_now_ms();
        worker->batch_opened_us = 0;
        return worker_commit(worker);
    }
    if (open)
        wait_us = calm_us < late_us ? calm_us : late_us;
    else if (look_us < wait_us)
        wait_us = look_us;
    context->generated_ms = clock_now_ms();
    verdict = worker_make_early(worker, at_us, !nothing_ready, &wait_us);
    if (verdict != VERDICT_OK || !nothing_ready)
        return verdict;
    worker->edge->wait(worker->edge, wait_us);
    return VERDICT_OK;
}

/* ---- a session: from new clients to the first trouble ---- */

/* Lists made before the model has caught up would be poor, so the worker joins after it. */
static void await_model(struct worker *worker)
{
    while (!run_stops(worker->run) &&
           !(atomic_load(&worker->run->fold_ready) && atomic_load(&worker->run->catalogue_ready)))
        edge_pause(worker->edge, MODEL_POLL_US);
}

static enum verdict open_session(struct worker *worker)
{
    worker->trouble = VERDICT_OK;
    error_clear(&worker->error);
    worker_use_sizes(worker);
    worker_set_state(worker, WORKER_STARTING);
    enum verdict verdict = transactions_open(worker->transactions, &worker->error);
    if (verdict != VERDICT_OK)
        return verdict;
    await_model(worker);
    worker->joined = true;
    verdict = worker->edge->join(worker->edge, worker->member, &worker->group, &worker->error);
    if (verdict == VERDICT_OK)
        worker_set_state(worker, WORKER_WAITING);
    return verdict;
}

static void close_session(struct worker *worker)
{
    worker->aborts += transactions_abort(worker->transactions);
    pipeline_aborted(worker->pipeline);
    worker_drop_reasons(worker);
    worker_drop_delays(worker);
    if (worker->joined) {
        worker_meet_trouble(worker, VERDICT_RETRY); /* nothing is committed from here on */
        worker->edge->leave(worker->edge);
        worker_drop_tasks(worker);
        worker->edge->close_consumer(worker->edge);
        worker->joined = false;
    }
    transactions_close(worker->transactions);
    worker->batch_records = worker->early_records = 0;
    worker->batch_opened_us = 0;
    worker->early_stopped = false;
}

static enum verdict run_step(struct worker *worker)
{
    int64_t at_us = now_us(worker);
    bool running = worker->state == WORKER_RUNNING;
    if (running)
        worker_meet_trouble(worker, worker_check_presence(worker));
    if (at_us - worker->group_polled_us > GROUP_POLL_US || !running) {
        worker->edge->poll(worker->edge);
        worker->group_polled_us = at_us;
    }
    if (worker->trouble != VERDICT_OK)
        return worker->trouble;
    if (worker->state == WORKER_RUNNING)
        return run_batch(worker);
    if (worker->state == WORKER_RESTORING)
        return worker_restore(worker);
    worker->edge->wait(worker->edge, at_us + GROUP_POLL_US);
    return VERDICT_OK;
}

/* Two processes of one name would fence each other's producers and members for ever. The one that
 * was replaced ends. */
static enum verdict check_name(struct worker *worker)
{
    if (run_stops(worker->run) || !worker->edge->replaced(worker->edge))
        return VERDICT_RETRY;
    error_clear(&worker->error);
    return error_set(&worker->error, VERDICT_FATAL,
                     "another process has joined the group as %s; give each process its own name "
                     "(instance.id, state.dir)",
                     worker->run->instance);
}

static enum verdict run_session(struct worker *worker)
{
    enum verdict verdict = open_session(worker);
    while (verdict == VERDICT_OK && !run_stops(worker->run))
        verdict = run_step(worker);
    if (verdict == VERDICT_OK && worker->state == WORKER_RUNNING)
        verdict = worker_commit(worker); /* a clean stop loses no work */
    if (verdict == VERDICT_RETRY && worker->joined)
        verdict = check_name(worker);
    close_session(worker);
    worker_publish_totals(worker);
    return verdict;
}

/* A static member that comes back gets the partitions that it had, also when it subscribes to other
 * topics now: after an upgrade that added inputs, or with topics renamed. (Kafka's coordinator
 * compares only the names of its assignors.) So it stays away until the group has forgotten it. */
static void stay_away(struct worker *worker)
{
    int64_t timeout_ms = worker->run->config->session_timeout_ms;
    int64_t until_us = now_us(worker) + timeout_ms * 1000 + FORGOTTEN_US;
    log_line(LOG_LEVEL_WARN, worker->name,
             "the group still assigns the inputs of an earlier subscription; leaving it until it "
             "forgets this member (%lld ms)",
             (long long)timeout_ms + FORGOTTEN_US / 1000);
    while (now_us(worker) < until_us && !run_stops(worker->run))
        edge_pause(worker->edge, GROUP_POLL_US);
    worker->stale_assignments = 0;
}

/* The pause before the next session: it grows while one session after the other fails. */
static int64_t pause_us(const struct worker *worker)
{
    if (worker->restarts < RESTARTS_QUICK)
        return QUICK_PAUSE_US;
    int64_t us = PAUSE_US;
    for (int i = RESTARTS_QUICK; i < worker->restarts && us < PAUSE_MAX_US; i++)
        us *= 2;
    return us;
}

/* A passing fault is waited for as long as it lasts. */
static void recover(struct worker *worker)
{
    worker->restarts++;
    int64_t us = pause_us(worker), until_us = now_us(worker) + us;
    log_line(LOG_LEVEL_WARN, worker->name, "starting again from the last commit in %.1f s: %s",
             (double)us / 1e6, worker->error.message);
    while (now_us(worker) < until_us && !run_stops(worker->run))
        edge_pause(worker->edge, us < GROUP_POLL_US ? us : GROUP_POLL_US);
    if (worker->stale_assignments >= STALE_ASSIGNMENTS_MAX)
        stay_away(worker);
}

void *worker_thread(void *argument)
{
    struct worker *worker = argument;
    struct run *run = worker->run;
    pthread_setname_np(pthread_self(), worker->name);
    while (!run_stops(run)) {
        enum verdict verdict = run_session(worker);
        if (verdict == VERDICT_RETRY && !run_stops(run))
            verdict = worker_learn_size(worker);
        if (verdict == VERDICT_FATAL)
            run_fail(run, worker->name, &worker->error);
        else if (verdict == VERDICT_RETRY && !run_stops(run))
            recover(worker);
    }
    worker_set_state(worker, WORKER_STOPPED);
    return NULL;
}

/* ---- making and freeing ---- */

struct worker *worker_new(struct run *run, int index, struct kafka_edge *edge)
{
    struct worker *worker = memory_zero(1, sizeof *worker);
    struct error error = {0};
    worker->outlet.emit = worker_emit;
    worker->group = (struct edge_group){
        .assigned = worker_assigned, .revoked = worker_revoked, .refused = worker_refused};
    worker->run = run;
    worker->index = index;
    worker->edge = edge;
    snprintf(worker->name, sizeof worker->name, "worker %d", index);
    snprintf(worker->member, sizeof worker->member, "%s-%d", run->instance, index);
    const struct transactions_options options = {
        .config = run->config,
        .topology = &run->topology,
        .edge = edge,
        .stop = &run->stop,
        .instance = run->instance,
        .name = worker->name,
        .index = index,
        .partitions = run->partitions,
    };
    worker->transactions = transactions_new(&options);
    pthread_mutex_init(&worker->totals_lock, NULL);
    if (pipeline_new(run->config, &run->topology, run->store, run->model, run->catalogue,
                     &worker->outlet, registry_source(run->registry), &worker->pipeline,
                     &error) != VERDICT_OK ||
        pipeline_start_makers(worker->pipeline, (int)run->config->threads, &error) != VERDICT_OK) {
        run_fail(run, worker->name, &error);
        worker_free(worker);
        return NULL;
    }
    pipeline_search(worker->pipeline, run->search);
    if (run->config->settings.lists_early)
        pipeline_start_early(worker->pipeline);
    return worker;
}

void worker_free(struct worker *worker)
{
    if (worker == NULL)
        return;
    transactions_free(worker->transactions);
    worker->edge->free(worker->edge);
    pipeline_free(worker->pipeline);
    batch_release(&worker->batch);
    worker_release_delays(worker);
    pthread_mutex_destroy(&worker->totals_lock);
    free(worker);
}

void worker_totals(struct worker *worker, struct totals *totals)
{
    pthread_mutex_lock(&worker->totals_lock);
    const struct totals *mine = &worker->totals;
    counts_add(&totals->counts, &mine->counts);
    totals->shown_bytes += mine->shown_bytes;
    totals->commits += mine->commits;
    totals->aborts += mine->aborts;
    totals->restored += mine->restored;
    totals->lost += mine->lost;
    letter_reasons_merge(&totals->reasons, &mine->reasons);
    totals->visitors_cached += mine->visitors_cached;
    totals->visitors_bytes += mine->visitors_bytes;
    totals->memory.visitors += mine->memory.visitors;
    totals->memory.lists += mine->memory.lists;
    totals->memory.batches += mine->memory.batches;
    totals->memory.kafka += mine->memory.kafka;
    totals->ready_workers += mine->ready_workers;
    totals->behind_workers += mine->behind_workers;
    totals->lag_ms = mine->lag_ms > totals->lag_ms ? mine->lag_ms : totals->lag_ms;
    totals->records_left += mine->records_left;
    totals->lists_owed += mine->lists_owed;
    histogram_merge(&totals->event_to_list, &mine->event_to_list);
    histogram_merge(&totals->commit_times, &mine->commit_times);
    pthread_mutex_unlock(&worker->totals_lock);
}
