/* Measures what the lists of an event cost in a large shop: microseconds of CPU time of all
 * placements together, by kind of event and over all, in the second half of the events of a
 * simulated mall whose products have so many attributes. The first half is learned from, lists and
 * all. Run by tools/bench catalogue.
 *
 *     measure_large [PRODUCTS [ATTRIBUTES [EVENTS [KEY=VALUE]...]]]      prints one JSON object */
#include "processors/recommend/recommend.h"
#include "tests/measure_driver.h"
#include "tools/mall.h"

#define NAMES 900 /* distinct attributes of the shop */
#define VALUES 100
#define ATTRIBUTES_MAX 200

struct meter {
    struct list_watcher watcher; /* first */
    struct measure_rows rows;
    double since_s;
    bool measures;
};

static void add_time(struct meter *meter, const char *name, double seconds)
{
    measure_add(&meter->rows, measure_row(&meter->rows, name), seconds * 1e6);
}

/* A ranking counts to the first placement that needs it. */
static void made(struct list_watcher *watcher, const char *placement,
                 const struct filter_item *items, uint32_t shown, uint32_t count)
{
    struct meter *meter = (struct meter *)(void *)watcher;
    double now_s = measure_now_s();
    (void)items;
    (void)shown;
    (void)count;
    if (meter->measures)
        add_time(meter, placement, now_s - meter->since_s);
    meter->since_s = measure_now_s();
}

/* As many attributes as the shop gives its products, of the 900 that it has. */
static void add_attributes(struct random *random, struct arena *arena, struct event *product,
                           uint32_t attributes)
{
    struct bytes *pairs = arena_get(arena, 2 * ATTRIBUTES_MAX * sizeof *pairs);
    uint32_t count = (uint32_t)product->attributes.count;
    memcpy(pairs, product->attributes.at, 2 * count * sizeof *pairs);
    uint32_t first = (uint32_t)bytes_hash(product->categories.at[0]) % NAMES;
    for (; count < attributes; count++) {
        char name[32], value[32];
        int name_size = snprintf(name, sizeof name, "attribute %u", (first + count * 13) % NAMES);
        int value_size = snprintf(value, sizeof value, "value %u", measure_skewed(random, VALUES));
        pairs[2 * count] = arena_copy(arena, bytes_of(name, (size_t)name_size));
        pairs[2 * count + 1] = arena_copy(arena, bytes_of(value, (size_t)value_size));
    }
    product->attributes = (struct event_pairs){.at = pairs, .count = count};
}

/* In an order of chance: the mall makes the most popular ones first. */
static void put_products(const struct mall *mall, struct driver *driver, uint32_t attributes)
{
    struct random random = random_from(1);
    struct arena arena = {0};
    uint32_t count = mall_product_count(mall);
    uint32_t *order = memory_get(count * sizeof *order);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t k = random_below(&random, i + 1);
        order[i] = order[k];
        order[k] = i;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct event product;
        mall_product(mall, order[i], &product);
        add_attributes(&random, &arena, &product, attributes);
        driver_product(driver, &product);
        arena_clear(&arena);
    }
    free(order);
    arena_release(&arena);
}

static void visit(struct mall *mall, struct driver *driver, const struct config *config,
                  struct meter *meter, uint32_t events)
{
    struct recommender *recommender = driver_recommender(driver);
    struct arena arena = {0};
    recommender_watch(recommender, &meter->watcher);
    for (uint32_t i = 0; i < events; i++) {
        struct event event;
        struct error error = {0};
        struct list lists[PLACEMENTS_MAX];
        enum fate fate;
        bool again;
        mall_next(mall, &event);
        CHECK(driver_event(driver, &event, &fate, &error) == VERDICT_OK);
        struct visitor *visitor = driver_visitor(driver, event_visitor(&event));
        if (visitor == NULL)
            continue;
        meter->measures = i >= events / 2;
        double from_s = meter->since_s = measure_now_s();
        recommend_lists(recommender, driver_model(driver), driver_catalogue(driver), visitor,
                        config->settings.list_items, &arena, lists, &again);
        double seconds = measure_now_s() - from_s;
        arena_clear(&arena);
        if (meter->measures) {
            char name[32];
            snprintf(name, sizeof name, "all after a %s", event_type_names[event.type]);
            add_time(meter, "all", seconds);
            add_time(meter, name, seconds);
        }
    }
    arena_release(&arena);
}

static void print(struct meter *meter, uint32_t products, double load_s)
{
    printf("{\"products\":%u,\"load_s\":%.1f", products, load_s);
    for (uint32_t i = 0; i < meter->rows.count; i++) {
        printf(",\n ");
        measure_print(&meter->rows.at[i]);
        printf("}");
    }
    printf("}\n");
}

int main(int argc, char **argv)
{
    static const char usage[] = "measure_large [PRODUCTS [ATTRIBUTES [EVENTS [KEY=VALUE]...]]]";
    struct mall_settings settings = {.seed = 1,
                                     .products = measure_number(argc, argv, 1, 1000000),
                                     .visitors = 20000,
                                     .events_per_s = 50,
                                     .start_ms = 1767225600000};
    uint32_t attributes = measure_number(argc, argv, 2, 50);
    uint32_t events = measure_number(argc, argv, 3, 200000);
    struct config *config = memory_zero(1, sizeof *config);
    struct meter *meter = memory_zero(1, sizeof *meter);
    struct error error = {0};
    if (settings.products == 0 || attributes > ATTRIBUTES_MAX)
        measure_check(error_set(&error, VERDICT_SKIP, "PRODUCTS is 0, or ATTRIBUTES above %d",
                                ATTRIBUTES_MAX),
                      usage, &error);
    config_init(config);
    config_set(config, "placements.off", "", NULL);
    measure_assign(config, argc, argv, 4, usage);
    struct driver *driver = measure_driver(config, false, NULL, usage);
    struct search_index *search = search_index_new(driver_catalogue(driver));
    recommender_set_search(driver_recommender(driver), search);
    meter->watcher = (struct list_watcher){.shown_only = true, .filtered = made};
    struct mall *mall = mall_new(&settings);
    double from_s = measure_now_s();
    put_products(mall, driver, attributes);
    double load_s = measure_now_s() - from_s;
    visit(mall, driver, config, meter, events);
    print(meter, settings.products, load_s);
    mall_free(mall);
    driver_free(driver);
    search_index_free(search);
    measure_release(&meter->rows);
    free(meter);
    free(config);
    return 0;
}
