/* Filters and the shop's rules: mistakes in files, each filter by itself, and random lists under
 * random rules against a checker that looks at every demand one by one. */
#include "processors/recommend/lists/audience.h"
#include "processors/recommend/lists/filters.h"
#include "state/visitor_table.h"
#include "tests/test.h"

#include <math.h>

#define NOW_MS 1790000000000
#define DAY_MS 86400000ll

static const struct catalogue_limits limits = {1000, 100, 1000, 20};

/* ---- the file ---- */

static void check_wrong(const char *text, const char *expected)
{
    struct merchandising_rules rules = {0};
    struct error error = {0};
    CHECK_SAY(merchandising_rules_parse(bytes_text(text), &rules, &error) == VERDICT_SKIP,
              "'%s' is taken", text);
    CHECK_CONTAINS(error.message, expected);
    CHECK_INT(rules.count, 0);
}

static void test_mistakes(void)
{
    check_wrong("# one\n\nexclude brand A\n\npin item B at 1\n\nboots brand C\n",
                "line 7: a rule begins with exclude, pin, boost");
    check_wrong("exclude", "line 1: what the rule is about is missing");
    check_wrong("exclude shade red", "'shade'");
    check_wrong("exclude brand", "a name is missing after 'brand'");
    check_wrong("exclude brand Maison Lise", "needs quotes; not 'Lise'");
    check_wrong("exclude brand \"Maison Lise", "a quote is not closed");
    check_wrong("exclude attribute leather", "name=value");
    check_wrong("pin brand A at 1", "only an item can be pinned");
    check_wrong("pin item A", "its place is missing");
    check_wrong("pin item A at 0", "from 1 to 100 belongs, not '0'");
    check_wrong("pin item A at 1.5", "whole number");
    check_wrong("boost brand A", "how much is missing");
    check_wrong("boost brand A by much", "'much'");
    check_wrong("boost brand A by 0.5", "from 1 to 1000");
    check_wrong("limit category 3", "only brands are limited");
    check_wrong("diversity 2", "from 0 to 1");
    check_wrong("repurchase category Food", "when is missing");
    check_wrong("repurchase category Food after 3", "such as 3d, 12h or 30m");
    check_wrong("repurchase brand Food after 3d", "by category");
    check_wrong("exclude brand A from tomorrow", "a day such as 2026-12-24");
    check_wrong("exclude brand A from 2026-13-01", "2026-13-01");
    check_wrong("exclude brand A from 2026-12-02 to 2026-12-01", "'to' is not after 'from'");
    check_wrong("exclude brand A placement", "a name is missing after 'placement'");
    check_wrong("exclude brand A by 2", "not 'by'");
    check_wrong("exclude brand \xFF", "not UTF-8");
    struct buffer many = {0};
    for (int i = 0; i <= MERCHANDISING_RULES_MAX; i++)
        buffer_text(&many, "exclude brand A\n");
    char *text = memory_text(buffer_bytes(&many));
    check_wrong(text, "line 2001: more than 2000 rules");
    free(text);
    buffer_release(&many);
    struct merchandising_rules rules = {0};
    struct error error = {0};
    CHECK(merchandising_rules_read("/nowhere/rules", &rules, &error) == VERDICT_SKIP);
    CHECK_CONTAINS(error.message, "/nowhere/rules");
}

static struct merchandising_rules parse(const char *text)
{
    struct merchandising_rules rules = {0};
    struct error error = {0};
    CHECK_SAY(merchandising_rules_parse(bytes_text(text), &rules, &error) == VERDICT_OK, "%s",
              error.message);
    return rules;
}

static void test_parse(void)
{
    struct merchandising_rules rules = parse(
        "# a comment\r\nexclude brand \"Maison \\\"Lise\\\" # 1\" placement home placement email\n"
        "\n  pin item M1 at 3 from 2026-12-01 to 2026-12-24T18:30 # until the evening\n"
        "bury attribute \"fabric=fine wool\" by 2\nrepurchase category Food after 12h");
    CHECK_INT(rules.count, 4);
    CHECK_TEXT(rules.at[0].text, "Maison \"Lise\" # 1");
    CHECK_INT(rules.at[0].placement_count, 2);
    CHECK(merchandising_rule_applies(&rules.at[0], "email", 0) &&
          !merchandising_rule_applies(&rules.at[0], "cart", 0));
    CHECK_INT(rules.at[1].line, 4);
    CHECK_INT(rules.at[1].what, RULE_ON_ITEM);
    CHECK_REAL(rules.at[1].number, 3);
    CHECK_INT(rules.at[1].from_ms, 1796083200000);
    CHECK_INT(rules.at[1].to_ms, 1798137000000);
    CHECK(!merchandising_rule_applies(&rules.at[1], "home", 1798137000000));
    CHECK(merchandising_rule_applies(&rules.at[1], "home", 1798136999999));
    CHECK_INT(rules.at[2].what, WORD_ATTRIBUTE);
    CHECK_INT(rules.at[3].after_ms, DAY_MS / 2);
    merchandising_rules_release(&rules);
}

/* ---- a small shop ---- */

struct shop {
    struct catalogue *catalogue;
    struct store *store;
    struct visitor_table *visitors;
    struct visitor *visitor;
    struct filters *filters;
    struct filter_settings settings;
    struct merchandising_rules rules;
    uint32_t looks; /* at products for women, of random shops */
    struct filter_item items[200];
    uint32_t count;
};

static void put(struct shop *shop, const char *id, const char *brand, const char *category,
                const char *title, const char *colour, bool stock)
{
    struct event event;
    struct bytes genders = bytes_text(id[1] % 2 ? "male" : "female"), tags = bytes_text("adult");
    struct bytes path = bytes_text(category), colours = bytes_text(colour);
    event_init(&event, EVENT_PRODUCT);
    event.item_id = bytes_text(id);
    event.title = bytes_text(title ? title : id);
    event.item_brand = bytes_text(brand);
    event.categories = (struct event_strings){&path, category ? 1 : 0, 0};
    event.colors = (struct event_strings){&colours, colour ? 1 : 0, 0};
    event.availability = stock ? IN_STOCK : OUT_OF_STOCK;
    if (id[0] == 'p') { /* of a random shop */
        event.genders = (struct event_strings){&genders, id[1] % 3 ? 1 : 0, 0};
        event.tags = (struct event_strings){&tags, id[1] % 5 ? 0 : 1, 0};
        event.price = id[1] % 7 ? id[1] : (double)NAN;
    }
    catalogue_put(shop->catalogue, &event);
}

static void open_shop(struct shop *shop)
{
    *shop = (struct shop){
        .catalogue = catalogue_new(&limits), .filters = filters_new(), .store = store_memory_new()};
    shop->visitors = visitor_table_new(shop->store, SIZE_MAX);
    visitor_table_get(shop->visitors, 0, bytes_text("v"), &shop->visitor, NULL);
    visitor_table_mark_dirty(shop->visitors, shop->visitor);
    put(shop, "a", "A", "X > Y", NULL, "red", true);
    put(shop, "b", "A", "X > Y", NULL, "red", true);
    put(shop, "c", "B", "X > Z", NULL, "blue", true);
    put(shop, "d", "B", "W", NULL, NULL, false);
    put(shop, "e", "C", "W", NULL, NULL, true);
}

static void close_shop(struct shop *shop)
{
    catalogue_free(shop->catalogue);
    filters_free(shop->filters);
    visitor_table_free(shop->visitors);
    shop->store->free(shop->store);
    merchandising_rules_release(&shop->rules);
}

static void add(struct shop *shop, struct bytes id, float score)
{
    shop->items[shop->count] = (struct filter_item){
        .item_id = id,
        .product = catalogue_find(shop->catalogue, id),
        .score = score,
        .index = shop->count,
    };
    shop->count++;
}

/* The list of "a b c ..." under the rules, as such a text. */
static void check_list(struct shop *shop, const char *rules, const char *context, uint32_t length,
                       const char *ranked, const char *expected)
{
    char got[200] = "";
    struct filter_query query = {.catalogue = shop->catalogue,
                                 .visitor = shop->visitor,
                                 .settings = &shop->settings,
                                 .placement = "home",
                                 .context_item_id = bytes_text(context),
                                 .time_ms = NOW_MS};
    merchandising_rules_release(&shop->rules);
    shop->rules = parse(rules);
    query.rules = &shop->rules;
    shop->count = 0;
    for (const char *at = ranked; *at; at++)
        if (*at != ' ')
            add(shop, bytes_of(at, 1), 1 - (float)shop->count / 10);
    uint32_t shown = filters_apply(shop->filters, &query, shop->items, &shop->count, length);
    for (uint32_t i = 0; i < shown; i++)
        snprintf(got + strlen(got), sizeof got - strlen(got), i ? " %.*s" : "%.*s",
                 (int)shop->items[i].item_id.size, shop->items[i].item_id.at);
    CHECK_TEXT(got, expected);
}

static enum removal removal_of(const struct shop *shop, const char *id, uint32_t *ret_line)
{
    for (uint32_t i = 0; i < shop->count; i++) {
        *ret_line = shop->items[i].line;
        if (bytes_equal(shop->items[i].item_id, bytes_text(id)))
            return shop->items[i].removal;
    }
    return REMOVALS;
}

static void buy(struct shop *shop, const char *id, int64_t ago_ms, enum kind kind)
{
    struct visitor *visitor = shop->visitor;
    struct activity activity = {.time_ms = NOW_MS - ago_ms, .kind = (uint8_t)kind};
    for (uint32_t i = 0; kind == KIND_REFUND && i < visitor->count; i++)
        if (bytes_equal(activity_subject(visitor, &visitor->activities[i]), bytes_text(id)))
            visitor->activities[i].counting = COUNTING_TAKEN_BACK;
    visitor_insert(visitor, visitor->count, activity, bytes_text(id), 100, NULL);
}

static void test_each(void)
{
    struct shop shop;
    uint32_t line;
    open_shop(&shop);
    check_list(&shop, "", NULL, 10, "a b c d e x", "a b c e x"); /* d is sold out, x unknown */
    CHECK_INT(removal_of(&shop, "d", &line), REMOVED_OUT_OF_STOCK);
    check_list(&shop, "", "b", 2, "a b c d e", "a c");
    CHECK_INT(removal_of(&shop, "b", &line), REMOVED_CONTEXT);
    CHECK_INT(removal_of(&shop, "e", &line), REMOVED_LENGTH);
    check_list(&shop, "\nexclude category X", NULL, 10, "a b c e", "e");
    CHECK_INT(removal_of(&shop, "c", &line), REMOVED_RULE);
    CHECK_INT(line, 2);
    check_list(&shop, "exclude category \"X > Y\" placement home", NULL, 10, "a b c e", "c e");
    check_list(&shop, "exclude category X placement cart\nexclude brand Nobody", NULL, 10,
               "a b c e", "a b c e");
    check_list(&shop, "exclude brand A to 2026-01-01", NULL, 10, "a b c e", "a b c e");
    check_list(&shop, "exclude item x", NULL, 10, "a x c", "a c");
    check_list(&shop, "boost item c by 10", NULL, 10, "a b c e", "c a b e");
    check_list(&shop, "bury brand A by 10", NULL, 10, "a b c e", "c e a b");
    check_list(&shop, "limit brand 1", NULL, 10, "a b c e", "a c e");
    CHECK_INT(removal_of(&shop, "b", &line), REMOVED_BRAND);
    CHECK_INT(line, 1);
    check_list(&shop, "pin item e at 1\npin item b at 3", NULL, 10, "a b c e", "e a b c");
    check_list(&shop, "pin item e at 2", NULL, 10, "a b c", "a e b c"); /* was no candidate */
    check_list(&shop, "pin item d at 1\npin item y at 1", NULL, 10, "a b c", "a b c");
    check_list(&shop, "pin item e at 9", NULL, 10, "a b", "a b e"); /* the list is shorter */
    check_list(&shop, "pin item e at 1\nexclude item e", NULL, 10, "a b", "a b");
    check_list(&shop, "diversity 0.9", NULL, 10, "a b c e", "a e c b");
    check_list(&shop, "diversity 0", NULL, 10, "a b c e", "a b c e");
    catalogue_delete(shop.catalogue, bytes_text("a"));
    check_list(&shop, "", NULL, 10, "a b", "b");
    CHECK_INT(removal_of(&shop, "a", &line), REMOVED_GONE);
    put(&shop, "f", "A", "X", "b", NULL, true); /* brand and title of b */
    check_list(&shop, "", NULL, 10, "f c b", "f c");
    CHECK_INT(removal_of(&shop, "b", &line), REMOVED_VARIANT);
    close_shop(&shop);
}

static void test_bought(void)
{
    struct shop shop;
    open_shop(&shop);
    shop.settings.bought_ms = 30 * DAY_MS;
    buy(&shop, "a", 40 * DAY_MS, KIND_PURCHASE);
    buy(&shop, "b", 5 * DAY_MS, KIND_PURCHASE);
    buy(&shop, "c", 4 * DAY_MS, KIND_PURCHASE);
    buy(&shop, "c", 3 * DAY_MS, KIND_REFUND);
    buy(&shop, "e", 2 * DAY_MS, KIND_VIEW);
    check_list(&shop, "", NULL, 10, "a b c e", "a c e");
    check_list(&shop, "repurchase category X after 3d", NULL, 10, "a b c e", "a b c e");
    check_list(&shop, "repurchase category \"X > Y\" after 60d", NULL, 10, "a b c e", "c e");
    shop.settings.bought_ms = 0;
    check_list(&shop, "", NULL, 10, "a b c e", "a b c e");
    close_shop(&shop);
}

/* ---- what products are for whom ---- */

static void put_for(struct shop *shop, const char *id, const char *gender, const char *age_group,
                    const char *tag, double price)
{
    struct event event;
    struct bytes genders = bytes_text(gender), ages = bytes_text(age_group), tags = bytes_text(tag);
    struct bytes adult[2] = {bytes_text("adult"), bytes_text("true")};
    event_init(&event, EVENT_PRODUCT);
    event.item_id = event.title = bytes_text(id);
    event.genders = (struct event_strings){&genders, gender ? 1 : 0, 0};
    event.age_groups = (struct event_strings){&ages, age_group ? 1 : 0, 0};
    event.tags = (struct event_strings){&tags, tag ? 1 : 0, 0};
    if (strcmp(id, "l") == 0)
        event.attributes = (struct event_pairs){.at = adult, .count = 1};
    event.price = price;
    catalogue_put(shop->catalogue, &event);
}

/* The visitor looks at so many products for that gender and age group. */
static void look_for(struct shop *shop, const char *gender, const char *age_group, int times)
{
    struct buffer scratch = {0};
    struct preferences preferences;
    struct tasted tasted = {.price = NAN};
    uint32_t word = catalogue_word(shop->catalogue, WORD_GENDER, bytes_text(gender));
    if (gender)
        tasted.words[TASTE_GENDER][0] = taste_tag(shop->catalogue->words.at[word].hash);
    word = catalogue_word(shop->catalogue, WORD_AGE_GROUP, bytes_text(age_group));
    if (age_group)
        tasted.words[TASTE_AGE_GROUP][0] = taste_tag(shop->catalogue->words.at[word].hash);
    visitor_preferences(shop->visitor, &preferences);
    for (int i = 0; i < times; i++)
        preferences_learn(&preferences, &tasted, TASTE_SEEN, NOW_MS, DAY_MS);
    visitor_set_preferences(shop->visitor, &preferences, &scratch);
    buffer_release(&scratch);
}

static void test_audience(void)
{
    struct shop shop;
    uint32_t line;
    open_shop(&shop);
    put_for(&shop, "f", "female", "kids", NULL, 10);
    put_for(&shop, "m", "male", "toddler", NULL, 20);
    put_for(&shop, "u", "unisex", NULL, NULL, 30);
    put_for(&shop, "n", NULL, NULL, NULL, (double)NAN);
    put_for(&shop, "t", "female", NULL, "adult", 40);
    put_for(&shop, "l", "female", NULL, NULL, 50);
    shop.settings.gender_min = .2f;
    shop.settings.age_group_min = .2f;
    look_for(&shop, "female", "kids", AUDIENCE_LEAST - 1);
    check_list(&shop, "", NULL, 10, "f m u n x", "f m u n x"); /* too little to go by */
    look_for(&shop, "female", NULL, 1);
    check_list(&shop, "", NULL, 10, "f m u n x", "f u n x");
    CHECK_INT(removal_of(&shop, "m", &line), REMOVED_GENDER);
    look_for(&shop, "male", "kids", 1); /* a sixth */
    check_list(&shop, "", NULL, 10, "f m u n x", "f u n x");
    CHECK_INT(removal_of(&shop, "m", &line), REMOVED_GENDER);
    look_for(&shop, "male", NULL, 1);
    check_list(&shop, "", NULL, 10, "f m u n x", "f u n x");
    CHECK_INT(removal_of(&shop, "m", &line), REMOVED_AGE_GROUP);
    shop.settings.age_group_min = 0;
    check_list(&shop, "pin item m at 1", NULL, 10, "f m u n x", "m f u n x");
    shop.settings.gender_min = .9f;
    check_list(&shop, "pin item m at 1", NULL, 10, "f m u n x", "u n x");
    shop.settings.gender_min = 0;
    check_list(&shop, "", NULL, 10, "f m t l n", "f m t l n");
    shop.settings.adult_off = true;
    check_list(&shop, "", NULL, 10, "f m t l n", "f m n");
    CHECK_INT(removal_of(&shop, "t", &line), REMOVED_ADULT);
    CHECK_INT(removal_of(&shop, "l", &line), REMOVED_ADULT);
    shop.settings.price_min = 20;
    check_list(&shop, "", NULL, 10, "f m u n x", "m u n x"); /* unknown prices pass */
    CHECK_INT(removal_of(&shop, "f", &line), REMOVED_PRICE);
    CHECK_TEXT(removal_texts[REMOVED_PRICE], "below the lowest price");
    close_shop(&shop);
}

static void test_shown(void)
{
    struct shop shop;
    uint32_t line;
    open_shop(&shop);
    for (int i = 0; i < 3; i++)
        visitor_show(shop.visitor, bytes_text("a"), NOW_MS, DAY_MS);
    visitor_show(shop.visitor, bytes_text("c"), NOW_MS, DAY_MS);
    check_list(&shop, "", NULL, 10, "a b c x", "a b c x"); /* it is off */
    shop.settings.shown_max = 3;
    check_list(&shop, "", NULL, 10, "a b c x", "b c x");
    CHECK_INT(removal_of(&shop, "a", &line), REMOVED_TIRED);
    shop.settings.shown_max = 4;
    check_list(&shop, "", NULL, 10, "a b c x", "a b c x");
    shop.settings.shown_max = 1;
    check_list(&shop, "pin item a at 1", NULL, 10, "a b c x", "b x");
    visitor_reset_shown(shop.visitor, bytes_text("a"));
    check_list(&shop, "", NULL, 10, "a b c x", "a b x");
    close_shop(&shop);
}

/* ---- random lists ---- */

static const char *const texts[] = {
    "exclude brand B1\n",
    "exclude category \"C1\"\n",
    "exclude colour k2 placement home\n",
    "exclude item p3\n",
    "boost brand B2 by 4\n",
    "bury category \"C2 > D0\" by 3\n",
    "pin item p5 at 1\n",
    "pin item p6 at 4\n",
    "pin item p60 at 2\n",
    "limit brand 2\n",
    "limit brand 3 placement cart\n",
    "diversity 0.5\n",
    "repurchase category \"C0\" after 1d\n",
    "exclude tag adult from 2026-01-01\n",
    "exclude brand B3 to 2020-01-01\n",
};
#define TEXTS (sizeof texts / sizeof texts[0])

struct demands { /* what is switched on */
    bool on[TEXTS];
    uint32_t brand_max;
};

static bool has(const struct catalogue *catalogue, uint32_t product, enum word_kind kind,
                const char *text)
{
    uint32_t word = catalogue_word(catalogue, kind, bytes_text(text));
    return product != PRODUCT_NONE && word != WORD_NONE && catalogue_has(catalogue, product, word);
}

/* Whether an item may stand in a list at all. */
static bool may_stand(const struct shop *shop, const struct demands *demands,
                      const struct filter_query *query, const struct filter_item *item)
{
    const struct catalogue *catalogue = shop->catalogue;
    uint32_t p = item->product;
    if (query->context_item_id.size && bytes_equal(item->item_id, query->context_item_id))
        return false;
    if (p != PRODUCT_NONE && !product_available(&catalogue->products[p]))
        return false;
    if (p != PRODUCT_NONE && catalogue->products[p].price < shop->settings.price_min)
        return false;
    if (shop->settings.gender_min > 0 && shop->looks >= AUDIENCE_LEAST &&
        has(catalogue, p, WORD_GENDER, "male"))
        return false;
    if (shop->settings.adult_off && has(catalogue, p, WORD_TAG, "adult"))
        return false;
    if (shop->settings.shown_max > 0 &&
        visitor_shown(shop->visitor, shown_tag(item->item_id)) >= shop->settings.shown_max)
        return false;
    if ((demands->on[0] && has(catalogue, p, WORD_BRAND, "B1")) ||
        (demands->on[1] && has(catalogue, p, WORD_CATEGORY, "C1")) ||
        (demands->on[2] && has(catalogue, p, WORD_COLOUR, "k2")) ||
        (demands->on[3] && bytes_equal(item->item_id, bytes_text("p3"))) ||
        (demands->on[13] && has(catalogue, p, WORD_TAG, "adult")))
        return false;
    int64_t after_ms = demands->on[12] && has(catalogue, p, WORD_CATEGORY, "C0")
                           ? DAY_MS
                           : shop->settings.bought_ms;
    bool bought = false; /* and not sent back */
    int64_t bought_ms = 0;
    for (uint32_t i = 0; i < shop->visitor->count; i++) {
        const struct activity *activity = &shop->visitor->activities[i];
        if (!bytes_equal(activity_subject(shop->visitor, activity), item->item_id))
            continue;
        if (activity->kind == KIND_PURCHASE && activity->counting == COUNTING_ACTIVE) {
            bought = true;
            bought_ms = activity->time_ms;
        }
    }
    return !bought || NOW_MS - bought_ms >= after_ms;
}

static float adjusted(const struct shop *shop, const struct demands *demands,
                      const struct filter_item *item)
{
    float score = 0;
    if (demands->on[4] && has(shop->catalogue, item->product, WORD_BRAND, "B2"))
        score += logf(4);
    if (demands->on[5] && has(shop->catalogue, item->product, WORD_CATEGORY, "C2 > D0"))
        score -= logf(3);
    return score;
}

static void check_shown(const struct shop *shop, const struct demands *demands,
                        const struct filter_query *query, const float *scores, uint32_t shown)
{
    const struct filter_item *items = shop->items;
    float last = INFINITY;
    for (uint32_t i = 0; i < shown; i++) {
        CHECK(may_stand(shop, demands, query, &items[i]));
        CHECK_INT(items[i].removal, REMOVED_NOT);
        uint32_t same_brand = 1;
        for (uint32_t k = 0; k < i; k++) {
            CHECK(!bytes_equal(items[k].item_id, items[i].item_id));
            if (items[i].product == PRODUCT_NONE || items[k].product == PRODUCT_NONE)
                continue;
            const struct product *a = &shop->catalogue->products[items[i].product];
            const struct product *b = &shop->catalogue->products[items[k].product];
            CHECK(a->brand != b->brand || !bytes_equal(product_title(a), product_title(b)));
            same_brand += a->brand == b->brand && a->brand != WORD_NONE;
        }
        CHECK(items[i].pinned || items[i].product == PRODUCT_NONE || demands->brand_max == 0 ||
              shop->catalogue->products[items[i].product].brand == WORD_NONE ||
              same_brand <= demands->brand_max);
        if (items[i].pinned || demands->on[11])
            continue;
        float score = scores[items[i].index] + adjusted(shop, demands, &items[i]);
        CHECK(score <= last + 1e-5f);
        last = score;
    }
}

/* Each item that is not shown has a reason that is true. */
static void check_removed(const struct shop *shop, const struct demands *demands,
                          const struct filter_query *query, uint32_t shown, uint32_t length)
{
    for (uint32_t i = shown; i < shop->count; i++) {
        const struct filter_item *item = &shop->items[i];
        uint32_t brand = 0, variants = 0;
        for (uint32_t k = 0; k < shown && item->product != PRODUCT_NONE; k++) {
            if (shop->items[k].product == PRODUCT_NONE)
                continue;
            const struct product *a = &shop->catalogue->products[item->product];
            const struct product *b = &shop->catalogue->products[shop->items[k].product];
            brand += a->brand == b->brand;
            variants += a->brand == b->brand && bytes_equal(product_title(a), product_title(b));
        }
        switch (item->removal) {
        case REMOVED_LENGTH:
            CHECK_INT(shown, length);
            break;
        case REMOVED_BRAND:
            CHECK(demands->brand_max > 0 && brand >= demands->brand_max);
            break;
        case REMOVED_VARIANT:
            CHECK(variants > 0);
            break;
        default:
            CHECK(!may_stand(shop, demands, query, item));
            CHECK(item->removal != REMOVED_NOT);
            CHECK((item->removal == REMOVED_RULE) <= (item->line > 0));
            break;
        }
    }
}

static void stock_randomly(struct shop *shop, struct random *random)
{
    for (uint32_t i = 0; i < 80; i++) {
        char id[12], brand[12], category[24], colour[12], title[20];
        snprintf(id, sizeof id, "p%u", i);
        snprintf(brand, sizeof brand, "B%u", random_below(random, 6));
        snprintf(category, sizeof category, "C%u > D%u", random_below(random, 4),
                 random_below(random, 3));
        snprintf(colour, sizeof colour, "k%u", random_below(random, 4));
        snprintf(title, sizeof title, "t%u", random_below(random, 40));
        if (i % 9 != 8)
            put(shop, id, brand, category, title, colour, !random_one_in(random, 10));
        if (random_one_in(random, 20))
            catalogue_delete(shop->catalogue, bytes_text(id));
    }
}

static void run_round(struct shop *shop, struct random *random)
{
    struct demands demands = {.brand_max =
                                  random_one_in(random, 3) ? 1 + random_below(random, 3) : 0};
    struct buffer text = {0};
    float scores[200];
    const char *placement = random_one_in(random, 2) ? "home" : "cart";
    shop->settings.brand_max = demands.brand_max;
    shop->settings.bought_ms = random_one_in(random, 2) ? 30 * DAY_MS : 0;
    shop->settings.price_min = random_one_in(random, 4) ? 51 : 0;
    shop->settings.gender_min = random_one_in(random, 4) ? .5f : 0;
    shop->settings.adult_off = random_one_in(random, 4);
    shop->settings.shown_max = random_one_in(random, 3) ? 1 + random_below(random, 3) : 0;
    for (size_t i = 0; i < TEXTS; i++) {
        demands.on[i] = random_one_in(random, 4);
        if (demands.on[i])
            buffer_text(&text, texts[i]);
    }
    demands.on[2] = demands.on[2] && placement[0] == 'h';
    if (demands.on[9])
        demands.brand_max = 2;
    if (demands.on[10] && placement[0] == 'c')
        demands.brand_max = 3;
    merchandising_rules_release(&shop->rules);
    buffer_byte(&text, '\0');
    shop->rules = parse(text.at);
    buffer_release(&text);
    shop->count = 0;
    uint32_t first = random_below(random, 80), length = 1 + random_below(random, 30);
    static char ids[80][12];
    float score = 3;
    for (uint32_t i = 0; i < 60; i++) {
        uint32_t number = (first + i * 7) % 80;
        snprintf(ids[number], sizeof ids[number], "p%u", number);
        score -= (float)random_below(random, 100) / 1000;
        scores[shop->count] = score;
        add(shop, bytes_text(ids[number]), score);
    }
    struct filter_query query = {.catalogue = shop->catalogue,
                                 .visitor = shop->visitor,
                                 .rules = &shop->rules,
                                 .settings = &shop->settings,
                                 .placement = placement,
                                 .time_ms = NOW_MS};
    if (random_one_in(random, 2))
        query.context_item_id = bytes_text(ids[first]);
    struct filter_item few[sizeof shop->items / sizeof *shop->items];
    uint32_t few_count = shop->count;
    memcpy(few, shop->items, sizeof few);
    query.shown_only = true;
    uint32_t few_shown = filters_apply(shop->filters, &query, few, &few_count, length);
    query.shown_only = false;
    uint32_t shown = filters_apply(shop->filters, &query, shop->items, &shop->count, length);
    CHECK_INT(few_shown, shown);
    CHECK_INT(few_count, shop->count);
    for (uint32_t i = 0; i < shown && i < few_shown; i++)
        CHECK_BYTES(few[i].item_id, shop->items[i].item_id);
    CHECK(shown <= length && shop->count >= 60 && shop->count <= 60 + FILTER_PINS_MAX);
    check_shown(shop, &demands, &query, scores, shown);
    check_removed(shop, &demands, &query, shown, length);
}

/* WEFT_TEST_LISTS in the environment: so many lists in place of 20,000. */
static void test_random(void)
{
    const char *text = getenv("WEFT_TEST_LISTS");
    unsigned long rounds = text ? strtoul(text, NULL, 10) : 20000;
    struct random random = random_from(81);
    struct shop shop;
    open_shop(&shop);
    for (unsigned long i = 0; i < rounds; i++) {
        if (i % 500 == 0) {
            close_shop(&shop);
            open_shop(&shop);
            stock_randomly(&shop, &random);
            shop.looks = random_below(&random, 10);
            look_for(&shop, "female", NULL, (int)shop.looks);
            for (int k = 0; k < 60; k++) {
                char id[12];
                snprintf(id, sizeof id, "p%u", random_below(&random, 40));
                visitor_show(shop.visitor, bytes_text(id), NOW_MS, DAY_MS);
            }
            for (int k = 0; k < 8; k++) {
                char id[12];
                snprintf(id, sizeof id, "p%u", random_below(&random, 80));
                buy(&shop, id, (20 - 2 * k) * DAY_MS,
                    random_one_in(&random, 4) ? KIND_REFUND : KIND_PURCHASE);
            }
        }
        run_round(&shop, &random);
    }
    close_shop(&shop);
}

int main(void)
{
    TEST_RUN(test_mistakes);
    TEST_RUN(test_parse);
    TEST_RUN(test_each);
    TEST_RUN(test_bought);
    TEST_RUN(test_audience);
    TEST_RUN(test_shown);
    TEST_RUN(test_random);
    return test_done();
}
