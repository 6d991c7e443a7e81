#include "processors/recommend/lists/filters.h"

#include "processors/recommend/lists/diversity.h"
#include "schemas/array.h"

#include <math.h>
#include <stdlib.h>

struct filters {
    struct item_filters item_filters;
    struct filter_item *spare; /* for sorting */
    uint32_t spare_capacity;
};

struct filters *filters_new(void)
{
    return memory_zero(1, sizeof(struct filters));
}

void filters_free(struct filters *filters)
{
    if (filters == NULL)
        return;
    free(filters->spare);
    free(filters);
}

/* ---- pins ---- */

/* The index of the item; *count: it is not among them. */
static uint32_t find_item(const struct filter_item *items, uint32_t count, struct bytes item_id)
{
    uint32_t at = 0;
    while (at < count && !bytes_equal(items[at].item_id, item_id))
        at++;
    return at;
}

/* Marks the pinned items, and adds those that are not among the items. */
static void pin_items(const struct item_filters *filters, struct filter_item *items,
                      uint32_t *count)
{
    const struct catalogue *catalogue = filters->query->catalogue;
    uint32_t added = 0;
    for (uint32_t i = 0; i < filters->rule_count; i++) {
        const struct merchandising_rule *rule = filters->rules[i].rule;
        struct bytes id = bytes_of(rule->text, rule->text_size);
        if (rule->action != RULE_PIN)
            continue;
        uint32_t at = find_item(items, *count, id);
        if (at == *count) {
            uint32_t product = catalogue ? catalogue_find(catalogue, id) : PRODUCT_NONE;
            if (product == PRODUCT_NONE || added == FILTER_PINS_MAX)
                continue;
            items[(*count)++] = (struct filter_item){
                .item_id = product_id(&catalogue->products[product]),
                .product = product,
                .origin = ORIGIN_PIN,
                .score = -INFINITY,
            };
            added++;
        }
        items[at].pinned = true;
        items[at].line = rule->line;
    }
}

/* The place, from 1, that the last of the item's rules pins it at. */
static uint32_t pinned_place(const struct item_filters *filters, const struct filter_item *item)
{
    uint32_t place = 0;
    for (uint32_t i = 0; i < filters->rule_count; i++) {
        const struct merchandising_rule *rule = filters->rules[i].rule;
        if (rule->action == RULE_PIN &&
            bytes_equal(item->item_id, bytes_of(rule->text, rule->text_size)))
            place = (uint32_t)rule->number;
    }
    return place;
}

/* ---- choosing ---- */

/* The list under way. */
struct choice {
    const struct item_filters *filters;
    const struct catalogue *catalogue; /* NULL: no product is known */
    struct filter_item *items;         /* the chosen ones come first */
    uint32_t count, chosen;
    uint32_t group_name; /* of variants (diversity.h) */
    float diversity;     /* 0: the items come by score */
    struct diversity_range range;
};

/* The removal of the item by itself, found out once. */
static enum removal removal_of(const struct choice *choice, struct filter_item *item)
{
    if (!item->judged)
        item->removal = item_filters_judge(choice->filters, item);
    item->judged = true;
    return item->removal;
}

static bool variant_chosen(const struct choice *choice, struct filter_item *item)
{
    if (item->product == PRODUCT_NONE)
        return false;
    if (item->variant == 0)
        item->variant = diversity_variant(choice->catalogue, item->product, choice->group_name);
    for (uint32_t i = 0; i < choice->chosen; i++)
        if (choice->items[i].product != PRODUCT_NONE && choice->items[i].variant == item->variant)
            return true;
    return false;
}

static bool brand_full(const struct choice *choice, const struct filter_item *item)
{
    const struct catalogue *catalogue = choice->catalogue;
    uint32_t count = 0, most = choice->filters->brand_max;
    if (most == 0 || item->product == PRODUCT_NONE ||
        catalogue->products[item->product].brand == WORD_NONE)
        return false;
    uint32_t brand = catalogue->products[item->product].brand;
    for (uint32_t i = 0; i < choice->chosen; i++)
        count += choice->items[i].product != PRODUCT_NONE &&
                 catalogue->products[choice->items[i].product].brand == brand;
    return count >= most;
}

/* Whether the list so far speaks against the item. */
static enum removal judge_in_list(const struct choice *choice, struct filter_item *item)
{
    if (variant_chosen(choice, item))
        return REMOVED_VARIANT;
    return brand_full(choice, item) ? REMOVED_BRAND : REMOVED_NOT;
}

/* Moves items[at] behind the chosen ones; the items between make room. */
static void choose(struct choice *choice, uint32_t at)
{
    struct filter_item item = choice->items[at];
    memmove(choice->items + choice->chosen + 1, choice->items + choice->chosen,
            (at - choice->chosen) * sizeof item);
    choice->items[choice->chosen++] = item;
    for (uint32_t i = choice->chosen, seen = 0;
         i < choice->count && seen < FILTER_WINDOW_MAX && choice->diversity > 0; i++) {
        struct filter_item *other = &choice->items[i];
        if (removal_of(choice, other) != REMOVED_NOT)
            continue;
        seen++;
        if (other->product == PRODUCT_NONE || item.product == PRODUCT_NONE)
            continue;
        float alike = diversity_alike(choice->catalogue, other->product, item.product);
        other->alike = alike > other->alike ? alike : other->alike;
    }
}

/* Chooses the next item that is pinned at this place or before; `any`: at whatever place. False:
 * there is none. */
static bool choose_pin(struct choice *choice, bool any)
{
    for (uint32_t i = choice->chosen; i < choice->count; i++) {
        struct filter_item *item = &choice->items[i];
        if (!item->pinned || item->removal != REMOVED_NOT ||
            (!any && pinned_place(choice->filters, item) > choice->chosen + 1))
            continue;
        if (variant_chosen(choice, item)) {
            item->removal = REMOVED_VARIANT;
            continue;
        }
        choose(choice, i);
        return true;
    }
    return false;
}

/* Chooses the next item by score, or by marginal relevance. False: there is none. */
static bool choose_next(struct choice *choice)
{
    uint32_t best = UINT32_MAX, seen = 0;
    float best_value = -INFINITY;
    for (uint32_t i = choice->chosen; i < choice->count && seen < FILTER_WINDOW_MAX; i++) {
        struct filter_item *item = &choice->items[i];
        if (removal_of(choice, item) != REMOVED_NOT || item->pinned)
            continue;
        enum removal removal = judge_in_list(choice, item);
        if (removal != REMOVED_NOT) { /* the list only grows, so the item stays out */
            item->removal = removal;
            item->line = removal == REMOVED_BRAND ? choice->filters->brand_line : 0;
            continue;
        }
        seen++;
        float value = item->score;
        if (choice->diversity > 0)
            value = diversity_value(choice->diversity, choice->range, value, item->alike);
        if (best == UINT32_MAX || value > best_value) {
            best = i;
            best_value = value;
        }
        if (!(choice->diversity > 0))
            break; /* the items are in order */
    }
    if (best == UINT32_MAX)
        return false;
    choose(choice, best);
    return true;
}

/* ---- the whole list ---- */

/* Sorts by score; equal scores stay in order: a merge sort, bottom up. */
static void sort_items(struct filters *filters, struct filter_item *items, uint32_t count)
{
    ARRAY_RESERVE(filters->spare, filters->spare_capacity, count);
    for (uint32_t width = 1; width < count; width *= 2) {
        for (uint32_t from = 0; from < count; from += 2 * width) {
            uint32_t middle = from + width < count ? from + width : count;
            uint32_t end = from + 2 * width < count ? from + 2 * width : count;
            uint32_t a = from, b = middle;
            for (uint32_t at = from; at < end; at++) {
                bool left = a < middle && (b >= end || items[a].score >= items[b].score);
                filters->spare[at] = left ? items[a++] : items[b++];
            }
        }
        memcpy(items, filters->spare, count * sizeof *items);
    }
}

/* Judges all items and adjusts their scores. Returns whether a score changed. */
static bool judge_all(const struct choice *choice)
{
    bool adjusted = false;
    for (uint32_t i = 0; i < choice->count; i++) {
        struct filter_item *item = &choice->items[i];
        float before = item->score;
        removal_of(choice, item);
        item_filters_adjust(choice->filters, item);
        adjusted = adjusted || item->score > before || item->score < before;
    }
    return adjusted;
}

/* The range of the first items' scores that are not removed. */
static struct diversity_range find_range(const struct choice *choice)
{
    float high = -INFINITY, low = INFINITY;
    for (uint32_t i = 0, seen = 0; i < choice->count && seen < FILTER_WINDOW_MAX; i++) {
        struct filter_item *item = &choice->items[i];
        if (removal_of(choice, item) != REMOVED_NOT || item->origin == ORIGIN_PIN)
            continue;
        seen++;
        high = item->score > high ? item->score : high;
        low = item->score < low ? item->score : low;
    }
    return (struct diversity_range){.high = high, .spread = high - low};
}

uint32_t filters_apply(struct filters *filters, const struct filter_query *query,
                       struct filter_item *items, uint32_t *count, uint32_t length)
{
    struct item_filters *item_filters = &filters->item_filters;
    item_filters_begin(item_filters, query);
    pin_items(item_filters, items, count);
    struct choice choice = {
        .filters = item_filters,
        .catalogue = query->catalogue,
        .items = items,
        .count = *count,
        .group_name = query->catalogue ? diversity_group_name(query->catalogue) : WORD_NONE,
        .diversity = query->catalogue ? item_filters->diversity : 0,
    };
    for (uint32_t i = 0; i < *count; i++) {
        items[i].removal = REMOVED_NOT;
        items[i].judged = false;
    }
    /* If the order stays as it came, only the items that may be chosen need to be judged. */
    if ((item_filters->reorder || !query->shown_only) && judge_all(&choice))
        sort_items(filters, items, *count);
    if (choice.diversity > 0)
        choice.range = find_range(&choice);
    while (choice.chosen < length)
        if (!choose_pin(&choice, false) && !choose_next(&choice) && !choose_pin(&choice, true))
            break;
    for (uint32_t i = choice.chosen; i < *count; i++)
        if (items[i].removal == REMOVED_NOT)
            items[i].removal = REMOVED_LENGTH;
    return choice.chosen;
}
