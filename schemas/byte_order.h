/* Integers in bytes: little and big endian, on a machine of either order. Calls nothing of weft.
 * Thread: any. */
#ifndef WEFT_SCHEMAS_BYTE_ORDER_H
#define WEFT_SCHEMAS_BYTE_ORDER_H

#include <stdint.h>

/* `bytes` is 1 to 8, the number of bytes that `to` or `from` points to. */
static inline void put_le(void *to, uint64_t number, int bytes)
{
    for (int i = 0; i < bytes; i++)
        ((unsigned char *)to)[i] = (unsigned char)(number >> 8 * i);
}

static inline uint64_t get_le(const void *from, int bytes)
{
    uint64_t number = 0;
    for (int i = 0; i < bytes; i++)
        number |= (uint64_t)((const unsigned char *)from)[i] << 8 * i;
    return number;
}

static inline void put_be(void *to, uint64_t number, int bytes)
{
    for (int i = 0; i < bytes; i++)
        ((unsigned char *)to)[i] = (unsigned char)(number >> 8 * (bytes - 1 - i));
}

static inline uint64_t get_be(const void *from, int bytes)
{
    uint64_t number = 0;
    for (int i = 0; i < bytes; i++)
        number = number << 8 | ((const unsigned char *)from)[i];
    return number;
}

#endif
