/* Visitors as bytes: the value of a row in the store and of a record in the changelog.
 *
 *     value = Avro single-object encoding of visitor.avsc: header with a fingerprint, fields,
 *             checksum
 *     key   = partition (2, big endian) | the visitor's key          of FAMILY_VISITOR
 *
 * The checksum covers value and key, so that one visitor's row never passes for another's. Rows of
 * older versions of weft are read as well, also from a changelog; rows are written in the newest
 * format only. Thread: any. */
#ifndef WEFT_STATE_VISITOR_CODEC_H
#define WEFT_STATE_VISITOR_CODEC_H

#include "schemas/error.h"
#include "state/visitor.h"

/* Fingerprints of visitor.avsc, one per format:
 *     1  the oldest
 *     2  with a checksum
 *     3  with preferences and counts of shown items
 *     4  with consent, declared gender and age group, impressions and clicks
 *     5  with a channel
 *     6  with the lines of orders
 *     7  with the cart as of the activities that fell out
 *     8  with what can be taken back, and is
 *     9  with what is quarantined, and why: the current one */
#define VISITOR_FORMAT 9
#define VISITOR_FINGERPRINT 0xe504a81670de1f49u
#define VISITOR_FINGERPRINT_8 0xa924770fbe2da442u
#define VISITOR_FINGERPRINT_7 0xc95c595456b3864eu
#define VISITOR_FINGERPRINT_6 0x486c18cf9399c052u
#define VISITOR_FINGERPRINT_5 0x68886677f663d4dcu
#define VISITOR_FINGERPRINT_4 0x3cf2b13ce9fd3863u
#define VISITOR_FINGERPRINT_3 0x881539fdb5ee58f9u
#define VISITOR_FINGERPRINT_2 0xe488f2fd0033ecdcu
#define VISITOR_FINGERPRINT_1 0x533e6bc3f2dfdddcu

/* Writes the store's key to `to`, which has room for VISITOR_KEY_BYTES_MAX. Returns it. */
#define VISITOR_KEY_BYTES_MAX 300
struct bytes visitor_store_key(char *to, int32_t partition, struct bytes key);

/* Appends the value to `buffer`. */
void visitor_encode(const struct visitor *visitor, struct buffer *buffer);

/* Reads a value into a new object, which the caller frees with visitor_free(). SKIP: the value is
 * damaged, or it belongs to another key. */
enum verdict visitor_decode(int32_t partition, struct bytes key, struct bytes value,
                            struct visitor **ret_visitor, struct error *error);

/* Whether the value is undamaged and belongs to the key: by its checksum, or in format 1 by
 * decoding it. */
bool visitor_intact(struct bytes key, struct bytes value);

/* Whether a newer weft wrote the value for the key: its format is unknown and its checksum right.
 * (In every format from 2 on, the checksum is the last field.) */
bool visitor_is_newer(struct bytes key, struct bytes value);

#endif
