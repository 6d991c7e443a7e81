#include "state/store.h"

#include "schemas/byte_order.h"
#include "schemas/draw.h"

#include <assert.h>
#include <stdio.h>

/* A change in a batch: change(1) family(1) key size(4) value size(4) key value. It never leaves the
 * process, so numbers are in the machine's order. */
#define CHANGE_HEADER_BYTES 10

static void put_change(struct store_batch *batch, enum change change, enum family family,
                       struct bytes key, struct bytes value)
{
    char header[CHANGE_HEADER_BYTES] = {(char)change, (char)family};
    uint32_t key_size = (uint32_t)key.size, value_size = (uint32_t)value.size;
    memcpy(header + 2, &key_size, sizeof key_size);
    memcpy(header + 6, &value_size, sizeof value_size);
    buffer_append(&batch->changes, header, sizeof header);
    buffer_append(&batch->changes, key.at, key.size);
    buffer_append(&batch->changes, value.at, value.size);
    batch->count++;
}

void batch_put(struct store_batch *batch, enum family family, struct bytes key, struct bytes value)
{
    put_change(batch, CHANGE_PUT, family, key, value);
}

void batch_delete(struct store_batch *batch, enum family family, struct bytes key)
{
    put_change(batch, CHANGE_DELETE, family, key, bytes_of("", 0));
}

void batch_delete_prefix(struct store_batch *batch, enum family family, struct bytes prefix)
{
    assert(prefix.size > 0 && prefix.size <= PREFIX_BYTES_MAX && (unsigned char)*prefix.at < 0xFF);
    put_change(batch, CHANGE_DELETE_PREFIX, family, prefix, bytes_of("", 0));
}

void batch_clear(struct store_batch *batch)
{
    buffer_clear(&batch->changes);
    batch->count = 0;
}

void batch_release(struct store_batch *batch)
{
    buffer_release(&batch->changes);
    batch->count = 0;
}

bool batch_next(const struct store_batch *batch, size_t *at, struct store_change *ret_change)
{
    if (*at >= batch->changes.size)
        return false;
    const char *from = batch->changes.at + *at;
    uint32_t key_size, value_size;
    memcpy(&key_size, from + 2, sizeof key_size);
    memcpy(&value_size, from + 6, sizeof value_size);
    *ret_change = (struct store_change){
        .change = (enum change)from[0],
        .family = (enum family)from[1],
        .key = bytes_of(from + CHANGE_HEADER_BYTES, key_size),
        .value = bytes_of(from + CHANGE_HEADER_BYTES + key_size, value_size),
    };
    *at += CHANGE_HEADER_BYTES + key_size + value_size;
    return true;
}

void row_check(enum family family, struct bytes key, struct bytes value, char *ret_check)
{
    uint64_t hash = hash_join(bytes_hash(key) + (uint64_t)family, 0) ^ bytes_hash(value);
    put_le(ret_check, hash, ROW_CHECK_BYTES);
}

bool row_open(enum family family, struct bytes key, struct bytes stored, struct bytes *ret_value)
{
    char check[ROW_CHECK_BYTES];
    if (stored.size < ROW_CHECK_BYTES)
        return false;
    struct bytes value = bytes_of(stored.at, stored.size - ROW_CHECK_BYTES);
    row_check(family, key, value, check);
    if (memcmp(check, stored.at + value.size, sizeof check) != 0)
        return false;
    *ret_value = value;
    return true;
}

#define OFFSET_KEY_BYTES_MAX 300

static struct bytes offset_key(char *to, enum offset_table table, const char *topic,
                               int32_t partition)
{
    int size = snprintf(to, OFFSET_KEY_BYTES_MAX, "%c....%s", (int)table, topic);
    put_be(to + 1, (uint32_t)partition, 4);
    return bytes_of(to, size < OFFSET_KEY_BYTES_MAX ? (size_t)size : OFFSET_KEY_BYTES_MAX - 1);
}

void batch_put_offset(struct store_batch *batch, enum offset_table table, const char *topic,
                      int32_t partition, int64_t offset)
{
    char key[OFFSET_KEY_BYTES_MAX], value[8];
    put_le(value, (uint64_t)offset, 8);
    batch_put(batch, FAMILY_OFFSETS, offset_key(key, table, topic, partition),
              bytes_of(value, sizeof value));
}

void batch_delete_offset(struct store_batch *batch, enum offset_table table, const char *topic,
                         int32_t partition)
{
    char key[OFFSET_KEY_BYTES_MAX];
    batch_delete(batch, FAMILY_OFFSETS, offset_key(key, table, topic, partition));
}

enum verdict store_get_offset(struct store *store, enum offset_table table, const char *topic,
                              int32_t partition, int64_t *ret_offset, struct error *error)
{
    char key[OFFSET_KEY_BYTES_MAX];
    struct buffer value = {0};
    enum verdict verdict =
        store->get(store, FAMILY_OFFSETS, offset_key(key, table, topic, partition), &value, error);
    if (verdict == VERDICT_OK && value.size != 8)
        verdict = error_set(error, VERDICT_FATAL, "the stored offset of %s [%d] is damaged", topic,
                            (int)partition);
    if (verdict == VERDICT_OK)
        *ret_offset = (int64_t)get_le(value.at, 8);
    buffer_release(&value);
    return verdict;
}
