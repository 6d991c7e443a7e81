/* The walk from a cart: the formula on a graph by hand, the cart as a visitor's activities leave
 * it. */
#include "processors/recommend/candidates/basket_walk.h"
#include "schemas/draw.h"
#include "state/visitor_table.h"
#include "tests/test.h"

#include <math.h>

#define NOW_MS 1790000000000

static const struct model_limits limits = {.items_max = 1000,
                                           .row_entries_max = 100,
                                           .pair_half_life_ms = 1000000000000,
                                           .popular_half_life_ms = 1000000000000};

static void join(struct model *model, uint32_t a, uint32_t b, double pairs)
{
    double units = pairs * PAIR_UNITS;
    struct decay decay = decay_at(NOW_MS, limits.pair_half_life_ms);
    model_add(model, a, PAIR_PURCHASE, PAIR_FORWARD, b, units, true, decay, NOW_MS, 0);
    model_add(model, b, PAIR_PURCHASE, PAIR_BACKWARD, a, units, true, decay, NOW_MS, 0);
}

static void buy(struct model *model, uint32_t item, int times)
{
    for (int i = 0; i < times; i++)
        model_count(model, item, PAIR_PURCHASE, decay_at(NOW_MS, limits.popular_half_life_ms),
                    NOW_MS);
}

static struct model *make_model(uint32_t items)
{
    struct model *model = model_new(&limits);
    for (uint32_t i = 0; i < items; i++) {
        char id[20];
        snprintf(id, sizeof id, "i%u", i);
        model_intern(model, bytes_text(id), 0);
    }
    return model;
}

static float score_of(const struct top_item *items, uint32_t count, uint32_t item)
{
    for (uint32_t i = 0; i < count; i++)
        if (items[i].item == item)
            return items[i].score;
    return 0;
}

/* 0 - 1 three times, 0 - 2 once, 1 - 3 once; 0 bought 100 times, 4 often. */
static void test_formula(void)
{
    struct model *model = make_model(6);
    struct basket_walk_memory *room = basket_walk_memory_new();
    struct basket basket = {.cart = {0}, .cart_count = 1};
    struct top_item items[10];
    join(model, 0, 1, 3);
    join(model, 0, 2, 1);
    join(model, 1, 3, 1);
    buy(model, 0, 100);
    buy(model, 4, 300);
    uint32_t count = basket_top(room, model, &basket, 10, items, NULL);
    double shrink = BASKET_SHRINK, p = .7; /* share of purchases */
    double doubt = BASKET_DOUBT / (4 + BASKET_DOUBT);
    double popular = (double)BASKET_POPULAR_LEAST + (double)BASKET_POPULAR * doubt * doubt;
    double one1 = p * 3 / sqrt((4 + shrink) * (4 + shrink));
    double one2 = p * 1 / sqrt((4 + shrink) * (1 + shrink));
    CHECK(fabs((double)score_of(items, count, 1) - one1) < 1e-5);
    CHECK(fabs((double)score_of(items, count, 2) - one2) < 1e-5);
    CHECK(fabs((double)score_of(items, count, 4) - popular * .75) < 1e-5);
    CHECK_INT(score_of(items, count, 0) > 0, 0); /* in the cart */
    CHECK_INT(score_of(items, count, 3) > 0, 0); /* a step further */
    CHECK_INT(score_of(items, count, 5) > 0, 0);
    CHECK_INT(count, 3);
    for (uint32_t i = 1; i < count; i++)
        CHECK(items[i - 1].score >= items[i].score);
    for (uint32_t i = 0; i < count; i++)
        CHECK_INT(items[i].cause, items[i].item == 1 || items[i].item == 2 ? 0 : ITEM_NONE);
    basket.history[0] = 5; /* bought before: comes again, and nothing follows it */
    basket.history_count = 1;
    count = basket_top(room, model, &basket, 10, items, NULL);
    CHECK(fabs((double)score_of(items, count, 5) - (double)BASKET_OWN) < 1e-5);
    CHECK_INT(basket_top(room, model, &basket, 2, items, NULL), 2);
    CHECK_INT(items[1].item, 5);
    basket_walk_memory_free(room);
    model_free(model);
}

/* Item 1 is bought with 0 as often as 2 is, but with everything else too. */
static void test_goes_with_everything(void)
{
    enum { ITEMS = 60 };
    struct model *model = make_model(ITEMS);
    struct basket_walk_memory *room = basket_walk_memory_new();
    struct basket basket = {.cart = {0}, .cart_count = 1};
    struct top_item items[2];
    join(model, 0, 1, 20);
    join(model, 0, 2, 20);
    for (uint32_t i = 3; i < ITEMS; i++)
        join(model, 1, i, 20);
    buy(model, 0, 40);
    CHECK_INT(basket_top(room, model, &basket, 2, items, NULL), 2);
    CHECK_INT(items[0].item, 2);
    CHECK_INT(items[1].item, 1);
    basket_walk_memory_free(room);
    model_free(model);
}

/* A room in which other walks went before gives the same as a new one. */
static void test_room(void)
{
    enum { ITEMS = 300 };
    struct model *model = make_model(ITEMS);
    struct basket_walk_memory *memory = basket_walk_memory_new();
    struct top_item fresh[50], again[50];
    uint64_t draws = 7;
    for (uint32_t i = 0; i < ITEMS; i++) {
        buy(model, i, 1 + (int)(draw_next(&draws) % 50));
        for (int k = 0; k < 4; k++)
            join(model, i, (uint32_t)(draw_next(&draws) % ITEMS), 1);
    }
    for (int n = 0; n < 200; n++) {
        struct basket basket = {.cart_count = 1 + (uint32_t)(draw_next(&draws) % 5)};
        for (uint32_t i = 0; i < basket.cart_count; i++)
            basket.cart[i] = (uint32_t)(draw_next(&draws) % ITEMS);
        struct basket_walk_memory *room = basket_walk_memory_new();
        uint32_t count = basket_top(room, model, &basket, 50, fresh, NULL);
        CHECK_INT(count, 50);
        CHECK_INT(basket_top(memory, model, &basket, 50, again, NULL), count);
        CHECK(memcmp(fresh, again, count * sizeof *fresh) == 0);
        basket_walk_memory_free(room);
    }
    basket_walk_memory_free(memory);
    model_free(model);
}

static void act(struct visitor *visitor, enum kind kind, const char *item)
{
    struct activity activity = {.time_ms = NOW_MS + visitor->count, .kind = (uint8_t)kind};
    visitor_insert(visitor, visitor->count, activity, bytes_text(item), 1000, NULL);
}

static void test_cart(void)
{
    struct model *model = make_model(100);
    struct store *store = store_memory_new();
    struct visitor_table *table = visitor_table_new(store, SIZE_MAX);
    struct visitor *visitor;
    struct basket basket;
    visitor_table_get(table, 0, bytes_text("v"), &visitor, NULL);
    visitor_table_mark_dirty(table, visitor);
    act(visitor, KIND_CART, "i9");
    act(visitor, KIND_CART_CLEAR, "");
    act(visitor, KIND_CART, "i1");
    act(visitor, KIND_VIEW, "i8");
    act(visitor, KIND_CART, "i2");
    act(visitor, KIND_CART, "nobody knows it");
    act(visitor, KIND_CART, "i3");
    act(visitor, KIND_CART_REMOVE, "i2");
    act(visitor, KIND_PURCHASE, "i3");
    act(visitor, KIND_CART, "i4");
    act(visitor, KIND_CART, "i1");
    basket_of(model, visitor, &basket);
    CHECK_INT(basket.cart_count, 2);
    CHECK_INT(basket.cart[0], 4);
    CHECK_INT(basket.cart[1], 1);
    CHECK_INT(basket.history_count, 1);
    CHECK_INT(basket.history[0], 3);
    for (int i = 0; i < 90; i++) {
        char id[20];
        snprintf(id, sizeof id, "i%d", i);
        act(visitor, KIND_CART, id);
    }
    basket_of(model, visitor, &basket);
    CHECK_INT(basket.cart_count, BASKET_SEEDS_MAX);
    CHECK_INT(basket.cart[BASKET_SEEDS_MAX - 1], 89);
    visitor_table_free(table);
    store->free(store);
    model_free(model);
}

int main(void)
{
    TEST_RUN(test_formula);
    TEST_RUN(test_goes_with_everything);
    TEST_RUN(test_room);
    TEST_RUN(test_cart);
    return test_done();
}
