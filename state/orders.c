#include "state/orders.h"

#include <assert.h>
#include <stdlib.h>

#define WHOLE_ORDER 0 /* the item of a line that stands for all items */

static struct order_line *find(const struct orders *orders, uint32_t order, uint32_t item)
{
    for (uint32_t i = orders->count; i > 0; i--)
        if (orders->lines[i - 1].order == order && orders->lines[i - 1].item == item)
            return &orders->lines[i - 1];
    return NULL;
}

static void append(struct orders *orders, struct order_line line)
{
    if (orders->count == orders->capacity) {
        orders->capacity = (uint16_t)(orders->capacity ? 2 * orders->capacity : 4);
        orders->lines = memory_resize(orders->lines, orders->capacity * sizeof *orders->lines);
    }
    orders->lines[orders->count++] = line;
}

/* Returns how many lines fell out. */
static uint32_t add(struct orders *orders, struct order_line line, uint32_t max)
{
    assert(max > 0 && max <= ORDER_LINES_MAX);
    uint32_t out = orders->count < max ? 0 : orders->count - max + 1;
    if (out > 0) {
        orders->count = (uint16_t)(orders->count - out);
        memmove(orders->lines, orders->lines + out, orders->count * sizeof line);
    }
    append(orders, line);
    return out;
}

static uint32_t sum_of(uint32_t a, uint32_t b)
{
    return a + b < ORDER_QUANTITY_MAX ? a + b : ORDER_QUANTITY_MAX;
}

bool orders_have(const struct orders *orders, uint32_t order, uint32_t item, uint32_t max)
{
    bool known = false;
    for (uint32_t i = orders->count; i > 0; i--) {
        const struct order_line *line = &orders->lines[i - 1];
        if (line->order != order || line->bought == 0)
            continue;
        if (line->item == item)
            return true;
        known = true;
    }
    return known && orders->count >= max && orders->lines[0].order == order &&
           orders->lines[0].bought > 0;
}

uint32_t orders_buy(struct orders *orders, struct order_line line, uint32_t max)
{
    struct order_line *known = find(orders, line.order, line.item);
    line.returned = find(orders, line.order, WHOLE_ORDER) ? ORDER_QUANTITY_MAX
                    : known                               ? known->returned
                                                          : 0;
    if (known == NULL)
        return orders_have(orders, line.order, line.item, max) ? 0 : add(orders, line, max);
    line.bought = sum_of(line.bought, known->bought);
    *known = line;
    return 0;
}

bool orders_return(struct orders *orders, uint32_t order, uint32_t item, uint32_t quantity,
                   int64_t time_ms, uint32_t max, uint32_t *ret_out)
{
    struct order_line *line = find(orders, order, item);
    if (line) {
        line->returned = sum_of(line->returned, quantity);
        return line->bought > 0;
    }
    struct order_line unknown = {
        .order = order, .item = item, .returned = quantity, .time_ms = time_ms};
    *ret_out += add(orders, unknown, max);
    return false;
}

bool orders_return_all(struct orders *orders, uint32_t order, int64_t time_ms, uint32_t max,
                       uint32_t *ret_out)
{
    bool bought = false;
    for (uint32_t i = 0; i < orders->count; i++) {
        if (orders->lines[i].order != order)
            continue;
        orders->lines[i].returned = ORDER_QUANTITY_MAX;
        bought = bought || orders->lines[i].bought > 0;
    }
    orders_return(orders, order, WHOLE_ORDER, ORDER_QUANTITY_MAX, time_ms, max, ret_out);
    return bought;
}

bool orders_return_newest(struct orders *orders, uint32_t item, uint32_t quantity, int64_t time_ms)
{
    struct order_line *newest = NULL;
    for (uint32_t i = 0; i < orders->count; i++) {
        struct order_line *line = &orders->lines[i];
        if (line->item == item && line->bought > 0 && !order_line_returned(line) &&
            line->time_ms <= time_ms && (newest == NULL || line->time_ms >= newest->time_ms))
            newest = line;
    }
    if (newest)
        newest->returned = sum_of(newest->returned, quantity);
    return newest != NULL;
}

const struct order_line *orders_newest(const struct orders *orders, uint32_t item)
{
    const struct order_line *newest = NULL;
    for (uint32_t i = 0; i < orders->count; i++) {
        const struct order_line *line = &orders->lines[i];
        if (line->item == item && line->bought > 0 && !order_line_returned(line) &&
            (newest == NULL || line->time_ms >= newest->time_ms))
            newest = line;
    }
    return newest;
}

const struct order_line *orders_line_of(const struct orders *orders, uint32_t item, uint32_t event,
                                        int64_t time_ms)
{
    for (uint32_t i = orders->count; i > 0; i--) {
        const struct order_line *line = &orders->lines[i - 1];
        if (line->item == item && line->bought > 0 && line->time_ms == time_ms &&
            (line->event == event || line->event == 0))
            return line;
    }
    return NULL;
}

bool orders_restore(struct orders *orders, struct order_line line)
{
    if (orders->count == ORDER_LINES_MAX)
        return false;
    append(orders, line);
    return true;
}

void orders_release(struct orders *orders)
{
    free(orders->lines);
    *orders = (struct orders){0};
}
