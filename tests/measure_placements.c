/* Measures what each placement costs: microseconds of its lists on recorded events. Every list is
 * made again after each event. A digest of their bytes compares two builds. A
 * ranking is counted to the first placement that needs it. Run by tools/bench driver.
 *
 * It also counts the searches whose list, made at the search, had one of the next SEARCH_VIEWS
 * views of the session among its first 10. For each placement and kind it counts whether the list
 * had the next click (recommend/lists/online_metrics.h).
 *
 *     measure_placements FILE [KEY=VALUE]...      prints one JSON object, a row per placement */
#include "processors/recommend/recommend.h"
#include "tests/hashes.h"
#include "tests/measure_driver.h"

struct cost {
    uint64_t items, digest;
};

#define SEARCH_VIEWS 5
#define SEARCHERS 65536

struct searcher {
    uint64_t visitor;
    int64_t time_ms;
    uint64_t items[10];
    uint32_t count, left;
};

struct meter {
    struct list_watcher watcher; /* first */
    struct measure_rows rows;
    struct cost costs[MEASURE_ROWS_MAX]; /* by row */
    double since_us;
    struct searcher *searchers;      /* by hash; a newer one takes the place */
    uint64_t searches, viewed, hits; /* all; with a view after them; of one of the first 10 */
};

static double now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void made(struct list_watcher *watcher, const char *placement,
                 const struct filter_item *items, uint32_t shown, uint32_t count)
{
    struct meter *meter = (struct meter *)(void *)watcher;
    double us = now_us();
    uint32_t row = measure_row(&meter->rows, placement);
    (void)items;
    (void)count;
    measure_add(&meter->rows, row, us - meter->since_us);
    meter->costs[row].items += shown;
    meter->since_us = now_us();
}

static void add_digest(struct meter *meter, const struct list *list)
{
    struct cost *row = &meter->costs[measure_row(&meter->rows, list->placement)];
    row->digest = hash_mix(hash_mix(row->digest, list->context_item_id), list->search_term);
    for (uint32_t i = 0; i < list->item_count; i++) {
        const struct list_item *item = &list->items[i];
        row->digest = hash_mix(hash_mix(row->digest, item->item_id), item->because_item_id);
        row->digest = hash_mix(hash_mix(row->digest, bytes_of(&item->score, sizeof item->score)),
                               bytes_text(item->reason));
    }
}

/* Before the view is learned from. */
static void look_at_view(struct meter *meter, const struct event *event)
{
    uint64_t visitor = bytes_hash(event_visitor(event));
    struct searcher *searcher = &meter->searchers[visitor % SEARCHERS];
    if (event->type != EVENT_VIEW || searcher->visitor != visitor || searcher->left == 0 ||
        event->event_time_ms - searcher->time_ms > 600000)
        return;
    meter->viewed += searcher->left-- == SEARCH_VIEWS;
    for (uint32_t i = 0; i < searcher->count; i++)
        if (searcher->items[i] == bytes_hash(event->items[0].item_id)) {
            meter->hits++;
            searcher->left = 0;
            return;
        }
}

static void look_at_search(struct meter *meter, const struct event *event, const struct list *lists,
                           uint32_t count)
{
    uint64_t visitor = bytes_hash(event_visitor(event));
    struct searcher *searcher = &meter->searchers[visitor % SEARCHERS];
    if (event->type != EVENT_SEARCH)
        return;
    meter->searches++;
    *searcher = (struct searcher){
        .visitor = visitor, .time_ms = event->event_time_ms, .left = SEARCH_VIEWS};
    for (uint32_t k = 0; k < count; k++)
        for (uint32_t i = 0;
             strcmp(lists[k].placement, "search") == 0 && i < lists[k].item_count && i < 10; i++)
            searcher->items[searcher->count++] = bytes_hash(lists[k].items[i].item_id);
}

static void run(struct driver *driver, const struct config *config, struct recorded *recorded,
                struct meter *meter)
{
    struct arena arena = {0};
    struct list lists[PLACEMENTS_MAX];
    struct recommender *recommender = driver_recommender(driver);
    recommender_watch(recommender, &meter->watcher);
    for (size_t i = 0; i < recorded->count; i++) {
        const struct line *line = &recorded->lines[i];
        struct error error = {0};
        enum fate fate;
        bool again;
        if (line->product)
            driver_product(driver, line->product);
        if (line->event.type == EVENT_PRODUCT)
            continue;
        look_at_view(meter, &line->event);
        CHECK(driver_event(driver, &line->event, &fate, &error) == VERDICT_OK);
        struct visitor *visitor = driver_visitor(driver, event_visitor(&line->event));
        if (visitor == NULL)
            continue;
        meter->since_us = now_us();
        uint32_t count =
            recommend_lists(recommender, driver_model(driver), driver_catalogue(driver), visitor,
                            config->settings.list_items, &arena, lists, &again);
        look_at_search(meter, &line->event, lists, count);
        for (uint32_t k = 0; k < count; k++)
            add_digest(meter, &lists[k]);
        arena_clear(&arena);
    }
    arena_release(&arena);
}

static void print_rows(struct meter *meter, const struct buffer *quality)
{
    printf("{");
    for (uint32_t i = 0; i < meter->rows.count; i++) {
        struct measure_row *row = &meter->rows.at[i];
        printf("%s", i ? ",\n " : "");
        measure_print(row);
        printf(",\"items\":%.1f,\"digest\":\"%016llx\"}",
               (double)meter->costs[i].items / (double)row->count,
               (unsigned long long)meter->costs[i].digest);
    }
    printf(",\n \"searches\":{\"all\":%llu,\"viewed\":%llu,\"hits\":%llu,\"share\":%.4f},\n",
           (unsigned long long)meter->searches, (unsigned long long)meter->viewed,
           (unsigned long long)meter->hits,
           meter->viewed ? (double)meter->hits / (double)meter->viewed : 0);
    printf(" \"quality\":%s}\n", quality->at);
}

int main(int argc, char **argv)
{
    struct measured *measured =
        measure_open(argc, argv, false, NULL, "measure_placements FILE [KEY=VALUE]...");
    struct config *config = &measured->config;
    struct driver *driver = measured->driver;
    struct meter *meter = memory_zero(1, sizeof *meter);
    meter->searchers = memory_zero(SEARCHERS, sizeof *meter->searchers);
    struct search_index *search = search_index_new(driver_catalogue(driver));
    recommender_set_search(driver_recommender(driver), search);
    meter->watcher = (struct list_watcher){.shown_only = true, .filtered = made};
    run(driver, config, &measured->recorded, meter);
    struct buffer quality = {0};
    online_metrics_write_json(&driver_counts(driver)->online,
                              &config->settings.recommend.placements, &quality);
    buffer_byte(&quality, '\0');
    print_rows(meter, &quality);
    buffer_release(&quality);
    measure_close(measured);
    search_index_free(search);
    measure_release(&meter->rows);
    free(meter->searchers);
    free(meter);
    return 0;
}
