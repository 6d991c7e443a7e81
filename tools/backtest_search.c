#include "tools/backtest_search.h"

#include "processors/recommend/recommend.h"
#include "processors/recommend/search/query_history.h"
#include "processors/runtime/driver.h"
#include "tools/backtest_read.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define LENGTH 20
#define SAMPLE 8 /* one purchase of this many is a case */
#define WORDS_MAX 32
#define WORD_BYTES_MIN 3
#define BETWEEN_MS 10000 /* put between the lines of a basket, which have one time in the files */

enum method { METHOD_LIST, METHOD_TEXT, METHOD_HISTORY, METHODS };
static const char *const method_names[METHODS] = {"the visitor's list", "the text alone",
                                                  "the query history"};

struct sums {
    double hits, reciprocal, squares; /* squares: of the reciprocal ranks */
};

struct test {
    struct recorded recorded;
    struct driver *driver;
    struct search_index *search;
    struct arena arena;
    uint64_t cases, only_list, only_text;
    struct sums sums[METHODS];
};

/* One or two words of the title, as a buyer might type them. False: it has no word. */
static bool make_term(struct bytes title, uint64_t draw, char *term, size_t size)
{
    struct bytes words[WORDS_MAX];
    uint32_t count = 0;
    for (size_t at = 0; at < title.size && count < WORDS_MAX;) {
        size_t end = at;
        while (end < title.size && title.at[end] != ' ')
            end++;
        if (end - at >= WORD_BYTES_MIN)
            words[count++] = bytes_of(title.at + at, end - at);
        at = end + 1;
    }
    if (count == 0)
        return false;
    uint32_t first = (uint32_t)(draw % count);
    uint32_t second =
        (first + 1 + (uint32_t)(draw / WORDS_MAX % (count > 1 ? count - 1 : 1))) % count;
    if (second == first || draw >> 40 & 1)
        return snprintf(term, size, "%.*s", (int)words[first].size, words[first].at) < (int)size;
    return snprintf(term, size, "%.*s %.*s", (int)words[first].size, words[first].at,
                    (int)words[second].size, words[second].at) < (int)size;
}

static uint32_t rank_in_text(const struct test *test, struct bytes term, struct bytes target)
{
    struct search_result results[LENGTH];
    const struct catalogue *catalogue = driver_catalogue(test->driver);
    uint32_t count = search_top(test->search, catalogue, term, LENGTH, results);
    for (uint32_t i = 0; i < count; i++)
        if (bytes_equal(product_id(&catalogue->products[results[i].product]), target))
            return i + 1;
    return 0;
}

static uint32_t rank_in_history(const struct test *test, struct bytes term, int64_t time_ms,
                                struct bytes target)
{
    struct top_item items[LENGTH];
    const struct model *model = driver_model(test->driver);
    uint32_t count = query_history_top(model, term, time_ms, LENGTH, items);
    for (uint32_t i = 0; i < count; i++)
        if (bytes_equal(model->items[items[i].item].id, target))
            return i + 1;
    return 0;
}

static uint32_t rank_in(const struct list *list, struct bytes target)
{
    for (uint32_t i = 0; i < list->item_count; i++)
        if (bytes_equal(list->items[i].item_id, target))
            return i + 1;
    return 0;
}

static uint32_t rank_in_list(struct test *test, const struct event *search, struct bytes target)
{
    struct list lists[PLACEMENTS_MAX];
    struct visitor *visitor = driver_visitor(test->driver, event_visitor(search));
    uint32_t rank = 0;
    bool again;
    if (visitor == NULL)
        return 0;
    uint32_t count = recommend_lists(driver_recommender(test->driver), driver_model(test->driver),
                                     driver_catalogue(test->driver), visitor, LENGTH, &test->arena,
                                     lists, &again);
    for (uint32_t i = 0; i < count && rank == 0; i++)
        if (strcmp(lists[i].placement, "search") == 0)
            rank = rank_in(&lists[i], target);
    arena_clear(&test->arena);
    return rank;
}

static void count_ranks(struct test *test, const uint32_t *ranks)
{
    test->cases++;
    for (int i = 0; i < METHODS; i++) {
        double reciprocal = ranks[i] ? 1.0 / ranks[i] : 0;
        test->sums[i].hits += ranks[i] > 0;
        test->sums[i].reciprocal += reciprocal;
        test->sums[i].squares += reciprocal * reciprocal;
    }
    test->only_list += ranks[METHOD_LIST] && !ranks[METHOD_TEXT];
    test->only_text += ranks[METHOD_TEXT] && !ranks[METHOD_LIST];
}

/* Sends the search of the buyer just before the purchase, and looks for the item in its results. */
static enum verdict test_search(struct test *test, const struct event *bought, const char *term,
                                struct error *error)
{
    struct event search;
    struct bytes target = bought->items[0].item_id;
    char event_id[64];
    enum fate fate;
    uint32_t ranks[METHODS];
    snprintf(event_id, sizeof event_id, "search-%llu", (unsigned long long)test->cases);
    event_init(&search, EVENT_SEARCH);
    search.event_id = bytes_text(event_id);
    search.visitor_id = bought->visitor_id;
    search.user_id = bought->user_id;
    search.event_time_ms = bought->event_time_ms - BETWEEN_MS / 2;
    search.search_term = bytes_text(term);
    ranks[METHOD_TEXT] = rank_in_text(test, search.search_term, target);
    ranks[METHOD_HISTORY] = rank_in_history(test, search.search_term, search.event_time_ms, target);
    enum verdict verdict = driver_event(test->driver, &search, &fate, error);
    ranks[METHOD_LIST] = rank_in_list(test, &search, target);
    count_ranks(test, ranks);
    return verdict;
}

/* Whether the event is a case. Its search term is then in `term`. */
static bool is_case(const struct test *test, const struct event *event, char *term, size_t size)
{
    const struct catalogue *catalogue = driver_catalogue(test->driver);
    uint64_t draw = bytes_hash(event->event_id);
    if (event->type != EVENT_PURCHASE || event->status != PURCHASE_COMPLETED ||
        event->item_count == 0 || draw % SAMPLE != 0)
        return false;
    uint32_t product = catalogue_find(catalogue, event->items[0].item_id);
    return product != PRODUCT_NONE &&
           make_term(product_title(&catalogue->products[product]), draw / SAMPLE, term, size);
}

static enum verdict take_lines(struct test *test, double from, struct error *error)
{
    int64_t in_basket = 0;
    for (size_t i = 0; i < test->recorded.count; i++) {
        const struct line *line = &test->recorded.lines[i];
        struct event event = line->event;
        char term[256];
        enum fate fate;
        enum verdict verdict = VERDICT_OK;
        if (line->product)
            driver_product(test->driver, line->product);
        if (event.type == EVENT_PRODUCT)
            continue;
        bool same = i > 0 && line[-1].event.event_time_ms == event.event_time_ms &&
                    bytes_equal(event_visitor(&line[-1].event), event_visitor(&event));
        in_basket = same ? in_basket + 1 : 1;
        event.event_time_ms += in_basket * BETWEEN_MS;
        if ((double)i >= from * (double)test->recorded.count &&
            is_case(test, &event, term, sizeof term))
            verdict = test_search(test, &event, term, error);
        if (verdict == VERDICT_OK)
            verdict = driver_event(test->driver, &event, &fate, error);
        if (verdict != VERDICT_OK)
            return verdict;
    }
    return VERDICT_OK;
}

static void report(const struct test *test)
{
    double n = test->cases ? (double)test->cases : 1;
    printf("%llu searches\n", (unsigned long long)test->cases);
    for (int i = 0; i < METHODS; i++) {
        double p = test->sums[i].hits / n, mean = test->sums[i].reciprocal / n;
        printf("  %-28s HR@%d %.4f +- %.4f, MRR@%d %.4f +- %.4f\n", method_names[i], LENGTH, p,
               1.96 * sqrt(p * (1 - p) / n), LENGTH, mean,
               1.96 * sqrt((test->sums[i].squares / n - mean * mean) / n));
    }
    /* paired: only the cases in which the two differ count */
    double more = (double)test->only_list / n, less = (double)test->only_text / n;
    printf("list - text: HR@%d %+.4f +- %.4f\n", LENGTH, more - less,
           1.96 * sqrt((more + less - (more - less) * (more - less)) / n));
}

static enum verdict run(struct test *test, const struct config *config, double from,
                        struct error *error)
{
    enum verdict verdict = driver_new(config, false, NULL, NULL, &test->driver, error);
    if (verdict == VERDICT_OK)
        driver_any_time(test->driver);
    if (verdict != VERDICT_OK)
        return verdict;
    test->search = search_index_new(driver_catalogue(test->driver));
    recommender_set_search(driver_recommender(test->driver), test->search);
    verdict = take_lines(test, from, error);
    if (verdict != VERDICT_OK)
        return verdict;
    if (test->cases == 0)
        return error_set(error, VERDICT_SKIP, "the files hold no purchases of titled products");
    report(test);
    return VERDICT_OK;
}

enum verdict search_backtest(const struct config *config, const char *format, double from,
                             int count, char **paths, struct error *error)
{
    struct test test = {0};
    enum verdict verdict = recorded_read(&test.recorded, config, format, count, paths, error);
    if (verdict == VERDICT_OK)
        verdict = run(&test, config, from, error);
    driver_free(test.driver);
    search_index_free(test.search);
    recorded_release(&test.recorded);
    arena_release(&test.arena);
    return verdict;
}
