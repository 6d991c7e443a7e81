#include "state/weights.h"

#include "schemas/avro.h"
#include "state/model_tables.h"

#include <math.h>

struct weights *weights_new(uint64_t features)
{
    struct weights *weights = memory_aligned(sizeof *weights);
    memset(weights, 0, sizeof *weights);
    weights->features = features;
    return weights;
}

void weights_subtract(struct weights *ret_difference, const struct weights *now,
                      const struct weights *before)
{
    ret_difference->source = ret_difference->number = 0;
    ret_difference->features = now->features;
    ret_difference->steps = now->steps - before->steps;
    ret_difference->merges = 0;
    ret_difference->samples = now->samples - before->samples;
    for (int f = 0; f < FEATURES_MAX; f++) {
        ret_difference->sums[f] = now->sums[f] - before->sums[f];
        ret_difference->squares[f] = now->squares[f] - before->squares[f];
    }
    const float *a = now->runs[0], *b = before->runs[0];
    float *to = ret_difference->runs[0];
    for (int i = 0; i < WEIGHTS_RUNS * WEIGHTS_COUNT; i++)
        to[i] = a[i] - b[i];
}

static void note_source(struct weights *into, const struct weights *difference)
{
    int at = 0;
    while (at < WEIGHTS_SOURCES - 1 && into->sources[at].source != difference->source)
        at++;
    memmove(into->sources + 1, into->sources, (size_t)at * sizeof *into->sources);
    into->sources[0] = (struct weights_source){difference->source, difference->number};
}

uint64_t weights_folded(const struct weights *merged, uint64_t source)
{
    for (int i = 0; i < WEIGHTS_SOURCES; i++)
        if (merged->sources[i].source == source)
            return merged->sources[i].number;
    return 0;
}

static void note(struct weights *into, const struct weights *difference)
{
    if (difference->source != 0)
        note_source(into, difference);
    into->merges++;
}

void weights_refuse(struct weights *into, const struct weights *difference)
{
    note(into, difference);
}

void weights_add(struct weights *into, const struct weights *difference)
{
    note(into, difference);
    into->steps += difference->steps;
    into->samples += difference->samples;
    for (int f = 0; f < FEATURES_MAX; f++) {
        into->sums[f] += difference->sums[f];
        into->squares[f] += difference->squares[f];
    }
    float *to = into->runs[0];
    const float *from = difference->runs[0];
    for (int i = 0; i < WEIGHTS_RUNS * WEIGHTS_COUNT; i++)
        to[i] += from[i];
}

bool weights_finite(const struct weights *weights)
{
    if (!isfinite(weights->samples))
        return false;
    for (int f = 0; f < FEATURES_MAX; f++)
        if (!isfinite(weights->sums[f]) || !isfinite(weights->squares[f]))
            return false;
    const float *numbers = weights->runs[0];
    for (int i = 0; i < WEIGHTS_RUNS * WEIGHTS_COUNT; i++)
        if (!isfinite(numbers[i]))
            return false;
    for (int i = 0; i < WEIGHTS_COUNT; i++)
        if (weights->runs[WEIGHTS_SUMS][i] < 0)
            return false;
    return true;
}

#define STATISTICS_BYTES (2 * sizeof(double) * FEATURES_MAX)
#define NUMBERS_BYTES (sizeof(float) * WEIGHTS_RUNS * WEIGHTS_COUNT)
#define NETWORK_BYTES (sizeof(float) * WEIGHTS_RUNS * WEIGHTS_NETWORK) /* without goals */

/* Reads the runs, with the goals or without. */
static void read_runs(struct weights *weights, struct bytes numbers)
{
    size_t count = numbers.size / sizeof(float) / WEIGHTS_RUNS;
    memset(weights->runs, 0, sizeof weights->runs);
    for (size_t run = 0; run < WEIGHTS_RUNS; run++)
        memcpy(weights->runs[run], numbers.at + run * count * sizeof(float), count * sizeof(float));
}

void weights_write(const struct weights *difference, uint64_t fingerprint, struct buffer *buffer)
{
    avro_put_header(buffer, fingerprint);
    avro_put_long(buffer, (int64_t)difference->source);
    avro_put_long(buffer, (int64_t)difference->number);
    avro_put_long(buffer, (int64_t)difference->features);
    avro_put_long(buffer, (int64_t)difference->steps);
    avro_put_double(buffer, difference->samples);
    avro_put_long(buffer, (int64_t)STATISTICS_BYTES);
    buffer_append(buffer, difference->sums, sizeof difference->sums);
    buffer_append(buffer, difference->squares, sizeof difference->squares);
    avro_put_string(buffer, bytes_of(difference->runs, NUMBERS_BYTES));
}

enum verdict weights_read(struct bytes record, uint64_t fingerprint, struct weights *ret_difference,
                          struct error *error)
{
    struct avro_reader reader = avro_open(record, fingerprint);
    struct weights *in = ret_difference;
    in->source = (uint64_t)avro_get_long(&reader);
    in->number = (uint64_t)avro_get_long(&reader);
    in->features = (uint64_t)avro_get_long(&reader);
    in->steps = (uint64_t)avro_get_long(&reader);
    in->merges = 0;
    in->samples = avro_get_double(&reader);
    struct bytes statistics = avro_get_string(&reader);
    struct bytes numbers = avro_get_string(&reader);
    if (reader.failed || reader.at != reader.end || statistics.size != STATISTICS_BYTES ||
        (numbers.size != NUMBERS_BYTES && numbers.size != NETWORK_BYTES))
        return error_set(error, VERDICT_SKIP, "not a record of the ranker's weights");
    memcpy(in->sums, statistics.at, sizeof in->sums);
    memcpy(in->squares, statistics.at + sizeof in->sums, sizeof in->squares);
    read_runs(in, numbers);
    if (!weights_finite(in))
        return error_set(error, VERDICT_SKIP, "weights that are not finite");
    return VERDICT_OK;
}

/* ---- on disk ----
 *
 * features(8) FEATURES_MAX(4) steps(8) merges(8) samples(8) statistics numbers sources
 */

#define HEADER_BYTES 36

void weights_save(const struct weights *weights, enum model_table table, struct store_batch *batch)
{
    struct buffer value = {0};
    char key[MODEL_KEY_BYTES_MAX];
    uint32_t columns = FEATURES_MAX;
    buffer_append(&value, &weights->features, 8);
    buffer_append(&value, &columns, 4);
    buffer_append(&value, &weights->steps, 8);
    buffer_append(&value, &weights->merges, 8);
    buffer_append(&value, &weights->samples, 8);
    buffer_append(&value, weights->sums, sizeof weights->sums);
    buffer_append(&value, weights->squares, sizeof weights->squares);
    buffer_append(&value, weights->runs, NUMBERS_BYTES);
    buffer_append(&value, weights->sources, sizeof weights->sources);
    batch_put(batch, FAMILY_MODEL, model_key(key, table), buffer_bytes(&value));
    buffer_release(&value);
}

enum verdict weights_load(struct weights *ret_weights, struct bytes value, bool *ret_dropped)
{
    uint64_t features;
    uint32_t columns;
    if (value.size < HEADER_BYTES)
        return VERDICT_SKIP;
    memcpy(&features, value.at, 8);
    memcpy(&columns, value.at + 8, 4);
    *ret_dropped = features != ret_weights->features || columns != FEATURES_MAX;
    if (*ret_dropped)
        return VERDICT_OK;
    size_t around = HEADER_BYTES + STATISTICS_BYTES + sizeof ret_weights->sources;
    if (value.size != around + NUMBERS_BYTES && value.size != around + NETWORK_BYTES)
        return VERDICT_SKIP;
    const char *at = value.at + 12;
    size_t numbers = value.size - around;
    memcpy(&ret_weights->steps, at, 8);
    memcpy(&ret_weights->merges, at + 8, 8);
    memcpy(&ret_weights->samples, at + 16, 8);
    memcpy(ret_weights->sums, at + 24, sizeof ret_weights->sums);
    memcpy(ret_weights->squares, at + 24 + sizeof ret_weights->sums, sizeof ret_weights->squares);
    read_runs(ret_weights, bytes_of(at + 24 + STATISTICS_BYTES, numbers));
    memcpy(ret_weights->sources, at + 24 + STATISTICS_BYTES + numbers, sizeof ret_weights->sources);
    return weights_finite(ret_weights) ? VERDICT_OK : VERDICT_SKIP;
}
