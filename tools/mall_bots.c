#include "tools/mall_bots.h"

#include "tools/mall_draw.h"

#include <stdio.h>
#include <stdlib.h>

enum bot_kind { BOT_FAST, BOT_SLOW, BOT_STUFFER, BOT_KINDS };
static const char *const kind_names[BOT_KINDS] = {"fast", "slow", "stuffer"};

#define SLOW_S 30.0
#define STUFFER_S 10.0
#define FAST_S_MIN .02

struct mall_bots {
    struct mall_settings settings;
    uint64_t random;
    uint32_t count;
    int64_t *next_ms; /* by bot; its kind is its number modulo BOT_KINDS */
    uint32_t first;   /* the bot with the earliest next event */
    double pause_s[BOT_KINDS];
    uint64_t event_number;
    struct event event;
    struct event_item item;
    char event_id[64], visitor_id[32], item_id[EVENT_ID_BYTES_MAX + 1];
};

static void find_first(struct mall_bots *bots)
{
    bots->first = 0;
    for (uint32_t i = 1; i < bots->count; i++)
        if (bots->next_ms[i] < bots->next_ms[bots->first])
            bots->first = i;
}

struct mall_bots *mall_bots_new(const struct mall_settings *settings, double share)
{
    struct mall_bots *bots = memory_zero(1, sizeof *bots);
    bots->settings = *settings;
    bots->random = draw_mix(settings->seed + 77);
    bots->count = settings->visitors / (MALL_BOTS_OF - 1);
    bots->count = bots->count < BOT_KINDS ? BOT_KINDS : bots->count;
    bots->next_ms = memory_get(bots->count * sizeof *bots->next_ms);
    double of_each = bots->count / (double)BOT_KINDS;
    double fast_per_s =
        settings->events_per_s * share / (1 - share) - of_each * (1 / SLOW_S + 1 / STUFFER_S);
    double fast_s = fast_per_s > 0 ? of_each / fast_per_s : 1e9;
    bots->pause_s[BOT_FAST] = fast_s > FAST_S_MIN ? fast_s : FAST_S_MIN;
    bots->pause_s[BOT_SLOW] = SLOW_S;
    bots->pause_s[BOT_STUFFER] = STUFFER_S;
    for (uint32_t i = 0; i < bots->count; i++)
        bots->next_ms[i] = settings->start_ms + (int64_t)(mall_uniform(&bots->random) * 60000);
    find_first(bots);
    return bots;
}

void mall_bots_free(struct mall_bots *bots)
{
    if (bots == NULL)
        return;
    free(bots->next_ms);
    free(bots);
}

int64_t mall_bots_time(const struct mall_bots *bots)
{
    return bots->next_ms[bots->first];
}

void mall_bots_next(struct mall_bots *bots, const struct mall *mall, struct event *ret_event)
{
    uint32_t bot = bots->first;
    enum bot_kind kind = bot % BOT_KINDS;
    struct event *event = &bots->event, product;
    mall_product(mall, mall_below(&bots->random, mall_product_count(mall)), &product);
    event_init(event, kind == BOT_STUFFER ? EVENT_CART : EVENT_VIEW);
    snprintf(bots->event_id, sizeof bots->event_id, "b%llx-%llx-%llu",
             (unsigned long long)bots->settings.seed, (unsigned long long)bots->settings.run,
             (unsigned long long)bots->event_number++);
    snprintf(bots->visitor_id, sizeof bots->visitor_id, "bot-%s-%u", kind_names[kind], bot);
    snprintf(bots->item_id, sizeof bots->item_id, "%.*s", (int)product.item_id.size,
             product.item_id.at);
    event_item_init(&bots->item);
    bots->item.item_id = bytes_text(bots->item_id);
    bots->item.price = product.price;
    event->event_id = bytes_text(bots->event_id);
    event->visitor_id = bytes_text(bots->visitor_id);
    event->channel = bytes_text("web");
    event->event_time_ms = bots->next_ms[bot];
    event->action = CART_ADD;
    event->items = &bots->item;
    event->item_count = 1;
    bots->next_ms[bot] +=
        1 + (int64_t)(bots->pause_s[kind] * 1000 * (.5 + mall_uniform(&bots->random)));
    find_first(bots);
    *ret_event = *event;
}
