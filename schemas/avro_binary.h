/* Avro's binary encoding, value by value (Avro 1.11 specification, "Binary Encoding"): for the
 * records that weft itself writes and reads back, and for the plans of avro.h. Calls bytes.h.
 * Thread: any; a buffer or a reader belongs to one. */
#ifndef WEFT_SCHEMAS_AVRO_BINARY_H
#define WEFT_SCHEMAS_AVRO_BINARY_H

#include "schemas/bytes.h"

/* Writing: each call appends one value to the buffer. */
void avro_put_long(struct buffer *buffer, int64_t value); /* also int, and the branch of a union */
void avro_put_float(struct buffer *buffer, float value);
void avro_put_double(struct buffer *buffer, double value);
void avro_put_string(struct buffer *buffer, struct bytes text);
void avro_put_optional(struct buffer *buffer, struct bytes text); /* [null, string]; absent: null */
/* The start of a record in single-object encoding: 0xC3 0x01 fingerprint(8, little endian). */
void avro_put_header(struct buffer *buffer, uint64_t fingerprint);

/* The bytes that stand before a record's value. */
#define AVRO_FRAME_BYTES_MAX 10
struct avro_frame {
    char at[AVRO_FRAME_BYTES_MAX];
    size_t size;
};
struct avro_frame avro_frame_single(uint64_t fingerprint); /* single-object encoding */
struct avro_frame avro_frame_confluent(uint32_t id);       /* 0x00 id(4, big endian) */
void avro_put_frame(struct buffer *buffer, const struct avro_frame *frame);

/* Reading. A reader that runs past its end or meets a value that no writer makes sets `failed` and
 * returns zeros from then on; check it once at the end. Strings point into the record. */
struct avro_reader {
    const char *at;
    const char *end;
    bool failed;
};

int64_t avro_get_long(struct avro_reader *reader);
float avro_get_float(struct avro_reader *reader);
double avro_get_double(struct avro_reader *reader);
bool avro_get_bool(struct avro_reader *reader);
struct bytes avro_get_string(struct avro_reader *reader);
/* The number of elements in the next block of an array whose elements take at least one byte;
 * 0 at its end. */
uint64_t avro_get_block(struct avro_reader *reader);
/* A reader behind the header of a single-object record; `failed` unless it has this fingerprint. */
struct avro_reader avro_open(struct bytes record, uint64_t fingerprint);

#endif
