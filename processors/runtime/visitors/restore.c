#include "processors/runtime/visitors/restore.h"

#include "processors/runtime/failpoint.h"
#include "processors/runtime/log.h"
#include "state/visitor_codec.h"

#include <stdlib.h>

#define STEP_US 20000
#define BATCH_BYTES_MAX ((size_t)4 << 20)
#define PROGRESS_US 2000000

struct restore {
    struct run *run;
    struct task **tasks;
    size_t count;
    rd_kafka_t *reader;
    const char *topic;
    struct store_batch batch;
    uint64_t rows;
    int64_t started_us, progress_us;
};

static enum verdict find_range(struct restore *restore, rd_kafka_t *watcher, struct task *task,
                               struct error *error)
{
    int64_t low, high;
    enum verdict verdict = store_get_offset(restore->run->store, OFFSETS_CHANGELOG, restore->topic,
                                            task->partition, &task->changelog_next, error);
    if (verdict == VERDICT_FATAL)
        return verdict;
    if (verdict == VERDICT_SKIP)
        task->changelog_next = 0;
    verdict = kafka_ends(watcher, restore->topic, task->partition, &low, &high, error);
    if (verdict != VERDICT_OK)
        return verdict;
    if (task->changelog_next > high)
        return error_set(error, VERDICT_FATAL,
                         "the local state has %s [%d] up to %lld, but the topic ends at %lld: it "
                         "is another cluster, or the topic was made anew; delete state.dir or run "
                         "'weft reset'",
                         restore->topic, (int)task->partition, (long long)task->changelog_next,
                         (long long)high);
    task->changelog_target = high;
    return VERDICT_OK;
}

static void assign_ranges(struct restore *restore)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)restore->count);
    for (size_t i = 0; i < restore->count; i++) {
        struct task *task = restore->tasks[i];
        if (task->changelog_next >= task->changelog_target)
            task->state = TASK_RUNNING;
        else
            rd_kafka_topic_partition_list_add(list, restore->topic, task->partition)->offset =
                task->changelog_next;
    }
    rd_kafka_assign(restore->reader, list);
    rd_kafka_topic_partition_list_destroy(list);
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
    enum verdict verdict = VERDICT_FATAL;
    rd_kafka_t *watcher = kafka_open(run->config, KAFKA_WATCHER, NULL, error);
    if (watcher)
        verdict = VERDICT_OK;
    for (size_t i = 0; verdict == VERDICT_OK && i < count; i++)
        verdict = find_range(restore, watcher, tasks[i], error);
    if (watcher)
        rd_kafka_destroy(watcher);
    if (verdict == VERDICT_OK) {
        restore->reader = kafka_open(run->config, KAFKA_READER, NULL, error);
        verdict = restore->reader ? VERDICT_OK : VERDICT_FATAL;
    }
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
    if (restore->reader) {
        rd_kafka_consumer_close(restore->reader);
        rd_kafka_destroy(restore->reader);
    }
    batch_release(&restore->batch);
    free(restore);
}

static struct task *task_of(struct restore *restore, int32_t partition)
{
    for (size_t i = 0; i < restore->count; i++)
        if (restore->tasks[i]->partition == partition)
            return restore->tasks[i];
    return NULL;
}

enum verdict restore_put_row(const char *topic, const rd_kafka_message_t *message,
                             struct store_batch *batch, struct error *error)
{
    char to[VISITOR_KEY_BYTES_MAX];
    failpoint("mid_restore");
    if (message->key == NULL || message->key_len + 2 > VISITOR_KEY_BYTES_MAX)
        return VERDICT_OK; /* weft writes no such row */
    struct bytes name = bytes_of(message->key, message->key_len);
    struct bytes key = visitor_store_key(to, message->partition, name);
    struct bytes value = bytes_of(message->payload, message->len);
    if (message->payload && !visitor_intact(name, value))
        return error_set(error, VERDICT_FATAL,
                         "%s [%d]@%lld is damaged: it is not what was written for its visitor",
                         topic, (int)message->partition, (long long)message->offset);
    if (message->payload)
        batch_put(batch, FAMILY_VISITOR, key, value);
    else
        batch_delete(batch, FAMILY_VISITOR, key);
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

/* Control records take offsets too, so the end is where the end-of-partition event says. */
static void reach_end(struct task *task, int64_t offset)
{
    if (offset > task->changelog_next)
        task->changelog_next = offset;
    if (offset >= task->changelog_target)
        task->state = TASK_RUNNING;
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

enum verdict restore_step(struct restore *restore, uint64_t *ret_rows, struct error *error)
{
    int64_t now_us = clock_monotonic_us(), until_us = now_us + STEP_US;
    uint64_t rows = restore->rows;
    enum verdict verdict = VERDICT_OK;
    size_t running = 0;
    show_progress(restore, now_us);
    for (size_t i = 0; i < restore->count; i++)
        running += restore->tasks[i]->state == TASK_RUNNING;
    while (verdict == VERDICT_OK && running < restore->count && clock_monotonic_us() < until_us) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(restore->reader, 10);
        if (message == NULL)
            continue;
        struct task *task = message->rkt ? task_of(restore, message->partition) : NULL;
        if (task && message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            task->changelog_next = message->offset + 1;
            restore->rows++;
            verdict = restore_put_row(restore->topic, message, &restore->batch, error);
            if (verdict == VERDICT_OK && restore->batch.changes.size > BATCH_BYTES_MAX)
                verdict = write_rows(restore, error);
        } else if (task && message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF &&
                   task->state == TASK_RESTORING) {
            reach_end(task, message->offset);
            running += task->state == TASK_RUNNING;
        } else if (message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            log_line(LOG_LEVEL_WARN, "restore", "%s", rd_kafka_message_errstr(message));
        }
        rd_kafka_message_destroy(message);
    }
    if (verdict == VERDICT_OK)
        verdict = write_rows(restore, error);
    *ret_rows += restore->rows - rows;
    if (verdict != VERDICT_OK || running < restore->count)
        return verdict == VERDICT_OK ? VERDICT_RETRY : verdict;
    if (restore->rows > 0)
        log_line(LOG_LEVEL_INFO, "restore", "%llu rows in %.2f s",
                 (unsigned long long)restore->rows,
                 (double)(clock_monotonic_us() - restore->started_us) / 1e6);
    return VERDICT_OK;
}
