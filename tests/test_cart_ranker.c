/* The cart ranker: what it learns from, and that its lists follow what visitors put into carts. */
#include "processors/recommend/recommend.h"
#include "processors/runtime/driver.h"
#include "tests/test.h"

#include <math.h>

#define START_MS 1790000000000
#define MINUTE_MS 60000
#define ITEMS 40
#define VISITORS 300
#define ORDERS 10
#define ORDER_ITEMS 3

static struct driver *new_driver(const char *ranker)
{
    static struct config config;
    struct driver *driver = NULL;
    struct error error = {0};
    config_init(&config);
    CHECK(config_set(&config, "cart.ranker", ranker, &error) == VERDICT_OK);
    CHECK(config_set(&config, "cart.learn.every", "1", &error) == VERDICT_OK);
    CHECK(config_finish(&config, &error) == VERDICT_OK);
    CHECK(driver_new(&config, false, NULL, NULL, &driver, &error) == VERDICT_OK);
    return driver;
}

/* One event of the visitor with `count` items. */
static void act(struct driver *driver, enum event_type type, int visitor, int64_t time_ms,
                const int *numbers, uint32_t count)
{
    static int events;
    char id[20], name[20], ids[ORDER_ITEMS][20];
    struct event event;
    struct event_item items[ORDER_ITEMS];
    struct error error = {0};
    enum fate fate;
    snprintf(id, sizeof id, "e%d", events++);
    snprintf(name, sizeof name, "v%d", visitor);
    event_init(&event, type);
    event.event_id = event.transaction_id = bytes_text(id);
    event.visitor_id = bytes_text(name);
    event.event_time_ms = time_ms;
    event.items = items;
    event.item_count = count;
    for (uint32_t i = 0; i < count; i++) {
        snprintf(ids[i], sizeof ids[i], "i%d", numbers[i]);
        event_item_init(&items[i]);
        items[i].item_id = bytes_text(ids[i]);
    }
    CHECK_SAY(driver_event(driver, &event, &fate, &error) == VERDICT_OK, "%s", error.message);
}

/* Each visitor goes through the items in turn, so nobody buys an item again. */
static void take_orders(struct driver *driver)
{
    for (int order = 0; order < ORDERS; order++)
        for (int visitor = 0; visitor < VISITORS; visitor++) {
            int items[ORDER_ITEMS];
            for (int i = 0; i < ORDER_ITEMS; i++)
                items[i] = (visitor * 7 + order * ORDER_ITEMS + i) % ITEMS;
            act(driver, EVENT_PURCHASE, visitor,
                START_MS + (order * VISITORS + visitor) * (int64_t)MINUTE_MS, items, ORDER_ITEMS);
        }
}

/* How many of the first five items for visitors' carts were bought by them before. */
static uint32_t bought_again(struct driver *driver)
{
    const struct model *model = driver_model(driver);
    uint32_t again = 0;
    for (int v = 0; v < VISITORS; v += 10) {
        char name[20];
        struct basket basket;
        struct top_item items[5];
        snprintf(name, sizeof name, "v%d", v);
        basket_of(model, driver_visitor(driver, bytes_text(name)), &basket);
        uint32_t count = recommend_cart(driver_recommender(driver), model, driver_catalogue(driver),
                                        &basket, 5, items);
        CHECK_INT(count, 5);
        for (uint32_t i = 0; i < count; i++) {
            CHECK(i == 0 || items[i - 1].score >= items[i].score);
            for (uint32_t k = 0; k < basket.history_count; k++)
                if (basket.history[k] == items[i].item) {
                    again++;
                    break;
                }
        }
    }
    return again;
}

/* The walk proposes what was bought before; the ranker learns that it does not come again. */
static void test_learns(void)
{
    struct driver *walk = new_driver("off"), *ranked = new_driver("on");
    take_orders(walk);
    take_orders(ranked);
    CHECK_INT(driver_model(walk)->cart_weights->steps, 0);
    CHECK(recommender_cart_learner(driver_recommender(ranked))->own->steps > 1000);
    uint32_t before = bought_again(walk), after = bought_again(ranked);
    CHECK_SAY(before > 50, "%u", before);
    CHECK_SAY(after < before / 2, "%u of %u", after, before);
    driver_free(walk);
    driver_free(ranked);
}

static double samples(struct driver *driver)
{
    return recommender_cart_learner(driver_recommender(driver))->own->samples;
}

/* An item is learned when it goes into the cart with others, or is ordered without a cart. */
static void test_what_is_learned(void)
{
    struct driver *driver = new_driver("on");
    int64_t now_ms = START_MS;
    const int order[ORDER_ITEMS] = {0, 1, 2};
    for (int visitor = 0; visitor < 5; visitor++, now_ms += MINUTE_MS)
        act(driver, EVENT_PURCHASE, visitor, now_ms, order, ORDER_ITEMS);
    double before = samples(driver);
    CHECK(before > 0); /* lines of orders, after the first */
    act(driver, EVENT_VIEW, 10, now_ms, &order[0], 1);
    act(driver, EVENT_CART, 10, now_ms + 1000, &order[0], 1);
    CHECK(samples(driver) <= before); /* the cart was empty */
    act(driver, EVENT_CART, 10, now_ms + 2000, &order[1], 1);
    CHECK(fabs(samples(driver) - before - 1) < .5);
    act(driver, EVENT_PURCHASE, 10, now_ms + 3000, order, 2);
    CHECK(fabs(samples(driver) - before - 1) < .5); /* out of the cart */
    act(driver, EVENT_PURCHASE, 11, now_ms + 4000, order, 2);
    CHECK(fabs(samples(driver) - before - 2) < .5); /* without one: the second line */
    driver_free(driver);
}

/* The lines of an order so far are the cart, the orders before it are the history. */
static void test_order(void)
{
    struct driver *driver = new_driver("on");
    const int first[] = {3}, second[] = {4, 5};
    struct basket basket;
    act(driver, EVENT_PURCHASE, 1, START_MS, first, 1);
    act(driver, EVENT_PURCHASE, 1, START_MS + MINUTE_MS, second, 2);
    const struct model *model = driver_model(driver);
    struct visitor *visitor = driver_visitor(driver, bytes_text("v1"));
    basket_of_order(model, visitor, START_MS + MINUTE_MS, &basket);
    CHECK_INT(basket.cart_count, 2);
    CHECK_INT(basket.history_count, 1);
    CHECK_INT(basket.history[0], model_find(model, bytes_text("i3")));
    CHECK_INT(basket.history_ms[0], START_MS);
    basket_of_order(model, visitor, START_MS + 2 * MINUTE_MS, &basket);
    CHECK_INT(basket.cart_count, 0);
    CHECK_INT(basket.history_count, 3);
    basket_put(&basket, basket.history[0]);
    basket_put(&basket, basket.history[0]);
    basket_put(&basket, ITEM_NONE);
    CHECK_INT(basket.cart_count, 1);
    driver_free(driver);
}

/* Every column is finite, whatever is known of the items. */
static void test_columns(void)
{
    struct driver *driver = new_driver("off");
    struct basket_walk_memory *memory = basket_walk_memory_new();
    struct cart_candidates *candidates = memory_zero(1, sizeof *candidates);
    struct feature_matrix *matrix = memory_aligned(sizeof *matrix);
    struct item_products known = {0};
    struct styling *styling = styling_new();
    struct basket basket;
    take_orders(driver);
    const struct model *model = driver_model(driver);
    for (int v = 0; v < 20; v++) {
        char name[20];
        snprintf(name, sizeof name, "v%d", v);
        basket_of(model, v == 0 ? NULL : driver_visitor(driver, bytes_text(name)), &basket);
        for (uint32_t i = 0; i < (uint32_t)v % 4; i++)
            basket_put(&basket, i * 3);
        struct style_view view = {model, v % 2 ? NULL : driver_catalogue(driver), &known};
        cart_find(memory, styling, &view, &basket, candidates);
        cart_features_fill(&view, styling, &basket, candidates, matrix);
        CHECK_INT(matrix->count, candidates->count);
        for (uint32_t f = 0; f < cart_feature_varying_count; f++)
            for (uint32_t i = 0; i < matrix->stride; i++)
                CHECK(isfinite(matrix->columns[f * matrix->stride + i]));
        for (uint32_t f = cart_feature_varying_count; f < cart_feature_count; f++)
            CHECK(isfinite(matrix->common[f]));
    }
    item_products_release(&known);
    styling_free(styling);
    basket_walk_memory_free(memory);
    free(candidates);
    free(matrix);
    driver_free(driver);
}

int main(void)
{
    TEST_RUN(test_learns);
    TEST_RUN(test_what_is_learned);
    TEST_RUN(test_order);
    TEST_RUN(test_columns);
    return test_done();
}
