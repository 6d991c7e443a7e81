/* Embeddings: learns the items' vectors and the session encoder's gates from the item that a
 * visitor takes next. One pass over the log, click by click.
 *
 * recommend/candidates/session_encoder.h has the model: h, the session's vector, and u, the items'
 * vectors. The next item is c with probability proportional to
 *
 *     exp(12 h . n(u_c) - ln max(1, q_c))      q_c: the clicks on c in the ring of last clicks
 *
 * The loss is the softmax cross-entropy over the target and negatives that are drawn from the ring.
 * The second term corrects for the draw (Bengio, Senecal 2008, "Adaptive importance sampling").
 *
 * A batch is ENCODER_BATCH new samples and ENCODER_REPLAYED samples drawn from the ring; they share
 * the negatives. Rows step by row-wise Adagrad (Duchi, Hazan, Singer 2011):
 *
 *     a_i += mean(g^2),  u -= .1 g / sqrt(a_i)
 *
 * Gates step elementwise, with rate .02. Gradients of the softmax below .02 are left out.
 *
 * A record that takes an activity back, or counts it again, teaches nothing: vectors cannot
 * unlearn.
 *
 * Above limits.encoder_clicks_per_second_max, in the log's own time, the fold learns from a sample
 * of the clicks, chosen by their number in the log.
 *
 * Every draw is a hash of the batch's number, and all arithmetic is that of math/kernels.h. So the
 * same log gives the same vectors, bit by bit, on every machine. A row whose numbers leave the
 * range is drawn again: no NaN and no infinity stays. */
#include "processors/math/kernels.h"
#include "processors/processor.h"
#include "processors/recommend/candidates/session_encoder.h"
#include "schemas/rate_sample.h"

#include <math.h>

#define SAMPLES (ENCODER_BATCH + ENCODER_REPLAYED)
#define STRIDE (ENCODER_NEGATIVES + LANES) /* the target stands behind the negatives */
#define TEMPERATURE 12.0f
#define RATE .1f
#define GATE_RATE .02f
#define GRADIENT_MIN 2e-2f
#define RING_MIN 200 /* clicks before anything is learned */
#define REPLAY_TRIES 4
#define OUT_OF_REACH (-1e9f)

/* One sample on its way through the batch. */
struct pass {
    const struct sample *sample;
    uint32_t target; /* places */
    uint32_t before[ENCODER_ITEMS];
    float inverse;               /* of the norm of the sum */
    float gradient[VECTOR_SIZE]; /* of h */
    float target_gradient;       /* of its logit, times the temperature */
};

struct batch {
    const struct kernels *kernels;
    struct vectors *vectors;
    struct pass passes[SAMPLES];
    uint32_t count;
    uint32_t negatives[ENCODER_NEGATIVES]; /* places */
    uint32_t negative_count;
    float inverse_norms[ENCODER_NEGATIVES];
    float log_clicks[ENCODER_NEGATIVES]; /* ln max(1, q) */
    _Alignas(64) float h[SAMPLES][VECTOR_SIZE];
    _Alignas(64) float scores[SAMPLES][STRIDE];
};

static uint32_t place_of(struct model *model, uint32_t item)
{
    uint32_t place = vectors_find(model->vectors, item);
    if (place != PLACE_NONE && model->vectors->used[place])
        return place;
    return vectors_place(model->vectors, item, bytes_hash(model->items[item].id));
}

static void draw_negatives(struct batch *batch, struct model *model)
{
    struct vectors *vectors = batch->vectors;
    uint64_t seed = draw_mix(vectors->steps);
    uint32_t items[ENCODER_NEGATIVES];
    batch->negative_count = ENCODER_NEGATIVES;
    for (uint32_t j = 0; j < ENCODER_NEGATIVES; j += 2) {
        uint64_t hash = draw_mix(seed + j);
        items[j] = vectors->targets[draw_below(hash, vectors->ring_count)];
        items[j + 1] = vectors->targets[draw_below(hash << 32, vectors->ring_count)];
    }
    for (uint32_t j = 0; j < ENCODER_NEGATIVES; j++) {
        batch->negatives[j] = place_of(model, items[j]);
        batch->inverse_norms[j] = vectors->inverse_norms[batch->negatives[j]];
        __builtin_prefetch(&vectors->sums[batch->negatives[j]]);
        uint32_t clicks = vectors->clicks[items[j]];
        batch->log_clicks[j] = (float)(clicks > 1 ? clicks - 1 : 0);
    }
    batch->kernels->log1p(batch->log_clicks, 1, 1, ENCODER_NEGATIVES);
}

static void place_sample(struct model *model, struct pass *pass)
{
    const struct sample *sample = pass->sample;
    pass->target = place_of(model, sample->target);
    for (uint32_t p = 0; p < sample->before_count; p++)
        pass->before[p] = place_of(model, sample->before[p]);
}

/* Softmax over negatives and target. The scores become probabilities times the temperature. */
static void forward(struct batch *batch)
{
    const struct kernels *kernels = batch->kernels;
    const struct vectors *vectors = batch->vectors;
    uint32_t n = batch->negative_count;
    for (uint32_t s = 0; s < batch->count; s++) {
        struct pass *pass = &batch->passes[s];
        pass->inverse =
            encoder_sum(kernels, vectors, pass->before, pass->sample->before_count, batch->h[s]);
    }
    kernels->dot_rows(vectors->rows, batch->negatives, n, VECTOR_SIZE, batch->h[0], batch->count,
                      batch->scores[0], STRIDE);
    for (uint32_t s = 0; s < batch->count; s++) {
        struct pass *pass = &batch->passes[s];
        float *scores = batch->scores[s];
        float most =
            kernels->logits(scores, batch->inverse_norms, TEMPERATURE, batch->log_clicks, n);
        kernels->replace(scores, batch->negatives, pass->target, OUT_OF_REACH, n);
        uint32_t clicks = vectors->clicks[pass->sample->target];
        scores[n] = kernels->dot(batch->h[s], vectors_row(vectors, pass->target), VECTOR_SIZE) *
                        vectors->inverse_norms[pass->target] * TEMPERATURE -
                    kernels_log((float)(clicks > 1 ? clicks : 1));
        for (uint32_t j = n + 1; j < n + LANES; j++)
            scores[j] = OUT_OF_REACH;
        most = scores[n] > most ? scores[n] : most;
        float sum = kernels->exponential(scores, most, n + LANES);
        kernels->scale(scores, TEMPERATURE / sum, n + LANES);
        pass->target_gradient = scores[n] - TEMPERATURE;
    }
}

/* A step of the row along the gradient of its direction. */
static void step(struct batch *batch, uint32_t place, const float *gradient)
{
    struct vectors *vectors = batch->vectors;
    float squared = batch->kernels->turn_step(vectors_row(vectors, place), gradient,
                                              vectors->inverse_norms[place], &vectors->sums[place],
                                              RATE, VECTOR_SIZE);
    if (!(squared < VECTOR_SQUARED_MAX) || !isfinite(vectors->sums[place])) {
        vectors_reset(vectors, place, place);
        return;
    }
    vectors_changed(vectors, place, 1 / sqrtf(squared + 1e-9f));
}

/* The negatives whose gradient counts in at least one sample. */
static uint32_t find_heavy(const struct batch *batch, uint32_t *ret_negatives)
{
    float most[ENCODER_NEGATIVES];
    uint32_t count = 0;
    memcpy(most, batch->scores[0], sizeof most);
    for (uint32_t s = 1; s < batch->count; s++)
        batch->kernels->larger(most, batch->scores[s], batch->negative_count);
    for (uint32_t j = 0; j < batch->negative_count; j++) {
        ret_negatives[count] = j;
        count += most[j] >= GRADIENT_MIN;
    }
    return count;
}

/* Adds the negatives' part to the gradients of h, then steps the negatives. */
static void backward_negatives(struct batch *batch)
{
    const struct kernels *kernels = batch->kernels;
    struct vectors *vectors = batch->vectors;
    uint32_t negatives[ENCODER_NEGATIVES], places[ENCODER_NEGATIVES];
    uint32_t count = find_heavy(batch, negatives);
    for (uint32_t s = 0; s < batch->count; s++) {
        float weights[ENCODER_NEGATIVES];
        uint32_t used = 0;
        for (uint32_t i = 0; i < count; i++) {
            uint32_t j = negatives[i];
            weights[used] = batch->scores[s][j] * batch->inverse_norms[j];
            places[used] = batch->negatives[j];
            used += batch->scores[s][j] >= GRADIENT_MIN;
        }
        kernels->combine_rows(batch->passes[s].gradient, weights, vectors->rows, places, used,
                              VECTOR_SIZE);
    }
    for (uint32_t i = 0; i < count; i++) {
        float gradient[VECTOR_SIZE], weights[SAMPLES];
        for (uint32_t s = 0; s < batch->count; s++) {
            float weight = batch->scores[s][negatives[i]];
            weights[s] = weight >= GRADIENT_MIN ? weight : 0;
        }
        kernels->multiple(gradient, batch->h[0], weights[0], VECTOR_SIZE);
        kernels->combine(gradient, weights + 1, batch->h[1], batch->count - 1, VECTOR_SIZE);
        step(batch, batch->negatives[negatives[i]], gradient);
    }
}

static void backward_target(struct batch *batch, struct pass *pass, const float *h)
{
    const struct kernels *kernels = batch->kernels;
    const struct vectors *vectors = batch->vectors;
    const float *row = vectors_row(vectors, pass->target);
    float inverse = vectors->inverse_norms[pass->target];
    float gradient[VECTOR_SIZE];
    kernels->add(pass->gradient, row, pass->target_gradient * inverse, VECTOR_SIZE);
    kernels->multiple(gradient, h, pass->target_gradient, VECTOR_SIZE);
    step(batch, pass->target, gradient);
}

static void backward_session(struct batch *batch, struct pass *pass, const float *h)
{
    const struct kernels *kernels = batch->kernels;
    struct vectors *vectors = batch->vectors;
    /* h is the direction of a sum: the gradient of the sum follows from that of h. */
    kernels->add(pass->gradient, h, -kernels->dot(pass->gradient, h, VECTOR_SIZE), VECTOR_SIZE);
    kernels->scale(pass->gradient, pass->inverse, VECTOR_SIZE);
    for (uint32_t p = 0; p < pass->sample->before_count; p++) {
        uint32_t place = pass->before[p];
        float *gates = vectors->gates + p * VECTOR_SIZE;
        float inverse = vectors->inverse_norms[place];
        float of_row[VECTOR_SIZE], of_gates[VECTOR_SIZE];
        kernels->product(of_row, pass->gradient, 1, gates, VECTOR_SIZE);
        kernels->product(of_gates, pass->gradient, inverse, vectors_row(vectors, place),
                         VECTOR_SIZE);
        if (isfinite(kernels->dot(of_gates, of_gates, VECTOR_SIZE)))
            kernels->adagrad(gates, vectors->gate_sums + p * VECTOR_SIZE, of_gates, GATE_RATE, 0,
                             VECTOR_SIZE);
        step(batch, place, of_row);
    }
}

static const struct sample *replayed(const struct vectors *vectors, uint64_t seed)
{
    for (int i = 0; i < REPLAY_TRIES; i++) {
        const struct sample *sample =
            &vectors->ring[draw_below(draw_mix(seed + (uint64_t)i), vectors->ring_count)];
        if (sample->before_count > 0)
            return sample;
    }
    return NULL;
}

static void learn(struct model *model)
{
    struct vectors *vectors = model->vectors;
    struct batch batch = {.kernels = kernels_best(), .vectors = vectors};
    for (uint32_t i = 0; i < vectors->pending_count; i++)
        batch.passes[batch.count++].sample = &vectors->pending[i];
    for (uint32_t i = 0; i < ENCODER_REPLAYED; i++) {
        const struct sample *sample =
            replayed(vectors, draw_mix(~vectors->steps) + i * REPLAY_TRIES);
        if (sample)
            batch.passes[batch.count++].sample = sample;
    }
    for (uint32_t s = 0; s < batch.count; s++)
        place_sample(model, &batch.passes[s]);
    draw_negatives(&batch, model);
    forward(&batch);
    backward_negatives(&batch);
    for (uint32_t s = 0; s < batch.count; s++) {
        backward_target(&batch, &batch.passes[s], batch.h[s]);
        backward_session(&batch, &batch.passes[s], batch.h[s]);
    }
    vectors->pending_count = 0;
    vectors->steps++;
}

/* Whether the fold learns from this click: from each below the bound, from a sample above it. */
static bool is_chosen(struct vectors *vectors, int64_t time_ms, uint32_t rate_max)
{
    vectors->seen++;
    vectors->dirty = true;
    return rate_sample_choose(&vectors->rate, time_ms, rate_max, draw_mix(vectors->seen));
}

static void fold(struct model *model, const struct interaction *interaction)
{
    struct vectors *vectors = model->vectors;
    struct sample sample = {0};
    enum pair_kind kind;
    if (vectors->limits.items_max == 0 || interaction->change != CHANGE_ACTIVITY ||
        interaction->subject.size == 0 || !pair_kind_of(interaction->kind, &kind))
        return;
    uint32_t before[ENCODER_ITEMS], count = interaction->before_count;
    count = count < ENCODER_ITEMS ? count : ENCODER_ITEMS;
    sample.target = model_intern(model, interaction->subject, interaction->visitor);
    for (uint32_t i = 0; i < count; i++)
        before[i] = model_intern(model, interaction->before[i].item_id, interaction->visitor);
    model_drop_evicted(model, &sample.target, 1);
    model_drop_evicted(model, before, count);
    if (sample.target == ITEM_NONE)
        return;
    for (uint32_t i = 0; i < count && before[i] != ITEM_NONE; i++)
        sample.before[sample.before_count++] = before[i];
    vectors_remember(vectors, &sample);
    bool learned =
        is_chosen(vectors, interaction->event_time_ms, model->limits.encoder_clicks_per_second_max);
    if (!learned || sample.before_count == 0 || vectors->ring_count < RING_MIN)
        return;
    vectors->pending[vectors->pending_count++] = sample;
    if (vectors->pending_count == ENCODER_BATCH)
        learn(model);
}

static const char *const inputs[] = {"interactions", NULL};
static const char *const outputs[] = {NULL};

WEFT_STEP(embeddings) = {
    .name = "embeddings",
    .summary = "learns the items' vectors from the item that visitors take next",
    .stage = STAGE_MODEL,
    .after = "popularity",
    .inputs = inputs,
    .outputs = outputs,
    .table = "vectors",
    .interaction = fold,
};
