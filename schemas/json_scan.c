#include "schemas/json_scan.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define JSON_NUMBER_BYTES_MAX 64

bool scan_fail(struct scanner *s, const char *what)
{
    if (s->at >= s->end)
        error_set(s->error, VERDICT_SKIP, "JSON is cut off at byte %zu: %s",
                  (size_t)(s->end - s->start), what);
    else
        error_set(s->error, VERDICT_SKIP, "JSON is wrong at byte %zu: %s",
                  (size_t)(s->at - s->start), what);
    return false;
}

bool scan_fail_type(struct scanner *s, const char *name, const char *expected)
{
    if (s->at >= s->end)
        return scan_fail(s, "a value was expected");
    error_set(s->error, VERDICT_SKIP, "%s is not %s (byte %zu)", name, expected,
              (size_t)(s->at - s->start));
    return false;
}

bool scan_literal(struct scanner *s, const char *literal)
{
    size_t size = strlen(literal);
    size_t left = (size_t)(s->end - s->at);
    if (left >= size && memcmp(s->at, literal, size) == 0) {
        s->at += size;
        return true;
    }
    if (left < size && memcmp(s->at, literal, left) == 0)
        s->at = s->end;
    return scan_fail(s, "a value was expected");
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool scan_hex(struct scanner *s, uint32_t *ret_unit)
{
    uint32_t unit = 0;
    for (int i = 0; i < 4; i++, s->at++) {
        int digit = s->at < s->end ? hex_value(*s->at) : -1;
        if (digit < 0)
            return scan_fail(s, "four hexadecimal digits were expected");
        unit = unit << 4 | (uint32_t)digit;
    }
    *ret_unit = unit;
    return true;
}

static size_t put_utf8(char *to, uint32_t point)
{
    if (point < 0x80) {
        to[0] = (char)point;
        return 1;
    }
    if (point < 0x800) {
        to[0] = (char)(0xC0 | point >> 6);
        to[1] = (char)(0x80 | (point & 63));
        return 2;
    }
    if (point < 0x10000) {
        to[0] = (char)(0xE0 | point >> 12);
        to[1] = (char)(0x80 | (point >> 6 & 63));
        to[2] = (char)(0x80 | (point & 63));
        return 3;
    }
    to[0] = (char)(0xF0 | point >> 18);
    to[1] = (char)(0x80 | (point >> 12 & 63));
    to[2] = (char)(0x80 | (point >> 6 & 63));
    to[3] = (char)(0x80 | (point & 63));
    return 4;
}

/* s->at is behind the backslash. Writes at most 4 bytes: never more than the escape has. */
static bool scan_escape(struct scanner *s, char *to, size_t *ret_size)
{
    static const char escapes[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    char c = scan_peek(s);
    const char *found = c ? strchr(escapes, c) : NULL;
    if (found) {
        s->at++;
        to[0] = meant[found - escapes];
        *ret_size = 1;
        return true;
    }
    if (c != 'u')
        return scan_fail(s, "no such escape");
    s->at++;
    uint32_t point, low;
    if (!scan_hex(s, &point))
        return false;
    if (point >= 0xDC00 && point <= 0xDFFF)
        return scan_fail(s, "half of a surrogate pair");
    if (point >= 0xD800 && point <= 0xDBFF) {
        if (s->end - s->at < 2 || s->at[0] != '\\' || s->at[1] != 'u')
            return scan_fail(s, "half of a surrogate pair");
        s->at += 2;
        if (!scan_hex(s, &low))
            return false;
        if (low < 0xDC00 || low > 0xDFFF)
            return scan_fail(s, "half of a surrogate pair");
        point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
    }
    *ret_size = put_utf8(to, point);
    return true;
}

#define EACH_BYTE(byte) ((byte) * UINT64_C(0x0101010101010101))
#define HIGH_BITS EACH_BYTE(0x80)

/* Not 0: one of the eight bytes is below `n`, which is at most 0x80 (Anderson, "Bit Twiddling
 * Hacks", "Determine if a word has a byte less than n"). */
static inline uint64_t byte_below(uint64_t word, uint64_t n)
{
    return (word - EACH_BYTE(n)) & ~word & HIGH_BITS;
}

/* Moves to the next quote, backslash or control character. Not 0: a byte on the way is not ASCII.
 */
static uint64_t skip_plain(struct scanner *s)
{
    const char *at = s->at;
    uint64_t high = 0, word;
    for (; s->end - at >= 8; at += 8) { /* eight at a time */
        memcpy(&word, at, sizeof word);
        if (byte_below(word ^ EACH_BYTE('"'), 1) | byte_below(word ^ EACH_BYTE('\\'), 1) |
            byte_below(word, 0x20))
            break;
        high |= word & HIGH_BITS;
    }
    for (; at < s->end && *at != '"' && *at != '\\' && (unsigned char)*at >= 0x20; at++)
        high |= (unsigned char)*at & 0x80u;
    s->at = at;
    return high;
}

bool scan_string(struct scanner *s, struct bytes *ret_text)
{
    if (scan_peek(s) != '"')
        return scan_fail(s, "a string was expected");
    const char *start = ++s->at;
    uint64_t high = skip_plain(s);
    if (scan_peek(s) == '"' && s->at < s->end) {
        *ret_text = bytes_of(start, (size_t)(s->at++ - start));
        return high == 0 || bytes_utf8(*ret_text) ||
               scan_fail(s, "the string before this is not UTF-8");
    }
    const char *scan = s->at;
    while (scan < s->end && *scan != '"')
        scan += *scan == '\\' && scan + 1 < s->end ? 2 : 1;
    char *copy = arena_get(s->arena, (size_t)(scan - start) + 4);
    size_t size = 0;
    s->at = start;
    for (;;) {
        const char *from = s->at;
        skip_plain(s);
        memcpy(copy + size, from, (size_t)(s->at - from));
        size += (size_t)(s->at - from);
        if (s->at >= s->end)
            return scan_fail(s, "a string has no end");
        if (*s->at == '"')
            break;
        if (*s->at != '\\')
            return scan_fail(s, "a control character in a string");
        s->at++;
        size_t more = 0;
        if (!scan_escape(s, copy + size, &more))
            return false;
        size += more;
    }
    s->at++;
    *ret_text = bytes_of(copy, size);
    return bytes_utf8(*ret_text) || scan_fail(s, "the string before this is not UTF-8");
}

static size_t scan_digits(struct scanner *s)
{
    const char *from = s->at;
    while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
        s->at++;
    return (size_t)(s->at - from);
}

/* Up to 15 significant digits without an exponent: one exact division gives the nearest double
 * (Clinger 1990, "How to read floating point numbers accurately"). Otherwise strtod(). */
static bool number_value(struct scanner *s, const char *from, const char *fraction,
                         bool has_exponent, struct json_number *ret_number)
{
    static const double powers[] = {1,   1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    size_t size = (size_t)(s->at - from);
    bool negative = *from == '-';
    if (!has_exponent && size <= 16) {
        int64_t digits = 0;
        for (const char *p = from + negative; p < s->at; p++)
            if (*p != '.')
                digits = digits * 10 + (*p - '0');
        ret_number->integer = negative ? -digits : digits;
        ret_number->is_integer = fraction == NULL;
        double value = (double)digits;
        if (fraction)
            value /= powers[s->at - fraction];
        ret_number->value = negative ? -value : value;
        return true;
    }
    char copy[JSON_NUMBER_BYTES_MAX + 1];
    if (size > JSON_NUMBER_BYTES_MAX)
        return scan_fail(s, "a number of more than 64 characters");
    memcpy(copy, from, size);
    copy[size] = '\0';
    ret_number->value = strtod(copy, NULL);
    if (!isfinite(ret_number->value))
        return scan_fail(s, "a number that no double holds");
    ret_number->is_integer = false;
    if (fraction == NULL && !has_exponent) {
        errno = 0;
        ret_number->integer = strtoll(copy, NULL, 10);
        ret_number->is_integer = errno == 0;
    }
    return true;
}

bool scan_number(struct scanner *s, struct json_number *ret_number)
{
    const char *from = s->at, *fraction = NULL;
    bool has_exponent = false;
    if (scan_peek(s) == '-')
        s->at++;
    if (scan_peek(s) == '0' && s->at < s->end)
        s->at++;
    else if (scan_digits(s) == 0)
        return scan_fail(s, "a number was expected");
    if (scan_peek(s) == '.') {
        fraction = ++s->at;
        if (scan_digits(s) == 0)
            return scan_fail(s, "a digit was expected");
    }
    if (scan_peek(s) == 'e' || scan_peek(s) == 'E') {
        has_exponent = true;
        s->at++;
        if (scan_peek(s) == '+' || scan_peek(s) == '-')
            s->at++;
        if (scan_digits(s) == 0)
            return scan_fail(s, "a digit was expected");
    }
    return number_value(s, from, fraction, has_exponent, ret_number);
}

bool scan_more(struct scanner *s, char close, bool *ret_ok)
{
    scan_space(s);
    *ret_ok = true;
    if (s->at < s->end && *s->at == ',') {
        s->at++;
        scan_space(s);
        return true;
    }
    if (s->at < s->end && *s->at == close) {
        s->at++;
        return false;
    }
    *ret_ok = scan_fail(s, close == '}' ? "',' or '}' was expected" : "',' or ']' was expected");
    return false;
}

bool scan_name(struct scanner *s, struct bytes *ret_name)
{
    if (!scan_string(s, ret_name))
        return false;
    scan_space(s);
    if (s->at >= s->end || *s->at != ':')
        return scan_fail(s, "':' was expected");
    s->at++;
    scan_space(s);
    return true;
}

bool scan_open(struct scanner *s, char close)
{
    s->at++;
    scan_space(s);
    if (s->at < s->end && *s->at == close) {
        s->at++;
        return false;
    }
    return true;
}

static bool skip_container(struct scanner *s, int depth)
{
    char close = *s->at == '{' ? '}' : ']';
    if (depth >= JSON_DEPTH_MAX)
        return scan_fail(s, "nested more than 32 deep");
    if (!scan_open(s, close))
        return true;
    bool ok;
    do {
        struct bytes name;
        if (close == '}' && !scan_name(s, &name))
            return false;
        if (!scan_skip(s, depth + 1))
            return false;
    } while (scan_more(s, close, &ok));
    return ok;
}

bool scan_skip(struct scanner *s, int depth)
{
    struct bytes text;
    struct json_number number;
    switch (scan_peek(s)) {
    case '{':
    case '[':
        return skip_container(s, depth);
    case '"':
        return scan_string(s, &text);
    case 't':
        return scan_literal(s, "true");
    case 'f':
        return scan_literal(s, "false");
    case 'n':
        return scan_literal(s, "null");
    default:
        return scan_number(s, &number);
    }
}
