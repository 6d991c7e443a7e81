#include "state/visitor_history.h"

#include <assert.h>
#include <stdlib.h>

static uint32_t count_of(const struct visitor *visitor)
{
    return visitor ? visitor->count : 0;
}

static uint32_t retractable_count(const struct visitor *visitor)
{
    return visitor->retractable ? visitor->retractable->count : 0;
}

uint32_t visitor_history_places(const struct visitor *visitor)
{
    return retractable_count(visitor) + visitor->count;
}

uint32_t visitor_history_place_of(const struct visitor *visitor, uint32_t position)
{
    return retractable_count(visitor) + position;
}

/* The subject of the newest activity of a kind; absent: there is none. */
static struct bytes newest_subject(const struct visitor *visitor, enum kind kind)
{
    for (uint32_t i = count_of(visitor); i > 0; i--)
        if (visitor->activities[i - 1].kind == kind)
            return activity_subject(visitor, &visitor->activities[i - 1]);
    return bytes_of(NULL, 0);
}

/* ---- sessions ---- */

struct history_walk visitor_history_walk(const struct visitor *visitor, int64_t gap_ms)
{
    uint32_t count = count_of(visitor);
    int64_t newest_ms = count > 0 ? visitor->activities[count - 1].time_ms : 0;
    return visitor_history_walk_from(visitor, newest_ms, gap_ms);
}

struct history_walk visitor_history_walk_from(const struct visitor *visitor, int64_t time_ms,
                                              int64_t gap_ms)
{
    return (struct history_walk){.visitor = visitor,
                                 .gap_ms = gap_ms,
                                 .edge_ms = time_ms,
                                 .left = count_of(visitor),
                                 .same_session = true};
}

const struct activity *visitor_history_older(struct history_walk *walk)
{
    if (walk->left == 0)
        return NULL;
    const struct activity *activity = &walk->visitor->activities[--walk->left];
    if (walk->edge_ms - activity->time_ms > walk->gap_ms)
        walk->same_session = false;
    walk->edge_ms = activity->time_ms;
    return activity;
}

/* Whether no session ends between the place and the next one. */
static bool is_joined(const struct visitor *visitor, uint32_t place, int64_t gap_ms)
{
    uint32_t lines = retractable_count(visitor);
    if (place < lines)
        return !visitor->retractable->lines[place].ends;
    const struct activity *activity = &visitor->activities[place - lines];
    return activity[1].time_ms - activity[0].time_ms <= gap_ms;
}

uint32_t visitor_history_neighbours(const struct visitor *visitor, uint32_t place, int step,
                                    enum kind kind, int64_t gap_ms,
                                    struct neighbour *ret_neighbours)
{
    uint32_t end = visitor_history_places(visitor), count = 0;
    uint32_t first = kind == KIND_CART || kind == KIND_PURCHASE ? 0 : retractable_count(visitor);
    assert(place < end && (step == 1 || step == -1));
    while (count < NEIGHBOURS_MAX && (step > 0 ? place + 1 < end : place > first)) {
        if (!is_joined(visitor, step > 0 ? place : place - 1, gap_ms))
            break;
        place = step > 0 ? place + 1 : place - 1;
        struct history_place at = visitor_history_place(visitor, place);
        if (at.kind == kind && at.counting == COUNTING_ACTIVE)
            ret_neighbours[count++] = (struct neighbour){at.subject, at.time_ms};
    }
    return count;
}

/* ---- places ---- */

struct history_place visitor_history_place(const struct visitor *visitor, uint32_t place)
{
    uint32_t lines = retractable_count(visitor);
    if (place >= lines) {
        const struct activity *activity = &visitor->activities[place - lines];
        return (struct history_place){
            .kind = (enum kind)activity->kind,
            .counting = (enum counting)activity->counting,
            .subject = activity_subject(visitor, activity),
            .time_ms = activity->time_ms,
            .event = event_tag(activity->event_hash),
            .price = activity->price,
        };
    }
    const struct retractable_line *line = &visitor->retractable->lines[place];
    return (struct history_place){
        .kind = (enum kind)line->kind,
        .counting = line->taken_back ? COUNTING_TAKEN_BACK : COUNTING_ACTIVE,
        .subject = retractable_item(visitor->retractable, line),
        .time_ms = line->time_ms,
        .event = line->event,
        .price = line->price,
        .settled = line->settled,
    };
}

/* Whether the item was taken out of the cart after the place, and not bought before that. */
static bool was_taken_out(const struct visitor *visitor, uint32_t place, struct bytes item_id)
{
    uint32_t lines = retractable_count(visitor);
    for (uint32_t i = place < lines ? 0 : place - lines + 1; i < visitor->count; i++) {
        const struct activity *activity = &visitor->activities[i];
        if (activity->kind == KIND_CART_CLEAR)
            return true;
        if (cart_takes_out((enum kind)activity->kind) &&
            bytes_equal(activity_subject(visitor, activity), item_id))
            return activity->kind == KIND_CART_REMOVE;
    }
    return false;
}

bool visitor_history_is_taken_back(const struct visitor *visitor, uint32_t place)
{
    struct history_place at = visitor_history_place(visitor, place);
    bool before = at.counting == COUNTING_TAKEN_BACK;
    if (at.settled || at.counting == COUNTING_NEVER || at.counting == COUNTING_QUARANTINED)
        return before;
    if (at.kind == KIND_CART)
        return was_taken_out(visitor, place, at.subject);
    if (at.kind != KIND_PURCHASE)
        return false;
    const struct order_line *line =
        orders_line_of(&visitor->orders, shown_tag(at.subject), at.event, at.time_ms);
    return line ? order_line_returned(line) : before;
}

void visitor_history_set_counting(struct visitor *visitor, uint32_t place, enum counting counting)
{
    uint32_t lines = retractable_count(visitor);
    if (place >= lines) {
        visitor->activities[place - lines].counting = (uint8_t)counting;
        return;
    }
    struct retractable_line *line = &visitor->retractable->lines[place];
    line->taken_back = counting != COUNTING_ACTIVE;
    line->settled = line->settled || counting == COUNTING_QUARANTINED ||
                    (line->taken_back && line->kind == KIND_PURCHASE);
}

/* ---- the newest of a kind ---- */

const struct activity *visitor_history_newest(const struct visitor *visitor, uint32_t kinds,
                                              uint32_t within, int64_t gap_ms)
{
    struct history_walk walk = visitor_history_walk(visitor, gap_ms);
    const struct activity *activity;
    for (uint32_t ago = 0; ago <= within && (activity = visitor_history_older(&walk)); ago++) {
        if (!walk.same_session)
            break;
        if (kinds >> activity->kind & 1)
            return activity;
    }
    return NULL;
}

const struct activity *visitor_history_newest_on(const struct visitor *visitor, uint32_t kinds,
                                                 struct bytes item_id)
{
    for (uint32_t i = count_of(visitor); i > 0; i--) {
        const struct activity *activity = &visitor->activities[i - 1];
        if ((kinds >> activity->kind & 1) &&
            bytes_equal(activity_subject(visitor, activity), item_id))
            return activity;
    }
    return NULL;
}

struct bytes visitor_history_last_viewed(const struct visitor *visitor)
{
    return newest_subject(visitor, KIND_VIEW);
}

struct bytes visitor_history_last_search(const struct visitor *visitor)
{
    return newest_subject(visitor, KIND_SEARCH);
}

struct bytes visitor_history_search_before(const struct visitor *visitor, uint32_t position,
                                           uint32_t ago_max, int64_t age_ms)
{
    assert(position < visitor->count);
    const struct activity *now = &visitor->activities[position];
    for (uint32_t ago = 1; ago <= ago_max && ago <= position; ago++) {
        if (now->time_ms - now[-(int64_t)ago].time_ms > age_ms)
            break;
        if (now[-(int64_t)ago].kind == KIND_SEARCH)
            return activity_subject(visitor, now - ago);
    }
    return bytes_of(NULL, 0);
}

/* ---- whether it happened ---- */

static bool puts_in(const struct activity *activity)
{
    return cart_puts_in((enum kind)activity->kind);
}

static bool takes_out(const struct activity *activity)
{
    return cart_takes_out((enum kind)activity->kind);
}

bool visitor_history_has_event(const struct visitor *visitor, struct bytes event_id)
{
    uint64_t hash = bytes_hash(event_id);
    for (uint32_t i = count_of(visitor); i > 0; i--)
        if (visitor->activities[i - 1].event_hash == hash)
            return true;
    return false;
}

bool visitor_history_viewed(const struct visitor *visitor, struct bytes item_id)
{
    return visitor_history_newest_on(visitor, 1u << KIND_VIEW, item_id) != NULL;
}

bool visitor_history_viewed_near(const struct visitor *visitor, struct bytes item_id,
                                 int64_t time_ms, int64_t window_ms)
{
    for (uint32_t i = count_of(visitor); i > 0; i--) {
        const struct activity *activity = &visitor->activities[i - 1];
        if (activity->time_ms <= time_ms - window_ms)
            return false;
        if (activity->kind == KIND_VIEW && activity->time_ms < time_ms + window_ms &&
            bytes_equal(activity_subject(visitor, activity), item_id))
            return true;
    }
    return false;
}

bool visitor_history_bought_at(const struct visitor *visitor, struct bytes item_id,
                               int64_t *ret_time_ms)
{
    for (uint32_t i = count_of(visitor); i > 0; i--) {
        const struct activity *activity = &visitor->activities[i - 1];
        if (activity->kind != KIND_PURCHASE || activity->counting == COUNTING_TAKEN_BACK ||
            !bytes_equal(activity_subject(visitor, activity), item_id))
            continue;
        *ret_time_ms = activity->time_ms;
        return true;
    }
    if (visitor == NULL || visitor->orders.count == 0)
        return false;
    const struct order_line *line = orders_newest(&visitor->orders, shown_tag(item_id));
    if (line)
        *ret_time_ms = line->time_ms;
    return line != NULL;
}

bool visitor_history_in_cart(const struct visitor *visitor, struct bytes item_id)
{
    for (uint32_t i = count_of(visitor); i > 0; i--) {
        const struct activity *activity = &visitor->activities[i - 1];
        if (activity->kind == KIND_CART_CLEAR)
            return false;
        if ((puts_in(activity) || takes_out(activity)) &&
            bytes_equal(activity_subject(visitor, activity), item_id))
            return puts_in(activity);
    }
    return visitor && cart_has(&visitor->cart, item_id);
}

/* ---- lists of items ---- */

/* The place of the item; `count`: it is not among them. */
static uint32_t find_in(const uint32_t *items, uint32_t count, uint32_t item)
{
    uint32_t at = 0;
    while (at < count && items[at] != item)
        at++;
    return at;
}

static uint32_t take_out(uint32_t *items, uint32_t count, uint32_t item)
{
    uint32_t at = find_in(items, count, item);
    if (at == count)
        return count;
    memmove(items + at, items + at + 1, (count - at - 1) * sizeof *items);
    return count - 1;
}

static uint32_t put_in(uint32_t *items, uint32_t count, uint32_t max, uint32_t item)
{
    count = take_out(items, count, item);
    if (count == max)
        count = take_out(items, count, items[0]);
    items[count] = item;
    return count + 1;
}

/* Begins with the items whose activities fell out. */
static uint32_t put_in_earlier(const struct visitor *visitor, const struct model *model,
                               uint32_t max, uint32_t *ret_items)
{
    uint32_t count = 0, at = 0, item;
    for (struct bytes id; visitor && (id = cart_next(&visitor->cart, &at)).at;)
        if ((item = model_find(model, id)) != ITEM_NONE)
            count = put_in(ret_items, count, max, item);
    return count;
}

uint32_t visitor_history_cart(const struct visitor *visitor, const struct model *model,
                              uint32_t max, uint32_t *ret_items)
{
    uint32_t count = put_in_earlier(visitor, model, max, ret_items);
    for (uint32_t i = 0; i < count_of(visitor); i++) {
        const struct activity *activity = &visitor->activities[i];
        if (activity->kind == KIND_CART_CLEAR)
            count = 0;
        if (!puts_in(activity) && !takes_out(activity))
            continue;
        uint32_t item = model_find(model, activity_subject(visitor, activity));
        if (item == ITEM_NONE ||
            (activity->kind == KIND_CART_UPDATE && find_in(ret_items, count, item) < count))
            continue;
        count = puts_in(activity) ? put_in(ret_items, count, max, item)
                                  : take_out(ret_items, count, item);
    }
    return count;
}

uint32_t visitor_history_bought(const struct visitor *visitor, const struct model *model,
                                uint32_t max, uint32_t *ret_items, int64_t *ret_times_ms)
{
    uint32_t count = 0;
    for (uint32_t i = count_of(visitor); i > 0 && count < max; i--) {
        const struct activity *activity = &visitor->activities[i - 1];
        if (activity->kind != KIND_PURCHASE || activity->counting == COUNTING_TAKEN_BACK)
            continue;
        uint32_t item = model_find(model, activity_subject(visitor, activity));
        if (item == ITEM_NONE)
            continue;
        if (ret_times_ms)
            ret_times_ms[count] = activity->time_ms;
        ret_items[count++] = item;
    }
    return count;
}
