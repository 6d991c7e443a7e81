/* Cart additions and purchases of a visitor that fell out of the sequence and can still be taken
 * back, with enough beside them to find their pairs: the neighbours of the same kind and session.
 *
 *     dropped    +A  view  $B | pause | +C  view      +: put in the cart, $: bought
 *     lines      [ +A ][ $B, ends ][ +C ]             then the activities that are left
 *                             |
 *                             a session ends somewhere between this line and the next one
 *
 * A line is settled when nothing can change it any more: the activity that took its item out of the
 * cart has fallen out as well. A settled line stays only as long as it is a neighbour of lines that
 * are not settled.
 *
 * Thread: the owner's. Out of memory ends the process. */
#ifndef WEFT_STATE_RETRACTABLE_H
#define WEFT_STATE_RETRACTABLE_H

#include "schemas/interaction.h"

/* The bound of all lines: LINE_BYTES each, and the bytes of their ids. */
#define RETRACTABLE_BYTES_MAX 8192
#define RETRACTABLE_LINE_BYTES 32 /* of a stored line, without its id, at most */

struct retractable_line {
    int64_t time_ms;
    uint32_t event; /* event_tag() */
    uint32_t text_at;
    float price; /* NaN: not known */
    uint16_t text_size;
    uint8_t kind;    /* KIND_CART or KIND_PURCHASE */
    bool taken_back; /* the model does not count it */
    bool settled;
    bool ends; /* a session ends behind it */
};

struct retractable {
    struct retractable_line *lines; /* in the order of the sequence */
    uint32_t count, capacity;
    char *text; /* the ids */
    uint32_t text_size, text_capacity;
};

/* The bounds that a caller sets, and what fell out at them. */
struct retractable_bound {
    uint32_t carts_max, purchases_max;
    uint64_t fallen; /* each call adds to it */
};

/* The low half of the hash of an event_id. */
static inline uint32_t event_tag(uint64_t event_hash)
{
    return (uint32_t)event_hash;
}

/* Holds until the lines change. */
static inline struct bytes retractable_item(const struct retractable *retractable,
                                            const struct retractable_line *line)
{
    return bytes_of(retractable->text + line->text_at, line->text_size);
}

/* Adds a line at the end and copies its id; `text_at` and `text_size` are set here. At a bound the
 * oldest line of the kind falls out. */
void retractable_add(struct retractable *retractable, struct retractable_line line,
                     struct bytes item_id, struct retractable_bound *bound);
/* The same without a bound: for the decoder. False: there is no room. */
bool retractable_restore(struct retractable *retractable, struct retractable_line line,
                         struct bytes item_id);

/* A session ends behind the last line. */
void retractable_end_session(struct retractable *retractable);

/* An activity that takes items out of the cart fell out: the cart's lines of its item, or with
 * KIND_CART_CLEAR all of them, are settled. Drops the lines that nobody needs any more. */
void retractable_settle(struct retractable *retractable, enum kind kind, struct bytes item_id);

/* Bytes of memory, without the struct. */
size_t retractable_bytes(const struct retractable *retractable);
void retractable_release(struct retractable *retractable);

#endif
