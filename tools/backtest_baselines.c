#include "tools/backtest_baselines.h"

#include "schemas/array.h"

#include <stdlib.h>

struct partner {
    uint32_t item, count;
};

/* How often it was counted, and the items that were together with it, without bound. */
struct counted_item {
    uint32_t count;
    struct partner *partners;
    uint32_t partner_count, partner_capacity;
};

void baselines_init(struct baselines *baselines, const struct model_limits *limits)
{
    *baselines = (struct baselines){.ids = model_new(limits)};
}

void baselines_release(struct baselines *baselines)
{
    for (uint32_t i = 0; i < baselines->capacity; i++)
        free(baselines->items[i].partners);
    free(baselines->items);
    model_free(baselines->ids);
}

uint32_t baselines_number(struct baselines *baselines, struct bytes id)
{
    uint32_t item = model_intern(baselines->ids, id, 0), before = baselines->capacity;
    if (item == ITEM_NONE || item < before)
        return item;
    ARRAY_RESERVE(baselines->items, baselines->capacity, item + 1);
    memset(baselines->items + before, 0, (baselines->capacity - before) * sizeof *baselines->items);
    return item;
}

void baselines_count(struct baselines *baselines, uint32_t item)
{
    baselines->items[item].count++;
}

static void count_partner(struct counted_item *item, uint32_t partner)
{
    uint32_t i = 0;
    while (i < item->partner_count && item->partners[i].item != partner)
        i++;
    if (i == item->partner_count) {
        ARRAY_RESERVE(item->partners, item->partner_capacity, i + 1);
        item->partners[item->partner_count++] = (struct partner){.item = partner};
    }
    item->partners[i].count++;
    if (i > 0 &&
        item->partners[i].count > item->partners[i / 2].count) { /* found sooner next time */
        struct partner moved = item->partners[i];
        item->partners[i] = item->partners[i / 2];
        item->partners[i / 2] = moved;
    }
}

void baselines_pair(struct baselines *baselines, uint32_t a, uint32_t b)
{
    count_partner(&baselines->items[a], b);
    count_partner(&baselines->items[b], a);
}

static bool among_first(const struct baselines *baselines, const double *weights, uint32_t target,
                        uint32_t length)
{
    uint32_t before = 0;
    if (!(weights[target] > 0))
        return false;
    for (uint32_t i = 0; i < baselines->ids->item_count; i++)
        before += weights[i] > weights[target] || (!(weights[i] < weights[target]) && i < target);
    return before < length;
}

void baselines_test(const struct baselines *baselines, const uint32_t *cart, uint32_t cart_count,
                    uint32_t target, uint32_t length, bool *ret_counts, bool *ret_popular)
{
    uint32_t items = baselines->ids->item_count;
    double *counts = memory_zero(items, sizeof *counts);
    double *popular = memory_zero(items, sizeof *popular);
    for (uint32_t i = 0; i < items; i++)
        popular[i] = baselines->items[i].count;
    for (uint32_t i = 0; i < cart_count; i++) {
        const struct counted_item *item = &baselines->items[cart[i]];
        for (uint32_t k = 0; k < item->partner_count; k++)
            counts[item->partners[k].item] += item->partners[k].count;
    }
    for (uint32_t i = 0; i < cart_count; i++)
        counts[cart[i]] = popular[cart[i]] = 0;
    *ret_counts = among_first(baselines, counts, target, length);
    *ret_popular = among_first(baselines, popular, target, length);
    free(counts);
    free(popular);
}
