/* Checks the partitions that the group assigns to a worker, and finds where to go on reading.
 * Thread: the worker's, inside the rebalance. */
#ifndef WEFT_VISITORS_ASSIGNMENT_H
#define WEFT_VISITORS_ASSIGNMENT_H

#include "processors/runtime/kafka/edge.h"
#include "processors/runtime/process.h"

/* The worker that got the partitions. All borrowed. */
struct assignment {
    struct run *run;
    struct kafka_edge *edge;
    const char *member; /* its name in the group */
    const char *name;   /* for the log */
};

/* Checks that each partition comes with its counterparts in the other inputs: a partition too many,
 * or one alone, would tear visitors apart. FATAL: partitions were added to an input. RETRY: the
 * group's leader does not know all inputs yet, or still assigns those of an earlier subscription
 * (`ret_stale`), or the broker does not answer. */
enum verdict assignment_check(const struct assignment *assignment, const struct edge_place *places,
                              size_t count, bool *ret_stale, struct error *error);

/* Sets the offset of each place: the group's, once no transaction on it is open; without one the
 * store's, never the beginning while the store has an offset; without both -1, the beginning.
 *
 * Fences members that committed one of these offsets and are no longer in the group: this ends the
 * transactions that they left open, which would hide the changelog and the lists from all readers
 * until they time out, 10 to 20 s later.
 *
 * Warns if requests to erase users may be lost, because nobody has read them for too long.
 *
 * Warns of records that nobody will read, and adds their number to `lost`: retention took them, or
 * somebody moved the group forward. Offsets count, so these are upper bounds. Also warns of a topic
 * that ends before the offset, since it was created again; it is read from its beginning. Also
 * warns if both offsets are gone while the changelog has visitors: what is read again may count
 * twice.
 *
 * RETRY: the group's offsets are not to be had for a minute. FATAL: the group was moved back behind
 * what the store has seen. */
enum verdict assignment_offsets(const struct assignment *assignment, struct edge_place *places,
                                size_t count, uint64_t *lost, struct error *error);

#endif
