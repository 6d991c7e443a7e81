/* Orders and carts in the driver: an order that is sent again does not count again, a bought item
 * stays out of lists, a cart update to quantity 0 takes the item out. */
#include "processors/runtime/driver.h"
#include "tests/visitors.h"

#define START_MS 1767225600000

struct last_record {
    struct driver_sink sink;
    char text[1 << 16]; /* the newest record of lists */
};

static void written(struct driver_sink *self, enum output output, struct bytes key,
                    struct bytes value)
{
    struct last_record *last = (struct last_record *)(void *)self;
    (void)key;
    if (output == OUTPUT_RECOMMENDATIONS)
        snprintf(last->text, sizeof last->text, "%.*s", (int)value.size, value.at);
}

struct shop {
    struct last_record last;
    struct driver *driver;
    int64_t time_ms;
    int count;
};

static void open_shop(struct shop *shop, const char *assignment)
{
    struct config config;
    struct error error = {0};
    *shop = (struct shop){.last.sink.written = written, .time_ms = START_MS};
    config_init(&config);
    if (assignment)
        CHECK(config_assign(&config, assignment, &error) == VERDICT_OK);
    CHECK(config_finish(&config, &error) == VERDICT_OK);
    CHECK(driver_new(&config, true, &shop->last.sink, NULL, &shop->driver, &error) == VERDICT_OK);
}

/* Sends an event with a fresh event_id, a second after the one before. */
static enum fate send(struct shop *shop, enum event_type type, const char *visitor,
                      const char *fields)
{
    char text[2000];
    enum fate fate = FATES;
    struct error error = {0};
    shop->time_ms += 1000;
    snprintf(text, sizeof text,
             "{\"event_id\":\"e%d\",\"visitor_id\":\"%s\",\"event_time\":%lld,%s}", shop->count++,
             visitor, (long long)shop->time_ms, fields);
    CHECK_SAY(driver_record(shop->driver, type, bytes_text(visitor), bytes_text(text), &fate,
                            &error) == VERDICT_OK,
              "%s", error.message);
    CHECK_SAY(fate != FATE_DEAD_LETTER, "%s", error.message);
    return fate;
}

/* Items as one letter each. */
static const char *items_of(const char *letters, const char *more, char *to)
{
    size_t size = (size_t)sprintf(to, "\"items\":[");
    for (const char *at = letters; *at; at++)
        size += (size_t)sprintf(to + size, "%s{\"item_id\":\"%c\"%s}", at == letters ? "" : ",",
                                *at, more);
    sprintf(to + size, "]");
    return to;
}

static enum fate buy(struct shop *shop, const char *visitor, const char *order, const char *letters,
                     const char *status)
{
    char items[1000], fields[1200];
    snprintf(fields, sizeof fields, "\"transaction_id\":\"%s\",\"status\":\"%s\",%s", order, status,
             items_of(letters, "", items));
    return send(shop, EVENT_PURCHASE, visitor, fields);
}

static void view(struct shop *shop, const char *visitor, const char *item)
{
    char fields[100];
    snprintf(fields, sizeof fields, "\"item\":{\"item_id\":\"%s\"}", item);
    CHECK_INT(send(shop, EVENT_VIEW, visitor, fields), FATE_PROCESSED);
}

static void view_others(struct shop *shop, const char *visitor, int count)
{
    for (int i = 0; i < count; i++) {
        char item[16];
        snprintf(item, sizeof item, "page%d", i);
        view(shop, visitor, item);
    }
}

static void cart(struct shop *shop, const char *visitor, const char *action, const char *letters,
                 const char *more)
{
    char items[1000], fields[1200];
    snprintf(fields, sizeof fields, "\"action\":\"%s\",%s", action, items_of(letters, more, items));
    CHECK_INT(send(shop, EVENT_CART, visitor, fields), FATE_PROCESSED);
}

static uint64_t purchases(const struct shop *shop, const char *item)
{
    struct model *model = driver_model(shop->driver);
    uint32_t number = model_find(model, bytes_text(item));
    return number == ITEM_NONE ? 0 : model->items[number].counts.count[PAIR_PURCHASE];
}

static bool listed(const struct shop *shop, const char *item)
{
    char text[64];
    snprintf(text, sizeof text, "{\"item_id\":\"%s\"", item);
    return strstr(shop->last.text, text) != NULL;
}

struct order {
    const char *visitor, *id, *items, *status;
    enum fate fate;
};

/* Orders in turn, and the state that they leave. */
static const struct order_case {
    const char *name, *setting;
    struct order orders[6];   /* up to one without a visitor */
    const char *purchases;    /* an item's letter for each of its purchases that count */
    uint32_t lines, returned; /* of visitor v */
    uint64_t lines_out;       /* that were forgotten */
} order_cases[] = {
    {.name = "a repeat counts once for a visitor and an order",
     .orders = {{"v", "o1", "AB", "completed", FATE_PROCESSED},
                {"v", "o1", "AB", "completed", FATE_DUPLICATE},
                {"v", "o1", "B", "completed", FATE_DUPLICATE},
                {"w", "o1", "A", "completed", FATE_PROCESSED},
                {"v", "o2", "A", "completed", FATE_PROCESSED}},
     .purchases = "AAAB",
     .lines = 3},
    {.name = "the items come one by one, and a repeat has more of them",
     .orders = {{"v", "o", "A", "completed", FATE_PROCESSED},
                {"v", "o", "B", "completed", FATE_PROCESSED},
                {"v", "o", "BAC", "completed", FATE_PROCESSED},
                {"v", "o", "C", "completed", FATE_DUPLICATE}},
     .purchases = "ABC",
     .lines = 3},
    {.name = "an order has the same item twice",
     .orders = {{"v", "o", "DD", "completed", FATE_PROCESSED},
                {"v", "o", "DD", "completed", FATE_DUPLICATE}},
     .purchases = "DD",
     .lines = 1},
    {.name = "an order without an id is no repeat of another one",
     .orders = {{"v", "", "A", "completed", FATE_PROCESSED},
                {"v", "", "A", "completed", FATE_PROCESSED}},
     .purchases = "AA",
     .lines = 2},
    {.name = "a returned order is not bought again",
     .orders = {{"v", "o", "AB", "completed", FATE_PROCESSED},
                {"v", "o", "A", "refunded", FATE_PROCESSED},
                {"v", "o", "B", "cancelled", FATE_PROCESSED},
                {"v", "o", "AB", "completed", FATE_DUPLICATE}},
     .purchases = "AB",
     .lines = 2,
     .returned = 2},
    {.name = "at the bound the oldest line is forgotten; a longer order is known as a whole",
     .setting = "visitor.order.lines.max=4",
     .orders = {{"v", "o1", "AB", "completed", FATE_PROCESSED},
                {"v", "o2", "CDEF", "completed", FATE_PROCESSED},
                {"v", "o1", "AB", "completed", FATE_PROCESSED}, /* no repeat: forgotten */
                {"v", "o3", "ABCDEFG", "completed", FATE_PROCESSED},
                {"v", "o3", "ABCDEFG", "completed", FATE_DUPLICATE}},
     .purchases = "AAABBBCCDDEEFFG",
     .lines = 4,
     .lines_out = 8},
};

static void check_orders(struct shop *shop, const struct order_case *wanted)
{
    for (const struct order *order = wanted->orders; order->visitor; order++)
        CHECK_SAY(buy(shop, order->visitor, order->id, order->items, order->status) == order->fate,
                  "%s: order %td", wanted->name, order - wanted->orders);
    for (char item[] = "A"; item[0] <= 'G'; item[0]++) {
        uint64_t count = 0;
        for (const char *letter = wanted->purchases; *letter; letter++)
            count += *letter == item[0];
        CHECK_SAY(purchases(shop, item) == count, "%s: purchases of %s", wanted->name, item);
    }
    const struct visitor *visitor = driver_visitor(shop->driver, bytes_text("v"));
    uint32_t returned = 0;
    for (uint32_t i = 0; i < visitor->line_count; i++)
        returned += visitor->lines[i].returned;
    CHECK_SAY(visitor->line_count == wanted->lines, "%s: %u lines", wanted->name,
              visitor->line_count);
    CHECK_SAY(returned == wanted->returned, "%s: %u returned", wanted->name, returned);
    uint64_t out = driver_counts(shop->driver)->counters[COUNT_ORDER_LINES_OUT];
    CHECK_SAY(out == wanted->lines_out, "%s: %llu lines out", wanted->name,
              (unsigned long long)out);
}

static void test_orders(void)
{
    for (size_t i = 0; i < sizeof order_cases / sizeof order_cases[0]; i++) {
        struct shop shop;
        open_shop(&shop, order_cases[i].setting);
        check_orders(&shop, &order_cases[i]);
        driver_free(shop.driver);
    }
}

/* The activities of an order fall out, the order does not. */
static void test_outlives_activities(void)
{
    struct shop shop;
    open_shop(&shop, NULL);
    CHECK_INT(buy(&shop, "v", "o", "AB", "completed"), FATE_PROCESSED);
    view_others(&shop, "v", 70);
    CHECK_INT(buy(&shop, "v", "o", "AB", "completed"), FATE_DUPLICATE);
    CHECK_INT(driver_counts(shop.driver)->fates[FATE_DUPLICATE], 1);
    driver_free(shop.driver);
}

static void teach_pages(struct shop *shop)
{
    for (int i = 0; i < 20; i++) {
        char visitor[16];
        snprintf(visitor, sizeof visitor, "other%d", i);
        view(shop, visitor, "T");
        view_others(shop, visitor, 5);
    }
}

static void test_bought_stays_out(void)
{
    struct shop shop;
    open_shop(&shop, NULL);
    teach_pages(&shop);
    view(&shop, "w", "page1");
    CHECK(listed(&shop, "T"));
    CHECK_INT(buy(&shop, "w", "o", "T", "completed"), FATE_PROCESSED);
    view_others(&shop, "w", 66);
    view(&shop, "w", "page1");
    CHECK(!listed(&shop, "T"));
    shop.time_ms += 29ll * 86400000;
    view(&shop, "w", "page1");
    CHECK(!listed(&shop, "T"));
    shop.time_ms += 2ll * 86400000; /* list.bought.ms is over */
    view(&shop, "w", "page1");
    CHECK(listed(&shop, "T"));
    CHECK_INT(buy(&shop, "w", "o2", "T", "completed"), FATE_PROCESSED);
    view_others(&shop, "w", 66);
    CHECK_INT(buy(&shop, "w", "o2", "T", "refunded"), FATE_PROCESSED);
    view_others(&shop, "w", 66); /* the refund falls out as well */
    view(&shop, "w", "page1");
    CHECK(listed(&shop, "T"));
    driver_free(shop.driver);
}

static bool in_cart(const struct shop *shop, const char *item)
{
    return visitor_history_in_cart(driver_visitor(shop->driver, bytes_text("v")), bytes_text(item));
}

static void test_cart_quantities(void)
{
    struct shop shop;
    open_shop(&shop, NULL);
    cart(&shop, "v", "add", "AB", "");
    cart(&shop, "v", "update", "A", ",\"quantity\":0");
    CHECK(!in_cart(&shop, "A") && in_cart(&shop, "B"));
    cart(&shop, "v", "update", "B", ",\"quantity\":3");
    CHECK(in_cart(&shop, "B"));
    cart(&shop, "v", "update", "AC", ",\"quantity\":2");
    CHECK(in_cart(&shop, "A") && in_cart(&shop, "C"));
    cart(&shop, "v", "update", "ABC", ",\"quantity\":0");
    CHECK(!in_cart(&shop, "A") && !in_cart(&shop, "B") && !in_cart(&shop, "C"));
    CHECK_INT(send(&shop, EVENT_CART, "v",
                   "\"action\":\"update\",\"items\":[{\"item_id\":\"A\",\"quantity\":0},"
                   "{\"item_id\":\"D\",\"quantity\":1}]"),
              FATE_PROCESSED);
    CHECK(!in_cart(&shop, "A") && in_cart(&shop, "D"));
    struct model *model = driver_model(shop.driver);
    uint32_t item = model_find(model, bytes_text("A"));
    CHECK_INT(model->items[item].counts.count[PAIR_CART], 1); /* only the addition counts */
    driver_free(shop.driver);
}

/* The activities of a cart fall out, the cart does not; what is taken out, bought or cleared later
 * leaves it. */
static void test_cart_outlives_activities(void)
{
    struct shop shop;
    open_shop(&shop, "visitor.cart.items.max=3");
    cart(&shop, "v", "add", "ABC", "");
    view_others(&shop, "v", 70);
    CHECK(in_cart(&shop, "A") && in_cart(&shop, "B") && in_cart(&shop, "C"));
    cart(&shop, "v", "remove", "B", "");
    CHECK_INT(buy(&shop, "v", "o", "C", "completed"), FATE_PROCESSED);
    CHECK(in_cart(&shop, "A") && !in_cart(&shop, "B") && !in_cart(&shop, "C"));
    cart(&shop, "v", "add", "D", "");
    view_others(&shop, "v", 70); /* the removal and the purchase fall out as well */
    CHECK(in_cart(&shop, "A") && !in_cart(&shop, "B") && !in_cart(&shop, "C"));
    uint32_t items[4], count;
    const struct visitor *visitor = driver_visitor(shop.driver, bytes_text("v"));
    struct model *model = driver_model(shop.driver);
    count = visitor_history_cart(visitor, model, 4, items);
    CHECK_INT(count, 2);
    CHECK(items[0] == model_find(model, bytes_text("A")) &&
          items[1] == model_find(model, bytes_text("D")));
    cart(&shop, "v", "add", "EFG", "");
    CHECK_INT(driver_counts(shop.driver)->counters[COUNT_CART_ITEMS_OUT], 0);
    view_others(&shop, "v", 70); /* five items, of which three are remembered */
    CHECK(!in_cart(&shop, "A") && !in_cart(&shop, "D") && in_cart(&shop, "E"));
    CHECK_INT(driver_counts(shop.driver)->counters[COUNT_CART_ITEMS_OUT], 2);
    cart(&shop, "v", "clear", "", "");
    CHECK(!in_cart(&shop, "E"));
    view_others(&shop, "v", 70);
    CHECK(!in_cart(&shop, "E"));
    CHECK_INT(driver_visitor(shop.driver, bytes_text("v"))->cart.count, 0);
    driver_free(shop.driver);
}

/* Lines in the store's bytes, and against a naive memory. */
static void test_lines(void)
{
    struct random random = random_from(91);
    for (int round = 0; round < 40; round++) {
        struct store *store = store_memory_new();
        struct visitor_table *table = visitor_table_new(store, 0);
        struct visitor *visitor = visitor_of(table, 0, "v"), *again = NULL;
        struct order_line naive[200];
        uint32_t count = 0, max = 1 + random_below(&random, 20);
        visitor_table_mark_dirty(table, visitor);
        visitor->accepted = 1;
        for (uint32_t i = 0; i < 200; i++) {
            uint32_t order = random_below(&random, 6) * 900000000u;
            uint32_t item = random_below(&random, 8) * 600000000u;
            int64_t time_ms = random_below(&random, 1000000000);
            uint32_t from = count > max ? count - max : 0;
            bool known = false, of_order = false;
            for (uint32_t k = from; k < count; k++) {
                of_order = of_order || naive[k].order == order;
                known = known || (naive[k].order == order && naive[k].item == item);
            }
            known = known || (of_order && count - from == max && naive[from].order == order);
            CHECK_INT(visitor_has_ordered(visitor, order, item, max), known);
            if (random_one_in(&random, 5)) {
                visitor_return_item(visitor, item, time_ms);
                for (uint32_t k = 0; k < count; k++)
                    naive[k].returned |= naive[k].item == item && naive[k].time_ms <= time_ms;
            } else if (!known) {
                naive[count] = (struct order_line){order, item, time_ms, false};
                CHECK_INT(visitor_add_order_line(visitor, naive[count++], max), from + max < count);
            }
        }
        uint32_t from = count > max ? count - max : 0;
        CHECK_INT(visitor->line_count, count - from);
        CHECK(visitor_decode(0, bytes_text("v"), visitor_table_encode(table, visitor), &again,
                             NULL) == VERDICT_OK);
        CHECK_INT(again->line_count, count - from);
        for (uint32_t k = from; k < count; k++) {
            const struct order_line *line = &again->lines[k - from];
            CHECK(line->order == naive[k].order && line->item == naive[k].item);
            CHECK(line->time_ms == naive[k].time_ms && line->returned == naive[k].returned);
        }
        visitor_free(again);
        visitor_table_mark_dirty(table, visitor);
        visitor_erase(visitor, false);
        CHECK_INT(visitor->line_count, 0);
        visitor_table_free(table);
        store->free(store);
    }
}

int main(void)
{
    TEST_RUN(test_orders);
    TEST_RUN(test_outlives_activities);
    TEST_RUN(test_bought_stays_out);
    TEST_RUN(test_cart_quantities);
    TEST_RUN(test_cart_outlives_activities);
    TEST_RUN(test_lines);
    return test_done();
}
