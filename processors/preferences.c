/* Preferences: learns the visitor's tastes from each product that they view, put in the cart or
 * buy, as the catalogue has it at that moment. From an item that the catalogue does not have it
 * learns the event's price and discount. It runs after sessions, so that it learns only from
 * accepted events. Cart additions and purchases that are taken back lose what they taught. */
#include "processors/processor.h"

#include <math.h>

static bool taste_kind_of(const struct event *event, enum taste_kind *ret_kind)
{
    switch (event->type) {
    case EVENT_VIEW:
    case EVENT_CLICK:
        *ret_kind = TASTE_SEEN;
        return true;
    case EVENT_CART:
        *ret_kind = TASTE_CARTED;
        return event->action == CART_ADD;
    case EVENT_PURCHASE:
        *ret_kind = TASTE_BOUGHT;
        return event->status == PURCHASE_COMPLETED;
    default:
        return false;
    }
}

static uint32_t tag_of(const struct catalogue *catalogue, uint32_t word)
{
    return word == WORD_NONE ? 0 : taste_tag(catalogue->words.at[word].hash);
}

static struct tasted taste(const struct catalogue *catalogue, const struct event_item *item)
{
    static const enum word_kind kinds[TASTE_WORD_KINDS] = {
        [TASTE_COLOUR] = WORD_COLOUR,
        [TASTE_GENDER] = WORD_GENDER,
        [TASTE_AGE_GROUP] = WORD_AGE_GROUP,
    };
    struct tasted tasted = {.price = (float)item->price};
    if (item->price > 0 && item->discount > 0)
        tasted.discount = (float)(item->discount / (item->price + item->discount));
    uint32_t number = catalogue_find(catalogue, item->item_id);
    if (number == PRODUCT_NONE || catalogue->products[number].gone)
        return tasted;
    const struct product *product = &catalogue->products[number];
    tasted.brand = tag_of(catalogue, product->brand);
    tasted.category = tag_of(catalogue, product->category);
    if (product->price > 0) {
        tasted.price = product->price;
        tasted.discount = product_discount(product);
    }
    for (int kind = 0; kind < TASTE_WORD_KINDS; kind++) {
        struct words words = product_words(product, kinds[kind]);
        for (uint32_t i = 0; i < words.count && i < TASTE_WORDS_MAX; i++)
            tasted.words[kind][i] = tag_of(catalogue, words.at[i]);
    }
    return tasted;
}

/* Learns from an item, or takes back what it taught. */
static void learn(const struct context *context, struct preferences *preferences,
                  const struct event_item *item, enum taste_kind kind, int64_t time_ms, bool back)
{
    int64_t half_life_ms = context->settings->tastes_half_life_ms;
    catalogue_lock_read(context->catalogue);
    struct tasted tasted = taste(context->catalogue, item);
    catalogue_unlock_read(context->catalogue);
    if (back)
        preferences_unlearn(preferences, &tasted, kind, time_ms, half_life_ms);
    else
        preferences_learn(preferences, &tasted, kind, time_ms, half_life_ms);
}

/* Learns the changes that sessions found: taken back, or counted again. The product is taken as the
 * catalogue has it now. */
static void learn_changes(const struct context *context, const struct record *record,
                          struct preferences *preferences)
{
    for (uint32_t i = 0; i < record->change_count; i++) {
        const struct record_change *change = &record->changes[i];
        struct event_item item;
        event_item_init(&item);
        item.item_id = change->item_id;
        item.price = (double)change->price;
        learn(context, preferences, &item, change->purchase ? TASTE_BOUGHT : TASTE_CARTED,
              change->time_ms, change->taken_back);
    }
}

static enum verdict preferences_event(struct context *context, struct record *record,
                                      struct error *error)
{
    const struct event *event = &record->event;
    struct preferences preferences;
    enum taste_kind kind;
    (void)error;
    if (event->type != EVENT_SEARCH)
        for (uint32_t i = 0; i < event->item_count; i++)
            visitor_reset_shown(context->visitor, event->items[i].item_id);
    bool learns = event->item_count > 0 && taste_kind_of(event, &kind);
    if (context->settings->tastes_half_life_ms == 0 || (!learns && record->change_count == 0))
        return VERDICT_OK;
    visitor_preferences(context->visitor, &preferences);
    for (uint32_t i = 0; learns && i < event->item_count; i++)
        learn(context, &preferences, &event->items[i], kind, event->event_time_ms, false);
    learn_changes(context, record, &preferences);
    visitor_set_preferences(context->visitor, &preferences, context->scratch);
    return VERDICT_OK;
}

static const char *const inputs[] = {"clean", NULL};
static const char *const outputs[] = {NULL};
static const char *const reads[] = {"catalogue", NULL};

WEFT_STEP(preferences) = {
    .name = "preferences",
    .summary = "learns each visitor's brands, categories, colours, prices and discounts",
    .stage = STAGE_VISITORS,
    .after = "sessions",
    .inputs = inputs,
    .outputs = outputs,
    .reads = reads,
    .event = preferences_event,
};
