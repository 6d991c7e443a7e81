/* Reads event files record by record, in these formats:
 *
 *   weft        JSON lines, "type" first: {"type":"view","event_id":...}
 *   rees46      CSV: event_time,event_type,product_id,category_id,category_code,brand,price,
 *               user_id,user_session
 *   tsv         ts_ms user session kind item category brand price qty text, with a header
 *   sessions    one session a line: item ids in the order of the clicks; click p of session n is a
 *               view of visitor n at n * 60000 + p * 1000 ms
 *   map:M       records of another system, through the mapping M (runtime/mapping_files.h), or
 *               M = columns:... (column_mapping.h): JSON lines, or a table with a header; records
 *               that it drops are passed over
 *   NAME        the same as map:NAME, for a ready-made mapping
 *
 * Files are plain, gzip or zstd. A byte order mark in front is passed over. An event of a format
 * without ids gets one: a hash of all that the line says, so equal records are one event. A gzip
 * file that is cut off gives its lines up to there, then READ_FAILED. Thread: one for each file. */
#ifndef WEFT_TOOLS_EVENTS_H
#define WEFT_TOOLS_EVENTS_H

#include "schemas/event_judge.h"

enum read {
    READ_EVENT,
    READ_REJECTED, /* this line can't be used; the error says why */
    READ_END,
    READ_FAILED, /* the rest of the file can't be read */
};

struct event_file;

/* `path` "-": standard input. `format`: a name that event_format_find() knows; NULL: guessed from
 * the first lines, also among the layouts of the ready-made mappings. The caller closes the file.
 * SKIP, with the reason and what to do: the file can't be opened or read, it holds no lines, or its
 * format is not recognised. */
enum verdict event_file_open(const char *path, const char *format, struct event_file **ret_file,
                             struct error *error);
void event_file_close(struct event_file *file);

/* From now on event_file_next() also rejects the events that `weft run` would refuse if their
 * record were written at `now_ms` (event_judge.h). Those of a format without times are not judged
 * by time. `bounds` is copied. */
void event_file_judge(struct event_file *file, const struct event_bounds *bounds, int64_t now_ms);
/* Events so far that lie ahead of now_ms, so that `weft run` would take their record's time. */
uint64_t event_file_ahead(const struct event_file *file);

/* The next event, decoded and checked as the processor does it. Slices point into the file's
 * memory, which holds until the next call, or into the arena. */
enum read event_file_next(struct event_file *file, struct arena *arena, struct event *ret_event,
                          struct error *error);

/* The product that the last line describes beside its event (rees46: category, brand, price; tsv:
 * the text as title, too; a mapping: its member "product"). False: it describes none. Slices hold
 * until the next call. Each line repeats this; product_index_put() tells whether it is new. */
bool event_file_product(const struct event_file *file, struct event *ret_product);

uint64_t event_file_line(const struct event_file *file);    /* number of the last line, from 1 */
uint64_t event_file_lines(const struct event_file *file);   /* lines read that are not empty */
uint64_t event_file_dropped(const struct event_file *file); /* of these, dropped by the mapping */
struct bytes
event_file_text(const struct event_file *file); /* the last line; until the next call */
const char *event_file_format(const struct event_file *file);
double event_file_share(const struct event_file *file); /* share of the bytes read, 0 to 1 */
/* Whether its lines are records of another system as a topic may have them, so that its format is
 * also a value of input.map. */
bool event_file_as_topic(const struct event_file *file);
/* False: the format has no times; those of the events only give their order. */
bool event_file_has_times(const struct event_file *file);

#endif
