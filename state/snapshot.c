#include "state/snapshot.h"

#include "schemas/byte_order.h"
#include "schemas/draw.h"

#define HEADER_KEY "\xFFsnapshot"
#define ROW_HEADER_BYTES 16
#define HEADER_BYTES 44

static void put(struct buffer *buffer, uint64_t value, int size)
{
    char bytes[8];
    put_le(bytes, value, size);
    buffer_append(buffer, bytes, (size_t)size);
}

static uint64_t check_of(struct bytes key, struct bytes value, int64_t offset)
{
    uint64_t bound = hash_join(bytes_hash(key) + (uint64_t)offset, 0);
    return bytes_hash(value) ^ bound ^ bound >> 29;
}

uint64_t snapshot_write_row(struct bytes key, struct bytes value, int64_t offset,
                            struct buffer *record)
{
    uint64_t check = check_of(key, value, offset);
    put(record, (uint64_t)offset, 8);
    put(record, check, 8);
    buffer_append(record, value.at, value.size);
    return check;
}

bool snapshot_read_row(struct bytes key, struct bytes record, int64_t *ret_offset,
                       struct bytes *ret_value, uint64_t *ret_check)
{
    if (key.size == 0 || (unsigned char)key.at[0] == 0xFF || record.size < ROW_HEADER_BYTES)
        return false;
    int64_t offset = (int64_t)get_le(record.at, 8);
    struct bytes value = bytes_of(record.at + ROW_HEADER_BYTES, record.size - ROW_HEADER_BYTES);
    uint64_t check = get_le(record.at + 8, 8);
    if (check != check_of(key, value, offset))
        return false;
    *ret_offset = offset;
    *ret_value = value;
    *ret_check = check;
    return true;
}

struct bytes snapshot_header_key(void)
{
    return bytes_of(HEADER_KEY, sizeof HEADER_KEY - 1);
}

bool snapshot_is_header(struct bytes key)
{
    return bytes_equal(key, snapshot_header_key());
}

void snapshot_write_header(const struct snapshot_header *header, struct buffer *record)
{
    size_t start = record->size;
    put(record, SNAPSHOT_FORMAT, 4);
    put(record, (uint64_t)header->offset, 8);
    put(record, (uint64_t)header->first, 8);
    put(record, header->rows, 8);
    put(record, header->sum, 8);
    put(record, bytes_hash(bytes_of(record->at + start, record->size - start)), 8);
}

enum verdict snapshot_read_header(struct bytes record, struct snapshot_header *ret_header,
                                  struct error *error)
{
    bool whole = record.size > 12 && get_le(record.at + record.size - 8, 8) ==
                                         bytes_hash(bytes_of(record.at, record.size - 8));
    if (!whole)
        return error_set(error, VERDICT_SKIP, "a snapshot's header is damaged");
    if (get_le(record.at, 4) > SNAPSHOT_FORMAT)
        return error_set(error, VERDICT_FATAL,
                         "the newest snapshot of the model has format %u, this weft knows %d: use "
                         "the newer weft",
                         (unsigned)get_le(record.at, 4), SNAPSHOT_FORMAT);
    if (record.size != HEADER_BYTES)
        return error_set(error, VERDICT_SKIP, "a snapshot's header is damaged");
    *ret_header = (struct snapshot_header){
        .offset = (int64_t)get_le(record.at + 4, 8),
        .first = (int64_t)get_le(record.at + 12, 8),
        .rows = get_le(record.at + 20, 8),
        .sum = get_le(record.at + 28, 8),
    };
    if (ret_header->offset < 0 || ret_header->first < 0)
        return error_set(error, VERDICT_SKIP, "a snapshot's header is damaged");
    return VERDICT_OK;
}
