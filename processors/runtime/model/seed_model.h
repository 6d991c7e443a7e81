/* Beginning from a model that was trained elsewhere: a file of `weft get model`
 * (state/model_file.h) becomes the snapshot of an application that has learned nothing yet, as of
 * the beginning of its interactions log. The process that has the file writes that snapshot; the
 * others, and whoever loses their state, take it as any other. Thread: the fold. */
#ifndef WEFT_MODEL_SEED_MODEL_H
#define WEFT_MODEL_SEED_MODEL_H

#include "processors/runtime/process.h"

/* Whether run->seed_model may be begun from: there is no snapshot, the log is empty (`log_end` 0)
 * and the local model has folded nothing of it (`folded` 0). FATAL: it may not, with what to do. */
enum verdict seed_model_check(struct run *run, int64_t folded, int64_t log_end,
                              struct error *error);

/* Reads the file into the model's store, which is empty, loads the model from there and writes the
 * snapshot. FATAL: the file or the broker would not; the store may then have rows. */
enum verdict seed_model_load(struct run *run, struct error *error);

#endif
