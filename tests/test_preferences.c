/* Preferences: against sums in double precision that forget nothing, the bounds, the form
 * that is stored, and the step that learns from events and the catalogue. */
#include "processors/runtime/driver.h"
#include "tests/test.h"

#define HALF_LIFE_MS 86400000
#define START_MS 1700000000000

static bool near(double a, double b, double most)
{
    return fabs(a - b) <= most;
}

/* ---- against plain sums ---- */

#define WORDS 5 /* fewer than are kept */

struct naive {
    double brands[WORDS + 1][TASTE_KINDS], categories[WORDS + 1], weight, discount;
    double price_weight, price_sum, price_square;
};

static void naive_add(struct naive *naive, const struct tasted *tasted, enum taste_kind kind,
                      double weight)
{
    double all = weight * taste_weights[kind], ln = log((double)tasted->price);
    naive->brands[tasted->brand][kind] += weight;
    naive->categories[tasted->category] += all;
    naive->weight += all;
    naive->discount += all * (double)tasted->discount;
    naive->price_weight += all;
    naive->price_sum += all * ln;
    naive->price_square += all * ln * ln;
}

static void check_naive(const struct preferences *preferences, const struct naive *naive,
                        int64_t now_ms)
{
    double scale = (double)preferences_scale(preferences, now_ms, HALF_LIFE_MS);
    for (uint32_t i = 0; i < preferences->brand_count; i++) {
        const struct taste_brand *brand = &preferences->brands[i];
        for (int kind = 0; kind < TASTE_KINDS; kind++)
            CHECK_SAY(near(brand->weights[kind] * scale, naive->brands[brand->word][kind],
                           .05 + .02 * naive->brands[brand->word][kind]),
                      "brand %u is %g, not %g", brand->word, brand->weights[kind] * scale,
                      naive->brands[brand->word][kind]);
    }
    for (uint32_t i = 0; i < preferences->category_count; i++)
        CHECK(near(preferences->categories[i].weight * scale,
                   naive->categories[preferences->categories[i].word],
                   .05 + .02 * naive->categories[preferences->categories[i].word]));
    CHECK(near(preferences->weight * scale, naive->weight, .05 + .02 * naive->weight));
    CHECK(near(preferences->discount * scale / 64, naive->discount, .1 + .02 * naive->discount));
    float mean, spread;
    CHECK(taste_prices_level(&preferences->prices, &mean, &spread));
    double exact = naive->price_sum / naive->price_weight;
    double square = naive->price_square / naive->price_weight - exact * exact;
    double fresh = preferences->prices.weight / (double)TASTE_UNIT;
    square = (square * fresh + 2 * (double)(TASTE_SPREAD * TASTE_SPREAD)) / (fresh + 2);
    CHECK_SAY(near((double)mean, exact, .03), "mean %g, not %g", (double)mean, exact);
    CHECK_SAY(near((double)spread, sqrt(square), .04), "spread %g, not %g", (double)spread,
              sqrt(square));
}

static void test_sums(void)
{
    struct random random = random_from(31);
    for (int round = 0; round < 40; round++) {
        struct preferences preferences = {0};
        struct naive naive = {0};
        int64_t now_ms = START_MS;
        for (int i = 0; i < 200; i++) {
            struct tasted tasted = {.brand = 1 + random_below(&random, WORDS),
                                    .category = 1 + random_below(&random, WORDS),
                                    .price = (float)(5 + random_below(&random, 300)),
                                    .discount = random_one_in(&random, 2) ? .25f : 0};
            enum taste_kind kind = (enum taste_kind)random_below(&random, TASTE_KINDS);
            int64_t before_ms = now_ms;
            now_ms += (int64_t)random_below(&random, HALF_LIFE_MS / 8);
            double fade = exp2(-(double)(now_ms - before_ms) / HALF_LIFE_MS);
            for (size_t k = 0; k < sizeof naive / sizeof(double); k++)
                ((double *)&naive)[k] *= fade;
            int64_t late_ms = random_one_in(&random, 5) ? random_below(&random, HALF_LIFE_MS) : 0;
            naive_add(&naive, &tasted, kind, exp2(-(double)late_ms / HALF_LIFE_MS));
            preferences_learn(&preferences, &tasted, kind, now_ms - late_ms, HALF_LIFE_MS);
            if (i % 20 == 19)
                check_naive(&preferences, &naive, now_ms);
        }
    }
}

/* ---- bounds ---- */

static const struct taste_brand *find_brand(const struct preferences *preferences, uint32_t word)
{
    for (uint32_t i = 0; i < preferences->brand_count; i++)
        if (preferences->brands[i].word == word)
            return &preferences->brands[i];
    return NULL;
}

static void test_bounds(void)
{
    struct preferences preferences = {0};
    for (uint32_t word = 1; word <= TASTE_BRANDS_MAX; word++) /* the more often, the larger */
        for (uint32_t k = 0; k <= word; k++)
            preferences_learn(&preferences, &(struct tasted){.brand = word}, TASTE_SEEN, START_MS,
                              HALF_LIFE_MS);
    CHECK_INT(preferences.brand_count, TASTE_BRANDS_MAX);
    preferences_learn(&preferences, &(struct tasted){.brand = 99}, TASTE_BOUGHT, START_MS,
                      HALF_LIFE_MS);
    CHECK_INT(preferences.brand_count, TASTE_BRANDS_MAX);
    CHECK(find_brand(&preferences, 1) == NULL && find_brand(&preferences, 2) != NULL);
    CHECK_INT(find_brand(&preferences, 99)->weights[TASTE_BOUGHT], TASTE_UNIT);
    CHECK_INT(find_brand(&preferences, 99)->weights[TASTE_SEEN], 0);
    preferences_learn(&preferences, &(struct tasted){.brand = 1}, TASTE_SEEN, START_MS,
                      HALF_LIFE_MS); /* the one bought once weighs more than the one seen thrice */
    CHECK(find_brand(&preferences, 99) != NULL && find_brand(&preferences, 2) == NULL);
    preferences_learn(&preferences, &(struct tasted){.brand = 5}, TASTE_SEEN,
                      START_MS + 40ll * HALF_LIFE_MS, HALF_LIFE_MS);
    CHECK_INT(preferences.brand_count, 1); /* the rest has faded away */
    CHECK_INT(preferences.weight, TASTE_UNIT);
    for (int i = 0; i < 200000; i++)
        preferences_learn(&preferences, &(struct tasted){.brand = 5, .price = 1e30f}, TASTE_BOUGHT,
                          START_MS + 40ll * HALF_LIFE_MS, HALF_LIFE_MS);
    CHECK(preferences.weight <= TASTE_WEIGHT_MAX && preferences.weight > TASTE_WEIGHT_MAX / 2);
    CHECK(preferences.prices.weight <= TASTE_WEIGHT_MAX);
    float mean, spread;
    CHECK(taste_prices_level(&preferences.prices, &mean, &spread));
    CHECK(near((double)mean, 64, .01) && spread < .02f); /* the largest that is told apart */
    struct preferences before = preferences;             /* a very late event changes nothing */
    preferences_learn(&preferences, &(struct tasted){.brand = 7}, TASTE_BOUGHT, START_MS,
                      HALF_LIFE_MS);
    CHECK(memcmp(&before, &preferences, sizeof before) == 0);
    struct preferences none = {0};
    CHECK(!taste_prices_level(&none.prices, &mean, &spread));
}

static void test_stored(void)
{
    struct random random = random_from(32);
    struct buffer buffer = {0}, second = {0};
    size_t most = 0;
    for (int round = 0; round < 300; round++) {
        struct preferences preferences = {0}, again;
        for (uint32_t k = random_below(&random, 60); k > 0; k--) {
            struct tasted tasted = {.brand = (uint32_t)random_next(&random),
                                    .category = (uint32_t)random_next(&random),
                                    .words = {{(uint32_t)random_next(&random) | 1},
                                              {(uint32_t)random_next(&random) | 1}},
                                    .price = (float)random_below(&random, 4) - 1,
                                    .discount = .5f};
            preferences_learn(&preferences, &tasted, (enum taste_kind)random_below(&random, 3),
                              START_MS + random_below(&random, 1000000000), HALF_LIFE_MS);
        }
        buffer_clear(&buffer);
        preferences_write(&preferences, &buffer);
        most = buffer.size > most ? buffer.size : most;
        struct avro_reader reader = {.at = buffer.at, .end = buffer.at + buffer.size};
        CHECK(preferences_read(&reader, &again) && reader.at == reader.end);
        buffer_clear(&second);
        preferences_write(&again, &second);
        CHECK_BYTES(buffer_bytes(&buffer), buffer_bytes(&second));
        for (size_t size = 0; size < buffer.size; size++) {
            reader = (struct avro_reader){.at = buffer.at, .end = buffer.at + size};
            CHECK(!preferences_read(&reader, &again));
        }
    }
    CHECK(most > 200 && most < 500);
    buffer_clear(&buffer); /* an array longer than its bound */
    for (int i = 0; i < 6; i++)
        avro_put_long(&buffer, 0);
    avro_put_long(&buffer, TASTE_BRANDS_MAX + 1);
    for (int i = 0; i < 4 * (TASTE_BRANDS_MAX + 1) + 20; i++)
        avro_put_long(&buffer, 0);
    struct preferences refused;
    struct avro_reader reader = {.at = buffer.at, .end = buffer.at + buffer.size};
    CHECK(!preferences_read(&reader, &refused));
    buffer_release(&buffer);
    buffer_release(&second);
}

/* ---- the step ---- */

static struct driver *new_driver(const char *half_life, const char *shown_max)
{
    struct config config;
    struct driver *driver = NULL;
    struct error error = {0};
    config_init(&config);
    CHECK(config_set(&config, "visitor.tastes.half.life.ms", half_life, &error) == VERDICT_OK);
    CHECK(config_set(&config, "list.shown.max", shown_max, &error) == VERDICT_OK);
    CHECK(config_finish(&config, &error) == VERDICT_OK);
    CHECK(driver_new(&config, true, NULL, NULL, &driver, &error) == VERDICT_OK);
    return driver;
}

static void put_product(struct driver *driver, const char *id, const char *brand, double price)
{
    struct event product;
    struct bytes category = bytes_text("Women > Coats"), gender = bytes_text("female");
    struct bytes colours[2] = {bytes_text("Navy"), bytes_text("White")};
    event_init(&product, EVENT_PRODUCT);
    product.item_id = bytes_text(id);
    product.title = bytes_text("Coat");
    product.item_brand = bytes_text(brand);
    product.categories = (struct event_strings){&category, 1, 0};
    product.colors = (struct event_strings){colours, 2, 0};
    product.genders = (struct event_strings){&gender, 1, 0};
    product.price = price;
    product.original_price = 2 * price;
    driver_product(driver, &product);
}

static void act(struct driver *driver, struct event event, const char *item_id, int64_t time_ms)
{
    struct event_item item;
    struct error error = {0};
    char id[32];
    enum fate fate;
    event_item_init(&item);
    snprintf(id, sizeof id, "%d-%lld", event.type, (long long)time_ms);
    item.item_id = bytes_text(item_id);
    item.price = 7;
    item.discount = 3;
    event.event_id = event.transaction_id = bytes_text(id);
    event.visitor_id = bytes_text("v");
    event.event_time_ms = time_ms;
    event.items = &item;
    event.item_count = 1;
    CHECK_SAY(driver_event(driver, &event, &fate, &error) == VERDICT_OK, "%s", error.message);
    CHECK(fate == FATE_PROCESSED || fate == FATE_DOUBLE_CLICK || fate == FATE_DUPLICATE);
}

static struct event event_of(enum event_type type)
{
    struct event event;
    event_init(&event, type);
    return event;
}

static struct preferences tastes_of(struct driver *driver)
{
    struct preferences preferences;
    visitor_preferences(driver_visitor(driver, bytes_text("v")), &preferences);
    return preferences;
}

static void test_step(void)
{
    struct driver *driver = new_driver("86400000", "0");
    put_product(driver, "a", "Nordhavn", 100);
    put_product(driver, "b", "Solis", 50);
    act(driver, event_of(EVENT_VIEW), "a", START_MS);
    act(driver, event_of(EVENT_VIEW), "a", START_MS + 1); /* a double click: not accepted */
    struct event remove = event_of(EVENT_CART);
    remove.action = CART_REMOVE;
    act(driver, remove, "b", START_MS + 10000);
    struct event refund = event_of(EVENT_PURCHASE);
    refund.status = PURCHASE_REFUNDED;
    act(driver, refund, "b", START_MS + 11000);
    struct preferences tastes = tastes_of(driver);
    CHECK_INT(tastes.brand_count, 1);
    CHECK_INT(tastes.brands[0].weights[TASTE_SEEN], TASTE_UNIT);
    CHECK_INT(tastes.weight, TASTE_UNIT);
    CHECK_INT(tastes.discount, TASTE_UNIT * 32); /* half off */
    uint32_t brand = catalogue_word(driver_catalogue(driver), WORD_BRAND, bytes_text("Nordhavn"));
    CHECK_INT(tastes.brands[0].word, taste_tag(driver_catalogue(driver)->words.at[brand].hash));
    CHECK_INT(tastes.word_counts[TASTE_COLOUR], 2);
    CHECK_INT(tastes.word_counts[TASTE_GENDER], 1);
    CHECK_INT(tastes.word_counts[TASTE_AGE_GROUP], 0);
    float mean, spread;
    CHECK(taste_prices_level(&tastes.categories[0].prices, &mean, &spread));
    CHECK(near((double)mean, log(100), .02)); /* the catalogue's, not the event's */
    act(driver, event_of(EVENT_CART), "a", START_MS + 20000);
    act(driver, event_of(EVENT_PURCHASE), "a", START_MS + 30000);
    act(driver, event_of(EVENT_VIEW), "b", START_MS + 5ll * HALF_LIFE_MS); /* another session */
    tastes = tastes_of(driver);
    CHECK_INT(tastes.brand_count, 2);
    CHECK_INT(tastes.brands[0].weights[TASTE_SEEN], 1);
    CHECK_INT(tastes.brands[0].weights[TASTE_BOUGHT], 1);
    CHECK_INT(tastes.brands[1].weights[TASTE_SEEN], TASTE_UNIT);
    driver_free(driver);
}

static void test_unknown_product(void)
{
    struct driver *driver = new_driver("86400000", "0");
    float mean, spread;
    act(driver, event_of(EVENT_VIEW), "x", START_MS);
    struct preferences tastes = tastes_of(driver);
    CHECK(tastes.brand_count == 0 && tastes.category_count == 0);
    CHECK(taste_prices_level(&tastes.prices, &mean, &spread));
    CHECK(near((double)mean, log(7), .02));         /* the event's */
    CHECK_INT(tastes.discount, tastes.weight * 19); /* 3 of 10 */
    driver_free(driver);
    driver = new_driver("0", "0");
    act(driver, event_of(EVENT_VIEW), "x", START_MS);
    CHECK(driver_visitor(driver, bytes_text("v"))->tastes == NULL);
    driver_free(driver);
}

/* Items of lists are counted until the visitor does something with them. An item that was in too
 * many lists is not in the next one. */
static void test_shown(void)
{
    struct driver *driver = new_driver("86400000", "2");
    uint32_t most = 0;
    put_product(driver, "a", "Nordhavn", 100);
    put_product(driver, "b", "Solis", 50);
    put_product(driver, "c", "Solis", 50);
    struct visitor *visitor = NULL;
    for (int i = 0; i < 12; i++) {
        const char *ids[] = {"a", "b", "c"};
        act(driver, event_of(EVENT_VIEW), ids[i % 2], START_MS + i * 10000);
        visitor = driver_visitor(driver, bytes_text("v"));
        for (uint32_t k = 0; k < visitor->display_count; k++)
            most = visitor->displays[k].times > most ? visitor->displays[k].times : most;
        CHECK(visitor_shown(visitor, shown_tag(bytes_text(ids[i % 2]))) <= 1); /* by this list */
    }
    CHECK(most > 1 && most <= 3); /* two lists of one record may both have it */
    uint32_t c = visitor_shown(visitor, shown_tag(bytes_text("c"))); /* similar, never clicked */
    CHECK_SAY(c >= 2, "c was shown %u times", c);
    act(driver, event_of(EVENT_VIEW), "a", START_MS + 200000);
    CHECK_INT(visitor_shown(visitor, shown_tag(bytes_text("c"))), c);
    act(driver, event_of(EVENT_PURCHASE), "c",
        START_MS + 210000); /* what was bought is in no list */
    CHECK_INT(visitor_shown(visitor, shown_tag(bytes_text("c"))), 0);
    driver_free(driver);
}

int main(void)
{
    TEST_RUN(test_shown);
    TEST_RUN(test_sums);
    TEST_RUN(test_bounds);
    TEST_RUN(test_stored);
    TEST_RUN(test_step);
    TEST_RUN(test_unknown_product);
    return test_done();
}
