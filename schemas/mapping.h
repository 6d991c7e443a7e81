/* Mappings: make weft's own events of the records of another system, such as GA4. A mapping is a
 * JSON file. It says where the kind, the identities, the time and each field of an event stand.
 * schemas/README.md has its syntax, and deploy/mappings/ the ready-made ones.
 *
 * A mapping is immutable once made: many threads may use it at once. */
#ifndef WEFT_SCHEMAS_MAPPING_H
#define WEFT_SCHEMAS_MAPPING_H

#include "schemas/event.h"
#include "schemas/mapping_layout.h"

#define MAPPING_BYTES_MAX ((size_t)1 << 20) /* a file of a mapping */

struct mapping;

/* Compiles the text of a mapping, which is copied. `source` names it in messages. SKIP, with the
 * line, the field and what to do. The caller frees it; NULL is fine there. */
enum verdict mapping_new(struct bytes text, const char *source, struct mapping **ret_mapping,
                         struct error *error);
void mapping_free(struct mapping *mapping);

/* The name that the mapping has for itself: ids that are made begin with it. */
const char *mapping_name(const struct mapping *mapping);
/* Whether a record or the mapping says the kind. Otherwise the topic does. */
bool mapping_has_kinds(const struct mapping *mapping);

/* How files of its records are laid out. NULL: the mapping does not say. */
const struct mapping_layout *mapping_layout(const struct mapping *mapping);

/* Makes an event of one record, a JSON object. Its type is the one that the record's kind maps to;
 * for a mapping without kinds it is `type`. A kind that the mapping drops gives an event with
 * `dropped` set, and nothing else.
 *
 * A record without an event_id gets one: the hash of all that it says (json_hash()), so equal
 * records are one event. Slices point into `json`, `arena` or the mapping. SKIP, with the field and
 * where it was looked for. event_check() comes after it. */
enum verdict mapping_decode(const struct mapping *mapping, enum event_type type, struct bytes json,
                            struct arena *arena, struct event *ret_event, struct error *error);

/* Makes the product that a record describes beside `event`, which mapping_decode() made of it: its
 * item is the event's first one. The record has a part of a product only; fields that it lacks are
 * absent. False: the mapping has no "product", the record says nothing of one, or it can't be used.
 * Slices as above, also into the event. */
bool mapping_product(const struct mapping *mapping, struct bytes json, const struct event *event,
                     struct arena *arena, struct event *ret_product);

/* The text of the ready-made mapping of that name; absent if there is none. It holds for ever. */
struct bytes mapping_text(const char *name);
/* Appends the names of the ready-made mappings, with commas between them. */
void mapping_names(struct buffer *buffer);

#endif
