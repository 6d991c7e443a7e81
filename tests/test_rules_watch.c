/* Merchandising rules that match nothing are told once for each version of their file, with the
 * nearest word, and only when the catalogue has been read. */
#include "processors/runtime/model/rules_watch.h"
#include "tests/test.h"

#define SECOND_US 1000000

static const struct catalogue_limits limits = {1000, 100, 1000, 20};

/* A catalogue, and a file of rules that is read again at each look. */
struct shop {
    struct catalogue *catalogue;
    struct config config;
    struct rules_watch watch;
    char path[40];
    uint64_t rows;
    int64_t now_us;
};

static void write_rules(struct shop *shop, const char *text)
{
    FILE *file = fopen(shop->path, "w");
    CHECK(file && fputs(text, file) >= 0 && fclose(file) == 0);
    usleep(2000); /* the next look is due */
}

static void open_shop(struct shop *shop, const char *rules)
{
    char assignment[80];
    struct error error = {0};
    *shop = (struct shop){.path = "/tmp/weft-test-watch-XXXXXX", .now_us = SECOND_US};
    close(mkstemp(shop->path));
    write_rules(shop, rules);
    config_init(&shop->config);
    snprintf(assignment, sizeof assignment, "rules.path=%s", shop->path);
    CHECK(config_assign(&shop->config, assignment, &error) == VERDICT_OK);
    CHECK(config_assign(&shop->config, "rules.reload.ms=1", &error) == VERDICT_OK);
    CHECK(config_finish(&shop->config, &error) == VERDICT_OK);
    shop->catalogue = catalogue_new(&limits);
    rules_watch_open(&shop->watch, &shop->config);
}

static void close_shop(struct shop *shop)
{
    rules_watch_release(&shop->watch);
    catalogue_free(shop->catalogue);
    unlink(shop->path);
}

static void add_product(struct shop *shop, const char *id, const char *brand)
{
    struct event event;
    event_init(&event, EVENT_PRODUCT);
    event.item_id = bytes_text(id);
    event.title = bytes_text("Coat");
    event.item_brand = bytes_text(brand);
    struct bytes category = bytes_text("Women > Coats");
    struct bytes attribute[] = {bytes_text("material"), bytes_text("Leather")};
    event.categories.at = &category;
    event.attributes.at = attribute;
    event.categories.count = event.attributes.count = 1;
    CHECK(catalogue_put(shop->catalogue, &event) == CATALOGUE_NEW);
    shop->rows++;
}

/* A look some seconds later. */
static bool look(struct shop *shop, int seconds, bool whole)
{
    shop->now_us += seconds * (int64_t)SECOND_US;
    return rules_watch_look(&shop->watch, shop->catalogue, shop->rows, whole, shop->now_us);
}

static void check_text(const struct shop *shop, const char *expected)
{
    struct buffer text = {0};
    rules_unmatched_text(&shop->watch.file.rules, shop->catalogue, &text);
    CHECK_BYTES(buffer_bytes(&text), bytes_text(expected));
    buffer_release(&text);
}

static void test_words(void)
{
    struct shop shop;
    open_shop(&shop,
              "exclude brand nordhavn\nexclude brand Nordhavn\nboost category "
              "\"Women > Coat\" by 2\nexclude category Women\nbury attribute "
              "material=leather by 2\nexclude tag adult\npin item a1 at 1\npin item A1 at "
              "1\nexclude item gone\nlimit brand 4\ndiversity 0.3\nexclude brand Nrodhavn\n");
    add_product(&shop, "A1", "Nordhavn");
    check_text(&shop, "line 1: no product has the brand 'nordhavn' (there is 'Nordhavn')\n"
                      "line 3: no product has the category 'Women > Coat' (there is 'Women > "
                      "Coats')\n"
                      "line 5: no product has the attribute 'material=leather' (there is "
                      "'material=Leather')\n"
                      "line 6: no product has the tag 'adult'\n"
                      "line 7: no product has the item_id 'a1' (there is 'A1')\n"
                      "line 12: no product has the brand 'Nrodhavn' (there is 'Nordhavn')\n");
    close_shop(&shop);
}

/* Many idle rules take few lines. */
static void test_many(void)
{
    struct shop shop;
    struct buffer rules = {0}, text = {0};
    for (int i = 0; i < RULES_TOLD_MAX + 5; i++)
        buffer_format(&rules, "exclude brand unknown%d\n", i);
    buffer_byte(&rules, '\0');
    open_shop(&shop, rules.at);
    add_product(&shop, "A1", "Nordhavn");
    rules_unmatched_text(&shop.watch.file.rules, shop.catalogue, &text);
    buffer_byte(&text, '\0');
    CHECK_CONTAINS(text.at, "line 20: no product has the brand 'unknown19'\n5 more rules match no "
                            "product\n");
    buffer_release(&rules);
    buffer_release(&text);
    close_shop(&shop);
}

static void test_when(void)
{
    struct shop shop;
    open_shop(&shop, "exclude brand nordhavn\n");
    CHECK(!look(&shop, 60, false));
    CHECK(!look(&shop, 60, true)); /* no product yet */
    add_product(&shop, "A", "Nordhavn");
    CHECK(!look(&shop, 0, true));
    add_product(&shop, "B", "Nordhavn");
    CHECK(!look(&shop, 2, true)); /* it still moves */
    CHECK(look(&shop, 2, true));
    CHECK(!look(&shop, 60, true));
    add_product(&shop, "C", "Nordhavn");
    CHECK(!look(&shop, 60, true));
    write_rules(&shop, "exclude brand nordhavn\nexclude tag adult\n");
    CHECK(look(&shop, 1, true));
    write_rules(&shop, "exclud brand nordhavn\n"); /* the previous rules stay */
    CHECK(!look(&shop, 60, true));
    close_shop(&shop);
}

/* Each look finds new rows. */
static void test_never_still(void)
{
    struct shop shop;
    open_shop(&shop, "exclude brand nordhavn\n");
    add_product(&shop, "A", "Nordhavn");
    int looks = 0;
    do {
        shop.rows++;
        looks++;
    } while (!look(&shop, 1, true) && looks < 1000);
    CHECK_INT(looks, RULES_PATIENCE_US / SECOND_US + 1);
    close_shop(&shop);
}

static void test_placements(void)
{
    struct shop shop;
    struct buffer text = {0};
    open_shop(&shop, "exclude tag a placement home placement rankings placement items\n"
                     "exclude tag a placement hoem placement x\n");
    rules_placements_text(&shop.watch.file.rules, shop.watch.placements, &text);
    CHECK_BYTES(buffer_bytes(&text), bytes_text("line 2: there is no placement 'hoem' (home?)\n"
                                                "line 2: there is no placement 'x'\n"));
    buffer_release(&text);
    close_shop(&shop);
}

int main(void)
{
    TEST_RUN(test_words);
    TEST_RUN(test_many);
    TEST_RUN(test_when);
    TEST_RUN(test_never_still);
    TEST_RUN(test_placements);
    return test_done();
}
