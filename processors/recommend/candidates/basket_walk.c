#include "processors/recommend/candidates/basket_walk.h"

#include "schemas/hash_index.h"
#include "state/visitor_history.h"

#include <math.h>
#include <stdlib.h>

static const float kind_shares[PAIR_KINDS] = {[PAIR_CART] = .3f, [PAIR_PURCHASE] = .7f};

struct reached {
    uint32_t key; /* item + 1; 0: free (number_slot()) */
    uint32_t cause;
    float most; /* the largest part of a single seed */
    /* sums over seeds, not yet divided by the item's own pairs */
    float cart[PAIR_KINDS], history[PAIR_KINDS];
    float own, times, popular; /* times: how often it is in the history */
    int64_t newest_ms, oldest_ms;
};

struct basket_walk_memory {
    struct reached *slots;
    uint32_t *taken;     /* slots, in the order of their first use */
    uint32_t slot_count; /* a power of two */
};

struct walk {
    const struct model *model;
    struct decay now;
    struct reached *slots; /* of the memory, all free at first */
    uint32_t *taken;
    uint32_t slot_count; /* at least twice the items that can be reached */
    uint32_t count;
};

struct basket_walk_memory *basket_walk_memory_new(void)
{
    return memory_zero(1, sizeof(struct basket_walk_memory));
}

void basket_walk_memory_free(struct basket_walk_memory *memory)
{
    if (memory == NULL)
        return;
    free(memory->slots);
    free(memory->taken);
    free(memory);
}

static void grow(struct basket_walk_memory *memory, uint32_t slots)
{
    if (slots <= memory->slot_count)
        return;
    free(memory->slots);
    memory->slots = memory_zero(slots, sizeof *memory->slots);
    memory->taken = memory_resize(memory->taken, slots / 2 * sizeof *memory->taken);
    memory->slot_count = slots;
}

static struct reached *slot_of(struct walk *walk, uint32_t item)
{
    return &walk->slots[number_slot(walk->slots, sizeof *walk->slots, walk->slot_count, item)];
}

/* NULL: too many items are reached. */
static struct reached *reach(struct walk *walk, uint32_t item)
{
    struct reached *reached = slot_of(walk, item);
    if (reached->key == 0) {
        if (2 * walk->count >= walk->slot_count)
            return NULL;
        walk->taken[walk->count++] = (uint32_t)(reached - walk->slots);
        *reached = (struct reached){.key = item + 1, .cause = ITEM_NONE};
    }
    return reached;
}

/* W(i): the item's pairs in both directions, as of the model's newest activity. */
static double pairs_of(const struct model *model, struct decay now, uint32_t item, int kind)
{
    const struct row *rows = model->items[item].rows[kind];
    double pairs = 0;
    for (int i = 0; i < PAIR_DIRECTIONS; i++)
        if (rows[i].count > 0)
            pairs += decay_events(rows[i].total, rows[i].base, now);
    return pairs / PAIR_UNITS;
}

/* One step from an item, with so much weight. */
static void step(struct walk *walk, uint32_t item, float weight, bool history)
{
    for (int kind = PAIR_CART; kind < PAIR_KINDS; kind++) {
        const struct row *rows = walk->model->items[item].rows[kind];
        double share = 1 / sqrt(pairs_of(walk->model, walk->now, item, kind) + BASKET_SHRINK);
        for (int i = 0; i < PAIR_DIRECTIONS; i++) {
            const struct row *row = &rows[i];
            if (row->count == 0)
                continue;
            double factor = share * decay_events(1, row->base, walk->now) / PAIR_UNITS;
            for (uint32_t k = 0; k < row->count && k < BASKET_ENTRIES_MAX; k++) {
                struct reached *reached = reach(walk, row->entries[k].item);
                if (reached == NULL)
                    continue;
                float part = weight * (float)(row->entries[k].weight * factor);
                *(history ? &reached->history[kind] : &reached->cart[kind]) += part;
                part *= kind_shares[kind];
                if (part > reached->most) {
                    reached->most = part;
                    reached->cause = item;
                }
            }
        }
    }
}

/* The weight of the k-th newest item that was bought before. */
static float history_part(uint32_t k)
{
    return 1 / (BASKET_HISTORY_FADE + (float)k);
}

static void steps(struct walk *walk, const struct basket *basket)
{
    float parts = 0;
    for (uint32_t i = 0; i < basket->cart_count; i++)
        step(walk, basket->cart[i], 1 / (float)basket->cart_count, false);
    for (uint32_t i = 0; i < basket->history_count; i++)
        parts += history_part(i);
    for (uint32_t i = 0; i < basket->history_count; i++) {
        float share = history_part(i) / parts;
        step(walk, basket->history[i], BASKET_HISTORY * share, true);
        struct reached *own = reach(walk, basket->history[i]);
        if (own == NULL)
            continue;
        own->own += share;
        own->newest_ms = own->times > 0 ? own->newest_ms : basket->history_ms[i];
        own->oldest_ms = basket->history_ms[i];
        own->times += 1;
        own->cause = own->cause == ITEM_NONE ? basket->history[i] : own->cause;
    }
}

bool basket_has(const struct basket *basket, uint32_t item)
{
    for (uint32_t i = 0; i < basket->cart_count; i++)
        if (basket->cart[i] == item)
            return true;
    return false;
}

float basket_doubt(const struct model *model, const struct basket *basket)
{
    struct decay now = decay_at(model->latest_ms, model->limits.pair_half_life_ms);
    double sum = 0;
    for (uint32_t i = 0; i < basket->cart_count; i++)
        sum += BASKET_DOUBT / (pairs_of(model, now, basket->cart[i], PAIR_CART) +
                               pairs_of(model, now, basket->cart[i], PAIR_PURCHASE) + BASKET_DOUBT);
    return basket->cart_count ? (float)(sum / basket->cart_count) : 1;
}

static double popularity_of(const struct model *model, uint32_t at)
{
    const struct item_counts *counts = &model->items[model->popular[at]].counts;
    uint64_t count = 0;
    for (int kind = 0; kind < PAIR_KINDS; kind++)
        count += counts->count[kind];
    int32_t base = model->items[model->popular[0]].counts.base;
    return sqrt(decay_shift(counts->recent, counts->base - base) * (double)count);
}

static void add_popular(struct walk *walk)
{
    const struct model *model = walk->model;
    double popularity[POPULAR_MAX], sum = 0;
    for (uint32_t i = 0; i < model->popular_count; i++)
        sum += popularity[i] = popularity_of(model, i);
    for (uint32_t i = 0; i < model->popular_count && sum > 0; i++) {
        struct reached *reached = reach(walk, model->popular[i]);
        if (reached)
            reached->popular = (float)(popularity[i] / sum);
    }
}

static float score_of(const struct walk *walk, const struct reached *reached, float popular,
                      struct basket_evidence *ret_evidence)
{
    struct basket_evidence *evidence = ret_evidence;
    double pairs = 0;
    *evidence = (struct basket_evidence){.times = reached->times,
                                         .own = reached->own,
                                         .newest_ms = reached->newest_ms,
                                         .oldest_ms = reached->oldest_ms,
                                         .popular = reached->popular};
    for (int kind = PAIR_CART; kind < PAIR_KINDS; kind++) {
        if (reached->cart[kind] + reached->history[kind] <= 0)
            continue;
        double own = pairs_of(walk->model, walk->now, reached->key - 1, kind) + BASKET_SHRINK;
        double share = 1 / sqrt(own);
        evidence->cart[kind] = (float)((double)reached->cart[kind] * share);
        double history = (double)reached->history[kind] * share * (double)kind_shares[kind];
        evidence->history += (float)history;
        pairs += (double)(evidence->cart[kind] * kind_shares[kind]) + history;
    }
    return (float)pairs + BASKET_OWN * reached->own * reached->times * reached->times +
           popular * reached->popular;
}

/* Slots for all items that the walk can reach. */
static uint32_t slots_for(const struct model *model, const struct basket *basket)
{
    uint32_t entries = POPULAR_MAX;
    for (uint32_t i = 0; i < basket->cart_count + basket->history_count; i++) {
        uint32_t item =
            i < basket->cart_count ? basket->cart[i] : basket->history[i - basket->cart_count];
        for (int row = 0; row < 2 * PAIR_DIRECTIONS; row++)
            entries += 1 + model->items[item]
                               .rows[PAIR_CART + row / PAIR_DIRECTIONS][row % PAIR_DIRECTIONS]
                               .count;
    }
    uint32_t slots = 1024;
    while (slots < 2 * entries && slots < 1u << 17)
        slots *= 2;
    return slots;
}

uint32_t basket_top(struct basket_walk_memory *memory, const struct model *model,
                    const struct basket *basket, uint32_t length, struct top_item *ret_items,
                    struct basket_evidence *ret_evidence)
{
    uint32_t slots = slots_for(model, basket), count = 0;
    struct basket_evidence evidence;
    float doubt = basket_doubt(model, basket);
    float popular = BASKET_POPULAR_LEAST + BASKET_POPULAR * doubt * doubt;
    grow(memory, slots);
    struct walk walk = {
        .model = model,
        .now = decay_at(model->latest_ms, model->limits.pair_half_life_ms),
        .slots = memory->slots,
        .taken = memory->taken,
        .slot_count = slots,
    };
    steps(&walk, basket);
    add_popular(&walk);
    for (uint32_t i = 0; i < walk.count; i++) {
        const struct reached *reached = &walk.slots[walk.taken[i]];
        float score = score_of(&walk, reached, popular, &evidence);
        struct top_item item = {reached->key - 1, score, reached->cause};
        if (item.score > 0 && !basket_has(basket, item.item))
            count = top_keep(ret_items, count, length, item);
    }
    for (uint32_t i = 0; i < count && ret_evidence; i++)
        score_of(&walk, slot_of(&walk, ret_items[i].item), popular, &ret_evidence[i]);
    for (uint32_t i = 0; i < walk.count; i++)
        walk.slots[walk.taken[i]].key = 0; /* free for the next walk */
    return count;
}

void basket_of(const struct model *model, const struct visitor *visitor, struct basket *ret_basket)
{
    ret_basket->time_ms = visitor ? visitor->latest_time_ms : 0;
    ret_basket->cart_count =
        visitor_history_cart(visitor, model, BASKET_SEEDS_MAX, ret_basket->cart);
    ret_basket->history_count = visitor_history_bought(visitor, model, BASKET_SEEDS_MAX,
                                                       ret_basket->history, ret_basket->history_ms);
}

void basket_put(struct basket *basket, uint32_t item)
{
    if (basket->cart_count < BASKET_SEEDS_MAX && item != ITEM_NONE && !basket_has(basket, item))
        basket->cart[basket->cart_count++] = item;
}

void basket_of_order(const struct model *model, const struct visitor *visitor, int64_t order_ms,
                     struct basket *ret_basket)
{
    struct basket *basket = ret_basket;
    uint32_t count = 0;
    basket_of(model, visitor, basket);
    basket->cart_count = 0;
    basket->time_ms = order_ms;
    for (uint32_t i = 0; i < basket->history_count; i++) {
        if (basket->history_ms[i] == order_ms)
            basket_put(basket, basket->history[i]);
        if (basket->history_ms[i] >= order_ms)
            continue;
        basket->history[count] = basket->history[i];
        basket->history_ms[count++] = basket->history_ms[i];
    }
    basket->history_count = count;
}
