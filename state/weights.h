/* The ranker's weights as numbers: how they are merged over workers, and their row in the store. A
 * part of the model. Their meaning: recommend/ranking/ranker.h. Calls schemas/ and state/store.
 *
 *     runs      [ weights ][ Adagrad's sums ][ averaged weights ]      WEIGHTS_COUNT floats each
 *     sums, squares, samples                                           statistics of the features
 *     sources   [ source, number ] ...                                 differences folded last
 *
 * All numbers are additive. A worker learns on its own copy, and writes the difference to the
 * weights that it took over last into the interactions log (weights.avsc). Every process folds the
 * differences in the order of the log: it adds them up.
 *
 * Rows and differences of older versions end each run after the network. They are read as well: the
 * weights of the goals are 0 then.
 *
 * The row, MODEL_TABLE_WEIGHTS or MODEL_TABLE_CART_WEIGHTS, begins with a hash of the features'
 * names and the number of columns. Weights of other features are dropped.
 *
 * Threads: as the model's; a worker's copy is the worker's. */
#ifndef WEFT_STATE_WEIGHTS_H
#define WEFT_STATE_WEIGHTS_H

#include "state/model_tables.h"
#include "state/store.h"

#define FEATURES_MAX 80 /* columns; a multiple of the kernels' lanes */
#define HIDDEN 32       /* units of the hidden layer */
#define WEIGHTS_GOALS 2 /* that have weights of their own (ranking/goals.h) */
#define WEIGHTS_NETWORK (FEATURES_MAX * HIDDEN + HIDDEN + HIDDEN + FEATURES_MAX)
#define WEIGHTS_COUNT (WEIGHTS_NETWORK + WEIGHTS_GOALS * FEATURES_MAX)

enum weights_run { WEIGHTS_NOW, WEIGHTS_SUMS, WEIGHTS_AVERAGE, WEIGHTS_RUNS };

/* A worker, and the number of its last difference that was folded. By it a worker knows that its
 * own difference was merged. */
#define WEIGHTS_SOURCES 64
struct weights_source {
    uint64_t source, number;
};

struct weights {
    uint64_t source, number; /* of a difference: its worker, and its number, from 1 */
    struct weights_source sources[WEIGHTS_SOURCES]; /* of merged weights; the oldest is replaced */
    uint64_t features;                              /* hash of the features' names */
    uint64_t steps;                                 /* clicks learned from */
    uint64_t merges;                                /* differences folded, with refused ones */
    double samples;                                 /* number of samples in the statistics */
    double sums[FEATURES_MAX];
    double squares[FEATURES_MAX];
    _Alignas(64) float runs[WEIGHTS_RUNS][WEIGHTS_COUNT];
};

/* All zero. The caller frees it with free(). */
struct weights *weights_new(uint64_t features);

/* difference = now - before, number by number; all for the same features. */
void weights_subtract(struct weights *ret_difference, const struct weights *now,
                      const struct weights *before);
/* into += difference, number by number; both for the same features. */
void weights_add(struct weights *into, const struct weights *difference);
/* Marks a difference as folded without adding it, so that its worker does not wait for it. */
void weights_refuse(struct weights *into, const struct weights *difference);
/* The number of the last difference of `source` that was folded; 0: none, or too long ago. */
uint64_t weights_folded(const struct weights *merged, uint64_t source);
/* False: a number is not finite, or an Adagrad sum is negative. Such a difference must not be
 * folded. */
bool weights_finite(const struct weights *weights);

/* Appends a difference as a record of the interactions log: single-object encoding, weights.avsc.
 */
void weights_write(const struct weights *difference, uint64_t fingerprint, struct buffer *buffer);
/* Reads it. SKIP: the bytes are no difference of this version, or a number is not finite; then
 * `ret_difference` is undefined. */
enum verdict weights_read(struct bytes record, uint64_t fingerprint, struct weights *ret_difference,
                          struct error *error);

/* Adds the row to the batch; `table`: one of the two. */
void weights_save(const struct weights *weights, enum model_table table, struct store_batch *batch);
/* Reads the row's value. Weights of other features are OK, but dropped: `ret_weights` stays as it
 * is. SKIP: damaged. */
enum verdict weights_load(struct weights *ret_weights, struct bytes value, bool *ret_dropped);

#endif
