/* Records of snapshots: what was written is read, and nothing else is. */
#include "state/snapshot.h"
#include "tests/test.h"

static void test_rows(void)
{
    struct random random = random_from(91);
    for (int round = 0; round < 300; round++) {
        char key[40], value[300];
        size_t key_size = 1 + random_below(&random, sizeof key - 1);
        size_t value_size = random_below(&random, sizeof value);
        for (size_t i = 0; i < key_size; i++)
            key[i] = (char)random_next(&random);
        for (size_t i = 0; i < value_size; i++)
            value[i] = (char)random_next(&random);
        key[0] = (char)((unsigned char)key[0] % 0xFF);
        struct bytes k = bytes_of(key, key_size), v = bytes_of(value, value_size), again;
        int64_t offset = (int64_t)(random_next(&random) >> 1), read_offset;
        uint64_t check, read_check;
        struct buffer record = {0}, twice = {0};
        check = snapshot_write_row(k, v, offset, &record);
        CHECK(snapshot_read_row(k, buffer_bytes(&record), &read_offset, &again, &read_check));
        CHECK(read_offset == offset && read_check == check);
        CHECK_BYTES(again, v);
        snapshot_write_row(k, v, offset, &twice);
        CHECK_BYTES(buffer_bytes(&twice), buffer_bytes(&record));
        for (size_t size = 0; size < record.size; size++)
            CHECK(!snapshot_read_row(k, bytes_of(record.at, size), &read_offset, &again, &check));
        for (int i = 0; i < 20; i++) {
            uint32_t bit = random_below(&random, (uint32_t)record.size * 8);
            record.at[bit / 8] = (char)(record.at[bit / 8] ^ (1 << bit % 8));
            CHECK(!snapshot_read_row(k, buffer_bytes(&record), &read_offset, &again, &check));
            record.at[bit / 8] = (char)(record.at[bit / 8] ^ (1 << bit % 8));
        }
        key[key_size - 1] ^= 1; /* another's */
        CHECK(!snapshot_read_row(k, buffer_bytes(&record), &read_offset, &again, &check));
        buffer_release(&record);
        buffer_release(&twice);
    }
}

static void test_header(void)
{
    struct snapshot_header header = {.offset = 12345678901, .first = 77, .rows = 9, .sum = ~0u},
                           again;
    struct buffer record = {0};
    struct error error = {0};
    CHECK(snapshot_is_header(snapshot_header_key()));
    CHECK(!snapshot_is_header(bytes_text("snapshot")));
    snapshot_write_header(&header, &record);
    CHECK(snapshot_read_header(buffer_bytes(&record), &again, NULL) == VERDICT_OK);
    CHECK(again.offset == header.offset && again.first == header.first &&
          again.rows == header.rows && again.sum == header.sum);
    for (size_t bit = 0; bit < 8 * record.size; bit++) {
        record.at[bit / 8] = (char)(record.at[bit / 8] ^ (1 << bit % 8));
        CHECK(snapshot_read_header(buffer_bytes(&record), &again, &error) == VERDICT_SKIP);
        record.at[bit / 8] = (char)(record.at[bit / 8] ^ (1 << bit % 8));
    }
    CHECK_CONTAINS(error.message, "header is damaged");
    for (size_t size = 0; size < record.size; size++)
        CHECK(snapshot_read_header(bytes_of(record.at, size), &again, NULL) == VERDICT_SKIP);
    record.at[0] = SNAPSHOT_FORMAT + 1; /* of a newer weft, which may be longer */
    uint64_t hash = bytes_hash(bytes_of(record.at, record.size - 8));
    for (size_t i = 0; i < 8; i++)
        record.at[record.size - 8 + i] = (char)(hash >> 8 * i);
    error_clear(&error);
    CHECK(snapshot_read_header(buffer_bytes(&record), &again, &error) == VERDICT_FATAL);
    CHECK_CONTAINS(error.message, "has format 2, this weft knows 1");
    buffer_release(&record);
}

int main(void)
{
    TEST_RUN(test_rows);
    TEST_RUN(test_header);
    return test_done();
}
