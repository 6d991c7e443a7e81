/* Rows of tables: values between separators, as RFC 4180 says. A value that begins with a quote
 * ends at the next quote, and two quotes in it are one; a quote inside another value is a
 * character. Where the separator is a tab, a quote without its end is a character too. Thread: any.
 */
#ifndef WEFT_TOOLS_TABLE_H
#define WEFT_TOOLS_TABLE_H

#include "schemas/bytes.h"

#define TABLE_COLUMNS_MAX 256

struct table_row {
    struct bytes values[TABLE_COLUMNS_MAX];
    size_t count;  /* beyond the maximum they are only counted */
    bool unclosed; /* a quote has no end; the value goes to the end of the row */
};

/* Whether a quote is open behind `text`. `open`: one is open before it, else a value begins. */
bool table_quote_open(bool open, struct bytes text, char separator);

/* Values point into `text` or, if they have quotes in them, into `arena`. */
void table_split(struct bytes text, char separator, struct arena *arena, struct table_row *ret_row);

/* The separator (one of , ; tab |) that makes the most columns of the row; ',' if none is there. */
char table_separator(struct bytes row);

/* Appends the row as a JSON object with texts as values. `names` has `row->count` names. */
void table_row_json(const struct table_row *row, const struct bytes *names, struct buffer *to);

#endif
