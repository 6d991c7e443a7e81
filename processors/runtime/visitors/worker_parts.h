/* Shared by the files of the worker: worker.c (sessions and batches), early.c (lists ahead of
 * the commit), commit.c (the end of a batch) and rebalance.c (partitions that come and go). Nobody
 * else includes this. Thread: the worker's, unless it says otherwise. */
#ifndef WEFT_VISITORS_WORKER_PARTS_H
#define WEFT_VISITORS_WORKER_PARTS_H

#include "processors/runtime/kafka/transaction.h"
#include "processors/runtime/visitors/catch_up.h"
#include "processors/runtime/visitors/restore.h"
#include "processors/runtime/visitors/task.h"

enum worker_state {
    WORKER_STARTING,  /* clients are made, producers initialised */
    WORKER_WAITING,   /* for an assignment */
    WORKER_RESTORING, /* changelogs are read back */
    WORKER_RUNNING,
    WORKER_STOPPED,
};

/* How long events wait for their lists, and commits take. */
struct delays {
    int64_t *written_ms; /* of the batch's records */
    size_t count, capacity;
    struct histogram event_to_list, commits; /* of committed batches */
};

struct worker {
    struct outlet outlet;    /* first: the pipeline hands it back */
    struct edge_group group; /* the edge hands it back */
    struct run *run;
    int index;
    char name[32];                /* for the log */
    char member[MEMBER_NAME_MAX]; /* its name in the group */
    enum worker_state state;
    struct kafka_edge *edge; /* owned, as all that follows */
    bool joined;             /* the edge has a consumer */
    struct transactions *transactions;
    struct pipeline *pipeline;
    struct task **tasks; /* in the order of assignment */
    size_t task_count;
    size_t task_turn;        /* the task whose records come next */
    struct restore *restore; /* while RESTORING */
    struct store_batch batch;
    uint64_t batch_records;
    int64_t batch_opened_us; /* 0: no batch is open */
    int64_t committed_us, group_polled_us;
    int64_t commit_cost_us; /* how long a commit takes: a moving mean, without making the lists */
    double
        record_cost_us; /* how long making the lists takes for each record of a batch, likewise */
    int64_t early_us;   /* when early lists were made last, or the last commit */
    uint64_t early_records; /* of the batch, whose lists are made */
    bool early_stopped;     /* the process stood still: no early lists until the group knows it */
    struct catch_up catch_up;
    enum verdict trouble; /* met inside a rebalance: RETRY or FATAL */
    struct error error;
    int64_t ahead_told_us;  /* when the log last told of an event ahead of its record; 0: never */
    int restarts;           /* in a row, without a commit between them */
    int64_t limits[TOPICS]; /* of the topics, as this session uses them (size_budget.h) */
    bool warned[TOPICS];    /* of records that are cut to fit the topic */
    struct delays delays;
    struct letter_watch letter_watch;
    struct letter_reasons reasons, batch_reasons; /* of committed dead letters; of the batch's */
    int stale_assignments;                        /* in a row: they lacked inputs */
    uint64_t commits, aborts, restored;
    uint64_t lost; /* records of inputs that nobody reads (assignment.h) */
    pthread_mutex_t totals_lock;
    struct totals totals; /* as of the last commit; under totals_lock */
};

/* ---- worker.c ---- */

void worker_set_state(struct worker *worker, enum worker_state state);
/* Notes a verdict for run_session(); FATAL wins over RETRY. */
void worker_meet_trouble(struct worker *worker, enum verdict verdict);
/* Makes the worker's figures visible to worker_totals(). */
void worker_publish_totals(struct worker *worker);

/* ---- sizes.c ---- */

/* Takes the topics' limits over at the start of a session. */
void worker_use_sizes(struct worker *worker);
/* After a session that ended with RETRY. If a topic refused a record as too large, asks for its
 * limit again. FATAL: the topic takes too little. */
enum verdict worker_learn_size(struct worker *worker);
/* Warns, once a topic, of records that were cut to fit it. */
void worker_warn_of_cuts(struct worker *worker);

/* ---- letters.c ---- */

/* Sends the head of an input as it came to the dead letters or to the late topic, cut if need be
 * (kafka/letter.h). */
enum verdict worker_send_letter(struct worker *worker, enum topic topic, const struct input *input,
                                const char *step, const char *message);
/* Warns if many records are dead letters. */
void worker_warn_of_letters(struct worker *worker, int64_t at_us);
/* The batch is committed: its reasons count. */
void worker_keep_reasons(struct worker *worker);
/* The batch is dropped: its records come again. */
void worker_drop_reasons(struct worker *worker);

/* ---- delays.c ---- */

/* Notes when a record of the batch was written to its topic; 0: not known. */
void worker_note_record(struct worker *worker, int64_t written_ms);
/* The batch is committed, which took so long: counts its records' delays. */
void worker_count_delays(struct worker *worker, int64_t commit_us);
/* The batch is dropped. */
void worker_drop_delays(struct worker *worker);
void worker_release_delays(struct worker *worker);

/* ---- early.c ---- */

/* With lists.early=on: makes the lists of the visitors that changed, if it is time; otherwise
 * lowers `ret_wait_us` to that time. `ready`: more records are ready. */
enum verdict worker_make_early(struct worker *worker, int64_t at_us, bool ready,
                               int64_t *ret_wait_us);
/* Sends a record of lists ahead of its commit, unless the worker's session may be over. */
void worker_send_early(struct worker *worker, const struct edge_record *record);
/* Notes whether the process stood still for longer than its session, by the clock. */
void worker_watch_session(struct worker *worker);

/* ---- commit.c ---- */

/* How long the batch stays open at least, since the last commit: commit.min.ms, or longer, so that
 * commits take at most the share commit.share.percent of the time. The time that making the batch's
 * lists will take counts, so a busy worker does not wait. With lists.early=on it is
 * commit.interval.ms. */
int64_t worker_commit_pause_us(const struct worker *worker);
/* Ends the batch: steps 2 to 6 of the recipe. RETRY: abort and start again from the last commit.
 * FATAL: the store can't be written. */
enum verdict worker_commit(struct worker *worker);
/* RETRY: without transactions, the process stood still for longer than its session. */
enum verdict worker_check_presence(struct worker *worker);

/* ---- rebalance.c ---- */

/* The edge's listener: partitions come, or go after a commit of their last batch. */
void worker_assigned(struct edge_group *group, struct edge_place *places, size_t count);
void worker_revoked(struct edge_group *group, bool lost);
/* A person must mend something first: the process ends. */
void worker_refused(struct edge_group *group, const char *why);
/* Forgets the tasks, their visitors and the restore. */
void worker_drop_tasks(struct worker *worker);
/* Restores for some milliseconds; RUNNING once all tasks are level. OK: also when more is left. */
enum verdict worker_restore(struct worker *worker);

#endif
