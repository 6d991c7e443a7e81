/* Styling: what goes with what is learned by attributes, also for products that nobody has taken;
 * and substitutes of the cart's items stay out of its list. */
#include "processors/recommend/candidates/style_table.h"
#include "processors/recommend/recommend.h"
#include "processors/runtime/driver.h"
#include "tests/test.h"
#include "tools/mall.h"
#include "tools/mall_stock.h"

#include <math.h>

#define START_MS 1790000000000

/* ---- the table ---- */

/* A table with room for all keys is exact. */
static void test_table(void)
{
    struct style_table table = {.slots = memory_zero(STYLE_TABLE_SLOTS, sizeof *table.slots)};
    struct random random = random_from(3);
    float sums[500] = {0};
    for (int i = 0; i < 20000; i++) {
        uint32_t key = random_below(&random, 500);
        float weight = (float)(1 + random_below(&random, 8)) / 8;
        style_table_add(&table, draw_mix(key), weight);
        sums[key] += weight;
    }
    for (uint32_t key = 0; key < 500; key++)
        CHECK(fabsf(style_table_count(&table, draw_mix(key)) - sums[key]) <= 0);
    CHECK(style_table_count(&table, draw_mix(500)) <= 0);
    style_table_clear(&table);
    CHECK(style_table_count(&table, draw_mix(1)) <= 0);
    free(table.slots);
}

/* Keys that come often stay in a full table; those that come once leave it. */
static void test_full_table(void)
{
    struct style_table table = {.slots = memory_zero(STYLE_TABLE_SLOTS, sizeof *table.slots)};
    uint32_t left = 0;
    for (uint64_t round = 0; round < 40; round++) {
        for (uint64_t key = 0; key < 1000; key++)
            style_table_add(&table, draw_mix(key), 1);
        for (uint64_t key = 0; key < STYLE_TABLE_SLOTS / 8; key++)
            style_table_add(&table, draw_mix(1000 + round * STYLE_TABLE_SLOTS + key), 1);
    }
    for (uint64_t key = 0; key < 1000; key++)
        left += style_table_count(&table, draw_mix(key)) > 30;
    CHECK_SAY(left > 990, "%u", left);
    free(table.slots);
}

/* ---- a shop with attributes ---- */

static struct driver *new_driver(void)
{
    static struct config config;
    struct driver *driver = NULL;
    struct error error = {0};
    config_init(&config);
    CHECK(config_finish(&config, &error) == VERDICT_OK);
    CHECK(driver_new(&config, false, NULL, NULL, &driver, &error) == VERDICT_OK);
    return driver;
}

static void put_product(struct driver *driver, const char *id, const char *category,
                        const char *colour)
{
    struct event product;
    struct bytes path = bytes_text(category), name = bytes_text(colour);
    event_init(&product, EVENT_PRODUCT);
    product.item_id = product.title = bytes_text(id);
    product.categories = (struct event_strings){&path, 1, 0};
    product.colors = (struct event_strings){&name, 1, 0};
    driver_product(driver, &product);
}

static void act(struct driver *driver, enum event_type type, int visitor, const char *item_id)
{
    static int events;
    char id[20], name[20];
    struct event event;
    struct event_item item;
    struct error error = {0};
    enum fate fate;
    snprintf(id, sizeof id, "e%d", events++);
    snprintf(name, sizeof name, "v%d", visitor);
    event_init(&event, type);
    event_item_init(&item);
    event.event_id = bytes_text(id);
    event.visitor_id = bytes_text(name);
    event.event_time_ms = START_MS + events * 1000;
    event.items = &item;
    event.item_count = 1;
    item.item_id = bytes_text(item_id);
    CHECK_SAY(driver_event(driver, &event, &fate, &error) == VERDICT_OK, "%s", error.message);
}

/* The cart list for a cart with one item; its items' ids with blanks between. */
static void cart_list(struct driver *driver, const char *in_cart, uint32_t length, char *text,
                      size_t size)
{
    const struct model *model = driver_model(driver);
    struct basket basket = {.cart = {model_find(model, bytes_text(in_cart))}, .cart_count = 1};
    struct top_item items[RANKED_MAX];
    uint32_t count = recommend_cart(driver_recommender(driver), model, driver_catalogue(driver),
                                    &basket, length, items);
    size_t at = 0;
    *text = '\0';
    for (uint32_t i = 0; i < count && at < size; i++) {
        struct bytes id = item_products_id(model, driver_catalogue(driver), items[i].item);
        at += (size_t)snprintf(text + at, size - at, "%.*s ", (int)id.size, id.at);
    }
}

#define KINDS_OF 8 /* products of each category and colour */
#define FRESH 6    /* numbers of KINDS_OF from which on nobody takes a product */

/* Red coats go with blue boots, green coats with black boots. New boots of the right colour come
 * before those of the other one. */
static void test_new_products(void)
{
    static const char *const colours[2][2] = {{"red", "green"}, {"blue", "black"}};
    struct driver *driver = new_driver();
    char id[2][20], text[4000];
    for (int colour = 0; colour < 2; colour++)
        for (int i = 0; i < KINDS_OF; i++) {
            snprintf(id[0], sizeof id[0], "coat-%s%d", colours[0][colour], i);
            snprintf(id[1], sizeof id[1], "boots-%s%d", colours[1][colour], i);
            put_product(driver, id[0], "Coats", colours[0][colour]);
            put_product(driver, id[1], "Boots", colours[1][colour]);
        }
    for (int visitor = 0; visitor < 600; visitor++) {
        int colour = visitor % 2;
        snprintf(id[0], sizeof id[0], "coat-%s%d", colours[0][colour], visitor / 2 % FRESH);
        snprintf(id[1], sizeof id[1], "boots-%s%d", colours[1][colour], visitor / 12 % FRESH);
        act(driver, EVENT_CART, visitor, id[0]);
        act(driver, EVENT_CART, visitor, id[1]);
    }
    for (int i = 0; i < 300; i++) /* the pass that counts all of it has to end */
        cart_list(driver, "coat-red1", 1, text, sizeof text);
    const struct style_view view = {driver_model(driver), driver_catalogue(driver), NULL};
    struct styling *styling = styling_new();
    uint32_t red = model_find(view.model, bytes_text("coat-red1"));
    styling_catch_up(styling, &view);
    styling_set_cart(styling, &view, &red, 1);
    uint32_t new_blue = ITEM_PRODUCT | catalogue_find(view.catalogue, bytes_text("boots-blue7"));
    uint32_t new_black = ITEM_PRODUCT | catalogue_find(view.catalogue, bytes_text("boots-black7"));
    uint32_t coat = model_find(view.model, bytes_text("coat-red2"));
    CHECK(styling_fit(styling, &view, new_blue).colour > .3f);
    CHECK(styling_fit(styling, &view, new_black).colour < -.3f);
    CHECK(styling_fit(styling, &view, new_blue).category > .3f);
    CHECK(styling_fit(styling, &view, coat).category < -.3f);
    styling_free(styling);
    cart_list(driver, "coat-red1", 60, text, sizeof text);
    const char *blue = strstr(text, "boots-blue7"), *black = strstr(text, "boots-black7");
    CHECK_SAY(blue != NULL && (black == NULL || blue < black), "%s", text);
    driver_free(driver);
}

/* Two coats that are viewed in turn are substitutes, until they are bought together as well. */
static void test_substitutes(void)
{
    struct driver *driver = new_driver();
    char text[4000];
    put_product(driver, "coat1", "Coats", "red");
    put_product(driver, "coat2", "Coats", "red");
    put_product(driver, "coat3", "Coats", "grey"); /* shares nothing but the category */
    put_product(driver, "boots", "Boots", "red");
    for (int visitor = 0; visitor < 40; visitor++) {
        act(driver, EVENT_VIEW, visitor, "coat1");
        act(driver, EVENT_VIEW, visitor, "coat2");
        act(driver, EVENT_VIEW, visitor, "coat3");
        act(driver, EVENT_VIEW, visitor, "boots");
        act(driver, EVENT_CART, visitor, visitor % 2 ? "coat1" : "coat2");
        act(driver, EVENT_CART, visitor, visitor % 3 ? "boots" : "coat3");
    }
    act(driver, EVENT_CART, 50, "coat1"); /* once together is an exception */
    act(driver, EVENT_CART, 50, "coat2");
    cart_list(driver, "coat1", 20, text, sizeof text);
    CHECK_SAY(strstr(text, "coat2") == NULL, "%s", text);
    CHECK_SAY(strstr(text, "boots") && strstr(text, "coat3"), "%s", text);
    for (int visitor = 100; visitor < 140; visitor++) {
        act(driver, EVENT_CART, visitor, "coat1");
        act(driver, EVENT_CART, visitor, "coat2");
    }
    cart_list(driver, "coat1", 20, text, sizeof text);
    CHECK_SAY(strstr(text, "coat2"), "%s", text);
    driver_free(driver);
}

/* ---- the mall ---- */

#define PRODUCTS 600
#define EVENTS 25000

/* Colours and cuts that the mall plants as partners have the higher lifts. */
static void test_planted(void)
{
    struct mall_settings settings = {.seed = 4,
                                     .products = PRODUCTS,
                                     .visitors = 300,
                                     .events_per_s = 10,
                                     .start_ms = 1767225600000,
                                     .complements = 1};
    struct mall *mall = mall_new(&settings);
    struct mall_stock stock;
    struct driver *driver = new_driver();
    uint64_t random = settings.seed * 0x2545F4914F6CDD1Du + 1; /* the mall's own products */
    struct event event;
    struct error error = {0};
    enum fate fate;
    mall_stock_init(&stock, PRODUCTS, &random);
    for (uint32_t i = 0; i < PRODUCTS; i++) {
        mall_product(mall, i, &event);
        driver_product(driver, &event);
    }
    for (int i = 0; i < EVENTS; i++) {
        mall_next(mall, &event);
        CHECK(driver_event(driver, &event, &fate, &error) == VERDICT_OK);
    }
    const struct style_view view = {driver_model(driver), driver_catalogue(driver), NULL};
    struct styling *styling = styling_new();
    double colours[2] = {0}, cuts[2] = {0}, categories[2] = {0};
    double colour_pairs[2] = {0}, cut_pairs[2] = {0}, category_pairs[2] = {0};
    for (int i = 0; i < 20; i++)
        styling_catch_up(styling, &view);
    for (uint32_t a = 0; a < PRODUCTS; a += 7) {
        uint32_t item = model_find(view.model, bytes_text(stock.products[a].id));
        if (item == ITEM_NONE)
            continue;
        styling_set_cart(styling, &view, &item, 1);
        for (uint32_t b = 0; b < PRODUCTS; b += 5) {
            struct mall_fit fit = mall_completes(&stock.products[b], &stock.products[a]);
            struct style_fit found = styling_fit(
                styling, &view,
                ITEM_PRODUCT | catalogue_find(view.catalogue, bytes_text(stock.products[b].id)));
            colours[fit.colour] += (double)found.colour;
            colour_pairs[fit.colour]++;
            cuts[fit.style] += (double)found.attributes;
            cut_pairs[fit.style]++;
            categories[fit.category] += (double)found.category;
            category_pairs[fit.category]++;
        }
    }
    CHECK(colours[1] / colour_pairs[1] > colours[0] / colour_pairs[0] + .3);
    CHECK(cuts[1] / cut_pairs[1] > cuts[0] / cut_pairs[0] + .3);
    CHECK(categories[1] / category_pairs[1] > categories[0] / category_pairs[0] + .3);
    styling_free(styling);
    mall_stock_release(&stock);
    mall_free(mall);
    driver_free(driver);
}

int main(void)
{
    TEST_RUN(test_table);
    TEST_RUN(test_full_table);
    TEST_RUN(test_new_products);
    TEST_RUN(test_substitutes);
    TEST_RUN(test_planted);
    return test_done();
}
