#include "schemas/error.h"

#include <stdarg.h>
#include <stdio.h>

enum verdict error_set(struct error *error, enum verdict verdict, const char *format, ...)
{
    if (error == NULL || error->message[0] != '\0')
        return verdict;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    return verdict;
}

void error_clear(struct error *error)
{
    error->message[0] = '\0';
}
