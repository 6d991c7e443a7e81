/* The plots of a report's page, as inline SVG, coloured by the page's style. Thread: any. */
#ifndef WEFT_TOOLS_REPORT_PLOT_H
#define WEFT_TOOLS_REPORT_PLOT_H

#include "tools/report_print.h"

/* The change of each metric with its interval, by variant. */
void report_plot_changes(const struct report *report, const struct report_result *result,
                         struct buffer *to);
/* The change of the goal metric over time, as somebody would have seen it who looked then. Nothing:
 * the result has no looks. */
void report_plot_looks(const struct report *report, const struct report_result *result,
                       struct buffer *to);

/* Appends the text with <, >, & and " as HTML has them. */
void report_escape(const char *text, struct buffer *to);

#endif
