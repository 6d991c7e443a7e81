#include "schemas/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define ARENA_BLOCK_BYTES ((size_t)64 * 1024)

struct arena_block {
    struct arena_block *older;
    size_t size;
    char at[];
};

int bytes_compare(struct bytes a, struct bytes b)
{
    size_t shared = a.size < b.size ? a.size : b.size;
    int order = shared ? memcmp(a.at, b.at, shared) : 0;
    if (order != 0)
        return order;
    return (a.size > b.size) - (a.size < b.size);
}

struct bytes bytes_trim(struct bytes text)
{
    while (text.size > 0 && (unsigned char)text.at[0] <= ' ')
        text = bytes_of(text.at + 1, text.size - 1);
    while (text.size > 0 && (unsigned char)text.at[text.size - 1] <= ' ')
        text.size--;
    return text;
}

uint64_t bytes_hash(struct bytes bytes)
{
    return XXH3_64bits(bytes.size ? bytes.at : "", bytes.size);
}

/* Length of the well-formed sequence at `at`, 0 if there is none. */
static size_t utf8_length(const unsigned char *at, size_t left)
{
    if (at[0] < 0x80)
        return 1;
    if (at[0] < 0xC2)
        return 0;
    size_t length = at[0] < 0xE0 ? 2 : at[0] < 0xF0 ? 3 : at[0] < 0xF5 ? 4 : 0;
    if (length == 0 || length > left)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((at[i] & 0xC0) != 0x80)
            return 0;
    if ((at[0] == 0xE0 && at[1] < 0xA0) || (at[0] == 0xED && at[1] > 0x9F) ||
        (at[0] == 0xF0 && at[1] < 0x90) || (at[0] == 0xF4 && at[1] > 0x8F))
        return 0;
    return length;
}

/* The character in UTF-8 is U+0000 to U+001F, or U+007F to U+009F: two bytes from U+0080 on. */
static bool is_control(const unsigned char *at)
{
    return at[0] < 0x20 || at[0] == 0x7F || (at[0] == 0xC2 && at[1] < 0xA0);
}

const char *bytes_quote(struct bytes bytes, char to[BYTES_QUOTED_SIZE])
{
    if (bytes.at == NULL)
        return strcpy(to, "missing");
    const unsigned char *start = (const unsigned char *)bytes.at, *at = start;
    const unsigned char *end = start + bytes.size;
    char *out = to;
    *out++ = '\'';
    while (at < end) {
        size_t length = utf8_length(at, (size_t)(end - at));
        bool text = length > 0 && !is_control(at);
        length = length > 0 ? length : 1;
        if (at + length > start + BYTES_QUOTED_MAX) {
            out = stpcpy(out, "...");
            break;
        }
        for (; length > 0; length--, at++) {
            if (text)
                *out++ = (char)*at;
            else
                out += sprintf(out, "\\x%02x", *at);
        }
    }
    strcpy(out, "'");
    return to;
}

bool list_next(const char **list, struct bytes *ret_name)
{
    while (**list == ',' || **list == ' ')
        ++*list;
    const char *at = *list;
    size_t size = strcspn(at, ",");
    *list += size;
    while (size > 0 && at[size - 1] == ' ')
        size--;
    *ret_name = bytes_of(at, size);
    return size > 0;
}

bool bytes_utf8(struct bytes bytes)
{
    const unsigned char *at = (const unsigned char *)bytes.at;
    size_t i = 0;
    while (i < bytes.size) {
        uint64_t eight;
        if (bytes.size - i >= sizeof eight) {
            memcpy(&eight, at + i, sizeof eight);
            if ((eight & 0x8080808080808080u) == 0) {
                i += sizeof eight;
                continue;
            }
        }
        size_t length = utf8_length(at + i, bytes.size - i);
        if (length == 0)
            return false;
        i += length;
    }
    return true;
}

static void *memory_check(void *at, size_t size)
{
    if (at == NULL) {
        fprintf(stderr, "weft: out of memory (%zu bytes requested)\n", size);
        abort();
    }
    return at;
}

void *memory_get(size_t size)
{
    return memory_check(malloc(size ? size : 1), size);
}

void *memory_zero(size_t count, size_t size)
{
    return memory_check(calloc(count ? count : 1, size ? size : 1), count * size);
}

void *memory_resize(void *at, size_t size)
{
    return memory_check(realloc(at, size ? size : 1), size);
}

void *memory_aligned(size_t size)
{
    size_t lines = (size + 63) / 64;
    return memory_check(aligned_alloc(64, 64 * (lines ? lines : 1)), size);
}

char *memory_text(struct bytes bytes)
{
    char *text = memory_get(bytes.size + 1);
    if (bytes.size > 0)
        memcpy(text, bytes.at, bytes.size);
    text[bytes.size] = '\0';
    return text;
}

void *arena_get(struct arena *arena, size_t size)
{
    size = (size + 7) & ~(size_t)7;
    struct arena_block *block = arena->block;
    if (block == NULL || block->size - arena->used < size) {
        size_t block_size = size > ARENA_BLOCK_BYTES ? size : ARENA_BLOCK_BYTES;
        block = memory_get(sizeof *block + block_size);
        block->older = arena->block;
        block->size = block_size;
        arena->block = block;
        arena->used = 0;
    }
    void *at = block->at + arena->used;
    arena->used += size;
    return at;
}

struct bytes arena_copy(struct arena *arena, struct bytes bytes)
{
    if (bytes.at == NULL)
        return bytes;
    char *copy = arena_get(arena, bytes.size);
    if (bytes.size > 0)
        memcpy(copy, bytes.at, bytes.size);
    return bytes_of(copy, bytes.size);
}

size_t arena_bytes(const struct arena *arena)
{
    size_t bytes = 0;
    for (const struct arena_block *block = arena->block; block; block = block->older)
        bytes += sizeof *block + block->size;
    return bytes;
}

/* Keeps one ordinary block, so that steady use allocates nothing. */
void arena_clear(struct arena *arena)
{
    struct arena_block *spare = NULL;
    for (struct arena_block *block = arena->block, *older; block; block = older) {
        older = block->older;
        if (spare == NULL && block->size == ARENA_BLOCK_BYTES)
            spare = block;
        else
            free(block);
    }
    if (spare)
        spare->older = NULL;
    arena->block = spare;
    arena->used = 0;
}

void arena_release(struct arena *arena)
{
    arena_clear(arena);
    free(arena->block);
    arena->block = NULL;
}

void buffer_reserve(struct buffer *buffer, size_t more)
{
    size_t needed = buffer->size + more;
    if (needed <= buffer->capacity)
        return;
    size_t capacity = buffer->capacity ? buffer->capacity : 256;
    while (capacity < needed)
        capacity *= 2;
    buffer->at = memory_resize(buffer->at, capacity);
    buffer->capacity = capacity;
}

void buffer_release(struct buffer *buffer)
{
    free(buffer->at);
    *buffer = (struct buffer){0};
}

void buffer_format(struct buffer *buffer, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (size > 0) {
        buffer_reserve(buffer, (size_t)size + 1);
        vsnprintf(buffer->at + buffer->size, (size_t)size + 1, format, again);
        buffer->size += (size_t)size;
    }
    va_end(again);
}

void buffer_json(struct buffer *buffer, struct bytes text)
{
    static const char hex[] = "0123456789abcdef";
    text.at = text.at ? text.at : ""; /* no offset from NULL */
    const unsigned char *at = (const unsigned char *)text.at;
    buffer_reserve(buffer, text.size + 2);
    buffer_byte(buffer, '"');
    size_t start = 0;
    for (size_t i = 0; i < text.size;) {
        if (at[i] >= 0x20 && at[i] < 0x80 && at[i] != '"' && at[i] != '\\') {
            i++;
            continue;
        }
        size_t length = at[i] < 0x80 ? 0 : utf8_length(at + i, text.size - i);
        if (length > 0) {
            i += length;
            continue;
        }
        buffer_append(buffer, text.at + start, i - start);
        if (at[i] >= 0x80) {
            buffer_text(buffer, "\xEF\xBF\xBD");
        } else if (at[i] == '"' || at[i] == '\\') {
            buffer_byte(buffer, '\\');
            buffer_byte(buffer, (char)at[i]);
        } else {
            buffer_text(buffer, "\\u00");
            buffer_byte(buffer, hex[at[i] >> 4]);
            buffer_byte(buffer, hex[at[i] & 15]);
        }
        start = ++i;
    }
    buffer_append(buffer, text.at + start, text.size - start);
    buffer_byte(buffer, '"');
}

void buffer_decimal(struct buffer *buffer, int64_t value)
{
    char digits[24];
    size_t i = sizeof digits;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        digits[--i] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0)
        digits[--i] = '-';
    buffer_append(buffer, digits + i, sizeof digits - i);
}
