/* Slices, memory, arenas and buffers: the base of every layer above. Calls nothing of weft.
 *
 * A `struct bytes` is always borrowed; the function that returns one says until when it holds.
 * Thread: any; an arena or a buffer belongs to one at a time. */
#ifndef WEFT_SCHEMAS_BYTES_H
#define WEFT_SCHEMAS_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const char *at; /* NULL: absent; other than empty, which is a size of 0 */
    size_t size;
};

static inline struct bytes bytes_of(const void *at, size_t size)
{
    return (struct bytes){.at = at, .size = size};
}

static inline struct bytes bytes_text(const char *text)
{
    return bytes_of(text, text ? strlen(text) : 0);
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.at, b.at, a.size) == 0);
}

/* Below, equal to or above 0, by unsigned bytes. If one text is the start of the other, the shorter
 * one is smaller. */
int bytes_compare(struct bytes a, struct bytes b);
/* The text without the spaces and control characters around it. */
struct bytes bytes_trim(struct bytes text);

/* XXH3, 64 bits; the same on every machine. */
uint64_t bytes_hash(struct bytes bytes);

/* True for well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms). */
bool bytes_utf8(struct bytes bytes);

/* The bytes in single quotes, for a message: text as it is, each control character and each byte
 * that is not UTF-8 as \xNN, and "..." behind the first BYTES_QUOTED_MAX bytes. Absent bytes are
 * "missing", without quotes. Writes to `to`, with a NUL, and returns it. */
#define BYTES_QUOTED_MAX 60
#define BYTES_QUOTED_SIZE (4 * BYTES_QUOTED_MAX + 6)
const char *bytes_quote(struct bytes bytes, char to[BYTES_QUOTED_SIZE]);

/* Takes the next name from a list with commas, without the spaces around it, and moves `list`
 * behind it. Empty names are skipped. False: there is no more name. */
bool list_next(const char **list, struct bytes *ret_name);

/* Memory; the caller frees it with free(). These never return NULL: out of memory ends the process
 * with a message. Under exactly-once this loses nothing, because only committed work counts.
 * `_zero` clears the memory. */
void *memory_get(size_t size);
void *memory_zero(size_t count, size_t size);
void *memory_resize(void *at, size_t size);
void *memory_aligned(size_t size);     /* to a cache line of 64 bytes */
char *memory_text(struct bytes bytes); /* a NUL-terminated copy */

/* The bytes that the C library takes for a block of that size: with its header, in steps of 16. */
static inline size_t memory_block_bytes(size_t size)
{
    if (size == 0)
        return 0;
    return size < 24 ? 32 : (size + 8 + 15) & ~(size_t)15;
}

/* Scratch memory of one batch. Allocations are 8-byte aligned and hold until arena_clear(), which
 * frees them all together. Zero-initialised is empty and valid. */
struct arena {
    struct arena_block *block;
    size_t used; /* bytes of the newest block */
};

void *arena_get(struct arena *arena, size_t size);
struct bytes arena_copy(struct arena *arena, struct bytes bytes); /* absent stays absent */
void arena_clear(struct arena *arena);         /* keeps one block for the next batch */
size_t arena_bytes(const struct arena *arena); /* of memory */
void arena_release(struct arena *arena);

/* A growing run of bytes, which it owns. Zero-initialised is empty and valid. */
struct buffer {
    char *at;
    size_t size;
    size_t capacity;
};

/* Makes room for `more` bytes behind the ones that are there. */
void buffer_reserve(struct buffer *buffer, size_t more);
void buffer_release(struct buffer *buffer);

static inline void buffer_clear(struct buffer *buffer)
{
    buffer->size = 0;
}

static inline void buffer_append(struct buffer *buffer, const void *at, size_t size)
{
    if (buffer->capacity - buffer->size < size)
        buffer_reserve(buffer, size);
    if (size > 0)
        memcpy(buffer->at + buffer->size, at, size);
    buffer->size += size;
}

static inline void buffer_byte(struct buffer *buffer, char byte)
{
    if (buffer->capacity == buffer->size)
        buffer_reserve(buffer, 1);
    buffer->at[buffer->size++] = byte;
}

static inline void buffer_text(struct buffer *buffer, const char *text)
{
    buffer_append(buffer, text, strlen(text));
}

/* Holds until the buffer grows or is released. */
static inline struct bytes buffer_bytes(const struct buffer *buffer)
{
    return bytes_of(buffer->at, buffer->size);
}

/* Appends as printf() does. */
void buffer_format(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Appends a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD. */
void buffer_json(struct buffer *buffer, struct bytes text);
void buffer_decimal(struct buffer *buffer, int64_t value);

#endif
