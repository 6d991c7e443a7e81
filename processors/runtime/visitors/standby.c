#include "processors/runtime/visitors/standby.h"

#include "processors/runtime/kafka/members.h"
#include "processors/runtime/log.h"
#include "processors/runtime/visitors/copy_age.h"
#include "processors/runtime/visitors/restore.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LOOK_US 2000000 /* between looks at who is in the group */
#define WRITE_US 500000 /* between writes of the rows that were read */
#define POLL_MS 20
#define SWEEP_POLL_MS 100
#define SWEEP_LOOK_US 10000000 /* between looks for idle copies */
#define SWEEP_SHARE 10         /* between looks at their age: a share of the retention, */
#define SWEEP_MIN_US 1000000   /* at least this */
#define SWEEP_MAX_US 3600000000
#define BATCH_BYTES_MAX ((size_t)4 << 20)

struct standby {
    struct run *run;
    const char *topic;
    int32_t partitions;
    pthread_mutex_t lock; /* guards the fields below, up to the blank line */
    pthread_cond_t let_go;
    bool *owned; /* by a worker of this process */
    bool *followed;
    bool stopped;

    bool *wanted;
    bool *refused;               /* its changelog is damaged: for the restore to say */
    int64_t *next;               /* offset */
    bool moved;                  /* an offset in `next` is not in the store yet */
    struct copy_deadline *fresh; /* of copies that are followed */
    struct partition_reader *reader;
    struct member_watch *member_watch;
    struct store_batch batch;
    bool reads_again; /* what was read last does not count: the places in `next` do */
    int64_t look_us, write_us, sweep_us, retry_us;
};

struct standby *standby_new(struct run *run)
{
    struct standby *standby = memory_zero(1, sizeof *standby);
    size_t count = (size_t)run->partitions;
    standby->run = run;
    standby->topic = run->topology.topics[TOPIC_VISITOR_CHANGELOG];
    standby->partitions = run->partitions;
    pthread_mutex_init(&standby->lock, NULL);
    pthread_cond_init(&standby->let_go, NULL);
    standby->owned = memory_zero(count, sizeof *standby->owned);
    standby->followed = memory_zero(count, sizeof *standby->followed);
    standby->wanted = memory_zero(count, sizeof *standby->wanted);
    standby->refused = memory_zero(count, sizeof *standby->refused);
    standby->next = memory_zero(count, sizeof *standby->next);
    standby->fresh = memory_zero(count, sizeof *standby->fresh);
    return standby;
}

void standby_free(struct standby *standby)
{
    if (standby == NULL)
        return;
    pthread_mutex_destroy(&standby->lock);
    pthread_cond_destroy(&standby->let_go);
    batch_release(&standby->batch);
    free(standby->owned);
    free(standby->followed);
    free(standby->wanted);
    free(standby->refused);
    free(standby->next);
    free(standby->fresh);
    free(standby);
}

void standby_own(struct standby *standby, int32_t partition)
{
    if (standby == NULL)
        return;
    pthread_mutex_lock(&standby->lock);
    standby->owned[partition] = true;
    while (standby->followed[partition] && !standby->stopped)
        pthread_cond_wait(&standby->let_go, &standby->lock);
    pthread_mutex_unlock(&standby->lock);
}

void standby_disown(struct standby *standby, int32_t partition)
{
    if (standby == NULL)
        return;
    pthread_mutex_lock(&standby->lock);
    standby->owned[partition] = false;
    pthread_mutex_unlock(&standby->lock);
}

/* Writes what was read, and how far. */
static enum verdict write_rows(struct standby *standby, struct error *error)
{
    struct store *store = standby->run->store;
    bool rows = standby->batch.count > 0;
    standby->write_us = clock_monotonic_us() + WRITE_US;
    if (!rows && !standby->moved)
        return VERDICT_OK;
    for (int32_t i = 0; i < standby->partitions; i++) {
        if (!standby->followed[i])
            continue;
        if (rows)
            restore_put_offset(standby->topic, i, standby->next[i], &standby->batch);
        else
            batch_put_offset(&standby->batch, OFFSETS_CHANGELOG, standby->topic, i,
                             standby->next[i]);
    }
    standby->moved = false;
    enum verdict verdict = store->write(store, &standby->batch, error);
    batch_clear(&standby->batch);
    return verdict;
}

/* ---- the age of copies ---- */

static bool deadline_passed(const struct standby *standby, int32_t partition)
{
    return standby->followed[partition] && copy_deadline_passed(&standby->fresh[partition]);
}

static bool any_deadline_passed(const struct standby *standby)
{
    for (int32_t i = 0; i < standby->partitions; i++)
        if (deadline_passed(standby, i))
            return true;
    return false;
}

static enum verdict check_copy(struct standby *standby, struct copy_check *check, int32_t partition,
                               struct error *error)
{
    bool fresh;
    enum verdict verdict = copy_check_partition(check, partition, standby->next[partition],
                                                &standby->fresh[partition], &fresh, error);
    if (verdict != VERDICT_OK || fresh)
        return verdict;
    copy_drop(check, partition, &standby->fresh[partition], &standby->batch);
    standby->next[partition] = 0;
    standby->reads_again = true;
    return write_rows(standby, error);
}

/* Follows a partition of unknown age later: nothing of it is applied until then. */
static enum verdict let_go_unchecked(struct standby *standby, struct error *error)
{
    enum verdict verdict = write_rows(standby, error);
    standby->reads_again = true;
    standby->retry_us = clock_monotonic_us() + LOOK_US;
    pthread_mutex_lock(&standby->lock);
    for (int32_t i = 0; i < standby->partitions; i++)
        if (deadline_passed(standby, i))
            standby->followed[i] = false;
    pthread_cond_broadcast(&standby->let_go);
    pthread_mutex_unlock(&standby->lock);
    return verdict;
}

/* Asks for the age of followed copies whose deadline has passed, and drops those that are stale. */
static enum verdict check_copies(struct standby *standby, struct error *error)
{
    struct copy_check check;
    struct error why = {0};
    if (!any_deadline_passed(standby))
        return VERDICT_OK;
    enum verdict verdict =
        copy_check_open(&check, standby->run, TOPIC_VISITOR_CHANGELOG, "standby", &why);
    for (int32_t i = 0; verdict == VERDICT_OK && i < standby->partitions; i++)
        if (deadline_passed(standby, i))
            verdict = check_copy(standby, &check, i, &why);
    copy_check_close(&check);
    if (verdict == VERDICT_RETRY) {
        log_line(LOG_LEVEL_WARN, "standby", "%s; asking again", why.message);
        return let_go_unchecked(standby, error);
    }
    return verdict == VERDICT_OK ? verdict : error_set(error, verdict, "%s", why.message);
}

/* ---- what is followed ---- */

/* Caller holds the lock. */
static bool may_follow(const struct standby *standby, int32_t partition)
{
    return standby->wanted[partition] && !standby->owned[partition] &&
           !standby->refused[partition] &&
           (standby->followed[partition] || clock_monotonic_us() >= standby->retry_us);
}

/* Whether something can be followed, or can't any longer. */
static bool choose(struct standby *standby)
{
    bool changed = false;
    pthread_mutex_lock(&standby->lock);
    for (int32_t i = 0; i < standby->partitions; i++)
        changed = changed || may_follow(standby, i) != standby->followed[i];
    pthread_mutex_unlock(&standby->lock);
    return changed;
}

static void assign_followed(struct standby *standby)
{
    size_t count = 0;
    struct reader_start *starts = memory_zero((size_t)standby->partitions, sizeof *starts);
    for (int32_t i = 0; i < standby->partitions; i++)
        if (standby->followed[i])
            starts[count++] = (struct reader_start){.partition = i, .offset = standby->next[i]};
    partition_reader_assign(standby->reader, starts, count);
    free(starts);
    standby->reads_again = false;
    log_line(LOG_LEVEL_INFO, "standby", "following %zu partitions", count);
}

static enum verdict read_places(struct standby *standby, struct error *error)
{
    enum verdict verdict = VERDICT_OK;
    for (int32_t i = 0; verdict == VERDICT_OK && i < standby->partitions; i++) {
        if (!standby->followed[i])
            continue;
        standby->next[i] = 0;
        verdict = store_get_offset(standby->run->store, OFFSETS_CHANGELOG, standby->topic, i,
                                   &standby->next[i], error);
        verdict = verdict == VERDICT_SKIP ? VERDICT_OK : verdict;
    }
    return verdict;
}

static enum verdict follow(struct standby *standby, struct error *error)
{
    enum verdict verdict = write_rows(standby, error); /* before anything is let go */
    pthread_mutex_lock(&standby->lock);
    for (int32_t i = 0; i < standby->partitions; i++) {
        bool follows = may_follow(standby, i);
        if (follows && !standby->followed[i])
            standby->fresh[i] = (struct copy_deadline){0}; /* to be asked for */
        standby->followed[i] = follows;
    }
    pthread_cond_broadcast(&standby->let_go);
    pthread_mutex_unlock(&standby->lock);
    if (verdict == VERDICT_OK)
        verdict = read_places(standby, error);
    if (verdict == VERDICT_OK)
        verdict = check_copies(standby, error);
    if (verdict == VERDICT_OK)
        assign_followed(standby);
    return verdict;
}

static void ask_members(struct standby *standby)
{
    struct run *run = standby->run;
    struct members members;
    struct error error = {0};
    char self[CONFIG_TEXT_MAX + 4];
    standby->look_us = clock_monotonic_us() + LOOK_US;
    if (member_watch_ask(standby->member_watch, run->config->application_id, &members, &error) !=
        VERDICT_OK) {
        log_line(LOG_LEVEL_DEBUG, "standby", "%s", error.message);
        return;
    }
    snprintf(self, sizeof self, "%s-0", run->instance);
    if (members_have(&members, self)) /* or else this process is about to join */
        members_inherit(&members, run->instance, standby->partitions, (int)run->config->num_standby,
                        standby->wanted);
    members_release(&members);
}

/* A damaged record ends the following of its partition: whoever restores it reports the damage. */
static void take_record(struct standby *standby, const struct kafka_record *record)
{
    struct error why = {0};
    int32_t partition = record->partition;
    if (standby->refused[partition])
        return;
    if (restore_put_row(standby->topic, record, &standby->batch, &why) != VERDICT_OK) {
        log_line(LOG_LEVEL_ERROR, "standby", "%s", why.message);
        standby->refused[partition] = true;
        return;
    }
    standby->next[partition] = record->offset + 1;
}

/* Behind the last record there may be marks of transactions. A copy that was read from the
 * beginning is asked for its age once it is level: from then on the deadlines are short. */
static void note_positions(struct standby *standby)
{
    for (int32_t i = 0; i < standby->partitions; i++) {
        int64_t position = partition_reader_position(standby->reader, i);
        if (standby->followed[i] && standby->fresh[i].rebuilds > 0 &&
            partition_reader_end(standby->reader, i) >= 0)
            standby->fresh[i].until_us = 0;
        if (!standby->followed[i] || standby->refused[i] || position <= standby->next[i])
            continue;
        standby->next[i] = position;
        standby->moved = true;
    }
}

static enum verdict read_rows(struct standby *standby, struct error *error)
{
    struct kafka_record records[READER_RECORDS_MAX];
    size_t count = 0;
    partition_reader_read(standby->reader, POLL_MS, READER_RECORDS_MAX, records, &count);
    enum verdict verdict = check_copies(standby, error); /* before anything is applied */
    if (verdict != VERDICT_OK)
        return verdict;
    if (standby->reads_again) {
        assign_followed(standby);
        return VERDICT_OK;
    }
    for (size_t i = 0; i < count; i++)
        take_record(standby, &records[i]);
    note_positions(standby);
    return standby->batch.changes.size > BATCH_BYTES_MAX ? write_rows(standby, error) : VERDICT_OK;
}

/* ---- copies that no worker has and that are not followed ---- */

static bool is_idle(struct standby *standby, int32_t partition)
{
    pthread_mutex_lock(&standby->lock);
    bool idle = !standby->owned[partition] && !standby->followed[partition];
    pthread_mutex_unlock(&standby->lock);
    return idle;
}

/* A worker that takes the partition meanwhile waits for the lock, and then reads all. */
static enum verdict drop_idle(struct standby *standby, const struct copy_check *check,
                              int32_t partition, struct error *error)
{
    struct store_batch batch = {0};
    struct store *store = standby->run->store;
    enum verdict verdict = VERDICT_OK;
    struct copy_deadline unused = {0};
    copy_drop(check, partition, &unused, &batch);
    pthread_mutex_lock(&standby->lock);
    if (!standby->owned[partition] && !standby->followed[partition])
        verdict = store->write(store, &batch, error);
    pthread_mutex_unlock(&standby->lock);
    batch_release(&batch);
    return verdict;
}

static void plan_sweep(struct standby *standby, const struct copy_check *check)
{
    int64_t pause_us = check->retention_ms * 1000 / SWEEP_SHARE;
    if (check->retention_ms < 0 || pause_us > SWEEP_MAX_US)
        pause_us = SWEEP_MAX_US;
    if (pause_us < SWEEP_MIN_US)
        pause_us = SWEEP_MIN_US;
    standby->sweep_us = clock_monotonic_us() + pause_us;
}

/* Drops idle copies that are stale. Without an idle copy it asks no broker. RETRY: no answer. */
static enum verdict sweep_copies(struct standby *standby, struct error *error)
{
    struct copy_check check = {0};
    enum verdict verdict = VERDICT_OK;
    standby->sweep_us = clock_monotonic_us() + SWEEP_LOOK_US;
    for (int32_t i = 0; verdict == VERDICT_OK && i < standby->partitions; i++) {
        int64_t next = 0;
        bool fresh = true;
        struct copy_deadline deadline;
        verdict = store_get_offset(standby->run->store, OFFSETS_CHANGELOG, standby->topic, i, &next,
                                   error);
        if (verdict == VERDICT_FATAL)
            break;
        verdict = VERDICT_OK;
        if (next == 0 || !is_idle(standby, i))
            continue;
        if (check.watcher == NULL)
            verdict =
                copy_check_open(&check, standby->run, TOPIC_VISITOR_CHANGELOG, "standby", error);
        if (verdict == VERDICT_OK)
            verdict = copy_check_partition(&check, i, next, &deadline, &fresh, error);
        if (verdict == VERDICT_OK && !fresh)
            verdict = drop_idle(standby, &check, i, error);
    }
    if (check.watcher)
        plan_sweep(standby, &check);
    copy_check_close(&check);
    return verdict;
}

static enum verdict sweep(struct standby *standby, struct error *error)
{
    struct error why = {0};
    if (clock_monotonic_us() < standby->sweep_us)
        return VERDICT_OK;
    enum verdict verdict = sweep_copies(standby, &why);
    if (verdict == VERDICT_FATAL)
        return error_set(error, verdict, "%s", why.message);
    if (verdict == VERDICT_RETRY)
        log_line(LOG_LEVEL_WARN, "standby", "%s; asking again", why.message);
    return VERDICT_OK;
}

/* ---- the thread ---- */

/* num.standby is 0: nothing is followed. */
static enum verdict only_sweep(struct standby *standby, struct error *error)
{
    enum verdict verdict = VERDICT_OK;
    while (verdict == VERDICT_OK && !run_stops(standby->run)) {
        usleep(SWEEP_POLL_MS * 1000);
        verdict = sweep(standby, error);
    }
    return verdict;
}

static enum verdict run_standby(struct standby *standby, struct error *error)
{
    const struct reader_options options = {.topic = standby->topic,
                                           .log_name = "standby",
                                           .follows = true,
                                           .queued_bytes =
                                               &standby->run->queued_bytes[READER_STANDBY]};
    enum verdict verdict = VERDICT_OK;
    standby->reader = partition_reader_open(standby->run->config, &options, error);
    standby->member_watch = member_watch_new(standby->run->config, error);
    if (standby->reader == NULL || standby->member_watch == NULL)
        return VERDICT_FATAL;
    while (verdict == VERDICT_OK && !run_stops(standby->run)) {
        int64_t now_us = clock_monotonic_us();
        if (now_us >= standby->look_us)
            ask_members(standby);
        if (choose(standby))
            verdict = follow(standby, error);
        if (verdict == VERDICT_OK)
            verdict = read_rows(standby, error);
        if (verdict == VERDICT_OK && now_us >= standby->write_us)
            verdict = write_rows(standby, error);
        if (verdict == VERDICT_OK)
            verdict = sweep(standby, error);
    }
    return verdict == VERDICT_OK ? write_rows(standby, error) : verdict;
}

void *standby_thread(void *argument)
{
    struct standby *standby = argument;
    struct run *run = standby->run;
    struct error error = {0};
    pthread_setname_np(pthread_self(), "standby");
    while (!run_stops(run) && !atomic_load(&run->fold_ready))
        usleep(POLL_MS * 1000);
    standby->sweep_us = clock_monotonic_us() + SWEEP_LOOK_US;
    enum verdict verdict =
        run->config->num_standby > 0 ? run_standby(standby, &error) : only_sweep(standby, &error);
    if (verdict != VERDICT_OK)
        run_fail(run, "standby", &error);
    pthread_mutex_lock(&standby->lock);
    standby->stopped = true;
    pthread_cond_broadcast(&standby->let_go);
    pthread_mutex_unlock(&standby->lock);
    partition_reader_free(standby->reader);
    member_watch_free(standby->member_watch);
    return NULL;
}
