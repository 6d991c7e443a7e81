/* Rows of a store as bytes of a fuzz target's input, one behind the other: size(1) key, size(2,
 * little endian) value. A value that is cut off ends where the input ends. */
#ifndef WEFT_TESTS_FUZZ_ROWS_H
#define WEFT_TESTS_FUZZ_ROWS_H

#include "schemas/byte_order.h"
#include "state/store.h"

/* Larger numbers in keys are fine, and take the memory of a table of that size: here only time. */
#define FUZZ_NUMBER_MAX 4096

static inline bool fuzz_next_row(struct bytes *rows, struct bytes *ret_key, struct bytes *ret_value)
{
    size_t key_size = rows->size > 0 ? (unsigned char)rows->at[0] : 0;
    if (rows->size < 3 + key_size)
        return false;
    size_t value_size = get_le(rows->at + 1 + key_size, 2), left = rows->size - 3 - key_size;
    value_size = value_size < left ? value_size : left;
    *ret_key = bytes_of(rows->at + 1, key_size);
    *ret_value = bytes_of(rows->at + 3 + key_size, value_size);
    *rows = bytes_of(ret_value->at + value_size, left - value_size);
    return true;
}

struct fuzz_rows {
    struct store_visitor visitor;
    struct buffer *rows;
};

static inline enum verdict fuzz_put_row(struct store_visitor *self, struct bytes key,
                                        struct bytes value, struct error *error)
{
    struct buffer *rows = ((struct fuzz_rows *)(void *)self)->rows;
    char size[2];
    (void)error;
    buffer_byte(rows, (char)key.size);
    buffer_append(rows, key.at, key.size);
    put_le(size, value.size, 2);
    buffer_append(rows, size, sizeof size);
    buffer_append(rows, value.at, value.size);
    return VERDICT_OK;
}

/* Appends all rows of the family. */
static inline void fuzz_put_rows(struct store *store, enum family family, struct buffer *rows)
{
    struct fuzz_rows self = {.visitor.row = fuzz_put_row, .rows = rows};
    store->scan(store, family, bytes_of("", 0), &self.visitor, NULL);
}

#endif
