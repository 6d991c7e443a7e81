/* The catalogue's fold: reads the topic of products, all of its partitions, and folds it into this
 * process's copy; writes the rows that changed to the model's store every model.save.ms, together
 * with the topic's offsets. A thread of its own, so that a million rows of ratings hold up no
 * views; the one writer of the catalogue.
 *
 * A topic that is compacted forgets its deletes after a while (delete.retention.ms). A process that
 * was away for longer than catalogue.rescan.ms, or whose topic was made anew, therefore reads the
 * topic from its beginning, and what it did not meet there is deleted.
 *
 * A record that can't be used goes, as it came, to the dead letters; of all processes the one that
 * has partition 0 of the visitors writes it. Unlike events', these dead letters are written at
 * least once, and not at all when that process dies within seconds of reading them. */
#ifndef WEFT_MODEL_CATALOGUE_FOLD_H
#define WEFT_MODEL_CATALOGUE_FOLD_H

#include "processors/runtime/process.h"

/* Body of the fold's thread; `argument` is a struct run. Returns NULL when the run stops, after a
 * last save. */
void *catalogue_fold_thread(void *argument);

#endif
