/* `weft get visitor ID --explain`: makes the visitor's lists again from the local state and prints,
 * for each candidate, why it is shown or was removed. */
#ifndef WEFT_TOOLS_EXPLAIN_H
#define WEFT_TOOLS_EXPLAIN_H

#include "processors/runtime/config.h"
#include "processors/runtime/topology.h"

/* Reads state.dir, also beside the process that writes it. Needs a broker for the number of
 * partitions. SKIP: state.dir does not have the visitor. */
enum verdict explain_visitor(const struct config *config, const struct topology *topology,
                             struct bytes id, struct error *error);

#endif
