/* Experiments in the lists: the mall's visitors go through the whole topology. Each record names
 * its visitor's variants, each variant shapes the lists of its placements alone, and nothing that
 * is learned depends on experiments. And the values of variants, and a file that changes. */
#include "processors/runtime/driver.h"
#include "processors/runtime/experiments_file.h"
#include "tests/test.h"
#include "tools/mall.h"

#include <jansson.h>

#define PRODUCTS 300
#define EVENTS 4000
#define VISITORS_MAX 1000
#define START_MS 1767225600000

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    CHECK(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static struct config *config_with(const char *path, const char *setting)
{
    struct config *config = memory_get(sizeof *config);
    struct error error = {0};
    config_init(config);
    CHECK(config_set(config, "experiments.path", path, &error) == VERDICT_OK);
    CHECK(config_set(config, "experiments.reload.ms", "1", &error) == VERDICT_OK);
    CHECK(setting == NULL || config_assign(config, setting, &error) == VERDICT_OK);
    CHECK_SAY(config_finish(config, &error) == VERDICT_OK, "%s", error.message);
    return config;
}

/* ---- lists ---- */

struct latest {
    char visitor[40];
    uint64_t product; /* hash of the list for the product page */
};

struct shop {
    struct driver_sink sink; /* first */
    const struct experiments *experiments;
    struct latest latest[VISITORS_MAX];
    uint32_t visitor_count;
    int seen[3][3];                                   /* records by experiment and variant */
    int long_home, popular, personal, few, long_cart; /* lists */
};

static struct latest *latest_of(struct shop *shop, const char *visitor)
{
    uint32_t i = 0;
    while (i < shop->visitor_count && strcmp(shop->latest[i].visitor, visitor) != 0)
        i++;
    if (i == shop->visitor_count) {
        CHECK(i < VISITORS_MAX && strlen(visitor) < sizeof shop->latest->visitor);
        strcpy(shop->latest[shop->visitor_count++].visitor, visitor);
    }
    return &shop->latest[i];
}

static bool is_popular(json_t *items)
{
    size_t i;
    json_t *item;
    json_array_foreach(items, i,
                       item) if (strcmp(json_string_value(json_object_get(item, "reason")),
                                        "popular") != 0) return false;
    return true;
}

static void check_list(struct shop *shop, json_t *list, const int8_t *variants,
                       struct latest *latest)
{
    const char *placement = json_string_value(json_object_get(list, "placement"));
    json_t *items = json_object_get(list, "items"), *item;
    size_t count = json_array_size(items), i;
    if (strcmp(placement, "home") == 0) {
        CHECK(variants[0] != 1 || count <= 3);
        CHECK(variants[0] != 2 || is_popular(items));
        shop->long_home += variants[0] == 0 && count > 3;
        shop->popular += variants[0] == 2 && count > 3;
    } else if (strcmp(placement, "cart") == 0) {
        CHECK(variants[1] != 1 || count <= 2);
        shop->few += variants[1] == 1 && count == 2;
        shop->long_cart += variants[1] == 0 && count > 2;
    } else if (strcmp(placement, "product") == 0) {
        shop->personal += variants[0] == 2 && count > 3 && !is_popular(items);
        latest->product = 0;
        json_array_foreach(items, i, item) latest->product =
            latest->product * 31 +
            bytes_hash(bytes_text(json_string_value(json_object_get(item, "item_id"))));
    }
}

static void written(struct driver_sink *sink, enum output output, struct bytes key,
                    struct bytes value)
{
    static const struct experiments none;
    struct shop *shop = (struct shop *)(void *)sink;
    const struct experiments *experiments = shop->experiments ? shop->experiments : &none;
    char expected[EXPERIMENTS_TEXT_MAX + 1] = "";
    int8_t variants[EXPERIMENTS_MAX] = {0};
    size_t i;
    json_t *list;
    if (output != OUTPUT_RECOMMENDATIONS)
        return;
    json_t *record = json_loadb(value.at, value.size, 0, NULL);
    struct experiment_visitor visitor = {
        .key = key,
        .time_ms = json_integer_value(json_object_get(record, "source_event_time")),
    };
    experiments_assign(experiments, &visitor, variants);
    expected[experiments_text(experiments, variants, expected).size] = '\0';
    const char *text = json_string_value(json_object_get(record, "experiment_variant"));
    CHECK_SAY(strcmp(text ? text : "", expected) == 0, "%s, not %s", text ? text : "", expected);
    for (i = 0; i < experiments->count; i++)
        if (variants[i] != EXPERIMENT_NONE)
            shop->seen[i][variants[i]]++;
    struct latest *latest = latest_of(shop, json_string_value(json_object_get(record, "visitor")));
    json_array_foreach(json_object_get(record, "lists"), i, list)
        check_list(shop, list, variants, latest);
    json_decref(record);
}

/* Returns the driver's counts. */
static struct counts run(struct shop *shop, const char *path)
{
    struct mall_settings settings = {
        .seed = 7, .products = PRODUCTS, .visitors = 200, .events_per_s = 20, .start_ms = START_MS};
    struct config *config = config_with(path, NULL);
    struct mall *mall = mall_new(&settings);
    struct driver *driver = NULL;
    struct error error = {0};
    struct event event;
    shop->sink.written = written;
    CHECK_SAY(driver_new(config, true, &shop->sink, NULL, &driver, &error) == VERDICT_OK, "%s",
              error.message);
    for (uint32_t i = 0; i < PRODUCTS; i++) {
        mall_product(mall, i, &event);
        driver_product(driver, &event);
    }
    for (int i = 0; i < TEST_ROUNDS(EVENTS); i++) {
        enum fate fate;
        mall_next(mall, &event);
        CHECK(driver_event(driver, &event, &fate, &error) == VERDICT_OK);
    }
    struct counts counts = *driver_counts(driver);
    driver_free(driver);
    mall_free(mall);
    free(config);
    return counts;
}

static void test_lists(void)
{
    static const char text[] = "experiment home placement home\n"
                               " variant today 40%\n variant short 40% placements.home.length=3\n"
                               " holdout 20%\n"
                               "experiment cart placement cart share 80%\n"
                               " variant today 50%\n variant few 50% placements.cart.length=2\n"
                               "experiment same placement product to 2027-01-01\n"
                               " variant a 50%\n variant b 50%\n";
    static struct shop with, without;
    char path[] = "/tmp/weft-test-variants-XXXXXX";
    struct experiments experiments = {0};
    close(mkstemp(path));
    write_file(path, text);
    CHECK(experiments_parse(bytes_text(text), NULL, &experiments, NULL) == VERDICT_OK);
    with.experiments = &experiments;
    struct counts counts = run(&with, path), plain = run(&without, "");
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < (i == 0 ? 3 : 2); k++)
            CHECK_SAY(with.seen[i][k] > 20, "experiment %d, variant %d: %d", i, k, with.seen[i][k]);
    CHECK(with.long_home > 20 && with.popular > 20 && with.personal > 20);
    CHECK_SAY(with.few > 5 && with.long_cart > 5, "%d %d", with.few, with.long_cart);
    /* what is learned, and the lists of other placements */
    CHECK_INT(counts.counters[COUNT_LEARNED], plain.counters[COUNT_LEARNED]);
    CHECK_INT(counts.counters[COUNT_HITS], plain.counters[COUNT_HITS]);
    CHECK(plain.counters[COUNT_LEARNED] > 100);
    CHECK_INT(with.visitor_count, without.visitor_count);
    for (uint32_t i = 0; i < without.visitor_count; i++)
        CHECK_INT(latest_of(&with, without.latest[i].visitor)->product, without.latest[i].product);
    experiments_release(&experiments);
    unlink(path);
}

/* ---- values ---- */

#define TWO "experiment a\n variant x 50%\n variant y 50% "

static void check_refused(const char *text, const char *setting, const char *expected)
{
    char path[] = "/tmp/weft-test-variants-XXXXXX";
    struct experiments_file file;
    struct error error = {0};
    close(mkstemp(path));
    write_file(path, text);
    struct config *config = config_with(path, setting);
    CHECK_SAY(experiments_file_open(&file, config, &error) == VERDICT_SKIP, "%s", text);
    CHECK_CONTAINS(error.message, expected);
    CHECK_CONTAINS(error.message, path);
    experiments_file_release(&file);
    free(config);
    unlink(path);
}

static void test_values(void)
{
    struct buffer many = {0};
    check_refused(TWO "list.brand.max=many", NULL, "line 3: list.brand.max = 'many' is not");
    check_refused(TWO "list.brand.max=1000", NULL, "line 3: list.brand.max = 1000 is not between");
    check_refused(TWO "placements.home.generators=forwards", NULL, "there is no generator");
    check_refused(TWO "placements.home.generators=search", NULL, "line 3: placements.home: gen");
    check_refused(TWO "placements.home.filters=same_category", NULL, "need context=item");
    check_refused(TWO "generators.off=popular", "generators.off=session_knn",
                  "line 3: generators.off has to name all");
    check_refused(TWO "placements.home.length=100", NULL,
                  "line 3: lists of this length need ranker.candidates=116");
    check_refused(TWO "list.brands.max=1", NULL, "(list.brand.max?)");
    for (int i = 0; i < 7; i++)
        buffer_format(&many, "experiment e%d\n variant x 50%%\n holdout 50%%\n", i);
    buffer_byte(&many, '\0');
    check_refused(many.at, NULL, "line 19: with experiment 'e6' variants can meet in more than 64");
    buffer_release(&many);
}

/* ---- settings by placement ---- */

static void test_settings(void)
{
    static const char text[] =
        "experiment a placement home placement cart layer l share 50%\n"
        " variant x 50% list.brand.max=2\n variant y 50% list.brand.max=3 generators.off=popular\n"
        "experiment b placement home layer l share 50%\n"
        " variant x 50%\n variant y 50% list.brand.max=4\n"
        "experiment c placement home placement product\n"
        " variant x 50% list.price.min=5\n variant y 50%\n";
    static const uint32_t brands[2][2] = {{2, 3}, {0, 4}};
    char path[] = "/tmp/weft-test-variants-XXXXXX";
    struct experiments_file file;
    struct error error = {0};
    close(mkstemp(path));
    write_file(path, text);
    struct config *config = config_with(path, NULL);
    const struct placements *placements = &config->settings.recommend.placements;
    CHECK_SAY(experiments_file_open(&file, config, &error) == VERDICT_OK, "%s", error.message);
    CHECK_INT(file.variants.count, 8);
    for (int i = 0; i < 200; i++) {
        char key[20];
        struct list_variants chosen;
        snprintf(key, sizeof key, "v%d", i);
        struct visitor *visitor = visitor_new(0, bytes_text(key));
        CHECK(settings_variants_choose(&file.variants, visitor, &chosen));
        CHECK((chosen.of[0] < 0) != (chosen.of[1] < 0));
        int in = chosen.of[0] >= 0 ? 0 : 1;
        for (uint32_t k = 0; k < placements->count; k++) {
            const char *name = placements->at[k].name;
            const struct recommend_settings *settings = chosen.settings[k];
            bool home = strcmp(name, "home") == 0, cart = strcmp(name, "cart") == 0;
            bool product = strcmp(name, "product") == 0;
            CHECK(strcmp(settings->placements.at[k].name, name) == 0);
            CHECK_INT(settings->filters.brand_max,
                      home || (cart && in == 0) ? brands[in][chosen.of[in]] : 0);
            CHECK_INT(settings->filters.price_min > 0, (home || product) && chosen.of[2] == 0);
            CHECK_INT(settings->placements.at[k].generators_off != placements->at[k].generators_off,
                      (home || cart) && in == 0 && chosen.of[0] == 1);
            CHECK_INT(settings->rank.generators_off, 0);
        }
        visitor_free(visitor);
    }
    experiments_file_release(&file);
    free(config);
    unlink(path);
}

/* ---- the file changes ---- */

static void test_reload(void)
{
    char path[] = "/tmp/weft-test-variants-XXXXXX", id[EXPERIMENT_ID_BYTES_MAX];
    struct experiments_file file;
    struct error error = {0};
    close(mkstemp(path));
    write_file(path, TWO "list.brand.max=2\n");
    struct config *config = config_with(path, NULL);
    CHECK(experiments_file_open(&file, config, &error) == VERDICT_OK);
    const struct settings_variants *variants = experiments_file_variants(&file);
    strcpy(id, variants->experiments.at[0].id);
    usleep(3000);
    CHECK(!experiments_file_reload(&file));
    write_file(path, TWO "list.brand.max=two # a mistake\n");
    usleep(3000);
    CHECK(!experiments_file_reload(&file));
    CHECK(strcmp(variants->experiments.at[0].id, id) == 0);
    write_file(path, TWO "list.brand.max=3\n");
    usleep(3000);
    CHECK(experiments_file_reload(&file));
    CHECK(strcmp(variants->experiments.at[0].id, id) != 0);
    CHECK_INT(variants->at[1].filters.brand_max, 3);
    write_file(path, "# none\n");
    usleep(3000);
    CHECK(experiments_file_reload(&file));
    CHECK_INT(variants->experiments.count, 0);
    experiments_file_release(&file);
    free(config);
    unlink(path);
}

int main(void)
{
    TEST_RUN(test_lists);
    TEST_RUN(test_values);
    TEST_RUN(test_settings);
    TEST_RUN(test_reload);
    return test_done();
}
