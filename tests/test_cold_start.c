/* Cold start by channel: the channel's name in one spelling; what its visitors take, stored and
 * read back; and the lists of new visitors: items popular in their channel, the best first, then
 * items popular in the shop. */
#include "processors/recommend/candidates/channel_popularity.h"
#include "processors/runtime/driver.h"
#include "state/model_store.h"
#include "tests/steps.h"
#include "tests/test.h"

#include <math.h>

#define START_MS 1700000000000
#define HALF_LIFE_MS 86400000

static void check_name(const char *written, size_t size, const char *name)
{
    char to[CHANNEL_BYTES_MAX];
    struct buffer scratch = {0};
    CHECK_BYTES(channel_name(bytes_of(written, size), &scratch, to), bytes_text(name));
    buffer_release(&scratch);
}

static void test_names(void)
{
    char longest[300];
    memset(longest, 'X', sizeof longest);
    check_name("web", 3, "web");
    check_name(" \tMobile App\n", 13, "mobile app");
    check_name("\xc3\x89T\xc3\x89", 5, "ete");
    check_name("", 0, "");
    check_name("  ", 2, "");
    check_name("\xff\xfe", 2, "");
    check_name(longest, CHANNEL_BYTES_MAX, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    check_name(longest, CHANNEL_BYTES_MAX + 1, "");
    check_name(longest, sizeof longest, "");
    check_name(NULL, 0, "");
}

/* ---- the table ---- */

static struct model *new_model(uint32_t channels_max, uint32_t entries_max)
{
    struct model_limits limits = {.items_max = 1000,
                                  .row_entries_max = 10,
                                  .pair_half_life_ms = HALF_LIFE_MS,
                                  .popular_half_life_ms = HALF_LIFE_MS,
                                  .queries = {10, 10},
                                  .channels = {channels_max, entries_max}};
    return model_new(&limits);
}

static void fold(struct model *model, const char *channel, const char *item, enum kind kind,
                 int64_t time_ms, uint64_t number)
{
    weft_step_channels.interaction(
        model, &(struct interaction){.event_id = bytes_of(&number, sizeof number),
                                     .kind = kind,
                                     .subject = bytes_text(item),
                                     .channel = bytes_text(channel),
                                     .event_time_ms = time_ms});
}

/* The items of a channel, best first, with their shares in percent. */
static void check_top(const struct model *model, const char *channel, const char *expected)
{
    struct top_item best[100];
    struct buffer text = {0};
    uint32_t count = channel_popularity_top(model, bytes_text(channel), 100, best);
    for (uint32_t i = 0; i < count; i++)
        buffer_format(&text, "%s%s %.0f", i ? ", " : "", model->items[best[i].item].id.at,
                      100 * (double)best[i].score);
    CHECK_BYTES(buffer_bytes(&text), bytes_text(expected));
    buffer_release(&text);
}

static struct model *reload(struct model *model, struct store *store)
{
    struct store_batch batch = {0};
    struct error error = {0};
    struct model *loaded = model_new(&model->limits);
    model_save(model, &batch);
    CHECK(store->write(store, &batch, NULL) == VERDICT_OK);
    batch_release(&batch);
    CHECK_SAY(model_load(loaded, store, &error) == VERDICT_OK, "%s", error.message);
    model_free(model);
    return loaded;
}

static void test_table(void)
{
    struct store *store = store_memory_new();
    struct model *model = new_model(10, 100);
    model = reload(model, store); /* as one that was stored before there were channels */
    CHECK_INT(model->channels->count, 0);
    check_top(model, "web", "");
    fold(model, "web", "viewed", KIND_VIEW, START_MS, 1);
    fold(model, "web", "carted", KIND_CART, START_MS, 2);
    fold(model, "web", "bought", KIND_PURCHASE, START_MS, 3);
    fold(model, "web", "removed", KIND_CART_REMOVE, START_MS, 4);
    fold(model, "web", "a search", KIND_SEARCH, START_MS, 5);
    fold(model, "app", "viewed", KIND_VIEW, START_MS, 6);
    fold(model, "", "nowhere", KIND_VIEW, START_MS, 7);
    check_top(model, "web", "bought 100, carted 50, viewed 17");
    check_top(model, "app", "viewed 100");
    check_top(model, "", "");
    model = reload(model, store);
    for (uint64_t i = 0; i < 2; i++) /* two half-lives later each counts four times as much */
        fold(model, "web", "new", KIND_VIEW, START_MS + 2 * HALF_LIFE_MS, 10 + i);
    check_top(model, "web", "new 100, bought 75, carted 38, viewed 12");
    CHECK_INT(model->queries->count, 0);
    model_free(model);
    store->free(store);
}

/* A row whose numbers have decayed to nothing can still be read back. */
static void test_ages(void)
{
    struct store *store = store_memory_new();
    struct model *model = new_model(10, 100);
    int64_t later_ms = START_MS + 5000ll * HALF_LIFE_MS;
    fold(model, "web", "old", KIND_VIEW, START_MS, 1);
    fold(model, "web", "new", KIND_VIEW, later_ms, 2);
    check_top(model, "web", "new 100");
    model = reload(model, store);
    fold(model, "web", "older", KIND_VIEW, START_MS, 3);
    check_top(model, "web", "new 100");
    model = reload(model, store);
    check_top(model, "web", "new 100");
    model_free(model);
    store->free(store);
}

static void test_bounds(void)
{
    struct random random = random_from(3);
    struct store *store = store_memory_new();
    struct model *model = new_model(4, 5), *none = new_model(0, 5);
    struct top_item best[10];
    for (uint64_t i = 0; i < 3000; i++) {
        char channel[16], item[16];
        snprintf(channel, sizeof channel, "c%u", random_below(&random, 12));
        snprintf(item, sizeof item, "i%u", random_below(&random, 50));
        fold(model, random_one_in(&random, 2) ? "web" : channel, i % 3 ? item : "favourite",
             KIND_VIEW, START_MS, i);
        fold(none, channel, item, KIND_VIEW, START_MS, i);
        if (i % 500 == 499) {
            uint64_t evicted = model->channels->evicted;
            CHECK(evicted > 0 && model->channels->entries_evicted > 0);
            model = reload(model, store);
        }
    }
    CHECK_INT(model->channels->count, 4);
    CHECK_INT(channel_popularity_top(model, bytes_text("web"), 10, best), 5);
    CHECK_BYTES(model->items[best[0].item].id, bytes_text("favourite"));
    CHECK_INT(channel_popularity_top(model, bytes_text("web"), 3, best), 3);
    CHECK_INT(none->channels->count, 0);
    model_free(model);
    model_free(none);
    store->free(store);
}

/* ---- lists ---- */

struct shop {
    struct driver *driver;
    uint32_t number;
    int64_t now_ms;
};

static void open_shop(struct shop *shop, const char *setting)
{
    struct config config;
    struct error error = {0};
    *shop = (struct shop){.now_ms = START_MS};
    config_init(&config);
    CHECK(config_assign(&config, "list.items=10", &error) == VERDICT_OK);
    CHECK(config_assign(&config, setting, &error) == VERDICT_OK);
    CHECK_SAY(config_finish(&config, &error) == VERDICT_OK, "%s", error.message);
    CHECK(driver_new(&config, true, NULL, NULL, &shop->driver, &error) == VERDICT_OK);
}

static void send_at(struct shop *shop, enum event_type type, const char *visitor,
                    const char *channel, const char *what, int64_t time_ms)
{
    char id[16];
    struct event event;
    struct event_item item;
    struct error error = {0};
    enum fate fate;
    event_init(&event, type);
    event_item_init(&item);
    snprintf(id, sizeof id, "e%u", shop->number++);
    event.event_id = bytes_text(id);
    event.visitor_id = bytes_text(visitor);
    event.event_time_ms = time_ms;
    event.channel = channel ? bytes_text(channel) : bytes_of(NULL, 0);
    if (type == EVENT_SEARCH) {
        event.search_term = bytes_text(what);
    } else {
        item.item_id = bytes_text(what);
        event.items = &item;
        event.item_count = 1;
    }
    CHECK_SAY(driver_event(shop->driver, &event, &fate, &error) == VERDICT_OK, "%s", error.message);
    CHECK_INT(fate, FATE_PROCESSED);
}

static void send(struct shop *shop, enum event_type type, const char *visitor, const char *channel,
                 const char *what)
{
    send_at(shop, type, visitor, channel, what, shop->now_ms += 60000);
}

/* By the web A, B and C are liked, by the app X, Y and Z; B is what most like. */
static void fill_shop(struct shop *shop)
{
    static const char *const web[] = {"B", "A", "B", "C", "B", "A", "B", "B"};
    static const char *const app[] = {"X", "Y", "X", "Z", "X", "Y"};
    char visitor[16];
    for (uint32_t i = 0; i < 8; i++) {
        snprintf(visitor, sizeof visitor, "w%u", i);
        send(shop, EVENT_VIEW, visitor, "web", web[i]);
    }
    for (uint32_t i = 0; i < 6; i++) {
        snprintf(visitor, sizeof visitor, "a%u", i);
        send(shop, EVENT_VIEW, visitor, " APP ", app[i]);
    }
}

static uint32_t make_lists(struct shop *shop, const char *visitor, struct arena *arena,
                           struct list *ret_lists)
{
    bool again;
    uint32_t count = recommend_lists(driver_recommender(shop->driver), driver_model(shop->driver),
                                     driver_catalogue(shop->driver),
                                     driver_visitor(shop->driver, bytes_text(visitor)), 10, arena,
                                     ret_lists, &again);
    CHECK(count > 0);
    return count;
}

/* The list home as "item, ...", those that are popular in the channel with an exclamation mark. */
static void check_home(struct shop *shop, const char *visitor, const char *expected)
{
    struct list lists[PLACEMENTS_MAX];
    struct arena arena = {0};
    struct buffer text = {0};
    uint32_t count = make_lists(shop, visitor, &arena, lists);
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(lists[i].placement, "home") != 0)
            continue;
        for (uint32_t k = 0; k < lists[i].item_count; k++) {
            const struct list_item *item = &lists[i].items[k];
            bool by_channel = strcmp(item->reason, "popular_in_channel") == 0;
            CHECK(by_channel || strcmp(item->reason, "popular") == 0);
            CHECK_INT(item->because_item_id.size, 0);
            CHECK(k == 0 || item->score <= lists[i].items[k - 1].score);
            buffer_format(&text, "%s%.*s%s", k ? " " : "", (int)item->item_id.size,
                          item->item_id.at, by_channel ? "!" : "");
        }
    }
    CHECK_BYTES(buffer_bytes(&text), bytes_text(expected));
    buffer_release(&text);
    arena_release(&arena);
}

/* Two channels, and newcomers by each who did nothing that says what they like. */
static void test_lists(void)
{
    struct shop shop;
    open_shop(&shop, "list.newcomers.channel=on");
    fill_shop(&shop);
    send(&shop, EVENT_SEARCH, "n1", "Web", "nothing has this");
    send(&shop, EVENT_SEARCH, "n2", "app", "nothing has this");
    send(&shop, EVENT_SEARCH, "n3", "kiosk", "nothing has this");
    send(&shop, EVENT_SEARCH, "n4", NULL, "nothing has this");
    check_home(&shop, "n1", "B! A! C! X Y Z");
    check_home(&shop, "n2", "X! Y! Z! B A C");
    check_home(&shop, "n3", "B X Y A Z C");
    check_home(&shop, "n4", "B X Y A Z C");
    send_at(&shop, EVENT_SEARCH, "n2", "web", "nothing has this", START_MS); /* it comes late */
    check_home(&shop, "n2", "X! Y! Z! B A C");
    send(&shop, EVENT_SEARCH, "n2", NULL, "nothing has this");
    check_home(&shop, "n2", "X! Y! Z! B A C");
    send(&shop, EVENT_SEARCH, "n2", "web", "nothing has this"); /* and now by another */
    check_home(&shop, "n2", "B! A! C! X Y Z");
    driver_free(shop.driver);
}

/* A visitor whose items the model has evicted is new. A visitor with one known item is not. */
static void test_unknown_items(void)
{
    struct shop shop;
    open_shop(&shop, "items.max=7");
    fill_shop(&shop);
    send(&shop, EVENT_VIEW, "n1", "app", "unknown");
    for (const char *other = "QRS"; *other; other++) /* they push out C, Z and unknown */
        send(&shop, EVENT_VIEW, "n2", "web", (char[]){*other, 0});
    check_home(&shop, "n1", "X! Y! unknown! Z! B A S Q R"); /* rows are not swept yet */
    send(&shop, EVENT_VIEW, "n1", "app", "A");
    struct list lists[PLACEMENTS_MAX];
    struct arena arena = {0};
    uint32_t count = make_lists(&shop, "n1", &arena, lists);
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t k = 0; k < lists[i].item_count; k++)
            CHECK(strcmp(lists[i].items[k].reason, "popular_in_channel") != 0);
    arena_release(&arena);
    driver_free(shop.driver);
}

/* Search results come before the channel's items, and replace them. */
static void test_searched(void)
{
    struct shop shop;
    open_shop(&shop, "list.newcomers.channel=on");
    fill_shop(&shop);
    send(&shop, EVENT_SEARCH, "s", "web", "red bag");
    send(&shop, EVENT_VIEW, "s", "web", "Y");
    send(&shop, EVENT_SEARCH, "n", "web", "red bag");
    struct list lists[PLACEMENTS_MAX];
    struct arena arena = {0};
    make_lists(&shop, "n", &arena, lists);
    CHECK_BYTES(lists[0].items[0].item_id, bytes_text("Y"));
    CHECK_TEXT(lists[0].items[0].reason, "taken_after_search");
    CHECK_TEXT(lists[0].items[1].reason, "popular");
    arena_release(&arena);
    driver_free(shop.driver);
    /* with searches left out, the channel is what there is */
    open_shop(&shop, "list.newcomers=popular");
    fill_shop(&shop);
    send(&shop, EVENT_SEARCH, "s", "web", "red bag");
    send(&shop, EVENT_VIEW, "s", "web", "Y");
    send(&shop, EVENT_SEARCH, "n", "web", "red bag");
    check_home(&shop, "n", "B! A! Y! C! X Z");
    driver_free(shop.driver);
}

static void test_off(void)
{
    static const char *const settings[] = {"list.newcomers.channel=off", "channels.max=0"};
    for (int i = 0; i < 2; i++) {
        struct shop shop;
        open_shop(&shop, settings[i]);
        fill_shop(&shop);
        send(&shop, EVENT_SEARCH, "n1", "web", "nothing has this");
        send(&shop, EVENT_SEARCH, "n2", "app", "nothing has this");
        check_home(&shop, "n1", "B X Y A Z C");
        check_home(&shop, "n2", "B X Y A Z C");
        driver_free(shop.driver);
    }
}

/* A sold out product is in no list, even if it is popular in the channel. */
static void test_filtered(void)
{
    struct shop shop;
    open_shop(&shop, "list.newcomers.channel=on");
    fill_shop(&shop);
    struct event product;
    event_init(&product, EVENT_PRODUCT);
    product.item_id = product.title = bytes_text("X");
    product.availability = OUT_OF_STOCK;
    driver_product(shop.driver, &product);
    send(&shop, EVENT_SEARCH, "n", "app", "nothing has this");
    check_home(&shop, "n", "Y! Z! B A C");
    driver_free(shop.driver);
}

int main(void)
{
    TEST_RUN(test_names);
    TEST_RUN(test_table);
    TEST_RUN(test_ages);
    TEST_RUN(test_bounds);
    TEST_RUN(test_lists);
    TEST_RUN(test_unknown_items);
    TEST_RUN(test_searched);
    TEST_RUN(test_off);
    TEST_RUN(test_filtered);
    return test_done();
}
