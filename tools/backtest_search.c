#include "tools/backtest_search.h"

#include "processors/recommend/recommend.h"
#include "processors/recommend/search/query_history.h"
#include "processors/runtime/driver.h"
#include "tools/backtest_read.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define LENGTH 20
#define SAMPLE 8 /* one purchase in so many is a case */
#define WORDS_MAX 32
#define WORD_BYTES_MIN 3
#define BETWEEN_MS 10000 /* lines of one basket, which files give the same time */

enum method { METHOD_LIST, METHOD_TEXT, METHOD_ASKED, METHODS };
static const char *const method_names[METHODS] = {"the visitor's list", "the text alone",
                                                  "what was taken after it"};

struct sums {
    double hits, reciprocal, squares; /* of the reciprocal ranks */
};

struct test {
    const struct config *config;
    struct recorded recorded;
    struct driver *driver;
    struct search *search;
    struct arena arena;
    uint64_t cases, only_list, only_text;
    struct sums sums[METHODS];
};

/* One or two words of the title, as a buyer might type them; false: it has none. */
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

static uint32_t rank_in_asked(const struct test *test, struct bytes term, int64_t time_ms,
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

static uint32_t rank_in_list(struct test *test, const struct event *searched, struct bytes target)
{
    struct list lists[PLACEMENTS_MAX];
    struct visitor *visitor = driver_visitor(test->driver, event_visitor(searched));
    uint32_t rank = 0;
    bool again;
    if (visitor == NULL)
        return 0;
    uint32_t count = recommend_lists(driver_recommender(test->driver), driver_model(test->driver),
                                     driver_catalogue(test->driver), visitor,
                                     searched->event_time_ms, LENGTH, &test->arena, lists, &again);
    for (uint32_t k = 0; k < count; k++)
        for (uint32_t i = 0; strcmp(lists[k].placement, "search") == 0 && i < lists[k].item_count;
             i++)
            if (rank == 0 && bytes_equal(lists[k].items[i].item_id, target))
                rank = i + 1;
    arena_clear(&test->arena);
    return rank;
}

static enum verdict ask(struct test *test, const struct event *bought, const char *term,
                        struct error *error)
{
    struct event searched;
    struct bytes target = bought->items[0].item_id;
    char event_id[64];
    enum fate fate;
    uint32_t ranks[METHODS];
    snprintf(event_id, sizeof event_id, "search-%llu", (unsigned long long)test->cases);
    event_init(&searched, EVENT_SEARCH);
    searched.event_id = bytes_text(event_id);
    searched.visitor_id = bought->visitor_id;
    searched.user_id = bought->user_id;
    searched.event_time_ms = bought->event_time_ms - BETWEEN_MS / 2;
    searched.search_term = bytes_text(term);
    ranks[METHOD_TEXT] = rank_in_text(test, searched.search_term, target);
    ranks[METHOD_ASKED] = rank_in_asked(test, searched.search_term, searched.event_time_ms, target);
    enum verdict verdict = driver_event(test->driver, &searched, &fate, error);
    ranks[METHOD_LIST] = rank_in_list(test, &searched, target);
    test->cases++;
    for (int i = 0; i < METHODS; i++) {
        double reciprocal = ranks[i] ? 1.0 / ranks[i] : 0;
        test->sums[i].hits += ranks[i] > 0;
        test->sums[i].reciprocal += reciprocal;
        test->sums[i].squares += reciprocal * reciprocal;
    }
    test->only_list += ranks[METHOD_LIST] && !ranks[METHOD_TEXT];
    test->only_text += ranks[METHOD_TEXT] && !ranks[METHOD_LIST];
    return verdict;
}

static enum verdict run(struct test *test, double from, struct error *error)
{
    enum verdict verdict = VERDICT_OK;
    const struct catalogue *catalogue = driver_catalogue(test->driver);
    int64_t in_basket = 0;
    for (size_t i = 0; i < test->recorded.count && verdict == VERDICT_OK; i++) {
        const struct line *line = &test->recorded.lines[i];
        struct event event = line->event;
        char term[256];
        enum fate fate;
        if (line->product)
            driver_product(test->driver, line->product);
        if (event.type == EVENT_PRODUCT)
            continue;
        bool same = i > 0 && line[-1].event.event_time_ms == event.event_time_ms &&
                    bytes_equal(event_visitor(&line[-1].event), event_visitor(&event));
        in_basket = same ? in_basket + 1 : 1;
        event.event_time_ms += in_basket * BETWEEN_MS;
        uint64_t draw = bytes_hash(event.event_id);
        if (event.type == EVENT_PURCHASE && event.status == PURCHASE_COMPLETED &&
            event.item_count > 0 && draw % SAMPLE == 0 &&
            (double)i >= from * (double)test->recorded.count) {
            uint32_t product = catalogue_find(catalogue, event.items[0].item_id);
            if (product != PRODUCT_NONE && make_term(product_title(&catalogue->products[product]),
                                                     draw / SAMPLE, term, sizeof term))
                verdict = ask(test, &event, term, error);
        }
        if (verdict == VERDICT_OK)
            verdict = driver_event(test->driver, &event, &fate, error);
    }
    return verdict;
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
    /* paired: only cases in which the two differ say anything */
    double more = (double)test->only_list / n, less = (double)test->only_text / n;
    printf("list - text: HR@%d %+.4f +- %.4f\n", LENGTH, more - less,
           1.96 * sqrt((more + less - (more - less) * (more - less)) / n));
}

enum verdict search_backtest(const struct config *config, const char *format, double from,
                             int count, char **paths, struct error *error)
{
    struct test *test = memory_zero(1, sizeof *test);
    test->config = config;
    enum verdict verdict = recorded_read(&test->recorded, config, format, count, paths, error);
    if (verdict == VERDICT_OK)
        verdict = driver_new(config, false, NULL, NULL, &test->driver, error);
    if (verdict == VERDICT_OK) {
        test->search = search_new(driver_catalogue(test->driver));
        recommender_set_search(driver_recommender(test->driver), test->search);
        verdict = run(test, from, error);
    }
    if (verdict == VERDICT_OK && test->cases == 0)
        verdict = error_set(error, VERDICT_SKIP, "the files hold no purchases of titled products");
    if (verdict == VERDICT_OK)
        report(test);
    driver_free(test->driver);
    search_free(test->search);
    recorded_release(&test->recorded);
    arena_release(&test->arena);
    free(test);
    return verdict;
}
