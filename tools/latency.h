/* From event to list: how long after an event was sent a read_committed reader has the list that
 * knows it. */
#ifndef WEFT_TOOLS_LATENCY_H
#define WEFT_TOOLS_LATENCY_H

#include "processors/runtime/kafka/client.h"

struct latency;

/* Reads the topic from its end as of now. */
enum verdict latency_new(const struct config *config, const char *topic,
                         struct latency **ret_latency, struct error *error);
void latency_free(struct latency *latency);

/* An event of this visitor and time is being sent now. */
void latency_sent(struct latency *latency, struct bytes visitor, int64_t event_time_ms);

/* Waits a moment for the last lists, then prints count, p50, p99, p99.9 and max in ms. */
void latency_report(struct latency *latency);

#endif
