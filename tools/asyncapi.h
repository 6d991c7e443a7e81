/* Describes weft's public topics as an AsyncAPI 3.0 document: a channel for each topic that is in
 * use, its records as JSON Schema, and as Avro where a record may be Avro, with an example each.
 * Everything follows from the topology, the .avsc files and schemas/examples/. Thread: any. */
#ifndef WEFT_TOOLS_ASYNCAPI_H
#define WEFT_TOOLS_ASYNCAPI_H

#include "processors/runtime/topology.h"

/* Appends the document as JSON text. */
void asyncapi_text(const struct config *config, const struct topology *topology,
                   struct buffer *buffer);

#endif
