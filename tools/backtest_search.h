/* `weft backtest --task search`: what was bought is searched for by words of its title, before weft
 * learns of the purchase. */
#ifndef WEFT_TOOLS_BACKTEST_SEARCH_H
#define WEFT_TOOLS_BACKTEST_SEARCH_H

#include "processors/runtime/config.h"

/* Of each 8th purchase, drawn by its event_id, after the share `from` of the events, one or two
 * words of the title are drawn in the same way and sent as a search of the buyer's. Prints HR@20
 * and MRR@20 of the list that is made for it, of the text alone (search.h) and of what visitors
 * took after such searches (query_history.h), with 95 % intervals, and the difference of the list
 * to the text. */
enum verdict search_backtest(const struct config *config, const char *format, double from,
                             int count, char **paths, struct error *error);

#endif
