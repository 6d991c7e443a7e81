#include "schemas/mapping_value.h"

#include "schemas/json_scan.h"

#include <math.h>
#include <stdio.h>

#define NUMBER_BYTES_MAX 64
#define SECONDS_MAX 10000000000000 /* times far beyond all that weft takes */
#define DAY_MS ((int64_t)86400000)

const char *const map_unit_names[MAP_UNITS] = {"ms",  "s",       "us",   "minute", "hour",
                                               "day", "iso8601", "date", "mdy",    "dmy"};

bool map_words_have(const struct map_words *words, struct bytes text)
{
    for (uint32_t i = 0; i < words->count; i++)
        if (bytes_equal(words->at[i], text))
            return true;
    return false;
}

/* ---- numbers ---- */

static bool parse_number(struct bytes text, struct json_number *ret_number)
{
    struct error error = {0};
    struct scanner s = scanner_of(text, NULL, &error);
    return scan_number(&s, ret_number) && s.at == s.end;
}

/* Takes out the separators of groups, which must have three digits, and zeros in front, and puts
 * '.' before the fraction. False: the text is not of this form. */
static bool plain_number(struct bytes text, const struct map_form *form, char to[NUMBER_BYTES_MAX],
                         size_t *ret_size)
{
    size_t size = 0, digits = 0; /* since the last separator of groups */
    bool grouped = false, fraction = false;
    if (text.size >= NUMBER_BYTES_MAX)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.at[i];
        if (form->thousands && c == form->thousands && !fraction) {
            if (digits == 0 || digits > 3 || (grouped && digits != 3))
                return false;
            grouped = true;
            digits = 0;
            continue;
        }
        if (c == form->decimal && !fraction) {
            if (grouped && digits != 3)
                return false;
            fraction = true;
            to[size++] = '.';
            continue;
        }
        if (c == '.')
            return false;
        digits += c >= '0' && c <= '9';
        if (size > 0 && to[size - 1] == '0' && (size == 1 || to[size - 2] == '-') && c >= '0' &&
            c <= '9')
            size--; /* a zero in front, as in "08" */
        to[size++] = c;
    }
    *ret_size = size;
    return !grouped || fraction || digits == 3;
}

static bool read_number(const struct json_node *node, const struct map_form *form,
                        struct json_number *ret_number)
{
    if (node->kind == NODE_NUMBER)
        return parse_number(node->text, ret_number);
    if (node->kind != NODE_TEXT)
        return false;
    char plain[NUMBER_BYTES_MAX];
    size_t size;
    return plain_number(bytes_trim(node->text), form, plain, &size) &&
           parse_number(bytes_of(plain, size), ret_number);
}

bool map_double(const struct json_node *node, const struct map_form *form, double *ret_value)
{
    struct json_number number;
    if (!read_number(node, form, &number))
        return false;
    *ret_value = number.value;
    return true;
}

bool map_long(const struct json_node *node, const struct map_form *form, int64_t *ret_value)
{
    struct json_number number;
    if (!read_number(node, form, &number) ||
        (!number.is_integer && !event_whole_number(number.value, &number.integer)))
        return false;
    *ret_value = number.integer;
    return true;
}

/* ---- times ---- */

/* Reads `count` digits. */
static bool take_digits(struct bytes *rest, size_t count, int64_t *ret_value)
{
    int64_t value = 0;
    if (rest->size < count)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (rest->at[i] < '0' || rest->at[i] > '9')
            return false;
        value = value * 10 + (rest->at[i] - '0');
    }
    *rest = bytes_of(rest->at + count, rest->size - count);
    *ret_value = value;
    return true;
}

static bool take_one_of(struct bytes *rest, const char *characters)
{
    if (rest->size == 0 || rest->at[0] == '\0' || strchr(characters, rest->at[0]) == NULL)
        return false;
    *rest = bytes_of(rest->at + 1, rest->size - 1);
    return true;
}

/* Days since 1970-01-01 in the Gregorian calendar, from year 0 on (Hinnant 2013, "chrono-Compatible
 * Low-Level Date Algorithms", days_from_civil). */
static int64_t days_since_1970(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = year / 400, of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* ".123456": the digits behind the third do not count. */
static bool take_fraction(struct bytes *rest, int64_t *ret_ms)
{
    int64_t ms = 0, unit = 100, digit;
    if (!take_digits(rest, 1, &digit))
        return false;
    do {
        ms += digit * unit;
        unit /= 10;
    } while (take_digits(rest, 1, &digit));
    *ret_ms = ms;
    return true;
}

/* "Z", " UTC", "+09:00", "+0900" or "+09"; without one it is not known which time is meant. */
static bool take_offset(struct bytes *rest, int64_t *ret_ms)
{
    int64_t hours, minutes = 0, sign = 1;
    *ret_ms = 0;
    if (take_one_of(rest, "Zz"))
        return true;
    if (bytes_equal(*rest, bytes_text(" UTC"))) {
        rest->size = 0;
        return true;
    }
    if (rest->size > 0 && rest->at[0] == '-')
        sign = -1;
    if (!take_one_of(rest, "+-") || !take_digits(rest, 2, &hours))
        return false;
    if (rest->size > 0) {
        take_one_of(rest, ":");
        if (!take_digits(rest, 2, &minutes))
            return false;
    }
    *ret_ms = sign * (hours * 60 + minutes) * 60000;
    return hours < 24 && minutes < 60;
}

/* One or two digits. */
static bool take_short(struct bytes *rest, int64_t *ret_value)
{
    return take_digits(rest, 2, ret_value) || take_digits(rest, 1, ret_value);
}

/* "2025-12-31", or in the order of the unit "12/31/2025" or "31.12.2025". */
static bool take_date(struct bytes *rest, enum map_unit unit, int64_t *ret_days)
{
    int64_t year, month, day;
    struct bytes start = *rest;
    if (take_digits(rest, 4, &year) && take_one_of(rest, "-") && take_digits(rest, 2, &month) &&
        take_one_of(rest, "-") && take_digits(rest, 2, &day)) {
        /* the year first, in every unit */
    } else if (unit == UNIT_DATE_MDY || unit == UNIT_DATE_DMY) {
        int64_t *first = unit == UNIT_DATE_MDY ? &month : &day,
                *second = unit == UNIT_DATE_MDY ? &day : &month;
        *rest = start;
        if (!take_short(rest, first) || !take_one_of(rest, "/.-") || !take_short(rest, second) ||
            !take_one_of(rest, "/.-") || !take_digits(rest, 4, &year))
            return false;
    } else {
        return false;
    }
    *ret_days = days_since_1970(year, month, day);
    return month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

/* "08:26", "08:26:00" or "08:26:00.123"; not `strict`: the hour may have one digit. */
static bool take_clock(struct bytes *rest, bool strict, int64_t *ret_ms)
{
    int64_t hour, minute, second = 0, ms = 0;
    if (!(strict ? take_digits(rest, 2, &hour) : take_short(rest, &hour)) ||
        !take_one_of(rest, ":") || !take_digits(rest, 2, &minute))
        return false;
    if (take_one_of(rest, ":") && !take_digits(rest, 2, &second))
        return false;
    if (take_one_of(rest, ".,") && !take_fraction(rest, &ms))
        return false;
    *ret_ms = ((hour * 60 + minute) * 60 + second) * 1000 + ms;
    return hour < 24 && minute < 60 && second <= 60;
}

/* ISO 8601 with an offset, such as "2026-01-01T00:00:00.000+09:00"; the units of dates as
 * enum map_unit says. */
static bool read_date(struct bytes text, enum map_unit unit, int64_t *ret_ms)
{
    int64_t days, clock_ms = 0, offset_ms = 0;
    struct bytes rest = text;
    bool strict = unit == UNIT_ISO8601;
    if (!take_date(&rest, unit, &days))
        return false;
    if ((strict || rest.size > 0) &&
        (!take_one_of(&rest, "Tt ") || !take_clock(&rest, strict, &clock_ms)))
        return false;
    if ((strict || rest.size > 0) && !take_offset(&rest, &offset_ms))
        return false;
    *ret_ms = days * DAY_MS + clock_ms - offset_ms;
    return rest.size == 0;
}

bool map_ms(const struct json_node *node, const struct map_form *form, int64_t *ret_ms)
{
    static const int64_t units_ms[MAP_UNITS] = {
        [UNIT_S] = 1000, [UNIT_MINUTE] = 60000, [UNIT_HOUR] = 3600000, [UNIT_DAY] = DAY_MS};
    struct json_number number;
    if (form->unit >= UNIT_ISO8601)
        return node->kind == NODE_TEXT && read_date(bytes_trim(node->text), form->unit, ret_ms);
    if (!read_number(node, form, &number))
        return false;
    int64_t unit_ms = units_ms[form->unit];
    if (unit_ms > 0) {
        if (!(fabs(number.value) < (double)SECONDS_MAX * 1000 / (double)unit_ms))
            return false;
        *ret_ms =
            number.is_integer ? number.integer * unit_ms : llround(number.value * (double)unit_ms);
        return true;
    }
    if (!number.is_integer && !event_whole_number(floor(number.value), &number.integer))
        return false;
    *ret_ms = number.integer;
    if (form->unit == UNIT_US)
        *ret_ms = number.integer / 1000 - (number.integer % 1000 < 0);
    return true;
}

/* ---- texts ---- */

static bool number_text(struct bytes characters, struct arena *arena, struct bytes *ret_text)
{
    struct json_number number;
    char digits[32];
    if (!parse_number(characters, &number))
        return false;
    if (number.is_integer) {
        *ret_text = characters;
        return true;
    }
    if (!event_whole_number(number.value, &number.integer))
        return false;
    int size = snprintf(digits, sizeof digits, "%lld", (long long)number.integer);
    *ret_text = arena_copy(arena, bytes_of(digits, (size_t)size));
    return true;
}

static bool join_texts(const struct json_tree *tree, uint32_t array, struct bytes join,
                       struct arena *arena, struct bytes *ret_text)
{
    size_t size = 0;
    for (uint32_t at = json_first(tree, array); at != JSON_NONE; at = json_next(tree, array, at)) {
        if (tree->nodes[at].kind != NODE_TEXT)
            return false;
        size += tree->nodes[at].text.size + join.size;
    }
    char *to = arena_get(arena, size + 1);
    size = 0;
    for (uint32_t at = json_first(tree, array); at != JSON_NONE; at = json_next(tree, array, at)) {
        struct bytes parts[] = {size > 0 ? join : bytes_of("", 0), tree->nodes[at].text};
        for (size_t i = 0; i < 2; i++) {
            if (parts[i].size > 0)
                memcpy(to + size, parts[i].at, parts[i].size);
            size += parts[i].size;
        }
    }
    *ret_text = bytes_of(to, size);
    return true;
}

bool map_string(const struct json_tree *tree, uint32_t node, const struct map_form *form,
                struct arena *arena, struct bytes *ret_text)
{
    const struct json_node *value = &tree->nodes[node];
    switch (value->kind) {
    case NODE_TEXT:
        *ret_text = value->text;
        return true;
    case NODE_NUMBER:
        return number_text(value->text, arena, ret_text);
    case NODE_ARRAY:
        return form->join.at && join_texts(tree, node, form->join, arena, ret_text);
    default:
        return false;
    }
}

bool map_bool(const struct json_node *node, const struct map_form *form, bool *ret_value)
{
    if (node->kind != NODE_BOOL && node->kind != NODE_TEXT && node->kind != NODE_NUMBER)
        return false;
    bool yes =
        map_words_have(&form->trues, node->text) || bytes_equal(node->text, bytes_text("true"));
    bool no =
        map_words_have(&form->falses, node->text) || bytes_equal(node->text, bytes_text("false"));
    *ret_value = yes;
    return yes || no;
}
