/* `weft backtest --task cart`: predicts the next item that a visitor puts into a cart which has
 * items already. */
#ifndef WEFT_TOOLS_BACKTEST_CART_H
#define WEFT_TOOLS_BACKTEST_CART_H

#include "processors/runtime/config.h"

#define CART_TASK_LENGTH 10

/* Goes through all events of the files in their order. At each item that is put into a cart with
 * others, and is not in it yet, it asks each method for the next item before it learns from the
 * event; it counts the cases after the share `from` of the lines (0 to 1). Prints the share of the
 * cases whose item is among the first CART_TASK_LENGTH, with its 95 % interval:
 *
 *     the cart list (recommend_cart())
 *     the basket walk alone (basket_top())
 *     raw counts of items bought together
 *     raw counts of items put in carts together
 *     popularity in carts
 *
 * and the difference of the first to each other one (paired). SKIP, with the file: it can't be
 * read, or there are no cases. Thread: one. */
enum verdict cart_backtest(const struct config *config, const char *format, double from, int count,
                           char **paths, struct error *error);

#endif
