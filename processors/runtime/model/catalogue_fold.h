/* The catalogue's fold: reads all partitions of the product topic into this process's catalogue.
 * Every model.save.ms it writes the products that changed to the model's store, together with the
 * topic's offsets.
 *
 * A compacted topic forgets its deletions after a while (delete.retention.ms). So the fold rescans
 * the topic from its beginning when the process was away for longer than catalogue.rescan.ms. It
 * also does so when the topic was created again, or has another number of partitions: the topic
 * does not have the next offset, or has another record where the fold has read one
 * (kafka/topic_mark.h). The fold looks at the start and every ten seconds. A product that the
 * rescan does not meet is deleted. So the catalogue is the same in all processes.
 *
 * A record whose schema the registry does not tell yet is waited for, and with it all that the
 * topic has behind it. Meanwhile workers start without the whole catalogue after half a minute.
 *
 * A record that can't be used goes, as it came, to the dead letters. Every process reads the topic,
 * but only the one that has the visitors' partition 0 writes its dead letters. It writes them at
 * least once, and not at all if it dies within seconds of reading them.
 *
 * Thread: its own, so that a million products do not delay the model. It is the only writer of the
 * catalogue; others read under the catalogue's lock. */
#ifndef WEFT_MODEL_CATALOGUE_FOLD_H
#define WEFT_MODEL_CATALOGUE_FOLD_H

#include "processors/runtime/process.h"

/* Body of the thread; `argument` is a struct run, borrowed. Returns NULL when the run stops, after
 * a last save. A fatal error goes to run_fail(). */
void *catalogue_fold_thread(void *argument);

#endif
