/* Which layout an event file has: the mappings of deploy/mappings say what their files look like,
 * and the first lines of a file say which of them fits. Thread: any. */
#ifndef WEFT_TOOLS_EVENT_LAYOUTS_H
#define WEFT_TOOLS_EVENT_LAYOUTS_H

#include "schemas/mapping.h"

/* Whether a file that begins with `sample` has this layout; `whole`: the sample is all of it. */
bool layout_fits(const struct mapping_layout *layout, struct bytes sample, bool whole);

/* The ready-made mapping whose layout fits; of several the one with the most names. NULL: none. The
 * caller frees it. */
struct mapping *layout_recognise(struct bytes sample, bool whole);

/* A description of the layout, for a message: "a header with timestamp, visitorid, ...". */
void layout_text(const struct mapping_layout *layout, struct buffer *to);

/* SKIP, with why this file is no file of events, its first line, and the command that would help:
 * another encoding, a packed or binary file, one JSON array, a table with columns that weft does
 * not know, or anything else. */
enum verdict layout_refuse(const char *path, struct bytes sample, bool whole, struct error *error);
/* The same for a file that begins with bytes that are no text. OK: it is text. */
enum verdict layout_refuse_binary(const char *path, struct bytes sample, struct error *error);

/* The next line of `rest` that is not empty, without its end. False: there is none, or it is cut
 * off and the sample is not `whole`. */
bool layout_next_line(struct bytes *rest, bool whole, struct bytes *ret_line);

#endif
