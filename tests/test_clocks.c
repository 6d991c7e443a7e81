/* No clock of the machine enters state or log: the same records, driven under clocks that stand
 * still, run back or jump by years, give the same bytes of every table and of the interactions log.
 * Lists differ in their generated_time alone. */
#include "processors/runtime/driver.h"
#include "tests/hashes.h"

#define START_MS 1700000000000
#define EVENTS 1500
#define DAY_MS 86400000LL
#define CLOCKS 4

/* The results of a run. */
struct outcome_of_run {
    struct driver_sink sink; /* first */
    uint64_t hashes[FAMILIES];
    uint64_t log, lists;
    uint32_t records, shown;
};

static uint64_t hash_without_time(uint64_t hash, struct bytes record)
{
    static const char key[] = "\"generated_time\":";
    const char *from = memmem(record.at, record.size, key, sizeof key - 1);
    CHECK(from != NULL);
    const char *end = record.at + record.size, *to = from + sizeof key - 1;
    while (to < end && *to >= '0' && *to <= '9')
        to++;
    hash = hash_mix(hash, bytes_of(record.at, (size_t)(from - record.at)));
    return hash_mix(hash, bytes_of(to, (size_t)(end - to)));
}

static void written(struct driver_sink *self, enum output output, struct bytes key,
                    struct bytes value)
{
    struct outcome_of_run *outcome = (struct outcome_of_run *)(void *)self;
    (void)key;
    if (output == OUTPUT_INTERACTIONS)
        outcome->log = hash_mix(outcome->log, value);
    else
        outcome->lists = hash_without_time(outcome->lists, value);
    outcome->records++;
}

static int64_t wall_clock(int clock, int i)
{
    const int64_t jumps = i % 3 == 0 ? START_MS - 3000 * DAY_MS : START_MS + i % 7 * 900 * DAY_MS;
    const int64_t clocks[CLOCKS] = {0, 1, START_MS + 10000000 - i * 5000, jumps};
    return clocks[clock];
}

static void send(struct driver *driver, struct random *random, int i)
{
    char id[16], name[16], item_id[16], order[16];
    struct event event;
    struct event_item item;
    struct error error = {0};
    enum fate fate;
    static const enum event_type types[] = {EVENT_VIEW, EVENT_VIEW,   EVENT_VIEW,
                                            EVENT_CART, EVENT_SEARCH, EVENT_PURCHASE};
    event_init(&event, types[random_below(random, 6)]);
    event_item_init(&item);
    snprintf(id, sizeof id, "e%d", i);
    snprintf(order, sizeof order, "o%d", i);
    snprintf(name, sizeof name, "v%u", random_below(random, 30));
    snprintf(item_id, sizeof item_id, "i%u", random_below(random, 60));
    item.item_id = bytes_text(item_id);
    event.event_id = bytes_text(id);
    event.visitor_id = bytes_text(name);
    event.event_time_ms = START_MS + (int64_t)i * 3600000 - random_below(random, 7200000);
    if (event.type == EVENT_SEARCH) {
        event.search_term = bytes_text("shoe");
    } else {
        event.items = &item;
        event.item_count = 1;
    }
    if (event.type == EVENT_PURCHASE)
        event.transaction_id = bytes_text(order);
    CHECK_SAY(driver_event(driver, &event, &fate, &error) == VERDICT_OK, "%s", error.message);
}

static struct outcome_of_run run_shop(int clock)
{
    struct outcome_of_run outcome = {.sink.written = written};
    struct random random = random_from(3);
    struct config config;
    struct driver *driver = NULL;
    struct error error = {0};
    config_init(&config);
    CHECK(config_assign(&config, "list.shown.max=3", &error) == VERDICT_OK);
    CHECK(config_assign(&config, "list.shown.ms=172800000", &error) == VERDICT_OK);
    CHECK(config_assign(&config, "list.bought.ms=432000000", &error) == VERDICT_OK);
    CHECK(config_assign(&config, "ranker.merge.ms=100", &error) == VERDICT_OK);
    CHECK(config_finish(&config, &error) == VERDICT_OK);
    CHECK(driver_new(&config, true, &outcome.sink, NULL, &driver, &error) == VERDICT_OK);
    for (int i = 0; i < EVENTS; i++) {
        driver_wall_clock(driver, wall_clock(clock, i));
        send(driver, &random, i);
    }
    for (int v = 0; v < 30; v++) {
        char name[16];
        snprintf(name, sizeof name, "v%d", v);
        const struct visitor *visitor = driver_visitor(driver, bytes_text(name));
        outcome.shown += visitor ? visitor->display_count : 0;
    }
    CHECK(driver_save(driver, &error) == VERDICT_OK);
    for (int family = 0; family < FAMILIES; family++)
        outcome.hashes[family] = hash_rows(driver_store(driver), (enum family)family).hash;
    driver_free(driver);
    return outcome;
}

static void test_no_clock_in_state(void)
{
    struct outcome_of_run first = run_shop(0);
    CHECK(first.records > EVENTS && first.shown > 30);
    CHECK(first.hashes[FAMILY_VISITOR] != 0 && first.hashes[FAMILY_MODEL] != 0);
    for (int clock = 1; clock < CLOCKS; clock++) {
        struct outcome_of_run other = run_shop(clock);
        for (int family = 0; family < FAMILIES; family++)
            CHECK_SAY(other.hashes[family] == first.hashes[family],
                      "family %d differs under clock %d", family, clock);
        CHECK_SAY(other.log == first.log, "the log differs under clock %d", clock);
        CHECK_SAY(other.lists == first.lists, "lists differ under clock %d", clock);
        CHECK_INT(other.records, first.records);
    }
}

int main(void)
{
    TEST_RUN(test_no_clock_in_state);
    return test_done();
}
