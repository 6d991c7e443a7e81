/* Category popularity against a scan of the whole category. It is exact where it sees all clicks,
 * and soon right where it does not. No deleted or sold out product, and none of another category,
 * is proposed. */
#include "processors/recommend/candidates/category_popularity.h"
#include "tests/test.h"

#define PRODUCTS 300
#define CATEGORIES 3
#define START_MS 1700000000000
#define QUICK_MS 3600000

static const struct catalogue_limits catalogue_limits = {1000, 10, 10, 10};
static const struct model_limits limits = {.items_max = 1000,
                                           .row_entries_max = 8,
                                           .pair_half_life_ms = 1000000,
                                           .popular_half_life_ms = 10000000,
                                           .quick_half_life_ms = QUICK_MS};

struct shop {
    struct catalogue *catalogue;
    struct model *model;
    struct candidates candidates;
    struct query query;
    int category[PRODUCTS];
    bool in_stock[PRODUCTS];
    double worth[PRODUCTS];
};

static void put(struct shop *shop, uint32_t number)
{
    char id[16], category[16];
    struct event event;
    snprintf(id, sizeof id, "p%u", number);
    snprintf(category, sizeof category, "All > C%d", shop->category[number]);
    struct bytes path = bytes_text(category);
    event_init(&event, EVENT_PRODUCT);
    event.item_id = event.title = bytes_text(id);
    event.categories = (struct event_strings){&path, 1, 0};
    event.availability = shop->in_stock[number] ? IN_STOCK : OUT_OF_STOCK;
    catalogue_put(shop->catalogue, &event);
}

static void open_shop(struct shop *shop, struct random *random)
{
    *shop =
        (struct shop){.catalogue = catalogue_new(&catalogue_limits), .model = model_new(&limits)};
    candidates_init(&shop->candidates);
    shop->query = (struct query){.model = shop->model,
                                 .catalogue = shop->catalogue,
                                 .category_popularity = category_popularity_new()};
    for (uint32_t i = 0; i < PRODUCTS; i++) {
        shop->category[i] = (int)random_below(random, CATEGORIES);
        shop->in_stock[i] = true;
        put(shop, i);
    }
}

static void close_shop(struct shop *shop)
{
    category_popularity_free(shop->query.category_popularity);
    candidates_release(&shop->candidates);
    catalogue_free(shop->catalogue);
    model_free(shop->model);
}

static uint32_t click(struct shop *shop, uint32_t number, int64_t time_ms)
{
    char id[16];
    snprintf(id, sizeof id, "p%u", number);
    uint32_t item = model_intern(shop->model, bytes_text(id), 0);
    struct decay quick = decay_at(time_ms, QUICK_MS);
    trends_add(shop->model->trends, item, 0, quick, quick, time_ms);
    shop->worth[number] += ldexp(quick.m, quick.k - (int)(START_MS / QUICK_MS));
    return item;
}

/* The list of whoever looked at the item last. */
static void ask(struct shop *shop, uint32_t item, int64_t time_ms)
{
    shop->query.sequence[0] = item;
    shop->query.length = 1;
    shop->query.time_ms = time_ms;
    candidates_clear(&shop->candidates, shop->model->item_count, shop->catalogue->product_count);
    category_popularity_generate(&shop->query, &shop->candidates, 3);
}

static int worth_order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* Each proposed product is of the category and available; `exact`: they are the first of it. */
static void check(const struct shop *shop, int category, bool exact)
{
    double best[PRODUCTS], found[CATEGORY_PROPOSED];
    uint32_t count = 0;
    for (uint32_t i = 0; i < PRODUCTS; i++)
        if (shop->category[i] == category && shop->in_stock[i] && shop->worth[i] > 0)
            best[count++] = shop->worth[i];
    qsort(best, count, sizeof *best, worth_order);
    CHECK(shop->candidates.count <= CATEGORY_PROPOSED);
    for (uint32_t i = 0; i < shop->candidates.count; i++) {
        const struct candidate *candidate = &shop->candidates.at[i];
        int number = atoi(shop->model->items[candidate->item].id.at + 1);
        CHECK(shop->category[number] == category && shop->in_stock[number]);
        CHECK_INT(candidate->category_rank, i + 1);
        CHECK_REAL(category_popularity_weight(candidate), .1f / (float)(i + 1));
        found[i] = shop->worth[number];
        CHECK(i == 0 || found[i] <= found[i - 1]);
    }
    if (!exact)
        return;
    CHECK_INT(shop->candidates.count, count < CATEGORY_PROPOSED ? count : CATEGORY_PROPOSED);
    for (uint32_t i = 0; i < shop->candidates.count && i < count; i++)
        CHECK_REAL(found[i], best[i]);
}

static void test_exact(void)
{
    struct random random = random_from(1);
    struct shop shop;
    open_shop(&shop, &random);
    for (int i = 0; i < TEST_ROUNDS(6000); i++) {
        uint32_t number = random_below(&random, PRODUCTS) * random_below(&random, 4) / 3;
        int64_t time_ms = START_MS + i * 20000ll;
        uint32_t item = click(&shop, number, time_ms);
        ask(&shop, item, time_ms);
        check(&shop, shop.category[number], true);
    }
    close_shop(&shop);
}

static void test_changes(void)
{
    struct random random = random_from(2);
    struct shop shop;
    open_shop(&shop, &random);
    for (int i = 0; i < TEST_ROUNDS(6000); i++) {
        uint32_t number = random_below(&random, PRODUCTS) * random_below(&random, 4) / 3;
        uint32_t other = random_below(&random, PRODUCTS);
        int64_t time_ms = START_MS + i * 20000ll;
        if (random_one_in(&random, 5)) { /* of a visitor of another process */
            click(&shop, other, time_ms);
            continue;
        }
        if (random_one_in(&random, 3)) {
            shop.category[other] = (int)random_below(&random, CATEGORIES);
            shop.in_stock[other] = !random_one_in(&random, 3);
            put(&shop, other);
        }
        uint32_t item = click(&shop, number, time_ms);
        ask(&shop, item, time_ms);
        check(&shop, shop.category[number], false);
    }
    for (uint32_t number = 0; number < 20; number++) {
        uint32_t item = click(&shop, number, START_MS + 200000000);
        for (int i = 0; i < 10 * PRODUCTS / CATEGORY_SCAN; i++)
            ask(&shop, item, START_MS + 200000000);
        check(&shop, shop.category[number], true); /* all was looked through by then */
    }
    close_shop(&shop);
}

static void test_nothing(void)
{
    struct random random = random_from(3);
    struct shop shop;
    open_shop(&shop, &random);
    uint32_t unknown = model_intern(shop.model, bytes_text("nowhere"), 0);
    ask(&shop, unknown, START_MS);
    CHECK_INT(shop.candidates.count, 0);
    uint32_t item = click(&shop, 0, START_MS);
    shop.query.length = 0;
    category_popularity_generate(&shop.query, &shop.candidates, 3);
    CHECK_INT(shop.candidates.count, 0);
    ask(&shop, item, START_MS);
    CHECK_INT(shop.candidates.count, 1);
    struct category_popularity *category_popularity = shop.query.category_popularity;
    shop.query.category_popularity = NULL;
    ask(&shop, item, START_MS);
    CHECK_INT(shop.candidates.count, 0);
    shop.query.category_popularity = category_popularity;
    close_shop(&shop);
    category_popularity_free(NULL);
}

int main(void)
{
    TEST_RUN(test_exact);
    TEST_RUN(test_changes);
    TEST_RUN(test_nothing);
    return test_done();
}
