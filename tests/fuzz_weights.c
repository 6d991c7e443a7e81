/* The ranker's weights as they are read back: a record of the interactions log and a stored row,
 * any bytes. The input's first byte tells which it is. */
#include "state/weights.h"
#include "tests/fuzz.h"

#define FINGERPRINT 0x0123456789ABCDEFu
#define FEATURES 7

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct weights *weights = weights_new(FEATURES);
    struct bytes input = bytes_of((const char *)data + 1, size - 1);
    struct error error = {0};
    bool dropped = true;
    enum verdict verdict = data[0] == 'r' ? weights_load(weights, input, &dropped)
                                          : weights_read(input, FINGERPRINT, weights, &error);
    FUZZ_CHECK(verdict == VERDICT_OK || verdict == VERDICT_SKIP);
    if (data[0] == 'r' ? verdict == VERDICT_OK && !dropped : verdict == VERDICT_OK)
        FUZZ_CHECK(weights_finite(weights));
    free(weights);
    return 0;
}

void fuzz_seeds(struct fuzz_sink *sink)
{
    struct weights *weights = weights_new(FEATURES);
    struct buffer seed = {0};
    struct store_batch batch = {0};
    struct store_change change;
    size_t at = 0;
    weights->source = 1;
    weights->number = weights->steps = 2;
    weights->samples = 3;
    buffer_byte(&seed, 'd');
    weights_write(weights, FINGERPRINT, &seed);
    sink->add(sink, buffer_bytes(&seed));
    weights_save(weights, MODEL_TABLE_WEIGHTS, &batch);
    FUZZ_CHECK(batch_next(&batch, &at, &change));
    buffer_clear(&seed);
    buffer_byte(&seed, 'r');
    buffer_append(&seed, change.value.at, change.value.size);
    sink->add(sink, buffer_bytes(&seed));
    batch_release(&batch);
    buffer_release(&seed);
    free(weights);
}
