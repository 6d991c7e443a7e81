/* The worker: exactly-once from event to list.
 *
 *   1. Records are taken, the oldest of a task's inputs first, through the steps. State changes
 *      stay in memory; outputs go into the open transaction as they arise.
 *   2. At the end of the batch: lists, and one changelog record for each changed visitor, holding
 *      its whole new value.
 *   3. Flush; every delivery is checked; the highest changelog offsets are noted.
 *   4. The input offsets go into the transaction, with the group's generation.
 *   5. The transaction is committed.
 *   6. Then, and only then, one batch into the store: the same values, the input offsets and the
 *      changelog offsets.
 *
 * So the store is never ahead of Kafka: after a crash anywhere it is at most one transaction
 * behind, and the changelog brings it level.
 *
 * Whatever goes wrong with a transaction ends in the same way: it is aborted, everything derived
 * from it is dropped, and the worker starts anew from what was committed: new producers under the
 * same ids, which fences the old ones; restore; go on. An outcome that is not known is resolved by
 * the same start: what the broker says was committed is what counts. */
#include "processors/runtime/visitors/worker.h"

#include "processors/runtime/failpoint.h"
#include "processors/runtime/kafka/kafka.h"
#include "processors/runtime/kafka/members.h"
#include "processors/runtime/kafka/registry.h"
#include "processors/runtime/kafka/transaction.h"
#include "processors/runtime/log.h"
#include "processors/runtime/visitors/assignment.h"
#include "processors/runtime/visitors/restore.h"
#include "processors/runtime/visitors/standby.h"
#include "state/visitor_table.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define RESTARTS_MAX 20   /* in a row, without a commit between them */
#define RECORDS_A_LOOK 64 /* between looks at the clock */
#define GROUP_POLL_US 50000
#define HALVINGS_MAX 12
#define STALE_SHARES_MAX 3   /* in a row; metadata of topics that were just made comes soon */
#define FORGOTTEN_US 1000000 /* beyond the session's time-out */

enum worker_state {
    WORKER_STARTING,  /* clients are made, producers initialised */
    WORKER_WAITING,   /* for an assignment */
    WORKER_RESTORING, /* changelogs are read back */
    WORKER_RUNNING,
    WORKER_STOPPED,
};

static const char *const state_names[] = {"starting", "waiting", "restoring", "running", "stopped"};

struct worker {
    struct outlet outlet; /* first: the pipeline hands it back */
    struct run *run;
    int index;
    char name[32];
    char member[2 * CONFIG_TEXT_MAX]; /* its name in the group */
    enum worker_state state;
    rd_kafka_t *consumer;
    rd_kafka_queue_t *group_queue;
    struct transactions *transactions;
    struct pipeline *pipeline;
    struct registry *registry;
    struct task **tasks; /* by their order of assignment */
    size_t task_count;
    size_t task_turn;
    struct restore *restore;
    struct store_batch batch;
    int wake[2]; /* a pipe: librdkafka writes when something arrives */
    uint64_t batch_records;
    int64_t batch_opened_us, committed_us, group_polled_us;
    enum verdict trouble; /* met inside a callback: RETRY or FATAL */
    struct error error;
    int restarts;
    int stale_shares; /* assignments in a row that lacked inputs */
    uint64_t commits, aborts, restored;
    pthread_mutex_t totals_lock;
    struct totals totals; /* as of the last commit; under totals_lock */
};

static void set_state(struct worker *worker, enum worker_state state)
{
    if (worker->state != state)
        log_line(LOG_LEVEL_INFO, worker->name, "%s -> %s", state_names[worker->state],
                 state_names[state]);
    worker->state = state;
}

static bool exactly_once(const struct worker *worker)
{
    return config_exactly_once(worker->run->config);
}

static enum verdict worker_emit(struct outlet *outlet, enum output output, int32_t partition,
                                struct bytes key, struct bytes value, struct error *error)
{
    static const enum topic topics[OUTPUTS] = {TOPIC_INTERACTIONS, TOPIC_RECOMMENDATIONS};
    struct worker *worker = (struct worker *)(void *)outlet;
    (void)error; /* the worker's own */
    return transaction_send(worker->transactions, topics[output], partition, key, value,
                            &worker->error);
}

/* ---- the transaction ---- */

static rd_kafka_topic_partition_list_t *batch_offsets(const struct worker *worker)
{
    rd_kafka_topic_partition_list_t *offsets =
        rd_kafka_topic_partition_list_new((int)worker->task_count * INPUT_TOPICS);
    for (size_t i = 0; i < worker->task_count; i++) {
        for (int k = 0; k < INPUT_TOPICS; k++) {
            const struct input *input = &worker->tasks[i]->inputs[k];
            if (input->next < 0)
                continue;
            rd_kafka_topic_partition_t *partition =
                rd_kafka_topic_partition_list_add(offsets, input->topic, input->partition);
            partition->offset = input->next;
            /* for whoever takes it over: see members_fence_gone() */
            partition->metadata = memory_text(bytes_text(worker->member));
            partition->metadata_size = strlen(worker->member);
        }
    }
    return offsets;
}

static enum verdict commit_plainly(struct worker *worker, rd_kafka_topic_partition_list_t *offsets)
{
    if (offsets->cnt == 0)
        return VERDICT_OK;
    rd_kafka_resp_err_t err = rd_kafka_commit(worker->consumer, offsets, 0);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR || err == RD_KAFKA_RESP_ERR__NO_OFFSET)
        return VERDICT_OK;
    return error_set(&worker->error, VERDICT_RETRY, "offsets can't be committed: %s",
                     rd_kafka_err2str(err));
}

static enum verdict write_changelog(struct worker *worker)
{
    struct visitor_table *visitors = pipeline_visitors(worker->pipeline);
    enum verdict verdict = VERDICT_OK;
    for (size_t i = 0; verdict == VERDICT_OK && i < visitor_table_dirty_count(visitors); i++) {
        struct visitor *visitor = visitor_table_dirty_at(visitors, i);
        verdict = transaction_send(worker->transactions, TOPIC_VISITOR_CHANGELOG,
                                   visitor->partition, visitor_key(visitor),
                                   visitor_table_encode(visitors, visitor), &worker->error);
    }
    return verdict;
}

static enum verdict write_store(struct worker *worker,
                                const rd_kafka_topic_partition_list_t *offsets)
{
    const char *changelog = worker->run->topology.topics[TOPIC_VISITOR_CHANGELOG];
    batch_clear(&worker->batch);
    visitor_table_batch(pipeline_visitors(worker->pipeline), &worker->batch);
    for (int i = 0; i < offsets->cnt; i++)
        batch_put_offset(&worker->batch, 'i', offsets->elems[i].topic, offsets->elems[i].partition,
                         offsets->elems[i].offset);
    for (size_t i = 0; i < worker->task_count; i++) {
        struct task *task = worker->tasks[i];
        int64_t offset = transaction_changelog(worker->transactions, task->partition);
        if (task->looks_wait != pipeline_has_looks(worker->pipeline)) {
            task->looks_wait = !task->looks_wait;
            batch_put_offset(&worker->batch, 'l', changelog, task->partition, task->looks_wait);
        }
        if (offset < 0)
            continue;
        task->changelog_next = offset + 1;
        batch_put_offset(&worker->batch, 'c', changelog, task->partition, offset + 1);
    }
    failpoint_within("mid_batch", 200);
    return worker->run->store->write(worker->run->store, &worker->batch, &worker->error);
}

static void publish_totals(struct worker *worker)
{
    pthread_mutex_lock(&worker->totals_lock);
    worker->totals = (struct totals){
        .counts = *pipeline_counts(worker->pipeline),
        .commits = worker->commits,
        .aborts = worker->aborts,
        .restored = worker->restored,
        .visitors_cached = visitor_table_count(pipeline_visitors(worker->pipeline)),
        .visitors_bytes = visitor_table_bytes(pipeline_visitors(worker->pipeline)),
        .shown_bytes = recommend_shown_bytes(pipeline_context(worker->pipeline)->recommender),
        .ready_workers = worker->state == WORKER_RUNNING,
    };
    pthread_mutex_unlock(&worker->totals_lock);
}

static enum verdict close_batch(struct worker *worker)
{
    for (size_t i = 0; i < worker->task_count; i++)
        for (int k = 0; k < INPUT_TOPICS; k++)
            worker->tasks[i]->inputs[k].next = -1;
    worker->batch_records = 0;
    worker->committed_us = clock_monotonic_us();
    return transactions_turn(worker->transactions, &worker->error);
}

/* When the parts of a commit ended; for the debug log. */
struct commit_times {
    int64_t began_us, closed_us, flushed_us, ended_us;
};

static void log_commit(const struct worker *worker, const struct commit_times *times)
{
    if (log_level_wanted() < LOG_LEVEL_DEBUG)
        return;
    int64_t now_us = clock_monotonic_us();
    log_line(LOG_LEVEL_DEBUG, worker->name,
             "commit: %llu records, %lld us since the last; lists and changelog %lld us, flush "
             "%lld, end %lld, store %lld",
             (unsigned long long)worker->batch_records, (long long)(now_us - worker->committed_us),
             (long long)(times->closed_us - times->began_us),
             (long long)(times->flushed_us - times->closed_us),
             (long long)(times->ended_us - times->flushed_us),
             (long long)(now_us - times->ended_us));
}

/* Without a transaction nothing fences a process that stood still for longer than its session: what
 * it would write may be older than what others have written of the same visitors since. RETRY: it
 * was away. */
static enum verdict check_presence(struct worker *worker)
{
    int64_t away_us = clock_monotonic_us() - worker->group_polled_us;
    if (exactly_once(worker) || away_us <= worker->run->config->session_timeout_ms * 1000)
        return VERDICT_OK;
    return error_set(&worker->error, VERDICT_RETRY, "this process stood still for %.1f s",
                     (double)away_us / 1e6);
}

/* Steps 2 to 6. RETRY: start anew; FATAL: the store can't be written. */
static enum verdict commit(struct worker *worker)
{
    struct commit_times times = {.began_us = clock_monotonic_us()};
    enum verdict verdict = check_presence(worker);
    if (verdict == VERDICT_OK)
        verdict = pipeline_close(worker->pipeline, &worker->error);
    /* Without a transaction the changelog must not be there before what it stands for: after a
     * crash the events would be known, and nothing written of them. */
    if (verdict == VERDICT_OK && !exactly_once(worker))
        verdict = transaction_flush(worker->transactions, &worker->error);
    if (verdict == VERDICT_OK)
        verdict = check_presence(worker);
    if (verdict == VERDICT_OK)
        verdict = write_changelog(worker);
    if (verdict != VERDICT_OK)
        return verdict;
    if (!transaction_is_open(worker->transactions) && worker->batch_records == 0) {
        pipeline_committed(worker->pipeline); /* a second look found nothing new */
        return VERDICT_OK;
    }
    times.closed_us = clock_monotonic_us();
    /* duplicates alone write nothing, but their offsets count */
    verdict = transaction_begin(worker->transactions, &worker->error);
    failpoint_within("mid_flush", 3000);
    if (verdict == VERDICT_OK)
        verdict = transaction_flush(worker->transactions, &worker->error);
    times.flushed_us = clock_monotonic_us();
    failpoint("after_flush");
    rd_kafka_topic_partition_list_t *offsets = batch_offsets(worker);
    if (verdict == VERDICT_OK && exactly_once(worker)) {
        verdict =
            transaction_commit(worker->transactions, worker->consumer, offsets, &worker->error);
        times.ended_us = clock_monotonic_us();
        failpoint("after_commit");
        if (verdict == VERDICT_OK)
            verdict = write_store(worker, offsets);
    } else if (verdict == VERDICT_OK) {
        times.ended_us = times.flushed_us;
        verdict = commit_plainly(worker, offsets);
        if (verdict == VERDICT_OK) /* never ahead of the group; the changelog has it already */
            verdict = write_store(worker, offsets);
    }
    rd_kafka_topic_partition_list_destroy(offsets);
    if (verdict != VERDICT_OK)
        return verdict;
    log_commit(worker, &times);
    worker->commits++;
    worker->restarts = 0;
    pipeline_committed(worker->pipeline);
    verdict = close_batch(worker);
    publish_totals(worker);
    return verdict;
}

/* ---- assignment ---- */

static void drop_tasks(struct worker *worker)
{
    restore_free(worker->restore);
    worker->restore = NULL;
    pipeline_forget_looks(worker->pipeline);
    for (size_t i = 0; i < worker->task_count; i++) {
        visitor_table_forget(pipeline_visitors(worker->pipeline), worker->tasks[i]->partition);
        standby_disown(worker->run->standby, worker->tasks[i]->partition);
        if (worker->tasks[i]->partition == 0)
            atomic_store(&worker->run->has_first_partition, false);
        task_free(worker->tasks[i]);
    }
    free(worker->tasks);
    worker->tasks = NULL;
    worker->task_count = worker->task_turn = 0;
}

static void meet_trouble(struct worker *worker, enum verdict verdict)
{
    if (verdict == VERDICT_FATAL || worker->trouble == VERDICT_OK)
        worker->trouble = verdict;
}

static struct task *add_task(struct worker *worker, int32_t partition)
{
    for (size_t i = 0; i < worker->task_count; i++)
        if (worker->tasks[i]->partition == partition)
            return worker->tasks[i];
    struct task *task =
        task_new(worker->consumer, &worker->run->topology, partition, worker->wake[1]);
    worker->tasks = memory_resize(worker->tasks, (worker->task_count + 1) * sizeof *worker->tasks);
    worker->tasks[worker->task_count++] = task;
    standby_own(worker->run->standby, partition);
    if (partition == 0)
        atomic_store(&worker->run->has_first_partition, true);
    return task;
}

static void take_assignment(struct worker *worker, rd_kafka_topic_partition_list_t *partitions)
{
    const struct assignment assignment = {.run = worker->run,
                                          .consumer = worker->consumer,
                                          .member = worker->member,
                                          .name = worker->name};
    bool stale;
    enum verdict verdict = assignment_check(&assignment, partitions, &stale, &worker->error);
    worker->stale_shares = stale ? worker->stale_shares + 1 : 0;
    if (verdict == VERDICT_OK && partitions->cnt > 0)
        verdict = assignment_offsets(&assignment, partitions, &worker->error);
    if (verdict != VERDICT_OK) {
        meet_trouble(worker, verdict);
        rd_kafka_assign(worker->consumer, NULL);
        return;
    }
    for (int i = 0; i < partitions->cnt; i++)
        add_task(worker, partitions->elems[i].partition);
    rd_kafka_assign(worker->consumer, partitions);
    log_line(LOG_LEVEL_INFO, worker->name, "%zu partitions assigned", worker->task_count);
    if (worker->task_count == 0) {
        set_state(worker, WORKER_WAITING);
        return;
    }
    set_state(worker, WORKER_RESTORING);
    verdict = restore_new(worker->run, worker->tasks, worker->task_count, &worker->restore,
                          &worker->error);
    if (verdict != VERDICT_OK)
        meet_trouble(worker, verdict);
}

static void rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t err,
                      rd_kafka_topic_partition_list_t *partitions, void *opaque)
{
    struct worker *worker = opaque;
    if (err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        take_assignment(worker, partitions);
        return;
    }
    if (rd_kafka_assignment_lost(rk)) {
        error_set(&worker->error, VERDICT_RETRY, "the partitions went to another member");
        meet_trouble(worker, VERDICT_RETRY);
    } else if (worker->trouble == VERDICT_OK && worker->state == WORKER_RUNNING) {
        meet_trouble(worker, commit(worker));
    }
    if (worker->trouble != VERDICT_OK)
        pipeline_aborted(worker->pipeline);
    drop_tasks(worker);
    rd_kafka_assign(rk, NULL);
    set_state(worker, WORKER_WAITING);
    publish_totals(worker);
}

/* ---- records ---- */

static enum verdict process(struct worker *worker, struct input *input)
{
    const char *step = "decode";
    struct error why = {0};
    enum verdict verdict = VERDICT_OK;
    if (input->decoded)
        verdict = pipeline_event(worker->pipeline, &input->record, &step, &why);
    else
        pipeline_context(worker->pipeline)->counts->fates[FATE_DEAD_LETTER]++;
    if (verdict != VERDICT_OK) {
        error_set(&worker->error, verdict, "%s", why.message);
        return verdict;
    }
    if (input->record.fate == FATE_DEAD_LETTER)
        verdict =
            transaction_send_raw(worker->transactions, TOPIC_DEAD_LETTERS, input, step,
                                 input->decoded ? why.message : input->why.message, &worker->error);
    else if (input->record.fate == FATE_LATE)
        verdict = transaction_send_raw(worker->transactions, TOPIC_LATE, input, step,
                                       "older than all that is remembered of the visitor",
                                       &worker->error);
    worker->batch_records++;
    input_advance(input);
    return verdict;
}

/* Takes records until nothing is ready, the batch is full or it is time to look at the clock.
 * `ret_wait_us`: until when a waiting task waits. Returns how many were taken. */
static size_t take_records(struct worker *worker, int64_t now_us, int64_t *ret_wait_us,
                           enum verdict *ret_verdict)
{
    size_t taken = 0, idle = 0;
    int64_t idle_max_us = worker->run->config->max_task_idle_ms * 1000;
    while (taken < RECORDS_A_LOOK && idle < worker->task_count && *ret_verdict == VERDICT_OK) {
        struct task *task = worker->tasks[worker->task_turn];
        task_fill(task, worker->consumer, worker->pipeline, now_us);
        struct input *input = task_next(task, idle_max_us, now_us, ret_wait_us);
        if (input == NULL) {
            idle++;
            worker->task_turn = (worker->task_turn + 1) % worker->task_count;
            continue;
        }
        idle = 0;
        *ret_verdict = process(worker, input);
        taken++;
    }
    if (worker->task_count > 0)
        worker->task_turn = (worker->task_turn + 1) % worker->task_count;
    return taken;
}

static void sleep_until(struct worker *worker, int64_t until_us)
{
    char bytes[256];
    int64_t now_us = clock_monotonic_us();
    struct pollfd wake = {.fd = worker->wake[0], .events = POLLIN};
    if (until_us > now_us + GROUP_POLL_US)
        until_us = now_us + GROUP_POLL_US;
    if (until_us > now_us)
        poll(&wake, 1, (int)((until_us - now_us + 999) / 1000));
    while (read(worker->wake[0], bytes, sizeof bytes) == sizeof bytes)
        ;
}

static void poll_group(struct worker *worker, int64_t now_us)
{
    rd_kafka_message_t *message = rd_kafka_consumer_poll(worker->consumer, 0);
    if (message) {
        log_line(LOG_LEVEL_WARN, worker->name, "consumer: %s", rd_kafka_message_errstr(message));
        rd_kafka_message_destroy(message);
    }
    worker->group_polled_us = now_us;
    transactions_poll(worker->transactions);
}

/* Records in a batch. After a failure fewer, by half each time until one is committed: a batch that
 * takes longer than its transaction may last would come back for ever. */
static uint64_t batch_most(const struct worker *worker)
{
    int halvings = worker->restarts < HALVINGS_MAX ? worker->restarts : HALVINGS_MAX;
    uint64_t most = (uint64_t)worker->run->config->batch_records_max >> halvings;
    return most > 0 ? most : 1;
}

static enum verdict run_batch(struct worker *worker)
{
    const struct config *config = worker->run->config;
    struct context *context = pipeline_context(worker->pipeline);
    int64_t now_us = clock_monotonic_us(), wait_us = INT64_MAX;
    enum verdict verdict = VERDICT_OK;
    context->now_ms = context->generated_ms = clock_now_ms();
    size_t taken = take_records(worker, now_us, &wait_us, &verdict);
    if (verdict != VERDICT_OK)
        return verdict;
    if (worker->batch_records > 0 && worker->batch_opened_us == 0)
        worker->batch_opened_us = now_us;
    int64_t calm_us = worker->committed_us + config->commit_min_ms * 1000;
    int64_t late_us = worker->batch_opened_us + config->commit_interval_ms * 1000;
    int64_t look_us = pipeline_next_look_us(worker->pipeline);
    bool open = worker->batch_records > 0, nothing_ready = taken < RECORDS_A_LOOK;
    if ((open && (now_us >= late_us || (nothing_ready && now_us >= calm_us) ||
                  worker->batch_records >= batch_most(worker))) ||
        (!open && now_us >= look_us)) {
        context->generated_ms = clock_now_ms();
        worker->batch_opened_us = 0;
        return commit(worker);
    }
    if (nothing_ready) {
        if (open)
            wait_us = calm_us < late_us ? calm_us : late_us;
        else if (look_us < wait_us)
            wait_us = look_us;
        sleep_until(worker, wait_us);
    }
    return VERDICT_OK;
}

/* Visitors whose lists wait for a second look, from before a crash or of another process. */
static enum verdict find_looks(struct worker *worker)
{
    const char *changelog = worker->run->topology.topics[TOPIC_VISITOR_CHANGELOG];
    enum verdict verdict = VERDICT_OK;
    for (size_t i = 0; i < worker->task_count && verdict == VERDICT_OK; i++) {
        struct task *task = worker->tasks[i];
        int64_t waiting = 1; /* a new copy of the state does not know */
        verdict = store_get_offset(worker->run->store, 'l', changelog, task->partition, &waiting,
                                   &worker->error);
        if (verdict == VERDICT_FATAL)
            break;
        task->looks_wait = waiting != 0;
        verdict = VERDICT_OK;
        if (task->looks_wait)
            verdict = pipeline_find_looks(worker->pipeline, worker->run->store, task->partition,
                                          &worker->error);
    }
    return verdict;
}

static enum verdict run_restore(struct worker *worker)
{
    enum verdict verdict = restore_step(worker->restore, &worker->restored, &worker->error);
    if (verdict == VERDICT_RETRY)
        return VERDICT_OK;
    if (verdict == VERDICT_OK) {
        restore_free(worker->restore);
        worker->restore = NULL;
        verdict = find_looks(worker);
        set_state(worker, WORKER_RUNNING);
        publish_totals(worker);
    }
    return verdict;
}

/* ---- a session: from new clients to the first trouble ---- */

static enum verdict open_consumer(struct worker *worker)
{
    struct run *run = worker->run;
    char timeout[24], heartbeat[24];
    int64_t timeout_ms = run->config->session_timeout_ms;
    snprintf(timeout, sizeof timeout, "%lld", (long long)timeout_ms);
    /* librdkafka's own 3 s would be too seldom for a short time-out */
    snprintf(heartbeat, sizeof heartbeat, "%lld",
             (long long)(timeout_ms > 9000 ? 3000 : timeout_ms / 3));
    const struct kafka_extra extra[] = {
        {"group.id", run->config->application_id},
        {"group.instance.id", worker->member},
        {"session.timeout.ms", timeout},
        {"heartbeat.interval.ms", heartbeat},
        {NULL, NULL},
    };
    rd_kafka_conf_t *conf = kafka_conf(run->config, KAFKA_MEMBER, extra, &worker->error);
    if (conf == NULL)
        return VERDICT_FATAL;
    rd_kafka_conf_set_rebalance_cb(conf, rebalance);
    rd_kafka_conf_set_opaque(conf, worker);
    worker->consumer = kafka_new(KAFKA_MEMBER, conf, &worker->error);
    if (worker->consumer == NULL)
        return VERDICT_FATAL;
    worker->group_queue = rd_kafka_queue_get_consumer(worker->consumer);
    rd_kafka_queue_io_event_enable(worker->group_queue, worker->wake[1], "w", 1);
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(INPUT_TOPICS);
    for (int i = 0; i < INPUT_TOPICS; i++)
        rd_kafka_topic_partition_list_add(topics, run->topology.topics[i], -1);
    rd_kafka_resp_err_t err = rd_kafka_subscribe(worker->consumer, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    if (err)
        return error_set(&worker->error, VERDICT_FATAL, "can't subscribe: %s",
                         rd_kafka_err2str(err));
    return VERDICT_OK;
}

/* Lists made before the model has caught up would be poor, so the worker joins after it. */
static void await_model(struct worker *worker)
{
    while (!run_stops(worker->run) &&
           !(atomic_load(&worker->run->fold_ready) && atomic_load(&worker->run->catalogue_ready)))
        usleep(10000);
}

static void close_session(struct worker *worker)
{
    worker->aborts += transactions_abort(worker->transactions);
    pipeline_aborted(worker->pipeline);
    if (worker->consumer) {
        meet_trouble(worker, VERDICT_RETRY); /* nothing is committed from here on */
        rd_kafka_consumer_close(worker->consumer);
        drop_tasks(worker);
        rd_kafka_queue_destroy(worker->group_queue);
        rd_kafka_destroy(worker->consumer);
        worker->consumer = NULL;
    }
    transactions_close(worker->transactions);
    worker->batch_records = 0;
    worker->batch_opened_us = 0;
}

static enum verdict run_session(struct worker *worker)
{
    enum verdict verdict = VERDICT_OK;
    worker->trouble = VERDICT_OK;
    error_clear(&worker->error);
    set_state(worker, WORKER_STARTING);
    verdict = transactions_open(worker->transactions, &worker->error);
    if (verdict == VERDICT_OK)
        await_model(worker);
    if (verdict == VERDICT_OK)
        verdict = open_consumer(worker);
    if (verdict == VERDICT_OK)
        set_state(worker, WORKER_WAITING);
    while (verdict == VERDICT_OK && !run_stops(worker->run)) {
        int64_t now_us = clock_monotonic_us();
        if (worker->state == WORKER_RUNNING && check_presence(worker) != VERDICT_OK)
            meet_trouble(worker, VERDICT_RETRY);
        if (now_us - worker->group_polled_us > GROUP_POLL_US || worker->state != WORKER_RUNNING)
            poll_group(worker, now_us);
        verdict = worker->trouble;
        if (verdict == VERDICT_OK && worker->state == WORKER_RUNNING)
            verdict = run_batch(worker);
        else if (verdict == VERDICT_OK && worker->state == WORKER_RESTORING)
            verdict = run_restore(worker);
        else if (verdict == VERDICT_OK)
            sleep_until(worker, now_us + GROUP_POLL_US);
    }
    if (verdict == VERDICT_OK && worker->state == WORKER_RUNNING)
        verdict = commit(worker); /* a clean stop loses no work */
    close_session(worker);
    publish_totals(worker);
    return verdict;
}

/* A static member that comes back gets what it had, also when it wants other topics now (Kafka's
 * coordinator looks at its names of assignors alone): after an upgrade that added inputs, or with
 * topics renamed. So it stays away until the group has forgotten it, and is shared out anew. */
static void stay_away(struct worker *worker)
{
    int64_t until_us =
        clock_monotonic_us() + worker->run->config->session_timeout_ms * 1000 + FORGOTTEN_US;
    log_line(LOG_LEVEL_WARN, worker->name,
             "the group still shares out the inputs of before; leaving it until it forgets this "
             "member (%lld ms)",
             (long long)worker->run->config->session_timeout_ms + FORGOTTEN_US / 1000);
    while (clock_monotonic_us() < until_us && !run_stops(worker->run))
        usleep(GROUP_POLL_US);
    worker->stale_shares = 0;
}

void *worker_thread(void *argument)
{
    struct worker *worker = argument;
    struct run *run = worker->run;
    pthread_setname_np(pthread_self(), worker->name);
    while (!run_stops(run)) {
        enum verdict verdict = run_session(worker);
        if (verdict == VERDICT_OK)
            continue;
        if (verdict == VERDICT_RETRY && worker->restarts++ < RESTARTS_MAX && !run_stops(run)) {
            log_line(LOG_LEVEL_WARN, worker->name, "starting anew from the last commit: %s",
                     worker->error.message);
            usleep(worker->restarts < 3 ? 100000 : 1000000);
            if (worker->stale_shares >= STALE_SHARES_MAX)
                stay_away(worker);
            continue;
        }
        if (!run_stops(run) || verdict == VERDICT_FATAL)
            run_fail(run, worker->name, &worker->error);
        break;
    }
    set_state(worker, WORKER_STOPPED);
    return NULL;
}

struct worker *worker_new(struct run *run, int index)
{
    struct worker *worker = memory_zero(1, sizeof *worker);
    struct error error = {0};
    worker->outlet.emit = worker_emit;
    worker->run = run;
    worker->index = index;
    snprintf(worker->name, sizeof worker->name, "worker %d", index);
    snprintf(worker->member, sizeof worker->member, "%s-%d", run->instance, index);
    worker->transactions = transactions_new(run, worker->name, index);
    pthread_mutex_init(&worker->totals_lock, NULL);
    if (run->config->schema_registry_url[0])
        worker->registry = registry_new(run->config->schema_registry_url);
    enum verdict verdict = pipeline_new(
        run->config, &run->topology, run->store, run->model, run->catalogue, &worker->outlet,
        worker->registry ? registry_source(worker->registry) : NULL, &worker->pipeline, &error);
    if (verdict == VERDICT_OK)
        pipeline_search(worker->pipeline, run->search);
    if (verdict == VERDICT_OK && pipe2(worker->wake, O_NONBLOCK | O_CLOEXEC) != 0)
        verdict = error_set(&error, VERDICT_FATAL, "no pipe can be made");
    if (verdict != VERDICT_OK) {
        run_fail(run, worker->name, &error);
        worker_free(worker);
        return NULL;
    }
    return worker;
}

void worker_free(struct worker *worker)
{
    if (worker == NULL)
        return;
    transactions_free(worker->transactions);
    pipeline_free(worker->pipeline);
    registry_free(worker->registry);
    batch_release(&worker->batch);
    if (worker->wake[0] != worker->wake[1]) {
        close(worker->wake[0]);
        close(worker->wake[1]);
    }
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
    totals->visitors_cached += mine->visitors_cached;
    totals->visitors_bytes += mine->visitors_bytes;
    totals->ready_workers += mine->ready_workers;
    pthread_mutex_unlock(&worker->totals_lock);
}
