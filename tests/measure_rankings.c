/* Measures rankings at size: what folding costs an event, how long the fold's thread is held up by
 * the copy that rankings are made from, how long making them takes, and the longest that the
 * catalogue's lock is held. Run by tools/bench rankings.
 *
 *     measure_rankings [ITEMS [EVENTS [TERMS]]]      prints one JSON object */
#include "processors/recommend/rankings/rankings.h"
#include "processors/recommend/search/query_history.h"
#include "tests/measure.h"
#include "tests/steps.h"

#define START_MS 1700000000000

static void put_product(struct catalogue *catalogue, struct random *random, uint32_t number)
{
    static const char *const genders[] = {"female", "male", "unisex"};
    char id[24], title[80], brand[24], path[80], colour[24];
    uint32_t kind = measure_skewed(random, 600);
    struct event event;
    snprintf(id, sizeof id, "item-%08u", number);
    snprintf(title, sizeof title, "fine thing%u model%u", kind, number);
    snprintf(brand, sizeof brand, "Brand%u", measure_skewed(random, 3000));
    snprintf(path, sizeof path, "Department %u > Section %u > Kind %u", kind % 9, kind % 60, kind);
    snprintf(colour, sizeof colour, "colour %u", measure_skewed(random, 60));
    struct bytes paths = bytes_text(path), colours = bytes_text(colour),
                 gender = bytes_text(genders[random_below(random, 3)]),
                 age_group = bytes_text(random_one_in(random, 4) ? "kids" : "adult");
    event_init(&event, EVENT_PRODUCT);
    event.item_id = bytes_text(id);
    event.title = bytes_text(title);
    event.item_brand = bytes_text(brand);
    event.categories = (struct event_strings){&paths, 1, 0};
    event.colors = (struct event_strings){&colours, 1, 0};
    event.genders = (struct event_strings){&gender, 1, 0};
    event.age_groups = (struct event_strings){&age_group, 1, 0};
    event.availability = random_one_in(random, 20) ? OUT_OF_STOCK : IN_STOCK;
    catalogue_put(catalogue, &event);
}

static void make_interaction(struct random *random, uint32_t items, uint32_t terms, uint32_t number,
                             char *id, char *term, struct interaction *ret_interaction)
{
    static const enum kind kinds[] = {KIND_VIEW, KIND_VIEW, KIND_VIEW, KIND_CART, KIND_PURCHASE};
    snprintf(id, 24, "item-%08u", number < items ? number : measure_skewed(random, items));
    *ret_interaction = (struct interaction){
        .event_id = bytes_of(&number, sizeof number),
        .kind = kinds[random_below(random, 5)],
        .subject = bytes_text(id),
        .event_time_ms = START_MS + number * 500ll,
    };
    if (terms == 0 || random_below(random, 5) != 0)
        return;
    snprintf(term, 24, "thing%u", measure_skewed(random, terms));
    ret_interaction->search_term = bytes_text(term);
}

struct ranking_counter {
    struct rankings_sink sink;
    struct buffer record;
    uint64_t records, bytes;
};

static bool count_ranking(struct rankings_sink *self, const struct ranking *ranking)
{
    struct ranking_counter *counter = (struct ranking_counter *)(void *)self;
    buffer_clear(&counter->record);
    ranking_write_json(ranking, &counter->record);
    counter->records++;
    counter->bytes += counter->record.size;
    return true;
}

int main(int argc, char **argv)
{
    uint32_t items = measure_number(argc, argv, 1, 200000);
    uint32_t events = measure_number(argc, argv, 2, 1000000);
    uint32_t terms = measure_number(argc, argv, 3, 600);
    const struct catalogue_limits catalogue_limits = {2000000, 10000, 1000000, 100};
    const struct model_limits limits = {.items_max = 2000000,
                                        .row_entries_max = 8,
                                        .pair_half_life_ms = 7776000000,
                                        .popular_half_life_ms = 259200000,
                                        .quick_half_life_ms = 21600000,
                                        .queries = {100000, 50}};
    const struct rankings_settings settings = {.length = 50, .scopes_max = 2000, .terms_max = 1000};
    const struct filter_settings filters = {0};
    struct random random = {.state = 1};
    struct catalogue *catalogue = catalogue_new(&catalogue_limits);
    struct search_index *search = search_index_new(catalogue);
    struct model *model = model_new(&limits);
    struct rankings_view view = {0};
    for (uint32_t i = 0; i < items; i++)
        put_product(catalogue, &random, i);
    double fold_s = 0;
    for (uint32_t i = 0; i < events; i++) {
        char id[24], term[24];
        struct interaction interaction;
        make_interaction(&random, items, terms, i, id, term, &interaction);
        model_intern(model, interaction.subject, 0); /* as the steps before do */
        weft_step_queries.interaction(model, &interaction);
        double from = measure_now_s();
        weft_step_trends.interaction(model, &interaction);
        fold_s += measure_now_s() - from;
    }
    double clock_s = measure_now_s(); /* what looking at the clock costs in that */
    for (uint32_t i = 0; i < 100000; i++)
        measure_now_s();
    clock_s = (measure_now_s() - clock_s) / 100000;
    rankings_collect(&view, model, 1, &settings); /* its memory is there from now on */
    double take_s = measure_now_s();
    rankings_collect(&view, model, 1, &settings);
    take_s = measure_now_s() - take_s;
    struct ranking_counter counter = {.sink.ranking = count_ranking};
    const struct rankings_inputs inputs = {
        .catalogue = catalogue, .search = search, .filters = &filters, .settings = &settings};
    double make_s = measure_now_s();
    uint32_t out = rankings_build(&view, &inputs, &counter.sink);
    make_s = measure_now_s() - make_s;
    printf("{\"items\":%u,\"events\":%u,\"fold_us\":%.3f,\"bytes_an_item\":%.0f,\"take_ms\":%.1f,"
           "\"make_ms\":%.0f,\"records\":%llu,\"record_bytes\":%.0f,\"scopes_out\":%u,"
           "\"terms\":%u}\n",
           items, events, (fold_s / events - clock_s) * 1e6,
           (double)trends_bytes(model->trends) / items, take_s * 1e3, make_s * 1e3,
           (unsigned long long)counter.records, (double)counter.bytes / (double)counter.records,
           out, view.term_count);
    rankings_release(&view);
    buffer_release(&counter.record);
    model_free(model);
    catalogue_free(catalogue);
    search_index_free(search);
    return 0;
}
