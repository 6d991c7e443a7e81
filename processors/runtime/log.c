#include "processors/runtime/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LINE_BYTES_MAX 32768 /* so that the metrics fit in one line */

static const char *const level_names[] = {"ERROR", "WARN", "INFO", "DEBUG"};

/* A level that was set while the process runs; -1: none was. Log lines have no argument for it. */
static atomic_int level_set = -1;

void log_set_level(enum log_level level)
{
    atomic_store(&level_set, (int)level);
}

enum log_level log_level_wanted(void)
{
    int set = atomic_load_explicit(&level_set, memory_order_relaxed);
    if (set >= 0)
        return (enum log_level)set;
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

/* An @ behind the host counts too: a password may hold a slash that nobody encoded. */
void log_redact(char *text)
{
    for (char *at = text; (at = strstr(at, "://")) != NULL;) {
        at += 3;
        size_t size = strcspn(at, " \t\r\n\"'"), secret = size;
        while (secret > 0 && at[secret - 1] != '@')
            secret--;
        if (secret == 0)
            continue;
        size_t stars = secret - 1 < 3 ? secret - 1 : 3;
        memset(at, '*', stars);
        memmove(at + stars, at + secret - 1, strlen(at + secret - 1) + 1);
    }
}

/* C1 controls, U+0080 to U+009F, are two bytes of UTF-8. */
void log_blank(char *text)
{
    for (unsigned char *at = (unsigned char *)text; *at; at++) {
        if (*at < 0x20 || *at == 0x7F)
            *at = ' ';
        else if (*at == 0xC2 && at[1] >= 0x80 && at[1] < 0xA0)
            at[0] = at[1] = ' ';
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
    vsnprintf(line + size, sizeof line - size - 1, format, arguments);
    va_end(arguments);
    log_blank(line);
    log_redact(line);
    size = strlen(line);
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

bool log_growth_due(struct log_growth *growth, uint64_t count, int64_t now_us, int64_t pause_us)
{
    if (count == 0 || count < 2 * growth->told || now_us < growth->due_us)
        return false;
    growth->told = count;
    growth->due_us = now_us + pause_us;
    return true;
}
