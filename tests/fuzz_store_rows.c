/* Whole stores with any rows: of the model, of the catalogue and of offsets. A store that is loaded
 * can be used, saved and loaded again.
 *
 * The input's first byte names the family. Rows follow (fuzz_rows.h). */
#include "state/catalogue_store.h"
#include "state/model_store.h"
#define FUZZ_MUTATIONS 300
#define FUZZ_CUT_STEP 3
#include "tests/fuzz.h"
#include "tests/fuzz_rows.h"
#include "tests/steps.h"

#define START_MS 1700000000000

static const struct model_limits limits = {
    .items_max = 6,
    .sweep_steps = 8,
    .row_entries_max = 4,
    .pair_half_life_ms = 1000000,
    .popular_half_life_ms = 1000000,
    .quick_half_life_ms = 1000000,
    .vectors = {.items_max = 3, .ring_max = 12},
    .sessions = {.sessions_max = 5, .postings_max = 3, .gap_ms = 1000},
    .queries = {3, 3},
    .channels = {2, 3},
    .encoder_clicks_per_second_max = 1000,
    .features = 7,
};

static const struct catalogue_limits products = {.products_max = 5,
                                                 .attribute_names_max = 4,
                                                 .attribute_values_max = 6,
                                                 .product_attributes_max = 4};

/* ---- rows ---- */

static bool is_large(struct bytes key, struct bytes value)
{
    return (key.size == 5 && get_be(key.at + 1, 4) > FUZZ_NUMBER_MAX) ||
           (key.size == 1 && value.size == 48 && get_le(value.at + 28, 4) > FUZZ_NUMBER_MAX);
}

static struct store *fill(enum family family, struct bytes rows)
{
    struct store *store = store_memory_new();
    struct store_batch batch = {0};
    struct bytes key, value;
    while (fuzz_next_row(&rows, &key, &value))
        if (!is_large(key, value))
            batch_put(&batch, family, key, value);
    FUZZ_CHECK(store->write(store, &batch, NULL) == VERDICT_OK);
    batch_release(&batch);
    return store;
}

/* ---- the model ---- */

static void save_model(struct model *model, struct store *store)
{
    struct store_batch batch = {0};
    model_save(model, &batch);
    FUZZ_CHECK(store->write(store, &batch, NULL) == VERDICT_OK);
    batch_release(&batch);
}

static void fold(struct model *model, uint32_t turns)
{
    static const struct step *const steps[] = {
        &weft_step_cooccurrence, &weft_step_popularity, &weft_step_session_memory,
        &weft_step_queries,      &weft_step_trends,     &weft_step_channels,
    };
    for (uint32_t i = 0; i < turns; i++) {
        char id[2] = {'a', (char)('a' + i % 20)}, before[2] = {'a', (char)('a' + i % 7)};
        struct interaction interaction = {
            .event_id = bytes_of(id, 2),
            .kind = KIND_VIEW,
            .subject = bytes_of(id, 2),
            .event_time_ms = START_MS + i * 400,
            .price = 5,
            .visitor = i % 5 + 1,
            .search_term = bytes_text(i % 3 ? "red" : "red bag"),
            .channel = bytes_text(i % 2 ? "mail" : "web"),
            .before_count = 1,
            .before[0].item_id = bytes_of(before, 2),
        };
        for (size_t s = 0; s < sizeof steps / sizeof steps[0]; s++)
            steps[s]->interaction(model, &interaction);
    }
}

static void try_model(struct bytes rows)
{
    struct store *store = fill(FAMILY_MODEL, rows);
    struct model *model = model_new(&limits), *again = model_new(&limits);
    struct error error = {0};
    if (model_load(model, store, &error) != VERDICT_OK) {
        FUZZ_CHECK(error.message[0]);
    } else {
        fold(model, 60);
        save_model(model, store);
        FUZZ_CHECK_SAY(model_load(again, store, &error) == VERDICT_OK, error.message);
        FUZZ_CHECK(again->live_count == model->live_count &&
                   again->item_count == model->item_count);
    }
    model_free(model);
    model_free(again);
    store->free(store);
}

/* ---- the catalogue ---- */

static void put_product(struct catalogue *catalogue, uint32_t i)
{
    struct event product;
    char id[2] = {'p', (char)('a' + i)};
    struct bytes categories[] = {bytes_text("A > B"), bytes_text("A > C")};
    struct bytes pairs[] = {bytes_text("fit"), bytes_of("wide", 1 + i % 4)};
    event_init(&product, EVENT_PRODUCT);
    product.item_id = bytes_of(id, 2);
    product.title = bytes_text("Coat");
    product.item_brand = bytes_of("BC", 1 + i % 2);
    product.categories = (struct event_strings){.at = &categories[i % 2], .count = 1};
    product.colors = (struct event_strings){.at = &pairs[1], .count = i % 2};
    product.attributes = (struct event_pairs){.at = pairs, .count = 1};
    product.price = i;
    catalogue_put(catalogue, &product);
}

static void save_catalogue(struct catalogue *catalogue, struct store *store)
{
    struct store_batch batch = {0};
    catalogue_save(catalogue, &batch);
    FUZZ_CHECK(store->write(store, &batch, NULL) == VERDICT_OK);
    batch_release(&batch);
}

static void try_catalogue(struct bytes rows)
{
    struct store *store = fill(FAMILY_CATALOGUE, rows);
    struct catalogue *catalogue = catalogue_new(&products), *again = catalogue_new(&products);
    struct error error = {0};
    if (catalogue_load(catalogue, store, &error) != VERDICT_OK) {
        FUZZ_CHECK(error.message[0]);
    } else {
        for (uint32_t i = 0; i < 12; i++) {
            char id[2] = {'p', (char)('a' + i / 2)};
            put_product(catalogue, i);
            if (i % 3 == 0)
                catalogue_delete(catalogue, bytes_of(id, 2));
        }
        save_catalogue(catalogue, store);
        FUZZ_CHECK_SAY(catalogue_load(again, store, &error) == VERDICT_OK, error.message);
        FUZZ_CHECK(again->present == catalogue->present);
    }
    catalogue_free(catalogue);
    catalogue_free(again);
    store->free(store);
}

/* ---- offsets ---- */

static void try_offsets(struct bytes rows)
{
    static const char tables[] = {OFFSETS_INPUT, OFFSETS_CHANGELOG, OFFSETS_MODEL,
                                  OFFSETS_CATALOGUE, OFFSETS_SECOND_LOOKS};
    struct store *store = fill(FAMILY_OFFSETS, rows);
    for (size_t i = 0; i < sizeof tables; i++) {
        int64_t offset = -7;
        struct error error = {0};
        enum verdict verdict =
            store_get_offset(store, (enum offset_table)tables[i], "t", 1, &offset, &error);
        FUZZ_CHECK(verdict == VERDICT_OK || offset == -7); /* untouched on failure */
        FUZZ_CHECK(verdict != VERDICT_FATAL || error.message[0]);
    }
    store->free(store);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct bytes rows = bytes_of(data + 1, size - 1);
    if (data[0] == 'm')
        try_model(rows);
    else if (data[0] == 'c')
        try_catalogue(rows);
    else
        try_offsets(rows);
    return 0;
}

/* ---- seeds ---- */

static void add_seed(struct fuzz_sink *sink, struct store *store, enum family family, char name)
{
    struct buffer seed = {0};
    buffer_byte(&seed, name);
    fuzz_put_rows(store, family, &seed);
    sink->add(sink, buffer_bytes(&seed));
    buffer_release(&seed);
}

void fuzz_seeds(struct fuzz_sink *sink)
{
    struct store *store = store_memory_new();
    struct model *model = model_new(&limits);
    struct catalogue *catalogue = catalogue_new(&products);
    struct store_batch batch = {0};
    for (uint32_t i = 0; i < 3; i++) {
        fold(model, i + i * i * i);
        save_model(model, store);
        add_seed(sink, store, FAMILY_MODEL, 'm');
        put_product(catalogue, i);
        put_product(catalogue, 3);
        save_catalogue(catalogue, store);
        add_seed(sink, store, FAMILY_CATALOGUE, 'c');
    }
    batch_put_offset(&batch, OFFSETS_INPUT, "t", 1, 77);
    batch_put_offset(&batch, OFFSETS_SECOND_LOOKS, "t", 1, 1);
    FUZZ_CHECK(store->write(store, &batch, NULL) == VERDICT_OK);
    add_seed(sink, store, FAMILY_OFFSETS, 'o');
    batch_release(&batch);
    catalogue_free(catalogue);
    model_free(model);
    store->free(store);
}
