/* The data report: counts against numbers that are known, the same numbers in any order of the
 * events, clocks that are hours off, and the page. */
#include "processors/runtime/log.h"
#include "tests/mock_broker.h"
#include "tools/check_report.h"
#include "tools/data_report_write.h"
#include "tools/events.h"

#include <math.h>

#define START_MS 1767225600000
#define MINUTE_MS 60000
#define HOUR_MS 3600000

static void init_config(struct config *config)
{
    struct error error = {0};
    config_init(config);
    CHECK(config_finish(config, &error) == VERDICT_OK);
}

static void add(struct data_report *report, enum event_type type, const char *id,
                const char *visitor, const char *item, int64_t time_ms, int64_t written_ms)
{
    struct event event;
    struct event_item items[1];
    event_init(&event, type);
    event_item_init(&items[0]);
    items[0].item_id = bytes_text(item);
    event.event_id = bytes_text(id);
    event.visitor_id = bytes_text(visitor);
    event.transaction_id = bytes_text("t");
    event.event_time_ms = time_ms;
    event.items = items;
    event.item_count = type == EVENT_SEARCH ? 0 : 1;
    data_report_event(report, &event, written_ms);
}

static void add_product(struct data_report *report, const char *id, bool whole)
{
    struct event product;
    struct bytes category = bytes_text("A > B");
    event_init(&product, EVENT_PRODUCT);
    product.item_id = bytes_text(id);
    product.title = bytes_text(whole ? "title" : "");
    if (whole) {
        product.price = 1;
        product.item_brand = bytes_text("brand");
        product.categories = (struct event_strings){&category, 1, 0};
    }
    data_report_product(report, &product);
}

static void test_counts(void)
{
    struct config config;
    struct data_report *report = memory_get(sizeof *report);
    init_config(&config);
    data_report_init(report, &config);
    add(report, EVENT_VIEW, "1", "a", "x", START_MS, 0);
    add(report, EVENT_VIEW, "1", "a", "x", START_MS, 0); /* a repeat */
    add(report, EVENT_VIEW, "2", "a", "y", START_MS + MINUTE_MS, 0);
    add(report, EVENT_VIEW, "3", "a", "y", START_MS + MINUTE_MS, 0);       /* under another id */
    add(report, EVENT_VIEW, "4", "a", "y", START_MS + MINUTE_MS + 500, 0); /* a double click */
    add(report, EVENT_CART, "5", "a", "y", START_MS + 3 * HOUR_MS, 0);     /* another session */
    add(report, EVENT_PURCHASE, "6", "b", "y", START_MS, 0);
    add(report, EVENT_PURCHASE, "7", "b", "z", START_MS + 1, 0); /* the same order */
    add(report, EVENT_SEARCH, "8", "c", "", START_MS, 0);
    add_product(report, "y", true);
    add_product(report, "new", false);
    data_report_reject(report, "line 7: no item 'a'");
    data_report_reject(report, "line 8: no item 'b'");
    data_report_finish(report);
    CHECK_INT(report->events, 9);
    CHECK_INT(report->kinds[EVENT_VIEW], 5);
    CHECK_INT(report->visitor_count, 3);
    CHECK_INT(report->sessions, 4);
    CHECK_INT(report->sessions_of_two, 2);
    CHECK_INT(report->lengths[0], 2); /* the cart alone, the search */
    CHECK_INT(report->lengths[1], 1); /* the order */
    CHECK_INT(report->lengths[4], 1); /* five views */
    CHECK_INT(report->repeated_ids, 1);
    CHECK_INT(report->repeated_contents, 1);
    CHECK_INT(report->double_clicks, 3);
    CHECK_INT(report->items_seen, 3);
    CHECK_INT(report->items_once, 1);
    CHECK_TEXT("y", report->top[0].id.at ? "y" : "");
    CHECK_INT(report->top[0].events, 5);
    CHECK_INT(report->orders.count, 1);
    CHECK_INT(report->large_orders.count, 1);
    CHECK_INT(report->products, 2);
    CHECK_INT(report->products_priced, 1);
    CHECK_INT(report->products_categorised, 1);
    CHECK_INT(report->unknown_items, 2);
    CHECK_INT(report->unseen_products, 1);
    CHECK_INT(report->rejected, 2);
    CHECK_INT(report->reasons.count, 1);
    CHECK_INT(report->reasons.at[0].count, 2);
    CHECK_INT(report->by_hour[0], 8);
    CHECK_INT(report->by_hour[3], 1);
    CHECK_REAL(report->tail[100], 1);
    CHECK_INT(report->suspects_all, 0);
    data_report_release(report);
    free(report);
}

/* Topics are read one after the other, so events of a visitor come in any order. */
static void test_orders(void)
{
    struct config config;
    struct data_report *reports[2];
    char visitors[20][8], items[30][8], ids[2000][8];
    int64_t times[2000];
    int order[2000];
    struct random random = random_from(5);
    init_config(&config);
    for (int i = 0; i < 2000; i++) {
        snprintf(ids[i], sizeof ids[i], "e%d", i);
        snprintf(visitors[i % 20], sizeof visitors[0], "v%d", i % 20);
        snprintf(items[i % 30], sizeof items[0], "i%d", i % 30);
        times[i] = START_MS + random_below(&random, 400000000);
        order[i] = i;
    }
    for (int r = 0; r < 2; r++) {
        reports[r] = memory_get(sizeof *reports[r]);
        data_report_init(reports[r], &config);
        for (int k = 0; k < 2000; k++) {
            int i = order[k];
            add(reports[r], i % 7 == 0 ? EVENT_CART : EVENT_VIEW, ids[i], visitors[i % 20],
                items[i % 30], times[i], 0);
        }
        data_report_finish(reports[r]);
        for (int k = 1999; k > 0; k--) {
            int with = (int)random_below(&random, (uint32_t)k + 1), was = order[k];
            order[k] = order[with];
            order[with] = was;
        }
    }
    CHECK(reports[0]->sessions > 20);
    CHECK_INT(reports[0]->sessions, reports[1]->sessions);
    CHECK_INT(reports[0]->double_clicks, reports[1]->double_clicks);
    CHECK_INT(reports[0]->hour_first, reports[1]->hour_first);
    CHECK_INT(reports[0]->hour_count, reports[1]->hour_count);
    for (int i = 0; i < REPORT_LENGTHS; i++)
        CHECK_INT(reports[0]->lengths[i], reports[1]->lengths[i]);
    uint64_t events = 0;
    for (uint32_t i = 0; i < reports[1]->hour_count; i++)
        for (int kind = 0; kind < REPORT_KINDS; kind++)
            events += reports[1]->hours[i].kinds[kind];
    CHECK_INT(events, 2000);
    for (int r = 0; r < 2; r++) {
        data_report_release(reports[r]);
        free(reports[r]);
    }
}

/* Views and carts of a day; the carts lie `off_ms` off. `written`: with Kafka's timestamps. */
static struct data_report *clock_report(struct config *config, int64_t off_ms, bool written)
{
    struct data_report *report = memory_get(sizeof *report);
    char id[16];
    data_report_init(report, config);
    report->from_topics = written;
    for (int i = 0; i < 400; i++) {
        int64_t time_ms = START_MS + i * 3 * MINUTE_MS;
        bool cart = i % 4 == 0;
        snprintf(id, sizeof id, "e%d", i);
        add(report, cart ? EVENT_CART : EVENT_VIEW, id, "v", "x", time_ms + (cart ? off_ms : 0),
            written ? time_ms + 2000 : 0);
    }
    data_report_finish(report);
    return report;
}

static void test_clocks(void)
{
    static const struct {
        int64_t off_ms;
        bool written;
        double hours; /* 0: fine */
    } cases[] = {
        {0, false, 0},
        {0, true, 0},
        {-9 * (int64_t)HOUR_MS, false, -9},
        {-9 * (int64_t)HOUR_MS, true, -9},
        {2 * HOUR_MS, true, 2},
        {-10 * MINUTE_MS, true, 0},
        {-800 * 24 * (int64_t)HOUR_MS, true, 0}, /* old events that are replayed */
    };
    struct config config;
    init_config(&config);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double hours = 0;
        bool told = false;
        struct data_report *report = clock_report(&config, cases[i].off_ms, cases[i].written);
        bool skewed = data_report_skew(report, EVENT_CART, &hours);
        CHECK_SAY(skewed == (fabs(cases[i].hours) > 0) && fabs(hours - cases[i].hours) < .1,
                  "case %zu: %g", i, hours);
        for (uint32_t k = 0; k < report->advice_count; k++)
            told = told || strstr(report->advice[k].what, "clock of the sender of cart events");
        CHECK(told == skewed);
        data_report_release(report);
        free(report);
    }
}

/* A shop in UTC+9 sleeps at 19:00 UTC. */
static void test_zone(void)
{
    struct config config;
    struct data_report *report = memory_get(sizeof *report);
    char id[16];
    int zone = 99, n = 0;
    init_config(&config);
    data_report_init(report, &config);
    for (int hour = 0; hour < 72; hour++) {
        int away = abs((hour % 24 - 19 + 36) % 24 - 12);
        for (int i = 0; i < 2 + 4 * away; i++) {
            snprintf(id, sizeof id, "e%d", n++);
            add(report, EVENT_VIEW, id, id, "x", START_MS + hour * (int64_t)HOUR_MS + i, 0);
        }
    }
    data_report_finish(report);
    CHECK(data_report_zone(report, &zone));
    CHECK_INT(report->quiet_hour, 19);
    CHECK_INT(zone, 9);
    data_report_release(report);
    free(report);
}

/* A fast visitor, an even one, and a person. */
static void test_suspects(void)
{
    struct config config;
    struct data_report *report = memory_get(sizeof *report);
    struct random random = random_from(6);
    char id[16];
    int64_t person_ms = START_MS;
    init_config(&config);
    data_report_init(report, &config);
    for (int i = 0; i < REPORT_SUSPECT_HOUR; i++) {
        snprintf(id, sizeof id, "f%d", i);
        add(report, EVENT_VIEW, id, "fast", id, START_MS + (int64_t)random_below(&random, HOUR_MS),
            0);
    }
    for (int i = 0; i < 100; i++) {
        snprintf(id, sizeof id, "s%d", i);
        add(report, EVENT_VIEW, id, "even", id, START_MS + i * 5ll * MINUTE_MS, 0);
        snprintf(id, sizeof id, "p%d", i);
        person_ms += 1000 + (int64_t)(1000 * exp((double)random_below(&random, 6000) / 1000));
        add(report, EVENT_VIEW, id, "person", id, person_ms, 0);
    }
    data_report_finish(report);
    CHECK_INT(report->suspects_all, 2);
    CHECK_BYTES(report->suspects[0].visitor->id, bytes_text("fast"));
    CHECK(report->suspects[0].fast);
    CHECK_BYTES(report->suspects[1].visitor->id, bytes_text("even"));
    CHECK(report->suspects[1].even && !report->suspects[1].fast);
    data_report_release(report);
    free(report);
}

/* The page needs nothing from elsewhere, runs no script, and shows hostile ids as text. */
static void test_page(void)
{
    struct config config;
    struct data_report *report = memory_get(sizeof *report);
    struct buffer page = {0};
    init_config(&config);
    data_report_init(report, &config);
    snprintf(report->source, sizeof report->source, "<b>&\"file\".jsonl");
    for (int i = 0; i < 400; i++) {
        char id[16];
        snprintf(id, sizeof id, "e%d", i);
        add(report, EVENT_VIEW, id, "</td><script>bad()</script>", "<img src=x onerror=bad()>",
            START_MS + i * 100, 0);
    }
    data_report_finish(report);
    data_report_page(report, &page);
    buffer_byte(&page, '\0');
    CHECK_CONTAINS(page.at, "&lt;b>&amp;&quot;file&quot;.jsonl");
    CHECK_CONTAINS(page.at, "&lt;/td>&lt;script>bad()");
    CHECK_CONTAINS(page.at, "&lt;img src=x");
    CHECK(strstr(page.at, "<script") == NULL && strstr(page.at, "<img") == NULL);
    CHECK(strstr(page.at, "http") == NULL && strstr(page.at, "url(") == NULL);
    CHECK_CONTAINS(page.at, "prefers-color-scheme:dark");
    CHECK_CONTAINS(page.at, "<svg ");
    CHECK(strstr(page.at, "nan") == NULL && strstr(page.at, "inf") == NULL);
    buffer_release(&page);
    data_report_release(report);
    free(report);
}

/* Nothing at all makes a report too. */
static void test_empty(void)
{
    struct config config;
    struct data_report *report = memory_get(sizeof *report);
    struct buffer text = {0};
    init_config(&config);
    data_report_init(report, &config);
    data_report_finish(report);
    data_report_text(report, &text);
    data_report_json(report, &text);
    data_report_page(report, &text);
    buffer_byte(&text, '\0');
    CHECK_CONTAINS(text.at, "home       no     0 sessions");
    CHECK_CONTAINS(text.at, "placements.off=home,");
    CHECK(strstr(text.at, "nan") == NULL);
    buffer_release(&text);
    data_report_release(report);
    free(report);
}

/* ---- from topics ---- */

static char *run_report(struct mock_broker *mock, const char *said)
{
    static const struct command command = {.name = "check"};
    const struct report_request request = {.report = true, .from_topics = true, .json = true};
    char *text = memory_zero(1, 1 << 16);
    fflush(stdout);
    int saved = dup(STDOUT_FILENO);
    CHECK(freopen(said, "w", stdout) != NULL);
    CHECK_INT(check_report(&command, &mock->config, &request, 0, NULL), EXIT_DONE);
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    FILE *file = fopen(said, "r");
    CHECK(file && fread(text, 1, (1 << 16) - 1, file) > 0);
    if (file)
        fclose(file);
    return text;
}

/* Carts whose clock is nine hours behind, a record under a wrong key, and one in seconds. */
static void test_topics(void)
{
    struct mock_broker mock = mock_broker_open(2);
    struct error error = {0};
    char *folder = test_new_folder(), said[300], value[300];
    struct client_producer *producer = client_producer_new(&mock.config, &error);
    int64_t now_ms = clock_now_ms();
    CHECK(producer != NULL);
    for (int i = 0; i < 60; i++) {
        bool cart = i % 2;
        snprintf(value, sizeof value,
                 "{\"event_id\":\"e%d\",\"visitor_id\":\"v\",\"event_time\":%lld,%s\"items\":[{"
                 "\"item_id\":\"i%d\"}]}",
                 i, (long long)(i == 58 ? now_ms / 1000 : now_ms - (cart ? 9 * HOUR_MS : 0)),
                 cart ? "\"action\":\"add\"," : "", i % 5);
        CHECK(client_send(producer, mock.topology.topics[cart ? TOPIC_CART : TOPIC_VIEW], -1,
                          bytes_text(i == 56 ? "wrong" : "v"), bytes_text(value),
                          &error) == VERDICT_OK);
    }
    CHECK(client_send(producer, mock.topology.topics[TOPIC_PRODUCT], -1, bytes_text("i1"),
                      bytes_text("{\"item_id\":\"i1\",\"title\":\"Coat\",\"price\":5}"),
                      &error) == VERDICT_OK);
    check_ok(client_producer_flush(producer, 10000, &error), &error);
    snprintf(said, sizeof said, "%s/said", folder);
    char *text = run_report(&mock, said);
    CHECK_CONTAINS(text, "\"records\":61,\"rejected\":2,");
    CHECK_CONTAINS(text, "\"view\":28,");
    CHECK_CONTAINS(text, "\"cart\":30,");
    CHECK_CONTAINS(text, "\"clock_hours\":{\"cart\":-9.0");
    CHECK_CONTAINS(text, "it may be in the wrong partition");
    CHECK_CONTAINS(text, "seconds?");
    CHECK_CONTAINS(text, "\"products\":1,");
    CHECK_CONTAINS(text, "set the clock of the sender of cart events");
    free(text);
    client_producer_free(producer);
    test_remove_folder(folder);
    free(folder);
    mock_broker_close(&mock);
}

int main(void)
{
    TEST_RUN(test_counts);
    TEST_RUN(test_orders);
    TEST_RUN(test_clocks);
    TEST_RUN(test_zone);
    TEST_RUN(test_suspects);
    TEST_RUN(test_page);
    TEST_RUN(test_empty);
    TEST_RUN(test_topics);
    return test_done();
}
