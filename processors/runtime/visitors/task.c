#include "processors/runtime/visitors/task.h"

#include <stdlib.h>

/* Between looks for a schema that a head awaits: as long as it has waited, within these. */
#define SCHEMA_LOOK_MIN_US 1000
#define SCHEMA_LOOK_MAX_US 50000

struct task *task_new(struct kafka_edge *edge, const struct topology *topology, int32_t partition)
{
    struct task *task = memory_zero(1, sizeof *task);
    task->partition = partition;
    for (int i = 0; i < INPUT_TOPICS; i++) {
        if (!topology_uses(topology, i))
            continue;
        struct input *input = &task->inputs[task->input_count++];
        input->topic = topology->topics[i];
        input->type = (enum event_type)i;
        input->partition = partition;
        input->next = input->position = -1;
        input->source = edge->open_input(edge, input->topic, partition);
    }
    return task;
}

void task_free(struct task *task, struct kafka_edge *edge)
{
    if (task == NULL)
        return;
    for (int i = 0; i < task->input_count; i++) {
        struct input *input = &task->inputs[i];
        if (input->has_head)
            edge->release(edge, &input->head);
        edge->close_input(edge, input->source);
        arena_release(&input->arena);
    }
    free(task);
}

static void decode_head(struct input *input, struct pipeline *pipeline, int64_t now_us)
{
    const struct edge_message *head = &input->head;
    arena_clear(&input->arena);
    error_clear(&input->why);
    input->record = (struct record){
        .type = input->type,
        .partition = input->partition,
        .offset = head->offset,
        .key = head->key,
        .value = head->value,
        .written_ms = head->written_ms,
    };
    enum verdict verdict = pipeline_decode(pipeline, &input->record, &input->arena, &input->why);
    bool awaited = input->awaits_schema;
    input->awaits_schema = verdict == VERDICT_RETRY;
    if (input->awaits_schema != awaited)
        input->empty_since_us = awaited ? 0 : now_us;
    input->decoded = verdict == VERDICT_OK;
    bool has_time = input->decoded && input->record.ahead_ms == 0;
    input->time_ms = has_time ? input->record.event.event_time_ms : INT64_MIN;
    if (input->decoded && input->type == EVENT_USER) /* a user's record carries no time */
        input->time_ms = head->written_ms;
}

/* The next commit also names the end of an input without records. So the next start finds an offset
 * of the group there too, and need not ask the broker where the input begins. */
static void reach_end(struct input *input, int64_t offset)
{
    input->at_end = true;
    if (input->position < 0)
        input->position = input->next = offset;
}

/* False: the partition does not have the next record. */
static bool fill_input(struct input *input, struct kafka_edge *edge, struct pipeline *pipeline,
                       int64_t now_us)
{
    enum edge_arrival arrival;
    do {
        arrival = edge->next(edge, input->source, &input->head);
        if (arrival == EDGE_END)
            reach_end(input, input->head.offset);
    } while (arrival == EDGE_END);
    if (arrival == EDGE_RECORD) {
        input->has_head = true;
        input->at_end = false;
        input->empty_since_us = 0;
        decode_head(input, pipeline, now_us);
        return true;
    }
    if (input->at_end || input->empty_since_us != 0)
        return arrival != EDGE_LOST;
    int64_t end = edge->end(edge, input->source);
    if (end >= 0 && input->position >= end)
        input->at_end = true;
    else
        input->empty_since_us = now_us;
    return arrival != EDGE_LOST;
}

/* So a topic without records costs nothing for each record of the others, and neither does a head
 * that awaits its schema. */
static bool is_quiet(struct input *input, int64_t now_us)
{
    bool quiet = (input->at_end || input->awaits_schema) && input->looked_us == now_us;
    input->looked_us = now_us;
    return quiet;
}

void task_fill(struct task *task, struct kafka_edge *edge, struct pipeline *pipeline,
               int64_t now_us)
{
    for (int i = 0; i < task->input_count; i++) {
        struct input *input = &task->inputs[i];
        if ((input->has_head && !input->awaits_schema) || is_quiet(input, now_us))
            continue;
        if (input->awaits_schema)
            decode_head(input, pipeline, now_us);
        else if (!fill_input(input, edge, pipeline, now_us))
            task->lost = input;
    }
}

static int64_t schema_look_us(const struct input *input, int64_t now_us)
{
    int64_t pause_us = now_us - input->empty_since_us;
    if (pause_us < SCHEMA_LOOK_MIN_US)
        pause_us = SCHEMA_LOOK_MIN_US;
    return now_us + (pause_us < SCHEMA_LOOK_MAX_US ? pause_us : SCHEMA_LOOK_MAX_US);
}

struct input *task_next(struct task *task, int64_t idle_max_us, int64_t now_us,
                        int64_t *ret_wait_us)
{
    struct input *oldest = NULL;
    int64_t wait_us = 0, look_us = INT64_MAX;
    for (int i = 0; i < task->input_count; i++) {
        struct input *input = &task->inputs[i];
        if (input->awaits_schema && schema_look_us(input, now_us) < look_us)
            look_us = schema_look_us(input, now_us);
        if (input->has_head && !input->awaits_schema) {
            if (oldest == NULL || input->time_ms < oldest->time_ms)
                oldest = input;
        } else if (!input->at_end && now_us < input->empty_since_us + idle_max_us) {
            int64_t until_us = input->empty_since_us + idle_max_us;
            wait_us = wait_us == 0 || until_us < wait_us ? until_us : wait_us;
        }
    }
    if (oldest != NULL && wait_us == 0)
        return oldest;
    if (oldest != NULL && wait_us < look_us)
        look_us = wait_us;
    if (look_us < *ret_wait_us)
        *ret_wait_us = look_us;
    return NULL;
}

void input_advance(struct input *input, struct kafka_edge *edge)
{
    input->next = input->position = input->head.offset + 1;
    edge->release(edge, &input->head);
    input->has_head = false;
}
