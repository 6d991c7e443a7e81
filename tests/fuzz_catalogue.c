/* Records of products as they come from the wire, into the catalogue, to disk and back. */
#include "schemas/avro_binary.h"
#include "schemas/codec.h"
#include "schemas/event_write.h"
#include "state/catalogue_store.h"
#include "tests/fuzz.h"
#include "tests/test_events.h"

static const struct catalogue_limits limits = {.products_max = 20,
                                               .attribute_names_max = 10,
                                               .attribute_values_max = 15,
                                               .product_attributes_max = 8};
static struct codec *codec; /* made at the first input, kept for all */

static void check(const struct catalogue *catalogue)
{
    uint32_t present = 0;
    for (uint32_t i = 0; i < catalogue->product_count; i++) {
        const struct product *product = &catalogue->products[i];
        struct words words = product_all_words(product);
        present += !product->gone;
        FUZZ_CHECK(catalogue_find(catalogue, product_id(product)) == i);
        FUZZ_CHECK(bytes_utf8(product_title(product)));
        for (uint32_t k = 0; k < words.count; k++) {
            const struct word *word = &catalogue->words.at[words.at[k]];
            FUZZ_CHECK(catalogue_has(catalogue, i, words.at[k]) && word->count > 0);
            FUZZ_CHECK(word->size > 0 && word->size <= WORD_BYTES_MAX);
            FUZZ_CHECK(word->depth <= CATEGORY_DEPTH_MAX);
            FUZZ_CHECK(bytes_utf8(bytes_of(word->text, word->size)));
        }
    }
    FUZZ_CHECK(present == catalogue->present);
}

static void store_and_load(struct catalogue *catalogue)
{
    struct store *store = store_memory_new();
    struct store_batch batch = {0};
    struct error error = {0};
    catalogue_save(catalogue, &batch);
    FUZZ_CHECK(store->write(store, &batch, NULL) == VERDICT_OK);
    struct catalogue *again = catalogue_new(&limits);
    FUZZ_CHECK(catalogue_load(again, store, &error) == VERDICT_OK);
    FUZZ_CHECK(again->present == catalogue->present);
    check(again);
    catalogue_free(again);
    batch_release(&batch);
    store->free(store);
}

/* Records stand one behind the other, each with its size in two bytes before it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct catalogue *catalogue = catalogue_new(&limits);
    if (codec == NULL)
        codec = codec_new(NULL);
    for (size_t at = 0; at + 2 <= size;) {
        size_t length = (size_t)data[at] | (size_t)data[at + 1] << 8;
        struct event event;
        at += 2;
        if (length > size - at)
            length = size - at;
        if (codec_decode(codec, EVENT_PRODUCT, bytes_of(data + at, length), &arena, &event, NULL) ==
            VERDICT_OK) {
            enum catalogue_change change = catalogue_put(catalogue, &event);
            FUZZ_CHECK(change == CATALOGUE_REFUSED ||
                       catalogue_put(catalogue, &event) == CATALOGUE_SAME);
            if (length % 5 == 0)
                catalogue_delete(catalogue, event.item_id);
        }
        at += length;
    }
    check(catalogue);
    store_and_load(catalogue);
    catalogue_free(catalogue);
    arena_release(&arena);
    return 0;
}

void fuzz_seeds(struct fuzz_sink *sink)
{
    struct random random = {.state = 7};
    struct arena arena = {0};
    struct buffer seed = {0}, record = {0};
    for (int i = 0; i < 8; i++) {
        buffer_clear(&seed);
        for (int k = 0; k < 3; k++) {
            struct event event = random_event(&random, &arena, EVENT_PRODUCT);
            buffer_clear(&record);
            if (i % 2) {
                avro_put_header(&record, schema_fingerprint("product"));
                event_write_avro(&event, &record);
            } else {
                event_write_json(&event, false, &record);
            }
            buffer_byte(&seed, (char)(record.size & 0xFF));
            buffer_byte(&seed, (char)(record.size >> 8));
            buffer_append(&seed, record.at, record.size);
        }
        sink->add(sink, buffer_bytes(&seed));
    }
    buffer_release(&seed);
    buffer_release(&record);
    arena_release(&arena);
}
