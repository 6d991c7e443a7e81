/* Rows of the model on disk and records of snapshots, as any bytes. An accepted row is written back
 * as the same bytes. */
#include "state/snapshot.h"
#include "tests/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = bytes_of(data, size), value;
    int64_t offset;
    uint64_t check;
    struct snapshot_header header;
    struct buffer again = {0};
    if (snapshot_read_row(bytes_text("key"), input, &offset, &value, &check)) {
        snapshot_write_row(bytes_text("key"), value, offset, &again);
        FUZZ_CHECK(bytes_equal(buffer_bytes(&again), input));
    }
    buffer_clear(&again);
    if (snapshot_read_header(input, &header, NULL) == VERDICT_OK) {
        snapshot_write_header(&header, &again);
        FUZZ_CHECK(bytes_equal(buffer_bytes(&again), input));
    }
    if (row_open(FAMILY_MODEL, bytes_text("key"), input, &value)) {
        char sum[ROW_CHECK_BYTES];
        row_check(FAMILY_MODEL, bytes_text("key"), value, sum);
        FUZZ_CHECK(value.size + sizeof sum == size &&
                   memcmp(sum, input.at + value.size, sizeof sum) == 0);
    }
    buffer_release(&again);
    return 0;
}

void fuzz_seeds(struct fuzz_sink *sink)
{
    struct buffer seed = {0};
    char sum[ROW_CHECK_BYTES];
    snapshot_write_row(bytes_text("key"), bytes_text("value"), 5, &seed);
    sink->add(sink, buffer_bytes(&seed));
    buffer_clear(&seed);
    snapshot_write_header(&(struct snapshot_header){.offset = 5, .rows = 1}, &seed);
    sink->add(sink, buffer_bytes(&seed));
    buffer_clear(&seed);
    row_check(FAMILY_MODEL, bytes_text("key"), bytes_text("value"), sum);
    buffer_text(&seed, "value");
    buffer_append(&seed, sum, sizeof sum);
    sink->add(sink, buffer_bytes(&seed));
    buffer_release(&seed);
}
