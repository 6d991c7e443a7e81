/* `weft get visitor ID --explain`: makes the visitor's lists anew from the local state and tells of
 * each candidate why it is shown or was taken out. */
#ifndef WEFT_TOOLS_EXPLAIN_H
#define WEFT_TOOLS_EXPLAIN_H

#include "processors/runtime/config.h"
#include "processors/runtime/topology.h"

/* Reads the state folder beside the process that has it. SKIP: the visitor is not in it. */
enum verdict explain_visitor(const struct config *config, const struct topology *topology,
                             struct bytes id, struct error *error);

#endif
