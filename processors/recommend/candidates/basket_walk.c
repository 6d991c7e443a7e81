#include "processors/recommend/candidates/basket_walk.h"

#include "schemas/hash_index.h"
#include "state/visitor_history.h"

#include <math.h>
#include <stdlib.h>

#define SECOND_ENTRIES_MAX 25 /* of a row in the second step */

static const float kind_shares[PAIR_KINDS] = {[PAIR_CART] = .3f, [PAIR_PURCHASE] = .7f};

struct reached {
    uint32_t key; /* item + 1; 0: free (number_slot()) */
    float one, two, own, popular;
    float most; /* the largest part of a single seed */
    uint32_t cause;
};

struct basket_walk_memory {
    struct reached *slots;
    uint32_t *taken;     /* slots, in the order of their first use */
    uint32_t slot_count; /* a power of two */
};

struct walk {
    const struct model *model;
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

/* The part of a seed's weight that its rows get; popular items get the rest. */
static float trust(const struct model *model, uint32_t item)
{
    float bought = (float)model->items[item].counts.count[PAIR_PURCHASE];
    return bought / (bought + BASKET_TRUST);
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

/* One step from an item, with so much weight. */
static void step(struct walk *walk, uint32_t item, float weight, bool second)
{
    uint32_t most = second ? SECOND_ENTRIES_MAX : BASKET_ENTRIES_MAX;
    for (int kind = PAIR_CART; kind < PAIR_KINDS; kind++) {
        const struct row *rows = walk->model->items[item].rows[kind];
        double total = 0; /* both directions, relative to the base of the newer one */
        int32_t base = rows[0].base > rows[1].base ? rows[0].base : rows[1].base;
        for (int i = 0; i < PAIR_DIRECTIONS; i++)
            if (rows[i].count > 0)
                total += decay_shift(rows[i].total, rows[i].base - base);
        for (int i = 0; i < PAIR_DIRECTIONS && total > 0; i++) {
            const struct row *row = &rows[i];
            double factor = row->count ? decay_shift(1, row->base - base) / total : 0;
            for (uint32_t k = 0; k < row->count && k < most; k++) {
                struct reached *reached = reach(walk, row->entries[k].item);
                if (reached == NULL)
                    continue;
                float part = weight * kind_shares[kind] * (float)(row->entries[k].weight * factor);
                if (second) {
                    reached->two += part;
                    continue;
                }
                reached->one += part;
                if (part > reached->most) {
                    reached->most = part;
                    reached->cause = item;
                }
            }
        }
    }
}

static void first_steps(struct walk *walk, const struct basket *basket)
{
    float history = 0;
    for (uint32_t i = 0; i < basket->cart_count; i++)
        step(walk, basket->cart[i], trust(walk->model, basket->cart[i]) / (float)basket->cart_count,
             false);
    for (uint32_t i = 0; i < basket->history_count; i++)
        history += 1 / (1 + (float)i);
    for (uint32_t i = 0; i < basket->history_count; i++) {
        float share = 1 / (1 + (float)i) / history;
        step(walk, basket->history[i],
             BASKET_HISTORY * share * trust(walk->model, basket->history[i]), false);
        struct reached *own = reach(walk, basket->history[i]);
        if (own == NULL)
            continue;
        own->own += share;
        own->cause = own->cause == ITEM_NONE ? basket->history[i] : own->cause;
    }
}

static void second_steps(struct walk *walk)
{
    struct top_item frontier[BASKET_FRONTIER_MAX]; /* numbers in `taken` */
    uint32_t count = 0;
    for (uint32_t i = 0; i < walk->count; i++) {
        float one = walk->slots[walk->taken[i]].one;
        if (one > 0)
            count = top_keep(frontier, count, BASKET_FRONTIER_MAX,
                             (struct top_item){.item = i, .score = one});
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t item = walk->slots[walk->taken[frontier[i].item]].key - 1;
        step(walk, item, frontier[i].score, true);
    }
}

static bool in_cart(const struct basket *basket, uint32_t item)
{
    for (uint32_t i = 0; i < basket->cart_count; i++)
        if (basket->cart[i] == item)
            return true;
    return false;
}

static double recent_of(const struct model *model, uint32_t at)
{
    const struct item_counts *counts = &model->items[model->popular[at]].counts;
    return decay_shift(counts->recent, counts->base - model->items[model->popular[0]].counts.base);
}

static void add_popular(struct walk *walk, const struct basket *basket)
{
    const struct model *model = walk->model;
    float left = basket->cart_count ? 0 : 1;
    double recents[POPULAR_MAX], sum = 0;
    for (uint32_t i = 0; i < basket->cart_count; i++)
        left += (1 - trust(model, basket->cart[i])) / (float)basket->cart_count;
    for (uint32_t i = 0; i < model->popular_count; i++)
        sum += recents[i] = recent_of(model, i);
    for (uint32_t i = 0; i < model->popular_count && sum > 0; i++) {
        struct reached *reached = reach(walk, model->popular[i]);
        if (reached)
            reached->popular = (BASKET_POPULAR + left) * (float)(recents[i] / sum);
    }
}

static float score_of(const struct reached *reached)
{
    return reached->one + BASKET_HOP * reached->two + BASKET_OWN * reached->own + reached->popular;
}

/* Slots for all items that the walk can reach. */
static uint32_t slots_for(const struct model *model, const struct basket *basket)
{
    uint32_t entries = POPULAR_MAX + BASKET_FRONTIER_MAX * 2 * PAIR_DIRECTIONS * SECOND_ENTRIES_MAX;
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
                    const struct basket *basket, uint32_t length, struct top_item *ret_items)
{
    uint32_t slots = slots_for(model, basket), count = 0;
    grow(memory, slots);
    struct walk walk = {
        .model = model, .slots = memory->slots, .taken = memory->taken, .slot_count = slots};
    first_steps(&walk, basket);
    second_steps(&walk);
    add_popular(&walk, basket);
    for (uint32_t i = 0; i < walk.count; i++) {
        struct reached *reached = &walk.slots[walk.taken[i]];
        struct top_item item = {reached->key - 1, score_of(reached), reached->cause};
        reached->key = 0; /* free for the next walk */
        if (item.score > 0 && !in_cart(basket, item.item))
            count = top_keep(ret_items, count, length, item);
    }
    return count;
}

void basket_of(const struct model *model, const struct visitor *visitor, struct basket *ret_basket)
{
    ret_basket->cart_count =
        visitor_history_cart(visitor, model, BASKET_SEEDS_MAX, ret_basket->cart);
    ret_basket->history_count =
        visitor_history_bought(visitor, model, BASKET_SEEDS_MAX, ret_basket->history);
}
