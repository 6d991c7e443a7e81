/* The keys of the configuration that a variant of an experiment may set: those that shape one
 * visitor's lists. Keys that change what is learned, or the rows that metrics count by, are the
 * same for everybody. Thread: any. */
#ifndef WEFT_LISTS_EXPERIMENT_KEYS_H
#define WEFT_LISTS_EXPERIMENT_KEYS_H

#include "processors/recommend/lists/shop_lines.h"

/* "placements.*.length" stands for that key of each placement. */
extern const char *const experiment_keys[];
extern const size_t experiment_key_count;

/* Checks that a variant may set the key. SKIP, with the line and the reason, or the nearest key. */
enum verdict experiment_key_check(const struct shop_line *line, const char *key);
/* The placement in "placements.NAME.KEY", borrowed from `key`; absent: it is another key. */
struct bytes experiment_key_placement(const char *key);

#endif
