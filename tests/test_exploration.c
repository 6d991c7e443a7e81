/* Exploration and newcomers: draws come as often as they say, places as many as they may, and lists
 * hold new products where they should, the same on every run. */
#include "processors/recommend/lists/exploration.h"

#include "processors/runtime/driver.h"
#include "tests/test.h"

#define START_MS 1700000000000
#define DRAWS 200000

static void test_draws(void)
{
    static const struct explore_option options[] = {
        {1, 0, 0}, {1, 10, 1}, {2.5f, 3, 2}, {-300, 0, 3}, {-1, 1, 4}};
    uint32_t times[5] = {0};
    float propensities[5] = {0};
    uint64_t state = 7;
    for (int i = 0; i < DRAWS; i++) {
        float propensity;
        uint32_t drawn = explore_draw(options, 5, &state, &propensity);
        CHECK(times[drawn]++ == 0 || fabsf(propensities[drawn] - propensity) < 1e-9f);
        propensities[drawn] = propensity;
    }
    double clicks = 14, all = 0;
    for (int i = 0; i < 5; i++)
        all +=
            exp((double)options[i].score + sqrt(2 * log(1 + clicks) / (1.0 + options[i].clicks)));
    for (int i = 0; i < 5; i++) {
        double chance =
            exp((double)options[i].score + sqrt(2 * log(1 + clicks) / (1.0 + options[i].clicks))) /
            all;
        CHECK_SAY(fabs(times[i] / (double)DRAWS - chance) < 5 * sqrt(chance / DRAWS) + 1e-9,
                  "%d came %u times", i, times[i]);
        if (times[i] > 0)
            CHECK(fabs((double)propensities[i] - chance) < 1e-6);
    }
    CHECK(times[0] > times[1]); /* fewer clicks, more draws */
    float propensity;
    CHECK_INT(explore_draw(options, 1, &state, &propensity), 0);
    CHECK_REAL(propensity, 1);
    uint64_t a = 5, b = 5, c = 6;
    double first = explore_random(&a), second = explore_random(&b), third = explore_random(&c);
    CHECK_REAL(first, second);
    CHECK(fabs(first - third) > 1e-9);
}

static void test_places(void)
{
    struct explore_settings settings = {.share = .07f, .clicks = 1};
    uint64_t state = 1, sum = 0;
    for (int i = 0; i < 100000; i++) {
        uint32_t places = explore_places(&settings, 20, &state);
        CHECK(places == 1 || places == 2);
        sum += places;
    }
    CHECK(fabs((double)sum / 100000 - 1.4) < .01);
    settings.share = .5f;
    CHECK_INT(explore_places(&settings, 100, &state), EXPLORE_PLACES_MAX);
    settings.share = 0;
    CHECK_INT(explore_places(&settings, 100, &state), 0);
}

/* ---- lists ---- */

#define ITEMS 60
#define NEW_FROM 45 /* which nobody ever clicks on */
#define LENGTH 10

struct sink {
    struct driver_sink sink;
    struct buffer all, last;
    uint32_t clicks[ITEMS]; /* so far */
    uint32_t clicks_max, explored, lists, full;
};

/* Items of one list with a propensity; they must be where exploration puts them. */
static uint32_t check_list(const struct sink *sink, char *line)
{
    uint32_t explored = 0, place = 0;
    char *at = line;
    while ((at = strstr(at, "{\"item_id\":\"")) != NULL) {
        char *end = strchr(at, '}');
        char *propensity = strstr(at, "\"propensity\":");
        unsigned number = (unsigned)strtoul(at + 13, NULL, 10);
        if (propensity && propensity < end) {
            double p = strtod(propensity + 13, NULL);
            CHECK(p > 0 && p <= 1);
            CHECK_SAY(number < ITEMS - 1 && sink->clicks[number] < sink->clicks_max,
                      "i%02u is explored", number);
            CHECK_SAY(place >= LENGTH / 2 || sink->lists < 100, "at %u", place);
            explored++;
        }
        place++;
        at = end;
    }
    CHECK(place <= LENGTH);
    return explored;
}

static void written(struct driver_sink *self, enum output output, struct bytes key,
                    struct bytes value)
{
    struct sink *sink = (struct sink *)(void *)self;
    (void)key;
    if (output != OUTPUT_RECOMMENDATIONS)
        return;
    char *line = memory_text(value);
    uint32_t explored = check_list(sink, line);
    CHECK(explored <= 2); /* 1.5 rounded up */
    sink->explored += explored;
    sink->lists++;
    sink->full += explored == 2;
    buffer_clear(&sink->last);
    buffer_append(&sink->last, value.at, value.size);
    buffer_append(&sink->all, value.at, value.size);
    buffer_byte(&sink->all, '\n');
    free(line);
}

static void put_products(struct driver *driver)
{
    for (uint32_t i = 0; i < ITEMS; i++) {
        char id[16];
        struct event product;
        struct bytes category = bytes_text(i % 2 ? "Coats" : "Shoes");
        event_init(&product, EVENT_PRODUCT);
        snprintf(id, sizeof id, "i%02u", i);
        product.item_id = product.title = bytes_text(id);
        product.categories = (struct event_strings){&category, 1, 0};
        product.price = 10 + i;
        product.availability = i == ITEMS - 1 ? OUT_OF_STOCK : IN_STOCK;
        driver_product(driver, &product);
    }
}

/* Everything that a small shop's lists say. */
static struct sink shop_lists(const char *percent, const char *clicks, const char *newcomers)
{
    struct random random = random_from(3);
    struct sink sink = {.sink.written = written, .clicks_max = (uint32_t)atoi(clicks)};
    struct config config;
    struct driver *driver = NULL;
    struct error error = {0};
    config_init(&config);
    CHECK(config_set(&config, "list.items", "10", &error) == VERDICT_OK);
    CHECK(config_set(&config, "placements.off", "product,cart,search,email,category,goes_with",
                     &error) == VERDICT_OK);
    CHECK(config_set(&config, "explore.percent", percent, &error) == VERDICT_OK);
    CHECK(config_set(&config, "explore.clicks", clicks, &error) == VERDICT_OK);
    CHECK(config_set(&config, "list.newcomers", newcomers, &error) == VERDICT_OK);
    CHECK_SAY(config_finish(&config, &error) == VERDICT_OK, "%s", error.message);
    CHECK(driver_new(&config, true, &sink.sink, NULL, &driver, &error) == VERDICT_OK);
    put_products(driver);
    for (int i = 0; i < 1500; i++) {
        char id[16], name[16], item_id[16];
        struct event event;
        struct event_item item;
        enum fate fate;
        event_init(&event, EVENT_VIEW);
        event_item_init(&item);
        snprintf(id, sizeof id, "e%d", i);
        snprintf(name, sizeof name, "v%u", random_below(&random, 40));
        uint32_t number = random_below(&random, NEW_FROM);
        sink.clicks[number]++;
        snprintf(item_id, sizeof item_id, "i%02u", number);
        item.item_id = bytes_text(item_id);
        event.event_id = bytes_text(id);
        event.visitor_id = bytes_text(name);
        event.event_time_ms = START_MS + i * 1000;
        event.items = &item;
        event.item_count = 1;
        CHECK(driver_event(driver, &event, &fate, &error) == VERDICT_OK);
    }
    struct event search;
    enum fate fate;
    event_init(&search, EVENT_SEARCH);
    search.event_id = search.visitor_id = bytes_text("newcomer");
    search.search_term = bytes_text("i07");
    search.event_time_ms = START_MS + 2000000;
    buffer_clear(&sink.last);
    CHECK(driver_event(driver, &search, &fate, &error) == VERDICT_OK);
    driver_free(driver);
    buffer_byte(&sink.last, '\0');
    buffer_byte(&sink.all, '\0');
    return sink;
}

static void test_lists(void)
{
    struct sink off = shop_lists("0", "1", "search"), on = shop_lists("15", "1", "search"),
                again = shop_lists("15", "1", "search"), some = shop_lists("15", "20", "search");
    CHECK(strstr(off.all.at, "propensity") == NULL && strstr(off.all.at, "\"new\"") == NULL);
    CHECK_BYTES(buffer_bytes(&on.all), buffer_bytes(&again.all));
    CHECK(on.lists > 1400);
    CHECK_SAY(on.explored > on.lists && on.explored < 1.6 * on.lists, "%u in %u lists", on.explored,
              on.lists);
    CHECK(on.full > on.lists / 3 && on.full < 2 * on.lists / 3);
    CHECK(strstr(on.all.at, "\"new\"") != NULL); /* no generator knew them */
    CHECK(some.explored > some.lists);
    buffer_release(&off.all);
    buffer_release(&off.last);
    buffer_release(&on.all);
    buffer_release(&on.last);
    buffer_release(&again.all);
    buffer_release(&again.last);
    buffer_release(&some.all);
    buffer_release(&some.last);
}

/* The lists of a visitor who has only searched: search results first, popular items behind them,
 * nothing twice. */
static void test_newcomers(void)
{
    struct sink search = shop_lists("0", "1", "search"), popular = shop_lists("0", "1", "popular");
    const char *first = "\"items\":[{\"item_id\":\"i07\"";
    uint32_t items = 0, times = 0;
    CHECK_CONTAINS(search.last.at, first);
    CHECK_CONTAINS(search.last.at, "\"reason\":\"searched\"");
    CHECK_CONTAINS(search.last.at, "\"reason\":\"popular\"");
    for (const char *at = search.last.at; (at = strstr(at, "\"item_id\":")) != NULL; at++) {
        items++;
        times += strncmp(at + 10, "\"i07\"", 5) == 0;
    }
    CHECK_INT(items, LENGTH);
    CHECK_INT(times, 1);
    CHECK(strstr(popular.last.at, first) == NULL && strstr(popular.last.at, "searched") == NULL);
    buffer_release(&search.all);
    buffer_release(&search.last);
    buffer_release(&popular.all);
    buffer_release(&popular.last);
}

int main(void)
{
    TEST_RUN(test_newcomers);
    TEST_RUN(test_draws);
    TEST_RUN(test_places);
    TEST_RUN(test_lists);
    return test_done();
}
