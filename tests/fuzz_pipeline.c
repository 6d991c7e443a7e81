/* Batches of events, some of which are aborted. Two pipelines run: one takes all batches, and
 * aborts some; the other one, the naive model, takes only those that are committed. Both must give
 * the same outputs, the same rows and the same counts, byte by byte. An abort forgets which lists
 * wait for a click, so the ranker does not learn here, and clicks on lists are not compared.
 *
 * The input is operations of three bytes: what happens, who, and with which item. */
#include "processors/runtime/interactions_log.h"
#include "processors/runtime/pipeline.h"
#include "state/model_store.h"
#define FUZZ_MUTATIONS 40 /* an input takes some ms */
#define FUZZ_CUT_STEP 40
#include "tests/fuzz.h"
#include "tests/hashes.h"

#define START_MS 1700000000000
#define OPERATIONS_MAX 300
#define BATCH_MAX 16

enum happening { EVENTS_OF_ALL_KINDS = 12, ERASE = 12, COMMIT, ABORT, HAPPENINGS };

struct operation {
    uint8_t happening, who, item;
    uint32_t number; /* makes its event's id and time */
};

struct world {
    struct outlet outlet; /* first */
    struct store *store;
    struct model *model;
    struct pipeline *pipeline;
    struct buffer written; /* by the batch: outputs with keys and values */
    struct buffer interactions;
    size_t ends[8 * BATCH_MAX];
    uint32_t interaction_count;
    struct log_reader log;
};

/* Made at the first input, kept for all. */
static struct config config;
static struct topology topology;
static struct catalogue *catalogue;

static void put_products(void)
{
    static const char *const brands[] = {"North", "South"}, *const titles[] = {"Coat", "Boot"};
    catalogue = catalogue_new(&config.settings.catalogue);
    for (int i = 0; i < 12; i++) {
        struct event product;
        char id[2] = {'i', (char)('a' + i)};
        event_init(&product, EVENT_PRODUCT);
        product.item_id = bytes_of(id, sizeof id);
        product.title = bytes_text(titles[i % 2]);
        product.item_brand = bytes_text(brands[i % 3 % 2]);
        product.price = i;
        catalogue_put(catalogue, &product);
    }
}

static void set_up(void)
{
    static const char *const assignments[] = {
        "items.max=8",
        "vectors.items.max=6",
        "queries.max=4",
        "visitor.activities.max=5",
        "ranker.merge.ms=20000",
        "list.shown.max=2",
        "session.gap.ms=20000",
        "explore.percent=20",
        "neighbours.sessions.max=9",
    };
    struct error error = {0};
    config_init(&config);
    for (size_t i = 0; i < sizeof assignments / sizeof assignments[0]; i++)
        if (config_assign(&config, assignments[i], &error) != VERDICT_OK) {
            fprintf(stderr, "%s\n", error.message);
            abort();
        }
    FUZZ_CHECK(config_finish(&config, &error) == VERDICT_OK);
    config.visitor_cache_bytes = 1 << 20;
    config.settings.recommend.learning = false;
    config.settings.recommend.training_log_bytes = config.settings.recommend.shown_bytes = 1 << 14;
    config.settings.model.vectors.ring_max = 50; /* less than a shop may have */
    FUZZ_CHECK(topology_build(&config, &topology, &error) == VERDICT_OK);
    put_products();
}

static void append(struct buffer *buffer, struct bytes bytes)
{
    buffer_append(buffer, &bytes.size, sizeof bytes.size);
    buffer_append(buffer, bytes.at, bytes.size);
}

static enum verdict emit(struct outlet *outlet, enum output output, int32_t partition,
                         struct bytes key, struct bytes value, struct error *error)
{
    struct world *world = (struct world *)(void *)outlet;
    (void)partition;
    (void)error;
    append(&world->written, key);
    append(&world->written, value);
    if (output == OUTPUT_INTERACTIONS) {
        FUZZ_CHECK(world->interaction_count < sizeof world->ends / sizeof world->ends[0]);
        buffer_append(&world->interactions, value.at, value.size);
        world->ends[world->interaction_count++] = world->interactions.size;
    }
    return VERDICT_OK;
}

static struct world *world_new(void)
{
    struct world *world = memory_zero(1, sizeof *world);
    world->outlet.emit = emit;
    world->store = store_memory_new();
    world->model = model_new(&config.settings.model);
    log_reader_init(&world->log);
    FUZZ_CHECK(pipeline_new(&config, &topology, world->store, world->model, catalogue,
                            &world->outlet, NULL, &world->pipeline, NULL) == VERDICT_OK);
    pipeline_ignore_clock(world->pipeline);
    return world;
}

static void world_free(struct world *world)
{
    pipeline_free(world->pipeline);
    model_free(world->model);
    world->store->free(world->store);
    log_reader_release(&world->log);
    buffer_release(&world->written);
    buffer_release(&world->interactions);
    free(world);
}

/* ---- one batch ---- */

static void make_event(const struct operation *operation, struct event_item *item, char *texts,
                       struct event *event)
{
    static const enum event_type types[EVENTS_OF_ALL_KINDS] = {
        EVENT_VIEW, EVENT_VIEW,     EVENT_VIEW, EVENT_SEARCH,     EVENT_CART,  EVENT_CART,
        EVENT_CART, EVENT_PURCHASE, EVENT_VIEW, EVENT_IMPRESSION, EVENT_CLICK, EVENT_PURCHASE,
    };
    uint32_t id = operation->item >= 240 ? operation->number / 4 : operation->number;
    event_init(event, types[operation->happening]);
    event_item_init(item);
    texts[0] = 'v';
    texts[1] = (char)('0' + operation->who % 4);
    texts[2] = 'i';
    texts[3] = (char)('a' + operation->item % 14);
    int size = snprintf(texts + 4, 12, "e%u", id);
    item->item_id = bytes_of(texts + 2, 2);
    item->price = operation->item % 7;
    item->index = operation->item % 5;
    event->visitor_id = bytes_of(texts, 2);
    event->event_id = bytes_of(texts + 4, (size_t)size);
    event->event_time_ms = START_MS + operation->number * 3000 - operation->who / 4 * 500;
    event->action = operation->happening == 6 ? CART_REMOVE : CART_ADD;
    event->status = operation->happening == 11 ? PURCHASE_REFUNDED : PURCHASE_COMPLETED;
    event->search_term = bytes_text(operation->item % 2 ? "coat" : "north boot");
    event->placement = event->type >= EVENT_IMPRESSION ? bytes_text("home") : event->placement;
    event->recommendation_id = bytes_text("r");
    if (operation->item % 3 == 0)
        event->channel = bytes_text("mail");
    event->items = item;
    event->item_count = event->type != EVENT_SEARCH;
}

static void take(struct world *world, const struct operation *operation)
{
    struct context *context = pipeline_context(world->pipeline);
    struct arena *arena = context->arena; /* as long as the batch */
    struct event_item *item = arena_get(arena, sizeof *item);
    char *texts = arena_get(arena, 16);
    struct record record = {.offset = operation->number};
    const char *step;
    struct error error = {0};
    if (operation->happening == ERASE) {
        texts[0] = 'v';
        texts[1] = (char)('0' + operation->who % 4);
        event_init_erased(&record.event, bytes_of(texts, 2));
    } else {
        make_event(operation, item, texts, &record.event);
        context->generated_ms = context->steady_ms = record.event.event_time_ms;
    }
    record.type = record.event.type;
    record.key = event_visitor(&record.event);
    FUZZ_CHECK(pipeline_event(world->pipeline, &record, &step, &error) == VERDICT_OK);
}

static void close_batch(struct world *world)
{
    struct error error = {0};
    FUZZ_CHECK(pipeline_close(world->pipeline, &error) == VERDICT_OK);
}

static void fold(struct world *world)
{
    size_t start = 0;
    for (uint32_t i = 0; i < world->interaction_count; start = world->ends[i++]) {
        struct log_record record;
        struct bytes bytes = bytes_of(world->interactions.at + start, world->ends[i] - start);
        FUZZ_CHECK(log_read(&world->log, bytes, &record, NULL) == VERDICT_OK);
        log_fold(&topology, world->model, &record);
    }
}

static void end_batch(struct world *world)
{
    buffer_clear(&world->written);
    buffer_clear(&world->interactions);
    world->interaction_count = 0;
}

static void commit(struct world *world)
{
    struct visitor_table *visitors = pipeline_visitors(world->pipeline);
    struct store_batch batch = {0};
    close_batch(world);
    for (size_t i = 0; i < visitor_table_dirty_count(visitors); i++)
        visitor_table_encode(visitors, visitor_table_dirty_at(visitors, i));
    visitor_table_batch(visitors, &batch);
    FUZZ_CHECK(world->store->write(world->store, &batch, NULL) == VERDICT_OK);
    pipeline_committed(world->pipeline);
    fold(world);
    batch_clear(&batch);
    model_save(world->model, &batch);
    FUZZ_CHECK(world->store->write(world->store, &batch, NULL) == VERDICT_OK);
    batch_release(&batch);
}

/* ---- both worlds ---- */

static void check_same(const struct world *world, const struct world *naive)
{
    const struct counts *a = pipeline_counts(world->pipeline),
                        *b = pipeline_counts(naive->pipeline);
    FUZZ_CHECK(memcmp(a->fates, b->fates, sizeof a->fates) == 0);
    for (int i = 0; i < COUNTERS; i++)
        if (i != COUNT_MEASURED && i != COUNT_HITS && i != COUNT_RECIPROCAL)
            FUZZ_CHECK_SAY(a->counters[i] == b->counters[i], counter_names[i]);
    for (int family = 0; family < FAMILIES; family++)
        FUZZ_CHECK(hash_rows(world->store, (enum family)family).hash ==
                   hash_rows(naive->store, (enum family)family).hash);
}

static void finish(struct world *world, struct world *naive, const struct operation *batch,
                   uint32_t count, bool committed, bool close)
{
    if (!committed) {
        if (close)
            close_batch(world);
        pipeline_aborted(world->pipeline);
        end_batch(world);
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        take(naive, &batch[i]);
    commit(world);
    commit(naive);
    FUZZ_CHECK(bytes_equal(buffer_bytes(&world->written), buffer_bytes(&naive->written)));
    end_batch(world);
    end_batch(naive);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct operation batch[BATCH_MAX];
    uint32_t count = 0;
    if (catalogue == NULL)
        set_up();
    struct world *world = world_new(), *naive = world_new();
    for (uint32_t n = 0; n < OPERATIONS_MAX && 3 * n + 3 <= size; n++) {
        const uint8_t *at = data + 3 * (size_t)n;
        struct operation operation = {at[0] % HAPPENINGS, at[1], at[2], n};
        bool ends = operation.happening == COMMIT || operation.happening == ABORT;
        if (!ends) {
            take(world, &operation);
            batch[count++] = operation;
        }
        if (ends || count == BATCH_MAX) {
            finish(world, naive, batch, count, operation.happening != ABORT, operation.who % 2);
            count = 0;
        }
    }
    pipeline_aborted(world->pipeline);
    end_batch(world);
    check_same(world, naive);
    world_free(world);
    world_free(naive);
    return 0;
}

void fuzz_seeds(struct fuzz_sink *sink)
{
    for (uint32_t seed = 1; seed <= 4; seed++) {
        struct random random = random_from(seed);
        struct buffer operations = {0};
        for (uint32_t i = 0; i < 40 * seed; i++) {
            uint32_t happening = random_one_in(&random, 5) ? COMMIT + random_below(&random, 2)
                                                           : random_below(&random, COMMIT);
            buffer_byte(&operations, (char)happening);
            buffer_byte(&operations, (char)random_next(&random));
            buffer_byte(&operations, (char)random_next(&random));
        }
        sink->add(sink, buffer_bytes(&operations));
        buffer_release(&operations);
    }
}
