#include "state/model_file.h"

#include "schemas/byte_order.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MAGIC "weft model\n"
#define MAGIC_BYTES (sizeof MAGIC - 1)
#define BATCH_BYTES_MAX ((size_t)4 << 20)

/* ---- writing ---- */

struct writer {
    struct store_visitor visitor;
    FILE *file;
    struct snapshot_header header;
    struct buffer record;
};

static bool write_record(struct writer *writer, struct bytes key)
{
    char sizes[8];
    put_le(sizes, (uint32_t)key.size, 4);
    put_le(sizes + 4, (uint32_t)writer->record.size, 4);
    return fwrite(sizes, 1, sizeof sizes, writer->file) == sizeof sizes &&
           fwrite(key.at, 1, key.size, writer->file) == key.size &&
           fwrite(writer->record.at, 1, writer->record.size, writer->file) == writer->record.size;
}

static enum verdict write_row(struct store_visitor *self, struct bytes key, struct bytes value,
                              struct error *error)
{
    struct writer *writer = (struct writer *)(void *)self;
    if (key.size > MODEL_FILE_KEY_MAX || value.size > MODEL_FILE_VALUE_MAX / 2)
        return error_set(error, VERDICT_FATAL, "a row of the model is too large for a file");
    buffer_clear(&writer->record);
    writer->header.sum += snapshot_write_row(key, value, writer->header.offset, &writer->record);
    writer->header.rows++;
    return write_record(writer, key)
               ? VERDICT_OK
               : error_set(error, VERDICT_FATAL, "can't be written: %s", strerror(errno));
}

static enum verdict write_all(struct writer *writer, struct store *store, struct error *error)
{
    char start[MAGIC_BYTES + 4];
    memcpy(start, MAGIC, MAGIC_BYTES);
    put_le(start + MAGIC_BYTES, MODEL_FILE_FORMAT, 4);
    bool good = fwrite(start, 1, sizeof start, writer->file) == sizeof start;
    enum verdict verdict =
        good ? store->scan(store, FAMILY_MODEL, bytes_of("", 0), &writer->visitor, error)
             : error_set(error, VERDICT_FATAL, "can't be written: %s", strerror(errno));
    if (verdict != VERDICT_OK)
        return verdict;
    if (writer->header.rows == 0)
        return error_set(error, VERDICT_SKIP, "there is no model yet");
    buffer_clear(&writer->record);
    snapshot_write_header(&writer->header, &writer->record);
    if (!write_record(writer, snapshot_header_key()) || fflush(writer->file) != 0 ||
        fsync(fileno(writer->file)) != 0)
        return error_set(error, VERDICT_FATAL, "can't be written: %s", strerror(errno));
    return VERDICT_OK;
}

enum verdict model_file_write(const char *path, struct store *store, int64_t offset,
                              uint64_t *ret_rows, struct error *error)
{
    struct writer writer = {.visitor.row = write_row, .header.offset = offset};
    struct error why = {0};
    char part[PATH_MAX];
    if (snprintf(part, sizeof part, "%s.part", path) >= (int)sizeof part)
        return error_set(error, VERDICT_FATAL, "the file's name is too long");
    writer.file = fopen(part, "wb");
    if (writer.file == NULL)
        return error_set(error, VERDICT_FATAL, "%s can't be written: %s", part, strerror(errno));
    enum verdict verdict = write_all(&writer, store, &why);
    if (fclose(writer.file) != 0 && verdict == VERDICT_OK)
        verdict = error_set(&why, VERDICT_FATAL, "can't be written: %s", strerror(errno));
    if (verdict == VERDICT_OK && rename(part, path) != 0)
        verdict = error_set(&why, VERDICT_FATAL, "can't be written: %s", strerror(errno));
    if (verdict != VERDICT_OK) {
        unlink(part);
        error_set(error, verdict, "%s: %s", path, why.message);
    }
    *ret_rows = writer.header.rows;
    buffer_release(&writer.record);
    return verdict;
}

/* ---- reading ---- */

struct reader {
    FILE *file;
    struct store *store; /* NULL: the rows are only checked */
    struct store_batch batch;
    char key[MODEL_FILE_KEY_MAX];
    char *value;
    size_t capacity;
    uint64_t rows, sum;
    int64_t offset; /* of the first row; the others must have the same */
    struct snapshot_header header;
};

/* Why less was read than expected. */
static enum verdict cut_off(const struct reader *reader, struct error *error)
{
    if (ferror(reader->file))
        return error_set(error, VERDICT_FATAL, "can't be read: %s", strerror(errno));
    return error_set(error, VERDICT_FATAL, "it is cut off, or damaged");
}

static enum verdict read_start(struct reader *reader, struct error *error)
{
    char start[MAGIC_BYTES + 4];
    if (fread(start, 1, sizeof start, reader->file) != sizeof start ||
        memcmp(start, MAGIC, MAGIC_BYTES) != 0)
        return ferror(reader->file)
                   ? cut_off(reader, error)
                   : error_set(error, VERDICT_FATAL, "it is no model that 'weft get model' wrote");
    uint32_t format = (uint32_t)get_le(start + MAGIC_BYTES, 4);
    if (format != MODEL_FILE_FORMAT)
        return error_set(error, VERDICT_FATAL,
                         "it has format %u, this weft knows %d: use the newer weft", format,
                         MODEL_FILE_FORMAT);
    return VERDICT_OK;
}

static enum verdict read_record(struct reader *reader, struct bytes *ret_key,
                                struct bytes *ret_value, struct error *error)
{
    char sizes[8];
    if (fread(sizes, 1, sizeof sizes, reader->file) != sizeof sizes)
        return cut_off(reader, error);
    size_t key_size = get_le(sizes, 4), size = get_le(sizes + 4, 4);
    if (key_size > MODEL_FILE_KEY_MAX || size > MODEL_FILE_VALUE_MAX)
        return cut_off(reader, error);
    if (size > reader->capacity) {
        reader->value = memory_resize(reader->value, size);
        reader->capacity = size;
    }
    if (fread(reader->key, 1, key_size, reader->file) != key_size ||
        fread(reader->value, 1, size, reader->file) != size)
        return cut_off(reader, error);
    *ret_key = bytes_of(reader->key, key_size);
    *ret_value = bytes_of(reader->value, size);
    return VERDICT_OK;
}

static enum verdict take_row(struct reader *reader, struct bytes key, struct bytes record,
                             struct error *error)
{
    struct bytes value;
    int64_t offset;
    uint64_t check;
    if (!snapshot_read_row(key, record, &offset, &value, &check) ||
        (reader->rows > 0 && offset != reader->offset))
        return cut_off(reader, error);
    reader->offset = offset;
    reader->rows++;
    reader->sum += check;
    if (reader->store == NULL)
        return VERDICT_OK;
    batch_put(&reader->batch, FAMILY_MODEL, key, value);
    if (reader->batch.changes.size < BATCH_BYTES_MAX)
        return VERDICT_OK;
    enum verdict verdict = reader->store->write(reader->store, &reader->batch, error);
    batch_clear(&reader->batch);
    return verdict;
}

static enum verdict read_all(struct reader *reader, struct error *error)
{
    struct bytes key, record;
    enum verdict verdict = read_start(reader, error);
    while (verdict == VERDICT_OK &&
           (verdict = read_record(reader, &key, &record, error)) == VERDICT_OK) {
        if (snapshot_is_header(key))
            break;
        verdict = take_row(reader, key, record, error);
    }
    if (verdict != VERDICT_OK)
        return verdict;
    struct error why = {0};
    verdict = snapshot_read_header(record, &reader->header, &why);
    if (verdict == VERDICT_FATAL)
        return error_set(error, verdict, "%s", why.message);
    if (verdict != VERDICT_OK || reader->header.rows != reader->rows ||
        reader->header.sum != reader->sum || reader->rows == 0 ||
        reader->header.offset != reader->offset || fgetc(reader->file) != EOF)
        return cut_off(reader, error);
    return reader->store ? reader->store->write(reader->store, &reader->batch, error) : VERDICT_OK;
}

enum verdict model_file_read(const char *path, struct store *store,
                             struct snapshot_header *ret_header, struct error *error)
{
    struct error why = {0};
    enum verdict verdict = VERDICT_OK;
    /* The first pass checks the file, the second one writes the rows. */
    for (int pass = 0; verdict == VERDICT_OK && pass < (store ? 2 : 1); pass++) {
        struct reader reader = {.file = fopen(path, "rb"), .store = pass == 1 ? store : NULL};
        if (reader.file == NULL)
            return error_set(error, VERDICT_FATAL, "%s can't be read: %s", path, strerror(errno));
        verdict = read_all(&reader, &why);
        *ret_header = reader.header;
        fclose(reader.file);
        free(reader.value);
        batch_release(&reader.batch);
    }
    return verdict == VERDICT_OK ? verdict
                                 : error_set(error, VERDICT_FATAL, "%s: %s", path, why.message);
}
