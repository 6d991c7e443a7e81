/* Measures the lists of items at size: what the lists of one item cost, how long the locks are held
 * for a step of the publisher, how large the records are, and how many of them a minute of events
 * changes. Run by tools/bench rankings.
 *
 *     measure_items [ITEMS [EVENTS [MORE]]]      prints one JSON object */
#include "processors/recommend/rankings/item_lists.h"
#include "tests/measure.h"
#include "tests/steps.h"

#include <stdlib.h>

#define START_MS 1700000000000
#define SESSION_ITEMS 6 /* of a session: near each other in number */
#define STEP 8          /* items under one lock, as in publish_items.c */

static void put_product(struct catalogue *catalogue, struct random *random, uint32_t number)
{
    char id[24], title[80], brand[24], path[80], colour[24];
    struct event event;
    snprintf(id, sizeof id, "item-%08u", number);
    snprintf(title, sizeof title, "fine thing%u model%u", number % 600, number);
    snprintf(brand, sizeof brand, "Brand%u", measure_skewed(random, 3000));
    snprintf(path, sizeof path, "Department %u > Section %u > Kind %u", number / 64 % 9,
             number / 64 % 60, number / 64 % 600);
    snprintf(colour, sizeof colour, "colour %u", measure_skewed(random, 60));
    struct bytes paths = bytes_text(path), colours = bytes_text(colour);
    event_init(&event, EVENT_PRODUCT);
    event.item_id = bytes_text(id);
    event.title = bytes_text(title);
    event.item_brand = bytes_text(brand);
    event.categories = (struct event_strings){&paths, 1, 0};
    event.colors = (struct event_strings){&colours, 1, 0};
    event.price = 10 + number % 90;
    event.availability = random_one_in(random, 20) ? OUT_OF_STOCK : IN_STOCK;
    catalogue_put(catalogue, &event);
}

/* A session of views, or now and then of carts or purchases, around one item. */
static void fold_session(struct model *model, struct random *random, uint32_t items,
                         uint32_t number)
{
    static const enum kind kinds[] = {KIND_VIEW, KIND_VIEW, KIND_VIEW, KIND_CART, KIND_PURCHASE};
    enum kind kind = kinds[random_below(random, 5)];
    uint32_t base =
        number < items / SESSION_ITEMS ? number * SESSION_ITEMS : measure_skewed(random, items);
    char ids[SESSION_ITEMS][24];
    for (uint32_t i = 0; i < SESSION_ITEMS; i++) {
        uint32_t item = number < items / SESSION_ITEMS ? i : measure_skewed(random, 64);
        snprintf(ids[i], sizeof ids[i], "item-%08u", (base + item) % items);
        struct interaction interaction = {
            .event_id = bytes_of(&number, sizeof number),
            .kind = kind,
            .subject = bytes_text(ids[i]),
            .visitor = number + 1,
            .event_time_ms = START_MS + ((int64_t)number * SESSION_ITEMS + i) * 1,
        };
        for (uint32_t k = 0; k < i; k++)
            interaction.before[interaction.before_count++] =
                (struct neighbour){.item_id = bytes_text(ids[i - 1 - k]),
                                   .event_time_ms = interaction.event_time_ms - k - 1};
        weft_step_cooccurrence.interaction(model, &interaction);
        weft_step_popularity.interaction(model, &interaction);
        weft_step_embeddings.interaction(model, &interaction);
        weft_step_trends.interaction(model, &interaction);
    }
}

struct round {
    uint64_t *versions; /* by item */
    uint64_t made, changed, bytes;
    double s, step_s_max;
};

static void make_round(const struct item_lists_inputs *inputs, uint32_t items, struct round *round)
{
    struct item_lists_maker *maker = item_lists_maker_new();
    struct buffer record = {0};
    round->made = round->changed = round->bytes = 0;
    round->step_s_max = 0;
    double from_s = measure_now_s(), step_s = from_s;
    for (uint32_t i = 0; i < items; i++) {
        char id[24];
        snprintf(id, sizeof id, "item-%08u", i);
        const struct item_lists *lists = item_lists_make(maker, inputs, bytes_text(id));
        uint64_t version = lists ? item_lists_version(lists) : 0;
        if (lists && version != round->versions[i]) {
            buffer_clear(&record);
            item_lists_write_json(lists, &record);
            round->bytes += record.size;
            round->changed++;
        }
        round->made += lists != NULL;
        round->versions[i] = version;
        if (i % STEP != STEP - 1)
            continue;
        double now_s = measure_now_s();
        round->step_s_max = now_s - step_s > round->step_s_max ? now_s - step_s : round->step_s_max;
        step_s = now_s;
    }
    round->s = measure_now_s() - from_s;
    buffer_release(&record);
    item_lists_maker_free(maker);
}

int main(int argc, char **argv)
{
    uint32_t items = measure_number(argc, argv, 1, 200000);
    uint32_t events = measure_number(argc, argv, 2, 2000000);
    uint32_t more = measure_number(argc, argv, 3, 60000);
    const struct catalogue_limits catalogue_limits = {2000000, 10000, 1000000, 100};
    const struct model_limits limits = {.items_max = 2000000,
                                        .row_entries_max = 100,
                                        .pair_half_life_ms = 7776000000,
                                        .popular_half_life_ms = 259200000,
                                        .quick_half_life_ms = 21600000,
                                        .vectors = {.items_max = 2000000, .ring_max = 200000}};
    const struct filter_settings filters = {0};
    struct random random = {.state = 1};
    struct catalogue *catalogue = catalogue_new(&catalogue_limits);
    struct model *model = model_new(&limits);
    for (uint32_t i = 0; i < items; i++)
        put_product(catalogue, &random, i);
    uint32_t sessions = 0;
    for (; sessions < events / SESSION_ITEMS; sessions++)
        fold_session(model, &random, items, sessions);
    const struct item_lists_inputs inputs = {
        .model = model, .catalogue = catalogue, .filters = &filters, .length = 12};
    struct round round = {.versions = memory_zero(items, sizeof *round.versions)};
    make_round(&inputs, items, &round);
    printf("{\"items\":%u,\"events\":%u,\"lists\":%llu,\"us_an_item\":%.1f,\"step_us_max\":%.0f,"
           "\"record_bytes\":%.0f",
           items, events, (unsigned long long)round.made, round.s / items * 1e6,
           round.step_s_max * 1e6, (double)round.bytes / (double)(round.changed + !round.changed));
    for (uint32_t i = 0; i < more / SESSION_ITEMS; i++)
        fold_session(model, &random, items, sessions++);
    make_round(&inputs, items, &round);
    printf(",\"more\":%u,\"changed\":%llu,\"changed_bytes\":%llu}\n", more,
           (unsigned long long)round.changed, (unsigned long long)round.bytes);
    free(round.versions);
    model_free(model);
    catalogue_free(catalogue);
    return 0;
}
