#include "processors/runtime/http/http_text.h"

#include <strings.h>

static int hex_digit(char character)
{
    if (character >= '0' && character <= '9')
        return character - '0';
    character = (char)(character | 0x20);
    return character >= 'a' && character <= 'f' ? character - 'a' + 10 : -1;
}

static bool has_control(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++)
        if ((unsigned char)text.at[i] < 0x20 || text.at[i] == 0x7F)
            return true;
    return false;
}

struct bytes http_decode(struct bytes text, struct arena *arena)
{
    const struct bytes none = {0};
    if (text.size > 3 * HTTP_SEGMENT_BYTES_MAX)
        return none;
    char *to = arena_get(arena, text.size + 1);
    size_t size = 0;
    for (size_t i = 0; i < text.size; i++) {
        char byte = text.at[i];
        if (byte == '%') {
            int high = i + 2 < text.size ? hex_digit(text.at[i + 1]) : -1;
            int low = high >= 0 ? hex_digit(text.at[i + 2]) : -1;
            if (low < 0)
                return none;
            byte = (char)(high << 4 | low);
            i += 2;
        }
        to[size++] = byte;
    }
    struct bytes decoded = bytes_of(to, size);
    if (size > HTTP_SEGMENT_BYTES_MAX || has_control(decoded) || !bytes_utf8(decoded))
        return none;
    return decoded;
}

bool http_path_read(struct bytes text, struct arena *arena, struct http_path *ret_path)
{
    *ret_path = (struct http_path){0};
    if (text.size == 0 || text.at[0] != '/')
        return false;
    for (size_t at = 1;;) {
        const char *end = memchr(text.at + at, '/', text.size - at);
        size_t size = end ? (size_t)(end - (text.at + at)) : text.size - at;
        struct bytes segment = http_decode(bytes_of(text.at + at, size), arena);
        if (segment.at == NULL || ret_path->count == HTTP_SEGMENTS_MAX)
            return false;
        ret_path->segments[ret_path->count++] = segment;
        if (end == NULL)
            return true;
        at += size + 1;
    }
}

bool http_path_fits(const struct http_path *path, const char *pattern, struct bytes *ret_values)
{
    uint32_t values = 0, at = 0;
    while (*pattern == '/') {
        size_t size = strcspn(++pattern, "/");
        if (at == path->count)
            return false;
        struct bytes segment = path->segments[at++];
        if (size == 2 && memcmp(pattern, "{}", 2) == 0) {
            if (segment.size == 0)
                return false;
            ret_values[values++] = segment;
        } else if (!bytes_equal(segment, bytes_of(pattern, size))) {
            return false;
        }
        pattern += size;
    }
    return at == path->count;
}

/* Takes the next element of a header's list, without the blanks around it. */
static bool next_element(const char **list, struct bytes *ret_element)
{
    while (**list) {
        size_t size = strcspn(*list, ",");
        *ret_element = bytes_trim(bytes_of(*list, size));
        *list += size + ((*list)[size] == ',');
        if (ret_element->size > 0)
            return true;
    }
    return false;
}

/* "gzip;q=0", "gzip; q=0.000" */
static bool weighs_nothing(struct bytes parameters)
{
    const char *at = parameters.size ? memchr(parameters.at, '=', parameters.size) : NULL;
    if (at == NULL)
        return false;
    for (at++; at < parameters.at + parameters.size; at++)
        if (*at != '0' && *at != '.' && *at != ' ')
            return false;
    return true;
}

bool http_list_has(const char *list, const char *name)
{
    struct bytes element;
    while (list && next_element(&list, &element)) {
        const char *semicolon = memchr(element.at, ';', element.size);
        size_t size = semicolon ? (size_t)(semicolon - element.at) : element.size;
        struct bytes word = bytes_trim(bytes_of(element.at, size));
        if (word.size == strlen(name) && strncasecmp(word.at, name, word.size) == 0)
            return !weighs_nothing(bytes_of(element.at + size, element.size - size));
    }
    return false;
}

bool http_tags_have(const char *list, const char *tag)
{
    struct bytes element;
    while (list && next_element(&list, &element)) {
        if (element.size > 2 && memcmp(element.at, "W/", 2) == 0)
            element = bytes_of(element.at + 2, element.size - 2);
        if (bytes_equal(element, bytes_text(tag)) || bytes_equal(element, bytes_text("*")))
            return true;
    }
    return false;
}
