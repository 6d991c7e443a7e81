/* The session encoder: one batch against a naive version in double precision, whose gradients are
 * those of its loss by finite differences; that the same log gives the same bits, sampled or not;
 * and that no number gets in that is none. */
#include "processors/math/kernels.h"
#include "processors/recommend/candidates/session_encoder.h"
#include "tests/steps.h"
#include "tests/test.h"

#include <math.h>

#define TEMPERATURE 12.0
#define GRADIENT_MIN 2e-2
#define START_MS 1700000000000
#define N VECTOR_SIZE

static struct model_limits limits(uint32_t vectors, uint32_t ring)
{
    return (struct model_limits){.items_max = 100000,
                                 .row_entries_max = 8,
                                 .pair_half_life_ms = 1000000,
                                 .popular_half_life_ms = 1000000,
                                 .vectors = {.items_max = vectors, .ring_max = ring},
                                 .encoder_clicks_per_second_max = 1000000};
}

static void click(struct model *model, int64_t time_ms, uint32_t item, const uint32_t *before,
                  uint32_t before_count)
{
    char names[NEIGHBOURS_MAX + 1][16];
    struct interaction interaction = {.kind = KIND_VIEW, .event_time_ms = time_ms};
    snprintf(names[0], sizeof names[0], "item %u", item);
    interaction.subject = bytes_text(names[0]);
    for (uint32_t i = 0; i < before_count; i++) {
        snprintf(names[i + 1], sizeof names[i + 1], "item %u", before[i]);
        interaction.before[i].item_id = bytes_text(names[i + 1]);
    }
    interaction.before_count = before_count;
    weft_step_embeddings.interaction(model, &interaction);
}

static void random_click(struct random *random, struct model *model, int64_t time_ms,
                         uint32_t items)
{
    uint32_t before[ENCODER_ITEMS], count = random_below(random, ENCODER_ITEMS + 1);
    uint32_t item = random_below(random, 1 + random_below(random, items));
    for (uint32_t i = 0; i < count; i++) /* near each other, so that there is something to learn */
        before[i] = (item + random_below(random, 4)) % items;
    click(model, time_ms, item, before, count);
}

/* ---- the naive version ---- */

struct naive_sample {
    uint32_t target, before[ENCODER_ITEMS], before_count; /* places */
};

struct naive {
    uint32_t places, samples, negatives;
    double *rows, *sums; /* [place][N], [place] */
    double gates[ENCODER_ITEMS * N], gate_sums[ENCODER_ITEMS * N];
    struct naive_sample sample[ENCODER_BATCH + ENCODER_REPLAYED];
    uint32_t negative[ENCODER_NEGATIVES];
    double log_clicks[ENCODER_NEGATIVES];
    double target_log_clicks[ENCODER_BATCH + ENCODER_REPLAYED];
};

static double norm_of(const double *x)
{
    double sum = 0;
    for (int k = 0; k < N; k++)
        sum += x[k] * x[k];
    return sqrt(sum);
}

static void naive_session(const struct naive *naive, const struct naive_sample *sample, double *h)
{
    memset(h, 0, N * sizeof *h);
    for (uint32_t p = 0; p < sample->before_count; p++) {
        const double *row = naive->rows + (size_t)sample->before[p] * N;
        double norm = norm_of(row);
        for (int k = 0; k < N; k++)
            h[k] += naive->gates[p * N + (uint32_t)k] * row[k] / norm;
    }
    double norm = norm_of(h);
    for (int k = 0; k < N; k++)
        h[k] /= norm;
}

static double naive_logit(const struct naive *naive, const double *h, uint32_t place,
                          double log_clicks)
{
    const double *row = naive->rows + (size_t)place * N;
    double sum = 0, norm = norm_of(row);
    for (int k = 0; k < N; k++)
        sum += h[k] * row[k] / norm;
    return TEMPERATURE * sum - log_clicks;
}

/* p - y of each negative, the target's last; of the loss of one sample, which is returned. */
static double naive_softmax(const struct naive *naive, uint32_t s, double *ret_g)
{
    const struct naive_sample *sample = &naive->sample[s];
    double h[N], sum = 0, target;
    naive_session(naive, sample, h);
    for (uint32_t j = 0; j < naive->negatives; j++) {
        ret_g[j] = naive->negative[j] == sample->target
                       ? 0
                       : exp(naive_logit(naive, h, naive->negative[j], naive->log_clicks[j]));
        sum += ret_g[j];
    }
    target = exp(naive_logit(naive, h, sample->target, naive->target_log_clicks[s]));
    sum += target;
    for (uint32_t j = 0; j < naive->negatives; j++)
        ret_g[j] /= sum;
    ret_g[naive->negatives] = target / sum - 1;
    return -log(target / sum);
}

/* Adds d loss / d row of a direction, given d loss / d (row / |row|). */
static void add_turned(double *to, const double *gradient, const double *row)
{
    double norm = norm_of(row), along = 0;
    for (int k = 0; k < N; k++)
        along += gradient[k] * row[k] / norm;
    for (int k = 0; k < N; k++)
        to[k] += (gradient[k] - along * row[k] / norm) / norm;
}

/* Gradients of one sample's loss by all rows and gates; probabilities below `least` count as 0. */
static void naive_gradient(const struct naive *naive, uint32_t s, double least, double *rows,
                           double *gates)
{
    const struct naive_sample *sample = &naive->sample[s];
    double g[ENCODER_NEGATIVES + 1], h[N], of_h[N] = {0}, sum[N] = {0}, of_sum[N] = {0};
    naive_softmax(naive, s, g);
    naive_session(naive, sample, h);
    for (uint32_t j = 0; j <= naive->negatives; j++) {
        uint32_t place = j < naive->negatives ? naive->negative[j] : sample->target;
        const double *row = naive->rows + (size_t)place * N;
        double of_direction[N], norm = norm_of(row), weight = TEMPERATURE * g[j];
        if (j < naive->negatives && weight < least)
            continue;
        for (int k = 0; k < N; k++) {
            of_h[k] += weight * row[k] / norm;
            of_direction[k] = weight * h[k];
        }
        add_turned(rows + (size_t)place * N, of_direction, row);
    }
    for (uint32_t p = 0; p < sample->before_count; p++) {
        const double *row = naive->rows + (size_t)sample->before[p] * N;
        for (int k = 0; k < N; k++)
            sum[k] += naive->gates[p * N + (uint32_t)k] * row[k] / norm_of(row);
    }
    add_turned(of_sum, of_h, sum);
    for (uint32_t p = 0; p < sample->before_count; p++) {
        const double *row = naive->rows + (size_t)sample->before[p] * N;
        double of_direction[N];
        for (uint32_t k = 0; k < N; k++) {
            gates[p * N + k] += of_sum[k] * row[k] / norm_of(row);
            of_direction[k] = of_sum[k] * naive->gates[p * N + k];
        }
        add_turned(rows + (size_t)sample->before[p] * N, of_direction, row);
    }
}

static struct naive *random_naive(struct random *random, uint32_t places, uint32_t negatives)
{
    struct naive *naive = memory_zero(1, sizeof *naive);
    naive->places = places;
    naive->negatives = negatives;
    naive->samples = 3;
    naive->rows = memory_get((size_t)places * N * sizeof *naive->rows);
    for (uint32_t i = 0; i < places * N; i++)
        naive->rows[i] = ((double)random_below(random, 2001) - 1000) / 8000;
    for (uint32_t i = 0; i < ENCODER_ITEMS * N; i++)
        naive->gates[i] = (double)(1 + random_below(random, 1000)) / 1000;
    for (uint32_t s = 0; s < naive->samples; s++) {
        struct naive_sample *sample = &naive->sample[s];
        sample->target = random_below(random, places);
        sample->before_count = 1 + random_below(random, ENCODER_ITEMS);
        for (uint32_t p = 0; p < sample->before_count; p++)
            sample->before[p] = random_below(random, places);
    }
    for (uint32_t j = 0; j < negatives; j++) {
        naive->negative[j] = random_below(random, places);
        naive->log_clicks[j] = log(1 + random_below(random, 20));
    }
    return naive;
}

static void free_naive(struct naive *naive)
{
    free(naive->rows);
    free(naive->sums);
    free(naive);
}

static void test_finite_differences(void)
{
    struct random random = random_from(1);
    for (int round = 0; round < 5; round++) {
        struct naive *naive = random_naive(&random, 12, 20);
        double *rows = memory_zero(12 * N, sizeof *rows), gates[ENCODER_ITEMS * N] = {0};
        double g[ENCODER_NEGATIVES + 1];
        for (uint32_t s = 0; s < naive->samples; s++)
            naive_gradient(naive, s, 0, rows, gates);
        for (uint32_t n = 0; n < 400; n++) {
            bool row = n % 2;
            uint32_t at = random_below(&random, (row ? 12 : ENCODER_ITEMS) * N);
            double *x = row ? &naive->rows[at] : &naive->gates[at], before = *x, h = 1e-6;
            double exact = row ? rows[at] : gates[at], up = 0, down = 0;
            *x = before + h;
            for (uint32_t s = 0; s < naive->samples; s++)
                up += naive_softmax(naive, s, g);
            *x = before - h;
            for (uint32_t s = 0; s < naive->samples; s++)
                down += naive_softmax(naive, s, g);
            *x = before;
            CHECK_SAY(fabs((up - down) / (2 * h) - exact) < 1e-5 * (1 + fabs(exact)),
                      "%s %u: %g, not %g", row ? "row" : "gate", at, exact, (up - down) / (2 * h));
        }
        free(rows);
        free_naive(naive);
    }
}

/* ---- the encoder's own batch ---- */

static uint64_t hash_of(uint64_t x)
{
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

static uint32_t below(uint64_t hash, uint32_t n)
{
    return (uint32_t)((hash >> 32) * n >> 32);
}

static void add_sample(struct naive *naive, const struct vectors *vectors,
                       const struct sample *sample)
{
    struct naive_sample *to = &naive->sample[naive->samples];
    uint32_t clicks = vectors->clicks[sample->target];
    naive->target_log_clicks[naive->samples++] = log(clicks > 1 ? clicks : 1);
    to->target = vectors_find(vectors, sample->target);
    to->before_count = sample->before_count;
    for (uint32_t p = 0; p < sample->before_count; p++)
        to->before[p] = vectors_find(vectors, sample->before[p]);
}

/* The batch that the encoder is about to learn: `vectors` as they are before, but with a place for
 * each item. */
static struct naive *batch_of(const struct vectors *vectors)
{
    struct naive *naive = memory_zero(1, sizeof *naive);
    naive->places = vectors->place_count;
    naive->rows = memory_get((size_t)naive->places * N * sizeof *naive->rows);
    naive->sums = memory_get(naive->places * sizeof *naive->sums);
    for (uint32_t place = 0; place < naive->places; place++) {
        naive->sums[place] = (double)vectors->sums[place];
        for (uint32_t k = 0; k < N; k++)
            naive->rows[place * N + k] = (double)vectors_row(vectors, place)[k];
    }
    for (uint32_t i = 0; i < ENCODER_ITEMS * N; i++) {
        naive->gates[i] = (double)vectors->gates[i];
        naive->gate_sums[i] = (double)vectors->gate_sums[i];
    }
    for (uint32_t i = 0; i < vectors->pending_count; i++)
        add_sample(naive, vectors, &vectors->pending[i]);
    for (uint32_t try = 0; try < 4; try++) { /* one of the past, with something before it */
        const struct sample *sample =
            &vectors->ring[below(hash_of(hash_of(~vectors->steps) + try), vectors->ring_count)];
        if (sample->before_count == 0)
            continue;
        add_sample(naive, vectors, sample);
        break;
    }
    naive->negatives = ENCODER_NEGATIVES;
    for (uint32_t j = 0; j < ENCODER_NEGATIVES; j++) {
        uint64_t hash = hash_of(hash_of(vectors->steps) + j / 2 * 2);
        uint32_t item = vectors->targets[below(j % 2 ? hash << 32 : hash, vectors->ring_count)];
        naive->negative[j] = vectors_find(vectors, item);
        naive->log_clicks[j] = log(vectors->clicks[item] > 1 ? vectors->clicks[item] : 1);
    }
    return naive;
}

/* Steps are taken one after the other, each from where the last one ended, but along gradients of
 * the forward pass: so the naive version goes row by row in the same order. */
static void naive_step(struct naive *naive, uint32_t place, const double *of_direction)
{
    double g[N] = {0}, squares = 0, *row = naive->rows + (size_t)place * N;
    add_turned(g, of_direction, row);
    for (int k = 0; k < N; k++)
        squares += g[k] * g[k];
    naive->sums[place] += squares / N;
    for (int k = 0; k < N; k++)
        row[k] -= .1 * g[k] / sqrt(naive->sums[place]);
}

static void naive_learn(struct naive *naive)
{
    enum { S = ENCODER_BATCH + ENCODER_REPLAYED };
    static double g[S][ENCODER_NEGATIVES + 1];
    double h[S][N], of_h[S][N] = {{0}}, inverse[S];
    for (uint32_t s = 0; s < naive->samples; s++) {
        double sum[N] = {0};
        const struct naive_sample *sample = &naive->sample[s];
        naive_softmax(naive, s, g[s]);
        naive_session(naive, sample, h[s]);
        for (uint32_t p = 0; p < sample->before_count; p++) {
            const double *row = naive->rows + (size_t)sample->before[p] * N;
            for (int k = 0; k < N; k++)
                sum[k] += naive->gates[p * N + (uint32_t)k] * row[k] / norm_of(row);
        }
        inverse[s] = 1 / norm_of(sum);
    }
    for (uint32_t j = 0; j < naive->negatives; j++) { /* all before the first step */
        const double *row = naive->rows + (size_t)naive->negative[j] * N;
        double norm = norm_of(row);
        for (uint32_t s = 0; s < naive->samples; s++) {
            double weight = TEMPERATURE * g[s][j];
            for (int k = 0; weight >= GRADIENT_MIN && k < N; k++)
                of_h[s][k] += weight * row[k] / norm;
        }
    }
    for (uint32_t j = 0; j < naive->negatives; j++) {
        double gradient[N] = {0};
        bool any = false;
        for (uint32_t s = 0; s < naive->samples; s++) {
            double weight = TEMPERATURE * g[s][j];
            any = any || weight >= GRADIENT_MIN;
            for (int k = 0; weight >= GRADIENT_MIN && k < N; k++)
                gradient[k] += weight * h[s][k];
        }
        if (any)
            naive_step(naive, naive->negative[j], gradient);
    }
    for (uint32_t s = 0; s < naive->samples; s++) {
        const struct naive_sample *sample = &naive->sample[s];
        const double *row = naive->rows + (size_t)sample->target * N;
        double weight = TEMPERATURE * g[s][naive->negatives], norm = norm_of(row), along = 0;
        double gradient[N];
        for (int k = 0; k < N; k++) {
            of_h[s][k] += weight * row[k] / norm;
            gradient[k] = weight * h[s][k];
        }
        naive_step(naive, sample->target, gradient);
        for (int k = 0; k < N; k++)
            along += of_h[s][k] * h[s][k];
        for (int k = 0; k < N; k++)
            of_h[s][k] = (of_h[s][k] - along * h[s][k]) * inverse[s];
        for (uint32_t p = 0; p < sample->before_count; p++) {
            double *gates = naive->gates + p * N, *sums = naive->gate_sums + p * N;
            double before[N], of_direction[N];
            row = naive->rows + (size_t)sample->before[p] * N;
            norm = norm_of(row);
            memcpy(before, row, sizeof before);
            for (int k = 0; k < N; k++) {
                double of_gate = of_h[s][k] * before[k] / norm;
                of_direction[k] = of_h[s][k] * gates[k];
                sums[k] += of_gate * of_gate;
                gates[k] -= .02 * of_gate / sqrt(sums[k]);
            }
            naive_step(naive, sample->before[p], of_direction);
        }
    }
}

static void test_batch(void)
{
    struct random random = random_from(2);
    struct model_limits of = limits(1000, 2000);
    struct model *model = model_new(&of);
    struct vectors *vectors = model->vectors;
    double moved = 0;
    uint32_t batches = 0;
    for (uint32_t item = 0; item < 50; item++) { /* all have a place, which no batch then makes */
        char name[16];
        snprintf(name, sizeof name, "item %u", item);
        uint32_t known = model_intern(model, bytes_text(name), 0);
        vectors_place(vectors, known, bytes_hash(bytes_text(name)));
    }
    for (uint32_t i = 0; i < 3000; i++) {
        uint64_t steps = vectors->steps;
        uint32_t item = random_below(&random, 50), count = random_below(&random, ENCODER_ITEMS + 1);
        uint32_t before[ENCODER_ITEMS];
        for (uint32_t k = 0; k < count; k++)
            before[k] = (item + k) % 50;
        /* The ring and the samples as they will stand when the batch is learned. */
        if (vectors->pending_count + 1 < ENCODER_BATCH || count == 0 || vectors->ring_count < 200 ||
            !random_one_in(&random, 5)) {
            click(model, START_MS + i, item, before, count);
            continue;
        }
        struct sample sample = {.target = item, .before_count = count};
        memcpy(sample.before, before, sizeof before);
        uint32_t at = vectors->ring_next;
        uint32_t gone =
            vectors->ring_count == of.vectors.ring_max ? vectors->ring[at].target : UINT32_MAX;
        struct sample old = vectors->ring[at];
        vectors->ring[at] = sample;
        vectors->targets[at] = item;
        vectors->clicks[item]++;
        if (gone != UINT32_MAX)
            vectors->clicks[gone]--;
        else
            vectors->ring_count++;
        vectors->pending[vectors->pending_count++] = sample;
        struct naive *naive = batch_of(vectors);
        vectors->pending_count--;
        vectors->clicks[item]--;
        if (gone != UINT32_MAX)
            vectors->clicks[gone]++;
        else
            vectors->ring_count--;
        vectors->ring[at] = old;
        vectors->targets[at] = old.target;
        naive_learn(naive);
        float *rows = memory_get(50 * N * sizeof *rows);
        memcpy(rows, vectors->rows, 50 * N * sizeof *rows);
        click(model, START_MS + i, item, before, count);
        CHECK_INT(vectors->steps, steps + 1);
        batches++;
        for (uint32_t k = 0; k < 50 * N; k++) {
            CHECK_SAY(fabs((double)vectors->rows[k] - naive->rows[k]) < 2e-4,
                      "batch %u, row %u: %g, not %g", batches, k / N, (double)vectors->rows[k],
                      naive->rows[k]);
            moved = fmax(moved, fabs((double)(vectors->rows[k] - rows[k])));
        }
        for (uint32_t k = 0; k < ENCODER_ITEMS * N; k++)
            CHECK(fabs((double)vectors->gates[k] - naive->gates[k]) < 2e-4);
        free(rows);
        free_naive(naive);
    }
    CHECK(batches > 20 && moved > .01);
    model_free(model);
}

/* ---- asking ---- */

static void test_asking(void)
{
    struct random random = random_from(3);
    struct model_limits of = limits(30, 1000);
    struct model *model = model_new(&of);
    struct vectors *vectors = model->vectors;
    for (int i = 0; i < 2000; i++)
        random_click(&random, model, START_MS + i, 60);
    for (int round = 0; round < 200; round++) {
        uint32_t items[12], count = random_below(&random, 12), any = 0;
        float h[N], queries[2][N], scores[2][13];
        double exact[N] = {0}, score;
        for (uint32_t i = 0; i < count; i++)
            items[i] = random_below(&random, model->item_count + 3);
        for (uint32_t p = 0; p < count && p < ENCODER_ITEMS; p++) {
            uint32_t place = vectors_find(vectors, items[p]);
            if (place == PLACE_NONE)
                continue;
            any++;
            for (uint32_t k = 0; k < N; k++)
                exact[k] +=
                    (double)vectors->gates[p * N + k] *
                    (double)(vectors_row(vectors, place)[k] * vectors->inverse_norms[place]);
        }
        CHECK(encoder_session(vectors, items, count, h) == (any > 0));
        if (any == 0)
            continue;
        double norm = norm_of(exact);
        for (int k = 0; k < N; k++)
            CHECK(fabs((double)h[k] - exact[k] / norm) < 1e-5);
        for (uint32_t k = 0; k < N; k++) {
            queries[0][k] = h[k];
            queries[1][k] = h[N - 1 - k];
        }
        encoder_scores(vectors, queries[0], 2, items, count, scores[0], 13);
        for (uint32_t at = 0; at < 2 * count; at++) {
            uint32_t i = at % count;
            const float *query = queries[at / count];
            uint32_t place = vectors_find(vectors, items[i]);
            score = 0;
            for (uint32_t k = 0; k < N && place != PLACE_NONE; k++)
                score += (double)query[k] *
                         (double)(vectors_row(vectors, place)[k] * vectors->inverse_norms[place]);
            CHECK(fabs((double)scores[at / count][i] - score) < 1e-5);
        }
    }
    model_free(model);
}

/* It finds out which items follow each other. */
static void test_learns(void)
{
    struct random random = random_from(4);
    struct model_limits of = limits(1000, 5000);
    struct model *model = model_new(&of);
    uint32_t hits = 0;
    for (uint32_t i = 0; i < 20000; i++) { /* item n is followed by n + 1 */
        uint32_t item = random_below(&random, 100),
                 before[2] = {(item + 99) % 100, (item + 98) % 100};
        click(model, START_MS + i, item, before, 2);
    }
    for (uint32_t item = 0; item < 100; item++) {
        uint32_t recent[2], all[100], best = 0;
        float h[N], scores[100];
        char name[16];
        for (uint32_t i = 0; i < 100; i++) {
            snprintf(name, sizeof name, "item %u", i);
            all[i] = model_find(model, bytes_text(name));
        }
        recent[0] = all[(item + 99) % 100];
        recent[1] = all[(item + 98) % 100];
        CHECK(encoder_session(model->vectors, recent, 2, h));
        encoder_scores(model->vectors, h, 1, all, 100, scores, 100);
        for (uint32_t i = 1; i < 100; i++)
            best = scores[i] > scores[best] ? i : best;
        hits += best == item;
    }
    CHECK_SAY(hits >= 95, "%u of 100", hits);
    model_free(model);
}

/* ---- sampling under load ---- */

static void test_sampling(void)
{
    struct model_limits of = limits(1000, 5000);
    of.encoder_clicks_per_second_max = 400;
    struct model *model = model_new(&of);
    struct random random = random_from(5);
    uint32_t before[1] = {1};
    uint64_t learned[4] = {0};
    for (uint32_t second = 0; second < 40; second++) {
        uint32_t rate = second < 10 || second >= 30 ? 400 : 4000;
        for (uint32_t i = 0; i < rate; i++)
            click(model, START_MS + second * 1000 + i * 1000 / rate, random_below(&random, 50),
                  before, 1);
        if (second % 10 == 9)
            learned[second / 10] = model->vectors->steps * ENCODER_BATCH;
    }
    /* All of 400 clicks a second; of ten times as many no more, nearly. */
    CHECK_SAY(learned[0] >= 3760 && learned[0] <= 4000, "%" PRIu64, learned[0]);
    CHECK_SAY(learned[2] - learned[1] >= 3600 && learned[2] - learned[1] <= 4400, "%" PRIu64,
              learned[2] - learned[1]);
    CHECK(learned[1] - learned[0] <= 10000);
    CHECK(learned[3] - learned[2] >= 3200 && learned[3] - learned[2] <= 4000);
    CHECK_INT(model->vectors->seen, 20 * 400 + 20 * 4000);
    model_free(model);
}

/* ---- what must not get in ---- */

static void check_finite(const struct model *model)
{
    const struct vectors *vectors = model->vectors;
    for (uint32_t place = 0; place < vectors->place_count; place++) {
        CHECK(isfinite(vectors->sums[place]) && vectors->sums[place] > 0 &&
              isfinite(vectors->inverse_norms[place]));
        for (int k = 0; k < N; k++)
            CHECK(isfinite(vectors_row(vectors, place)[k]));
    }
    for (uint32_t i = 0; i < ENCODER_ITEMS * N; i++)
        CHECK(isfinite(vectors->gates[i]) && isfinite(vectors->gate_sums[i]) &&
              vectors->gate_sums[i] > 0);
}

/* Rows that are as large, as small or as wrong as they could get, between batches. */
static void test_overflow(void)
{
    struct random random = random_from(6);
    struct model_limits of = limits(40, 1000);
    struct model *model = model_new(&of);
    struct vectors *vectors = model->vectors;
    const float sizes[] = {1e19f, 1e30f, 3e38f, 1e-20f, 1e-38f, 0, 5e5f};
    for (int i = 0; i < 1000; i++)
        random_click(&random, model, START_MS + i, 60);
    for (int round = 0; round < 300; round++) {
        uint32_t place = random_below(&random, vectors->place_count);
        float size = sizes[random_below(&random, 7)], *row = vectors_row(vectors, place);
        for (int k = 0; k < N; k++)
            row[k] = random_one_in(&random, 2) ? size : -size;
        float squared = kernels_at(0)->dot(row, row, N);
        vectors_changed(vectors, place, 1 / sqrtf(squared + 1e-9f));
        if (random_one_in(&random, 4))
            vectors->sums[place] = random_one_in(&random, 2) ? 3e38f : 1e-38f;
        for (int i = 0; i < 40; i++)
            random_click(&random, model, START_MS + 1000 + round * 40 + i, 60);
        check_finite(model);
        float h[N];
        uint32_t items[3] = {vectors->items[place], 1, 2};
        if (encoder_session(vectors, items, 3, h))
            for (int k = 0; k < N; k++)
                CHECK(isfinite(h[k]));
    }
    model_free(model);
}

/* An item that is all there is. */
static void test_one_item(void)
{
    struct model_limits of = limits(40, 1000);
    struct model *model = model_new(&of);
    uint32_t before[ENCODER_ITEMS] = {0};
    for (int i = 0; i < 5000; i++)
        click(model, START_MS + i, 0, before, 1 + (uint32_t)i % ENCODER_ITEMS);
    CHECK(model->vectors->steps * ENCODER_BATCH > 4000);
    check_finite(model);
    model->vectors->clicks[0] =
        1000000000; /* and a billion times in the ring, if it were as long */
    for (int i = 0; i < 5000; i++)
        click(model, START_MS + 5000 + i, (uint32_t)(i % 7 == 0), before, 1);
    check_finite(model);
    model_free(model);
}

static void test_same_bits(void)
{
    struct model_limits of = limits(40, 1000);
    struct model *models[2] = {model_new(&of), model_new(&of)};
    for (int m = 0; m < 2; m++) {
        struct random random = random_from(7);
        for (int i = 0; i < 5000; i++)
            random_click(&random, models[m], START_MS + i, 60);
    }
    const struct vectors *a = models[0]->vectors, *b = models[1]->vectors;
    CHECK(a->steps > 500 && a->evicted > 10);
    CHECK(memcmp(a->rows, b->rows, a->place_count * N * sizeof *a->rows) == 0);
    CHECK(memcmp(a->sums, b->sums, a->place_count * sizeof *a->sums) == 0);
    CHECK(memcmp(a->gates, b->gates, sizeof a->gates) == 0);
    model_free(models[0]);
    model_free(models[1]);
}

int main(void)
{
    TEST_RUN(test_finite_differences);
    TEST_RUN(test_batch);
    TEST_RUN(test_asking);
    TEST_RUN(test_learns);
    TEST_RUN(test_sampling);
    TEST_RUN(test_overflow);
    TEST_RUN(test_one_item);
    TEST_RUN(test_same_bits);
    return test_done();
}
