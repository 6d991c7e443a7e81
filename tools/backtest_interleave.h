/* Recorded events as a shop's traffic: many visitors at a time. Thread: one. */
#ifndef WEFT_TOOLS_BACKTEST_INTERLEAVE_H
#define WEFT_TOOLS_BACKTEST_INTERLEAVE_H

#include "tools/backtest_read.h"

#define INTERLEAVE_RATE 1000 /* events a second */
#define INTERLEAVE_START_MS 1700000000000
#define INTERLEAVE_MAX 1000000 /* visitors at a time */

/* Puts the lines into another order: `active` visitors at a time, who come in the order of their
 * first lines. Each next line is that of one of them, drawn at random; who has no more lines makes
 * room for the next visitor. Lines about products alone stay before the visitor who came after
 * them. Times are INTERLEAVE_RATE events a second from INTERLEAVE_START_MS on, so all lines of a
 * visitor become one visit; sessions are numbered again with `gap_ms`. */
void recorded_interleave(struct recorded *recorded, uint32_t active, int64_t gap_ms);

#endif
