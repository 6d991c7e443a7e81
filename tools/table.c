#include "tools/table.h"

bool table_quote_open(bool open, struct bytes text, char separator)
{
    bool begins = !open;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.at[i];
        if (open) {
            if (c != '"')
                continue;
            if (i + 1 < text.size && text.at[i + 1] == '"')
                i++;
            else
                open = begins = false;
            continue;
        }
        if (c == '"' && begins)
            open = true;
        begins = c == separator;
    }
    return open;
}

/* The value that begins with a quote at `from`. False: the quote has no end. */
static bool take_quoted(struct bytes text, size_t from, char separator, struct arena *arena,
                        size_t *ret_end, struct bytes *ret_value)
{
    size_t at = from + 1, size = 0, doubled = 0;
    for (; at < text.size; at++) {
        if (text.at[at] != '"')
            continue;
        if (at + 1 < text.size && text.at[at + 1] == '"') {
            at++;
            doubled++;
        } else {
            break;
        }
    }
    if (at == text.size)
        return false;
    size_t close = at++;
    while (at < text.size && text.at[at] != separator)
        at++;
    *ret_end = at;
    if (doubled == 0 && at == close + 1) {
        *ret_value = bytes_of(text.at + from + 1, close - from - 1);
        return true;
    }
    char *copy = arena_get(arena, at - from);
    for (size_t i = from + 1; i < at; i++) {
        if (i == close)
            continue;
        copy[size++] = text.at[i];
        if (i < close && text.at[i] == '"')
            i++; /* the second one of two */
    }
    *ret_value = bytes_of(copy, size);
    return true;
}

void table_split(struct bytes text, char separator, struct arena *arena, struct table_row *ret_row)
{
    size_t at = 0;
    ret_row->count = 0;
    ret_row->unclosed = false;
    for (;;) {
        struct bytes value;
        size_t end;
        bool quoted = at < text.size && text.at[at] == '"';
        if (!quoted || !take_quoted(text, at, separator, arena, &end, &value)) {
            ret_row->unclosed |= quoted && separator != '\t';
            const char *from = (text.at ? text.at : "") + at;
            const char *next = memchr(from, separator, text.size - at);
            end = next && !ret_row->unclosed ? at + (size_t)(next - from) : text.size;
            value = bytes_of(from, end - at);
        }
        if (ret_row->count < TABLE_COLUMNS_MAX)
            ret_row->values[ret_row->count] = value;
        ret_row->count++;
        if (end >= text.size)
            return;
        at = end + 1;
        if (at == text.size) { /* a separator at the end: an empty value behind it */
            if (ret_row->count < TABLE_COLUMNS_MAX)
                ret_row->values[ret_row->count] = bytes_of(text.at + at, 0);
            ret_row->count++;
            return;
        }
    }
}

char table_separator(struct bytes row)
{
    static const char separators[] = {',', ';', '\t', '|'};
    char found = ',';
    size_t most = 1;
    for (size_t i = 0; i < sizeof separators; i++) {
        size_t count = 1;
        bool open = false;
        for (size_t k = 0; k < row.size; k++) {
            open = (row.at[k] == '"') != open;
            count += row.at[k] == separators[i] && !open;
        }
        if (count > most) {
            most = count;
            found = separators[i];
        }
    }
    return found;
}

void table_row_json(const struct table_row *row, const struct bytes *names, struct buffer *to)
{
    buffer_byte(to, '{');
    for (size_t i = 0; i < row->count; i++) {
        if (i > 0)
            buffer_byte(to, ',');
        buffer_json(to, names[i]);
        buffer_byte(to, ':');
        buffer_json(to, row->values[i]);
    }
    buffer_byte(to, '}');
}
