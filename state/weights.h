/* The ranker's weights: the numbers, their merging over workers, and their place in the store. A
 * part of the model. What they mean is said in recommend/ranking/ranker.h; here they are three runs
 * of WEIGHTS_COUNT floats (weights, Adagrad's sums, averaged weights) with the statistics that
 * features are standardised by, and everything is additive: a worker learns on a copy of its own
 * and writes the difference to what it last took over into the interactions log (weights.avsc);
 * folding it adds it up, in every process in the order of the log. Calls schemas/ and state/store.
 *
 * Row of FAMILY_MODEL: 'w' -> struct weights' numbers, little endian, behind the number of features
 * and a hash of their names: weights that were learned for other features are of no use and are
 * dropped, with `weights_load` saying so.
 *
 * Threads: as the model's; a worker's copy is the worker's. */
#ifndef WEFT_STATE_WEIGHTS_H
#define WEFT_STATE_WEIGHTS_H

#include "state/store.h"

#define FEATURES_MAX 80 /* columns; a multiple of the kernels' lanes */
#define HIDDEN 32       /* units of the hidden layer */
#define WEIGHTS_COUNT (FEATURES_MAX * HIDDEN + HIDDEN + HIDDEN + FEATURES_MAX)

enum weights_run { WEIGHTS_NOW, WEIGHTS_SUMS, WEIGHTS_AVERAGE, WEIGHTS_RUNS };

/* Whose differences were folded, and the last one's number: how a worker knows that its own is in.
 */
#define WEIGHTS_SOURCES 64
struct weights_source {
    uint64_t source, number;
};

struct weights {
    uint64_t source, number; /* of a difference: whose, and which of its, from 1 */
    struct weights_source sources[WEIGHTS_SOURCES]; /* of merged weights; the oldest is replaced */
    uint64_t features;                              /* hash of the features' names */
    uint64_t steps;                                 /* clicks learned from */
    uint64_t merges;                                /* differences folded, refused ones with them */
    double samples;                                 /* that the statistics are of */
    double sums[FEATURES_MAX];
    double squares[FEATURES_MAX];
    _Alignas(64) float runs[WEIGHTS_RUNS][WEIGHTS_COUNT];
};

/* Zeros; free() it. */
struct weights *weights_new(uint64_t features);

/* now - before, or into += difference, number by number. `features` must be equal. */
void weights_subtract(struct weights *ret_difference, const struct weights *now,
                      const struct weights *before);
void weights_add(struct weights *into, const struct weights *difference);
/* A difference that can't be added is only noted, so that its worker does not wait for it. */
void weights_refuse(struct weights *into, const struct weights *difference);
/* The number of the last difference of `source` that was folded; 0: none, or long ago. */
uint64_t weights_folded(const struct weights *merged, uint64_t source);
/* False: a number is not finite, or a sum of squares is negative; such a difference must not be
 * folded. */
bool weights_finite(const struct weights *weights);

/* A difference as a record of the interactions log, in single-object encoding (weights.avsc). */
void weights_write(const struct weights *difference, uint64_t fingerprint, struct buffer *buffer);
/* SKIP: the bytes are no difference of this version, or hold numbers that are not finite; what is
 * in `ret_difference` is then of no use. */
enum verdict weights_read(struct bytes record, uint64_t fingerprint, struct weights *ret_difference,
                          struct error *error);

void weights_save(const struct weights *weights, struct store_batch *batch);
/* OK also for the weights of other features, which are not taken over: ret_weights stays as it is
 * and `ret_dropped` is set. SKIP: damaged. */
enum verdict weights_load(struct weights *ret_weights, struct bytes value, bool *ret_dropped);

#endif
