/* A worker: one consumer of the group, two transactional producers, the visitors of its
 * partitions. See worker.c for the recipe. */
#ifndef WEFT_VISITORS_WORKER_H
#define WEFT_VISITORS_WORKER_H

#include "processors/runtime/process.h"

struct worker;

struct worker *worker_new(struct run *run, int index);
void worker_free(struct worker *worker);

/* Body of the worker's thread; returns when the run stops or a fatal error was reported. */
void *worker_thread(void *worker);

/* Adds the worker's figures, as of its last commit. Thread: any. */
void worker_totals(struct worker *worker, struct totals *totals);

#endif
