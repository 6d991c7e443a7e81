#include "processors/runtime/visitors/restore.h"

#include "processors/runtime/failpoint.h"
#include "processors/runtime/log.h"
#include "state/visitor_codec.h"

#include <stdlib.h>

#define STEP_US 20000
#define READ_MS 10
#define BATCH_BYTES_MAX ((size_t)4 << 20)
#define PROGRESS_US 2000000

struct restore {
    struct run *run;
    struct task **tasks;
    size_t count;
    struct partition_reader *reader;
    const char *topic;
    struct store_batch batch;
    uint64_t rows;
    int64_t started_us, progress_us;
};

/* ---- where to begin ---- */

/* The rows go from the store at once: a rebuild that is cut short begins at the beginning again. */
static enum verdict drop_copy(struct restore *restore, const struct copy_check *check,
                              struct task *task, struct error *error)
{
    copy_drop(check, task->partition, &task->fresh, &restore->batch);
    task->changelog_next = 0;
    enum verdict verdict = restore->run->store->write(restore->run->store, &restore->batch, error);
    batch_clear(&restore->batch);
    return verdict;
}

static enum verdict check_age(struct restore *restore, struct copy_check *check, struct task *task,
                              struct error *error)
{
    bool fresh;
    enum verdict verdict = copy_check_partition(check, task->partition, task->changelog_next,
                                                &task->fresh, &fresh, error);
    return verdict == VERDICT_OK && !fresh ? drop_copy(restore, check, task, error) : verdict;
}

static enum verdict find_range(struct restore *restore, struct copy_check *check, struct task *task,
                               struct error *error)
{
    int64_t low, high;
    enum verdict verdict = store_get_offset(restore->run->store, OFFSETS_CHANGELOG, restore->topic,
                                            task->partition, &task->changelog_next, error);
    if (verdict == VERDICT_FATAL)
        return verdict;
    if (verdict == VERDICT_SKIP)
        task->changelog_next = 0;
    verdict = partition_reader_ends(check->watcher, task->partition, &low, &high, error);
    if (verdict != VERDICT_OK)
        return verdict;
    if (task->changelog_next > high)
        return error_set(
            error, VERDICT_FATAL,
            "the local state has %s [%d] up to %lld, but the topic ends at %lld: it "
            "is another cluster, or the topic was created again; delete state.dir or run "
            "'weft reset'",
            restore->topic, (int)task->partition, (long long)task->changelog_next, (long long)high);
    task->changelog_target = high;
    return check_age(restore, check, task, error);
}

static enum verdict find_ranges(struct restore *restore, struct error *error)
{
    struct copy_check check;
    enum verdict verdict =
        copy_check_open(&check, restore->run, TOPIC_VISITOR_CHANGELOG, "restore", error);
    if (verdict != VERDICT_OK)
        return verdict;
    for (size_t i = 0; verdict == VERDICT_OK && i < restore->count; i++)
        verdict = find_range(restore, &check, restore->tasks[i], error);
    copy_check_close(&check);
    return verdict;
}

static enum verdict open_reader(struct restore *restore, struct error *error)
{
    const struct reader_options options = {.topic = restore->topic, .log_name = "restore"};
    restore->reader = partition_reader_open(restore->run->config, &options, error);
    return restore->reader ? VERDICT_OK : VERDICT_FATAL;
}

static void assign_ranges(struct restore *restore)
{
    struct reader_start *starts = memory_zero(restore->count, sizeof *starts);
    size_t count = 0;
    for (size_t i = 0; i < restore->count; i++) {
        struct task *task = restore->tasks[i];
        if (task->changelog_next >= task->changelog_target)
            task->state = TASK_RUNNING;
        else if (task->state == TASK_RESTORING)
            starts[count++] =
                (struct reader_start){.partition = task->partition, .offset = task->changelog_next};
    }
    partition_reader_assign(restore->reader, starts, count);
    free(starts);
}

enum verdict restore_new(struct run *run, struct task **tasks, size_t count,
                         struct restore **ret_restore, struct error *error)
{
    struct restore *restore = memory_zero(1, sizeof *restore);
    restore->run = run;
    restore->tasks = tasks;
    restore->count = count;
    restore->topic = run->topology.topics[TOPIC_VISITOR_CHANGELOG];
    restore->started_us = clock_monotonic_us();
    enum verdict verdict = find_ranges(restore, error);
    if (verdict == VERDICT_OK)
        verdict = open_reader(restore, error);
    if (verdict != VERDICT_OK) {
        restore_free(restore);
        return verdict;
    }
    assign_ranges(restore);
    *ret_restore = restore;
    return VERDICT_OK;
}

void restore_free(struct restore *restore)
{
    if (restore == NULL)
        return;
    partition_reader_free(restore->reader);
    batch_release(&restore->batch);
    free(restore);
}

enum verdict restore_put_row(const char *topic, const struct kafka_record *record,
                             struct store_batch *batch, struct error *error)
{
    char to[VISITOR_KEY_BYTES_MAX];
    failpoint("mid_restore");
    if (record->key.at == NULL || record->key.size + 2 > VISITOR_KEY_BYTES_MAX)
        return VERDICT_OK; /* weft writes no such row */
    struct bytes key = visitor_store_key(to, record->partition, record->key);
    if (record->value.at == NULL) {
        batch_delete(batch, FAMILY_VISITOR, key);
        return VERDICT_OK;
    }
    if (visitor_is_newer(record->key, record->value))
        return error_set(error, VERDICT_FATAL,
                         "a newer weft wrote %s [%d]@%lld; this weft knows formats of visitors up "
                         "to %d; start the newer weft instead",
                         topic, (int)record->partition, (long long)record->offset, VISITOR_FORMAT);
    if (!visitor_intact(record->key, record->value))
        return error_set(error, VERDICT_FATAL,
                         "%s [%d]@%lld is damaged: it is not the record that was written for its "
                         "visitor",
                         topic, (int)record->partition, (long long)record->offset);
    batch_put(batch, FAMILY_VISITOR, key, record->value);
    return VERDICT_OK;
}

void restore_put_offset(const char *topic, int32_t partition, int64_t next,
                        struct store_batch *batch)
{
    batch_put_offset(batch, OFFSETS_CHANGELOG, topic, partition, next);
    /* what others wrote may wait for a second look */
    batch_delete_offset(batch, OFFSETS_SECOND_LOOKS, topic, partition);
}

static enum verdict write_rows(struct restore *restore, struct error *error)
{
    if (restore->batch.count == 0)
        return VERDICT_OK;
    for (size_t i = 0; i < restore->count; i++) {
        const struct task *task = restore->tasks[i];
        restore_put_offset(restore->topic, task->partition, task->changelog_next, &restore->batch);
    }
    enum verdict verdict = restore->run->store->write(restore->run->store, &restore->batch, error);
    batch_clear(&restore->batch);
    return verdict;
}

/* A task is level once the reader meets an end at or behind the target. The last record's offset
 * does not tell: control records take offsets too. */
static void note_positions(struct restore *restore)
{
    for (size_t i = 0; i < restore->count; i++) {
        struct task *task = restore->tasks[i];
        int64_t position = partition_reader_position(restore->reader, task->partition);
        if (position > task->changelog_next)
            task->changelog_next = position;
        if (task->state == TASK_RESTORING &&
            partition_reader_end(restore->reader, task->partition) >= task->changelog_target)
            task->state = TASK_RUNNING;
    }
}

static bool all_level(const struct restore *restore)
{
    for (size_t i = 0; i < restore->count; i++)
        if (restore->tasks[i]->state != TASK_RUNNING)
            return false;
    return true;
}

static void show_progress(struct restore *restore, int64_t now_us)
{
    int64_t left = 0;
    if (now_us < restore->progress_us)
        return;
    if (restore->progress_us != 0) {
        for (size_t i = 0; i < restore->count; i++)
            left += restore->tasks[i]->changelog_target - restore->tasks[i]->changelog_next;
        log_line(LOG_LEVEL_INFO, "restore", "%llu rows read, about %lld left",
                 (unsigned long long)restore->rows, (long long)(left > 0 ? left : 0));
    }
    restore->progress_us = now_us + PROGRESS_US;
}

static bool deadline_passed(const struct restore *restore)
{
    for (size_t i = 0; i < restore->count; i++)
        if (restore->tasks[i]->state == TASK_RESTORING &&
            copy_deadline_passed(&restore->tasks[i]->fresh))
            return true;
    return false;
}

/* Asks again for the age of copies that are not level yet. `ret_dropped`: one was dropped. */
static enum verdict check_again(struct restore *restore, bool *ret_dropped, struct error *error)
{
    struct copy_check check;
    *ret_dropped = false;
    enum verdict verdict =
        copy_check_open(&check, restore->run, TOPIC_VISITOR_CHANGELOG, "restore", error);
    if (verdict != VERDICT_OK)
        return verdict;
    for (size_t i = 0; verdict == VERDICT_OK && i < restore->count; i++) {
        struct task *task = restore->tasks[i];
        int64_t next = task->changelog_next;
        if (task->state == TASK_RESTORING && copy_deadline_passed(&task->fresh))
            verdict = check_age(restore, &check, task, error);
        *ret_dropped = *ret_dropped || task->changelog_next != next;
    }
    copy_check_close(&check);
    return verdict;
}

/* The read took longer than an answer about the copies' age holds: the process stood still, or
 * there is much to read. `ret_again`: what was read does not count, it is read again. */
static enum verdict renew_deadlines(struct restore *restore, bool *ret_again, struct error *error)
{
    struct error why = {0};
    bool dropped = false;
    *ret_again = false;
    if (!deadline_passed(restore))
        return VERDICT_OK;
    enum verdict verdict = check_again(restore, &dropped, &why);
    if (verdict == VERDICT_FATAL)
        return error_set(error, verdict, "%s", why.message);
    if (verdict == VERDICT_RETRY)
        log_line(LOG_LEVEL_WARN, "restore", "%s; asking again", why.message);
    *ret_again = dropped || verdict == VERDICT_RETRY;
    if (*ret_again)
        assign_ranges(restore);
    return VERDICT_OK;
}

/* Positions move once all rows of the read are in the batch: an offset in the store never runs
 * ahead of its rows. */
static enum verdict read_rows(struct restore *restore, struct error *error)
{
    struct kafka_record records[READER_RECORDS_MAX];
    size_t count = 0;
    bool again;
    partition_reader_read(restore->reader, READ_MS, READER_RECORDS_MAX, records, &count);
    enum verdict verdict = renew_deadlines(restore, &again, error);
    if (verdict != VERDICT_OK || again)
        return verdict;
    for (size_t i = 0; i < count; i++) {
        verdict = restore_put_row(restore->topic, &records[i], &restore->batch, error);
        if (verdict != VERDICT_OK)
            return verdict;
    }
    restore->rows += count;
    note_positions(restore);
    return restore->batch.changes.size > BATCH_BYTES_MAX ? write_rows(restore, error) : VERDICT_OK;
}

enum verdict restore_step(struct restore *restore, uint64_t *ret_rows, struct error *error)
{
    int64_t now_us = clock_monotonic_us(), until_us = now_us + STEP_US;
    uint64_t rows = restore->rows;
    enum verdict verdict = VERDICT_OK;
    show_progress(restore, now_us);
    while (verdict == VERDICT_OK && !all_level(restore) && clock_monotonic_us() < until_us)
        verdict = read_rows(restore, error);
    if (verdict == VERDICT_OK)
        verdict = write_rows(restore, error);
    *ret_rows += restore->rows - rows;
    if (verdict != VERDICT_OK)
        return verdict;
    if (!all_level(restore))
        return VERDICT_RETRY;
    if (restore->rows > 0)
        log_line(LOG_LEVEL_INFO, "restore", "%llu rows in %.2f s",
                 (unsigned long long)restore->rows,
                 (double)(clock_monotonic_us() - restore->started_us) / 1e6);
    return VERDICT_OK;
}
