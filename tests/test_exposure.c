/* Impressions, clicks and users, as bytes from the wire through the whole topology: against a naive
 * copy of the rules of one page, and case by case. */
#include "processors/runtime/driver.h"
#include "tests/test.h"

#include <stdlib.h>

#define START_MS 1700000000000
#define VISITORS 5
#define ITEMS 12
#define EVENTS 6000
#define SHOWN_MAX 3

struct naive_visitor {
    bool refused, known; /* known: something is to be forgotten */
    int impressions, clicks, activities;
    int shown[ITEMS];
    char marks[EVENTS][48]; /* of impressions and clicks, as texts */
    int mark_count;
    char gender[8];
    char *record; /* the last one; NULL: none, or taken back */
};

struct naive {
    struct driver_sink sink; /* first */
    struct naive_visitor visitors[VISITORS];
    struct online_metrics_exposure exposures[3]; /* home, product, others */
    int tombstones, erased;
};

static void written(struct driver_sink *self, enum output output, struct bytes key,
                    struct bytes value)
{
    struct naive *naive = (struct naive *)(void *)self;
    if (output != OUTPUT_RECOMMENDATIONS)
        return;
    struct naive_visitor *visitor = &naive->visitors[key.at[1] - '0'];
    naive->tombstones += value.at == NULL;
    free(visitor->record);
    visitor->record = value.at ? memory_text(value) : NULL;
}

static struct driver *new_driver(struct driver_sink *sink, const char *const *assignments)
{
    struct config config;
    struct driver *driver = NULL;
    struct error error = {0};
    config_init(&config);
    for (; *assignments; assignments++)
        CHECK_SAY(config_assign(&config, *assignments, &error) == VERDICT_OK, "%s", error.message);
    CHECK(config_finish(&config, &error) == VERDICT_OK);
    CHECK(driver_new(&config, true, sink, NULL, &driver, &error) == VERDICT_OK);
    return driver;
}

static enum fate send(struct driver *driver, enum event_type type, const char *key,
                      const char *value)
{
    enum fate fate = FATES;
    struct error error = {0};
    CHECK_SAY(driver_record(driver, type, bytes_text(key),
                            value ? bytes_text(value) : bytes_of(NULL, 0), &fate,
                            &error) == VERDICT_OK,
              "%s", error.message);
    return fate;
}

/* ---- against naive rules ---- */

static const char *const placements[] = {"home", "product", "elsewhere"};

static void forget(struct naive *naive, struct naive_visitor *visitor, bool refused)
{
    char *record = visitor->record;
    naive->erased += visitor->known && !visitor->refused;
    memset(visitor, 0, sizeof *visitor);
    visitor->record = record; /* written() has seen the tombstone, if there was one */
    visitor->refused = visitor->known = refused;
}

static bool mark(struct naive_visitor *visitor, const char *text)
{
    int from = visitor->mark_count > MARKS_MAX ? visitor->mark_count - MARKS_MAX : 0;
    for (int i = from; i < visitor->mark_count; i++)
        if (strcmp(visitor->marks[i], text) == 0)
            return false;
    snprintf(visitor->marks[visitor->mark_count++], sizeof visitor->marks[0], "%s", text);
    return true;
}

static void click(struct naive *naive, struct naive_visitor *visitor, int list, int placement,
                  int item)
{
    char text[48];
    snprintf(text, sizeof text, "click %d %d %d", list, placement, item);
    visitor->known = true;
    if (!mark(visitor, text))
        return;
    visitor->clicks++;
    naive->exposures[placement].clicks++;
}

static void send_user(struct driver *driver, struct naive *naive, struct random *random, int number)
{
    static const char *const genders[] = {"", "female", "male"};
    struct naive_visitor *visitor = &naive->visitors[number];
    char key[16], value[120];
    const char *gender = genders[random_below(random, 3)];
    uint32_t draw = random_below(random, 4);
    snprintf(key, sizeof key, "v%d", number);
    snprintf(value, sizeof value, "{\"user_id\":\"v%d\",\"gender\":\"%s\",\"consent\":%s}", number,
             gender, draw == 0 ? "false" : "true");
    if (draw <= 1) { /* withdrawn, or deleted */
        if (draw == 0 ? !visitor->refused : visitor->known)
            forget(naive, visitor, draw == 0);
    } else {
        if (visitor->refused)
            forget(naive, visitor, false);
        snprintf(visitor->gender, sizeof visitor->gender, "%s", gender);
        visitor->known = visitor->known || *gender;
        if (!*gender) /* one who declared, and no longer does, is as one who never did */
            visitor->known = visitor->activities + visitor->impressions + visitor->clicks > 0;
    }
    for (int i = 0; i < 2; i++) /* a repeat changes nothing */
        CHECK_INT(send(driver, EVENT_USER, key, draw == 1 ? NULL : value), FATE_PROCESSED);
}

static void send_impression(struct driver *driver, struct naive *naive, struct random *random,
                            int number, int i)
{
    struct naive_visitor *visitor = &naive->visitors[number];
    int placement = (int)random_below(random, 3), count = 1 + (int)random_below(random, 3);
    int first = (int)random_below(random, ITEMS);
    char key[16], text[48], value[600];
    int size = snprintf(value, sizeof value,
                        "{\"event_id\":\"s%d\",\"visitor_id\":\"v%d\",\"event_time\":%" PRId64
                        ",\"recommendation_id\":\"r\",\"placement\":\"%s\",\"items\":[",
                        i, number, START_MS + i * INT64_C(1000), placements[placement]);
    for (int k = 0; k < count; k++)
        size +=
            snprintf(value + size, sizeof value - (size_t)size,
                     "%s{\"item_id\":\"i%d\",\"index\":%d}", k ? "," : "", (first + k) % ITEMS, k);
    snprintf(value + size, sizeof value - (size_t)size, "]}");
    snprintf(key, sizeof key, "v%d", number);
    snprintf(text, sizeof text, "impression s%d", i);
    for (int again = 0; again < 1 + (i % 3 == 0); again++) {
        enum fate fate = send(driver, EVENT_IMPRESSION, key, value);
        bool fresh = !visitor->refused && mark(visitor, text);
        enum fate wanted = fresh ? FATE_PROCESSED : FATE_DUPLICATE;
        CHECK_INT(fate, visitor->refused ? FATE_NO_CONSENT : wanted);
        if (!fresh)
            continue;
        visitor->known = true;
        visitor->impressions++;
        naive->exposures[placement].lists++;
        naive->exposures[placement].items += (uint64_t)count;
        for (int k = 0; k < count; k++)
            visitor->shown[(first + k) % ITEMS]++;
    }
}

static void send_click(struct driver *driver, struct naive *naive, struct random *random,
                       int number, int i, bool plain)
{
    struct naive_visitor *visitor = &naive->visitors[number];
    int list = i / 20, placement = (int)random_below(random, 3);
    int item = (int)random_below(random, ITEMS);
    bool attributed = !plain, is_click = attributed && random_one_in(random, 2);
    char key[16], value[400], of[120] = "";
    if (attributed)
        snprintf(of, sizeof of, ",\"recommendation_id\":\"r%d\",\"placement\":\"%s\"", list,
                 placements[placement]);
    snprintf(value, sizeof value,
             "{\"event_id\":\"e%d\",\"visitor_id\":\"v%d\",\"event_time\":%" PRId64
             ",\"item\":{\"item_id\":\"i%d\"}%s}",
             i, number, START_MS + i * INT64_C(1000), item, of);
    snprintf(key, sizeof key, "v%d", number);
    CHECK_INT(send(driver, is_click ? EVENT_CLICK : EVENT_VIEW, key, value),
              visitor->refused ? FATE_NO_CONSENT : FATE_PROCESSED);
    if (visitor->refused)
        return;
    if (attributed)
        click(naive, visitor, list, placement, item);
    visitor->activities += !is_click;
    visitor->known = true;
    visitor->shown[item] = 0;
}

static void compare(struct driver *driver, const struct naive *naive)
{
    for (int v = 0; v < VISITORS; v++) {
        const struct naive_visitor *wanted = &naive->visitors[v];
        char key[16], id[40];
        snprintf(key, sizeof key, "v%d", v);
        const struct visitor *visitor = driver_visitor(driver, bytes_text(key));
        CHECK_INT(visitor != NULL, wanted->known);
        if (visitor == NULL)
            continue;
        CHECK_INT(visitor->refused, wanted->refused);
        CHECK_INT(visitor->accepted, wanted->activities);
        CHECK_INT(visitor->exposure ? visitor->exposure->impressions : 0, wanted->impressions);
        CHECK_INT(visitor->exposure ? visitor->exposure->clicks : 0, wanted->clicks);
        CHECK_BYTES(visitor_gender(visitor), bytes_text(wanted->gender));
        for (int i = 0; i < ITEMS; i++) {
            snprintf(id, sizeof id, "i%d", i);
            CHECK_INT(visitor_shown(visitor, shown_tag(bytes_text(id))), wanted->shown[i]);
            snprintf(id, sizeof id, "{\"item_id\":\"i%d\"", i);
            if (wanted->record && wanted->shown[i] >= SHOWN_MAX)
                CHECK_SAY(strstr(wanted->record, id) == NULL, "i%d was shown %d times", i,
                          wanted->shown[i]);
        }
        CHECK_INT(wanted->record != NULL, wanted->activities > 0);
    }
}

static struct placements ready_placements(void)
{
    struct config config;
    config_init(&config);
    CHECK(config_finish(&config, NULL) == VERDICT_OK);
    return config.settings.recommend.placements;
}

static void test_against_naive(void)
{
    static const char *const settings[] = {"list.shown.max=3", "list.shown.from=impressions",
                                           "visitor.activities.max=1000", NULL};
    struct naive *naive = memory_zero(1, sizeof *naive);
    struct random random = random_from(17);
    naive->sink.written = written;
    struct driver *driver = new_driver(&naive->sink, settings);
    int with_lists = 0;
    for (int i = 0; i < EVENTS; i++) {
        uint32_t draw = random_below(&random, 100);
        int number = (int)random_below(&random, VISITORS);
        if (draw < 3)
            send_user(driver, naive, &random, number);
        else if (draw < 40)
            send_impression(driver, naive, &random, number, i);
        else
            send_click(driver, naive, &random, number, i, draw < 60);
        compare(driver, naive);
        for (int v = 0; v < VISITORS; v++)
            with_lists += naive->visitors[v].record && strstr(naive->visitors[v].record, "item_id");
    }
    CHECK(with_lists > EVENTS && naive->tombstones > 20);
    const struct counts *counts = driver_counts(driver);
    CHECK_INT(counts->counters[COUNT_ERASED], naive->erased);
    struct placements all = ready_placements();
    for (int p = 0; p < 3; p++) {
        uint32_t number = 0;
        while (p < 2 && strcmp(all.at[number].name, placements[p]) != 0)
            number++;
        const struct online_metrics_exposure *found =
            &counts->online.exposures[p < 2 ? number : PLACEMENTS_MAX];
        CHECK_INT(found->lists, naive->exposures[p].lists);
        CHECK_INT(found->items, naive->exposures[p].items);
        CHECK_INT(found->clicks, naive->exposures[p].clicks);
        CHECK(found->lists > 100 && found->clicks > 100);
    }
    driver_free(driver);
    for (int v = 0; v < VISITORS; v++)
        free(naive->visitors[v].record);
    free(naive);
}

/* ---- case by case ---- */

static void view(struct driver *driver, int second, const char *item)
{
    char value[200];
    snprintf(value, sizeof value,
             "{\"event_id\":\"w%d\",\"visitor_id\":\"v0\",\"event_time\":%" PRId64
             ",\"item\":{\"item_id\":\"%s\"}}",
             second, START_MS + second * INT64_C(1000), item);
    CHECK_INT(send(driver, EVENT_VIEW, "v0", value), FATE_PROCESSED);
}

static enum fate click_on(struct driver *driver, int second, const char *item)
{
    char value[300];
    snprintf(value, sizeof value,
             "{\"event_id\":\"c%d\",\"visitor_id\":\"v0\",\"event_time\":%" PRId64
             ",\"recommendation_id\":\"r\",\"placement\":\"home\",\"item\":{\"item_id\":\"%s\"}}",
             second, START_MS + second * INT64_C(1000), item);
    return send(driver, EVENT_CLICK, "v0", value);
}

static void test_bad(void)
{
    static const struct {
        enum event_type type;
        const char *key, *value;
    } bad[] = {
        {EVENT_IMPRESSION, "v0",
         "{\"event_id\":\"a\",\"visitor_id\":\"v0\",\"event_time\":1700000000000,"
         "\"recommendation_id\":\"r\",\"placement\":\"home\",\"items\":[{\"item_id\":\"i\"}]}"},
        {EVENT_CLICK, "v0",
         "{\"event_id\":\"a\",\"visitor_id\":\"v0\",\"event_time\":1700000000000,"
         "\"recommendation_id\":\"r\",\"item\":{\"item_id\":\"i\"}}"},
        {EVENT_CLICK, "v0", NULL},
        {EVENT_IMPRESSION, "v0",
         "{\"event_id\":\"a\",\"visitor_id\":\"v0\",\"event_time\":1,"
         "\"recommendation_id\":\"r\",\"placement\":\"home\","
         "\"items\":[{\"item_id\":\"i\",\"index\":0}]}"},
        {EVENT_USER, "v0", "{\"user_id\":\"v1\"}"},
        {EVENT_USER, "v0", "{\"gender\":\"female\"}"},
        {EVENT_USER, "v0", "no user"},
        {EVENT_USER, "v\x01", NULL},
        {EVENT_USER, "", NULL},
    };
    static const char *const none[] = {NULL};
    struct driver *driver = new_driver(NULL, none);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_SAY(send(driver, bad[i].type, bad[i].key, bad[i].value) == FATE_DEAD_LETTER,
                  "bad %zu", i);
    CHECK(driver_visitor(driver, bytes_text("v0")) == NULL);
    driver_free(driver);
}

static void test_clicks_as_views(void)
{
    static const char *const on[] = {"clicks.are.views=on", NULL};
    static const char *const off[] = {NULL};
    struct driver *driver = new_driver(NULL, on);
    CHECK_INT(click_on(driver, 1, "a"), FATE_PROCESSED);
    CHECK_INT(click_on(driver, 1, "a"), FATE_DUPLICATE);
    CHECK_INT(click_on(driver, 2, "b"), FATE_PROCESSED);
    const struct visitor *visitor = driver_visitor(driver, bytes_text("v0"));
    CHECK(visitor->count == 2 && visitor->activities[0].kind == KIND_VIEW);
    CHECK_INT(visitor->exposure->clicks, 2);
    CHECK_INT(driver_model(driver)->item_count, 2);
    driver_free(driver);
    driver = new_driver(NULL, off);
    CHECK_INT(click_on(driver, 1, "a"), FATE_PROCESSED);
    visitor = driver_visitor(driver, bytes_text("v0"));
    CHECK(visitor->count == 0 && visitor->exposure->clicks == 1);
    CHECK_INT(driver_model(driver)->item_count, 0);
    view(driver, 2, "a");
    CHECK_INT(driver_visitor(driver, bytes_text("v0"))->count, 1);
    driver_free(driver);
}

static void test_metrics(void)
{
    static const char *const none[] = {NULL};
    struct driver *driver = new_driver(NULL, none);
    struct placements all = ready_placements();
    struct buffer text = {0};
    for (int i = 0; i < 4; i++) {
        char value[300];
        snprintf(value, sizeof value,
                 "{\"event_id\":\"s%d\",\"visitor_id\":\"v0\",\"event_time\":1700000000000,"
                 "\"recommendation_id\":\"r\",\"placement\":\"%s\",\"items\":["
                 "{\"item_id\":\"a\",\"index\":0},{\"item_id\":\"b\",\"index\":1}]}",
                 i, i < 3 ? "home" : "elsewhere");
        CHECK_INT(send(driver, EVENT_IMPRESSION, "v0", value), FATE_PROCESSED);
    }
    click_on(driver, 1, "a");
    click_on(driver, 2, "a"); /* the same item of the same list */
    online_metrics_write_json(&driver_counts(driver)->online, &all, &text);
    CHECK_BYTES(
        buffer_bytes(&text),
        bytes_text(
            "{\"home\":{\"shown\":{\"lists\":3,\"items\":6,\"clicks\":1,\"click_through\":0.3333}},"
            "\"others\":{\"shown\":{\"lists\":1,\"items\":2,\"clicks\":0,\"click_through\":0.0000}}"
            "}"));
    buffer_release(&text);
    driver_free(driver);
}

static void test_late(void)
{
    static const char *const three[] = {"visitor.activities.max=3", NULL};
    struct driver *driver = new_driver(NULL, three);
    for (int i = 0; i < 4; i++)
        view(driver, 10 + i, "a");
    CHECK_INT(click_on(driver, 10, "b"), FATE_LATE);
    CHECK(driver_visitor(driver, bytes_text("v0"))->exposure == NULL);
    CHECK_INT(click_on(driver, 11, "b"), FATE_PROCESSED);
    driver_free(driver);
}

/* An event that says itself that it is not to be used. */
static void test_no_consent(void)
{
    static const char *const none[] = {NULL};
    struct driver *driver = new_driver(NULL, none);
    CHECK_INT(send(driver, EVENT_SEARCH, "v0",
                   "{\"event_id\":\"a\",\"visitor_id\":\"v0\",\"event_time\":1700000000000,"
                   "\"search_term\":\"coat\",\"consent\":false}"),
              FATE_NO_CONSENT);
    CHECK(driver_visitor(driver, bytes_text("v0")) == NULL);
    CHECK_INT(driver_counts(driver)->fates[FATE_NO_CONSENT], 1);
    driver_free(driver);
}

/* Declared genders are the filter's; one that no product has is no reason to leave all out. */
static void test_declared(void)
{
    static const char *const settings[] = {"list.gender.percent=20", NULL};
    struct naive *naive = memory_zero(1, sizeof *naive);
    naive->sink.written = written;
    struct driver *driver = new_driver(&naive->sink, settings);
    char ids[9][16];
    for (int i = 0; i < 9; i++) {
        static const char *const genders[] = {"female", "male", "unisex"};
        struct event product;
        struct bytes gender = bytes_text(genders[i % 3]);
        event_init(&product, EVENT_PRODUCT);
        snprintf(ids[i], sizeof ids[i], "i%d", i);
        product.item_id = product.title = bytes_text(ids[i]);
        product.genders = (struct event_strings){&gender, 1, 0};
        driver_product(driver, &product);
        view(driver, i, ids[i]);
    }
    for (int round = 0; round < 4; round++) {
        static const char *const users[] = {NULL, "{\"user_id\":\"v0\",\"gender\":\"male\"}",
                                            "{\"user_id\":\"v0\",\"gender\":\"nobody has this\"}",
                                            "{\"user_id\":\"v0\"}"};
        bool of[3] = {false, false, false};
        if (users[round])
            CHECK_INT(send(driver, EVENT_USER, "v0", users[round]), FATE_PROCESSED);
        for (int i = 0; i < 9; i++) {
            char id[40];
            snprintf(id, sizeof id, "{\"item_id\":\"i%d\"", i);
            of[i % 3] = of[i % 3] || strstr(naive->visitors[0].record, id);
        }
        CHECK_SAY(of[0] == (round != 1) && of[1] && of[2], "round %d: %d %d %d", round, of[0],
                  of[1], of[2]);
    }
    driver_free(driver);
    free(naive->visitors[0].record);
    free(naive);
}

int main(void)
{
    TEST_RUN(test_bad);
    TEST_RUN(test_clicks_as_views);
    TEST_RUN(test_metrics);
    TEST_RUN(test_late);
    TEST_RUN(test_no_consent);
    TEST_RUN(test_declared);
    TEST_RUN(test_against_naive);
    return test_done();
}
