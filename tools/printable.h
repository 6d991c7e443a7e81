/* Text for a terminal: ids, titles and terms come from records, and a record may hold characters
 * that drive the terminal. Thread: any. */
#ifndef WEFT_TOOLS_PRINTABLE_H
#define WEFT_TOOLS_PRINTABLE_H

#include "schemas/bytes.h"

/* Appends the text with each control character as \xNN, also those of two bytes (U+0080 to U+009F).
 * Newlines at its beginning and its end stay. */
void printable_append(struct bytes text, struct buffer *to);

/* printf() through printable_append(): newlines belong at the format's beginning or end. */
void print_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
