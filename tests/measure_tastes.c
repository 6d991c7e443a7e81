/* Whether the tastes that the simulated mall's visitors were given are found: of the lists that
 * each known visitor would be shown at the end, how much is of their brands, their colour, near
 * what they spend, for those whom discounts draw, reduced, and of products that hardly anybody
 * knows; for what they viewed and bought by themselves, for popularity, and for the lists without
 * and with what products are.
 *
 *     measure_tastes [EVENTS [SEED [KEY=VALUE]...]] */
#include "processors/recommend/recommend.h"
#include "tests/measure_driver.h"
#include "tools/mall.h"

#define VISITORS 1500
#define PRODUCTS 3000
#define LENGTH 20
#define FRESH_VIEWS 20  /* fewer: hardly anybody knows the product */
#define KNOWN_EVENTS 20 /* of a visitor before they are looked at */
#define LONG_TASTES "brand_tastes,category_tastes,colour_tastes,price_tastes,discount_tastes"

static const char usage[] = "measure_tastes [EVENTS [SEED [KEY=VALUE]...]]";

struct sums {
    double items, fresh, brands, colours, price_off, drawn_items, drawn_discounts, other_items,
        other_discounts;
};

struct run {
    struct mall *mall;
    struct driver *driver;
    struct config config;
    uint32_t events[VISITORS];
    char keys[VISITORS][24];
    uint32_t views[PRODUCTS];
    struct sums viewed, bought; /* what they looked at and bought themselves */
    int64_t now_ms;
};

static void count(struct run *run, uint32_t visitor, uint32_t product, struct sums *sums)
{
    struct mall_taste taste = mall_taste(run->mall, visitor, product);
    sums->items++;
    sums->fresh += run->views[product] < FRESH_VIEWS;
    sums->brands += taste.brand;
    sums->colours += taste.colour;
    sums->price_off += taste.price_off;
    if (taste.bargains > .75) {
        sums->drawn_items++;
        sums->drawn_discounts += taste.discount;
    } else if (taste.bargains < .25) {
        sums->other_items++;
        sums->other_discounts += taste.discount;
    }
}

static uint32_t number_of(struct bytes id)
{
    return (uint32_t)strtoul(id.at + 1, NULL, 10);
}

static void live(struct run *run, uint32_t events)
{
    struct event event;
    struct error error = {0};
    enum fate fate;
    for (uint32_t i = 0; i < mall_product_count(run->mall); i++) {
        mall_product(run->mall, i, &event);
        driver_product(run->driver, &event);
    }
    for (uint32_t i = 0; i < events; i++) {
        mall_next(run->mall, &event);
        if (driver_event(run->driver, &event, &fate, &error) != VERDICT_OK)
            exit(1);
        struct bytes key = event_visitor(&event);
        run->now_ms = event.event_time_ms;
        if (*key.at == 'b')
            continue;
        uint32_t visitor = number_of(key);
        run->events[visitor]++;
        snprintf(run->keys[visitor], sizeof run->keys[visitor], "%.*s", (int)key.size, key.at);
        uint32_t product = event.item_count > 0 ? number_of(event.items[0].item_id) - 1 : 0;
        if (event.type == EVENT_VIEW) {
            run->views[product]++;
            count(run, visitor, product, &run->viewed);
        }
        if (event.type == EVENT_PURCHASE)
            count(run, visitor, product, &run->bought);
    }
}

static void count_lists(struct run *run, struct sums *ret_home)
{
    struct arena arena = {0};
    for (uint32_t v = 0; v < VISITORS; v++) {
        struct list lists[PLACEMENTS_MAX];
        bool again;
        struct visitor *visitor = NULL;
        if (run->events[v] >= KNOWN_EVENTS)
            visitor = driver_visitor(run->driver, bytes_text(run->keys[v]));
        if (visitor == NULL)
            continue;
        recommend_lists(driver_recommender(run->driver), driver_model(run->driver),
                        driver_catalogue(run->driver), visitor, LENGTH, &arena, lists, &again);
        for (uint32_t i = 0; i < lists[0].item_count; i++)
            count(run, v, number_of(lists[0].items[i].item_id) - 1, ret_home);
        arena_clear(&arena);
    }
    arena_release(&arena);
}

static void count_popular(struct run *run, struct sums *ret_popular)
{
    bool taken[PRODUCTS] = {false};
    for (uint32_t i = 0; i < LENGTH; i++) {
        uint32_t best = PRODUCTS;
        for (uint32_t k = 0; k < PRODUCTS; k++)
            if (!taken[k] && (best == PRODUCTS || run->views[k] > run->views[best]))
                best = k;
        taken[best] = true;
        for (uint32_t v = 0; v < VISITORS; v++)
            if (run->events[v] >= KNOWN_EVENTS)
                count(run, v, best, ret_popular);
    }
}

static void say(const char *name, const struct sums *sums)
{
    printf("%-28s of their brands %.3f, of their colour %.3f, |ln price off| %.3f, discount for "
           "those whom it draws %.4f, for the others %.4f, hardly known %.3f\n",
           name, sums->brands / sums->items, sums->colours / sums->items,
           sums->price_off / sums->items, sums->drawn_discounts / sums->drawn_items,
           sums->other_discounts / sums->other_items, sums->fresh / sums->items);
}

static void measure(const char *name, const char *off, uint32_t events, uint64_t seed, int argc,
                    char **argv, bool popular)
{
    struct run *run = memory_zero(1, sizeof *run);
    struct sums home = {0}, most = {0};
    struct mall_settings settings = {.seed = seed,
                                     .products = PRODUCTS,
                                     .visitors = VISITORS,
                                     .events_per_s = 20,
                                     .start_ms = 1767225600000};
    run->mall = mall_new(&settings);
    config_init(&run->config);
    config_set(&run->config, "placements.off", "product,cart,search,email,category", NULL);
    measure_assign(&run->config, argc, argv, 3, usage);
    if (off)
        CHECK(config_set(&run->config, "ranker.features.off", off, NULL) == VERDICT_OK);
    run->driver = measure_driver(&run->config, true, NULL, usage);
    live(run, events);
    count_lists(run, &home);
    if (popular) {
        count_popular(run, &most);
        say("what they viewed", &run->viewed);
        say("what they bought", &run->bought);
        say("popularity", &most);
    }
    say(name, &home);
    driver_free(run->driver);
    mall_free(run->mall);
    free(run);
}

int main(int argc, char **argv)
{
    uint32_t events = measure_number(argc, argv, 1, 45000);
    uint32_t seed = measure_number(argc, argv, 2, 1);
    measure("lists without products",
            "products,brands,categories,prices,discounts,similar," LONG_TASTES, events, seed, argc,
            argv, true);
    measure("without long-term tastes", LONG_TASTES, events, seed, argc, argv, false);
    measure("as configured", NULL, events, seed, argc, argv, false);
    return 0;
}
