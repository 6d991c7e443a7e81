/* A letter: a record of an input on its way to the dead letters or the late topic. It carries
 * headers that tell where the record came from and why it is there:
 *
 *     __weft.errors.topic, .partition, .offset   the place of the record
 *     __weft.errors.step, .message               who refused it, and why
 *
 * A record that is too large for the topic is cut. The letter then has the head of the value, and
 * more headers:
 *
 *     __weft.errors.truncated                    "value", "key" or "key,value"
 *     __weft.errors.value.bytes, .value.hash     size and hash of the whole value, if it is cut
 *     __weft.errors.key.bytes, .key.hash         the same of the key
 *
 * The hash is XXH3-64 as 16 hexadecimal digits, as `xxhsum -H3` prints it. Headers of the record
 * itself are not copied. Thread: any. */
#ifndef WEFT_KAFKA_LETTER_H
#define WEFT_KAFKA_LETTER_H

#include "processors/runtime/kafka/edge.h"

#define LETTER_HEADERS_MAX 10
#define LETTER_TEXT_BYTES_MAX 24

struct letter_source {
    struct bytes key, value; /* absent: none */
    const char *topic;
    int32_t partition;
    int64_t offset;
    const char *step, *message;
};

/* Points into itself: it can't be copied. */
struct letter {
    struct bytes key, value; /* borrowed from the source, perhaps cut */
    struct edge_header headers[LETTER_HEADERS_MAX];
    size_t header_count;
    bool cut;
    char partition[LETTER_TEXT_BYTES_MAX], offset[LETTER_TEXT_BYTES_MAX];
    char value_bytes[LETTER_TEXT_BYTES_MAX], value_hash[LETTER_TEXT_BYTES_MAX];
    char key_bytes[LETTER_TEXT_BYTES_MAX], key_hash[LETTER_TEXT_BYTES_MAX];
    char message[ERROR_MESSAGE_MAX + 160];
};

/* Makes a letter of at most `bytes_max` bytes (size_budget_record()). Key, value, topic and
 * step of the source are borrowed until the letter is sent; the message is copied. */
void letter_make(const struct letter_source *source, size_t bytes_max, struct letter *ret_letter);

#endif
