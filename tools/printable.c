#include "tools/printable.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static bool is_control(const unsigned char *at, const unsigned char *end)
{
    return *at < 0x20 || *at == 0x7f ||
           (*at == 0xc2 && at + 1 < end && at[1] >= 0x80 && at[1] < 0xa0);
}

void printable_append(struct bytes text, struct buffer *to)
{
    const unsigned char *at = (const unsigned char *)text.at, *end = at + text.size, *last = end;
    for (; at < end && *at == '\n'; at++)
        buffer_byte(to, '\n');
    while (last > at && last[-1] == '\n')
        last--;
    for (; at < last; at++) {
        if (!is_control(at, last)) {
            buffer_byte(to, (char)*at);
            continue;
        }
        if (*at == 0xc2)
            at++;
        buffer_format(to, "\\x%02x", (unsigned)*at);
    }
    for (; last < end; last++)
        buffer_byte(to, '\n');
}

void print_text(const char *format, ...)
{
    struct buffer text = {0};
    char *raw = NULL;
    va_list arguments;
    va_start(arguments, format);
    int size = vasprintf(&raw, format, arguments);
    va_end(arguments);
    if (size < 0)
        return;
    printable_append(bytes_of(raw, (size_t)size), &text);
    fwrite(text.at, 1, text.size, stdout);
    buffer_release(&text);
    free(raw);
}
