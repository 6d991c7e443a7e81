/* Lists that are too large for their topic: the pipeline with placements of many long ids. */
#include "processors/runtime/pipeline.h"
#include "tests/test.h"

#include <stdlib.h>

#define START_MS 1700000000000
#define ITEMS 120
#define ID_BYTES 200

/* Takes the lists, and folds the interactions at once. */
struct shop {
    struct outlet outlet; /* first */
    struct config config;
    struct topology topology;
    struct store *store;
    struct model *model;
    struct catalogue *catalogue;
    struct pipeline *pipeline;
    struct buffer newest; /* the newest lists */
    int written;
    int64_t time_ms;
};

static enum verdict emit(struct outlet *outlet, enum output output, int32_t partition,
                         struct bytes key, struct bytes value, struct error *error)
{
    struct shop *shop = (struct shop *)(void *)outlet;
    (void)partition, (void)error;
    if (output != OUTPUT_RECOMMENDATIONS)
        return VERDICT_OK;
    CHECK(value.size + key.size <= pipeline_context(shop->pipeline)->lists_bytes_max);
    buffer_clear(&shop->newest);
    buffer_append(&shop->newest, value.at, value.size);
    buffer_byte(&shop->newest, '\0');
    shop->written++;
    return VERDICT_OK;
}

static void name_item(int number, char *to)
{
    memset(to, 'a' + number % 26, ID_BYTES);
    snprintf(to + ID_BYTES, 16, "%d", number);
}

/* All items are popular, and follow each other. */
static void fill_model(struct model *model)
{
    extern const struct step weft_step_cooccurrence, weft_step_popularity;
    char item[ID_BYTES + 16], before[ID_BYTES + 16];
    for (int i = 0; i < 3 * ITEMS; i++) {
        name_item(i % ITEMS, item);
        name_item((i + 7) % ITEMS, before);
        struct interaction interaction = {.event_id = bytes_text("e"),
                                          .kind = KIND_VIEW,
                                          .subject = bytes_text(item),
                                          .event_time_ms = START_MS + i,
                                          .before_count = 1,
                                          .before = {{bytes_text(before), 0}}};
        weft_step_cooccurrence.interaction(model, &interaction);
        weft_step_popularity.interaction(model, &interaction);
    }
}

static struct shop *shop_new(const char *format)
{
    struct shop *shop = memory_zero(1, sizeof *shop);
    struct error error = {0};
    char assignment[80];
    shop->outlet.emit = emit;
    shop->time_ms = START_MS + 100000;
    config_init(&shop->config);
    CHECK(config_assign(&shop->config, "list.items=100", &error) == VERDICT_OK);
    CHECK(config_assign(&shop->config, "placements.off=", &error) == VERDICT_OK);
    CHECK(config_assign(&shop->config, "quality=counts", &error) == VERDICT_OK);
    snprintf(assignment, sizeof assignment, "output.format=%s", format);
    CHECK(config_assign(&shop->config, assignment, &error) == VERDICT_OK);
    for (char name = 'a'; name < 'j'; name++) {
        snprintf(assignment, sizeof assignment, "placements.more_%c.context=visitor", name);
        CHECK_SAY(config_assign(&shop->config, assignment, &error) == VERDICT_OK, "%s",
                  error.message);
    }
    CHECK_SAY(config_finish(&shop->config, &error) == VERDICT_OK, "%s", error.message);
    CHECK(topology_build(&shop->config, &shop->topology, &error) == VERDICT_OK);
    shop->store = store_memory_new();
    shop->model = model_new(&shop->config.settings.model);
    shop->catalogue = catalogue_new(&shop->config.settings.catalogue);
    CHECK_SAY(pipeline_new(&shop->config, &shop->topology, shop->store, shop->model,
                           shop->catalogue, &shop->outlet, NULL, &shop->pipeline,
                           &error) == VERDICT_OK,
              "%s", error.message);
    pipeline_ignore_clock(shop->pipeline);
    fill_model(shop->model);
    return shop;
}

static void shop_free(struct shop *shop)
{
    pipeline_free(shop->pipeline);
    catalogue_free(shop->catalogue);
    model_free(shop->model);
    shop->store->free(shop->store);
    buffer_release(&shop->newest);
    free(shop);
}

/* One batch with a view. */
static void view(struct shop *shop, int number)
{
    char item[ID_BYTES + 16], text[ID_BYTES + 300];
    struct error error = {0};
    struct arena arena = {0};
    struct visitor_table *visitors = pipeline_visitors(shop->pipeline);
    const char *step;
    name_item(number, item);
    snprintf(text, sizeof text,
             "{\"event_id\":\"%" PRId64 "\",\"visitor_id\":\"v\",\"event_time\":%" PRId64
             ",\"item\":{\"item_id\":\"%s\"}}",
             shop->time_ms, shop->time_ms, item);
    struct record record = {.type = EVENT_VIEW, .key = bytes_text("v"), .value = bytes_text(text)};
    pipeline_context(shop->pipeline)->generated_ms = shop->time_ms;
    shop->time_ms += 60000;
    CHECK(pipeline_decode(shop->pipeline, &record, &arena, &error) == VERDICT_OK);
    CHECK(pipeline_event(shop->pipeline, &record, &step, &error) == VERDICT_OK);
    CHECK_SAY(pipeline_close(shop->pipeline, &error) == VERDICT_OK, "%s", error.message);
    for (size_t i = 0; i < visitor_table_dirty_count(visitors); i++)
        visitor_table_encode(visitors, visitor_table_dirty_at(visitors, i));
    pipeline_committed(shop->pipeline);
    arena_release(&arena);
}

static size_t items_of(const struct shop *shop)
{
    size_t items = 0;
    for (const char *at = shop->newest.at; (at = strstr(at, "\"item_id\":")); at++)
        items++;
    return items;
}

static uint64_t cut_lists(const struct shop *shop)
{
    return pipeline_counts(shop->pipeline)->counters[COUNT_LISTS_CUT];
}

/* The smaller the topic, the fewer items; the record fills what it may. */
static void test_json(void)
{
    struct shop *shop = shop_new("json");
    view(shop, 0);
    size_t whole = shop->newest.size, all = items_of(shop);
    CHECK_SAY(whole > 100000 && all > 400, "%zu bytes, %zu items", whole, all);
    CHECK_INT(cut_lists(shop), 0);
    size_t before = all;
    uint64_t cut = 0;
    for (size_t max = whole / 2; max > 4000; max /= 2) {
        pipeline_context(shop->pipeline)->lists_bytes_max = max;
        view(shop, (int)cut + 1);
        CHECK_INT(cut_lists(shop), ++cut);
        CHECK_SAY(items_of(shop) < before, "%zu items in %zu bytes", items_of(shop), max);
        CHECK_SAY(shop->newest.size + 16 * 600 > max, "%zu bytes of %zu", shop->newest.size, max);
        CHECK_CONTAINS(shop->newest.at, "]}]}");
        before = items_of(shop);
    }
    shop_free(shop);
}

/* Not even the lists without items fit. */
static void test_no_room(void)
{
    struct shop *shop = shop_new("json");
    pipeline_context(shop->pipeline)->lists_bytes_max = 1000;
    view(shop, 0);
    CHECK_INT(items_of(shop), 0);
    CHECK_CONTAINS(shop->newest.at, "\"lists\":[{");
    pipeline_context(shop->pipeline)->lists_bytes_max = 160;
    view(shop, 1);
    CHECK_CONTAINS(shop->newest.at, "\"lists\":[]");
    CHECK_INT(shop->written, 2);
    shop_free(shop);
}

static void test_avro(void)
{
    struct shop *shop = shop_new("avro");
    view(shop, 0);
    size_t whole = shop->newest.size;
    pipeline_context(shop->pipeline)->lists_bytes_max = whole / 3;
    view(shop, 1);
    CHECK_INT(cut_lists(shop), 1);
    CHECK(shop->newest.size > whole / 3 - 16 * 600);
    shop_free(shop);
}

int main(void)
{
    TEST_RUN(test_json);
    TEST_RUN(test_no_room);
    TEST_RUN(test_avro);
    return test_done();
}
