/* A task: one partition of every input topic, whose records are taken in the order of their time.
 * Thread: the worker that owns it. */
#ifndef WEFT_VISITORS_TASK_H
#define WEFT_VISITORS_TASK_H

#include "processors/runtime/kafka/kafka.h"
#include "processors/runtime/pipeline.h"

/* One partition of one topic. Its queue is taken off the consumer's common one, so that each can be
 * read when its turn is. */
struct input {
    const char *topic;
    enum event_type type;
    int32_t partition;
    rd_kafka_queue_t *queue;
    rd_kafka_message_t *head; /* the oldest record that is not processed; NULL: none here now */
    struct record record;     /* of the head */
    bool decoded;             /* false: the head is a dead letter, for the reason in `why` */
    struct error why;
    struct arena arena; /* of the head */
    bool at_end;        /* nothing more on the broker, as last heard */
    int64_t empty_since_us;
    int64_t looked_us; /* when its queue was looked into last */
    int64_t position;  /* offset behind the last record taken, or of the end; -1: neither yet */
    int64_t next;      /* offset behind the last record processed, or of an end that nothing stood
                        * before; -1: none in this batch */
    int64_t time_ms; /* of the head; of a user's record when it was written; INT64_MIN: it can't be
                      * told */
};

enum task_state {
    TASK_RESTORING, /* its changelog is read back */
    TASK_RUNNING,
};

struct task {
    int32_t partition;
    enum task_state state;
    struct input inputs[INPUT_TOPICS];
    int64_t committed[INPUT_TOPICS]; /* offsets of the group when it was assigned; -1: none */
    int64_t changelog_next;          /* offset up to which the store has the changelog */
    int64_t changelog_target;
    bool looks_wait; /* as the store has it: visitors wait for a second look */
};

/* `wake_fd` gets a byte when a record arrives for an empty queue. */
struct task *task_new(rd_kafka_t *consumer, const struct topology *topology, int32_t partition,
                      int wake_fd);
void task_free(struct task *task);

/* Takes what is there until each input has a head or nothing more is there. */
void task_fill(struct task *task, rd_kafka_t *consumer, struct pipeline *pipeline, int64_t now_us);

/* The input whose head goes next; NULL: none, or one has to be waited for, and then `ret_wait_us`
 * is lowered to the time at which the waiting ends. */
struct input *task_next(struct task *task, int64_t idle_max_us, int64_t now_us,
                        int64_t *ret_wait_us);

/* The head is processed: it is freed, and the offset behind it goes into the batch. */
void input_advance(struct input *input);

#endif
