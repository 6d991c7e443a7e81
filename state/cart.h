/* The items that a visitor's cart held when older activities fell out of the sequence. The cart of
 * today is this one, and the activities that are left after it (state/visitor_history.h).
 *
 *     dropped activities  +A +B -A +C   ->   cart: B C   ->   [ size(2) "B" ][ size(2) "C" ]
 *     those that are left  +D -B                              today: C D
 *
 * Activities fall out in the order of their time, and none is accepted that is older than one that
 * fell out. So the cart is a function of the events, whatever their order of arrival is.
 *
 * Thread: the owner's. Out of memory ends the process. */
#ifndef WEFT_STATE_CART_H
#define WEFT_STATE_CART_H

#include "schemas/interaction.h"

/* Bounds: at each of them the item that was put in first falls out. */
#define CART_ITEMS_MAX 1000
#define CART_BYTES_MAX 8192 /* of ids, with two bytes for each */

struct cart {
    char *text; /* the item that was put in first is first; NULL: nothing was put in */
    uint32_t size, capacity;
    uint32_t count;
};

/* The bound that a caller sets, and what fell out at it. NULL: CART_ITEMS_MAX, not counted. */
struct cart_bound {
    uint32_t items_max; /* 1 to CART_ITEMS_MAX */
    uint64_t fallen;    /* each call adds to it */
};

/* Whether an activity puts its item into the cart: an addition, or an update to a quantity above 0
 * (an update to 0 is a removal). */
static inline bool cart_puts_in(enum kind kind)
{
    return kind == KIND_CART || kind == KIND_CART_UPDATE;
}

static inline bool cart_takes_out(enum kind kind)
{
    return kind == KIND_CART_REMOVE || kind == KIND_PURCHASE;
}

/* Carries out an activity: an addition puts its item at the end, an update leaves it where it is,
 * a removal or a purchase takes it out, KIND_CART_CLEAR takes out all. Other kinds change nothing.
 * An item has at most EVENT_ID_BYTES_MAX bytes and is copied; an empty one is none. */
void cart_apply(struct cart *cart, enum kind kind, struct bytes item_id, struct cart_bound *bound);

/* Adds an item at the end: for the decoder. False: no room, or it is there already. */
bool cart_restore(struct cart *cart, struct bytes item_id);

bool cart_has(const struct cart *cart, struct bytes item_id);

/* The item behind the one at `*at`, which moves on; start with 0. Absent: there is none. Holds
 * until the cart changes.
 *
 *     uint32_t at = 0;
 *     for (struct bytes id; (id = cart_next(&cart, &at)).at;) ... */
struct bytes cart_next(const struct cart *cart, uint32_t *at);

void cart_release(struct cart *cart);

#endif
