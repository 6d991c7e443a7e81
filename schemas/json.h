/* JSON text to a decoded record, by the field tables of schemas/event.h.
 *
 * A scanner of its own because it runs once an event: it borrows strings from the text and builds
 * no tree. It takes what RFC 8259 takes, and of that only UTF-8 without a byte order mark, numbers
 * that a double or an int64 holds, and nesting of at most 32. */
#ifndef WEFT_SCHEMAS_JSON_H
#define WEFT_SCHEMAS_JSON_H

#include "schemas/event.h"

/* Decodes one record of type event->type into `event`, which event_init() has prepared. Slices
 * point into `text` or `arena`. Unknown fields are ignored; null stands for an absent field; of a
 * name that comes twice the last counts. SKIP with the byte at which the text is wrong.
 * Thread: any. */
enum verdict json_decode(struct bytes text, struct arena *arena, struct event *event,
                         struct error *error);

/* The text of one field of the outermost object, such as a line's "type". SKIP: it is missing, or
 * what stands before it is not JSON. */
enum verdict json_text_field(struct bytes text, const char *name, struct arena *arena,
                             struct bytes *ret_value, struct error *error);

#endif
