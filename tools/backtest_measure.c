/* Measures one variant: for every event after the first of its session the next item is asked for,
 * as a visitor would, before the event is learned. */
#include "processors/recommend/recommend.h"
#include "processors/runtime/command.h"
#include "processors/runtime/driver.h"
#include "processors/runtime/log.h"
#include "state/visitor_history.h"
#include "tools/backtest.h"
#include "tools/progress.h"

#include <math.h>
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
    struct buffer held; /* interactions of sessions that have not ended (--freeze) */
    struct progress progress;
};

static void add_case(struct measure *measure, uint32_t rank)
{
    measure->cases++;
    if (rank == 0)
        return;
    measure->hits += 1;
    measure->reciprocal += 1.0 / rank;
    measure->gain += 1 / log2(1.0 + rank);
}

static void keep_case(struct run *run, size_t index, uint32_t rank, double list_us)
{
    struct measured *measured = run->measured;
    if (measured->count == measured->capacity) {
        measured->capacity = measured->capacity ? 2 * measured->capacity : 65536;
        measured->cases =
            memory_resize(measured->cases, measured->capacity * sizeof *measured->cases);
    }
    measured->cases[measured->count++] = (struct tested){
        .line = (uint32_t)index,
        .session = run->recorded->lines[index].session,
        .rank = rank,
        .list_us = (float)list_us,
    };
    add_case(&measured->all, rank);
    add_case(&measured->deciles[index * DECILES / run->recorded->count], rank);
}

static void cover(struct run *run, const struct ranked_item *ranked, uint32_t count)
{
    uint32_t items = driver_model(run->driver)->item_count;
    if (items > run->covered_capacity) {
        run->covered = memory_resize(run->covered, 2 * items);
        memset(run->covered + run->covered_capacity, 0, 2 * items - run->covered_capacity);
        run->covered_capacity = 2 * items;
    }
    for (uint32_t i = 0; i < count; i++)
        if (!item_is_product(ranked[i].item)) /* which the model does not know yet */
            run->covered[ranked[i].item] = 1;
}

/* How many activities with an item the visitor has in the session that goes on at `time_ms`. */
static uint32_t prefix_length(const struct run *run, const struct visitor *visitor, int64_t time_ms)
{
    uint32_t length = 0;
    struct history_walk walk =
        visitor_history_walk_from(visitor, time_ms, run->config->session_gap_ms);
    const struct activity *activity;
    while ((activity = visitor_history_older(&walk)) && walk.same_session) {
        enum pair_kind rules;
        length += pair_kind_of((enum kind)activity->kind, &rules);
    }
    return length;
}

/* Asks for the next item, as serving does, so that the ranker can learn from the answer. */
static void ask(struct run *run, const struct event *event, size_t index, bool counts)
{
    struct ranked_item ranked[LIST_ITEMS_MAX];
    struct visitor *visitor = driver_visitor(run->driver, event_visitor(event));
    struct model *model = driver_model(run->driver);
    if (event->item_count == 0 || visitor == NULL)
        return;
    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    uint32_t count =
        recommend_next(driver_recommender(run->driver), model, driver_catalogue(run->driver),
                       visitor, run->settings->at, ranked);
    clock_gettime(CLOCK_MONOTONIC, &after);
    if (!counts || prefix_length(run, visitor, event->event_time_ms) < run->settings->min_prefix)
        return;
    uint32_t target = model_find(model, event->items[0].item_id), rank = 0;
    uint32_t product = catalogue_find(driver_catalogue(run->driver), event->items[0].item_id);
    if (target == ITEM_NONE && product != PRODUCT_NONE)
        target = ITEM_PRODUCT | product;
    for (uint32_t i = 0; i < count && rank == 0; i++)
        if (ranked[i].item == target)
            rank = i + 1;
    cover(run, ranked, count);
    keep_case(run, index, rank,
              (double)(after.tv_sec - before.tv_sec) * 1e6 +
                  (double)(after.tv_nsec - before.tv_nsec) / 1e3);
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

static enum verdict run_all(struct run *run, struct error *error)
{
    size_t from_index;
    int64_t from_ms = evaluation_start(run, &from_index);
    bool evaluating = false;
    struct bytes session = bytes_of(NULL, 0);
    for (size_t i = 0; i < run->recorded->count; i++) {
        const struct event *event = &run->recorded->lines[i].event;
        enum fate fate;
        if (event->type == EVENT_PRODUCT) {
            driver_product(run->driver, run->recorded->lines[i].product);
            continue;
        }
        bool new_visitor = !bytes_equal(session, event_visitor(event));
        if (run->settings->freeze && !evaluating && new_visitor)
            learn_held_back(run);
        session = event_visitor(event);
        if (!evaluating && i >= from_index && event->event_time_ms >= from_ms &&
            (!run->settings->freeze || new_visitor)) {
            evaluating = true;
            driver_ranking(run->driver, !run->settings->freeze);
        }
        ask(run, event, i, evaluating);
        if (evaluating && run->settings->freeze)
            buffer_clear(&run->held);
        if (run->recorded->lines[i]
                .product) /* after the question, which must not hear of the answer */
            driver_product(run->driver, run->recorded->lines[i].product);
        if (driver_event(run->driver, event, &fate, error) != VERDICT_OK)
            return VERDICT_FATAL;
        if (i % 1024 == 0)
            progress_show(&run->progress, (double)i / (double)run->recorded->count, i, "events");
        if (atomic_load(&command_interrupted))
            return error_set(error, VERDICT_RETRY, "interrupted");
    }
    return VERDICT_OK;
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
    if (verdict != VERDICT_OK)
        return verdict;
    driver_learning(run.driver, !settings->freeze);
    progress_start(&run.progress);
    verdict = run_all(&run, error);
    progress_end(&run.progress);
    const struct model *model = driver_model(run.driver);
    uint64_t covered = 0;
    for (uint32_t i = 0; i < run.covered_capacity; i++)
        covered += run.covered[i];
    ret_measured->seconds = (double)(clock_monotonic_us() - run.progress.started_us) / 1e6;
    ret_measured->items = model->item_count;
    ret_measured->coverage = measure_share((double)covered, model->item_count);
    ret_measured->item_bytes = measure_share((double)model_bytes(model), model->item_count);
    ret_measured->visitor_bytes = driver_visitor_bytes(run.driver);
    driver_free(run.driver);
    buffer_release(&run.held);
    free(run.covered);
    return verdict;
}

void measured_release(struct measured *measured)
{
    free(measured->cases);
}
