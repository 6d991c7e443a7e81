/* The time from event to list: from the sending of an event until a read_committed reader has the
 * list that is made after it. */
#ifndef WEFT_TOOLS_LATENCY_H
#define WEFT_TOOLS_LATENCY_H

#include "processors/runtime/kafka/client.h"

struct latency;

/* Starts a thread that reads the topic of the lists from its present end (listener.h). `early` is
 * the topic of lists ahead of their commit; NULL: none. It is read too, and the first list of an
 * event counts. SKIP: there is no such topic. */
enum verdict latency_new(const struct config *config, const char *topic, const char *early,
                         struct latency **ret_latency, struct error *error);
void latency_free(struct latency *latency);

/* Notes that an event of this visitor and time is sent now. Thread: any. */
void latency_sent(struct latency *latency, struct bytes visitor, int64_t event_time_ms);

/* Prints the same as the report, of the lists since its last call. */
void latency_report_minute(struct latency *latency, int minute);
/* Waits a moment for the last lists, then prints count, p50, p99, p99.9 and max in ms. */
void latency_report(struct latency *latency);

#endif
