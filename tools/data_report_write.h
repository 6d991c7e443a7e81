/* Writes a finished data report: as text, as one JSON object, or as one HTML page that needs no
 * other file and no script. Texts from events are escaped. Thread: any. */
#ifndef WEFT_TOOLS_DATA_REPORT_WRITE_H
#define WEFT_TOOLS_DATA_REPORT_WRITE_H

#include "tools/data_report.h"

void data_report_text(const struct data_report *report, struct buffer *to);
void data_report_json(const struct data_report *report, struct buffer *to);
void data_report_page(const struct data_report *report, struct buffer *to);

/* A share in percent: 0 of 0 is 0. */
double data_report_percent(uint64_t part, uint64_t whole);
/* "2026-01-31 08:26" UTC. */
void data_report_time(int64_t ms, char to[32]);

#endif
