/* Questions about a visitor's sequence of activities. This is the one place that scans it.
 *
 *     activities   [ oldest ] ... [ position - 1 ] [ position ] [ position + 1 ] ... [ newest ]
 *     session      two neighbours that are more than gap_ms apart belong to two sessions
 *
 * Carts and purchases that fell out can have places as well, before all activities:
 *
 *     places       [ retractable line ] ... [ activity at position 0 ] ...
 *
 * `kinds` is a set of bits, 1u << enum kind. All functions take NULL for a visitor that nobody
 * knows: it has no activities. Their results point into the visitor and hold until the
 * visitor changes. They allocate nothing. Thread: the worker that owns the visitor. */
#ifndef WEFT_STATE_VISITOR_HISTORY_H
#define WEFT_STATE_VISITOR_HISTORY_H

#include "state/model.h"
#include "state/visitor.h"

/* ---- the newest of a kind ---- */

/* The newest activity of these kinds among the last `within` + 1 of the newest session; NULL: there
 * is none. */
const struct activity *visitor_history_newest(const struct visitor *visitor, uint32_t kinds,
                                              uint32_t within, int64_t gap_ms);

/* The newest activity of these kinds whose subject is the item; NULL: there is none. */
const struct activity *visitor_history_newest_on(const struct visitor *visitor, uint32_t kinds,
                                                 struct bytes item_id);

/* The item that was viewed last; absent: none was. */
struct bytes visitor_history_last_viewed(const struct visitor *visitor);

/* The last search as the visitor wrote it; absent: there was none. */
struct bytes visitor_history_last_search(const struct visitor *visitor);

/* The newest search before the activity at `position`: at most `ago_max` activities and `age_ms`
 * earlier. Absent: there was none. */
struct bytes visitor_history_search_before(const struct visitor *visitor, uint32_t position,
                                           uint32_t ago_max, int64_t age_ms);

/* ---- whether it happened ---- */

/* Whether an activity of this event is remembered. */
bool visitor_history_has_event(const struct visitor *visitor, struct bytes event_id);

/* Whether the item was viewed. */
bool visitor_history_viewed(const struct visitor *visitor, struct bytes item_id);

/* Whether the item was viewed less than `window_ms` before or after `time_ms`. */
bool visitor_history_viewed_near(const struct visitor *visitor, struct bytes item_id,
                                 int64_t time_ms, int64_t window_ms);

/* When the item was bought last; false: it was not, or all of it was sent back. The order lines
 * answer for activities that fell out. */
bool visitor_history_bought_at(const struct visitor *visitor, struct bytes item_id,
                               int64_t *ret_time_ms);

/* Whether the item is in the cart: put in or updated, and not taken out, bought or cleared since.
 * The cart of the visitor answers for activities that fell out. */
bool visitor_history_in_cart(const struct visitor *visitor, struct bytes item_id);

/* ---- lists of items ---- */

/* The items of the cart, each once, the one that was put in last at the end; an update leaves its
 * item where it is. When an item comes into a cart of `max`, the first one falls out. Items that
 * the model does not know are passed over. Returns how many there are, at most `max`, which is
 * above 0. Thread: holds the model's read lock. */
uint32_t visitor_history_cart(const struct visitor *visitor, const struct model *model,
                              uint32_t max, uint32_t *ret_items);

/* The items of the `max` newest purchases that the model knows, newest first, with repeats, without
 * those that were sent back. `ret_times_ms`: when; NULL: not asked. Returns how many.
 * Thread: holds the model's read lock. */
uint32_t visitor_history_bought(const struct visitor *visitor, const struct model *model,
                                uint32_t max, uint32_t *ret_items, int64_t *ret_times_ms);

/* ---- places ---- */

struct history_place {
    enum kind kind;
    enum counting counting;
    struct bytes subject;
    int64_t time_ms;
    uint32_t event; /* event_tag() */
    float price;    /* NaN: not known */
    bool settled;   /* no event can change whether it is taken back */
};

uint32_t visitor_history_places(const struct visitor *visitor);
uint32_t visitor_history_place_of(const struct visitor *visitor, uint32_t position);
struct history_place visitor_history_place(const struct visitor *visitor, uint32_t place);

/* Whether the cart addition or the purchase at the place must not count, by the events so far. An
 * addition is taken back when the next activity that takes its item out of the cart is a removal or
 * a clearing, not a purchase. A purchase is taken back when its order line is returned. */
bool visitor_history_is_taken_back(const struct visitor *visitor, uint32_t place);
/* Notes whether the model counts it. The visitor is dirty already. */
void visitor_history_set_counting(struct visitor *visitor, uint32_t place, enum counting counting);

/* ---- sessions ---- */

/* The activities of one kind in the session of the activity at `place`, nearest first: before it
 * (`step` -1) or after it (+1), at most NEIGHBOURS_MAX. Those that are taken back are passed over.
 * Returns how many. */
uint32_t visitor_history_neighbours(const struct visitor *visitor, uint32_t place, int step,
                                    enum kind kind, int64_t gap_ms,
                                    struct neighbour *ret_neighbours);

/* A walk from the newest activity to the oldest that knows where the newest session begins:
 *
 *     struct history_walk walk = visitor_history_walk(visitor, gap_ms);
 *     for (const struct activity *activity; (activity = visitor_history_older(&walk));)
 *         ... walk.same_session ... */
struct history_walk {
    const struct visitor *visitor;
    int64_t gap_ms;
    int64_t edge_ms;   /* time of the activity that the walk is at */
    uint32_t left;     /* activities that are older */
    bool same_session; /* as the newest activity */
};

/* A walk whose first activity is the newest one. */
struct history_walk visitor_history_walk(const struct visitor *visitor, int64_t gap_ms);
/* The same from a time on: the newest activity is in the same session if it is close to it. */
struct history_walk visitor_history_walk_from(const struct visitor *visitor, int64_t time_ms,
                                              int64_t gap_ms);
/* The next older activity; NULL: there is none. */
const struct activity *visitor_history_older(struct history_walk *walk);

#endif
