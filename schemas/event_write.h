/* Encodes events, for the tools that make them; the processor only reads events. Thread: any. */
#ifndef WEFT_SCHEMAS_EVENT_WRITE_H
#define WEFT_SCHEMAS_EVENT_WRITE_H

#include "schemas/event.h"

/* Appends one JSON object without an end of line. With `typed` it starts with "type", as in weft's
 * JSON lines. Absent fields are left out. */
void event_write_json(const struct event *event, bool typed, struct buffer *buffer);

/* Appends the Avro record by weft's own schema. The caller puts the framing before it. */
void event_write_avro(const struct event *event, struct buffer *buffer);

#endif
