/* Live quality against a naive count that reads the written records as a shop would: for each
 * click, the ranks of its items in the visitor's last record; and the bound of the shown lists. */
#include "processors/runtime/driver.h"
#include "tests/test.h"

#include <math.h>

#define START_MS 1700000000000
#define VISITORS 12
#define ITEMS 40

struct naive {
    struct driver_sink sink; /* first */
    char *shown[VISITORS];   /* the visitor's last record */
    bool fresh[VISITORS];    /* not asked yet */
    struct online_metrics online;
    const struct placements *placements;
};

static void written(struct driver_sink *self, enum output output, struct bytes key,
                    struct bytes value)
{
    struct naive *naive = (struct naive *)(void *)self;
    if (output != OUTPUT_RECOMMENDATIONS)
        return;
    int visitor = key.at[1] - 'a';
    CHECK(key.size == 2 && visitor >= 0 && visitor < VISITORS);
    free(naive->shown[visitor]);
    naive->shown[visitor] = memory_text(value);
}

/* The rank of an item in one list of a record; 0 if it is none of the first 20. */
static void ask_list(const char *list, const char *item, struct online_metrics_cell *cell)
{
    char wanted[32];
    const char *end = strstr(list, "]"), *at = list;
    snprintf(wanted, sizeof wanted, "{\"item_id\":\"%s\"", item);
    CHECK(end != NULL);
    for (unsigned rank = 1; rank <= 20; rank++) {
        at = strstr(at, "{\"item_id\":");
        if (at == NULL || at > end)
            break;
        cell->clicks += rank == 1;
        if (strncmp(at, wanted, strlen(wanted)) == 0) {
            cell->hits++;
            cell->reciprocal_millionths += 1000000 / rank;
        }
        at++;
    }
}

static void ask(struct naive *naive, int visitor, const char *item, enum kind kind)
{
    if (!naive->fresh[visitor])
        return;
    for (uint32_t p = 0; p < naive->placements->count; p++) {
        char wanted[64];
        snprintf(wanted, sizeof wanted, "{\"placement\":\"%s\"", naive->placements->at[p].name);
        const char *list = naive->shown[visitor] ? strstr(naive->shown[visitor], wanted) : NULL;
        if (list)
            ask_list(list + 1, item, &naive->online.cells[p][kind]);
    }
}

static void send(struct driver *driver, enum event_type type, int visitor, const char *value)
{
    char key[3] = {'v', (char)('a' + visitor), 0};
    struct error error = {0};
    enum fate fate;
    CHECK(driver_record(driver, type, bytes_text(key), bytes_text(value), &fate, &error) ==
          VERDICT_OK);
    CHECK_SAY(fate == FATE_PROCESSED, "%s: %s", value, error.message);
}

/* One event of a visitor; what it was worth is counted naively first. */
static void step(struct driver *driver, struct naive *naive, struct random *random, int number)
{
    static const enum event_type types[] = {EVENT_VIEW, EVENT_CART, EVENT_PURCHASE};
    static const enum kind kinds[] = {KIND_VIEW, KIND_CART, KIND_PURCHASE};
    int visitor = (int)random_below(random, VISITORS);
    uint32_t draw = random_below(random, 10), which = draw < 6 ? 0 : draw < 8 ? 1 : 2;
    bool removal = which == 1 && random_one_in(random, 4);
    char first[12], second[12], items[120], value[400];
    uint32_t item = random_below(random, ITEMS);
    snprintf(first, sizeof first, "I%u", item);
    snprintf(second, sizeof second, "I%u", (item + 1) % ITEMS);
    if (which == 0)
        snprintf(items, sizeof items, "\"item\":{\"item_id\":\"%s\"}", first);
    else if (which == 1)
        snprintf(items, sizeof items, "\"action\":\"%s\",\"items\":[{\"item_id\":\"%s\"}]",
                 removal ? "remove" : "add", first);
    else
        snprintf(items, sizeof items,
                 "\"transaction_id\":\"t%d\",\"items\":[{\"item_id\":\"%s\"},{\"item_id\":\"%s\"}]",
                 number, first, second);
    snprintf(value, sizeof value,
             "{\"event_id\":\"e%d\",\"visitor_id\":\"v%c\",\"event_time\":%" PRId64 ",%s}", number,
             'a' + visitor, START_MS + number * INT64_C(5000), items);
    if (!removal) {
        ask(naive, visitor, first, kinds[which]);
        if (which == 2)
            ask(naive, visitor, second, kinds[which]);
        naive->fresh[visitor] = false;
    }
    send(driver, types[which], visitor, value);
    naive->fresh[visitor] = true; /* a record was written, or is as it was */
}

static void test_against_naive(void)
{
    struct naive naive = {.sink.written = written};
    struct random random = random_from(5);
    struct config config;
    struct driver *driver = NULL;
    struct error error = {0};
    uint64_t hits = 0;
    config_init(&config);
    CHECK(config_assign(&config, "list.bought.ms=0", &error) == VERDICT_OK);
    CHECK(config_finish(&config, &error) == VERDICT_OK);
    naive.placements = &config.settings.recommend.placements;
    CHECK(driver_new(&config, true, &naive.sink, NULL, &driver, &error) == VERDICT_OK);
    for (int i = 0; i < 3000; i++)
        step(driver, &naive, &random, i);
    const struct online_metrics *quality = &driver_counts(driver)->online;
    for (uint32_t p = 0; p < naive.placements->count; p++) {
        const struct placement *placement = &naive.placements->at[p];
        for (int kind = 0; kind < KINDS; kind++) {
            const struct online_metrics_cell *a = &quality->cells[p][kind];
            const struct online_metrics_cell *b = &naive.online.cells[p][kind];
            CHECK_INT(a->clicks, b->clicks);
            CHECK_INT(a->hits, b->hits);
            CHECK_INT(a->reciprocal_millionths, b->reciprocal_millionths);
            bool measured = !placement->off && placement->source != SOURCE_SEARCH &&
                            (kind == KIND_VIEW || kind == KIND_CART || kind == KIND_PURCHASE);
            CHECK_SAY((a->clicks > 50) == measured, "%s %s: %d", placement->name, kind_names[kind],
                      (int)a->clicks);
            hits += a->hits;
        }
    }
    CHECK(hits > 500);
    driver_free(driver);
    for (int i = 0; i < VISITORS; i++)
        free(naive.shown[i]);
}

static const struct placements two = {.at = {{.name = "home"}, {.name = "page"}}, .count = 2};

static struct list list_of(const char *placement, struct list_item *items, uint32_t count)
{
    return (struct list){.placement = placement, .items = items, .item_count = count};
}

static void test_shown_log(void)
{
    struct online_metrics quality = {0};
    struct list_item items[30];
    char ids[30][4];
    for (uint32_t i = 0; i < 30; i++) {
        snprintf(ids[i], sizeof ids[i], "%u", i);
        items[i] = (struct list_item){.item_id = bytes_text(ids[i])};
    }
    struct shown_log *log = shown_log_new(10000, &two);
    CHECK_INT(shown_log_bytes(log), 0);
    struct list lists[] = {list_of("page", items, 30), list_of("elsewhere", items, 3),
                           list_of("home", items, 0)};
    uint64_t first = shown_log_add(log, 0, 1, 50, lists, 3);
    CHECK(first != 0);
    size_t one = shown_log_bytes(log);
    CHECK(one >= 2 * 20 * 4 && one < 300);
    online_metrics_outcome(&quality, log, first, bytes_text("3"), KIND_VIEW);
    online_metrics_outcome(&quality, log, first, bytes_text("19"), KIND_VIEW);
    online_metrics_outcome(&quality, log, first, bytes_text("20"),
                           KIND_VIEW); /* beyond the ranks kept */
    online_metrics_outcome(&quality, log, first, bytes_text("0"), KIND_CART);
    online_metrics_outcome(&quality, log, 0, bytes_text("3"), KIND_VIEW);
    online_metrics_outcome(&quality, log, first + 1, bytes_text("3"), KIND_VIEW);
    const struct online_metrics_cell *cell = &quality.cells[1][KIND_VIEW];
    CHECK(cell->clicks == 3 && cell->hits == 2 && cell->reciprocal_millionths == 250000 + 50000);
    CHECK(cell->clicks_weighted >= 3 && cell->clicks_weighted <= 3);
    CHECK_INT(quality.cells[1][KIND_CART].reciprocal_millionths, 1000000);
    CHECK_INT(quality.cells[0][KIND_VIEW].clicks, 0); /* it was empty */

    uint64_t second = shown_log_add(log, first, 1, 60, lists, 3); /* the visitor's newer lists */
    CHECK_INT(shown_log_bytes(log), one);
    online_metrics_outcome(&quality, log, first, bytes_text("3"), KIND_VIEW);
    CHECK_INT(cell->clicks, 3);
    shown_log_drop(log, second);
    CHECK_INT(shown_log_bytes(log), 0);

    struct buffer text = {0};
    struct online_metrics sum = {0};
    online_metrics_add(&sum, &quality);
    online_metrics_add(&sum, &quality);
    online_metrics_write_json(&sum, &two, &text);
    buffer_byte(&text, 0);
    CHECK_TEXT(text.at,
               "{\"page\":{\"view\":{\"asked\":6,\"asked_of\":6,\"hits\":4,\"hit_rate\":0.6667,"
               "\"reciprocal_rank\":0.1000},\"cart\":{\"asked\":2,\"asked_of\":2,\"hits\":2,"
               "\"hit_rate\":1.0000,\"reciprocal_rank\":1.0000}}}");
    buffer_release(&text);
    shown_log_free(log);
    log = shown_log_new(0, &two);
    CHECK_INT(shown_log_add(log, 0, 1, 1, lists, 3), 0);
    shown_log_free(log);
    shown_log_free(NULL);
}

#define CROWD 400
#define CROWD_EVENTS 12000

/* One view of a crowd whose visits are interleaved. */
static void view(struct driver *driver, struct random *random, int number, int visitor)
{
    char key[16], value[200];
    struct error error = {0};
    enum fate fate;
    snprintf(key, sizeof key, "v%d", visitor);
    snprintf(value, sizeof value,
             "{\"event_id\":\"e%d\",\"visitor_id\":\"v%d\",\"event_time\":%" PRId64
             ",\"item\":{\"item_id\":\"I%u\"}}",
             number, visitor, START_MS + number, random_below(random, ITEMS));
    CHECK(driver_record(driver, EVENT_VIEW, bytes_text(key), bytes_text(value), &fate, &error) ==
          VERDICT_OK);
}

/* With room for all, each visitor's next click is measured and learned from once. With room for a
 * part, some of them always are, and the rate stands for all. */
static void run_crowd(const char *served, const char *shown, bool whole)
{
    struct random random = random_from(7);
    struct config config;
    struct driver *driver = NULL;
    struct error error = {0};
    config_init(&config);
    CHECK(config_assign(&config, served, &error) == VERDICT_OK);
    CHECK(config_assign(&config, shown, &error) == VERDICT_OK);
    CHECK(config_assign(&config, "double.click.ms=0", &error) == VERDICT_OK);
    CHECK(config_finish(&config, &error) == VERDICT_OK);
    CHECK(driver_new(&config, true, NULL, NULL, &driver, &error) == VERDICT_OK);
    const struct counts *counts = driver_counts(driver);
    const struct online_metrics_cell *home = &counts->online.cells[0][KIND_VIEW];
    uint64_t seen[CROWD] = {0}, visitors = 0, compared = 0, measured = 0;
    for (int i = 0; i < CROWD_EVENTS; i++) {
        int visitor = (int)random_below(&random, CROWD);
        visitors += seen[visitor]++ == 0;
        view(driver, &random, i, visitor);
        if (i % 1000 != 999)
            continue;
        uint64_t new_compared = counts->counters[COUNT_MEASURED] - compared;
        uint64_t new_measured = home->clicks - measured;
        CHECK_SAY(i < 2000 || (new_compared >= 100 && new_measured >= 100), "%d: %d, %d", i,
                  (int)new_compared, (int)new_measured);
        compared += new_compared;
        measured += new_measured;
    }
    CHECK_INT(counts->counters[COUNT_CLICKS], CROWD_EVENTS - visitors);
    CHECK(counts->counters[COUNT_LEARNED] > compared * 9 / 10);
    CHECK(counts->counters[COUNT_LEARNED] <= compared);
    if (whole)
        CHECK_INT(compared, CROWD_EVENTS - visitors);
    else
        CHECK_SAY(compared < CROWD_EVENTS / 2 && measured < CROWD_EVENTS / 2, "%d %d",
                  (int)compared, (int)measured);
    CHECK_SAY(fabs(home->clicks_weighted / (CROWD_EVENTS - (double)visitors) - 1) < .1, "%g",
              home->clicks_weighted);
    CHECK_SAY(fabs(home->hits_weighted / home->clicks_weighted - 20.0 / ITEMS) < .05, "%g",
              home->hits_weighted / home->clicks_weighted);
    driver_free(driver);
}

static void test_crowd(void)
{
    run_crowd("ranker.served.bytes=134217728", "quality.shown.bytes=33554432", true);
    run_crowd("ranker.served.bytes=300000", "quality.shown.bytes=80000", false);
}

int main(void)
{
    TEST_RUN(test_against_naive);
    TEST_RUN(test_shown_log);
    TEST_RUN(test_crowd);
    return test_done();
}
