/* Opens a store of state.dir for reading, also beside the process that writes it. */
#ifndef WEFT_TOOLS_LOCAL_STORE_H
#define WEFT_TOOLS_LOCAL_STORE_H

#include "processors/runtime/config.h"
#include "state/store.h"

/* `part` is "visitors" or "model". The store shows the rows as of this call. The caller frees it.
 */
enum verdict local_store_open(const struct config *config, const char *part,
                              struct store **ret_store, struct error *error);

#endif
