/* How a report is shown: as text, as JSON, and as one HTML page that needs nothing else.
 * Thread: one. */
#ifndef WEFT_TOOLS_REPORT_PRINT_H
#define WEFT_TOOLS_REPORT_PRINT_H

#include "tools/report_result.h"

/* A report to show. Everything is borrowed. */
struct report {
    const struct report_events *events;
    const struct report_result *results; /* by experiment */
    uint32_t count;
    const struct report_options *options;
    bool plan; /* the results are plans */
};

/* Each appends to `to`. */
void report_text(const struct report *report, struct buffer *to);
void report_json(const struct report *report, struct buffer *to);
void report_html(const struct report *report, struct buffer *to);

#endif
