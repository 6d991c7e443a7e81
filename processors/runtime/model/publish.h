/* The publisher: the one process that writes snapshots of the model every snapshot.interval.ms
 * (snapshots.h), rankings every rankings.interval.ms (publish_rankings.h), and with items.lists=on
 * lists of items (publish_items.h).
 *
 * The consumer group <application.id>-publisher elects it (kafka/election.h). All that it writes
 * follows from the interactions log and the catalogue, so two processes that both write do no
 * harm. */
#ifndef WEFT_MODEL_PUBLISH_H
#define WEFT_MODEL_PUBLISH_H

#include "processors/runtime/process.h"

/* Body of the publisher's thread; `argument` is a struct run, borrowed. Returns NULL when the run
 * stops. It logs its errors and tries again: no list waits for a snapshot. Only a configuration
 * that librdkafka refuses goes to run_fail(). */
void *publish_thread(void *argument);

#endif
