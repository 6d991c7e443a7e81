/* The formats of event files, and how a file's first lines tell which one it has. Calls schemas/.
 * Thread: any. */
#ifndef WEFT_TOOLS_EVENT_FORMATS_H
#define WEFT_TOOLS_EVENT_FORMATS_H

#include "schemas/bytes.h"

enum event_format {
    FORMAT_WEFT,
    FORMAT_REES46,
    FORMAT_TSV,
    FORMAT_SESSIONS,
    FORMAT_MAPPED, /* records of another system, through a mapping */
    EVENT_FORMATS,
    FORMAT_UNKNOWN = EVENT_FORMATS,
};

/* By format: the name for --format. */
extern const char *const event_format_names[EVENT_FORMATS];

#define FORMAT_MAPPED_PREFIX "map:"

/* The format of this name; "map:M" is FORMAT_MAPPED with the mapping M, and so is the name of a
 * ready-made mapping. FORMAT_UNKNOWN: there is none. */
enum event_format event_format_find(const char *name);

/* The format of a file that begins with `sample`, which may end in the middle of a line; `whole`:
 * the sample is the whole file. FORMAT_UNKNOWN: none of weft's own formats fits, though a mapping's
 * layout may (event_layouts.h). A file has the format `weft` if one of its first lines says a type
 * of weft's, and `sessions` only if its first lines hold nothing but item ids: letters, digits,
 * '-',
 * '_' and '.', with a digit in each. */
enum event_format event_format_guess(struct bytes sample, bool whole);

/* Whether the first line names the columns. */
bool event_format_has_header(enum event_format format, struct bytes first_line);

#endif
