/* The publisher: of all processes the one that writes what belongs to nobody's visitors: snapshots
 * of the model every snapshot.interval.ms (snapshots.h), and rankings every rankings.interval.ms
 * (publish_rankings.h). It is elected by a consumer group of its own,
 * <application.id>-publisher, whose only partition is that of the model's topic. What it writes is
 * a function of the interactions log, so that two that both think it is they do no harm. */
#ifndef WEFT_MODEL_PUBLISH_H
#define WEFT_MODEL_PUBLISH_H

#include "processors/runtime/process.h"

/* Body of the publisher's thread; `argument` is a struct run. Returns NULL when the run stops. Its
 * errors are logged and tried again: no list waits for a snapshot. */
void *publish_thread(void *argument);

#endif
