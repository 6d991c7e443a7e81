/* Stored rows of the vectors, any bytes: refused, or of use afterwards. The input is rows one after
 * the other: the key's table(1) number(1), the value's size(2, little endian), the value. */
#include "state/vectors.h"
#include "tests/fuzz.h"

#include <math.h>

#define ITEMS 10

static const struct vectors_limits limits = {.items_max = 3, .ring_max = 12};

static enum verdict load(struct vectors *vectors, const uint8_t *data, size_t size)
{
    enum verdict verdict = VERDICT_OK;
    while (verdict == VERDICT_OK && size >= 4) {
        size_t value_size = (size_t)(data[2] | data[3] << 8);
        char key[5] = {(char)data[0], 0, 0, 0, (char)data[1]};
        if (value_size > size - 4)
            value_size = size - 4;
        verdict = vectors_load_row(vectors, ITEMS, bytes_of(key, data[0] == 'e' ? 1 : sizeof key),
                                   bytes_of((const char *)data + 4, value_size));
        data += 4 + value_size;
        size -= 4 + value_size;
    }
    return verdict == VERDICT_OK ? vectors_loaded(vectors) : verdict;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vectors *vectors = vectors_new(&limits);
    enum verdict verdict = load(vectors, data, size);
    FUZZ_CHECK(verdict == VERDICT_OK || verdict == VERDICT_SKIP);
    for (uint32_t i = 0; i < 2 * limits.ring_max && verdict == VERDICT_OK; i++) {
        struct sample sample = {.target = i % ITEMS};
        vectors_remember(vectors, &sample);
        FUZZ_CHECK(vectors_place(vectors, i % ITEMS, i) < limits.items_max);
    }
    if (verdict == VERDICT_OK) {
        struct store_batch batch = {0};
        vectors_save(vectors, &batch);
        FUZZ_CHECK(batch.count > 0);
        batch_release(&batch);
        for (uint32_t place = 0; place < vectors->place_count; place++)
            for (int k = 0; k < VECTOR_SIZE; k++)
                FUZZ_CHECK(isfinite(vectors_row(vectors, place)[k]));
    }
    vectors_free(vectors);
    return 0;
}

void fuzz_seeds(struct fuzz_sink *sink)
{
    struct vectors *vectors = vectors_new(&limits);
    struct store_batch batch = {0};
    struct buffer seed = {0};
    for (uint32_t clicks = 0; clicks < 3; clicks++) {
        struct sample sample = {.target = clicks, .before = {5, 6}, .before_count = 2};
        vectors_remember(vectors, &sample);
        vectors_place(vectors, clicks, clicks);
        vectors->pending[0] = sample;
        vectors->pending_count = 1;
        vectors->dirty = true;
        batch_clear(&batch);
        vectors_save(vectors, &batch);
        buffer_clear(&seed);
        struct store_change change;
        for (size_t at = 0; batch_next(&batch, &at, &change);) {
            buffer_byte(&seed, change.key.at[0]);
            buffer_byte(&seed, change.key.at[change.key.size - 1]);
            buffer_byte(&seed, (char)change.value.size);
            buffer_byte(&seed, (char)(change.value.size >> 8));
            buffer_append(&seed, change.value.at, change.value.size);
        }
        sink->add(sink, buffer_bytes(&seed));
    }
    buffer_release(&seed);
    batch_release(&batch);
    vectors_free(vectors);
}
