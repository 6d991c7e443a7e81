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
     .purchases = "",
     .lines = 2,
     .returned = 2},
    {.name = "a return comes before its order",
     .orders = {{"v", "o", "A", "refunded", FATE_PROCESSED},
                {"v", "o", "AB", "completed", FATE_PROCESSED},
                {"v", "o", "AB", "completed", FATE_DUPLICATE},
                {"v", "other", "A", "completed", FATE_PROCESSED}},
     .purchases = "AB",
     .lines = 3,
     .returned = 1},
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
    for (uint32_t i = 0; i < visitor->orders.count; i++)
        returned += order_line_returned(&visitor->orders.lines[i]);
    CHECK_SAY(visitor->orders.count == wanted->lines, "%s: %u lines", wanted->name,
              (unsigned)visitor->orders.count);
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
    CHECK_INT(model->items[item].counts.count[PAIR_CART], 0); /* its addition is taken back */
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

struct naive_orders {
    struct order_line lines[200];
    uint32_t count, max;
};

static uint32_t naive_from(const struct naive_orders *naive)
{
    return naive->count > naive->max ? naive->count - naive->max : 0;
}

/* A purchase or a return of one, in both memories. */
static void order_one(struct orders *orders, struct naive_orders *naive, struct order_line line,
                      bool sent_back)
{
    struct order_line *known = NULL;
    uint32_t from = naive_from(naive), out = 0;
    bool of_order = false;
    for (uint32_t k = from; k < naive->count; k++) {
        struct order_line *at = &naive->lines[k];
        of_order = of_order || (at->order == line.order && at->bought > 0);
        known = at->order == line.order && at->item == line.item ? at : known;
    }
    bool bought = known && known->bought > 0, full = naive->count - from == naive->max;
    bool whole =
        of_order && full && naive->lines[from].order == line.order && naive->lines[from].bought > 0;
    CHECK_INT(orders_have(orders, line.order, line.item, naive->max), bought || whole);
    if (sent_back) {
        CHECK_INT(orders_return(orders, line.order, line.item, 1, line.time_ms, naive->max, &out),
                  bought);
        line.bought = line.event = 0;
        line.returned = 1;
    } else {
        out = orders_buy(orders, line, naive->max);
    }
    bool left_out = known == NULL && whole && !sent_back;
    CHECK_INT(out, known == NULL && !left_out && full);
    if (known == NULL) {
        naive->lines[naive->count] = line;
        naive->count += !left_out;
        return;
    }
    known->returned += line.returned;
    known->bought += line.bought;
    known->event = sent_back ? known->event : line.event;
    known->time_ms = sent_back ? known->time_ms : line.time_ms;
}

/* Lines in the store's bytes, and against a naive memory. */
static void test_lines(void)
{
    struct random random = random_from(91);
    for (int round = 0; round < 40; round++) {
        struct store *store = store_memory_new();
        struct visitor_table *table = visitor_table_new(store, 0);
        struct visitor *visitor = visitor_of(table, 0, "v"), *again = NULL;
        struct naive_orders naive = {.max = 1 + random_below(&random, 20)};
        visitor_table_mark_dirty(table, visitor);
        visitor->accepted = 1;
        for (uint32_t i = 0; i < 200; i++) {
            const struct order_line line = {
                .order = random_below(&random, 6) * 900000000u,
                .item = 1 + random_below(&random, 8) * 600000000u,
                .event = i,
                .bought = 1 + random_below(&random, 2),
                .time_ms = random_below(&random, 1000000000),
            };
            order_one(&visitor->orders, &naive, line, random_one_in(&random, 3));
        }
        uint32_t from = naive_from(&naive);
        CHECK_INT(visitor->orders.count, naive.count - from);
        CHECK(visitor_decode(0, bytes_text("v"), visitor_table_encode(table, visitor), &again,
                             NULL) == VERDICT_OK);
        CHECK_INT(again->orders.count, naive.count - from);
        for (uint32_t k = from; k < naive.count; k++) {
            const struct order_line *a = &again->orders.lines[k - from], *b = &naive.lines[k];
            CHECK(a->order == b->order && a->item == b->item && a->time_ms == b->time_ms);
            CHECK(a->event == b->event && a->bought == b->bought && a->returned == b->returned);
        }
        visitor_free(again);
        visitor_table_mark_dirty(table, visitor);
        visitor_erase(visitor, false);
        CHECK_INT(visitor->orders.count, 0);
        visitor_table_free(table);
        store->free(store);
    }
}

static uint64_t carts(const struct shop *shop, const char *item)
{
    struct model *model = driver_model(shop->driver);
    uint32_t number = model_find(model, bytes_text(item));
    return number == ITEM_NONE ? 0 : model->items[number].counts.count[PAIR_CART];
}

/* Days after an order, and after everything fell out. */
static void test_taken_back(void)
{
    struct shop shop;
    open_shop(&shop, NULL);
    cart(&shop, "v", "add", "AB", "");
    cart(&shop, "v", "remove", "A", "");
    CHECK(carts(&shop, "A") == 0 && carts(&shop, "B") == 1);
    cart(&shop, "v", "add", "A", "");
    CHECK_INT(buy(&shop, "v", "o", "AC", "completed"), FATE_PROCESSED);
    cart(&shop, "v", "clear", "", "");
    CHECK(carts(&shop, "A") == 1 && carts(&shop, "B") == 0); /* A was bought before */
    cart(&shop, "v", "add", "DE", "");
    view_others(&shop, "v", 70);
    shop.time_ms += 9ll * 86400000;
    CHECK_INT(buy(&shop, "v", "unknown", "A", "refunded"), FATE_PROCESSED);
    CHECK(purchases(&shop, "A") == 1 && purchases(&shop, "C") == 1);
    CHECK_INT(driver_counts(shop.driver)->counters[COUNT_RETURNS_UNKNOWN], 1);
    CHECK_INT(buy(&shop, "v", "o", "C", "refunded"), FATE_PROCESSED);
    CHECK(purchases(&shop, "A") == 1 && purchases(&shop, "C") == 0);
    CHECK_INT(send(&shop, EVENT_PURCHASE, "v", "\"transaction_id\":\"o\",\"status\":\"cancelled\""),
              FATE_PROCESSED);
    CHECK_INT(purchases(&shop, "A"), 0);
    cart(&shop, "v", "clear", "", "");
    CHECK(carts(&shop, "D") == 0 && carts(&shop, "E") == 0 && carts(&shop, "A") == 1);
    CHECK_INT(driver_counts(shop.driver)->counters[COUNT_TAKEN_BACK], 6);
    CHECK_INT(driver_counts(shop.driver)->counters[COUNT_RETURNS_UNKNOWN], 1);
    struct model *model = driver_model(shop.driver);
    struct model_item *item = &model->items[model_find(model, bytes_text("D"))];
    CHECK(item->rows[PAIR_CART][PAIR_FORWARD].count == 0 && item->counts.recent <= 0);
    driver_free(shop.driver);
}

/* Two of three are sent back, then the third. */
static void test_quantities(void)
{
    struct shop shop;
    open_shop(&shop, NULL);
    static const char order[] = "\"transaction_id\":\"o\",\"status\":\"%s\",\"items\":"
                                "[{\"item_id\":\"A\",\"quantity\":%d}]";
    static const struct {
        const char *status;
        int quantity;
        uint64_t purchases;
    } sent[] = {{"completed", 3, 1}, {"refunded", 2, 1}, {"refunded", 1, 0}, {"refunded", 1, 0}};
    for (int i = 0; i < 4; i++) {
        char fields[200];
        snprintf(fields, sizeof fields, order, sent[i].status, sent[i].quantity);
        CHECK_INT(send(&shop, EVENT_PURCHASE, "v", fields), FATE_PROCESSED);
        CHECK_INT(purchases(&shop, "A"), sent[i].purchases);
    }
    driver_free(shop.driver);
}

/* Without an order's id the newest purchase of the item is meant. */
static void test_return_without_order(void)
{
    struct shop shop;
    open_shop(&shop, NULL);
    CHECK_INT(buy(&shop, "v", "o1", "A", "completed"), FATE_PROCESSED);
    CHECK_INT(buy(&shop, "v", "o2", "A", "completed"), FATE_PROCESSED);
    CHECK_INT(buy(&shop, "v", "", "A", "refunded"), FATE_PROCESSED);
    const struct orders *orders = &driver_visitor(shop.driver, bytes_text("v"))->orders;
    CHECK(!order_line_returned(&orders->lines[0]) && order_line_returned(&orders->lines[1]));
    CHECK_INT(purchases(&shop, "A"), 1);
    driver_free(shop.driver);
}

/* An activity that is taken back leaves no taste. */
static void test_tastes(void)
{
    struct shop shop;
    struct preferences viewed, after;
    const char *price = ",\"price\":20,\"discount\":5";
    open_shop(&shop, NULL);
    send(&shop, EVENT_VIEW, "v", "\"item\":{\"item_id\":\"V\",\"price\":9.5}");
    visitor_preferences(driver_visitor(shop.driver, bytes_text("v")), &viewed);
    cart(&shop, "v", "add", "AB", price);
    visitor_preferences(driver_visitor(shop.driver, bytes_text("v")), &after);
    CHECK(after.weight > viewed.weight && after.prices.weight > viewed.prices.weight);
    cart(&shop, "v", "clear", "", "");
    CHECK_INT(buy(&shop, "v", "o", "C", "completed"), FATE_PROCESSED);
    CHECK_INT(buy(&shop, "v", "o", "C", "cancelled"), FATE_PROCESSED);
    visitor_preferences(driver_visitor(shop.driver, bytes_text("v")), &after);
    CHECK_INT(after.weight, viewed.weight);
    CHECK_INT(after.prices.weight, viewed.prices.weight);
    CHECK(after.prices.sum == viewed.prices.sum && after.prices.square == viewed.prices.square);
    driver_free(shop.driver);
}

int main(void)
{
    TEST_RUN(test_orders);
    TEST_RUN(test_outlives_activities);
    TEST_RUN(test_bought_stays_out);
    TEST_RUN(test_cart_quantities);
    TEST_RUN(test_cart_outlives_activities);
    TEST_RUN(test_taken_back);
    TEST_RUN(test_quantities);
    TEST_RUN(test_return_without_order);
    TEST_RUN(test_tastes);
    TEST_RUN(test_lines);
    return test_done();
}
