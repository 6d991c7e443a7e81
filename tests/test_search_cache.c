/* The caches of a thread between lists agree with catalogue and model: which product is which item,
 * and the search cache. */
#include "processors/recommend/candidates/generators.h"
#include "processors/recommend/search/search_cache.h"
#include "processors/runtime/config.h"
#include "state/visitor_table.h"
#include "tests/test.h"

#include <stdlib.h>

#define THINGS 9000

static const struct catalogue_limits limits = {.products_max = THINGS,
                                               .attribute_names_max = 10,
                                               .attribute_values_max = 10,
                                               .product_attributes_max = 10};

static void name(char *ret_id, uint32_t number)
{
    snprintf(ret_id, 20, "i%u", number);
}

static void check_items(const struct query *query, const struct model *model,
                        const struct catalogue *catalogue)
{
    for (uint32_t p = 0; p < catalogue->product_count; p++) {
        uint32_t item = model_find(model, product_id(&catalogue->products[p]));
        CHECK_INT(query_item(query, p), item == ITEM_NONE ? ITEM_PRODUCT | p : item);
    }
    for (uint32_t i = 0; i < model->item_count; i++)
        CHECK_INT(query_product(query, i), catalogue_find(catalogue, model->items[i].id));
}

/* Items and products come in any order, more at a time than are looked up at a query, and go. With
 * little room their numbers go to others. */
static void check_come_and_go(uint32_t room)
{
    struct random random = random_from(91 + room);
    struct config config;
    config_init(&config);
    CHECK(config_finish(&config, NULL) == VERDICT_OK);
    config.settings.model.items_max = room;
    config.settings.model.sweep_steps = 200;
    struct catalogue_limits catalogue_limits = limits;
    catalogue_limits.products_max = room;
    struct model *model = model_new(&config.settings.model);
    struct catalogue *catalogue = catalogue_new(&catalogue_limits);
    struct store *store = store_memory_new();
    struct visitor_table *visitors = visitor_table_new(store, SIZE_MAX);
    struct visitor *visitor = NULL;
    visitor_table_get(visitors, 0, bytes_text("v"), &visitor, NULL);
    struct item_products products = {0};
    struct query *query = memory_aligned(sizeof *query);
    memset(query, 0, sizeof *query);
    query->products = &products;
    for (int round = 0; round < 60; round++) {
        uint32_t more = random_below(&random, random_one_in(&random, 2) ? 2000 : 200);
        for (uint32_t i = 0; i < more; i++) {
            char id[20];
            struct event event;
            name(id, random_below(&random, THINGS));
            event_init(&event, EVENT_PRODUCT);
            event.item_id = event.title = bytes_text(id);
            if (random_one_in(&random, 3))
                model_intern(model, bytes_text(id), 0);
            else if (random_one_in(&random, 5) && room == THINGS)
                catalogue_delete(catalogue, bytes_text(id));
            else if (catalogue_put(catalogue, &event) == CATALOGUE_REFUSED)
                catalogue_delete(
                    catalogue,
                    product_id(
                        &catalogue->products[random_below(&random, catalogue->product_count)]));
        }
        query_init(query, model, catalogue, visitor, 1800000);
        check_items(query, model, catalogue);
    }
    CHECK(catalogue->product_count > 1000);
    if (room == THINGS)
        CHECK(products.products_seen == catalogue->product_count);
    else
        CHECK(model->renumbered > 3 && catalogue->renumbered > 3);
    free(query);
    item_products_release(&products);
    visitor_table_free(visitors);
    store->free(store);
    catalogue_free(catalogue);
    model_free(model);
}

static void test_items(void)
{
    check_come_and_go(THINGS);
    check_come_and_go(300);
}

static void check_answer(struct search_cache *cache, const struct search_index *search,
                         const struct catalogue *catalogue, const char *text)
{
    struct search_result results[SEARCH_RESULTS_MAX];
    uint32_t count,
        expected = search_top(search, catalogue, bytes_text(text), SEARCH_RESULTS_MAX, results);
    const struct search_result *found =
        search_cache_top(cache, search, catalogue, bytes_text(text), &count);
    CHECK_INT(count, expected);
    for (uint32_t i = 0; i < count && i < expected; i++) {
        CHECK_INT(found[i].product, results[i].product);
        CHECK_REAL(found[i].score, results[i].score);
    }
}

/* Titles and availability change between searches, or nothing does. */
static void test_answers(void)
{
    static const char *const words[] = {"wool", "coat", "navy", "silk", "dress"};
    struct random random = random_from(92);
    struct catalogue *catalogue = catalogue_new(&limits);
    struct search_index *search = search_index_new(catalogue);
    struct search_cache *cache = search_cache_new();
    char lengthy[SEARCH_CACHED_BYTES_MAX + 10];
    memset(lengthy, ' ', sizeof lengthy);
    memcpy(lengthy, "coat", 4);
    lengthy[sizeof lengthy - 1] = '\0';
    for (int round = 0; round < 3000; round++) {
        char id[20], title[40], text[40];
        struct event event;
        name(id, random_below(&random, 60));
        snprintf(title, sizeof title, "%s %s", words[random_below(&random, 5)],
                 words[random_below(&random, 5)]);
        event_init(&event, EVENT_PRODUCT);
        event.item_id = bytes_text(id);
        event.title = bytes_text(title);
        if (random_one_in(&random, 3))
            event.availability = OUT_OF_STOCK;
        if (random_one_in(&random, 10))
            catalogue_delete(catalogue, event.item_id);
        else if (random_one_in(&random, 2))
            catalogue_put(catalogue, &event);
        snprintf(text, sizeof text, "%s %s", words[random_below(&random, 5)],
                 random_one_in(&random, 2) ? words[random_below(&random, 5)] : "");
        check_answer(cache, search, catalogue, text);
        check_answer(cache, search, catalogue, round % 2 ? lengthy : "");
    }
    search_cache_free(cache);
    catalogue_free(catalogue);
    search_index_free(search);
}

int main(void)
{
    TEST_RUN(test_items);
    TEST_RUN(test_answers);
    return test_done();
}
