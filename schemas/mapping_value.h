/* Reads values of foreign records as the types of weft's fields. For schemas/mapping*.c.
 * Thread: any. */
#ifndef WEFT_SCHEMAS_MAPPING_VALUE_H
#define WEFT_SCHEMAS_MAPPING_VALUE_H

#include "schemas/json_tree.h"

#define MAPPING_WORDS_MAX 16 /* texts of "absent", "true" and "false" */

/* The last three are dates of files: a date alone is its midnight, and a time without an offset is
 * UTC. MDY and DMY say how a date with slashes, dots or dashes that does not start with its year is
 * meant: 12/31/2025 or 31.12.2025. */
enum map_unit {
    UNIT_MS,
    UNIT_S,
    UNIT_US,
    UNIT_MINUTE,
    UNIT_HOUR,
    UNIT_DAY,
    UNIT_ISO8601,
    UNIT_DATE,
    UNIT_DATE_MDY,
    UNIT_DATE_DMY,
    MAP_UNITS
};
extern const char *const map_unit_names[MAP_UNITS];

struct map_words {
    struct bytes at[MAPPING_WORDS_MAX];
    uint32_t count;
};

/* How the values of a field are written. */
struct map_form {
    enum map_unit unit;
    char thousands;    /* between groups of three digits; NUL: none */
    char decimal;      /* before the fraction */
    struct bytes join; /* between the texts of an array; absent: an array is refused */
    struct map_words trues, falses;
};

bool map_words_have(const struct map_words *words, struct bytes text);

/* A number: a JSON number, or a text that is one in the field's form. False: it is none. */
bool map_double(const struct json_node *node, const struct map_form *form, double *ret_value);
/* The same without a fraction. */
bool map_long(const struct json_node *node, const struct map_form *form, int64_t *ret_value);
/* A time or a duration, in milliseconds, by the field's unit. */
bool map_ms(const struct json_node *node, const struct map_form *form, int64_t *ret_ms);
/* A text; a number without a fraction as its digits; texts of an array, joined. */
bool map_string(const struct json_tree *tree, uint32_t node, const struct map_form *form,
                struct arena *arena, struct bytes *ret_text);
/* true or false; a text of the form's words, or "true" or "false". */
bool map_bool(const struct json_node *node, const struct map_form *form, bool *ret_value);

#endif
