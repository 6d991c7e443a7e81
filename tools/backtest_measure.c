#include "tools/backtest_measure.h"

#include "processors/recommend/recommend.h"
#include "processors/runtime/command.h"
#include "processors/runtime/driver.h"
#include "processors/runtime/log.h"
#include "schemas/array.h"
#include "state/visitor_history.h"
#include "tools/progress.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct run {
    const struct recorded *recorded;
    const struct config *config;
    const struct measure_settings *settings;
    struct measured *measured;
    struct driver *driver;
    uint8_t *covered; /* by item of the model */
    uint32_t covered_capacity;
    struct buffer held; /* --freeze: interactions of the session under way */
    struct progress progress;
};

static void add_rank(struct quality *quality, uint32_t rank)
{
    quality->cases++;
    if (rank == 0)
        return;
    quality->hits += 1;
    quality->reciprocal += 1.0 / rank;
    quality->gain += 1 / log2(1.0 + rank);
}

const char *const case_measure_names[CASE_MEASURES + 1] = {"hr", "mrr", "ndcg", "revenue", NULL};

double case_score(const struct test_case *test_case, enum case_measure measure)
{
    if (test_case->rank == 0)
        return 0;
    switch (measure) {
    case CASE_MRR:
        return 1.0 / test_case->rank;
    case CASE_NDCG:
        return 1 / log2(1.0 + test_case->rank);
    case CASE_REVENUE:
        return (double)test_case->value;
    case CASE_HR:
    case CASE_MEASURES:
        break;
    }
    return 1;
}

static float value_of(const struct event_item *item)
{
    return item->price > 0 ? (float)(item->price * (double)item->quantity) : 0;
}

static void add_case(struct run *run, size_t index, uint32_t rank, double list_us)
{
    struct measured *measured = run->measured;
    ARRAY_RESERVE(measured->cases, measured->capacity, measured->count + 1);
    measured->cases[measured->count++] = (struct test_case){
        .line = (uint32_t)index,
        .session = run->recorded->lines[index].session,
        .rank = rank,
        .list_us = (float)list_us,
        .value = value_of(&run->recorded->lines[index].event.items[0]),
    };
    add_rank(&measured->all, rank);
    add_rank(&measured->deciles[index * DECILES / run->recorded->count], rank);
}

/* Marks the items of a list as covered. */
static void cover(struct run *run, const struct ranked_item *ranked, uint32_t count)
{
    uint32_t items = driver_model(run->driver)->item_count, before = run->covered_capacity;
    ARRAY_RESERVE(run->covered, run->covered_capacity, items);
    if (run->covered_capacity > before)
        memset(run->covered + before, 0, run->covered_capacity - before);
    for (uint32_t i = 0; i < count; i++)
        if (!item_is_product(ranked[i].item)) /* a product that is no item of the model yet */
            run->covered[ranked[i].item] = 1;
}

/* How many activities with an item the visitor has in the session that goes on at `time_ms`. */
static uint32_t prefix_length(const struct run *run, const struct visitor *visitor, int64_t time_ms)
{
    uint32_t length = 0;
    struct history_walk walk =
        visitor_history_walk_from(visitor, time_ms, run->config->settings.session_gap_ms);
    const struct activity *activity;
    while ((activity = visitor_history_older(&walk)) && walk.same_session) {
        enum pair_kind pair;
        length += pair_kind_of((enum kind)activity->kind, &pair);
    }
    return length;
}

static double microseconds(const struct timespec *from, const struct timespec *to)
{
    return (double)(to->tv_sec - from->tv_sec) * 1e6 + (double)(to->tv_nsec - from->tv_nsec) / 1e3;
}

/* The event's item as the lists name it: an item of the model, or a product of the catalogue. */
static uint32_t target_of(const struct run *run, const struct event *event)
{
    struct bytes id = event->items[0].item_id;
    uint32_t item = model_find(driver_model(run->driver), id);
    if (item != ITEM_NONE)
        return item;
    uint32_t product = catalogue_find(driver_catalogue(run->driver), id);
    return product != PRODUCT_NONE ? ITEM_PRODUCT | product : ITEM_NONE;
}

static bool is_noise(const struct run *run, struct bytes visitor)
{
    const char *noise = run->settings->noise;
    return noise && visitor.size >= strlen(noise) && memcmp(visitor.at, noise, strlen(noise)) == 0;
}

static struct sort *sort_of(struct run *run, struct bytes visitor)
{
    struct measured *measured = run->measured;
    struct bytes name = bytes_text("people");
    if (is_noise(run, visitor)) {
        name = visitor;
        while (name.size > 0 && name.at[name.size - 1] != '-')
            name.size--;
        name.size -= name.size > 0;
    }
    for (uint32_t i = 0; i < measured->sort_count; i++)
        if (bytes_equal(bytes_text(measured->sorts[i].name), name))
            return &measured->sorts[i];
    if (measured->sort_count == SORTS_MAX)
        return &measured->sorts[SORTS_MAX - 1];
    struct sort *sort = &measured->sorts[measured->sort_count++];
    snprintf(sort->name, sizeof sort->name, "%.*s", (int)name.size, name.at);
    return sort;
}

/* Makes the list before the event, as serving does, so that the ranker learns from the event as
 * from a click. With `counts` the event is a case. */
static void make_list(struct run *run, const struct event *event, size_t index, bool counts)
{
    struct ranked_item ranked[LIST_ITEMS_MAX];
    struct visitor *visitor = driver_visitor(run->driver, event_visitor(event));
    struct timespec before, after;
    if (event->item_count == 0 || visitor == NULL)
        return;
    clock_gettime(CLOCK_MONOTONIC, &before);
    uint32_t count =
        recommend_next(driver_recommender(run->driver), driver_model(run->driver),
                       driver_catalogue(run->driver), visitor, run->settings->at, ranked);
    clock_gettime(CLOCK_MONOTONIC, &after);
    uint32_t kinds = run->settings->kinds;
    if (kinds != 0 && (kinds & 1u << event->type) == 0)
        return;
    if (!counts || prefix_length(run, visitor, event->event_time_ms) < run->settings->min_prefix)
        return;
    uint32_t target = target_of(run, event), rank = 0;
    for (uint32_t i = 0; i < count && rank == 0; i++)
        if (ranked[i].item == target)
            rank = i + 1;
    cover(run, ranked, count);
    add_case(run, index, rank, microseconds(&before, &after));
}

/* ---- the papers' protocol: a session is learned when it ends ---- */

struct held_back {
    struct driver_sink sink;
    struct run *run;
};

static void hold_back(struct driver_sink *sink, enum output output, struct bytes key,
                      struct bytes value)
{
    struct run *run = ((struct held_back *)(void *)sink)->run;
    uint64_t size = value.size;
    (void)key;
    if (!run->settings->freeze || output != OUTPUT_INTERACTIONS)
        return;
    buffer_append(&run->held, &size, sizeof size);
    buffer_append(&run->held, value.at, value.size);
}

static void learn_held_back(struct run *run)
{
    for (size_t at = 0; at < run->held.size;) {
        uint64_t size;
        memcpy(&size, run->held.at + at, sizeof size);
        driver_fold(run->driver, bytes_of(run->held.at + at + sizeof size, size));
        at += sizeof size + size;
    }
    buffer_clear(&run->held);
}

static int64_t evaluation_start(const struct run *run, size_t *ret_index)
{
    *ret_index = 0;
    if (run->settings->evaluate_from == NULL)
        return INT64_MIN;
    double number = strtod(run->settings->evaluate_from, NULL);
    if (number > 0 && number < 1) {
        *ret_index = (size_t)(number * (double)run->recorded->count);
        return INT64_MIN;
    }
    return (int64_t)number;
}

struct stream {
    size_t from_index; /* cases count from here on */
    int64_t from_ms;
    bool evaluating;
    struct bytes visitor; /* the last event's */
};

static enum verdict take_line(struct run *run, struct stream *stream, size_t index,
                              struct error *error)
{
    const struct line *line = &run->recorded->lines[index];
    const struct event *event = &line->event;
    bool freeze = run->settings->freeze;
    enum fate fate;
    if (event->type == EVENT_PRODUCT) {
        driver_product(run->driver, line->product);
        return VERDICT_OK;
    }
    bool new_visitor = !bytes_equal(stream->visitor, event_visitor(event));
    stream->visitor = event_visitor(event);
    if (freeze && !stream->evaluating && new_visitor)
        learn_held_back(run);
    if (!stream->evaluating && index >= stream->from_index &&
        event->event_time_ms >= stream->from_ms && (!freeze || new_visitor)) {
        stream->evaluating = true;
        driver_ranking(run->driver, !freeze);
    }
    make_list(run, event, index, stream->evaluating && !is_noise(run, event_visitor(event)));
    if (stream->evaluating && freeze)
        buffer_clear(&run->held);
    if (line->product) /* after the list, which must not know it */
        driver_product(run->driver, line->product);
    const uint64_t *counters = driver_counts(run->driver)->counters;
    uint64_t before = counters[COUNT_QUARANTINED];
    if (driver_event(run->driver, event, &fate, error) != VERDICT_OK)
        return VERDICT_FATAL;
    if (run->settings->noise) {
        struct sort *sort = sort_of(run, event_visitor(event));
        sort->events++;
        sort->quarantined += counters[COUNT_QUARANTINED] - before;
    }
    return VERDICT_OK;
}

static enum verdict take_lines(struct run *run, struct error *error)
{
    struct stream stream = {0};
    stream.from_ms = evaluation_start(run, &stream.from_index);
    for (size_t i = 0; i < run->recorded->count; i++) {
        enum verdict verdict = take_line(run, &stream, i, error);
        if (verdict != VERDICT_OK)
            return verdict;
        if (i % 1024 == 0)
            progress_show(&run->progress, (double)i / (double)run->recorded->count, i, "events");
        if (atomic_load(&command_interrupted))
            return error_set(error, VERDICT_RETRY, "interrupted");
    }
    return VERDICT_OK;
}

static void sum_up(const struct run *run)
{
    const struct model *model = driver_model(run->driver);
    uint64_t covered = 0;
    for (uint32_t i = 0; i < run->covered_capacity; i++)
        covered += run->covered[i];
    run->measured->items = model->item_count;
    run->measured->coverage = measure_share((double)covered, model->item_count);
    run->measured->item_bytes = measure_share((double)model_bytes(model), model->item_count);
    run->measured->visitor_bytes = driver_visitor_bytes(run->driver);
}

enum verdict measure(const struct recorded *recorded, const struct config *config,
                     const struct measure_settings *settings, struct measured *ret_measured,
                     struct error *error)
{
    struct run run = {
        .recorded = recorded, .config = config, .settings = settings, .measured = ret_measured};
    struct held_back held = {.sink.written = hold_back, .run = &run};
    *ret_measured = (struct measured){0};
    enum verdict verdict = driver_new(config, false, &held.sink, NULL, &run.driver, error);
    if (verdict == VERDICT_OK)
        driver_any_time(run.driver);
    if (verdict != VERDICT_OK)
        return verdict;
    driver_learning(run.driver, !settings->freeze);
    progress_start(&run.progress);
    verdict = take_lines(&run, error);
    progress_end(&run.progress);
    ret_measured->seconds = (double)(clock_monotonic_us() - run.progress.started_us) / 1e6;
    sum_up(&run);
    driver_free(run.driver);
    buffer_release(&run.held);
    free(run.covered);
    return verdict;
}

void measured_release(struct measured *measured)
{
    free(measured->cases);
}
