/* Log lines to standard error: "2026-11-23T19:00:00.123Z INFO worker 0: text". Only the runtime and
 * the tools log. Thread: any; a line is written whole. */
#ifndef WEFT_RUNTIME_LOG_H
#define WEFT_RUNTIME_LOG_H

#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

void log_line(enum log_level level, const char *who, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Lines above this level are not written; from the environment variable WEFT_LOG (error, warn,
 * info, debug), info if it is not set. */
enum log_level log_level_wanted(void);

int64_t clock_now_ms(void);       /* since 1970 */
int64_t clock_monotonic_us(void); /* since some start */

#endif
