/* Event files: read line by line, plain or gzip, in the formats that people have.
 *
 *   weft        JSON lines, "type" first: {"type":"view","event_id":...}
 *   rees46      CSV: event_time,event_type,product_id,category_id,category_code,brand,price,
 *               user_id,user_session
 *   tsv         ts_ms user session kind item category brand price qty text, with a header
 *   sessions    one session a line, item ids in the order of the clicks; session n, click p is at
 *               n * 60000 + p * 1000 ms, its visitor is n
 *   retailrocket  the same as tsv
 */
#ifndef WEFT_TOOLS_EVENTS_H
#define WEFT_TOOLS_EVENTS_H

#include "schemas/event.h"

enum read {
    READ_EVENT,
    READ_REJECTED, /* this line can't be used; the error says why */
    READ_END,
    READ_FAILED, /* the file can't be read on */
};

struct event_file;

/* `format` NULL: guessed from the name and the first line. SKIP, with what to do. */
enum verdict event_file_open(const char *path, const char *format, struct event_file **ret_file,
                             struct error *error);
void event_file_close(struct event_file *file);

/* The next event; slices hold until the next call, other memory is the arena's. An event of the
 * weft format was decoded and checked as the processor does it. */
enum read event_file_next(struct event_file *file, struct arena *arena, struct event *ret_event,
                          struct error *error);

/* What the line of the last event says of its item (rees46: category, brand, price; tsv: these and
 * the text as title), as a product of the catalogue. False: nothing. Slices hold until the next
 * event. A line says it each time: catalogue_put() tells whether it is new. */
bool event_file_product(const struct event_file *file, struct event *ret_product);

uint64_t event_file_line(const struct event_file *file);     /* of the last event, from 1 */
uint64_t event_file_lines(const struct event_file *file);    /* read so far that held data */
struct bytes event_file_text(const struct event_file *file); /* the last line as it stands */
const char *event_file_format(const struct event_file *file);
double event_file_share(const struct event_file *file); /* of the file's bytes read, 0 to 1 */
bool event_format_known(const char *format);

#endif
