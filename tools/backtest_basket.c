#include "tools/backtest_basket.h"

#include "processors/recommend/recommend.h"
#include "processors/runtime/driver.h"
#include "processors/runtime/log.h"
#include "schemas/array.h"
#include "tools/backtest_baselines.h"
#include "tools/events.h"
#include "tools/product_index.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define LENGTH 20
#define BASKET_ITEMS_MAX 1000 /* tested items of a basket; further ones are only learned */

enum method { METHOD_LIST, METHOD_CART_ALONE, METHOD_COUNTS, METHOD_POPULAR, METHODS };
static const char *const method_names[METHODS] = {
    "list for cart and history", "list for the cart alone", "co-purchase counts", "popularity"};

/* A completed purchase. `session`: as the file names it; the event has none, so that weft's
 * sessions go by time alone. */
struct basket_line {
    struct event event;
    struct event *product; /* the line's news about its item; NULL: none */
    struct bytes session;
};

struct test {
    const struct event_bounds *times;
    struct driver *driver;
    struct baselines baselines; /* of purchases */
    struct catalogue *products; /* as far as the lines are read */
    struct arena memory;        /* owns all that the lines point to */
    struct basket_line *lines;
    size_t line_count, line_capacity;
    uint64_t baskets;
    uint64_t cases, hits[METHODS], only_list, only_counts;
};

static struct event *copy_product(struct test *test, const struct event_file *file,
                                  struct arena *arena)
{
    struct event product;
    if (!event_file_product(file, &product) ||
        product_index_put(test->products, &product, arena) == CATALOGUE_SAME)
        return NULL;
    struct event *copy = arena_get(&test->memory, sizeof *copy);
    *copy = event_copy(&product, &test->memory);
    return copy;
}

static void add_line(struct test *test, const struct event *event, struct event *product)
{
    ARRAY_RESERVE(test->lines, test->line_capacity, test->line_count + 1);
    struct basket_line *line = &test->lines[test->line_count++];
    line->event = event_copy(event, &test->memory);
    line->product = product;
    line->session = line->event.session_id;
    line->event.session_id = bytes_of(NULL, 0);
}

static enum verdict read_lines(struct test *test, const char *format, const char *path,
                               struct error *error)
{
    struct event_file *file;
    struct arena arena = {0};
    struct event event;
    enum read read;
    if (event_file_open(path, format, &file, error) != VERDICT_OK)
        return VERDICT_SKIP;
    event_file_judge(file, test->times, clock_now_ms());
    while ((read = event_file_next(file, &arena, &event, error)) != READ_END &&
           read != READ_FAILED) {
        if (read == READ_EVENT && event.type == EVENT_PURCHASE && event.item_count > 0 &&
            event.status == PURCHASE_COMPLETED)
            add_line(test, &event, copy_product(test, file, &arena));
        arena_clear(&arena);
    }
    event_file_close(file);
    arena_release(&arena);
    return read == READ_FAILED ? VERDICT_SKIP : VERDICT_OK;
}

/* ---- a basket ---- */

static bool list_hits(struct test *test, const struct basket *basket, struct bytes target)
{
    struct top_item items[LENGTH];
    const struct model *model = driver_model(test->driver);
    const struct catalogue *catalogue = driver_catalogue(test->driver);
    uint32_t count =
        recommend_cart(driver_recommender(test->driver), model, catalogue, basket, LENGTH, items);
    for (uint32_t i = 0; i < count; i++)
        if (bytes_equal(item_products_id(model, catalogue, items[i].item), target))
            return true;
    return false;
}

/* Leaves one item out, drawn by the event's id, and tests whether each method finds it again. */
static void test_basket(struct test *test, const struct event *first, const struct bytes *ids,
                        const uint32_t *numbers, uint32_t count)
{
    const struct model *model = driver_model(test->driver);
    uint32_t out = (uint32_t)(bytes_hash(first->event_id) % count), cart_count = 0;
    uint32_t cart[BASKET_ITEMS_MAX];
    struct visitor *visitor = driver_visitor(test->driver, event_visitor(first));
    struct basket basket = {.cart_count = 0};
    bool hit[METHODS];
    if (visitor)
        basket_of(model, visitor, &basket);
    basket.time_ms = first->event_time_ms;
    basket.cart_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t item = model_find(model, ids[i]);
        if (i == out)
            continue;
        cart[cart_count++] = numbers[i];
        if (item != ITEM_NONE && basket.cart_count < BASKET_SEEDS_MAX)
            basket.cart[basket.cart_count++] = item;
    }
    hit[METHOD_LIST] = list_hits(test, &basket, ids[out]);
    basket.history_count = 0;
    hit[METHOD_CART_ALONE] = list_hits(test, &basket, ids[out]);
    baselines_test(&test->baselines, cart, cart_count, numbers[out], LENGTH, &hit[METHOD_COUNTS],
                   &hit[METHOD_POPULAR]);
    test->cases++;
    for (int i = 0; i < METHODS; i++)
        test->hits[i] += hit[i];
    test->only_list += hit[METHOD_LIST] && !hit[METHOD_COUNTS];
    test->only_counts += !hit[METHOD_LIST] && hit[METHOD_COUNTS];
}

/* The distinct items of the lines, at most BASKET_ITEMS_MAX. Returns how many. */
static uint32_t distinct_items(struct test *test, const struct basket_line *lines,
                               size_t line_count, struct bytes *ret_ids, uint32_t *ret_numbers)
{
    uint32_t count = 0;
    for (size_t i = 0; i < line_count; i++) {
        for (uint32_t k = 0; k < lines[i].event.item_count && count < BASKET_ITEMS_MAX; k++) {
            struct bytes id = lines[i].event.items[k].item_id;
            uint32_t item = baselines_number(&test->baselines, id), at = 0;
            while (at < count && ret_numbers[at] != item)
                at++;
            if (at < count || item == ITEM_NONE)
                continue;
            ret_ids[count] = id;
            ret_numbers[count++] = item;
        }
    }
    return count;
}

static enum verdict take_basket(struct test *test, const struct basket_line *lines,
                                size_t line_count, bool testing, struct error *error)
{
    struct bytes ids[BASKET_ITEMS_MAX];
    uint32_t numbers[BASKET_ITEMS_MAX];
    uint32_t count = distinct_items(test, lines, line_count, ids, numbers);
    if (testing && count >= 2)
        test_basket(test, &lines[0].event, ids, numbers, count);
    for (uint32_t i = 0; i < count; i++) {
        baselines_count(&test->baselines, numbers[i]);
        for (uint32_t k = 0; k < i; k++)
            baselines_pair(&test->baselines, numbers[k], numbers[i]);
    }
    for (size_t i = 0; i < line_count; i++) {
        enum fate fate;
        if (lines[i].product)
            driver_product(test->driver, lines[i].product);
        enum verdict verdict = driver_event(test->driver, &lines[i].event, &fate, error);
        if (verdict != VERDICT_OK)
            return verdict;
    }
    return VERDICT_OK;
}

/* Formats with a line for each item have no orders: each line is one. The session stands for the
 * basket. */
static bool same_basket(const struct basket_line *a, const struct basket_line *b)
{
    if (a->event.event_time_ms != b->event.event_time_ms ||
        !bytes_equal(event_visitor(&a->event), event_visitor(&b->event)))
        return false;
    return bytes_equal(a->event.transaction_id, b->event.transaction_id) ||
           (a->session.size > 0 && bytes_equal(a->session, b->session));
}

static enum verdict take_baskets(struct test *test, double from, struct error *error)
{
    for (size_t at = 0, end; at < test->line_count; at = end) {
        for (end = at + 1; end < test->line_count; end++)
            if (!same_basket(&test->lines[at], &test->lines[end]))
                break;
        bool testing = (double)at >= from * (double)test->line_count;
        enum verdict verdict = take_basket(test, test->lines + at, end - at, testing, error);
        if (verdict != VERDICT_OK)
            return verdict;
        test->baskets++;
    }
    return VERDICT_OK;
}

static void report(const struct test *test)
{
    double n = test->cases ? (double)test->cases : 1;
    printf("%llu baskets, %llu cases\n", (unsigned long long)test->baskets,
           (unsigned long long)test->cases);
    for (int i = 0; i < METHODS; i++) {
        double p = (double)test->hits[i] / n;
        printf("  %-28s HR@%d %.4f +- %.4f\n", method_names[i], LENGTH, p,
               1.96 * sqrt(p * (1 - p) / n));
    }
    /* paired: only the cases in which the two differ count */
    double more = (double)test->only_list / n, less = (double)test->only_counts / n;
    double counts = (double)test->hits[METHOD_COUNTS] / n;
    printf("list - counts: %+.4f +- %.4f (%+.1f %%)\n", more - less,
           1.96 * sqrt((more + less - (more - less) * (more - less)) / n),
           counts > 0 ? 100 * (more - less) / counts : 0);
}

static void release(struct test *test)
{
    driver_free(test->driver);
    baselines_release(&test->baselines);
    catalogue_free(test->products);
    free(test->lines);
    arena_release(&test->memory);
}

static enum verdict run(struct test *test, const struct config *config, const char *format,
                        double from, int count, char **paths, struct error *error)
{
    for (int i = 0; i < count; i++)
        if (read_lines(test, format, paths[i], error) != VERDICT_OK)
            return VERDICT_SKIP;
    if (test->line_count == 0)
        return error_set(error, VERDICT_SKIP, "the files hold no purchases");
    enum verdict verdict = driver_new(config, false, NULL, NULL, &test->driver, error);
    if (verdict == VERDICT_OK)
        driver_any_time(test->driver);
    if (verdict != VERDICT_OK)
        return verdict;
    verdict = take_baskets(test, from, error);
    if (verdict == VERDICT_OK)
        report(test);
    return verdict;
}

enum verdict basket_backtest(const struct config *config, const char *format, double from,
                             int count, char **paths, struct error *error)
{
    struct test test = {.times = &config->settings.times};
    baselines_init(&test.baselines, &config->settings.model);
    test.products = catalogue_new(&config->settings.catalogue);
    enum verdict verdict = run(&test, config, format, from, count, paths, error);
    release(&test);
    return verdict;
}
