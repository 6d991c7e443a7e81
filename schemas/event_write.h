/* Events to bytes, for tools that make them. The processor only reads events. */
#ifndef WEFT_SCHEMAS_EVENT_WRITE_H
#define WEFT_SCHEMAS_EVENT_WRITE_H

#include "schemas/event.h"

/* One JSON object without its end of line. With `typed` it starts with "type", as in weft's JSON
 * lines. Absent fields are left out. */
void event_write_json(const struct event *event, bool typed, struct buffer *buffer);

/* The Avro record alone, by weft's own schema; the caller puts the framing before it. */
void event_write_avro(const struct event *event, struct buffer *buffer);

#endif
