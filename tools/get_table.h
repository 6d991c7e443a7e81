/* `weft get table`: a whole table as JSON lines (dump.h). */
#ifndef WEFT_TOOLS_GET_TABLE_H
#define WEFT_TOOLS_GET_TABLE_H

#include "tools/get_request.h"

/* words[0] is the table's name; event files follow with --from files. Returns the exit code. */
int get_table(struct get_request *request, int count, char **words);

#endif
