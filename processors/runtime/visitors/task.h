/* A task: one partition of every input topic, whose records are processed in the order of their
 * time. Thread: the worker that owns it. */
#ifndef WEFT_VISITORS_TASK_H
#define WEFT_VISITORS_TASK_H

#include "processors/runtime/kafka/edge.h"
#include "processors/runtime/pipeline.h"
#include "processors/runtime/visitors/copy_age.h"

/* One partition of one input topic. */
struct input {
    const char *topic;
    enum event_type type;
    int32_t partition;
    struct edge_input *source;
    bool has_head;
    struct edge_message head; /* the oldest record that is not processed yet, if has_head */
    struct record record;     /* of the head; its slices point into the head and the arena */
    bool awaits_schema;       /* the head can't be decoded before the schema registry answers */
    bool decoded;             /* false: the head is a dead letter, for the reason in `why`; or it
                               * awaits its schema */
    struct error why;
    struct arena arena;     /* of the head */
    bool at_end;            /* the broker has no more records, as last heard */
    int64_t empty_since_us; /* no head since then, or one that awaits its schema; 0: not known to
                             * be empty */
    int64_t looked_us;      /* when its queue was looked into last */
    int64_t position;       /* behind the last record taken, or the end; -1: neither yet */
    int64_t next;           /* offset for the next commit: behind the last record processed, or an
                             * end with no record before it; -1: none in this batch */
    int64_t time_ms;        /* of the head's event; of a user's record when it was written.
                             * INT64_MIN: unknown, or its sender's clock is ahead. Such a head goes
                             * first: it must not hold its topic behind the others */
};

enum task_state {
    TASK_RESTORING, /* its changelog is read back */
    TASK_RUNNING,
};

struct task {
    int32_t partition;
    enum task_state state;
    struct input inputs[INPUT_TOPICS];
    int input_count;        /* inputs in use: they come first */
    int64_t changelog_next; /* offset up to which the store has the changelog */
    int64_t changelog_target;
    struct copy_deadline fresh; /* while RESTORING: until when the store's rows count as fresh */
    const struct input *lost;   /* its partition does not have the next record, so that nothing
                                 * comes any more; NULL: none */
    bool looks_wait;            /* the store's row says: visitors wait for a second look */
};

/* Opens the partition of every input. `edge` and `topology` are borrowed until task_free(). */
struct task *task_new(struct kafka_edge *edge, const struct topology *topology, int32_t partition);
/* Releases the heads and closes the inputs. NULL is fine. */
void task_free(struct task *task, struct kafka_edge *edge);

/* Takes records until each input has a head or is empty. An input at its end is looked at once for
 * each `now_us`; so is a head that awaits its schema. */
void task_fill(struct task *task, struct kafka_edge *edge, struct pipeline *pipeline,
               int64_t now_us);

/* The input with the oldest head. An input that is empty but not at its end holds the others back
 * for `idle_max_us`, since its next record may be older; so does one whose head awaits its schema.
 * NULL: no head, or one is held back, or one awaits its schema; then `ret_wait_us` is lowered to
 * the time of the next look. */
struct input *task_next(struct task *task, int64_t idle_max_us, int64_t now_us,
                        int64_t *ret_wait_us);

/* The head is processed: releases it, and puts the offset behind it into the batch. */
void input_advance(struct input *input, struct kafka_edge *edge);

#endif
