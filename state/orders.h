/* The lines of a visitor's orders: what was bought, and what was sent back. Lines are remembered
 * longer than activities, so that a repeated order does not count again, a bought item stays out of
 * lists, and a return finds what it returns.
 *
 *     order  item  bought  returned        an order is its transaction_id
 *     t1     A     2       1               one of two is sent back: still bought
 *     t1     B     1       1               sent back
 *     t2     C     0       1               the return came before its order
 *     t3     0     0       all             all of t3 is cancelled, also what comes later
 *
 * Thread: the owner's. Out of memory ends the process. */
#ifndef WEFT_STATE_ORDERS_H
#define WEFT_STATE_ORDERS_H

#include "schemas/bytes.h"

#define ORDER_LINES_MAX 1000
#define ORDER_QUANTITY_MAX (1 << 20) /* of a line; returned: all of it */

struct order_line {
    uint32_t order, item; /* order_tag(), shown_tag(); item 0: the whole order */
    uint32_t event;       /* event_tag() of the purchase; 0: not known */
    uint32_t bought, returned;
    int64_t time_ms; /* of the purchase, or of the return while there is none */
};

struct orders {
    struct order_line *lines; /* in the order of their arrival; NULL: nothing was ordered */
    uint16_t count, capacity;
};

/* The tag of an order; without a transaction_id the event is an order of its own. */
static inline uint32_t order_tag(struct bytes transaction_id, struct bytes event_id)
{
    return (uint32_t)bytes_hash(transaction_id.size > 0 ? transaction_id : event_id);
}

/* Whether nothing of the line is left. */
static inline bool order_line_returned(const struct order_line *line)
{
    return line->returned > 0 && line->returned >= line->bought;
}

/* Whether the order has bought this item already. `max` is the bound on lines: when an order fills
 * all of them, its further items count as known, because its first lines fell out. */
bool orders_have(const struct orders *orders, uint32_t order, uint32_t item, uint32_t max);

/* Remembers a purchase of `line->bought`, at least 1. An order may have an item in several lines of
 * one event; they add up. An order that fills all lines gets no further ones. With more than `max`
 * lines, 1 to ORDER_LINES_MAX, the line that came first falls out. Returns how many fell out. */
uint32_t orders_buy(struct orders *orders, struct order_line line, uint32_t max);

/* Remembers that `quantity` of an item of this order was sent back. Returns whether it was bought.
 * A return of an unknown order is remembered for the order that may still come; a line may fall
 * out, which adds 1 to `*ret_out`. */
bool orders_return(struct orders *orders, uint32_t order, uint32_t item, uint32_t quantity,
                   int64_t time_ms, uint32_t max, uint32_t *ret_out);
/* The same for all items of the order. */
bool orders_return_all(struct orders *orders, uint32_t order, int64_t time_ms, uint32_t max,
                       uint32_t *ret_out);
/* The same without an order's id: of the newest line of the item that is not newer than `time_ms`
 * and not returned. Returns whether there is one. */
bool orders_return_newest(struct orders *orders, uint32_t item, uint32_t quantity, int64_t time_ms);

/* The newest line of the item that was not sent back; NULL: there is none. */
const struct order_line *orders_newest(const struct orders *orders, uint32_t item);

/* The line of a purchase by its event and time; NULL: it fell out. */
const struct order_line *orders_line_of(const struct orders *orders, uint32_t item, uint32_t event,
                                        int64_t time_ms);

/* Adds a line at the end: for the decoder. False: there is no room. */
bool orders_restore(struct orders *orders, struct order_line line);

void orders_release(struct orders *orders);

#endif
