#include "tools/backtest_basket.h"

#include "processors/recommend/candidates/basket_walk.h"
#include "processors/runtime/driver.h"
#include "tools/events.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define LENGTH 20
#define BASKET_ITEMS_MAX 1000 /* of one basket; further ones are only learned from */

enum method { METHOD_WALK, METHOD_CART_ALONE, METHOD_COUNTS, METHOD_POPULAR, METHODS };
static const char *const method_names[METHODS] = {
    "walk from cart and history", "walk from the cart alone", "co-purchase counts", "popularity"};

/* Which items were in a basket with which, counted without any bound: the baseline. */
struct pairs {
    struct partner {
        uint32_t item, count;
    } *at;
    uint32_t count, capacity;
};

struct test {
    struct driver *driver;
    struct basket_walk_memory *room;
    struct model *ids; /* numbers of the baseline's items */
    struct pairs *pairs;
    uint32_t *bought; /* by item */
    uint32_t capacity;
    struct arena memory;
    struct event *lines;
    size_t line_count, line_capacity;
    uint64_t baskets, evaluated_from;
    uint64_t cases, hits[METHODS], only_walk, only_counts;
};

static enum verdict read_lines(struct test *test, const char *format, const char *path,
                               struct error *error)
{
    struct event_file *file;
    struct arena arena = {0};
    struct event event;
    enum read read;
    if (event_file_open(path, format, &file, error) != VERDICT_OK)
        return VERDICT_SKIP;
    while ((read = event_file_next(file, &arena, &event, error)) != READ_END &&
           read != READ_FAILED) {
        arena_clear(&arena);
        if (read != READ_EVENT || event.type != EVENT_PURCHASE || event.item_count == 0 ||
            event.status != PURCHASE_COMPLETED)
            continue;
        if (test->line_count == test->line_capacity) {
            test->line_capacity = test->line_capacity ? 2 * test->line_capacity : 65536;
            test->lines = memory_resize(test->lines, test->line_capacity * sizeof event);
        }
        struct event_item *items = arena_get(&test->memory, event.item_count * sizeof *event.items);
        for (uint32_t i = 0; i < event.item_count; i++) {
            items[i] = event.items[i];
            items[i].item_id = arena_copy(&test->memory, event.items[i].item_id);
        }
        event.items = items;
        event.event_id = arena_copy(&test->memory, event.event_id);
        event.visitor_id = arena_copy(&test->memory, event.visitor_id);
        event.user_id = arena_copy(&test->memory, event.user_id);
        event.session_id = bytes_of(NULL, 0);
        event.transaction_id = arena_copy(&test->memory, event.transaction_id);
        test->lines[test->line_count++] = event;
    }
    event_file_close(file);
    arena_release(&arena);
    return read == READ_FAILED ? VERDICT_SKIP : VERDICT_OK;
}

/* ---- the baseline ---- */

static uint32_t number_of(struct test *test, struct bytes id)
{
    uint32_t item = model_intern(test->ids, id);
    if (item != ITEM_NONE && item >= test->capacity) {
        uint32_t capacity = 2 * item + 1024;
        test->pairs = memory_resize(test->pairs, capacity * sizeof *test->pairs);
        test->bought = memory_resize(test->bought, capacity * sizeof *test->bought);
        memset(test->pairs + test->capacity, 0, (capacity - test->capacity) * sizeof *test->pairs);
        memset(test->bought + test->capacity, 0,
               (capacity - test->capacity) * sizeof *test->bought);
        test->capacity = capacity;
    }
    return item;
}

static void count_pair(struct pairs *pairs, uint32_t item)
{
    uint32_t i = 0;
    while (i < pairs->count && pairs->at[i].item != item)
        i++;
    if (i == pairs->count) {
        if (pairs->count == pairs->capacity) {
            pairs->capacity = pairs->capacity ? 2 * pairs->capacity : 4;
            pairs->at = memory_resize(pairs->at, pairs->capacity * sizeof *pairs->at);
        }
        pairs->at[pairs->count++] = (struct partner){.item = item};
    }
    pairs->at[i].count++;
    if (i > 0 && pairs->at[i].count > pairs->at[i / 2].count) { /* found sooner next time */
        struct partner partner = pairs->at[i];
        pairs->at[i] = pairs->at[i / 2];
        pairs->at[i / 2] = partner;
    }
}

/* Is the target among the LENGTH heaviest that are not in the cart? Ties count against it by halves
 * of chance: by the lower number. */
static bool among_first(const struct test *test, const double *weights, uint32_t target)
{
    uint32_t before = 0;
    if (!(weights[target] > 0))
        return false;
    for (uint32_t i = 0; i < test->ids->item_count; i++)
        before += weights[i] > weights[target] || (!(weights[i] < weights[target]) && i < target);
    return before < LENGTH;
}

static void ask_baselines(struct test *test, const uint32_t *cart, uint32_t cart_count,
                          uint32_t target, bool *ret_counts, bool *ret_popular)
{
    uint32_t items = test->ids->item_count;
    double *counts = memory_zero(items, sizeof *counts);
    double *popular = memory_zero(items, sizeof *popular);
    for (uint32_t i = 0; i < items; i++)
        popular[i] = test->bought[i];
    for (uint32_t i = 0; i < cart_count; i++)
        for (uint32_t k = 0; k < test->pairs[cart[i]].count; k++)
            counts[test->pairs[cart[i]].at[k].item] += test->pairs[cart[i]].at[k].count;
    for (uint32_t i = 0; i < cart_count; i++)
        counts[cart[i]] = popular[cart[i]] = 0;
    *ret_counts = among_first(test, counts, target);
    *ret_popular = among_first(test, popular, target);
    free(counts);
    free(popular);
}

/* ---- a basket ---- */

static bool walk_hits(struct test *test, const struct basket *basket, struct bytes target)
{
    struct top_item items[LENGTH];
    const struct model *model = driver_model(test->driver);
    uint32_t count = basket_top(test->room, model, basket, LENGTH, items);
    for (uint32_t i = 0; i < count; i++)
        if (bytes_equal(model->items[items[i].item].id, target))
            return true;
    return false;
}

static void evaluate(struct test *test, const struct event *first, const struct bytes *ids,
                     const uint32_t *numbers, uint32_t count)
{
    const struct model *model = driver_model(test->driver);
    uint32_t out = (uint32_t)(bytes_hash(first->event_id) % count), cart_count = 0;
    uint32_t cart[BASKET_ITEMS_MAX];
    struct visitor *visitor = driver_visitor(test->driver, event_visitor(first));
    struct basket basket = {.cart_count = 0};
    if (visitor)
        basket_of(model, visitor, &basket);
    basket.cart_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t item = model_find(model, ids[i]);
        if (i == out)
            continue;
        cart[cart_count++] = numbers[i];
        if (item != ITEM_NONE && basket.cart_count < BASKET_SEEDS_MAX)
            basket.cart[basket.cart_count++] = item;
    }
    bool hit[METHODS];
    hit[METHOD_WALK] = walk_hits(test, &basket, ids[out]);
    basket.history_count = 0;
    hit[METHOD_CART_ALONE] = walk_hits(test, &basket, ids[out]);
    ask_baselines(test, cart, cart_count, numbers[out], &hit[METHOD_COUNTS], &hit[METHOD_POPULAR]);
    test->cases++;
    for (int i = 0; i < METHODS; i++)
        test->hits[i] += hit[i];
    test->only_walk += hit[METHOD_WALK] && !hit[METHOD_COUNTS];
    test->only_counts += !hit[METHOD_WALK] && hit[METHOD_COUNTS];
}

static enum verdict take_basket(struct test *test, const struct event *lines, size_t line_count,
                                bool evaluating, struct error *error)
{
    struct bytes ids[BASKET_ITEMS_MAX];
    uint32_t numbers[BASKET_ITEMS_MAX], count = 0;
    for (size_t i = 0; i < line_count; i++) {
        for (uint32_t k = 0; k < lines[i].item_count && count < BASKET_ITEMS_MAX; k++) {
            uint32_t item = number_of(test, lines[i].items[k].item_id), at = 0;
            while (at < count && numbers[at] != item)
                at++;
            if (at < count || item == ITEM_NONE)
                continue;
            ids[count] = lines[i].items[k].item_id;
            numbers[count++] = item;
        }
    }
    if (evaluating && count >= 2)
        evaluate(test, &lines[0], ids, numbers, count);
    for (uint32_t i = 0; i < count; i++) {
        test->bought[numbers[i]]++;
        for (uint32_t k = 0; k < count; k++)
            if (k != i)
                count_pair(&test->pairs[numbers[i]], numbers[k]);
    }
    enum verdict verdict = VERDICT_OK;
    for (size_t i = 0; i < line_count && verdict == VERDICT_OK; i++) {
        enum fate fate;
        verdict = driver_event(test->driver, &lines[i], &fate, error);
    }
    return verdict;
}

static bool same_basket(const struct event *a, const struct event *b)
{
    return a->event_time_ms == b->event_time_ms &&
           bytes_equal(event_visitor(a), event_visitor(b)) &&
           bytes_equal(a->transaction_id, b->transaction_id);
}

static enum verdict run(struct test *test, double from, struct error *error)
{
    enum verdict verdict = VERDICT_OK;
    for (size_t at = 0; at < test->line_count && verdict == VERDICT_OK;) {
        size_t end = at + 1;
        while (end < test->line_count && same_basket(&test->lines[at], &test->lines[end]))
            end++;
        verdict = take_basket(test, test->lines + at, end - at,
                              (double)at >= from * (double)test->line_count, error);
        test->baskets++;
        at = end;
    }
    return verdict;
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
    /* paired: only cases in which the two differ say anything */
    double more = (double)test->only_walk / n, less = (double)test->only_counts / n;
    double counts = (double)test->hits[METHOD_COUNTS] / n;
    printf("walk - counts: %+.4f +- %.4f (%+.1f %%)\n", more - less,
           1.96 * sqrt((more + less - (more - less) * (more - less)) / n),
           counts > 0 ? 100 * (more - less) / counts : 0);
}

enum verdict basket_backtest(const struct config *config, const char *format, double from,
                             int count, char **paths, struct error *error)
{
    struct test *test = memory_zero(1, sizeof *test);
    struct config all = *config;
    enum verdict verdict = VERDICT_OK;
    test->ids = model_new(&config->settings.model);
    for (int i = 0; i < count && verdict == VERDICT_OK; i++)
        verdict = read_lines(test, format, paths[i], error);
    if (verdict == VERDICT_OK && test->line_count == 0)
        verdict = error_set(error, VERDICT_SKIP, "the files hold no purchases");
    if (verdict == VERDICT_OK)
        verdict = driver_new(&all, false, NULL, NULL, &test->driver, error);
    test->room = basket_walk_memory_new();
    if (verdict == VERDICT_OK)
        verdict = run(test, from, error);
    if (verdict == VERDICT_OK)
        report(test);
    driver_free(test->driver);
    basket_walk_memory_free(test->room);
    for (uint32_t i = 0; i < test->capacity; i++)
        free(test->pairs[i].at);
    free(test->pairs);
    free(test->bought);
    free(test->lines);
    model_free(test->ids);
    arena_release(&test->memory);
    free(test);
    return verdict;
}
