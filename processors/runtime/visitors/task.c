#include "processors/runtime/visitors/task.h"

#include "processors/runtime/log.h"

#include <stdlib.h>

static void init_input(struct input *input, rd_kafka_t *consumer, const char *topic, int index,
                       int32_t partition, int wake_fd)
{
    input->topic = topic;
    input->type = (enum event_type)index;
    input->partition = partition;
    input->next = input->position = -1;
    input->queue = rd_kafka_queue_get_partition(consumer, topic, partition);
    rd_kafka_queue_forward(input->queue, NULL);
    rd_kafka_queue_io_event_enable(input->queue, wake_fd, "w", 1);
}

struct task *task_new(rd_kafka_t *consumer, const struct topology *topology, int32_t partition,
                      int wake_fd)
{
    struct task *task = memory_zero(1, sizeof *task);
    task->partition = partition;
    for (int i = 0; i < INPUT_TOPICS; i++)
        init_input(&task->inputs[i], consumer, topology->topics[i], i, partition, wake_fd);
    return task;
}

void task_free(struct task *task)
{
    if (task == NULL)
        return;
    for (int i = 0; i < INPUT_TOPICS; i++) {
        struct input *input = &task->inputs[i];
        if (input->head)
            rd_kafka_message_destroy(input->head);
        rd_kafka_queue_io_event_enable(input->queue, -1, NULL, 0);
        rd_kafka_queue_destroy(input->queue);
        arena_release(&input->arena);
    }
    free(task);
}

/* The time that the record's producer, or its broker, gave it. */
static int64_t written_ms(const rd_kafka_message_t *message)
{
    rd_kafka_timestamp_type_t type;
    int64_t time_ms = rd_kafka_message_timestamp(message, &type);
    return type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? INT64_MIN : time_ms;
}

static void decode_head(struct input *input, struct pipeline *pipeline)
{
    rd_kafka_message_t *head = input->head;
    arena_clear(&input->arena);
    error_clear(&input->why);
    input->record = (struct record){
        .type = input->type,
        .partition = input->partition,
        .offset = head->offset,
        .key = bytes_of(head->key, head->key_len),
        .value = bytes_of(head->payload, head->len),
    };
    input->decoded =
        pipeline_decode(pipeline, &input->record, &input->arena, &input->why) == VERDICT_OK;
    input->time_ms = input->decoded ? input->record.event.event_time_ms : INT64_MIN;
    if (input->decoded && input->type == EVENT_USER) /* it says no time of its own */
        input->time_ms = written_ms(head);
}

/* The broker's end as the last fetch told it: an answer to "is there more?" that comes with the
 * records, where the end-of-partition event comes a fetch later. */
static bool knows_end(rd_kafka_t *consumer, const struct input *input, int64_t next)
{
    int64_t low, high;
    return rd_kafka_get_watermark_offsets(consumer, input->topic, input->partition, &low, &high) ==
               RD_KAFKA_RESP_ERR_NO_ERROR &&
           high >= 0 && next >= high;
}

/* Of an input without records the next commit holds the place, so that the next start asks the
 * broker for it as for the others, not first where it begins. */
static void reach_end(struct input *input, int64_t offset)
{
    input->at_end = true;
    if (input->position < 0)
        input->position = input->next = offset;
}

static void fill_input(struct input *input, rd_kafka_t *consumer, struct pipeline *pipeline,
                       int64_t now_us)
{
    while (input->head == NULL) {
        rd_kafka_message_t *message = rd_kafka_consume_queue(input->queue, 0);
        if (message == NULL)
            break;
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            input->head = message;
            input->at_end = false;
            input->empty_since_us = 0;
            decode_head(input, pipeline);
            return;
        }
        if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
            reach_end(input, message->offset);
        else
            log_line(LOG_LEVEL_WARN, "input", "%s [%d]: %s", input->topic, (int)input->partition,
                     rd_kafka_message_errstr(message));
        rd_kafka_message_destroy(message);
    }
    if (input->at_end || input->empty_since_us != 0)
        return;
    if (input->position >= 0 && knows_end(consumer, input, input->position))
        input->at_end = true;
    else
        input->empty_since_us = now_us;
}

/* One at its end is looked at once for each time that the caller tells: a topic that nobody writes
 * to costs nothing for each record of the others. */
static bool is_quiet(struct input *input, int64_t now_us)
{
    bool quiet = input->at_end && input->looked_us == now_us;
    input->looked_us = now_us;
    return quiet;
}

void task_fill(struct task *task, rd_kafka_t *consumer, struct pipeline *pipeline, int64_t now_us)
{
    for (int i = 0; i < INPUT_TOPICS; i++)
        if (task->inputs[i].head == NULL && !is_quiet(&task->inputs[i], now_us))
            fill_input(&task->inputs[i], consumer, pipeline, now_us);
}

struct input *task_next(struct task *task, int64_t idle_max_us, int64_t now_us,
                        int64_t *ret_wait_us)
{
    struct input *oldest = NULL;
    int64_t wait_us = 0;
    for (int i = 0; i < INPUT_TOPICS; i++) {
        struct input *input = &task->inputs[i];
        if (input->head) {
            if (oldest == NULL || input->time_ms < oldest->time_ms)
                oldest = input;
        } else if (!input->at_end && now_us < input->empty_since_us + idle_max_us) {
            int64_t until_us = input->empty_since_us + idle_max_us;
            wait_us = wait_us == 0 || until_us < wait_us ? until_us : wait_us;
        }
    }
    if (oldest == NULL || wait_us == 0)
        return oldest;
    if (wait_us < *ret_wait_us)
        *ret_wait_us = wait_us;
    return NULL;
}

void input_advance(struct input *input)
{
    input->next = input->position = input->head->offset + 1;
    rd_kafka_message_destroy(input->head);
    input->head = NULL;
}
