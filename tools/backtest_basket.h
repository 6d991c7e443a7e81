/* `weft backtest --task basket`: one item of each basket is left out and asked for, given the
 * others. */
#ifndef WEFT_TOOLS_BACKTEST_BASKET_H
#define WEFT_TOOLS_BACKTEST_BASKET_H

#include "processors/runtime/config.h"

/* `from`: the share of the baskets that are only learned from, 0 to 1. Prints HR@20 of the walk
 * (basket_walk.h), of it without the visitor's history, of raw co-purchase counts and of
 * popularity, each with its 95 % interval, and the difference to the counts. */
enum verdict basket_backtest(const struct config *config, const char *format, double from,
                             int count, char **paths, struct error *error);

#endif
