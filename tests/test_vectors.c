/* The vectors' tables against a naive version: places, eviction by the clock, the ring; and that
 * saving and loading at any moment is as if nothing had happened. */
#include "state/vectors.h"
#include "tests/test.h"

#include <math.h>

#define PLACES 40
#define ITEMS 150
#define RING 600 /* more than two chunks, the last one not full */

static const struct vectors_limits limits = {.items_max = PLACES, .ring_max = RING};

struct naive {
    uint32_t items[PLACES];
    bool used[PLACES];
    uint32_t count, hand;
    uint64_t evicted;
    struct sample ring[RING]; /* oldest first */
    uint32_t ring_count;
};

static uint32_t naive_find(const struct naive *naive, uint32_t item)
{
    for (uint32_t place = 0; place < naive->count; place++)
        if (naive->items[place] == item)
            return place;
    return PLACE_NONE;
}

static uint32_t naive_place(struct naive *naive, uint32_t item)
{
    uint32_t place = naive_find(naive, item);
    if (place == PLACE_NONE && naive->count < PLACES) {
        place = naive->count++;
    } else if (place == PLACE_NONE) {
        for (; naive->used[naive->hand]; naive->hand = (naive->hand + 1) % PLACES)
            naive->used[naive->hand] = false;
        place = naive->hand;
        naive->hand = (naive->hand + 1) % PLACES;
        naive->evicted++;
    }
    naive->items[place] = item;
    naive->used[place] = true;
    return place;
}

static void naive_remember(struct naive *naive, const struct sample *sample)
{
    if (naive->ring_count == RING)
        memmove(naive->ring, naive->ring + 1, (RING - 1) * sizeof *naive->ring);
    else
        naive->ring_count++;
    naive->ring[naive->ring_count - 1] = *sample;
}

static bool same_sample(const struct sample *a, const struct sample *b)
{
    return a->target == b->target && a->before_count == b->before_count &&
           memcmp(a->before, b->before, a->before_count * sizeof *a->before) == 0;
}

static void check_naive(const struct vectors *vectors, const struct naive *naive)
{
    CHECK_INT(vectors->place_count, naive->count);
    CHECK_INT(vectors->ring_count, naive->ring_count);
    uint32_t first = naive->ring_count < RING ? 0 : vectors->ring_next;
    for (uint32_t i = 0; i < naive->ring_count; i++) {
        uint32_t at = (first + i) % RING;
        CHECK(same_sample(&vectors->ring[at], &naive->ring[i]) &&
              vectors->targets[at] == naive->ring[i].target);
    }
    for (uint32_t item = 0; item < ITEMS; item++) {
        uint32_t clicks = 0;
        for (uint32_t i = 0; i < naive->ring_count; i++)
            clicks += naive->ring[i].target == item;
        CHECK_INT(vectors_find(vectors, item), naive_find(naive, item));
        CHECK_INT(item < vectors->item_capacity ? vectors->clicks[item] : 0, clicks);
    }
}

/* Everything that learning depends on, bit by bit. */
static void check_same(const struct vectors *a, const struct vectors *b)
{
    uint32_t n = a->place_count;
    CHECK(n == b->place_count && a->hand == b->hand && a->ring_count == b->ring_count &&
          a->ring_next == b->ring_next && a->pending_count == b->pending_count &&
          a->steps == b->steps && a->seen == b->seen && a->rate.second == b->rate.second &&
          a->rate.count == b->rate.count && a->rate.rate == b->rate.rate);
    CHECK(memcmp(a->gates, b->gates, sizeof a->gates) == 0 &&
          memcmp(a->gate_sums, b->gate_sums, sizeof a->gate_sums) == 0);
    if (n > 0)
        CHECK(memcmp(a->rows, b->rows, n * VECTOR_SIZE * sizeof *a->rows) == 0 &&
              memcmp(a->inverse_norms, b->inverse_norms, n * sizeof *a->inverse_norms) == 0 &&
              memcmp(a->sums, b->sums, n * sizeof *a->sums) == 0 &&
              memcmp(a->items, b->items, n * sizeof *a->items) == 0 &&
              memcmp(a->used, b->used, n) == 0);
    for (uint32_t i = 0; i < a->ring_count; i++)
        CHECK(same_sample(&a->ring[i], &b->ring[i]) && a->targets[i] == b->targets[i]);
    for (uint32_t i = 0; i < a->pending_count; i++)
        CHECK(same_sample(&a->pending[i], &b->pending[i]));
    for (uint32_t item = 0; item < ITEMS; item++) {
        CHECK_INT(vectors_find(a, item), vectors_find(b, item));
        CHECK_INT(item < a->item_capacity ? a->clicks[item] : 0,
                  item < b->item_capacity ? b->clicks[item] : 0);
    }
}

/* ---- operations, for two at once ---- */

static struct sample draw_sample(struct random *random)
{
    struct sample sample = {.target = random_below(random, 1 + random_below(random, ITEMS)),
                            .before_count = random_below(random, ENCODER_ITEMS + 1)};
    for (uint32_t i = 0; i < sample.before_count; i++)
        sample.before[i] = random_below(random, ITEMS);
    return sample;
}

/* Changes the rows that an encoder's batch changes, with numbers drawn from `seed`. */
static void learn(struct vectors *vectors, uint32_t place, uint64_t seed)
{
    struct random random = {seed};
    float *row = vectors_row(vectors, place);
    for (int k = 0; k < VECTOR_SIZE; k++)
        row[k] += (float)random_below(&random, 1000) * 1e-4f;
    vectors->sums[place] += .25f;
    vectors_changed(vectors, place, (float)(1 + random_below(&random, 1000)) * 1e-3f);
    vectors->gates[random_below(&random, ENCODER_ITEMS * VECTOR_SIZE)] += .01f;
    vectors->gate_sums[random_below(&random, ENCODER_ITEMS * VECTOR_SIZE)] += .01f;
    vectors->pending_count = 0;
    vectors->steps++;
}

static void wait_for(struct vectors *vectors, const struct sample *sample)
{
    if (vectors->pending_count == ENCODER_PENDING_MAX)
        return;
    vectors->pending[vectors->pending_count++] = *sample;
    vectors->seen++;
    vectors->rate.second = (int64_t)vectors->seen / 7;
    vectors->rate.count = (uint32_t)vectors->seen % 7;
    vectors->rate.rate = (uint32_t)vectors->seen % 11;
    vectors->dirty = true;
}

static void random_operation(struct random *random, struct vectors *vectors[2], struct naive *naive)
{
    struct sample sample = draw_sample(random);
    uint64_t seed = random_next(random);
    uint32_t what = random_below(random, 10), place = naive_find(naive, sample.target);
    for (int i = 0; i < 2; i++) {
        if (what < 3)
            CHECK_INT(vectors_place(vectors[i], sample.target, seed),
                      i == 0 ? (place = naive_place(naive, sample.target)) : place);
        else if (what < 7)
            vectors_remember(vectors[i], &sample);
        else if (what < 8)
            wait_for(vectors[i], &sample);
        else if (place != PLACE_NONE && seed % 8 == 0)
            vectors_reset(vectors[i], place, seed);
        else if (place != PLACE_NONE)
            learn(vectors[i], place, seed);
    }
    if (what >= 3 && what < 7)
        naive_remember(naive, &sample);
}

/* ---- the store ---- */

struct loader {
    struct store_visitor visitor;
    struct vectors *vectors;
};

static enum verdict load_row(struct store_visitor *self, struct bytes key, struct bytes value,
                             struct error *error)
{
    (void)error;
    return vectors_load_row(((struct loader *)(void *)self)->vectors, ITEMS, key, value);
}

/* NULL: refused. */
static struct vectors *load(struct store *store, const struct vectors_limits *of)
{
    struct loader loader = {.visitor.row = load_row, .vectors = vectors_new(of)};
    enum verdict verdict = store->scan(store, FAMILY_MODEL, bytes_of("", 0), &loader.visitor, NULL);
    if (verdict == VERDICT_OK)
        verdict = vectors_loaded(loader.vectors);
    CHECK(verdict == VERDICT_OK || verdict == VERDICT_SKIP);
    if (verdict == VERDICT_OK)
        return loader.vectors;
    vectors_free(loader.vectors);
    return NULL;
}

static void save(struct vectors *vectors, struct store *store)
{
    struct store_batch batch = {0};
    vectors_save(vectors, &batch);
    CHECK(store->write(store, &batch, NULL) == VERDICT_OK);
    batch_clear(&batch);
    vectors_save(vectors, &batch);
    CHECK_INT(batch.count, 0); /* nothing is written twice */
    batch_release(&batch);
}

static void test_random(uint64_t seed, uint32_t operations)
{
    struct random random = random_from(seed);
    struct vectors *vectors[2] = {vectors_new(&limits), vectors_new(&limits)};
    struct naive *naive = memory_zero(1, sizeof *naive);
    struct store *store = store_memory_new();
    for (uint32_t i = 0; i < operations; i++) {
        random_operation(&random, vectors, naive);
        if (random_one_in(&random, 100))
            save(vectors[0], store);
        if (!random_one_in(&random, 200))
            continue;
        save(vectors[0], store);
        vectors_free(vectors[0]);
        vectors[0] = load(store, &limits);
        CHECK(vectors[0] != NULL);
        if (vectors[0] == NULL)
            return;
        check_same(vectors[0], vectors[1]);
        check_naive(vectors[0], naive);
    }
    check_same(vectors[0], vectors[1]);
    check_naive(vectors[1], naive);
    CHECK_INT(vectors[1]->evicted, naive->evicted);
    CHECK(operations < 1000 || naive->evicted > 10);
    vectors_free(vectors[0]);
    vectors_free(vectors[1]);
    store->free(store);
    free(naive);
}

static void test_against_naive(void)
{
    for (uint64_t seed = 1; seed <= 10; seed++)
        test_random(seed, seed % 2 ? 10000 : 300);
}

static void test_new_row(void)
{
    struct vectors *vectors = vectors_new(&limits);
    double sum = 0, squares = 0;
    uint32_t n = 0;
    for (uint32_t item = 0; item < PLACES; item++) {
        uint32_t place = vectors_place(vectors, item, item + 1);
        const float *row = vectors_row(vectors, place);
        double squared = 0;
        for (int k = 0; k < VECTOR_SIZE; k++, n++) {
            sum += (double)row[k];
            squares += (double)row[k] * (double)row[k];
            squared += (double)row[k] * (double)row[k];
        }
        CHECK(fabs((double)vectors->inverse_norms[place] * sqrt(squared) - 1) < 1e-5);
    }
    CHECK(fabs(sum / n) < .005);
    CHECK(fabs(sqrt(squares / n) - 1.0 / 16) < .005);
    float first[VECTOR_SIZE];
    memcpy(first, vectors_row(vectors, 3), sizeof first);
    vectors_row(vectors, 3)[0] = INFINITY;
    vectors_reset(vectors, 3, 4);
    CHECK(memcmp(first, vectors_row(vectors, 3), sizeof first) == 0); /* of the seed alone */
    vectors_free(vectors);
}

static void test_off(void)
{
    struct vectors *vectors = vectors_new(&(struct vectors_limits){.ring_max = RING});
    struct store_batch batch = {0};
    CHECK_INT(vectors_place(vectors, 1, 1), PLACE_NONE);
    CHECK_INT(vectors_find(vectors, 1), PLACE_NONE);
    vectors_save(vectors, &batch);
    CHECK_INT(batch.count, 0);
    CHECK(vectors_load_row(vectors, ITEMS, bytes_text("e"), bytes_text("x")) == VERDICT_OK);
    CHECK(vectors_loaded(vectors) == VERDICT_OK);
    batch_release(&batch);
    vectors_free(vectors);
}

/* ---- damage ---- */

struct rows {
    struct store_visitor visitor;
    struct buffer keys[200], values[200];
    uint32_t count;
};

static enum verdict keep_row(struct store_visitor *self, struct bytes key, struct bytes value,
                             struct error *error)
{
    struct rows *rows = (struct rows *)(void *)self;
    (void)error;
    buffer_append(&rows->keys[rows->count], key.at, key.size);
    buffer_append(&rows->values[rows->count++], value.at, value.size);
    return VERDICT_OK;
}

static void release_rows(struct rows *rows)
{
    for (uint32_t i = 0; i < rows->count; i++) {
        buffer_release(&rows->keys[i]);
        buffer_release(&rows->values[i]);
    }
}

/* Rows of which one is replaced. `ret_refused`: what became of it; what was taken is used for a
 * while, so that a sanitizer sees what is out of bounds. */
static void load_damaged(const struct rows *rows, uint32_t at, struct bytes value,
                         bool *ret_refused)
{
    struct vectors *vectors = vectors_new(&limits);
    struct random random = {at};
    enum verdict verdict = VERDICT_OK;
    for (uint32_t i = 0; i < rows->count && verdict == VERDICT_OK; i++)
        if (i != at || value.at)
            verdict = vectors_load_row(vectors, ITEMS, buffer_bytes(&rows->keys[i]),
                                       i == at ? value : buffer_bytes(&rows->values[i]));
    if (verdict == VERDICT_OK)
        verdict = vectors_loaded(vectors);
    *ret_refused = verdict != VERDICT_OK;
    for (uint32_t i = 0; i < 2 * RING && verdict == VERDICT_OK; i++) {
        struct sample sample = draw_sample(&random);
        vectors_remember(vectors, &sample);
        vectors_place(vectors, sample.target, 1);
    }
    if (verdict == VERDICT_OK)
        for (uint32_t place = 0; place < vectors->place_count; place++)
            for (int k = 0; k < VECTOR_SIZE; k++)
                CHECK(isfinite(vectors_row(vectors, place)[k]));
    vectors_free(vectors);
}

static struct rows *saved_rows(uint64_t seed, uint32_t operations)
{
    struct random random = random_from(seed);
    struct vectors *vectors[2] = {vectors_new(&limits), vectors_new(&limits)};
    struct naive *naive = memory_zero(1, sizeof *naive);
    struct store *store = store_memory_new();
    struct rows *rows = memory_zero(1, sizeof *rows);
    rows->visitor.row = keep_row;
    for (uint32_t i = 0; i < operations; i++)
        random_operation(&random, vectors, naive);
    save(vectors[0], store);
    CHECK(store->scan(store, FAMILY_MODEL, bytes_of("", 0), &rows->visitor, NULL) == VERDICT_OK);
    vectors_free(vectors[0]);
    vectors_free(vectors[1]);
    store->free(store);
    free(naive);
    return rows;
}

static void test_damage(void)
{
    struct rows *rows = saved_rows(21, 2000);
    struct random random = random_from(22);
    struct buffer value = {0};
    bool refused;
    load_damaged(rows, rows->count, bytes_of(NULL, 0), &refused);
    CHECK(!refused);
    for (uint32_t i = 0; i < rows->count; i++) {
        struct bytes whole = buffer_bytes(&rows->values[i]);
        load_damaged(rows, i, bytes_of(NULL, 0), &refused); /* it is missing */
        CHECK_SAY(refused, "row %u is missing", i);
        for (int k = 0; k < 8; k++) {
            load_damaged(rows, i, bytes_of(whole.at, random_below(&random, (uint32_t)whole.size)),
                         &refused);
            CHECK_SAY(refused, "row %u is cut", i);
        }
        buffer_clear(&value);
        buffer_append(&value, whole.at, whole.size);
        buffer_byte(&value, 0);
        load_damaged(rows, i, buffer_bytes(&value), &refused);
        CHECK_SAY(refused, "row %u has a byte more", i);
        for (int k = 0; k < 100; k++) { /* any numbers: refused or harmless */
            buffer_clear(&value);
            buffer_append(&value, whole.at, whole.size);
            for (uint32_t times = 1 + random_below(&random, 4); times > 0; times--)
                value.at[random_below(&random, k % 2 ? 60 : (uint32_t)whole.size) % whole.size] =
                    (char)random_next(&random);
            load_damaged(rows, i, buffer_bytes(&value), &refused);
        }
    }
    buffer_release(&value);
    release_rows(rows);
    free(rows);
}

static void set_number(struct buffer *value, size_t at, const void *number, size_t size)
{
    memcpy(value->at + at, number, size);
}

/* Numbers that must not come in, at their places. */
static void test_refused(void)
{
    struct rows *rows = saved_rows(23, 150); /* the ring is not full, and places are free */
    float nan_number = NAN, infinite = -INFINITY, zero = 0, large = 3e38f;
    uint32_t huge = ITEMS, one = 1, sum_at = 5, inverse_at = 9, vector_at = 13;
    uint32_t gate_at = 5 * 4 + 3 * 8 + 2 * 4,
             gate_sum_at = gate_at + 4 * ENCODER_ITEMS * VECTOR_SIZE;
    const struct {
        char table;
        size_t at;
        const void *number;
    } cases[] = {
        {'p', 0, &huge},
        {'p', sum_at, &nan_number},
        {'p', sum_at, &zero},
        {'p', inverse_at, &infinite},
        {'p', vector_at, &nan_number},
        {'p', vector_at + 252, &infinite},
        {'p', vector_at + 8, &large},
        {'q', 0, &huge},
        {'q', 36, &huge},
        {'e', 0, &one},
        {'e', 4, &huge},
        {'e', 8, &one},
        {'e', 12, &huge},
        {'e', 16, &huge},
        {'e', gate_at, &nan_number},
        {'e', gate_at + 2044, &infinite},
        {'e', gate_sum_at, &infinite},
        {'e', gate_sum_at, &zero},
    };
    struct buffer value = {0};
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        uint32_t i = 0;
        bool refused;
        while (rows->keys[i].at[0] != cases[c].table)
            i++;
        buffer_clear(&value);
        buffer_append(&value, rows->values[i].at, rows->values[i].size);
        set_number(&value, cases[c].at, cases[c].number, 4);
        load_damaged(rows, i, buffer_bytes(&value), &refused);
        CHECK_SAY(refused, "row '%c', number at %zu", cases[c].table, cases[c].at);
    }
    buffer_release(&value);
    release_rows(rows);
    free(rows);
}

/* An empty table whose hand stands somewhere. */
static void test_empty(void)
{
    struct vectors *vectors = vectors_new(&limits);
    struct store_batch batch = {0};
    struct store *store = store_memory_new();
    vectors->hand = 1000000;
    vectors->dirty = true;
    vectors_save(vectors, &batch);
    CHECK(store->write(store, &batch, NULL) == VERDICT_OK);
    CHECK(load(store, &limits) == NULL);
    batch_release(&batch);
    store->free(store);
    vectors_free(vectors);
}

/* A ring of another size, and fewer places than are taken. */
static void test_other_limits(void)
{
    struct random random = random_from(24);
    struct vectors *vectors[2] = {vectors_new(&limits), vectors_new(&limits)};
    struct naive *naive = memory_zero(1, sizeof *naive);
    struct store *store = store_memory_new();
    for (int i = 0; i < 3000; i++)
        random_operation(&random, vectors, naive);
    save(vectors[0], store);
    CHECK(load(store, &(struct vectors_limits){PLACES, RING + 1}) == NULL);
    CHECK(load(store, &(struct vectors_limits){PLACES - 1, RING}) == NULL);
    vectors_free(vectors[0]);
    vectors[0] = load(store, &(struct vectors_limits){PLACES + 5, RING});
    CHECK(vectors[0] && vectors_place(vectors[0], ITEMS + 1, 1) == PLACES);
    vectors_free(vectors[0]);
    vectors_free(vectors[1]);
    store->free(store);
    free(naive);
}

int main(void)
{
    TEST_RUN(test_against_naive);
    TEST_RUN(test_new_row);
    TEST_RUN(test_off);
    TEST_RUN(test_damage);
    TEST_RUN(test_refused);
    TEST_RUN(test_empty);
    TEST_RUN(test_other_limits);
    return test_done();
}
