/* An item of the model: its counts, and its co-occurrence rows by kind and direction. state/model.h
 * draws it. */
#ifndef WEFT_STATE_MODEL_ITEM_H
#define WEFT_STATE_MODEL_ITEM_H

#include "schemas/bytes.h"

/* Kinds of activity that are paired. Both activities of a pair are of the same kind. */
enum pair_kind { PAIR_VIEW, PAIR_CART, PAIR_PURCHASE, PAIR_KINDS };
enum pair_direction { PAIR_FORWARD, PAIR_BACKWARD, PAIR_DIRECTIONS };
enum { PAIR_ROWS = (int)PAIR_KINDS * (int)PAIR_DIRECTIONS }; /* of an item */
extern const char *const pair_kind_names[PAIR_KINDS];

struct row_entry {
    uint32_t item;
    uint32_t last_s;   /* time of the newest pair, seconds since 1970 */
    double weight;     /* sum of m * 840/gap * 2^(k - base) */
    double weight_one; /* of the pairs at gap one alone */
};

struct row {
    double total;     /* sum of all weights so far, with those of entries that fell out */
    double total_one; /* the same of pairs at gap one */
    int32_t base;
    uint32_t count, capacity;
    struct row_entry *entries; /* heaviest first, roughly: an entry moves up as it grows */
};

struct item_counts {
    uint64_t count[PAIR_KINDS];
    double recent; /* decayed count of all kinds: sum of m * 2^(k - base) */
    int32_t base;
    int64_t last_ms; /* INT64_MIN: never */
};

struct model_item {
    struct bytes id;
    struct item_counts counts;
    struct row rows[PAIR_KINDS][PAIR_DIRECTIONS];
    uint32_t reserve_place; /* its place in model.reserve, plus 1; 0: none */
    uint8_t dirty; /* ITEM_DIRTY_*, and 1 << (kind * PAIR_DIRECTIONS + direction) of each row */
};
#define ITEM_DIRTY_COUNTS 0x80u /* counts or id */
#define ITEM_DIRTY_STATE 0x40u  /* its state, or its place in a queue */

#endif
