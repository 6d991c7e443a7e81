/* The verdict of a report in a sentence, which claims no more than the figures hold. */
#ifndef WEFT_TOOLS_REPORT_VERDICT_H
#define WEFT_TOOLS_REPORT_VERDICT_H

#include "tools/report_result.h"

/* Sets state and verdict, from everything else of the result. */
void report_conclude(const struct report_options *options, struct report_result *result);

/* A number of the metric as a text: "12.34 %" or "1.234". NaN and infinite: "-". */
#define REPORT_NUMBER_MAX 40
const char *report_number(enum report_metric metric, double value, char *to);
/* A difference as a share of the first variant's value: "+3.1 %". */
const char *report_change(double difference, double base, char *to);
/* "about 9 days", "about 5 hours", "more than 10 years", or "-". */
const char *report_duration(double days, char *to);
/* "2026-12-01 18:00" in UTC; "-" at INT64_MIN and INT64_MAX. */
const char *report_time(int64_t time_ms, char *to);
/* "< .0001", ".031" */
const char *report_p(double p, char *to);

#endif
