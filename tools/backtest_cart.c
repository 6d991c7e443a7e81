#include "tools/backtest_cart.h"

#include "processors/recommend/recommend.h"
#include "processors/runtime/driver.h"
#include "state/visitor_history.h"
#include "tools/backtest_baselines.h"
#include "tools/backtest_read.h"

#include <math.h>
#include <stdio.h>

#define LENGTH CART_TASK_LENGTH
#define ORDER_ITEMS_MAX 64 /* counted pairs of an order; further items are left out */

enum method { METHOD_LIST, METHOD_WALK, METHOD_BOUGHT, METHOD_CARTED, METHOD_POPULAR, METHODS };
static const char *const method_names[METHODS] = {
    "the cart list", "the basket walk alone", "co-purchase counts", "co-cart counts", "popularity"};

struct test {
    struct recorded recorded;
    struct driver *driver;
    struct basket_walk_memory *walk;
    struct baselines bought, carted;
    uint64_t cases, hits[METHODS];
    uint64_t only_list[METHODS], only_other[METHODS]; /* hits of one of the two */
};

static bool has_target(const struct test *test, const struct top_item *items, uint32_t count,
                       struct bytes target)
{
    const struct model *model = driver_model(test->driver);
    const struct catalogue *catalogue = driver_catalogue(test->driver);
    for (uint32_t i = 0; i < count; i++)
        if (bytes_equal(item_products_id(model, catalogue, items[i].item), target))
            return true;
    return false;
}

/* The cart's items by the numbers of the baselines. */
static uint32_t cart_numbers(const struct model *model, const struct basket *basket,
                             struct baselines *baselines, uint32_t *ret_numbers)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < basket->cart_count; i++) {
        uint32_t item = baselines_number(baselines, model->items[basket->cart[i]].id);
        if (item != ITEM_NONE)
            ret_numbers[count++] = item;
    }
    return count;
}

static void ask(struct test *test, const struct basket *basket, struct bytes target)
{
    const struct model *model = driver_model(test->driver);
    struct top_item items[LENGTH];
    uint32_t numbers[BASKET_SEEDS_MAX], count;
    bool hit[METHODS], ignored;
    count = recommend_cart(driver_recommender(test->driver), model, driver_catalogue(test->driver),
                           basket, LENGTH, items);
    hit[METHOD_LIST] = has_target(test, items, count, target);
    count = basket_top(test->walk, model, basket, LENGTH, items, NULL);
    hit[METHOD_WALK] = has_target(test, items, count, target);
    count = cart_numbers(model, basket, &test->bought, numbers);
    baselines_test(&test->bought, numbers, count, baselines_number(&test->bought, target), LENGTH,
                   &hit[METHOD_BOUGHT], &ignored);
    count = cart_numbers(model, basket, &test->carted, numbers);
    baselines_test(&test->carted, numbers, count, baselines_number(&test->carted, target), LENGTH,
                   &hit[METHOD_CARTED], &hit[METHOD_POPULAR]);
    test->cases++;
    for (int i = 0; i < METHODS; i++) {
        test->hits[i] += hit[i];
        test->only_list[i] += hit[METHOD_LIST] && !hit[i];
        test->only_other[i] += !hit[METHOD_LIST] && hit[i];
    }
}

static void learn_cart(struct test *test, const struct basket *basket, struct bytes item_id)
{
    uint32_t numbers[BASKET_SEEDS_MAX], item = baselines_number(&test->carted, item_id);
    uint32_t count = cart_numbers(driver_model(test->driver), basket, &test->carted, numbers);
    baselines_count(&test->carted, item);
    for (uint32_t i = 0; i < count; i++)
        baselines_pair(&test->carted, numbers[i], item);
}

static void learn_order(struct test *test, const struct event *event)
{
    uint32_t numbers[ORDER_ITEMS_MAX], count = 0;
    for (uint32_t i = 0; i < event->item_count && count < ORDER_ITEMS_MAX; i++) {
        uint32_t item = baselines_number(&test->bought, event->items[i].item_id), at = 0;
        while (at < count && numbers[at] != item)
            at++;
        if (at == count)
            numbers[count++] = item;
    }
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t k = 0; k < i; k++)
            baselines_pair(&test->bought, numbers[k], numbers[i]);
}

/* Before the driver sees the event. */
static void look_at(struct test *test, const struct event *event, bool testing)
{
    const struct model *model = driver_model(test->driver);
    struct visitor *visitor = driver_visitor(test->driver, event_visitor(event));
    struct basket basket;
    if (event->item_count == 0 || visitor_history_has_event(visitor, event->event_id))
        return; /* sent twice */
    if (event->type == EVENT_PURCHASE && event->status == PURCHASE_COMPLETED)
        learn_order(test, event);
    struct bytes item_id = event->items[0].item_id;
    if (event->type != EVENT_CART || event->action != CART_ADD ||
        visitor_history_in_cart(visitor, item_id))
        return;
    basket_of(model, visitor, &basket);
    basket.time_ms = event->event_time_ms;
    if (testing && basket.cart_count > 0)
        ask(test, &basket, item_id);
    learn_cart(test, &basket, item_id);
}

static enum verdict take_lines(struct test *test, double from, struct error *error)
{
    for (size_t i = 0; i < test->recorded.count; i++) {
        const struct line *line = &test->recorded.lines[i];
        enum fate fate;
        if (line->product)
            driver_product(test->driver, line->product);
        if (line->event.type == EVENT_PRODUCT)
            continue;
        look_at(test, &line->event, (double)i >= from * (double)test->recorded.count);
        enum verdict verdict = driver_event(test->driver, &line->event, &fate, error);
        if (verdict != VERDICT_OK)
            return verdict;
    }
    return VERDICT_OK;
}

static void report(const struct test *test)
{
    double n = (double)test->cases, list = (double)test->hits[METHOD_LIST] / n;
    printf("%llu items put into carts with others\n", (unsigned long long)test->cases);
    for (int i = 0; i < METHODS; i++) {
        double p = (double)test->hits[i] / n;
        printf("  %-28s HR@%d %.4f +- %.4f\n", method_names[i], LENGTH, p,
               1.96 * sqrt(p * (1 - p) / n));
    }
    for (int i = METHOD_LIST + 1; i < METHODS; i++) {
        /* paired: only the cases in which the two differ count */
        double p = (double)test->hits[i] / n;
        double more = (double)test->only_list[i] / n, less = (double)test->only_other[i] / n;
        printf("list - %s: %+.4f +- %.4f, %.2f times its share\n", method_names[i], more - less,
               1.96 * sqrt((more + less - (more - less) * (more - less)) / n),
               p > 0 ? list / p : 0);
    }
}

static enum verdict run(struct test *test, const struct config *config, double from,
                        struct error *error)
{
    enum verdict verdict = driver_new(config, false, NULL, NULL, &test->driver, error);
    if (verdict == VERDICT_OK)
        verdict = take_lines(test, from, error);
    if (verdict != VERDICT_OK)
        return verdict;
    if (test->cases == 0)
        return error_set(error, VERDICT_SKIP, "the files put nothing into a cart with items");
    report(test);
    return VERDICT_OK;
}

enum verdict cart_backtest(const struct config *config, const char *format, double from, int count,
                           char **paths, struct error *error)
{
    struct test test = {.walk = basket_walk_memory_new()};
    baselines_init(&test.bought, &config->settings.model);
    baselines_init(&test.carted, &config->settings.model);
    enum verdict verdict = recorded_read(&test.recorded, config, format, count, paths, error);
    if (verdict == VERDICT_OK)
        verdict = run(&test, config, from, error);
    driver_free(test.driver);
    basket_walk_memory_free(test.walk);
    baselines_release(&test.bought);
    baselines_release(&test.carted);
    recorded_release(&test.recorded);
    return verdict;
}
