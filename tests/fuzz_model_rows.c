/* A stored model whose rows' values are any bytes. */
#include "state/model_store.h"
#include "tests/fuzz.h"

static const struct model_limits limits = {.items_max = 100,
                                           .row_entries_max = 8,
                                           .pair_half_life_ms = 1000000,
                                           .popular_half_life_ms = 1000000,
                                           .quick_half_life_ms = 1000000,
                                           .queries = {10, 10},
                                           .channels = {10, 10}};

/* The input as the value of a row of each table, beside an item that is whole. */
static void load_model_with(struct bytes value)
{
    static const struct {
        const char *key;
        size_t size;
    } keys[] = {{"m", 1},           {"i\0\0\0\1", 5}, {"s\0\0\0\0", 5},
                {"r\0\0\0\0\0", 6}, {"k\0\0\0\0", 5}, {"c\0\0\0\0", 5},
                {"h\0\0\0\0", 5},   {"h", 1},         {"?", 1}};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        struct store *store = store_memory_new();
        struct model *model = model_new(&limits);
        struct store_batch batch = {0};
        struct error error = {0};
        batch_put(&batch, FAMILY_MODEL, bytes_of("i\0\0\0\0", 5), bytes_text("item"));
        batch_put(&batch, FAMILY_MODEL, bytes_of(keys[i].key, keys[i].size), value);
        FUZZ_CHECK(store->write(store, &batch, NULL) == VERDICT_OK);
        if (model_load(model, store, &error) != VERDICT_OK)
            FUZZ_CHECK(error.message[0]);
        batch_release(&batch);
        model_free(model);
        store->free(store);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    load_model_with(bytes_of(data, size));
    return 0;
}

struct adder {
    struct store_visitor visitor;
    struct fuzz_sink *sink;
};

static enum verdict add_row(struct store_visitor *self, struct bytes key, struct bytes value,
                            struct error *error)
{
    (void)key;
    (void)error;
    struct adder *adder = (struct adder *)(void *)self;
    adder->sink->add(adder->sink, value);
    return VERDICT_OK;
}

void fuzz_seeds(struct fuzz_sink *sink)
{
    struct store *store = store_memory_new();
    struct model *model = model_new(&limits);
    struct store_batch batch = {0};
    uint32_t a = model_intern(model, bytes_text("a"), 0),
             b = model_intern(model, bytes_text("b"), 0);
    struct decay decay = decay_at(1700000000000, limits.pair_half_life_ms);
    model_add(model, a, PAIR_VIEW, PAIR_FORWARD, b, PAIR_UNITS, true, decay, 1700000000000, 1);
    model_count(model, a, PAIR_VIEW, decay, 1700000000000);
    trends_add(model->trends, a, PAIR_VIEW, decay, decay, 1700000000000);
    const struct query_activity first = {.visitor = 1, .item = a, .units = 1, .decay = decay};
    const struct query_activity second = {.item = b, .units = 1, .decay = decay};
    queries_add(model->queries, bytes_text("red bag"), &first);
    queries_add(model->channels, bytes_text("web"), &second);
    model_save(model, &batch);
    FUZZ_CHECK(store->write(store, &batch, NULL) == VERDICT_OK);
    struct adder adder = {.visitor.row = add_row, .sink = sink};
    store->scan(store, FAMILY_MODEL, bytes_of("", 0), &adder.visitor, NULL);
    batch_release(&batch);
    model_free(model);
    store->free(store);
}
