/* The model's fold: reads the interactions log and applies each record to this process's copy of
 * the model. Every model.save.ms it writes the rows that changed to the model's store, together
 * with the log's offset.
 *
 * Where the model comes from at the start, the first that applies:
 *
 *     run->seed_model      the file, which also becomes the first snapshot (seed_model.h)
 *     the model's store    if the log still has the record after its offset
 *     the newest snapshot  if the log still has the record after its offset (snapshots.h)
 *     the whole log        if it still has its first record
 *
 * Thread: its own. It is the only writer of the model; others read under the model's locks. */
#ifndef WEFT_MODEL_FOLD_H
#define WEFT_MODEL_FOLD_H

#include "processors/runtime/process.h"

/* Body of the thread; `argument` is a struct run, borrowed. Returns NULL when the run stops, after
 * a last save. A fatal error goes to run_fail(). */
void *fold_thread(void *argument);

#endif
