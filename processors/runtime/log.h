/* Log lines on standard error, such as "2026-11-23T19:00:00.123Z INFO worker 0: text", and clocks.
 * Only the runtime and the tools log. Thread: any; each line is written whole. */
#ifndef WEFT_RUNTIME_LOG_H
#define WEFT_RUNTIME_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* `who` is the part of weft that speaks. A line longer than 32 KB is cut.
 * Control characters become blanks: a text may come from a record, and the log goes to a terminal.
 */
void log_line(enum log_level level, const char *who, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Masks the user and the password of each URL in the text, in its place: of "http://u:p@host" three
 * stars and "@host" are left. log_line() does it; use it for what goes elsewhere. */
void log_redact(char *text);

/* Makes a blank of each byte of a control character, in its place; log_line() does it. */
void log_blank(char *text);

/* A number that grows, and how much of it the log was told. Zero-initialised: nothing yet. */
struct log_growth {
    uint64_t told;
    int64_t due_us;
};

/* Whether it is time to tell of `count`: once it is above zero, then each time that it has doubled,
 * but not within `pause_us` of the last time. Notes that it was told. */
bool log_growth_due(struct log_growth *growth, uint64_t count, int64_t now_us, int64_t pause_us);

/* The last level that is written. The environment variable WEFT_LOG sets it to error, warn, info or
 * debug; the default is info. */
enum log_level log_level_wanted(void);
/* Sets it for the rest of the process. Thread: any. */
void log_set_level(enum log_level level);

int64_t clock_now_ms(void);       /* the wall clock, since 1970 */
int64_t clock_monotonic_us(void); /* for intervals; it never goes back */

#endif
