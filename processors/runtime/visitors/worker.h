/* A worker: one consumer of the group, two transactional producers, and the visitors of the
 * partitions that the group assigns to it. commit.c states the recipe of exactly-once. */
#ifndef WEFT_VISITORS_WORKER_H
#define WEFT_VISITORS_WORKER_H

#include "processors/runtime/kafka/edge.h"
#include "processors/runtime/process.h"

struct worker;

/* Takes the edge over, also when it fails; `run` is borrowed. NULL: run_fail() has the reason.
 * Thread: the main thread, before the worker's own. */
struct worker *worker_new(struct run *run, int index, struct kafka_edge *edge);
void worker_free(struct worker *worker); /* NULL is fine; its thread has ended */

/* Body of the worker's thread; `argument` is the struct worker. Returns NULL when the run stops, or
 * after a fatal error, which it reports with run_fail(). */
void *worker_thread(void *argument);

/* Adds the worker's figures, as of its last commit. Thread: any. */
void worker_totals(struct worker *worker, struct totals *totals);

#endif
