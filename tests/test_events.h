/* Random events, and whether two are the same, by the field tables: what the tests and fuzz targets
 * of the decoders share. */
#ifndef WEFT_TESTS_TEST_EVENTS_H
#define WEFT_TESTS_TEST_EVENTS_H

#include "schemas/event.h"
#include "tests/test.h"

#include <math.h>

static inline bool same_double(double a, double b)
{
    return (isnan(a) && isnan(b)) || (a <= b && a >= b);
}

/* Absent and empty are not the same. */
static inline bool same_text(struct bytes a, struct bytes b)
{
    return (a.at == NULL) == (b.at == NULL) && bytes_equal(a, b);
}

static inline bool same_strings(const struct event_strings *a, const struct event_strings *b)
{
    if (a->count != b->count)
        return false;
    for (uint32_t i = 0; i < a->count; i++)
        if (!same_text(a->at[i], b->at[i]))
            return false;
    return true;
}

static inline bool same_pairs(const struct event_pairs *a, const struct event_pairs *b)
{
    if (a->count != b->count || a->left_out != b->left_out)
        return false;
    for (uint32_t i = 0; i < 2 * a->count; i++)
        if (!same_text(a->at[i], b->at[i]))
            return false;
    return true;
}

static inline bool same_fields(struct field_table table, const char *a, const char *b,
                               const char **ret_field)
{
    for (size_t i = 0; i < table.count; i++) {
        const struct field *field = &table.fields[i];
        const void *x = a + field->offset, *y = b + field->offset;
        bool same = true;
        switch (field->type) {
        case FIELD_STRING:
            same = same_text(*(const struct bytes *)x, *(const struct bytes *)y);
            break;
        case FIELD_LONG:
        case FIELD_COUNT:
        case FIELD_ENUM:
            same = *(const int64_t *)x == *(const int64_t *)y;
            break;
        case FIELD_DOUBLE:
            same = same_double(*(const double *)x, *(const double *)y);
            break;
        case FIELD_BOOL:
            same = *(const bool *)x == *(const bool *)y;
            break;
        case FIELD_STRINGS:
            same = same_strings(x, y);
            break;
        case FIELD_PAIRS:
            same = same_pairs(x, y);
            break;
        default: /* items are compared by same_event; the others are not kept */
            break;
        }
        if (!same) {
            *ret_field = field->name;
            return false;
        }
    }
    return true;
}

/* `ret_field`: the first field that differs. */
static inline bool same_event(const struct event *a, const struct event *b, const char **ret_field)
{
    *ret_field = "type";
    if (a->type != b->type ||
        !same_fields(event_fields(a->type), (const char *)a, (const char *)b, ret_field))
        return false;
    *ret_field = "items";
    if (a->item_count != b->item_count)
        return false;
    for (uint32_t i = 0; i < a->item_count; i++)
        if (!same_fields(event_item_fields(), (const char *)&a->items[i],
                         (const char *)&b->items[i], ret_field))
            return false;
    return true;
}

/* Text of 1 to 12 characters, some of them not ASCII, some that JSON escapes. */
static inline struct bytes random_text(struct random *random, struct arena *arena, bool controls)
{
    static const char *const pieces[] = {"a",
                                         "b",
                                         "7",
                                         "-",
                                         "_",
                                         " ",
                                         "\"",
                                         "\\",
                                         "/",
                                         "\xC3\xA4",
                                         "\xE2\x82\xAC",
                                         "\xF0\x9F\x98\x80",
                                         "\n",
                                         "\x01"};
    uint32_t choices = (uint32_t)(sizeof pieces / sizeof pieces[0]) - (controls ? 0 : 2);
    struct buffer text = {0};
    for (uint32_t i = 1 + random_below(random, 12); i > 0; i--)
        buffer_text(&text, pieces[random_below(random, choices)]);
    struct bytes copy = arena_copy(arena, buffer_bytes(&text));
    buffer_release(&text);
    return copy;
}

static inline double random_amount(struct random *random)
{
    return random_one_in(random, 3) ? (double)random_below(random, 100000) / 100
                                    : (double)(random_next(random) >> 11) * 0x1p-40;
}

static inline void random_field(struct random *random, struct arena *arena,
                                const struct field *field, char *base)
{
    void *at = base + field->offset;
    bool id = strstr(field->name, "id") != NULL;
    uint32_t symbols = 0;
    if (!field->required && random_one_in(random, 3))
        return;
    switch (field->type) {
    case FIELD_STRING:
        *(struct bytes *)at = !field->required && !id && random_one_in(random, 8)
                                  ? bytes_of("", 0)
                                  : random_text(random, arena, !id);
        break;
    case FIELD_LONG:
    case FIELD_COUNT:
        *(int64_t *)at = random_below(random, 1000000);
        break;
    case FIELD_DOUBLE:
        *(double *)at = random_amount(random);
        break;
    case FIELD_BOOL:
        *(bool *)at = random_one_in(random, 2);
        break;
    case FIELD_ENUM:
        while (field->symbols[symbols])
            symbols++;
        *(int64_t *)at = random_below(random, symbols);
        break;
    case FIELD_STRINGS: {
        struct event_strings *strings = at;
        strings->count = random_below(random, 5);
        strings->at = arena_get(arena, strings->count * sizeof *strings->at);
        for (uint32_t i = 0; i < strings->count; i++)
            strings->at[i] = random_text(random, arena, true);
        break;
    }
    case FIELD_PAIRS: {
        struct event_pairs *pairs = at;
        pairs->count = random_below(random, 20);
        pairs->at = arena_get(arena, 2 * pairs->count * sizeof *pairs->at);
        for (uint32_t i = 0; i < 2 * pairs->count; i++)
            pairs->at[i] = random_text(random, arena, true);
        break;
    }
    default:
        break;
    }
}

/* A valid event whose memory is the arena's. */
static inline struct event random_event(struct random *random, struct arena *arena,
                                        enum event_type type)
{
    struct event event;
    struct field_table table = event_fields(type), item_table = event_item_fields();
    event_init(&event, type);
    for (size_t i = 0; i < table.count; i++) {
        random_field(random, arena, &table.fields[i], (char *)&event);
        if (table.fields[i].type == FIELD_ITEM)
            event.item_count = 1;
        else if (table.fields[i].type == FIELD_ITEMS)
            event.item_count = 1 + random_below(random, 4);
    }
    event.items = arena_get(arena, event.item_count * sizeof *event.items);
    for (uint32_t i = 0; i < event.item_count; i++) {
        event_item_init(&event.items[i]);
        for (size_t k = 0; k < item_table.count; k++)
            random_field(random, arena, &item_table.fields[k], (char *)&event.items[i]);
        if (type == EVENT_IMPRESSION)
            event.items[i].index = i;
    }
    return event;
}

#endif
