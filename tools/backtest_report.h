/* Prints the results of a backtest: text for people, or one JSON object. Thread: one. */
#ifndef WEFT_TOOLS_BACKTEST_REPORT_H
#define WEFT_TOOLS_BACKTEST_REPORT_H

#include "tools/backtest_compare.h"

void report_measured(const struct recorded *recorded, const struct measured *measured,
                     const struct measure_settings *settings, bool json);

/* Variants are reported as they are measured, all against the first; `difference` is NULL for the
 * first one itself. report_end() closes what the first call opened. */
void report_variant(const struct variant *variant, const struct measured *first,
                    const struct measured *measured, const struct difference *difference,
                    const struct measure_settings *settings, bool json);
void report_end(bool json);

#endif
