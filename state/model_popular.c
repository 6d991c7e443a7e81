/* The most popular items of the model. When one of them is evicted, another one takes its place:
 * the heaviest of all others, and among equal ones the lowest number. A look at all items would
 * tell which. In a flood of new ids most items are equal, so that would be a look for each new id.
 *
 *     items     [ . . . . . . . . . . . . . . . . ]      all, by number
 *     reserve   [ . . . . . . . ]                        the heaviest, in no order
 *     popular   [ . . ]                                  POPULAR_MAX of the reserve, in order
 *
 * The first such eviction chooses a reserve: the RESERVE_MAX items that come first. `floor` is the
 * last of them. From then on an item joins the reserve when it grows past the floor. Others are at
 * the floor or behind it, so the next popular item is in the reserve, as long as POPULAR_MAX items
 * are. A reserve that has twice RESERVE_MAX items keeps the first half. The reserve follows from
 * the items alone, so it is not stored.
 *
 * Ties: an item that grows stays behind those of the same weight. After an eviction of a popular
 * item, and after a start, the lower number is first. */
#include "state/model.h"

#include <math.h>
#include <stdlib.h>

#define RESERVE_MAX 1024

struct popular_reserve {
    uint32_t items[2 * RESERVE_MAX];
    uint32_t count;
    struct item_counts floor; /* as it was when the items were chosen; zero: all items are here */
    uint32_t floor_item;
};

bool model_heavier(const struct item_counts *a, const struct item_counts *b)
{
    if (a->base >= b->base)
        return a->recent > ldexp(b->recent, b->base - a->base);
    return ldexp(a->recent, a->base - b->base) > b->recent;
}

/* ---- the order of a choice ---- */

static bool before(const struct item_counts *a, uint32_t a_item, const struct item_counts *b,
                   uint32_t b_item)
{
    return model_heavier(a, b) || (a_item < b_item && !model_heavier(b, a));
}

static bool item_before(const struct model *model, uint32_t a, uint32_t b)
{
    return before(&model->items[a].counts, a, &model->items[b].counts, b);
}

/* ---- the reserve ---- */

static void set_place(struct model *model, uint32_t place, uint32_t item)
{
    model->reserve->items[place] = item;
    model->items[item].reserve_place = place + 1;
}

static void sift_up(struct model *model, uint32_t place, uint32_t item)
{
    const uint32_t *items = model->reserve->items;
    for (; place > 0 && item_before(model, items[(place - 1) / 2], item); place = (place - 1) / 2)
        set_place(model, place, items[(place - 1) / 2]);
    set_place(model, place, item);
}

static void sift_down(struct model *model, uint32_t item)
{
    const struct popular_reserve *reserve = model->reserve;
    uint32_t place = 0;
    for (uint32_t child; (child = 2 * place + 1) < reserve->count; place = child) {
        if (child + 1 < reserve->count &&
            item_before(model, reserve->items[child], reserve->items[child + 1]))
            child++;
        if (!item_before(model, item, reserve->items[child]))
            break;
        set_place(model, place, reserve->items[child]);
    }
    set_place(model, place, item);
}

/* While items are chosen, the reserve is a heap with the last of them on top. */
static void offer(struct model *model, uint32_t item)
{
    struct popular_reserve *reserve = model->reserve;
    model->items[item].reserve_place = 0;
    if (reserve->count < RESERVE_MAX) {
        sift_up(model, reserve->count++, item);
    } else if (item_before(model, item, reserve->items[0])) {
        model->items[reserve->items[0]].reserve_place = 0;
        sift_down(model, item);
    }
}

static void set_floor(struct model *model)
{
    struct popular_reserve *reserve = model->reserve;
    reserve->floor_item = reserve->items[0];
    reserve->floor = model->items[reserve->floor_item].counts;
}

static void choose_reserve(struct model *model)
{
    if (model->reserve == NULL)
        model->reserve = memory_get(sizeof *model->reserve);
    struct popular_reserve *reserve = model->reserve;
    reserve->count = 0;
    for (uint32_t item = 0; item < model->item_count; item++)
        if (model->items[item].counts.recent > 0)
            offer(model, item);
    reserve->floor = (struct item_counts){0};
    reserve->floor_item = 0;
    if (reserve->count == RESERVE_MAX)
        set_floor(model);
}

/* The reserve is full. Items at `place` are offered once the places below it are taken. */
static void halve_reserve(struct model *model)
{
    model->reserve->count = 0;
    for (uint32_t place = 0; place < 2 * RESERVE_MAX; place++)
        offer(model, model->reserve->items[place]);
    set_floor(model);
}

static void join_reserve(struct model *model, uint32_t item)
{
    struct popular_reserve *reserve = model->reserve;
    if (model->items[item].reserve_place > 0 ||
        !before(&model->items[item].counts, item, &reserve->floor, reserve->floor_item))
        return;
    set_place(model, reserve->count++, item);
    if (reserve->count == 2 * RESERVE_MAX)
        halve_reserve(model);
}

static void leave_reserve(struct model *model, uint32_t item)
{
    struct popular_reserve *reserve = model->reserve;
    uint32_t place = model->items[item].reserve_place;
    if (place == 0)
        return;
    set_place(model, place - 1, reserve->items[--reserve->count]);
    model->items[item].reserve_place = 0;
}

/* ---- the popular ones ---- */

/* Between two calls only the numbers of `item` grow, so no other item moves up. */
static void rank(struct model *model, uint32_t item)
{
    const struct model_item *items = model->items;
    uint32_t *popular = model->popular, at = 0;
    while (at < model->popular_count && popular[at] != item)
        at++;
    if (at == model->popular_count) {
        if (model->popular_count < POPULAR_MAX)
            model->popular_count++;
        else if (!model_heavier(&items[item].counts, &items[popular[POPULAR_MAX - 1]].counts))
            return;
        at = model->popular_count - 1;
        popular[at] = item;
    }
    for (; at > 0 && model_heavier(&items[item].counts, &items[popular[at - 1]].counts); at--) {
        popular[at] = popular[at - 1];
        popular[at - 1] = item;
    }
}

void model_popular_count(struct model *model, uint32_t item)
{
    if (model->reserve)
        join_reserve(model, item);
    rank(model, item);
}

/* Puts the item at its place in the order of a choice. */
static void place_popular(struct model *model, uint32_t item)
{
    uint32_t low = 0, high = model->popular_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (item_before(model, model->popular[middle], item))
            low = middle + 1;
        else
            high = middle;
    }
    if (low == POPULAR_MAX)
        return;
    model->popular_count += model->popular_count < POPULAR_MAX;
    memmove(model->popular + low + 1, model->popular + low,
            (model->popular_count - 1 - low) * sizeof *model->popular);
    model->popular[low] = item;
}

/* Whether the reserve has the next popular items for sure. */
static bool has_enough(const struct popular_reserve *reserve)
{
    return reserve && (reserve->count >= POPULAR_MAX || !(reserve->floor.recent > 0));
}

/* Its place among the popular ones; popular_count: it is none. */
static uint32_t find_popular(const struct model *model, uint32_t item)
{
    uint32_t at = 0;
    while (at < model->popular_count && model->popular[at] != item)
        at++;
    return at;
}

/* Chooses the popular ones again. */
static void choose_popular(struct model *model)
{
    if (!has_enough(model->reserve))
        choose_reserve(model);
    model->popular_count = 0;
    for (uint32_t place = 0; place < model->reserve->count; place++) {
        uint32_t next = model->reserve->items[place];
        if (model->popular_count < POPULAR_MAX ||
            item_before(model, next, model->popular[POPULAR_MAX - 1]))
            place_popular(model, next);
    }
}

void model_popular_forget(struct model *model, uint32_t item)
{
    if (model->reserve)
        leave_reserve(model, item);
    if (find_popular(model, item) < model->popular_count)
        choose_popular(model);
}

void model_popular_uncount(struct model *model, uint32_t item)
{
    const struct model_item *items = model->items;
    uint32_t at = find_popular(model, item), last = model->popular_count;
    if (model->reserve) {
        leave_reserve(model, item);
        if (items[item].counts.recent > 0)
            join_reserve(model, item);
    }
    if (at == last)
        return;
    for (;
         at + 1 < last && model_heavier(&items[model->popular[at + 1]].counts, &items[item].counts);
         at++) {
        model->popular[at] = model->popular[at + 1];
        model->popular[at + 1] = item;
    }
    if (last == POPULAR_MAX && at + 1 == last)
        choose_popular(model); /* another item may be heavier */
    else if (!(items[item].counts.recent > 0))
        model->popular_count--;
}
