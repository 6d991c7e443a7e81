/* Decodes JSON text to an event, by the field tables of schemas/event.h.
 *
 * weft has its own scanner because it runs for every event: it borrows strings from the text and
 * builds no tree. It accepts RFC 8259 with these limits: UTF-8 without a byte order mark, numbers
 * that fit a double or an int64, nesting of at most 32. Thread: any. */
#ifndef WEFT_SCHEMAS_JSON_H
#define WEFT_SCHEMAS_JSON_H

#include "schemas/event.h"

/* Decodes one record of type event->type into `event`, which event_init() has prepared. Slices
 * point into `text` or `arena`. Unknown fields are ignored; null means absent; if a name comes
 * twice, the last one counts. SKIP, with the byte at which the text is wrong. */
enum verdict json_decode(struct bytes text, struct arena *arena, struct event *event,
                         struct error *error);

/* The string of one field of the outermost object, such as a line's "type". It points into `text`
 * or `arena`. SKIP: it is missing, or the text before it is no JSON. */
enum verdict json_text_field(struct bytes text, const char *name, struct arena *arena,
                             struct bytes *ret_value, struct error *error);

#endif
