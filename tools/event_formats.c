#include "tools/event_formats.h"

#include "schemas/event.h"
#include "schemas/json.h"
#include "schemas/mapping.h"
#include "tools/column_mapping.h"
#include "tools/event_layouts.h"

#define LINES_LOOKED_AT 20

const char *const event_format_names[EVENT_FORMATS] = {"weft", "rees46", "tsv", "sessions",
                                                       "mapped"};

enum event_format event_format_find(const char *name)
{
    if (strncmp(name, FORMAT_MAPPED_PREFIX, strlen(FORMAT_MAPPED_PREFIX)) == 0 ||
        mapping_text(name).at || column_mapping_is(name))
        return FORMAT_MAPPED;
    for (int i = 0; i < FORMAT_MAPPED; i++)
        if (strcmp(name, event_format_names[i]) == 0)
            return (enum event_format)i;
    return FORMAT_UNKNOWN;
}

static bool begins_with(struct bytes text, const char *start)
{
    size_t size = strlen(start);
    return text.size >= size && memcmp(text.at, start, size) == 0;
}

/* ---- one row a format ---- */

/* One line that says its type is enough: a file may begin with a damaged one. */
static bool looks_like_weft(struct bytes line)
{
    struct arena arena = {0};
    struct bytes type;
    bool like = false;
    if (begins_with(bytes_trim(line), "{") &&
        json_text_field(line, "type", &arena, &type, NULL) == VERDICT_OK)
        for (int i = 0; i < EVENT_TYPES; i++)
            like = like || bytes_equal(type, bytes_text(event_type_names[i]));
    arena_release(&arena);
    return like;
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

enum which_lines { FIRST_LINE, ANY_LINE, EVERY_LINE };

static const struct looks {
    bool (*like)(struct bytes line);
    enum which_lines which; /* of the first lines must look so */
} looks[FORMAT_MAPPED] = {
    [FORMAT_WEFT] = {looks_like_weft, ANY_LINE},
    [FORMAT_REES46] = {looks_like_rees46, FIRST_LINE},
    [FORMAT_TSV] = {looks_like_tsv, FIRST_LINE},
    [FORMAT_SESSIONS] = {looks_like_sessions, EVERY_LINE},
};

bool event_format_has_header(enum event_format format, struct bytes first_line)
{
    return (format == FORMAT_REES46 || format == FORMAT_TSV) && looks[format].like(first_line);
}

/* ---- guessing ---- */

static bool fits(const struct looks *look, struct bytes rest, bool whole)
{
    struct bytes line;
    bool like = false;
    for (int lines = 0; lines < LINES_LOOKED_AT && layout_next_line(&rest, whole, &line); lines++) {
        like = look->like(line);
        if (look->which == FIRST_LINE || like == (look->which == ANY_LINE))
            break;
    }
    return like;
}

enum event_format event_format_guess(struct bytes sample, bool whole)
{
    for (int format = 0; format < FORMAT_MAPPED; format++)
        if (fits(&looks[format], sample, whole))
            return (enum event_format)format;
    return FORMAT_UNKNOWN;
}
