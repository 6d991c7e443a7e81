/* The state that the threads of one process share: the configuration, the stores, the model, the
 * catalogue, and flags and figures that tell how far each thread is. `weft run` (run.c) fills it
 * and starts the threads. The threads include this file, and run.c includes them.
 *
 *     run (main thread)   starts the others, writes metrics
 *     worker, 1 to 64     visitors/worker.c; each has list makers (list_makers.h)
 *     standby             visitors/standby.c: copies that no worker has
 *     fold                model/fold.c, the model's only writer
 *     catalogue fold      model/catalogue_fold.c, the catalogue's only writer
 *     publisher           model/publish.c
 *     registry            kafka/registry.c, with schema.registry.url */
#ifndef WEFT_RUNTIME_PROCESS_H
#define WEFT_RUNTIME_PROCESS_H

#include "processors/runtime/exposition.h"
#include "processors/runtime/kafka/size_budget.h"
#include "processors/runtime/letter_reasons.h"
#include "processors/runtime/pipeline.h"

#include <pthread.h>
#include <stdatomic.h>

struct registry;

/* The readers of topics whose queues are counted. */
enum { READER_FOLD, READER_CATALOGUE, READER_STANDBY, READERS };

/* Memory of workers, in bytes. */
struct worker_memory {
    uint64_t visitors;
    uint64_t lists;   /* that wait for their click */
    uint64_t batches; /* arenas and buffers */
    uint64_t kafka;   /* records in queues */
};

/* Figures of the workers, as of their last commits. */
struct totals {
    struct counts counts;
    uint64_t commits;
    uint64_t aborts;
    uint64_t restored; /* rows read from changelogs */
    uint64_t lost;     /* records of inputs that retention took unread, or that were skipped */
    struct letter_reasons reasons; /* of the dead letters */
    uint64_t visitors_cached;
    uint64_t visitors_bytes;
    uint64_t shown_bytes; /* memory of shown lists that wait for their click */
    struct worker_memory memory;
    uint64_t ready_workers;         /* workers that have restored their assignment */
    uint64_t behind_workers;        /* workers that are behind (visitors/catch_up.h) */
    uint64_t lag_ms;                /* age of the oldest record that waits, of all workers */
    uint64_t records_left;          /* records of the inputs that wait, as last heard */
    uint64_t lists_owed;            /* visitors whose lists wait */
    struct histogram event_to_list; /* from a record's Kafka timestamp to its commit */
    struct histogram commit_times;
};

/* The rankings that this process has published, while it held the lease. */
struct rankings_totals {
    atomic_llong offset;                  /* the log's offset of the last publication */
    atomic_ullong written, same, deleted; /* records since the start */
    atomic_ullong scopes_out, terms_out;  /* left out at the bounds, in the last publication */
};

/* The lists of items, likewise. */
struct item_lists_totals {
    atomic_llong offset;                       /* the log's offset at the start of the last round */
    atomic_ullong written, same, deleted, cut; /* records since the start; shortened to fit */
    atomic_ullong left;                        /* items and products before the round's end */
    atomic_llong round_us; /* when the last whole round began, monotonic; 0: there was none */
    atomic_llong first_us; /* when the first round after the election began; 0: none has */
};

/* Fields without a lock or an atomic type are set before the threads start, and only read then. */
struct run {
    const struct config *config;
    struct topology topology;
    int32_t partitions;
    struct size_budget sizes;       /* how large records each topic takes */
    char instance[CONFIG_TEXT_MAX]; /* static member's name, start of the transactional ids */
    struct store *store;            /* visitors and input offsets; thread-safe */
    struct store *model_store;      /* the model; apart, so that its large writes delay no worker */
    struct standby *standby;        /* NULL: none, in tests */
    struct registry *registry;      /* thread-safe; NULL: none is configured */
    struct model *model;            /* under its locks; written by the fold only */
    const char *seed_model;         /* model file to start from (seed_model.h); NULL: none */
    struct search_index *search;    /* under the catalogue's lock; written by its fold only */
    struct catalogue *catalogue;    /* under its lock; written by the catalogue's fold only */
    uint64_t disk_waits;            /* times that the process waited for a full disk */
    atomic_ullong early_failures;   /* early lists that were not delivered */
    atomic_bool stop;               /* all threads end */
    atomic_bool failed;             /* a thread met a fatal error and has logged it */
    atomic_llong folded_offset;     /* of the log: the next record to fold; the model is as of it
                                     * for a thread that holds the model's read lock */
    atomic_llong fold_left;         /* records of the log that are not folded yet, as last heard */
    atomic_llong snapshot_offset;   /* of the log: the last snapshot that this process wrote */
    atomic_llong saved_offset;      /* of the log: the model as last written to the store */
    atomic_bool catalogue_ready;    /* folded up to the end that it had at the start, or it takes so
                                     * long that workers start without it */
    atomic_bool has_first_partition;  /* a worker of this process has the visitors' partition 0 */
    atomic_ullong catalogue_rejected; /* records that can't be used */
    atomic_ullong catalogue_rereads;  /* how often the topic was read again from its beginning */
    pthread_mutex_t view_lock;
    struct rankings_view
        *view_wanted; /* under view_lock: the publisher sets it; the fold fills it, sets NULL */
    struct rankings_totals rankings;
    struct item_lists_totals items;
    atomic_bool catalogue_whole;         /* folded up to the end that it had at the start */
    atomic_ullong catalogue_rows;        /* records folded since the start of the process */
    atomic_ullong queued_bytes[READERS]; /* memory of records that wait to be read */
    atomic_bool fold_ready; /* the log was folded up to the end that it had at the start */
};

/* Logs a thread's fatal error and stops the process. `who` is the thread's name. Thread: any. */
void run_fail(struct run *run, const char *who, const struct error *error);

/* Thread: any. */
static inline bool run_stops(struct run *run)
{
    return atomic_load_explicit(&run->stop, memory_order_relaxed);
}

#endif
