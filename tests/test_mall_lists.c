/* Lists of the simulated mall, end to end: its events go through the whole topology in one process,
 * products are sold out, come back, change their price and are deleted, and the shop's rules are
 * switched on and off at random; each list of each placement is looked at by a checker that knows
 * the products and the rules as the shop gave them, and asks nothing of the filters.
 * WEFT_TEST_LISTS in the environment: so many lists in place of 20,000. */
#include "processors/recommend/recommend.h"
#include "processors/runtime/driver.h"
#include "tests/test.h"
#include "tools/mall.h"

#define PRODUCTS 1200
#define RULES_MAX 12
#define EVENTS_A_RULE_SET 300
#define START_MS 1767225600000

enum demand {
    EXCLUDE_BRAND,
    EXCLUDE_CATEGORY,
    EXCLUDE_COLOUR,
    EXCLUDE_ITEM,
    LIMIT_BRAND,
    PIN,
    OTHER
};

struct rule {
    enum demand demand;
    char text[128];
    const char *placement; /* NULL: all */
    uint32_t most;         /* of a brand */
};

/* As the shop knows it. */
struct good {
    char id[16], brand[64], title[128], path[128], colour[32];
    double price;
    bool there, stock;
};

struct shop {
    struct mall *mall;
    struct config config;
    struct driver *driver;
    struct search_index *search;
    struct good goods[PRODUCTS];
    struct rule rules[RULES_MAX];
    uint32_t rule_count;
    struct merchandising_rules parsed;
    unsigned long lists, items;
};

static void copy(char *to, size_t size, struct bytes text)
{
    snprintf(to, size, "%.*s", (int)text.size, text.at ? text.at : "");
}

static uint32_t number_of(struct bytes id)
{
    char text[16];
    copy(text, sizeof text, id);
    uint32_t number = (uint32_t)strtoul(text + 1, NULL, 10);
    CHECK_SAY(number >= 1 && number <= PRODUCTS, "the list has '%s'", text);
    return number >= 1 && number <= PRODUCTS ? number - 1 : 0;
}

static void tell(struct shop *shop, uint32_t index)
{
    struct event event;
    const struct good *good = &shop->goods[index];
    mall_product(shop->mall, index, &event);
    event.price = good->price;
    event.availability = good->stock ? IN_STOCK : OUT_OF_STOCK;
    if (good->there)
        driver_product(shop->driver, &event);
    else
        driver_product_gone(shop->driver, bytes_text(good->id));
}

static void open_shop(struct shop *shop, uint64_t seed, const char *const *settings)
{
    struct error error = {0};
    struct mall_settings mall = {.seed = seed,
                                 .products = PRODUCTS,
                                 .visitors = 800,
                                 .events_per_s = 20,
                                 .start_ms = START_MS,
                                 .duplicates = .01,
                                 .double_clicks = .02};
    memset(shop, 0, sizeof *shop);
    shop->mall = mall_new(&mall);
    config_init(&shop->config);
    for (; *settings; settings++)
        CHECK(config_assign(&shop->config, *settings, &error) == VERDICT_OK);
    CHECK_SAY(config_finish(&shop->config, &error) == VERDICT_OK, "%s", error.message);
    CHECK(driver_new(&shop->config, false, NULL, NULL, &shop->driver, &error) == VERDICT_OK);
    shop->search = search_index_new(driver_catalogue(shop->driver));
    recommender_set_search(driver_recommender(shop->driver), shop->search);
    for (uint32_t i = 0; i < PRODUCTS; i++) {
        struct event event;
        struct good *good = &shop->goods[i];
        mall_product(shop->mall, i, &event);
        copy(good->id, sizeof good->id, event.item_id);
        copy(good->brand, sizeof good->brand, event.item_brand);
        copy(good->title, sizeof good->title, event.title);
        copy(good->path, sizeof good->path, event.categories.at[0]);
        if (event.colors.count > 0)
            copy(good->colour, sizeof good->colour, event.colors.at[0]);
        good->price = event.price;
        good->there = good->stock = true;
        tell(shop, i);
    }
}

static void close_shop(struct shop *shop)
{
    driver_free(shop->driver);
    search_index_free(shop->search);
    mall_free(shop->mall);
    merchandising_rules_release(&shop->parsed);
}

/* ---- what changes ---- */

static void change_product(struct shop *shop, struct random *random)
{
    uint32_t index = random_below(random, PRODUCTS);
    struct good *good = &shop->goods[index];
    switch (random_below(random, 6)) {
    case 0:
        good->there = false;
        break;
    case 1:
    case 2:
        good->stock = false;
        break;
    case 3:
        good->price *= .5 + random_below(random, 100) / 100.0;
        break;
    default:
        good->there = good->stock = true;
        break;
    }
    tell(shop, index);
}

static void write_rule(struct shop *shop, struct random *random, struct buffer *text)
{
    static const char *const placements[] = {"home", "product", "cart", "search", "goes_with"};
    struct rule *rule = &shop->rules[shop->rule_count++];
    struct good good = shop->goods[random_below(random, PRODUCTS)];
    char *deeper = strstr(good.path, " > ");
    if (deeper && strstr(deeper + 3, " > "))
        *strstr(deeper + 3, " > ") = '\0'; /* not its leaf alone, but what is above it */
    *rule = (struct rule){.demand = (enum demand)random_below(random, OTHER + 1)};
    rule->placement = random_one_in(random, 2) ? placements[random_below(random, 5)] : NULL;
    const char *const subjects[] = {[EXCLUDE_BRAND] = good.brand,
                                    [EXCLUDE_CATEGORY] = good.path,
                                    [EXCLUDE_COLOUR] = good.colour,
                                    [EXCLUDE_ITEM] = good.id,
                                    [LIMIT_BRAND] = "",
                                    [PIN] = good.id,
                                    [OTHER] = ""};
    snprintf(rule->text, sizeof rule->text, "%s", subjects[rule->demand]);
    switch (rule->demand) {
    case EXCLUDE_BRAND:
        buffer_format(text, "exclude brand \"%s\"", rule->text);
        break;
    case EXCLUDE_CATEGORY:
        buffer_format(text, "exclude category \"%s\"", rule->text);
        break;
    case EXCLUDE_COLOUR:
        buffer_format(text, "exclude colour \"%s\"", rule->text);
        break;
    case EXCLUDE_ITEM:
        buffer_format(text, "exclude item %s", rule->text);
        break;
    case LIMIT_BRAND:
        rule->most = 1 + random_below(random, 4);
        buffer_format(text, "limit brand %u", rule->most);
        break;
    case PIN:
        buffer_format(text, "pin item %s at %u", rule->text, 1 + random_below(random, 10));
        break;
    default:
        if (random_one_in(random, 2))
            buffer_format(text, "boost brand \"%s\" by 5", good.brand);
        else
            buffer_text(text, "diversity 0.4");
        break;
    }
    if (rule->placement)
        buffer_format(text, " placement %s", rule->placement);
    buffer_byte(text, '\n');
}

static void change_rules(struct shop *shop, struct random *random)
{
    struct buffer text = {0};
    struct error error = {0};
    uint32_t count = random_below(random, RULES_MAX + 1);
    shop->rule_count = 0;
    while (shop->rule_count < count)
        write_rule(shop, random, &text);
    recommender_set_rules(driver_recommender(shop->driver), NULL);
    merchandising_rules_release(&shop->parsed);
    memset(&shop->parsed, 0, sizeof shop->parsed);
    CHECK_SAY(merchandising_rules_parse(buffer_bytes(&text), &shop->parsed, &error) == VERDICT_OK,
              "%s", error.message);
    recommender_set_rules(driver_recommender(shop->driver), &shop->parsed);
    buffer_release(&text);
}

/* ---- the checker ---- */

static bool excluded(const struct rule *rule, const struct good *good)
{
    size_t size = strlen(rule->text);
    switch (rule->demand) {
    case EXCLUDE_BRAND:
        return strcmp(good->brand, rule->text) == 0;
    case EXCLUDE_CATEGORY:
        return strncmp(good->path, rule->text, size) == 0 &&
               (good->path[size] == '\0' || strncmp(good->path + size, " > ", 3) == 0);
    case EXCLUDE_COLOUR:
        return strcmp(good->colour, rule->text) == 0;
    case EXCLUDE_ITEM:
        return strcmp(good->id, rule->text) == 0;
    default:
        return false;
    }
}

static bool concerns(const struct rule *rule, const char *placement)
{
    return !rule->placement || strcmp(rule->placement, placement) == 0;
}

/* Such an item keeps the reason that it had, if it was a candidate. */
static bool pinned(const struct shop *shop, const char *placement, const struct good *good)
{
    for (uint32_t i = 0; i < shop->rule_count; i++)
        if (shop->rules[i].demand == PIN && concerns(&shop->rules[i], placement) &&
            strcmp(shop->rules[i].text, good->id) == 0)
            return true;
    return false;
}

/* 0: no limit; of several the last one counts. */
static uint32_t brand_most(const struct shop *shop, const char *placement)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < shop->rule_count; i++) {
        const struct rule *rule = &shop->rules[i];
        if (rule->demand == LIMIT_BRAND && concerns(rule, placement))
            most = rule->most;
    }
    return most;
}

static bool did(const struct visitor *visitor, struct bytes item_id)
{
    for (uint32_t i = 0; i < visitor->count; i++)
        if (bytes_equal(activity_subject(visitor, &visitor->activities[i]), item_id))
            return true;
    return false;
}

static bool lately_bought(const struct shop *shop, const struct visitor *visitor,
                          struct bytes item_id, int64_t now_ms)
{
    bool bought = false;
    for (uint32_t i = 0; i < visitor->count; i++) {
        const struct activity *activity = &visitor->activities[i];
        if (!bytes_equal(activity_subject(visitor, activity), item_id))
            continue;
        if (activity->kind == KIND_PURCHASE && activity->counting != COUNTING_TAKEN_BACK)
            bought = now_ms - activity->time_ms < shop->config.settings.recommend.filters.bought_ms;
    }
    return bought;
}

static bool in_cart(const struct visitor *visitor, struct bytes item_id)
{
    bool inside = false;
    for (uint32_t i = 0; i < visitor->count; i++) {
        const struct activity *activity = &visitor->activities[i];
        bool this = bytes_equal(activity_subject(visitor, activity), item_id);
        if (activity->kind == KIND_CART_CLEAR)
            inside = false;
        else if (this && activity->kind == KIND_CART)
            inside = true;
        else if (this && (activity->kind == KIND_CART_REMOVE || activity->kind == KIND_PURCHASE))
            inside = false;
    }
    return inside;
}

static bool is_pair(const struct model *model, uint32_t cause, uint32_t item, enum pair_kind kind)
{
    bool found = false;
    for (int direction = 0; direction < PAIR_DIRECTIONS; direction++) {
        const struct row *row = &model->items[cause].rows[kind][direction];
        for (uint32_t i = 0; i < row->count; i++)
            found = found || row->entries[i].item == item;
    }
    return found;
}

/* The reason is true: the model has the pair that it tells of. */
static void check_cause(const struct shop *shop, const struct visitor *visitor,
                        const struct list *list, const struct list_item *item)
{
    static const struct {
        const char *reason;
        enum pair_kind kind;
    } reasons[] = {{"viewed_next", PAIR_VIEW},
                   {"viewed_together", PAIR_VIEW},
                   {"carted_together", PAIR_CART},
                   {"bought_together", PAIR_PURCHASE}};
    const struct model *model = driver_model(shop->driver);
    CHECK_SAY(strcmp(item->reason, "styled_with") != 0 ||
                  (in_cart(visitor, item->because_item_id) && strcmp(list->placement, "cart") == 0),
              "%s: styled with %.*s, which is not in the cart", list->placement,
              (int)item->because_item_id.size, item->because_item_id.at);
    bool before =
        strcmp(item->reason, "viewed_before") == 0 || strcmp(item->reason, "bought_before") == 0;
    CHECK_SAY(!before || item->because_item_id.size == 0, "%s has a cause", item->reason);
    CHECK_SAY(!bytes_equal(item->because_item_id, item->item_id), "%s: %.*s because of itself",
              list->placement, (int)item->item_id.size, item->item_id.at);
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (strcmp(item->reason, reasons[i].reason) == 0)
            CHECK_SAY(is_pair(model, model_find(model, item->because_item_id),
                              model_find(model, item->item_id), reasons[i].kind),
                      "%s: %.*s %s %.*s, which nobody did", list->placement,
                      (int)item->item_id.size, item->item_id.at, item->reason,
                      (int)item->because_item_id.size, item->because_item_id.at);
}

static void check_item(const struct shop *shop, const struct visitor *visitor,
                       const struct list *list, const struct list_item *item, int64_t now_ms)
{
    const struct good *good = &shop->goods[number_of(item->item_id)];
    bool free = !pinned(shop, list->placement, good);
    CHECK_SAY(good->there, "%s lists the deleted %s", list->placement, good->id);
    CHECK_SAY(good->stock, "%s lists the sold out %s", list->placement, good->id);
    CHECK(good->price >= shop->config.settings.recommend.filters.price_min);
    CHECK(!bytes_equal(item->item_id, list->context_item_id));
    CHECK_SAY(!lately_bought(shop, visitor, item->item_id, now_ms), "%s lists the bought %s",
              list->placement, good->id);
    for (uint32_t i = 0; i < shop->rule_count; i++) {
        const struct rule *rule = &shop->rules[i];
        if (concerns(rule, list->placement))
            CHECK_SAY(!excluded(rule, good), "%s lists %s, which '%s' excludes", list->placement,
                      good->id, rule->text);
    }
    bool goes_with = strcmp(list->placement, "goes_with") == 0;
    if (free && (goes_with || strcmp(list->placement, "cart") == 0))
        CHECK_SAY(!in_cart(visitor, item->item_id), "%s lists what is in the cart",
                  list->placement);
    const struct good *context =
        list->context_item_id.size > 0 ? &shop->goods[number_of(list->context_item_id)] : NULL;
    if (context && !context->there)
        context = NULL; /* weft knows no category of a deleted product */
    if (free && goes_with && context)
        CHECK(strcmp(good->path, context->path) != 0);
    if (free && strcmp(list->placement, "category") == 0 && context)
        CHECK_TEXT(good->path, context->path);
    check_cause(shop, visitor, list, item);
    if (strcmp(item->reason, "viewed_before") == 0 || strcmp(item->reason, "bought_before") == 0)
        CHECK_SAY(did(visitor, item->item_id), "%s: %s was %s", list->placement, good->id,
                  item->reason);
    if (item->because_item_id.size > 0)
        CHECK_SAY(did(visitor, item->because_item_id),
                  "%s: %s because of %.*s, with which the "
                  "visitor did nothing",
                  list->placement, item->reason, (int)item->because_item_id.size,
                  item->because_item_id.at);
}

static void check_list(struct shop *shop, const struct visitor *visitor, const struct list *list,
                       int64_t now_ms)
{
    uint32_t most = brand_most(shop, list->placement);
    CHECK(list->item_count <= 20);
    for (uint32_t i = 0; i < list->item_count; i++) {
        const struct good *good = &shop->goods[number_of(list->items[i].item_id)];
        uint32_t brand = 1;
        check_item(shop, visitor, list, &list->items[i], now_ms);
        for (uint32_t k = 0; k < i; k++) {
            const struct good *other = &shop->goods[number_of(list->items[k].item_id)];
            CHECK(good != other);
            CHECK_SAY(strcmp(good->brand, other->brand) != 0 ||
                          strcmp(good->title, other->title) != 0,
                      "%s lists two variants of '%s'", list->placement, good->title);
            brand += strcmp(good->brand, other->brand) == 0;
        }
        CHECK_SAY(most == 0 || brand <= most || pinned(shop, list->placement, good),
                  "%s lists %u of %s", list->placement, brand, good->brand);
        shop->items++;
    }
    shop->lists++;
}

/* ---- a shop's day ---- */

static void run(const char *const *settings, uint64_t seed, unsigned long wanted)
{
    static struct shop shop;
    struct random random = random_from(seed);
    struct arena arena = {0};
    struct error error = {0};
    struct list lists[PLACEMENTS_MAX];
    open_shop(&shop, seed, settings);
    for (unsigned long n = 0; shop.lists < wanted; n++) {
        struct event event;
        enum fate fate;
        bool again;
        if (n % EVENTS_A_RULE_SET == 0)
            change_rules(&shop, &random);
        if (random_one_in(&random, 20))
            change_product(&shop, &random);
        mall_next(shop.mall, &event);
        struct bytes key = event_visitor(&event);
        CHECK(driver_event(shop.driver, &event, &fate, &error) == VERDICT_OK);
        struct visitor *visitor = driver_visitor(shop.driver, key);
        if (visitor == NULL)
            continue;
        uint32_t count = recommend_lists(driver_recommender(shop.driver), driver_model(shop.driver),
                                         driver_catalogue(shop.driver), visitor,
                                         shop.config.settings.list_items, &arena, lists, &again);
        for (uint32_t i = 0; i < count; i++)
            check_list(&shop, visitor, &lists[i], visitor->latest_time_ms);
        arena_clear(&arena);
    }
    CHECK_SAY(shop.items > shop.lists * 5, "the lists hold %lu items", shop.items);
    arena_release(&arena);
    close_shop(&shop);
}

static void test_lists(void)
{
    static const char *const plain[] = {"quality=counts", "placements.off=", NULL};
    static const char *const strict[] = {
        "quality=counts",    "placements.off=email",      "list.bought.ms=86400000",
        "list.price.min=20", "list.diversity.percent=20", NULL};
    static const char *const tried_out[] = {
        "quality=counts",     "placements.off=",        "list.shown.max=5",
        "explore.percent=10", "list.gender.percent=20", NULL};
    static const char *const learned[] = {"placements.off=", "explore.percent=5", NULL};
    const char *text = getenv("WEFT_TEST_LISTS");
    unsigned long wanted = text ? strtoul(text, NULL, 10) : TEST_ROUNDS(20000);
    run(plain, 1, wanted * 3 / 10);
    run(strict, 2, wanted * 3 / 10);
    run(tried_out, 3, wanted * 3 / 10);
    run(learned, 4, wanted / 10);
}

int main(void)
{
    TEST_RUN(test_lists);
    return test_done();
}
