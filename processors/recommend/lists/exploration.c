#include "processors/recommend/lists/exploration.h"

#include "schemas/draw.h"

#include <math.h>

/* ---- the draws ---- */

double explore_random(uint64_t *state)
{
    return draw_unit(draw_next(state));
}

uint32_t explore_places(const struct explore_settings *settings, uint32_t length, uint64_t *state)
{
    double places = (double)settings->share * length;
    uint32_t whole = (uint32_t)places;
    if (explore_random(state) < places - whole)
        whole++;
    return whole < EXPLORE_PLACES_MAX ? whole : EXPLORE_PLACES_MAX;
}

uint32_t explore_draw(const struct explore_option *options, uint32_t count, uint64_t *state,
                      float *ret_propensity)
{
    double chances[EXPLORE_OPTIONS_MAX], all = 0, clicks = 0, most = -INFINITY;
    count = count < EXPLORE_OPTIONS_MAX ? count : EXPLORE_OPTIONS_MAX;
    for (uint32_t i = 0; i < count; i++)
        clicks += options[i].clicks;
    for (uint32_t i = 0; i < count; i++) {
        chances[i] =
            (double)options[i].score + sqrt(2 * log(1 + clicks) / (1.0 + options[i].clicks));
        most = chances[i] > most ? chances[i] : most;
    }
    for (uint32_t i = 0; i < count; i++)
        all += chances[i] = exp(chances[i] - most);
    double left = explore_random(state) * all;
    uint32_t drawn = 0;
    while (drawn + 1 < count && left >= chances[drawn])
        left -= chances[drawn++];
    *ret_propensity = (float)(chances[drawn] / all);
    return drawn;
}

/* ---- the options ---- */

static uint32_t clicks_of(const struct model *model, uint32_t item)
{
    uint64_t sum = 0;
    if (item_is_product(item))
        return 0;
    for (int kind = 0; kind < PAIR_KINDS; kind++)
        sum += model->items[item].counts.count[kind];
    return sum < UINT32_MAX ? (uint32_t)sum : UINT32_MAX;
}

static bool is_new(const struct explore_settings *settings, const struct catalogue *catalogue,
                   uint32_t product, uint32_t clicks)
{
    return product != PRODUCT_NONE && product_available(&catalogue->products[product]) &&
           clicks < settings->clicks;
}

/* An option's `at` is its index in `items`, or `count` + product for one of the newest products. */
static uint32_t find_options(const struct explore_settings *settings,
                             const struct ranked_candidates *ranked,
                             const struct filter_item *items, uint32_t count, uint32_t length,
                             struct explore_option *ret_options)
{
    const struct model *model = ranked->query.model;
    const struct catalogue *catalogue = ranked->query.catalogue;
    uint32_t found = 0;
    for (uint32_t i = length; i < count && found < EXPLORE_OPTIONS_MAX; i++) {
        if (items[i].origin != ORIGIN_CANDIDATE)
            continue;
        uint32_t clicks = clicks_of(model, ranked->candidates.at[items[i].index].item);
        if (is_new(settings, catalogue, items[i].product, clicks))
            ret_options[found++] = (struct explore_option){items[i].score, clicks, i};
    }
    float least = count > 0 ? items[count - 1].score : 0;
    for (uint32_t age = 0; age < EXPLORE_NEWEST_MAX && found < EXPLORE_OPTIONS_MAX; age++) {
        uint32_t product = catalogue_newest(catalogue, age);
        if (product == PRODUCT_NONE)
            continue;
        uint32_t item = query_item(&ranked->query, product);
        uint32_t clicks = clicks_of(model, item);
        if (is_new(settings, catalogue, product, clicks) && ranked_rank(ranked, item) == 0)
            ret_options[found++] = (struct explore_option){least, clicks, count + product};
    }
    return found;
}

/* ---- the list ---- */

struct drawn {
    struct filter_item items[EXPLORE_PLACES_MAX];
    uint32_t count;
    bool moved[RANKED_MAX]; /* by index of the list's items: it was drawn */
};

static void draw_items(struct explore_option *options, uint32_t option_count, uint32_t places,
                       const struct catalogue *catalogue, const struct filter_item *items,
                       uint32_t count, uint64_t *state, struct drawn *drawn)
{
    for (; drawn->count < places && option_count > 0; drawn->count++) {
        struct filter_item *item = &drawn->items[drawn->count];
        float propensity;
        uint32_t which = explore_draw(options, option_count, state, &propensity);
        uint32_t at = options[which].at;
        options[which] = options[--option_count];
        if (at < count) {
            *item = items[at];
            drawn->moved[at] = true;
        } else {
            *item = (struct filter_item){
                .item_id = product_id(&catalogue->products[at - count]),
                .product = at - count,
                .origin = ORIGIN_NEW,
            };
        }
        item->propensity = propensity;
    }
}

uint32_t explore_items(const struct explore_settings *settings,
                       const struct ranked_candidates *ranked, const struct visitor *visitor,
                       const char *placement, uint32_t length, struct filter_item *items,
                       uint32_t count)
{
    const struct catalogue *catalogue = ranked->query.catalogue;
    struct explore_option options[EXPLORE_OPTIONS_MAX];
    struct drawn drawn = {.count = 0};
    uint64_t state = ranked->query.visitor ^ hash_join(0, (uint64_t)visitor->accepted) ^
                     bytes_hash(bytes_text(placement));
    if (catalogue == NULL)
        return count;
    uint32_t places = explore_places(settings, length, &state);
    if (places == 0)
        return count;
    uint32_t option_count = find_options(settings, ranked, items, count, length, options);
    draw_items(options, option_count, places, catalogue, items, count, &state, &drawn);
    uint32_t total = 0;
    for (uint32_t i = 0; i < count; i++)
        if (!drawn.moved[i])
            items[total++] = items[i];
    for (uint32_t i = 0; i < drawn.count; i++, total++) {
        struct filter_item *item = &drawn.items[i];
        uint32_t first = length / 2, most = length < total ? length : total;
        uint32_t at = first + (uint32_t)(explore_random(&state) * (length - first));
        at = at < most ? at : most;
        item->score = at < total ? items[at].score : at > 0 ? items[at - 1].score : 0;
        memmove(items + at + 1, items + at, (total - at) * sizeof *items);
        items[at] = *item;
    }
    return total;
}
