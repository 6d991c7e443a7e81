#include "tools/record_reader.h"

#include "tools/input_stream.h"
#include "tools/table.h"

#include <stdlib.h>

#define CHUNK_BYTES ((size_t)256 << 10)

struct record_reader {
    struct input_stream *stream;
    char *path;
    char *chunk;
    size_t chunk_at, chunk_size;
    bool whole;           /* the first chunk is all of the file */
    struct buffer pushed; /* lines to be read again, before the chunk */
    size_t pushed_at;
    struct buffer text;
    uint64_t lines, number; /* lines read; of these, the record's first one */
    bool cut_off;           /* the file ended without an end of line */
    bool again;
};

/* Fills the chunk again. */
static enum record_outcome read_chunk(struct record_reader *reader, struct error *error)
{
    struct error inner = {0};
    size_t size = 0;
    reader->chunk_at = reader->chunk_size = 0;
    if (input_stream_read(reader->stream, reader->chunk, CHUNK_BYTES, &size, &inner) !=
        VERDICT_OK) {
        error_set(error, VERDICT_SKIP, "%s: %s after line %llu", reader->path, inner.message,
                  (unsigned long long)reader->lines);
        return RECORD_FAILED;
    }
    reader->chunk_size = size;
    return size > 0 ? RECORD_READ : RECORD_END;
}

/* As much of the file as one chunk holds, for the guess at its format. */
static enum record_outcome read_first_chunk(struct record_reader *reader, struct error *error)
{
    struct error inner = {0};
    while (reader->chunk_size < CHUNK_BYTES) {
        size_t size = 0;
        if (input_stream_read(reader->stream, reader->chunk + reader->chunk_size,
                              CHUNK_BYTES - reader->chunk_size, &size, &inner) != VERDICT_OK)
            break; /* the lines before the damage are good; the next chunk tells it again */
        if (size == 0) {
            reader->whole = true;
            break;
        }
        reader->chunk_size += size;
    }
    if (reader->chunk_size > 0 || inner.message[0] == '\0')
        return RECORD_READ;
    error_set(error, VERDICT_SKIP, "%s: %s after line 0", reader->path, inner.message);
    return RECORD_FAILED;
}

static bool is_empty(struct bytes text)
{
    return bytes_trim(text).size == 0;
}

enum verdict record_reader_open(const char *path, struct record_reader **ret_reader,
                                struct error *error)
{
    struct record_reader *reader = memory_zero(1, sizeof *reader);
    reader->path = memory_text(bytes_text(path));
    reader->chunk = memory_get(CHUNK_BYTES);
    enum verdict verdict = input_stream_open(path, &reader->stream, error);
    if (verdict == VERDICT_OK && read_first_chunk(reader, error) == RECORD_FAILED)
        verdict = VERDICT_SKIP;
    if (verdict == VERDICT_OK && reader->chunk_size >= 3 &&
        memcmp(reader->chunk, "\xEF\xBB\xBF", 3) == 0)
        reader->chunk_at = 3;
    bool whole;
    if (verdict == VERDICT_OK && is_empty(record_reader_sample(reader, &whole)) && whole)
        verdict = error_set(error, VERDICT_SKIP, "%s holds no lines", path);
    if (verdict != VERDICT_OK) {
        record_reader_close(reader);
        return verdict;
    }
    *ret_reader = reader;
    return VERDICT_OK;
}

void record_reader_close(struct record_reader *reader)
{
    if (reader == NULL)
        return;
    input_stream_close(reader->stream);
    buffer_release(&reader->text);
    buffer_release(&reader->pushed);
    free(reader->chunk);
    free(reader->path);
    free(reader);
}

struct bytes record_reader_sample(const struct record_reader *reader, bool *ret_whole)
{
    *ret_whole = reader->whole;
    return bytes_of(reader->chunk + reader->chunk_at, reader->chunk_size - reader->chunk_at);
}

/* The bytes that come next, from the lines to be read again or from the chunk. None: the end. */
static enum record_outcome next_bytes(struct record_reader *reader, struct bytes *ret_bytes,
                                      size_t **ret_at, struct error *error)
{
    if (reader->pushed_at < reader->pushed.size) {
        *ret_at = &reader->pushed_at;
        *ret_bytes = bytes_of(reader->pushed.at + reader->pushed_at,
                              reader->pushed.size - reader->pushed_at);
        return RECORD_READ;
    }
    if (reader->chunk_at == reader->chunk_size) {
        enum record_outcome record = read_chunk(reader, error);
        if (record != RECORD_READ)
            return record;
    }
    *ret_at = &reader->chunk_at;
    *ret_bytes = bytes_of(reader->chunk + reader->chunk_at, reader->chunk_size - reader->chunk_at);
    return RECORD_READ;
}

/* Appends the next line to the text, without its end. */
static enum record_outcome add_line(struct record_reader *reader, struct error *error)
{
    size_t start = reader->text.size, *at = NULL;
    struct bytes bytes = {0};
    for (;;) {
        enum record_outcome record = next_bytes(reader, &bytes, &at, error);
        if (record == RECORD_FAILED)
            return record;
        if (record == RECORD_END)
            break;
        const char *end = memchr(bytes.at, '\n', bytes.size);
        size_t size = end ? (size_t)(end - bytes.at) : bytes.size;
        if (reader->text.size + size <= RECORD_BYTES_MAX)
            buffer_append(&reader->text, bytes.at, size);
        *at += size + (end ? 1 : 0);
        if (end) {
            reader->lines++;
            if (reader->text.size > start && reader->text.at[reader->text.size - 1] == '\r')
                reader->text.size--;
            return RECORD_READ;
        }
    }
    reader->cut_off = reader->text.size > start;
    reader->lines += reader->cut_off;
    return reader->cut_off ? RECORD_READ : RECORD_END;
}

enum record_outcome record_reader_line(struct record_reader *reader, struct error *error)
{
    if (reader->again) {
        reader->again = false;
        return RECORD_READ;
    }
    buffer_clear(&reader->text);
    reader->cut_off = false;
    enum record_outcome record = add_line(reader, error);
    reader->number = reader->lines;
    return record;
}

/* Leaves the first `size` bytes, one line, in the text. The lines behind it are read again. */
static void push_back(struct record_reader *reader, size_t size)
{
    struct buffer *text = &reader->text;
    struct buffer pushed = {0};
    buffer_append(&pushed, text->at + size + 1, text->size - size - 1);
    if (!reader->cut_off)
        buffer_byte(&pushed, '\n');
    if (reader->pushed_at < reader->pushed.size)
        buffer_append(&pushed, reader->pushed.at + reader->pushed_at,
                      reader->pushed.size - reader->pushed_at);
    buffer_release(&reader->pushed);
    reader->pushed = pushed;
    reader->pushed_at = 0;
    text->size = size;
    reader->lines = reader->number;
    reader->cut_off = false;
}

enum record_outcome record_reader_row(struct record_reader *reader, char separator,
                                      struct error *error)
{
    bool again = reader->again;
    enum record_outcome record = record_reader_line(reader, error);
    if (record != RECORD_READ || again || separator == '\t')
        return record;
    size_t first = reader->text.size;
    bool open = table_quote_open(false, buffer_bytes(&reader->text), separator);
    for (int lines = 1; open; lines++) {
        size_t from = reader->text.size + 1;
        if (lines == RECORD_LINES_MAX)
            break;
        buffer_byte(&reader->text, '\n');
        record = add_line(reader, error);
        if (record == RECORD_FAILED)
            return record;
        if (record == RECORD_END) {
            reader->text.size--;
            break;
        }
        open = table_quote_open(true, bytes_of(reader->text.at + from, reader->text.size - from),
                                separator);
    }
    if (open && reader->text.size > first)
        push_back(reader, first);
    return RECORD_READ;
}

void record_reader_again(struct record_reader *reader)
{
    reader->again = true;
}

struct bytes record_reader_text(const struct record_reader *reader)
{
    return buffer_bytes(&reader->text);
}

uint64_t record_reader_number(const struct record_reader *reader)
{
    return reader->number;
}

bool record_reader_cut_off(const struct record_reader *reader)
{
    return reader->cut_off;
}

double record_reader_share(const struct record_reader *reader)
{
    return input_stream_share(reader->stream);
}
