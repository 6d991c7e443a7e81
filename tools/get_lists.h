/* `weft get visitor`, `get ranking` and `get item --lists`: the newest record of a key, as text or
 * as it is. */
#ifndef WEFT_TOOLS_GET_LISTS_H
#define WEFT_TOOLS_GET_LISTS_H

#include "tools/get_request.h"

/* All take the words behind the name of the thing and return the exit code.
 * visitor: words[0] is the visitor's key. With --explain the lists are made again (explain.h). */
int get_visitor(struct get_request *request, int count, char **words);
/* ranking: words[0] is its kind; with --term it may be left out. */
int get_ranking(struct get_request *request, int count, char **words);
/* item: words[0] is its id. */
int get_item_lists(struct get_request *request, int count, char **words);

#endif
