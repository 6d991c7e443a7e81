/* What the threads of one process share: the configuration, the stores, the model, the catalogue,
 * and the flags and figures by which the threads tell each other how far they are. `weft run`
 * (run.c) fills it and starts the threads; the threads include this file, never run.c. */
#ifndef WEFT_RUNTIME_PROCESS_H
#define WEFT_RUNTIME_PROCESS_H

#include "processors/runtime/pipeline.h"

#include <pthread.h>
#include <stdatomic.h>

struct totals {
    struct counts counts;
    uint64_t commits;
    uint64_t aborts;
    uint64_t restored; /* rows read from changelogs */
    uint64_t visitors_cached;
    uint64_t visitors_bytes;
    uint64_t shown_bytes;   /* of shown lists that wait for their click */
    uint64_t ready_workers; /* that have an assignment and have restored it */
};

/* What this process's publisher has done, if it is the one. */
struct rankings_totals {
    atomic_llong offset;                  /* of the log: of the last publication */
    atomic_ullong written, same, deleted; /* records since the start */
    atomic_ullong scopes_out, terms_out;  /* beyond the bounds, at the last one */
};

/* What the threads of a process share; all of it is read only but for what says otherwise. */
struct run {
    const struct config *config;
    struct topology topology;
    int32_t partitions;
    char instance[CONFIG_TEXT_MAX]; /* static member's name, start of the transactional ids */
    struct store *store;            /* of visitors and offsets; thread-safe */
    struct store *model_store;      /* of the model, apart, so that large writes hold nobody up */
    struct standby *standby;        /* NULL: none */
    struct model *model;            /* under its locks; written by the fold only */
    const char *seed_model;         /* a file to begin from (seed_model.h); NULL: none */
    struct search_index *search;    /* of the catalogue, under its lock too */
    struct catalogue *catalogue;    /* under its lock; written by the catalogue's fold only */
    atomic_bool stop;               /* somebody asked for it */
    atomic_bool failed;             /* a thread met a fatal error and has logged it */
    atomic_llong folded_offset;     /* next offset of the log */
    atomic_llong snapshot_offset;   /* of the log: of the last snapshot that this process wrote */
    atomic_llong saved_offset;      /* the same of the model in the store, as last written */
    atomic_bool catalogue_ready; /* folded up to the end that it had at the start, or so late that
                                  * nobody should wait */
    atomic_bool has_first_partition;  /* a worker of this process has the visitors' partition 0 */
    atomic_ullong catalogue_rejected; /* rows that can't be used */
    pthread_mutex_t view_lock;
    struct rankings_view
        *view_wanted; /* under view_lock: filled by the fold, which then sets NULL */
    struct rankings_totals rankings;
    atomic_bool catalogue_whole;  /* folded up to the end that it had at the start */
    atomic_ullong catalogue_rows; /* folded since the start of the process */
    atomic_bool fold_ready;       /* the log was folded up to the end that it had at the start */
};

/* A thread's fatal error: logged, and the process stops. */
void run_fail(struct run *run, const char *who, const struct error *error);

static inline bool run_stops(struct run *run)
{
    return atomic_load_explicit(&run->stop, memory_order_relaxed);
}

#endif
