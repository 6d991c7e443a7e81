#include "processors/runtime/visitors/standby.h"

#include "processors/runtime/kafka/members.h"
#include "processors/runtime/log.h"
#include "processors/runtime/visitors/restore.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LOOK_US 2000000 /* between looks at who is in the group */
#define WRITE_US 500000 /* between writes of the rows that were read */
#define POLL_MS 20
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
    bool *refused; /* its changelog is damaged: for the restore to say */
    int64_t *next; /* offset; -1: not followed */
    struct partition_reader *reader;
    struct member_watch *member_watch;
    struct store_batch batch;
    int64_t look_us, write_us;
};

struct standby *standby_new(struct run *run)
{
    if (run->config->num_standby == 0)
        return NULL;
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
    standby->next = memory_get(count * sizeof *standby->next);
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

static enum verdict write_rows(struct standby *standby, struct error *error)
{
    standby->write_us = clock_monotonic_us() + WRITE_US;
    if (standby->batch.count == 0)
        return VERDICT_OK;
    for (int32_t i = 0; i < standby->partitions; i++)
        if (standby->followed[i])
            restore_put_offset(standby->topic, i, standby->next[i], &standby->batch);
    enum verdict verdict = standby->run->store->write(standby->run->store, &standby->batch, error);
    batch_clear(&standby->batch);
    return verdict;
}

/* Chooses the partitions to follow. Returns whether the choice differs from the one before. */
static bool choose(struct standby *standby)
{
    bool changed = false;
    pthread_mutex_lock(&standby->lock);
    for (int32_t i = 0; i < standby->partitions; i++) {
        bool follows = standby->wanted[i] && !standby->owned[i] && !standby->refused[i];
        changed = changed || follows != standby->followed[i];
    }
    pthread_mutex_unlock(&standby->lock);
    return changed;
}

static enum verdict follow(struct standby *standby, struct error *error)
{
    size_t count = 0;
    enum verdict verdict = write_rows(standby, error); /* before anything is let go */
    pthread_mutex_lock(&standby->lock);
    for (int32_t i = 0; i < standby->partitions; i++)
        standby->followed[i] = standby->wanted[i] && !standby->owned[i] && !standby->refused[i];
    pthread_cond_broadcast(&standby->let_go);
    pthread_mutex_unlock(&standby->lock);
    struct reader_start *starts = memory_zero((size_t)standby->partitions, sizeof *starts);
    for (int32_t i = 0; verdict == VERDICT_OK && i < standby->partitions; i++) {
        if (!standby->followed[i])
            continue;
        standby->next[i] = 0;
        verdict = store_get_offset(standby->run->store, OFFSETS_CHANGELOG, standby->topic, i,
                                   &standby->next[i], error);
        verdict = verdict == VERDICT_SKIP ? VERDICT_OK : verdict;
        starts[count++] = (struct reader_start){.partition = i, .offset = standby->next[i]};
    }
    partition_reader_assign(standby->reader, starts, count);
    free(starts);
    log_line(LOG_LEVEL_INFO, "standby", "following %zu partitions", count);
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

static enum verdict read_rows(struct standby *standby, struct error *error)
{
    struct kafka_record records[READER_RECORDS_MAX];
    size_t count = 0;
    partition_reader_read(standby->reader, POLL_MS, READER_RECORDS_MAX, records, &count);
    for (size_t i = 0; i < count; i++)
        take_record(standby, &records[i]);
    return standby->batch.changes.size > BATCH_BYTES_MAX ? write_rows(standby, error) : VERDICT_OK;
}

static enum verdict run_standby(struct standby *standby, struct error *error)
{
    const struct reader_options options = {.topic = standby->topic, .log_name = "standby"};
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
    if (!run_stops(run) && run_standby(standby, &error) != VERDICT_OK)
        run_fail(run, "standby", &error);
    pthread_mutex_lock(&standby->lock);
    standby->stopped = true;
    pthread_cond_broadcast(&standby->let_go);
    pthread_mutex_unlock(&standby->lock);
    partition_reader_free(standby->reader);
    member_watch_free(standby->member_watch);
    return NULL;
}
