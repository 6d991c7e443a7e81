/* Suspects: each rule, release, and that their events reach nothing that is shared while their own
 * lists go on. */
#include "processors/runtime/driver.h"
#include "schemas/embedded.h"
#include "tests/test.h"

#define START_MS 1767225600000
#define ITEMS 400

static const struct noise_limits limits = {.minute_max = 30,
                                           .hour_items_max = 200,
                                           .hour_carts_max = 60,
                                           .regular = .35f,
                                           .glances_max = 30,
                                           .release_ms = 3600000};

/* How many events it takes until the visitor is suspect, and why. */
static const struct rule_case {
    const char *name;
    int64_t gap_ms, jitter_ms; /* gaps are gap_ms, and up to jitter_ms more */
    uint32_t carts;
    bool glance, agent;
    uint32_t events; /* at which it becomes suspect; 0: never */
    enum noise_reason reason;
} rule_cases[] = {
    {.name = "a person", .gap_ms = 1000, .jitter_ms = 60000, .events = 0},
    {.name = "a hurried person", .gap_ms = 500, .jitter_ms = 12000, .events = 0},
    {.name = "many a minute", .gap_ms = 1, .jitter_ms = 3000, .events = 31, .reason = NOISE_RATE},
    {.name = "a clock", .gap_ms = 30000, .events = 33, .reason = NOISE_REGULAR},
    {.name = "carts",
     .gap_ms = 100,
     .jitter_ms = 40000,
     .carts = 3,
     .events = 21,
     .reason = NOISE_CARTS},
    {.name = "glances",
     .gap_ms = 100,
     .jitter_ms = 40000,
     .glance = true,
     .events = 31,
     .reason = NOISE_GLANCES},
    {.name = "an agent", .gap_ms = 60000, .agent = true, .events = 1, .reason = NOISE_AGENT},
    {.name = "many an hour",
     .gap_ms = 10,
     .jitter_ms = 15000,
     .events = 201,
     .reason = NOISE_ITEMS},
};

/* Gaps as people's: most are short. */
static int64_t gap_of(struct random *random, const struct rule_case *rule)
{
    double unit = random_below(random, 1000000) / 1e6;
    return rule->gap_ms + (int64_t)((double)rule->jitter_ms * unit * unit * unit);
}

static void test_rules(void)
{
    for (size_t i = 0; i < sizeof rule_cases / sizeof rule_cases[0]; i++) {
        const struct rule_case *rule = &rule_cases[i];
        struct random random = random_from(5);
        struct noise noise = {0};
        int64_t time_ms = START_MS;
        uint32_t events = 0;
        bool suspect = false;
        while (events < 210 && !suspect) {
            time_ms += gap_of(&random, rule);
            const struct noise_event event = {
                .time_ms = time_ms,
                .new_item = rule->reason == NOISE_ITEMS,
                .carts = rule->carts,
                .glance = rule->glance,
                .view = rule->carts == 0,
                .agent = rule->agent,
            };
            suspect = noise_take(&noise, &event, &limits);
            events++;
        }
        CHECK_SAY(suspect == (rule->events > 0), "%s: %u events", rule->name, events);
        CHECK_SAY(!suspect || (events == rule->events && noise.reason == rule->reason),
                  "%s: suspect at event %u by %s", rule->name, events,
                  noise_reason_names[noise.reason]);
    }
}

/* A rule that is switched off breaks nothing. */
static void test_release(void)
{
    struct noise noise = {0};
    struct noise_event event = {.time_ms = START_MS, .view = true};
    const struct noise_limits none = {.release_ms = 1000};
    for (int i = 0; i < 100; i++, event.time_ms++)
        CHECK(!noise_take(&noise, &event, &none));
    CHECK(noise_take(&noise, &event, &limits));
    event.time_ms += 3599000;
    CHECK(noise_take(&noise, &event, &limits));
    CHECK_INT(noise.reason, NOISE_RATE);
    event.time_ms += 1000;
    CHECK(!noise_take(&noise, &event, &limits));
    CHECK_INT(noise.reason, NOISE_NONE);
}

static void test_agents(void)
{
    static const struct {
        const char *agent;
        bool program;
    } agents[] = {
        {"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", true},
        {"python-requests/2.31.0", true},
        {"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/120.0 Safari/537.36",
         true},
        {"curl/8.4.0", true},
        {"", false},
        {"Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
         "Gecko) Version/17.2 Mobile/15E148 Safari/604.1",
         false},
        {"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:121.0) Gecko/20100101 Firefox/121.0", false},
        {"Mozilla/5.0 (Linux; Android 13; CUBOT X30) AppleWebKit/537.36 Chrome/120.0 Mobile",
         false},
    };
    struct bytes patterns = bytes_of(embedded_agents[0].text, embedded_agents[0].size);
    for (size_t i = 0; i < sizeof agents / sizeof agents[0]; i++)
        CHECK_SAY(noise_agent_matches(patterns, bytes_text(agents[i].agent)) == agents[i].program,
                  "%s", agents[i].agent);
    CHECK(!noise_agent_matches(bytes_text("# curl/\n\n"), bytes_text("curl/ # curl/")));
    CHECK(noise_agent_matches(bytes_text("x\nown"), bytes_text("our OWN")));
}

/* ---- in the driver ---- */

static struct driver *open_driver(const char *hygiene)
{
    struct config config;
    struct driver *driver = NULL;
    struct error error = {0};
    config_init(&config);
    config_set(&config, "hygiene", hygiene, NULL);
    CHECK_SAY(config_finish(&config, &error) == VERDICT_OK, "%s", error.message);
    CHECK(driver_new(&config, true, NULL, NULL, &driver, &error) == VERDICT_OK);
    return driver;
}

static void send(struct driver *driver, const char *visitor, enum event_type type, uint32_t item,
                 int64_t time_ms)
{
    static uint32_t number;
    struct event event;
    struct event_item of;
    char id[16], item_id[16];
    enum fate fate;
    snprintf(id, sizeof id, "e%u", number++);
    snprintf(item_id, sizeof item_id, "i%u", item);
    event_init(&event, type);
    event_item_init(&of);
    of.item_id = bytes_text(item_id);
    event.event_id = bytes_text(id);
    event.visitor_id = bytes_text(visitor);
    event.event_time_ms = time_ms;
    event.action = CART_ADD;
    event.items = &of;
    event.item_count = 1;
    CHECK(driver_event(driver, &event, &fate, NULL) == VERDICT_OK);
    CHECK_INT(fate, FATE_PROCESSED);
}

static void people(struct driver *driver)
{
    struct random random = random_from(9);
    for (int i = 0; i < 300; i++) {
        char visitor[16];
        snprintf(visitor, sizeof visitor, "v%u", random_below(&random, 12));
        send(driver, visitor, random_one_in(&random, 5) ? EVENT_CART : EVENT_VIEW,
             random_below(&random, 30), START_MS + i * 30000 + random_below(&random, 29000));
    }
}

/* All counts and pairs of two models, by the items' ids. */
static void check_same_counts(const struct model *a, const struct model *b)
{
    for (uint32_t i = 0; i < a->item_count; i++) {
        const struct model_item *x = &a->items[i];
        uint32_t number = model_find(b, x->id);
        const struct model_item *y = number == ITEM_NONE ? NULL : &b->items[number];
        for (int kind = 0; kind < PAIR_KINDS; kind++) {
            CHECK_INT(x->counts.count[kind], y ? y->counts.count[kind] : 0);
            for (int direction = 0; direction < PAIR_DIRECTIONS; direction++) {
                const struct row *p = &x->rows[kind][direction];
                CHECK_INT(p->count, y ? y->rows[kind][direction].count : 0);
                CHECK(y ? p->total == y->rows[kind][direction].total : !(p->total > 0));
            }
        }
    }
}

/* A bot among people leaves no trace in the counts: its first events are taken back. */
static void test_no_trace(void)
{
    struct driver *with = open_driver("on"), *without = open_driver("on"),
                  *off = open_driver("off");
    struct random random = random_from(11);
    people(without);
    people(off);
    people(with);
    for (int i = 0; i < 500; i++) {
        uint32_t item = random_below(&random, ITEMS);
        enum event_type type = i % 3 ? EVENT_VIEW : EVENT_CART;
        send(with, "bot", type, item, START_MS + i * 700);
        send(off, "bot", type, item, START_MS + i * 700);
    }
    const struct counts *counts = driver_counts(with);
    CHECK_INT(counts->counters[COUNT_SUSPECTS], 1);
    CHECK_INT(counts->counters[COUNT_QUARANTINED], 470);
    check_same_counts(driver_model(with), driver_model(without));
    CHECK(driver_counts(off)->counters[COUNT_INTERACTIONS] >= 800);
    const struct visitor *bot = driver_visitor(with, bytes_text("bot"));
    CHECK(bot->accepted == 500 && bot->noise.reason == NOISE_RATE);
    CHECK(bot->list_hash != 0); /* its own lists go on */
    CHECK(counts->counters[COUNT_RELEASED] == 0);
    for (int i = 0; i < 3; i++)
        send(with, "bot", EVENT_VIEW, 7, START_MS + 2 * 3600000 + i * 60000);
    CHECK_INT(counts->counters[COUNT_RELEASED], 1);
    CHECK_INT(counts->counters[COUNT_QUARANTINED], 470);
    driver_free(with);
    driver_free(without);
    driver_free(off);
}

int main(void)
{
    TEST_RUN(test_rules);
    TEST_RUN(test_release);
    TEST_RUN(test_agents);
    TEST_RUN(test_no_trace);
    return test_done();
}
