#include "processors/runtime/driver.h"

#include "processors/runtime/interactions_log.h"
#include "state/catalogue_store.h"
#include "state/model_store.h"

#include <stdlib.h>

struct driver {
    struct outlet outlet; /* first: the pipeline gives it back */
    struct config config;
    struct topology topology;
    struct store *store;
    struct model *model;
    struct catalogue *catalogue;
    struct search_index *search; /* NULL: no lists */
    struct pipeline *pipeline;
    struct driver_sink *sink;
    struct store_batch batch;
    struct arena arena;
    struct log_reader log;
    bool learning;
    int64_t wall_ms;    /* 0: the event's time */
    int64_t written_ms; /* of records; 0: not known */
};

void driver_fold(struct driver *driver, struct bytes interaction)
{
    struct log_record record;
    if (log_read(&driver->log, interaction, &record, NULL) == VERDICT_OK)
        log_fold(&driver->topology, driver->model, &record);
}

static enum verdict driver_emit(struct outlet *outlet, enum output output, int32_t partition,
                                struct bytes key, struct bytes value, struct error *error)
{
    struct driver *driver = (struct driver *)(void *)outlet;
    (void)partition;
    (void)error;
    if (driver->sink)
        driver->sink->written(driver->sink, output, key, value);
    if (output == OUTPUT_INTERACTIONS && driver->learning)
        driver_fold(driver, value);
    return VERDICT_OK;
}

enum verdict driver_new(const struct config *config, bool lists, struct driver_sink *sink,
                        struct schema_source *source, struct driver **ret_driver,
                        struct error *error)
{
    struct driver *driver = memory_zero(1, sizeof *driver);
    driver->outlet.emit = driver_emit;
    driver->config = *config;
    driver->sink = sink;
    driver->learning = true;
    log_reader_init(&driver->log);
    driver->store = store_memory_new();
    driver->model = model_new(&config->settings.model);
    driver->catalogue = catalogue_new(&config->settings.catalogue);
    driver->search = lists ? search_index_new(driver->catalogue) : NULL;
    if (driver->search)
        search_index_limit(driver->search, config->settings.search_terms_max);
    driver->config.visitor_cache_bytes = INT64_MAX;
    enum verdict verdict = topology_build(&driver->config, &driver->topology, error);
    if (verdict == VERDICT_OK && !lists) /* steps that only close are left out */
        while (driver->topology.visitors_count > 0 &&
               !driver->topology.visitors[driver->topology.visitors_count - 1]->event)
            driver->topology.visitors_count--;
    if (verdict == VERDICT_OK)
        verdict =
            pipeline_new(&driver->config, &driver->topology, driver->store, driver->model,
                         driver->catalogue, &driver->outlet, source, &driver->pipeline, error);
    if (verdict != VERDICT_OK) {
        driver_free(driver);
        return verdict;
    }
    pipeline_search(driver->pipeline, driver->search);
    pipeline_ignore_clock(driver->pipeline);
    *ret_driver = driver;
    return VERDICT_OK;
}

void driver_free(struct driver *driver)
{
    if (driver == NULL)
        return;
    pipeline_free(driver->pipeline);
    model_free(driver->model);
    catalogue_free(driver->catalogue);
    search_index_free(driver->search);
    if (driver->store)
        driver->store->free(driver->store);
    log_reader_release(&driver->log);
    batch_release(&driver->batch);
    arena_release(&driver->arena);
    free(driver);
}

static void set_clocks(struct driver *driver, int64_t event_time_ms)
{
    struct context *context = pipeline_context(driver->pipeline);
    context->generated_ms = driver->wall_ms > 0 ? driver->wall_ms : event_time_ms;
    context->steady_ms = event_time_ms;
}

static enum verdict run(struct driver *driver, struct record *record, enum fate *ret_fate,
                        struct error *error)
{
    const char *step;
    struct visitor_table *visitors = pipeline_visitors(driver->pipeline);
    if (record->type != EVENT_USER) /* which has no time */
        set_clocks(driver, record->event.event_time_ms);
    enum verdict verdict = pipeline_event(driver->pipeline, record, &step, error);
    if (verdict == VERDICT_OK)
        verdict = pipeline_close(driver->pipeline, error);
    for (size_t i = 0; i < visitor_table_dirty_count(visitors); i++)
        visitor_table_encode(visitors, visitor_table_dirty_at(visitors, i));
    batch_clear(&driver->batch);
    visitor_table_batch(visitors, &driver->batch);
    if (verdict == VERDICT_OK)
        verdict = driver->store->write(driver->store, &driver->batch, error);
    pipeline_committed(driver->pipeline);
    *ret_fate = record->fate;
    return verdict;
}

enum verdict driver_record(struct driver *driver, enum event_type type, struct bytes key,
                           struct bytes value, enum fate *ret_fate, struct error *error)
{
    struct record record = {
        .type = type, .key = key, .value = value, .written_ms = driver->written_ms};
    arena_clear(&driver->arena);
    enum verdict verdict = pipeline_decode(driver->pipeline, &record, &driver->arena, error);
    if (verdict == VERDICT_OK)
        return run(driver, &record, ret_fate, error);
    if (verdict == VERDICT_RETRY)
        return verdict;
    pipeline_context(driver->pipeline)->counts->fates[record.fate]++;
    pipeline_committed(driver->pipeline);
    *ret_fate = record.fate;
    return VERDICT_OK;
}

enum verdict driver_event(struct driver *driver, const struct event *event, enum fate *ret_fate,
                          struct error *error)
{
    struct record record = {.type = event->type, .event = *event, .key = event_visitor(event)};
    return run(driver, &record, ret_fate, error);
}

struct recommender *driver_recommender(struct driver *driver)
{
    return pipeline_context(driver->pipeline)->recommender;
}

void driver_ranking(struct driver *driver, bool on)
{
    driver->config.settings.recommend.learning = on;
}

void driver_wall_clock(struct driver *driver, int64_t now_ms)
{
    driver->wall_ms = now_ms;
}

void driver_written(struct driver *driver, int64_t written_ms)
{
    driver->written_ms = written_ms;
}

void driver_any_time(struct driver *driver)
{
    driver->config.settings.times.time_min_ms = 0;
}

void driver_learning(struct driver *driver, bool on)
{
    driver->learning = on;
}

struct visitor *driver_visitor(struct driver *driver, struct bytes key)
{
    struct visitor *visitor;
    if (visitor_table_get(pipeline_visitors(driver->pipeline), 0, key, &visitor, NULL) !=
            VERDICT_OK ||
        visitor_is_blank(visitor))
        return NULL;
    return visitor;
}

struct model *driver_model(struct driver *driver)
{
    return driver->model;
}

enum catalogue_change driver_product(struct driver *driver, const struct event *product)
{
    return catalogue_put(driver->catalogue, product);
}

enum catalogue_change driver_product_gone(struct driver *driver, struct bytes item_id)
{
    return catalogue_delete(driver->catalogue, item_id);
}

struct catalogue *driver_catalogue(struct driver *driver)
{
    return driver->catalogue;
}

struct store *driver_store(struct driver *driver)
{
    return driver->store;
}

const struct counts *driver_counts(const struct driver *driver)
{
    return pipeline_counts(driver->pipeline);
}

double driver_visitor_bytes(struct driver *driver)
{
    struct visitor_table *visitors = pipeline_visitors(driver->pipeline);
    size_t count = visitor_table_count(visitors);
    return count ? (double)visitor_table_bytes(visitors) / (double)count : 0;
}

enum verdict driver_save(struct driver *driver, struct error *error)
{
    batch_clear(&driver->batch);
    model_save(driver->model, &driver->batch);
    catalogue_save(driver->catalogue, &driver->batch);
    return driver->store->write(driver->store, &driver->batch, error);
}
