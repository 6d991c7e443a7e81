/* Snapshots of the model: the records of the topic <application.id>-model. Calls schemas/ and
 * store.h.
 *
 * A snapshot is every row of FAMILY_MODEL as of an offset of the interactions log, and a header
 * after the rows. It follows from the log up to that offset: any instance that writes it writes the
 * same bytes. Integers are little endian.
 *
 *     row      key    the row's key, whose first byte is below 0xFF
 *              value  offset(8) check(8) the row's value
 *     header   key    0xFF "snapshot"
 *              value  format(4) offset(8) first(8) rows(8) sum(8) check(8)
 *
 * `offset` is the log's: of the next record to fold. `first` is the topic's offset of the first
 * row. `rows` is their number, `sum` the sum of their checks. A check binds value, key and offset
 * to each other, so that a damaged row, or one of another snapshot, never passes for a row of this
 * one.
 *
 * Thread: any. */
#ifndef WEFT_STATE_SNAPSHOT_H
#define WEFT_STATE_SNAPSHOT_H

#include "state/store.h"

#define SNAPSHOT_FORMAT 1

struct snapshot_header {
    int64_t offset;
    int64_t first;
    uint64_t rows;
    uint64_t sum;
};

/* Appends the record of a row. Returns its check. */
uint64_t snapshot_write_row(struct bytes key, struct bytes value, int64_t offset,
                            struct buffer *record);
/* Reads a row's record; `ret_value` points into it. False: it is damaged, or it is no row. */
bool snapshot_read_row(struct bytes key, struct bytes record, int64_t *ret_offset,
                       struct bytes *ret_value, uint64_t *ret_check);

bool snapshot_is_header(struct bytes key);
/* The key holds for ever. */
struct bytes snapshot_header_key(void);
/* Appends the header's value. */
void snapshot_write_header(const struct snapshot_header *header, struct buffer *record);
/* SKIP: damaged. FATAL: of a newer format. */
enum verdict snapshot_read_header(struct bytes record, struct snapshot_header *ret_header,
                                  struct error *error);

#endif
