#include "schemas/json.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define JSON_DEPTH_MAX 32
#define JSON_NUMBER_BYTES_MAX 64

struct scanner {
    const char *start;
    const char *at;
    const char *end;
    struct arena *arena;
    struct event *event;
    struct error *error;
};

/* All scan functions return false after they have set the error. */
static bool fail(struct scanner *s, const char *what)
{
    if (s->at >= s->end)
        error_set(s->error, VERDICT_SKIP, "JSON is cut off at byte %zu: %s",
                  (size_t)(s->end - s->start), what);
    else
        error_set(s->error, VERDICT_SKIP, "JSON is wrong at byte %zu: %s",
                  (size_t)(s->at - s->start), what);
    return false;
}

static bool fail_type(struct scanner *s, const char *name, const char *expected)
{
    if (s->at >= s->end)
        return fail(s, "a value was expected");
    error_set(s->error, VERDICT_SKIP, "%s is not %s (byte %zu)", name, expected,
              (size_t)(s->at - s->start));
    return false;
}

static void skip_space(struct scanner *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\t' || *s->at == '\r'))
        s->at++;
}

static char peek(const struct scanner *s)
{
    return s->at < s->end ? *s->at : '\0';
}

static bool scan_literal(struct scanner *s, const char *literal)
{
    size_t size = strlen(literal);
    size_t left = (size_t)(s->end - s->at);
    if (left >= size && memcmp(s->at, literal, size) == 0) {
        s->at += size;
        return true;
    }
    if (left < size && memcmp(s->at, literal, left) == 0)
        s->at = s->end;
    return fail(s, "a value was expected");
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
            return fail(s, "four hexadecimal digits were expected");
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
    char c = peek(s);
    const char *found = c ? strchr(escapes, c) : NULL;
    if (found) {
        s->at++;
        to[0] = meant[found - escapes];
        *ret_size = 1;
        return true;
    }
    if (c != 'u')
        return fail(s, "no such escape");
    s->at++;
    uint32_t point, low;
    if (!scan_hex(s, &point))
        return false;
    if (point >= 0xDC00 && point <= 0xDFFF)
        return fail(s, "half of a surrogate pair");
    if (point >= 0xD800 && point <= 0xDBFF) {
        if (s->end - s->at < 2 || s->at[0] != '\\' || s->at[1] != 'u')
            return fail(s, "half of a surrogate pair");
        s->at += 2;
        if (!scan_hex(s, &low))
            return false;
        if (low < 0xDC00 || low > 0xDFFF)
            return fail(s, "half of a surrogate pair");
        point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
    }
    *ret_size = put_utf8(to, point);
    return true;
}

/* Moves to the next quote, backslash or control character. */
static void skip_plain(struct scanner *s)
{
    while (s->at < s->end && *s->at != '"' && *s->at != '\\' && (unsigned char)*s->at >= 0x20)
        s->at++;
}

static bool scan_string(struct scanner *s, struct bytes *ret_text)
{
    if (peek(s) != '"')
        return fail(s, "a string was expected");
    const char *start = ++s->at;
    skip_plain(s);
    if (peek(s) == '"' && s->at < s->end) {
        *ret_text = bytes_of(start, (size_t)(s->at++ - start));
        return bytes_utf8(*ret_text) || fail(s, "the string before this is not UTF-8");
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
            return fail(s, "a string has no end");
        if (*s->at == '"')
            break;
        if (*s->at != '\\')
            return fail(s, "a control character in a string");
        s->at++;
        size_t more = 0;
        if (!scan_escape(s, copy + size, &more))
            return false;
        size += more;
    }
    s->at++;
    *ret_text = bytes_of(copy, size);
    return bytes_utf8(*ret_text) || fail(s, "the string before this is not UTF-8");
}

struct number {
    double value;
    int64_t integer;
    bool is_integer; /* without fraction and exponent, and an int64 holds it */
};

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
                         bool has_exponent, struct number *ret_number)
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
        return fail(s, "a number of more than 64 characters");
    memcpy(copy, from, size);
    copy[size] = '\0';
    ret_number->value = strtod(copy, NULL);
    if (!isfinite(ret_number->value))
        return fail(s, "a number that no double holds");
    ret_number->is_integer = false;
    if (fraction == NULL && !has_exponent) {
        errno = 0;
        ret_number->integer = strtoll(copy, NULL, 10);
        ret_number->is_integer = errno == 0;
    }
    return true;
}

static bool scan_number(struct scanner *s, struct number *ret_number)
{
    const char *from = s->at, *fraction = NULL;
    bool has_exponent = false;
    if (peek(s) == '-')
        s->at++;
    if (peek(s) == '0' && s->at < s->end)
        s->at++;
    else if (scan_digits(s) == 0)
        return fail(s, "a number was expected");
    if (peek(s) == '.') {
        fraction = ++s->at;
        if (scan_digits(s) == 0)
            return fail(s, "a digit was expected");
    }
    if (peek(s) == 'e' || peek(s) == 'E') {
        has_exponent = true;
        s->at++;
        if (peek(s) == '+' || peek(s) == '-')
            s->at++;
        if (scan_digits(s) == 0)
            return fail(s, "a digit was expected");
    }
    return number_value(s, from, fraction, has_exponent, ret_number);
}

static bool skip_value(struct scanner *s, int depth);

/* Behind a value in an array or object. True: another value follows. False: the end, or an error if
 * `ret_ok` is false. */
static bool next_element(struct scanner *s, char close, bool *ret_ok)
{
    skip_space(s);
    *ret_ok = true;
    if (s->at < s->end && *s->at == ',') {
        s->at++;
        skip_space(s);
        return true;
    }
    if (s->at < s->end && *s->at == close) {
        s->at++;
        return false;
    }
    *ret_ok = fail(s, close == '}' ? "',' or '}' was expected" : "',' or ']' was expected");
    return false;
}

static bool scan_name(struct scanner *s, struct bytes *ret_name)
{
    if (!scan_string(s, ret_name))
        return false;
    skip_space(s);
    if (s->at >= s->end || *s->at != ':')
        return fail(s, "':' was expected");
    s->at++;
    skip_space(s);
    return true;
}

/* Opens an array or object; true when it has elements. */
static bool open_container(struct scanner *s, char close)
{
    s->at++;
    skip_space(s);
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
        return fail(s, "nested more than 32 deep");
    if (!open_container(s, close))
        return true;
    bool ok;
    do {
        struct bytes name;
        if (close == '}' && !scan_name(s, &name))
            return false;
        if (!skip_value(s, depth + 1))
            return false;
    } while (next_element(s, close, &ok));
    return ok;
}

static bool skip_value(struct scanner *s, int depth)
{
    struct bytes text;
    struct number number;
    switch (peek(s)) {
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

static bool decode_object(struct scanner *s, struct field_table table, char *base);

static bool decode_strings(struct scanner *s, const struct field *field, char *base)
{
    struct bytes found[EVENT_STRINGS_MAX], text;
    uint32_t count = 0, left_out = 0;
    bool ok = true;
    if (peek(s) != '[')
        return fail_type(s, field->name, "an array of strings");
    if (open_container(s, ']')) {
        do {
            if (peek(s) == 'n') {
                if (!scan_literal(s, "null"))
                    return false;
                continue;
            }
            if (peek(s) != '"')
                return fail_type(s, field->name, "an array of strings");
            if (!scan_string(s, &text))
                return false;
            if (count < EVENT_STRINGS_MAX)
                found[count++] = text;
            else
                left_out++;
        } while (next_element(s, ']', &ok));
    }
    if (!ok)
        return false;
    struct event_strings *strings = (struct event_strings *)(void *)(base + field->offset);
    strings->count = count;
    strings->left_out = left_out;
    strings->at = arena_get(s->arena, count * sizeof *found);
    if (count > 0)
        memcpy(strings->at, found, count * sizeof *found);
    return true;
}

static bool decode_pairs(struct scanner *s, const struct field *field, char *base)
{
    struct event_pairs *pairs = (struct event_pairs *)(void *)(base + field->offset);
    struct bytes name, value;
    uint32_t capacity = 16;
    bool ok = true;
    if (peek(s) != '{')
        return fail_type(s, field->name, "an object");
    *pairs = (struct event_pairs){.at = arena_get(s->arena, 2 * capacity * sizeof *pairs->at)};
    if (open_container(s, '}')) {
        do {
            if (!scan_name(s, &name))
                return false;
            if (peek(s) != '"') {
                pairs->left_out += peek(s) != 'n';
                if (!skip_value(s, 2))
                    return false;
                continue;
            }
            if (!scan_string(s, &value))
                return false;
            if (pairs->count == EVENT_PAIRS_MAX) {
                pairs->left_out++;
                continue;
            }
            if (pairs->count == capacity) {
                struct bytes *more = arena_get(s->arena, 4 * capacity * sizeof *more);
                memcpy(more, pairs->at, 2 * capacity * sizeof *more);
                pairs->at = more;
                capacity *= 2;
            }
            pairs->at[2 * pairs->count] = name;
            pairs->at[2 * pairs->count++ + 1] = value;
        } while (next_element(s, '}', &ok));
    }
    return ok;
}

static bool decode_items(struct scanner *s, const struct field *field)
{
    uint32_t capacity = 0;
    bool ok = true;
    if (peek(s) != '[')
        return fail_type(s, field->name, "an array");
    s->event->items = NULL;
    s->event->item_count = 0;
    if (open_container(s, ']')) {
        do {
            if (peek(s) != '{')
                return fail_type(s, "an element of items", "an object");
            struct event_item *item = event_add_item(s->event, &capacity, s->arena, s->error);
            if (item == NULL || !decode_object(s, event_item_fields(), (char *)item))
                return false;
        } while (next_element(s, ']', &ok));
    }
    return ok;
}

static bool decode_number(struct scanner *s, const struct field *field, char *base)
{
    struct number number;
    char c = peek(s);
    if (c != '-' && (c < '0' || c > '9'))
        return fail_type(s, field->name, "a number");
    if (!scan_number(s, &number))
        return false;
    if (field->type == FIELD_DOUBLE) {
        memcpy(base + field->offset, &number.value, sizeof number.value);
        return true;
    }
    if (!number.is_integer && !event_whole_number(number.value, &number.integer))
        return fail_type(s, field->name, "a whole number of 64 bits");
    memcpy(base + field->offset, &number.integer, sizeof number.integer);
    return true;
}

static bool decode_enum(struct scanner *s, const struct field *field, char *base)
{
    struct bytes text;
    if (peek(s) != '"')
        return fail_type(s, field->name, "a string");
    if (!scan_string(s, &text))
        return false;
    for (int64_t i = 0; field->symbols[i]; i++) {
        if (bytes_equal(text, bytes_text(field->symbols[i]))) {
            memcpy(base + field->offset, &i, sizeof i);
            return true;
        }
    }
    char quoted[BYTES_QUOTED_SIZE];
    event_refuse_symbol(field, bytes_quote(text, quoted), s->error);
    return false;
}

static bool decode_bool(struct scanner *s, const struct field *field, char *base)
{
    bool value = peek(s) == 't';
    if (!value && peek(s) != 'f')
        return fail_type(s, field->name, "true or false");
    if (!scan_literal(s, value ? "true" : "false"))
        return false;
    memcpy(base + field->offset, &value, sizeof value);
    return true;
}

static bool decode_field(struct scanner *s, const struct field *field, char *base)
{
    struct bytes text;
    switch (field->type) {
    case FIELD_STRING:
        if (peek(s) != '"')
            return fail_type(s, field->name, "a string");
        if (!scan_string(s, &text))
            return false;
        memcpy(base + field->offset, &text, sizeof text);
        return true;
    case FIELD_LONG:
    case FIELD_COUNT:
    case FIELD_DOUBLE:
        return decode_number(s, field, base);
    case FIELD_BOOL:
        return decode_bool(s, field, base);
    case FIELD_ENUM:
        return decode_enum(s, field, base);
    case FIELD_ITEM:
        if (peek(s) != '{')
            return fail_type(s, field->name, "an object");
        s->event->items = arena_get(s->arena, sizeof *s->event->items);
        s->event->item_count = 1;
        event_item_init(s->event->items);
        return decode_object(s, event_item_fields(), (char *)s->event->items);
    case FIELD_ITEMS:
        return decode_items(s, field);
    case FIELD_STRINGS:
        return decode_strings(s, field, base);
    case FIELD_PAIRS:
        return decode_pairs(s, field, base);
    case FIELD_SKIP:
        break;
    }
    return skip_value(s, 1);
}

/* The table's entry of that name. It looks at `hint` first: producers write fields in one order. */
static size_t find_field(struct field_table table, struct bytes name, size_t hint)
{
    for (size_t i = 0; i < table.count; i++) {
        size_t k = hint + i < table.count ? hint + i : hint + i - table.count;
        const char *known = table.fields[k].name;
        if (bytes_equal(name, bytes_text(known))) /* a name may hold a NUL */
            return k;
    }
    return table.count;
}

static bool decode_object(struct scanner *s, struct field_table table, char *base)
{
    uint64_t seen = 0;
    size_t hint = 0;
    bool ok = true;
    if (open_container(s, '}')) {
        do {
            struct bytes name;
            if (!scan_name(s, &name))
                return false;
            size_t k = find_field(table, name, hint);
            bool null = peek(s) == 'n';
            if (k == table.count || null) {
                if (!skip_value(s, 1))
                    return false;
                continue;
            }
            if (!decode_field(s, &table.fields[k], base))
                return false;
            seen |= (uint64_t)1 << k;
            hint = k + 1;
        } while (next_element(s, '}', &ok));
    }
    if (!ok)
        return false;
    for (size_t k = 0; k < table.count; k++) {
        if (table.fields[k].required && !(seen >> k & 1)) {
            error_set(s->error, VERDICT_SKIP, "%s is missing", table.fields[k].name);
            return false;
        }
    }
    return true;
}

enum verdict json_decode(struct bytes text, struct arena *arena, struct event *event,
                         struct error *error)
{
    const char *at = text.at ? text.at : ""; /* no offset from NULL */
    struct scanner s = {
        .start = at,
        .at = at,
        .end = at + text.size,
        .arena = arena,
        .event = event,
        .error = error,
    };
    skip_space(&s);
    if (peek(&s) != '{')
        return fail(&s, "an object was expected"), VERDICT_SKIP;
    if (!decode_object(&s, event_fields(event->type), (char *)event))
        return VERDICT_SKIP;
    skip_space(&s);
    if (s.at < s.end)
        return fail(&s, "something follows the object"), VERDICT_SKIP;
    return VERDICT_OK;
}

enum verdict json_text_field(struct bytes text, const char *name, struct arena *arena,
                             struct bytes *ret_value, struct error *error)
{
    const char *at = text.at ? text.at : ""; /* no offset from NULL */
    struct scanner s = {
        .start = at,
        .at = at,
        .end = at + text.size,
        .arena = arena,
        .error = error,
    };
    skip_space(&s);
    if (peek(&s) != '{')
        return fail(&s, "an object was expected"), VERDICT_SKIP;
    bool ok = true;
    if (open_container(&s, '}')) {
        do {
            struct bytes found;
            if (!scan_name(&s, &found))
                return VERDICT_SKIP;
            if (bytes_equal(found, bytes_text(name)))
                return scan_string(&s, ret_value) ? VERDICT_OK : VERDICT_SKIP;
            if (!skip_value(&s, 1))
                return VERDICT_SKIP;
        } while (next_element(&s, '}', &ok));
    }
    if (ok)
        error_set(error, VERDICT_SKIP, "%s is missing", name);
    return VERDICT_SKIP;
}
