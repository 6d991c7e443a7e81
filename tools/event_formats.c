#include "tools/event_formats.h"

#define LINES_LOOKED_AT 20

const char *const event_format_names[EVENT_FORMATS] = {"weft", "rees46", "tsv", "sessions",
                                                       "mapped"};

enum event_format event_format_find(const char *name)
{
    if (strncmp(name, FORMAT_MAPPED_PREFIX, strlen(FORMAT_MAPPED_PREFIX)) == 0)
        return FORMAT_MAPPED;
    for (int i = 0; i < FORMAT_MAPPED; i++)
        if (strcmp(name, event_format_names[i]) == 0)
            return (enum event_format)i;
    return strcmp(name, "retailrocket") == 0 ? FORMAT_TSV : FORMAT_UNKNOWN;
}

size_t event_format_mark(struct bytes sample)
{
    return sample.size >= 3 && memcmp(sample.at, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
}

static bool begins_with(struct bytes text, const char *start)
{
    size_t size = strlen(start);
    return text.size >= size && memcmp(text.at, start, size) == 0;
}

/* ---- one row a format ---- */

static bool looks_like_weft(struct bytes line)
{
    return begins_with(bytes_trim(line), "{");
}

static bool looks_like_rees46(struct bytes line)
{
    return begins_with(line, "event_time,");
}

static bool looks_like_tsv(struct bytes line)
{
    return begins_with(line, "ts_ms\t");
}

static bool is_id_character(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '_' || c == '.';
}

static bool looks_like_sessions(struct bytes line)
{
    bool digit = false, word = false;
    for (size_t i = 0; i <= line.size; i++) {
        char c = i < line.size ? line.at[i] : ' ';
        if (c == ' ' || c == '\t') {
            if (word && !digit)
                return false;
            digit = word = false;
            continue;
        }
        if (!is_id_character(c))
            return false;
        word = true;
        digit = digit || (c >= '0' && c <= '9');
    }
    return true;
}

static const struct looks {
    bool (*like)(struct bytes line);
    bool every_line; /* each of the first lines must look so; else the first one alone */
} looks[FORMAT_MAPPED] = {
    [FORMAT_WEFT] = {looks_like_weft, false},
    [FORMAT_REES46] = {looks_like_rees46, false},
    [FORMAT_TSV] = {looks_like_tsv, false},
    [FORMAT_SESSIONS] = {looks_like_sessions, true},
};

bool event_format_has_header(enum event_format format, struct bytes first_line)
{
    return (format == FORMAT_REES46 || format == FORMAT_TSV) && looks[format].like(first_line);
}

/* ---- guessing ---- */

/* The next line that is not empty. A line without its end counts only in a whole file. */
static bool next_line(struct bytes *rest, bool whole, struct bytes *ret_line)
{
    while (rest->size > 0) {
        const char *end = memchr(rest->at, '\n', rest->size);
        if (end == NULL && !whole)
            return false;
        size_t size = end ? (size_t)(end - rest->at) : rest->size;
        struct bytes line = bytes_of(rest->at, size);
        size_t taken = size + (end != NULL);
        *rest = bytes_of(rest->at + taken, rest->size - taken);
        if (line.size > 0 && line.at[line.size - 1] == '\r')
            line.size--;
        if (bytes_trim(line).size == 0)
            continue;
        *ret_line = line;
        return true;
    }
    return false;
}

enum event_format event_format_guess(struct bytes sample, bool whole)
{
    size_t mark = event_format_mark(sample);
    struct bytes start = bytes_of(sample.at + mark, sample.size - mark);
    for (int format = 0; format < FORMAT_MAPPED; format++) { /* which is never guessed */
        struct bytes rest = start, line;
        int lines = 0;
        bool fits = true;
        while (fits && lines < LINES_LOOKED_AT && next_line(&rest, whole, &line)) {
            fits = (lines > 0 && !looks[format].every_line) || looks[format].like(line);
            lines++;
        }
        if (fits && lines > 0)
            return (enum event_format)format;
    }
    return FORMAT_UNKNOWN;
}
