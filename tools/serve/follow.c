#include "tools/serve/follow.h"

#include "processors/runtime/log.h"
#include "processors/runtime/visitors/copy_age.h"

#include <stdlib.h>
#include <unistd.h>

#define READ_MS 50
#define WRITE_US 200000 /* between two writes of the place alone */
#define PAUSE_US 200000 /* before the topic is asked for again; doubles */
#define PAUSE_MAX_US 5000000
#define WARN_EVERY 6 /* tries without an answer */

struct follower {
    struct run *run;
    struct follow_sink *sink;
    enum topic topic;
    const char *name;
    pthread_t thread;
    struct partition_reader *reader;
    int32_t partitions;
    int64_t *next, *target;      /* by partition */
    struct copy_deadline *fresh; /* by partition: how long the copy's age is known */
    struct store_batch batch;
    bool moved; /* the place has changed since the last write */
    int64_t write_us;
    atomic_ullong records, refused, rebuilds;
    atomic_llong left, total;
    atomic_bool ready;
    atomic_int known_partitions; /* `partitions`, once it is known, for others */
};

static bool stops(struct follower *follower)
{
    return run_stops(follower->run);
}

/* ---- where to begin ---- */

/* Adds to the batch: nothing of the topic was read yet. */
static void begin_again(struct follower *follower)
{
    follower->sink->clear(follower->sink, &follower->batch);
    for (int32_t i = 0; i < follower->partitions; i++) {
        follower->next[i] = 0;
        batch_put_offset(&follower->batch, OFFSETS_INPUT, follower->name, i, 0);
    }
    atomic_fetch_add(&follower->rebuilds, 1);
    atomic_store(&follower->ready, false);
}

static enum verdict write_batch(struct follower *follower, struct error *error)
{
    struct store *store = follower->run->store;
    for (int32_t i = 0; i < follower->partitions; i++)
        batch_put_offset(&follower->batch, OFFSETS_INPUT, follower->name, i, follower->next[i]);
    enum verdict verdict = store->write(store, &follower->batch, error);
    batch_clear(&follower->batch);
    follower->moved = false;
    follower->write_us = clock_monotonic_us() + WRITE_US;
    if (verdict == VERDICT_OK && follower->sink->written)
        follower->sink->written(follower->sink);
    return verdict;
}

static void assign(struct follower *follower)
{
    struct reader_start *starts = memory_zero((size_t)follower->partitions, sizeof *starts);
    for (int32_t i = 0; i < follower->partitions; i++)
        starts[i] = (struct reader_start){
            .partition = i, .offset = follower->next[i] > 0 ? follower->next[i] : READER_BEGINNING};
    partition_reader_assign(follower->reader, starts, (size_t)follower->partitions);
    free(starts);
}

/* Whether one partition's copy is too old, or of another topic of that name. */
static enum verdict is_stale(struct follower *follower, struct copy_check *check, bool *ret_stale,
                             struct error *error)
{
    *ret_stale = false;
    for (int32_t i = 0; i < follower->partitions; i++) {
        bool fresh = true;
        int64_t low, high;
        enum verdict verdict = partition_reader_ends(check->watcher, i, &low, &high, error);
        if (verdict == VERDICT_OK)
            verdict = copy_check_partition(check, i, follower->next[i], &follower->fresh[i], &fresh,
                                           error);
        if (verdict != VERDICT_OK)
            return verdict;
        follower->target[i] = high;
        if (follower->next[i] > high)
            log_line(LOG_LEVEL_WARN, "follow",
                     "%s [%d] ends at %lld, but %lld was read: the topic "
                     "was created again",
                     follower->name, (int)i, (long long)high, (long long)follower->next[i]);
        *ret_stale = *ret_stale || !fresh || follower->next[i] > high;
    }
    return VERDICT_OK;
}

/* Asks for the age of the copy; one that is too old is cleared. RETRY: no answer. */
static enum verdict check_age(struct follower *follower, struct error *error)
{
    struct copy_check check;
    bool stale;
    enum verdict verdict = copy_check_open(&check, follower->run, follower->topic, "follow", error);
    if (verdict != VERDICT_OK)
        return verdict;
    verdict = is_stale(follower, &check, &stale, error);
    if (verdict == VERDICT_OK && stale) {
        begin_again(follower);
        for (int32_t i = 0; i < follower->partitions; i++)
            copy_begin_again(&check, i, &follower->fresh[i]);
        verdict = write_batch(follower, error);
        assign(follower);
    }
    copy_check_close(&check);
    return verdict;
}

static enum verdict read_places(struct follower *follower, struct error *error)
{
    size_t count = (size_t)follower->partitions;
    follower->next = memory_zero(count, sizeof *follower->next);
    follower->target = memory_zero(count, sizeof *follower->target);
    follower->fresh = memory_zero(count, sizeof *follower->fresh);
    for (int32_t i = 0; i < follower->partitions; i++)
        if (store_get_offset(follower->run->store, OFFSETS_INPUT, follower->name, i,
                             &follower->next[i], error) == VERDICT_FATAL)
            return VERDICT_FATAL;
    return VERDICT_OK;
}

/* The topic's partitions, and where to go on. RETRY: the topic is not there, or no answer. */
static enum verdict open_topic(struct follower *follower, struct error *error)
{
    const struct reader_options options = {.topic = follower->name,
                                           .log_name = "follow",
                                           .follows = true,
                                           .stop = &follower->run->stop};
    enum verdict verdict = VERDICT_OK;
    if (follower->reader == NULL)
        follower->reader = partition_reader_open(follower->run->config, &options, error);
    if (follower->reader == NULL)
        return VERDICT_FATAL;
    if (follower->partitions == 0) {
        verdict = partition_reader_partitions(follower->reader, &follower->partitions, error);
        if (verdict == VERDICT_OK && follower->partitions == 0)
            return error_set(error, VERDICT_RETRY, "there is no topic %s yet; 'weft run' makes it",
                             follower->name);
        if (verdict == VERDICT_OK)
            verdict = read_places(follower, error);
        if (verdict == VERDICT_OK)
            atomic_store(&follower->known_partitions, follower->partitions);
    }
    if (verdict == VERDICT_OK)
        verdict = check_age(follower, error);
    if (verdict == VERDICT_OK)
        assign(follower);
    return verdict;
}

/* Waits for the topic and the broker. RETRY: the process stops. */
static enum verdict await_topic(struct follower *follower, struct error *error)
{
    int64_t pause_us = PAUSE_US;
    for (int tries = 0; !stops(follower); tries++) {
        struct error why = {0};
        enum verdict verdict = open_topic(follower, &why);
        if (verdict != VERDICT_RETRY)
            return verdict == VERDICT_OK ? verdict : error_set(error, verdict, "%s", why.message);
        if (tries % WARN_EVERY == 0)
            log_line(LOG_LEVEL_WARN, "follow", "%s; asking again", why.message);
        for (int64_t waited = 0; waited < pause_us && !stops(follower); waited += PAUSE_US)
            usleep(PAUSE_US);
        pause_us = pause_us < PAUSE_MAX_US ? 2 * pause_us : pause_us;
    }
    return VERDICT_RETRY;
}

/* ---- following ---- */

static bool deadline_passed(const struct follower *follower)
{
    for (int32_t i = 0; i < follower->partitions; i++)
        if (copy_deadline_passed(&follower->fresh[i]))
            return true;
    return false;
}

/* RETRY: the process stops before the record could be taken. */
static enum verdict take(struct follower *follower, const struct kafka_record *record)
{
    struct error why = {0};
    enum verdict verdict;
    while ((verdict = follower->sink->take(follower->sink, record, &follower->batch, &why)) ==
           VERDICT_RETRY) {
        if (stops(follower))
            return verdict;
        error_clear(&why);
        usleep(PAUSE_US);
    }
    atomic_fetch_add(&follower->records, 1);
    if (verdict == VERDICT_SKIP && atomic_fetch_add(&follower->refused, 1) == 0)
        log_line(LOG_LEVEL_WARN, "follow",
                 "%s [%d] at %lld is left out: %s; the metrics count further ones", follower->name,
                 (int)record->partition, (long long)record->offset, why.message);
    follower->next[record->partition] = record->offset + 1;
    follower->moved = true;
    return VERDICT_OK;
}

/* Behind the last record there may be marks of transactions. */
static void note_places(struct follower *follower)
{
    int64_t left = 0, total = 0;
    bool ready = true;
    for (int32_t i = 0; i < follower->partitions; i++) {
        int64_t place = partition_reader_position(follower->reader, i);
        if (place > follower->next[i]) {
            follower->next[i] = place;
            follower->moved = true;
        }
        left += partition_reader_left(follower->reader, i);
        total += follower->target[i];
        ready = ready && (follower->next[i] >= follower->target[i] ||
                          (partition_reader_end(follower->reader, i) >= 0 &&
                           follower->next[i] >= partition_reader_end(follower->reader, i)));
    }
    atomic_store(&follower->left, left);
    atomic_store(&follower->total, total);
    if (ready && !atomic_load(&follower->ready)) {
        atomic_store(&follower->ready, true);
        log_line(LOG_LEVEL_INFO, "follow", "%s is read up to its end", follower->name);
    }
}

static enum verdict step(struct follower *follower, struct error *error)
{
    struct kafka_record records[READER_RECORDS_MAX];
    size_t count = 0;
    partition_reader_read(follower->reader, READ_MS, READER_RECORDS_MAX, records, &count);
    if (deadline_passed(follower)) { /* before anything is applied */
        assign(follower);
        return check_age(follower, error);
    }
    for (size_t i = 0; i < count; i++)
        if (take(follower, &records[i]) != VERDICT_OK)
            return VERDICT_OK;
    note_places(follower);
    if (follower->batch.count > 0 ||
        (follower->moved && clock_monotonic_us() >= follower->write_us))
        return write_batch(follower, error);
    return VERDICT_OK;
}

static void *follow_thread(void *argument)
{
    struct follower *follower = argument;
    struct error error = {0};
    pthread_setname_np(pthread_self(), "follow");
    enum verdict verdict = await_topic(follower, &error);
    while (verdict == VERDICT_OK && !stops(follower)) {
        struct error why = {0};
        verdict = step(follower, &why);
        if (verdict == VERDICT_RETRY) { /* the age is not known: nothing is applied until it is */
            log_line(LOG_LEVEL_WARN, "follow", "%s; asking again", why.message);
            verdict = await_topic(follower, &error);
        } else if (verdict == VERDICT_FATAL) {
            error_set(&error, verdict, "%s", why.message);
        }
    }
    if (verdict == VERDICT_FATAL)
        run_fail(follower->run, "follow", &error);
    partition_reader_free(follower->reader);
    follower->reader = NULL;
    return NULL;
}

enum verdict follower_new(struct run *run, enum topic topic, struct follow_sink *sink,
                          struct follower **ret_follower, struct error *error)
{
    struct follower *follower = memory_zero(1, sizeof *follower);
    follower->run = run;
    follower->topic = topic;
    follower->name = run->topology.topics[topic];
    follower->sink = sink;
    atomic_store(&follower->left, -1);
    atomic_store(&follower->total, -1);
    if (pthread_create(&follower->thread, NULL, follow_thread, follower) != 0) {
        free(follower);
        return error_set(error, VERDICT_FATAL, "a thread can't be started");
    }
    *ret_follower = follower;
    return VERDICT_OK;
}

void follower_free(struct follower *follower)
{
    if (follower == NULL)
        return;
    pthread_join(follower->thread, NULL);
    batch_release(&follower->batch);
    free(follower->next);
    free(follower->target);
    free(follower->fresh);
    free(follower);
}

int32_t follower_partitions(const struct follower *follower)
{
    return follower ? atomic_load(&follower->known_partitions) : 0;
}

void follower_counts(const struct follower *follower, struct follow_counts *ret_counts)
{
    *ret_counts = (struct follow_counts){
        .records = atomic_load(&follower->records),
        .refused = atomic_load(&follower->refused),
        .rebuilds = atomic_load(&follower->rebuilds),
        .left = atomic_load(&follower->left),
        .total = atomic_load(&follower->total),
        .ready = atomic_load(&follower->ready),
    };
}
