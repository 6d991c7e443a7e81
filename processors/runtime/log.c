#include "processors/runtime/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LINE_BYTES_MAX 2048

static const char *const level_names[] = {"ERROR", "WARN", "INFO", "DEBUG"};

enum log_level log_level_wanted(void)
{
    const char *wanted = getenv("WEFT_LOG");
    if (wanted == NULL)
        return LOG_LEVEL_INFO;
    switch (wanted[0]) {
    case 'e':
        return LOG_LEVEL_ERROR;
    case 'w':
        return LOG_LEVEL_WARN;
    case 'd':
        return LOG_LEVEL_DEBUG;
    default:
        return LOG_LEVEL_INFO;
    }
}

void log_line(enum log_level level, const char *who, const char *format, ...)
{
    if (level > log_level_wanted())
        return;
    char line[LINE_BYTES_MAX];
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t size = strftime(line, sizeof line, "%Y-%m-%dT%H:%M:%S", &utc);
    size += (size_t)snprintf(line + size, sizeof line - size,
                             ".%03ldZ %s %s: ", now.tv_nsec / 1000000, level_names[level], who);
    va_list arguments;
    va_start(arguments, format);
    int more = vsnprintf(line + size, sizeof line - size - 1, format, arguments);
    va_end(arguments);
    size += more < 0 ? 0 : (size_t)more;
    if (size > sizeof line - 2)
        size = sizeof line - 2;
    line[size++] = '\n';
    fwrite(line, 1, size, stderr);
}

int64_t clock_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_monotonic_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}
