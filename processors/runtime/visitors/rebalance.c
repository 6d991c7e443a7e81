/* Partitions that come to a worker and go: assignment, hand-over through the restore, revocation.
 *
 * A rebalance is eager: the group revokes everything and then assigns again. Revoked partitions are
 * committed first, inside the listener, unless another member may have them already. */
#include "processors/runtime/log.h"
#include "processors/runtime/visitors/assignment.h"
#include "processors/runtime/visitors/standby.h"
#include "processors/runtime/visitors/worker_parts.h"
#include "state/visitor_table.h"

#include <stdlib.h>

static struct worker *worker_of(struct edge_group *group)
{
    return (struct worker *)(void *)((char *)group - offsetof(struct worker, group));
}

void worker_drop_tasks(struct worker *worker)
{
    restore_free(worker->restore);
    worker->restore = NULL;
    pipeline_forget_waiting(worker->pipeline);
    worker->catch_up = (struct catch_up){0};
    for (size_t i = 0; i < worker->task_count; i++) {
        struct task *task = worker->tasks[i];
        visitor_table_forget(pipeline_visitors(worker->pipeline), task->partition);
        standby_disown(worker->run->standby, task->partition);
        if (task->partition == 0)
            atomic_store(&worker->run->has_first_partition, false);
        task_free(task, worker->edge);
    }
    free(worker->tasks);
    worker->tasks = NULL;
    worker->task_count = worker->task_turn = 0;
}

static void add_task(struct worker *worker, int32_t partition)
{
    for (size_t i = 0; i < worker->task_count; i++)
        if (worker->tasks[i]->partition == partition)
            return;
    worker->tasks = memory_resize(worker->tasks, (worker->task_count + 1) * sizeof *worker->tasks);
    worker->tasks[worker->task_count++] = task_new(worker->edge, &worker->run->topology, partition);
    standby_own(worker->run->standby, partition);
    if (partition == 0)
        atomic_store(&worker->run->has_first_partition, true);
}

/* Finds where each partition goes on. */
static enum verdict check_assignment(struct worker *worker, struct edge_place *places, size_t count)
{
    const struct assignment assignment = {
        .run = worker->run, .edge = worker->edge, .member = worker->member, .name = worker->name};
    bool stale;
    enum verdict verdict = assignment_check(&assignment, places, count, &stale, &worker->error);
    worker->stale_assignments = stale ? worker->stale_assignments + 1 : 0;
    if (verdict != VERDICT_OK || count == 0)
        return verdict;
    return assignment_offsets(&assignment, places, count, &worker->lost, &worker->error);
}

void worker_assigned(struct edge_group *group, struct edge_place *places, size_t count)
{
    struct worker *worker = worker_of(group);
    enum verdict verdict = check_assignment(worker, places, count);
    if (verdict != VERDICT_OK) {
        worker_meet_trouble(worker, verdict);
        worker->edge->assign(worker->edge, NULL, 0);
        return;
    }
    for (size_t i = 0; i < count; i++)
        add_task(worker, places[i].partition);
    worker->edge->assign(worker->edge, places, count);
    log_line(LOG_LEVEL_INFO, worker->name, "%zu partitions assigned", worker->task_count);
    if (worker->task_count == 0) {
        worker_set_state(worker, WORKER_WAITING);
        return;
    }
    worker_set_state(worker, WORKER_RESTORING);
    verdict = restore_new(worker->run, worker->tasks, worker->task_count, &worker->restore,
                          &worker->error);
    if (verdict != VERDICT_OK)
        worker_meet_trouble(worker, verdict);
}

void worker_revoked(struct edge_group *group, bool lost)
{
    struct worker *worker = worker_of(group);
    if (lost) {
        error_set(&worker->error, VERDICT_RETRY, "the partitions went to another member");
        worker_meet_trouble(worker, VERDICT_RETRY);
    } else if (worker->trouble == VERDICT_OK && worker->state == WORKER_RUNNING) {
        worker_meet_trouble(worker, worker_commit(worker));
    }
    if (worker->trouble != VERDICT_OK)
        pipeline_aborted(worker->pipeline);
    worker_drop_tasks(worker);
    worker->edge->assign(worker->edge, NULL, 0);
    worker_set_state(worker, WORKER_WAITING);
    worker_publish_totals(worker);
}

void worker_refused(struct edge_group *group, const char *why)
{
    struct worker *worker = worker_of(group);
    error_clear(&worker->error);
    error_set(&worker->error, VERDICT_FATAL, "%s", why);
    worker_meet_trouble(worker, VERDICT_FATAL);
}

/* Takes up visitors whose lists wait, from before a crash or from another process. A new copy of
 * the state does not know whether there are any, so it searches. */
static enum verdict find_looks(struct worker *worker)
{
    const char *changelog = worker->run->topology.topics[TOPIC_VISITOR_CHANGELOG];
    struct store *store = worker->run->store;
    for (size_t i = 0; i < worker->task_count; i++) {
        struct task *task = worker->tasks[i];
        int64_t stored = 1;
        if (store_get_offset(store, OFFSETS_SECOND_LOOKS, changelog, task->partition, &stored,
                             &worker->error) == VERDICT_FATAL)
            return VERDICT_FATAL;
        task->looks_wait = stored != 0;
        if (!task->looks_wait)
            continue;
        enum verdict verdict =
            pipeline_find_waiting(worker->pipeline, store, task->partition, &worker->error);
        if (verdict != VERDICT_OK)
            return verdict;
    }
    return VERDICT_OK;
}

enum verdict worker_restore(struct worker *worker)
{
    enum verdict verdict = restore_step(worker->restore, &worker->restored, &worker->error);
    if (verdict == VERDICT_RETRY)
        return VERDICT_OK;
    if (verdict != VERDICT_OK)
        return verdict;
    restore_free(worker->restore);
    worker->restore = NULL;
    verdict = find_looks(worker);
    worker_set_state(worker, WORKER_RUNNING);
    worker_publish_totals(worker);
    return verdict;
}
