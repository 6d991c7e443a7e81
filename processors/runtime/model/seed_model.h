/* Starts an application from a model that was trained elsewhere. The file of `weft get model`
 * (state/model_file.h) becomes the snapshot of an application that has learned nothing yet, as of
 * the beginning of its interactions log. The process that has the file writes this snapshot. All
 * other processes, and those that lose their state, load it like any other snapshot.
 * Thread: the fold. */
#ifndef WEFT_MODEL_SEED_MODEL_H
#define WEFT_MODEL_SEED_MODEL_H

#include "processors/runtime/process.h"

/* Checks that the application has no model of its own yet: there is no snapshot, the log is empty
 * (`log_end` is 0) and the local model has folded nothing of it (`folded` is 0). FATAL: it has one,
 * with what to do; or the broker does not answer. */
enum verdict seed_model_check(struct run *run, int64_t folded, int64_t log_end,
                              struct error *error);

/* Reads the file run->seed_model into the model's store, which is empty, loads the model from there
 * and writes the snapshot. FATAL: the file can't be used, or no snapshot could be written; the
 * store may then have rows. */
enum verdict seed_model_load(struct run *run, struct error *error);

#endif
