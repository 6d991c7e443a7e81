/* `weft backtest --task basket`: one item of each basket is left out; the lists made from the other
 * items should hold it. */
#ifndef WEFT_TOOLS_BACKTEST_BASKET_H
#define WEFT_TOOLS_BACKTEST_BASKET_H

#include "processors/runtime/config.h"

/* Learns the share `from` of the baskets (0 to 1), then tests and learns the others. Prints HR@20
 * with its 95 % interval for four methods, and the difference of the first to the third:
 *
 *     the cart list for cart and history (recommend_cart())
 *     the cart list for the cart alone
 *     raw counts of items bought together
 *     popularity
 *
 * SKIP, with the file: it can't be read, or there are no purchases. Thread: one. */
enum verdict basket_backtest(const struct config *config, const char *format, double from,
                             int count, char **paths, struct error *error);

#endif
