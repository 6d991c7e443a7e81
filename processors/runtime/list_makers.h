/* List makers: threads that make the lists of a batch side by side.
 *
 * Each maker has a recommender of its own, with its copy of the ranker, and a share of the visitors
 * by hash. So the list that a visitor was served and the click that answers it meet in the same
 * recommender. A worker has one maker for each of its threads (`threads`); the first one is the
 * worker itself. All of them write into the worker's one transaction: a second worker would cost
 * the brokers a transaction more for each batch.
 *
 *     worker    event() of each step ... | maker 0: close() of its visitors | emits what all wrote
 *     thread 1                 sleeps    | maker 1: close() of its visitors | sleeps
 *
 * Thread: all functions are called by the worker's. The makers share the context's settings, model
 * and catalogue, which they read under their locks; everything else in a maker is its own. */
#ifndef WEFT_RUNTIME_LIST_MAKERS_H
#define WEFT_RUNTIME_LIST_MAKERS_H

#include "processors/recommend/recommend.h"
#include "processors/runtime/topology.h"

#define LIST_MAKERS_MAX 64
#define LISTS_SIDE_BY_SIDE_MIN 8 /* fewer are made by the worker's thread alone */

struct list_makers;

/* One maker, on the caller's thread. Everything is borrowed. The makers take the context over as it
 * is at each call, but for its recommender, which is set here, and its outlet: what the steps emit
 * goes to `outlet` if their rows declare it. */
struct list_makers *list_makers_new(struct context *context, const struct topology *topology,
                                    struct outlet *outlet);
/* Ends the threads. NULL is fine. */
void list_makers_free(struct list_makers *makers);

/* Adds makers, each with a thread, until there are `count`. Before the first visitor. FATAL: a
 * thread can't be started. */
enum verdict list_makers_start(struct list_makers *makers, int count, struct error *error);

/* Number of makers, and the recommender of each; of the maker that has the visitor. */
int list_makers_count(const struct list_makers *makers);
struct recommender *list_makers_at(const struct list_makers *makers, int index);
struct recommender *list_makers_of(const struct list_makers *makers, const struct visitor *visitor);

/* Runs close() of each step for each visitor. A visitor may stand there once. Outputs of the steps
 * reach the outlet on this thread, in the order of a visitor's calls. FATAL: a step failed. */
enum verdict list_makers_run(struct list_makers *makers, struct visitor *const *visitors,
                             size_t count, struct error *error);

/* Bytes of memory for the batch at hand. */
size_t list_makers_bytes(const struct list_makers *makers);
/* The batch is over: empties the arenas. */
void list_makers_clear(struct list_makers *makers);

#endif
