/* Ids of which the unseeded hash, bytes_hash(), has the same low half: as somebody would choose
 * them who wants one long run of slots. XXH3 of 8 bytes is a permutation of 64 bits, so its inverse
 * gives an id for each hash. */
#ifndef WEFT_TESTS_COLLIDING_H
#define WEFT_TESTS_COLLIDING_H

#include "schemas/bytes.h"
#include "schemas/draw.h"
#include "state/catalogue_words.h"

#define COLLIDING_BYTES 8

static inline uint64_t rotate_left(uint64_t x, int by)
{
    return x << by | x >> (64 - by);
}

/* x ^ rotl(x, 49) ^ rotl(x, 24) is a polynomial over GF(2) whose 64th power is one, as 64 is a
 * power of two. So it undoes itself by 63 further turns. */
static inline uint64_t undo_rotations(uint64_t x)
{
    for (int i = 0; i < 63; i++)
        x ^= rotate_left(x, 49) ^ rotate_left(x, 24);
    return x;
}

/* Newton's iteration for the inverse of an odd number. */
static inline uint64_t inverse_of(uint64_t odd)
{
    uint64_t inverse = odd;
    for (int i = 0; i < 6; i++)
        inverse *= 2 - odd * inverse;
    return inverse;
}

/* The 8 bytes with bytes_hash() == `hash` (XXH3_len_4to8_64b(), backwards). */
static inline uint64_t unhash(uint64_t hash)
{
    const uint64_t by = inverse_of(0x9FB21C651E98DF25u), flip = 0xC73AB174C5ECD5A2u;
    hash ^= hash >> 28 ^ hash >> 56;
    hash *= by;
    hash ^= (hash >> 35) + COLLIDING_BYTES;
    hash *= by;
    uint64_t input = undo_rotations(hash) ^ flip;
    return input >> 32 | input << 32;
}

/* Number `i` of the ids whose hash has `low` as its low half. Writes to `to` and returns it. */
static inline struct bytes colliding_id(char to[COLLIDING_BYTES], uint32_t low, uint32_t i)
{
    uint64_t id = unhash((uint64_t)i << 32 | low);
    memcpy(to, &id, sizeof id);
    return bytes_of(to, COLLIDING_BYTES);
}

/* Number `i` of the texts whose words of a kind have the tag `tag`: the low half of word->hash. */
static inline struct bytes colliding_text(char to[COLLIDING_BYTES], enum word_kind kind,
                                          uint32_t tag, uint32_t i)
{
    uint64_t joined = ((uint64_t)i << 32 | (tag ^ i)) * inverse_of(DRAW_STEP);
    uint64_t text = unhash(joined ^ (uint64_t)(kind + 1) << 56);
    memcpy(to, &text, sizeof text);
    return bytes_of(to, COLLIDING_BYTES);
}

#endif
