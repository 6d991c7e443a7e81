/* Placements: rows and their mistakes, and that a row of the configuration alone makes a list. */
#include "processors/runtime/driver.h"
#include "schemas/json.h"
#include "tests/test.h"

#include <math.h>

#define START_MS 1700000000000

/* ---- rows ---- */

static void check_wrong(const char *key, const char *value, const char *message)
{
    struct placements placements, before;
    struct error error = {0};
    placements_init(&placements);
    before = placements;
    CHECK_SAY(placements_set(&placements, key, value, &error) == VERDICT_SKIP, "%s=%s is taken",
              key, value);
    CHECK_CONTAINS(error.message, message);
    CHECK(memcmp(&before, &placements, sizeof before) == 0);
}

static void test_mistakes(void)
{
    check_wrong("home", "x", "there is no key placements.home: placements.off, or");
    check_wrong("home.", "x", "placements.home. is no key: context, when");
    check_wrong("home.colour", "x", "placements.home.colour is no key: context, when");
    check_wrong("Home.context", "item", "'Home' is no name for a placement: up to 31 small");
    check_wrong(".context", "item", "'' is no name");
    check_wrong("a2345678901234567890123456789012.context", "item", "is no name");
    check_wrong("home.context", "basket",
                "placements.home.context: 'basket' is none of visitor, item, term, cart, category");
    check_wrong("home.when", "view,click", "'click' is none of view, search, cart, purchase");
    check_wrong("home.filters", "seen,stock",
                "'stock' is none of seen, viewed, in_cart, same_category, other_category");
    check_wrong("home.generators", "forward,nothing",
                "there is no generator 'nothing'; there are walk");
    check_wrong("home.generators", "forward,walk", "'walk' stands alone");
    check_wrong("home.generators", "forward:0",
                "the weight in 'forward:0' is not a number above 0");
    check_wrong("home.generators", "forward:1x", "the weight in 'forward:1x'");
    check_wrong("home.generators", "forward:", "the weight in 'forward:'");
    check_wrong("home.length", "101",
                "placements.home.length = '101' is not a whole number from 0");
    check_wrong("home.length", "", "is not a whole number");
    check_wrong("home.while", "-1", "is not a whole number from 0 to 1000");
    check_wrong("home.diversity.percent", "101", "from -1 to 100");
}

static void check_unfit(const char *key, const char *value, const char *key2, const char *value2,
                        const char *message)
{
    struct placements placements;
    struct error error = {0};
    placements_init(&placements);
    CHECK(placements_set(&placements, key, value, &error) == VERDICT_OK);
    CHECK(placements_set(&placements, key2, value2, &error) == VERDICT_OK);
    CHECK(placements_finish(&placements, "", &error) == VERDICT_SKIP);
    CHECK_CONTAINS(error.message, message);
}

static void test_what_does_not_fit(void)
{
    check_unfit("x.context", "term", "x.when", "cart", "leave 'when' empty");
    check_unfit("x.context", "item", "x.generators", "search", "go together");
    check_unfit("x.context", "term", "x.generators", "popular", "go together");
    check_unfit("x.context", "visitor", "x.filters", "same_category", "need context=item");
    check_unfit("x.context", "item", "x.filters", "same_category,other_category", "leave nothing");
}

static void test_rows(void)
{
    struct placements placements;
    struct error error = {0};
    struct buffer text = {0};
    char key[40];
    placements_init(&placements);
    uint32_t ready = placements.count;
    CHECK_INT(ready, 7);
    for (uint32_t i = ready; i < PLACEMENTS_MAX; i++) {
        snprintf(key, sizeof key, "x%u.context", i);
        CHECK(placements_set(&placements, key, i % 2 ? "visitor" : "item", &error) == VERDICT_OK);
    }
    CHECK(placements_set(&placements, "y.context", "item", &error) == VERDICT_SKIP);
    CHECK_CONTAINS(error.message, "'y' would be placement 17 of at most 16");
    CHECK(placements_set(&placements, "x9.generators", " forward , popular:2.5", NULL) ==
          VERDICT_OK);
    CHECK(placements_set(&placements, "x9.when", "view,purchase", NULL) == VERDICT_OK);
    CHECK(placements_set(&placements, "x9.filters", "", NULL) == VERDICT_OK);
    CHECK(placements_finish(&placements, "email, x9", &error) == VERDICT_SKIP ||
          placements_find(&placements, "x9")->off);
    for (uint32_t i = 1; i < placements.count; i++)
        CHECK(placements.at[i].context >= placements.at[i - 1].context);
    CHECK(!placements_find(&placements, "home")->off && placements_find(&placements, "email")->off);
    CHECK(placements_find(&placements, "x99") == NULL);
    CHECK(placements_find(&placements, "cart")->source == SOURCE_WALK);
    CHECK(placements_find(&placements, "search")->source == SOURCE_SEARCH);
    placements_text(&placements, &text);
    buffer_byte(&text, '\0');
    CHECK_CONTAINS(text.at, "placement x9: off, context=visitor when=view,purchase while=5 "
                            "generators=forward,popular:2.5\n");
    CHECK_CONTAINS(text.at, "placement goes_with: context=item generators=walk "
                            "filters=in_cart,other_category\n");
    buffer_release(&text);
}

/* ---- lists ---- */

struct shop {
    struct driver_sink sink; /* first */
    struct driver *driver;
    struct buffer last; /* the last recommendation */
    int64_t time_ms;
    uint32_t events;
};

static void written(struct driver_sink *self, enum output output, struct bytes key,
                    struct bytes value)
{
    struct shop *shop = (struct shop *)(void *)self;
    (void)key;
    if (output != OUTPUT_RECOMMENDATIONS)
        return;
    buffer_clear(&shop->last);
    buffer_append(&shop->last, value.at, value.size);
    buffer_byte(&shop->last, '\0');
}

static void send(struct shop *shop, enum event_type type, const char *visitor, const char *rest)
{
    char text[600];
    enum fate fate = FATES;
    struct error error = {0};
    snprintf(text, sizeof text,
             "{\"event_id\":\"e%u\",\"visitor_id\":\"%s\",\"event_time\":%" PRId64 ",%s}",
             shop->events++, visitor, shop->time_ms += 1000, rest);
    CHECK(driver_record(shop->driver, type, bytes_text(visitor), bytes_text(text), &fate, &error) ==
          VERDICT_OK);
    CHECK_SAY(fate == FATE_PROCESSED, "%s: %s", text, error.message);
}

static void view(struct shop *shop, const char *visitor, const char *item)
{
    char rest[100];
    snprintf(rest, sizeof rest, "\"item\":{\"item_id\":\"%s\"}", item);
    send(shop, EVENT_VIEW, visitor, rest);
}

static void buy(struct shop *shop, const char *visitor, const char *a, const char *b, const char *c)
{
    char rest[300];
    snprintf(rest, sizeof rest,
             "\"transaction_id\":\"t%u\",\"items\":[{\"item_id\":\"%s\"},{\"item_id\":\"%s\"},"
             "{\"item_id\":\"%s\"}]",
             shop->events, a, b, c);
    send(shop, EVENT_PURCHASE, visitor, rest);
}

static void put_product(struct shop *shop, const char *id, const char *category)
{
    char text[300];
    struct arena arena = {0};
    struct event event;
    struct error error = {0};
    snprintf(text, sizeof text,
             "{\"item_id\":\"%s\",\"title\":\"%s\",\"categories\":[\"%s\"],\"price\":10}", id, id,
             category);
    event_init(&event, EVENT_PRODUCT);
    CHECK_SAY(json_decode(bytes_text(text), &arena, &event, &error) == VERDICT_OK, "%s",
              error.message);
    driver_product(shop->driver, &event);
    arena_release(&arena);
}

/* Coats coat0..5, scarves scarf0..5; whoever buys coat0 buys scarf0 and coat1 with it. Everybody
 * views scarf5. */
static void open_shop(struct shop *shop, const char *const *assignments)
{
    struct config *config = memory_zero(1, sizeof *config);
    struct error error = {0};
    char id[20], visitor[20];
    *shop = (struct shop){.sink.written = written, .time_ms = START_MS};
    config_init(config);
    for (; *assignments; assignments++)
        CHECK_SAY(config_assign(config, *assignments, &error) == VERDICT_OK, "%s", error.message);
    CHECK_SAY(config_finish(config, &error) == VERDICT_OK, "%s", error.message);
    CHECK(driver_new(config, true, &shop->sink, NULL, &shop->driver, &error) == VERDICT_OK);
    free(config);
    for (int i = 0; i < 6; i++) {
        snprintf(id, sizeof id, "coat%d", i);
        put_product(shop, id, "Women > Coats");
        snprintf(id, sizeof id, "scarf%d", i);
        put_product(shop, id, "Women > Scarves");
    }
    for (int i = 0; i < 30; i++) {
        snprintf(visitor, sizeof visitor, "v%d", i);
        for (int k = 0; k < 6; k++) {
            snprintf(id, sizeof id, "%s%d", (i + k) % 2 ? "coat" : "scarf", (i * k) % 5);
            view(shop, visitor, id);
        }
        view(shop, visitor, "scarf5");
        buy(shop, visitor, "coat0", "scarf0", "coat1");
    }
}

static void close_shop(struct shop *shop)
{
    driver_free(shop->driver);
    buffer_release(&shop->last);
}

/* The part of the last recommendation that is the placement's list; NULL: it has none. */
static const char *list_of(struct shop *shop, const char *placement, char *to, size_t size)
{
    char head[60];
    snprintf(head, sizeof head, "{\"placement\":\"%s\"", placement);
    const char *at = strstr(shop->last.at, head);
    if (at == NULL)
        return NULL;
    snprintf(to, size, "%.*s", (int)(strstr(at, "]}") - at), at);
    return to;
}

static uint32_t count_of(const char *text, const char *what)
{
    uint32_t count = 0;
    for (const char *at = text; (at = strstr(at, what)); at++)
        count++;
    return count;
}

/* The configuration alone adds lists and changes them. */
static void test_added(void)
{
    static const char *const keys[] = {
        "placements.off=category",        "placements.off=",
        "placements.top.context=visitor", "placements.top.generators=popular",
        "placements.top.length=3",        "placements.top.filters=viewed",
        "placements.kit.context=cart",    "placements.kit.when=cart",
        "placements.kit.while=0",         "placements.kit.filters=in_cart",
        "placements.home.length=2",       NULL};
    struct shop shop;
    char text[4000];
    open_shop(&shop, keys);
    view(&shop, "new", "coat0");
    CHECK(list_of(&shop, "top", text, sizeof text) != NULL);
    CHECK_INT(count_of(text, "\"reason\":\"popular\""), 3);
    CHECK(strstr(text, "\"scarf5\"")); /* the most popular */
    CHECK(strstr(text, "\"coat0\"") == NULL);
    CHECK_INT(count_of(list_of(&shop, "home", text, sizeof text), "\"item_id\""), 2);
    CHECK(list_of(&shop, "kit", text, sizeof text) == NULL);
    CHECK(list_of(&shop, "email", text, sizeof text) == NULL);
    send(&shop, EVENT_CART, "new", "\"action\":\"add\",\"items\":[{\"item_id\":\"coat0\"}]");
    CHECK(list_of(&shop, "kit", text, sizeof text) && strstr(text, "\"scarf0\""));
    CHECK(list_of(&shop, "email", text, sizeof text) != NULL);
    view(&shop, "new", "scarf5");
    CHECK(list_of(&shop, "kit", text, sizeof text) == NULL); /* a view since, and while is 0 */
    CHECK(list_of(&shop, "cart", text, sizeof text) != NULL);
    CHECK(list_of(&shop, "email", text, sizeof text) != NULL);
    CHECK(list_of(&shop, "top", text, sizeof text) && strstr(text, "\"scarf5\"") == NULL);
    close_shop(&shop);
}

static void test_categories(void)
{
    static const char *const keys[] = {"placements.off=email", NULL};
    struct shop shop;
    char text[4000];
    open_shop(&shop, keys);
    view(&shop, "new", "coat0");
    CHECK(list_of(&shop, "goes_with", text, sizeof text) != NULL);
    CHECK(strstr(text, "\"scarf0\",\"score\":") && strstr(text, "\"because_item_id\":\"coat0\""));
    CHECK(strstr(text, "\"item_id\":\"coat") ==
          NULL); /* coat1 was bought with it, but is like it */
    CHECK(list_of(&shop, "product", text, sizeof text) && strstr(text, "\"item_id\":\"coat1\""));
    CHECK(list_of(&shop, "category", text, sizeof text) != NULL);
    CHECK(strstr(text, "\"context_category\":\"Women > Coats\""));
    CHECK(strstr(text, "\"item_id\":\"coat1\"") && strstr(text, "\"item_id\":\"scarf") == NULL);
    send(&shop, EVENT_CART, "new", "\"action\":\"add\",\"items\":[{\"item_id\":\"scarf0\"}]");
    CHECK(list_of(&shop, "goes_with", text, sizeof text) == NULL); /* it was all there was */
    view(&shop, "new", "nobody knows it");
    CHECK(list_of(&shop, "category", text, sizeof text) == NULL);
    CHECK(list_of(&shop, "product", text, sizeof text) != NULL);
    close_shop(&shop);
}

/* A weight lifts what its generator proposed. */
static void test_weights(void)
{
    static const char *const keys[] = {"placements.a.generators=forward:100,popular",
                                       "placements.b.generators=forward,popular:100", NULL};
    struct shop shop;
    char a[4000], b[4000];
    open_shop(&shop, keys);
    view(&shop, "new", "coat2");
    CHECK(list_of(&shop, "a", a, sizeof a) && list_of(&shop, "b", b, sizeof b));
    const char *first = strstr(b, "\"item_id\":"); /* everybody bought it */
    CHECK(first && strncmp(first, "\"item_id\":\"coat0\"", 17) == 0);
    CHECK(count_of(b, "\"reason\":\"popular\"") >= 5);
    first = strstr(a, "\"item_id\":"); /* what came most after coat2 */
    CHECK(first && strncmp(first, "\"item_id\":\"scarf3\"", 18) == 0);
    CHECK(count_of(a, "\"reason\":\"viewed_next\"") >= 5);
    CHECK(count_of(a, "\"reason\":\"viewed_together\"") == 0);
    close_shop(&shop);
}

int main(void)
{
    TEST_RUN(test_mistakes);
    TEST_RUN(test_what_does_not_fit);
    TEST_RUN(test_rows);
    TEST_RUN(test_added);
    TEST_RUN(test_categories);
    TEST_RUN(test_weights);
    return test_done();
}
