#include "schemas/avro_binary.h"

#include "schemas/byte_order.h"

void avro_put_long(struct buffer *buffer, int64_t value)
{
    uint64_t zigzag = ((uint64_t)value << 1) ^ (0 - (uint64_t)(value < 0));
    if (buffer->capacity - buffer->size < 10)
        buffer_reserve(buffer, 10);
    while (zigzag >= 0x80) {
        buffer->at[buffer->size++] = (char)(zigzag | 0x80);
        zigzag >>= 7;
    }
    buffer->at[buffer->size++] = (char)zigzag;
}

static void put_fixed(struct buffer *buffer, uint64_t bits, int size)
{
    char bytes[8];
    put_le(bytes, bits, size);
    buffer_append(buffer, bytes, (size_t)size);
}

void avro_put_float(struct buffer *buffer, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_fixed(buffer, bits, 4);
}

void avro_put_double(struct buffer *buffer, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_fixed(buffer, bits, 8);
}

void avro_put_string(struct buffer *buffer, struct bytes text)
{
    avro_put_long(buffer, (int64_t)text.size);
    buffer_append(buffer, text.at, text.size);
}

void avro_put_optional(struct buffer *buffer, struct bytes text)
{
    avro_put_long(buffer, text.at ? 1 : 0);
    if (text.at)
        avro_put_string(buffer, text);
}

struct avro_frame avro_frame_single(uint64_t fingerprint)
{
    struct avro_frame frame = {.at = {(char)0xC3, 0x01}, .size = 10};
    put_le(frame.at + 2, fingerprint, 8);
    return frame;
}

struct avro_frame avro_frame_confluent(uint32_t id)
{
    struct avro_frame frame = {.size = 5};
    put_be(frame.at + 1, id, 4);
    return frame;
}

void avro_put_frame(struct buffer *buffer, const struct avro_frame *frame)
{
    buffer_append(buffer, frame->at, frame->size);
}

void avro_put_header(struct buffer *buffer, uint64_t fingerprint)
{
    struct avro_frame frame = avro_frame_single(fingerprint);
    avro_put_frame(buffer, &frame);
}

int64_t avro_get_long(struct avro_reader *reader)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (reader->at >= reader->end)
            break;
        unsigned char byte = (unsigned char)*reader->at++;
        if (shift == 63 && byte > 1)
            break;
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80)
            return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
    }
    reader->failed = true;
    return 0;
}

static uint64_t get_fixed(struct avro_reader *reader, int size)
{
    if (reader->end - reader->at < size) {
        reader->failed = true;
        return 0;
    }
    uint64_t bits = get_le(reader->at, size);
    reader->at += size;
    return bits;
}

float avro_get_float(struct avro_reader *reader)
{
    uint32_t bits = (uint32_t)get_fixed(reader, 4);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

double avro_get_double(struct avro_reader *reader)
{
    uint64_t bits = get_fixed(reader, 8);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

bool avro_get_bool(struct avro_reader *reader)
{
    uint64_t byte = get_fixed(reader, 1);
    if (byte > 1)
        reader->failed = true;
    return byte == 1;
}

struct bytes avro_get_string(struct avro_reader *reader)
{
    int64_t size = avro_get_long(reader);
    if (reader->failed || size < 0 || size > reader->end - reader->at) {
        reader->failed = true;
        return bytes_of("", 0);
    }
    struct bytes text = bytes_of(reader->at, (size_t)size);
    reader->at += size;
    return text;
}

uint64_t avro_get_block(struct avro_reader *reader)
{
    int64_t count = avro_get_long(reader);
    if (count < 0 || count > reader->end - reader->at) {
        reader->failed = true;
        return 0;
    }
    return (uint64_t)count;
}

struct avro_reader avro_open(struct bytes record, uint64_t fingerprint)
{
    const char *at = record.at ? record.at : ""; /* no offset from NULL */
    struct avro_reader reader = {.at = at, .end = at + record.size};
    if (get_fixed(&reader, 2) != 0x01C3 || get_fixed(&reader, 8) != fingerprint)
        reader.failed = true;
    return reader;
}
