/* Files of a model, as `weft run --model` reads them. The input's first byte tells what follows:
 * 'f' a file's bytes; else rows (fuzz_rows.h), from which a file is made whose checks are right. */
#include "state/model_file.h"
#include "state/model_store.h"
#include "tests/fuzz.h"
#include "tests/fuzz_rows.h"

#include <sys/mman.h>
#include <unistd.h>

static const struct model_limits limits = {.items_max = 10,
                                           .row_entries_max = 4,
                                           .pair_half_life_ms = 1000000,
                                           .popular_half_life_ms = 1000000,
                                           .quick_half_life_ms = 1000000};

/* ---- files ---- */

static void append_record(struct buffer *file, struct bytes key, struct bytes record)
{
    char sizes[8];
    put_le(sizes, key.size, 4);
    put_le(sizes + 4, record.size, 4);
    buffer_append(file, sizes, sizeof sizes);
    buffer_append(file, key.at, key.size);
    buffer_append(file, record.at, record.size);
}

static void make_file(struct bytes rows, struct buffer *file)
{
    struct snapshot_header header = {.offset = 5};
    struct buffer record = {0};
    struct bytes key, value;
    char format[4];
    put_le(format, MODEL_FILE_FORMAT, 4);
    buffer_text(file, "weft model\n");
    buffer_append(file, format, sizeof format);
    while (fuzz_next_row(&rows, &key, &value)) {
        if (key.size == 5 && get_be(key.at + 1, 4) > FUZZ_NUMBER_MAX)
            continue;
        buffer_clear(&record);
        header.sum += snapshot_write_row(key, value, 5, &record);
        header.rows++;
        append_record(file, key, buffer_bytes(&record));
    }
    buffer_clear(&record);
    snapshot_write_header(&header, &record);
    append_record(file, snapshot_header_key(), buffer_bytes(&record));
    buffer_release(&record);
}

static void try_file(struct bytes file)
{
    struct store *store = store_memory_new();
    struct snapshot_header header = {0}, again = {0};
    struct error error = {0};
    char path[64];
    int fd = memfd_create("model", 0);
    FUZZ_CHECK(fd >= 0 && write(fd, file.at, file.size) == (ssize_t)file.size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (model_file_read(path, store, &header, &error) != VERDICT_OK) {
        FUZZ_CHECK(error.message[0]);
    } else {
        struct model *model = model_new(&limits);
        FUZZ_CHECK(model_file_read(path, NULL, &again, &error) == VERDICT_OK);
        FUZZ_CHECK(header.rows == again.rows && header.sum == again.sum && header.rows > 0);
        if (model_load(model, store, &error) != VERDICT_OK)
            FUZZ_CHECK(error.message[0]);
        model_free(model);
    }
    close(fd);
    store->free(store);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer file = {0};
    if (size == 0)
        return 0;
    struct bytes rest = bytes_of(data + 1, size - 1);
    if (data[0] == 'f') {
        try_file(rest);
    } else {
        make_file(rest, &file);
        try_file(buffer_bytes(&file));
    }
    buffer_release(&file);
    return 0;
}

/* ---- seeds ---- */

void fuzz_seeds(struct fuzz_sink *sink)
{
    struct store *store = store_memory_new();
    struct model *model = model_new(&limits);
    struct store_batch batch = {0};
    struct buffer rows = {0}, file = {0};
    struct decay decay = decay_at(1700000000000, limits.pair_half_life_ms);
    uint32_t a = model_intern(model, bytes_text("a"), 1),
             b = model_intern(model, bytes_text("b"), 0);
    model_add(model, a, PAIR_VIEW, PAIR_FORWARD, b, PAIR_UNITS, true, decay, 1700000000000, 1);
    model_count(model, a, PAIR_VIEW, decay, 1700000000000);
    model_save(model, &batch);
    batch_delete(&batch, FAMILY_MODEL, bytes_text("w")); /* long, and has a target of its own */
    FUZZ_CHECK(store->write(store, &batch, NULL) == VERDICT_OK);
    buffer_byte(&rows, 'r');
    fuzz_put_rows(store, FAMILY_MODEL, &rows);
    sink->add(sink, buffer_bytes(&rows));
    buffer_byte(&file, 'f');
    make_file(bytes_of(rows.at + 1, rows.size - 1), &file);
    sink->add(sink, buffer_bytes(&file));
    buffer_release(&file);
    buffer_release(&rows);
    batch_release(&batch);
    model_free(model);
    store->free(store);
}
