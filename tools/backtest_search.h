/* `weft backtest --task search`: a buyer searches for a product by words of its title, just before
 * weft learns of the purchase. */
#ifndef WEFT_TOOLS_BACKTEST_SEARCH_H
#define WEFT_TOOLS_BACKTEST_SEARCH_H

#include "processors/runtime/config.h"

/* Learns the share `from` of the events, then tests and learns the others. One purchase in eight is
 * a case, drawn by its event_id; one or two words of the title are drawn in the same way and sent
 * as a search. Prints HR@20 and MRR@20 with 95 % intervals for three methods, and the difference of
 * the first to the second:
 *
 *     the visitor's list for the search
 *     the search index alone (search.h)
 *     the query history alone (query_history.h)
 *
 * SKIP, with the file: it can't be read, or there is no case. Thread: one. */
enum verdict search_backtest(const struct config *config, const char *format, double from,
                             int count, char **paths, struct error *error);

#endif
