/* The fold: reads the interactions log and folds it into this process's copy of the model; writes
 * the rows that changed to the store every model.save.ms, together with the log's offset. The one
 * writer of the model. Where there is no stored model to go on from, or the log no longer has what
 * follows it, it takes the newest snapshot (snapshots.h) and the log after it. */
#ifndef WEFT_MODEL_FOLD_H
#define WEFT_MODEL_FOLD_H

#include "processors/runtime/process.h"

/* Body of the fold's thread; `argument` is a struct run. Returns NULL when the run stops, after a
 * last save. */
void *fold_thread(void *argument);

#endif
