/* The metrics of `weft run` as text for Prometheus (exposition.h): the figures of metrics.h under
 * Prometheus' names, and the times of commits. Thread: any. */
#ifndef WEFT_RUNTIME_METRICS_TEXT_H
#define WEFT_RUNTIME_METRICS_TEXT_H

#include "processors/runtime/exposition.h"
#include "processors/runtime/metrics.h"

void metrics_write_text(const struct metrics *metrics, struct exposition *exposition);

#endif
