/* The model's tables against exact sums. */
#include "state/model_store.h"
#include "tests/test.h"

#include <math.h>

#define ITEMS 30
#define HALF_LIFE_MS 3600000
#define START_MS 1700000000000

static struct model *new_model(uint32_t row_entries_max, uint32_t items)
{
    struct model_limits limits = {.items_max = 1000,
                                  .row_entries_max = row_entries_max,
                                  .pair_half_life_ms = HALF_LIFE_MS,
                                  .popular_half_life_ms = HALF_LIFE_MS};
    struct model *model = model_new(&limits);
    for (uint32_t i = 0; i < items; i++) {
        char id[16];
        snprintf(id, sizeof id, "item %u", i);
        CHECK_INT(model_intern(model, bytes_text(id), 0), i);
    }
    return model;
}

static void test_items(void)
{
    struct model *model = new_model(10, 1000);
    CHECK_INT(model_find(model, bytes_text("item 999")), 999);
    CHECK_INT(model_intern(model, bytes_text("item 7"), 0), 7);
    CHECK(model_find(model, bytes_text("item 1000")) == ITEM_NONE);
    CHECK_INT(model_intern(model, bytes_text("item 1000"), 0), 1000); /* another one goes */
    CHECK_INT(model->items_evicted, 1);
    CHECK_INT(model->live_count, 1000);
    CHECK(model_find(model, bytes_of("item 7\0", 7)) == ITEM_NONE);
    model_free(model);
    model_free(NULL);
}

static void test_shift(void)
{
    struct random random = random_from(4);
    for (int by = -2200; by <= 2200; by++) {
        double value = ldexp((double)random_below(&random, 1u << 30), by < 0 ? 0 : -40);
        double shifted = decay_shift(value, by), exact = ldexp(value, by);
        CHECK_SAY(memcmp(&shifted, &exact, sizeof exact) == 0, "%a by %d", value, by);
    }
}

static void test_decay(void)
{
    struct random random = random_from(91);
    for (int i = 0; i < 20000; i++) {
        int64_t time_ms = (int64_t)(random_next(&random) >> 22) - (1ll << 41);
        struct decay decay = decay_at(time_ms, HALF_LIFE_MS);
        CHECK(decay.m >= 1024 && decay.m <= 2048 && decay.m == floor(decay.m));
        double exact = exp2((double)time_ms / HALF_LIFE_MS - decay.k) * 1024;
        CHECK_SAY(fabs(decay.m - exact) < .502, "m %g, exactly %g", decay.m, exact);
        CHECK_REAL(decay_value(decay.m, decay.k, time_ms, HALF_LIFE_MS), decay.m / 1024);
    }
    CHECK_INT(decay_at(-1, 1000).k, -1);
    CHECK_INT(decay_at(0, 1000).k, 0);
    CHECK_REAL(decay_at(0, 1000).m, 1024);
    CHECK_INT(decay_at(999, 1000).k, 0);
}

struct addition {
    uint32_t owner, item;
    int gap;
    int64_t time_ms;
    enum pair_kind kind;
    enum pair_direction direction;
};

static struct addition random_addition(struct random *random, int half_lives)
{
    return (struct addition){
        .owner = random_below(random, 3),
        .item = random_below(random, ITEMS),
        .gap = 1 + (int)random_below(random, 8),
        .time_ms = START_MS + random_below(random, (uint32_t)half_lives * HALF_LIFE_MS),
        .kind = (enum pair_kind)random_below(random, PAIR_KINDS),
        .direction = (enum pair_direction)random_below(random, PAIR_DIRECTIONS),
    };
}

static void apply(struct model *model, const struct addition *addition, int sign, uint64_t chance)
{
    model_add(model, addition->owner, addition->kind, addition->direction, addition->item,
              sign * PAIR_UNITS / addition->gap, addition->gap == 1,
              decay_at(addition->time_ms, HALF_LIFE_MS), addition->time_ms, chance);
}

/* Whole numbers relative to START_MS, so that every sum is exact. */
struct sums {
    double all[ITEMS], one[ITEMS], total, total_one;
};

static void add_sums(struct sums *sums, const struct addition *addition)
{
    struct decay decay = decay_at(addition->time_ms, HALF_LIFE_MS);
    int64_t weight = (int64_t)decay.m * (PAIR_UNITS / addition->gap);
    double value = ldexp((double)weight, decay.k - decay_at(START_MS, HALF_LIFE_MS).k);
    sums->all[addition->item] += value;
    sums->total += value;
    if (addition->gap == 1) {
        sums->one[addition->item] += value;
        sums->total_one += value;
    }
}

static void check_row(const struct row *row, const struct sums *sums)
{
    int shift = row->base - decay_at(START_MS, HALF_LIFE_MS).k;
    uint32_t count = 0;
    bool found[ITEMS] = {false};
    for (int i = 0; i < ITEMS; i++)
        count += sums->all[i] > 0;
    CHECK_INT(row->count, count);
    if (count > 0) {
        CHECK_REAL(ldexp(row->total, shift), sums->total);
        CHECK_REAL(ldexp(row->total_one, shift), sums->total_one);
    }
    for (uint32_t i = 0; i < row->count; i++) {
        const struct row_entry *entry = &row->entries[i];
        CHECK(entry->item < ITEMS && !found[entry->item]);
        found[entry->item] = true;
        CHECK_REAL(ldexp(entry->weight, shift), sums->all[entry->item]);
        CHECK_REAL(ldexp(entry->weight_one, shift), sums->one[entry->item]);
    }
}

static void check_model(const struct model *model, const struct addition *additions, size_t count)
{
    for (uint32_t owner = 0; owner < 3; owner++) {
        for (int row = 0; row < PAIR_KINDS * PAIR_DIRECTIONS; row++) {
            struct sums sums = {.total = 0};
            for (size_t i = 0; i < count; i++)
                if (additions[i].owner == owner &&
                    (int)(additions[i].kind * PAIR_DIRECTIONS + additions[i].direction) == row)
                    add_sums(&sums, &additions[i]);
            check_row(&model->items[owner].rows[row / PAIR_DIRECTIONS][row % PAIR_DIRECTIONS],
                      &sums);
        }
    }
}

/* Additions in a random order, each now and then taken back and added again. Time spans from less
 * than a half-life to so many that the base moves. */
static void test_additions(void)
{
    static struct addition additions[400];
    struct random random = random_from(92);
    for (int round = 0; round < 60; round++) {
        struct model *model = new_model(1000, ITEMS);
        int half_lives = round % 3 == 0 ? 1 : round % 3 == 1 ? 10 : 25;
        size_t count = 1 + random_below(&random, 400);
        for (size_t i = 0; i < count; i++) {
            additions[i] = random_addition(&random, half_lives);
            apply(model, &additions[i], 1, random_next(&random));
            if (random_one_in(&random, 4)) {
                uint32_t back = random_below(&random, (uint32_t)i + 1);
                apply(model, &additions[back], -1, 0);
                apply(model, &additions[back], 1, 0);
            }
        }
        check_model(model, additions, count);
        for (size_t i = 0; i < count; i++)
            apply(model, &additions[i], -1, 0);
        check_model(model, additions, 0);
        for (size_t i = count; i > 0; i--) /* the other way round: the same */
            apply(model, &additions[i - 1], 1, 0);
        check_model(model, additions, count);
        model_free(model);
    }
}

static void test_base_moves(void)
{
    struct model *model = new_model(10, ITEMS);
    struct addition addition = {.item = 1, .gap = 1, .time_ms = START_MS};
    for (int i = 0; i < 1000; i++) {
        apply(model, &addition, 1, 0);
        addition.time_ms += 7 * HALF_LIFE_MS;
    }
    const struct row *row = &model->items[0].rows[0][0];
    int32_t k = decay_at(addition.time_ms - 7 * HALF_LIFE_MS, HALF_LIFE_MS).k;
    CHECK(k - row->base >= 0 && k - row->base <= 30);
    double m = decay_at(START_MS, HALF_LIFE_MS).m, limit = PAIR_UNITS * m / (1 - ldexp(1, -7));
    double weight = ldexp(row->entries[0].weight, row->base - k);
    CHECK_SAY(fabs(weight - limit) < 1e-6 * limit, "%g, not %g", weight, limit);
    CHECK_INT(row->entries[0].last_s, (addition.time_ms - 7 * HALF_LIFE_MS) / 1000);
    model_free(model);
}

static void test_row_bound(void)
{
    struct random random = random_from(93);
    struct model *model = new_model(8, ITEMS);
    for (int i = 0; i < 5000; i++) {
        struct addition addition = random_addition(&random, 5);
        apply(model, &addition, 1, random_next(&random));
        const struct row *row =
            &model->items[addition.owner].rows[addition.kind][addition.direction];
        CHECK(row->count <= 8);
        bool seen[ITEMS] = {false};
        for (uint32_t k = 0; k < row->count; k++) {
            CHECK(!seen[row->entries[k].item] && row->entries[k].weight > 0);
            seen[row->entries[k].item] = true;
            CHECK(k == 0 || row->entries[k - 1].weight >= row->entries[k].weight);
        }
    }
    CHECK(model->entries_evicted > 0);
    model_free(model);
    /* chance 0 always comes in, the largest stays outside */
    model = new_model(1, ITEMS);
    struct addition addition = {.item = 1, .gap = 1, .time_ms = START_MS};
    apply(model, &addition, 1, 0);
    addition.item = 2;
    apply(model, &addition, 1, UINT64_MAX);
    CHECK_INT(model->items[0].rows[0][0].entries[0].item, 1);
    apply(model, &addition, 1, 0);
    CHECK_INT(model->items[0].rows[0][0].entries[0].item, 2);
    CHECK_INT(model->items[0].rows[0][0].count, 1);
    model_free(model);
}

/* ---- popularity ---- */

static double recent_at(const struct model *model, uint32_t item, int32_t k)
{
    return ldexp(model->items[item].counts.recent, model->items[item].counts.base - k);
}

static void test_popular(void)
{
    enum { MANY = 300 };
    struct random random = random_from(94);
    struct model *model = new_model(10, MANY);
    double sums[MANY] = {0};
    uint64_t counts[MANY][PAIR_KINDS] = {{0}};
    int32_t k = decay_at(START_MS, HALF_LIFE_MS).k;
    for (int i = 0; i < 20000; i++) {
        uint32_t item = random_below(&random, 1 + random_below(&random, MANY));
        int64_t time_ms = START_MS + i * 5000ll - random_below(&random, 100000000);
        enum pair_kind kind = (enum pair_kind)random_below(&random, PAIR_KINDS);
        struct decay decay = decay_at(time_ms, HALF_LIFE_MS);
        model_count(model, item, kind, decay, time_ms);
        sums[item] += ldexp(decay.m, decay.k - k);
        counts[item][kind]++;
        if (i % 500 != 0)
            continue;
        CHECK(model->popular_count <= POPULAR_MAX);
        bool in[MANY] = {false};
        for (uint32_t n = 0; n < model->popular_count; n++) {
            CHECK(!in[model->popular[n]]);
            in[model->popular[n]] = true;
            CHECK(n == 0 || recent_at(model, model->popular[n - 1], k) >=
                                recent_at(model, model->popular[n], k));
        }
        double last = recent_at(model, model->popular[model->popular_count - 1], k);
        for (uint32_t n = 0; n < MANY; n++)
            CHECK(in[n] || sums[n] <= last * (model->popular_count == POPULAR_MAX));
    }
    for (uint32_t n = 0; n < MANY; n++) {
        CHECK_SAY(fabs(recent_at(model, n, k) - sums[n]) <= 1e-9 * sums[n], "item %u", n);
        for (int kind = 0; kind < PAIR_KINDS; kind++)
            CHECK_INT(model->items[n].counts.count[kind], counts[n][kind]);
    }
    model_free(model);
}

/* ---- on disk ---- */

static void check_same(const struct model *a, const struct model *b)
{
    CHECK_INT(a->item_count, b->item_count);
    CHECK_INT(a->popular_count, b->popular_count);
    for (uint32_t i = 0; i < a->popular_count; i++)
        CHECK_REAL(recent_at(a, a->popular[i], 0), recent_at(b, b->popular[i], 0));
    for (uint32_t i = 0; i < a->item_count; i++) {
        CHECK_BYTES(a->items[i].id, b->items[i].id);
        const struct item_counts *x = &a->items[i].counts, *y = &b->items[i].counts;
        CHECK(memcmp(x->count, y->count, sizeof x->count) == 0 && x->base == y->base &&
              x->last_ms == y->last_ms);
        CHECK_REAL(x->recent, y->recent);
        for (int row = 0; row < PAIR_KINDS * PAIR_DIRECTIONS; row++) {
            const struct row *p = &a->items[i].rows[row / PAIR_DIRECTIONS][row % PAIR_DIRECTIONS];
            const struct row *q = &b->items[i].rows[row / PAIR_DIRECTIONS][row % PAIR_DIRECTIONS];
            CHECK(p->count == q->count && p->base == q->base);
            CHECK_REAL(p->total, q->total);
            CHECK_REAL(p->total_one, q->total_one);
            if (p->count > 0)
                CHECK(memcmp(p->entries, q->entries, p->count * sizeof *p->entries) == 0);
        }
    }
}

static void save(struct model *model, struct store *store)
{
    struct store_batch batch = {0};
    model_save(model, &batch);
    CHECK(store->write(store, &batch, NULL) == VERDICT_OK);
    batch_clear(&batch);
    model_save(model, &batch);
    CHECK_INT(batch.count, 2); /* nothing changed: the format and the row of the room alone */
    batch_release(&batch);
}

static void check_loaded(const struct model *model, struct store *store)
{
    struct model *loaded = new_model(50, 0);
    struct error error = {0};
    CHECK_SAY(model_load(loaded, store, &error) == VERDICT_OK, "%s", error.message);
    check_same(model, loaded);
    CHECK(model_bytes(loaded) > 0);
    model_free(loaded);
}

static void test_save(void)
{
    struct random random = random_from(95);
    char *folder = test_new_folder();
    struct model *model = new_model(50, ITEMS);
    struct store *memory = store_memory_new(), *disk = NULL;
    struct error error = {0};
    CHECK_SAY(store_rocksdb_open(folder, false, &disk, &error) == VERDICT_OK, "%s", error.message);
    for (int round = 0; round < 20; round++) {
        for (uint32_t i = random_below(&random, 100); i > 0; i--) {
            struct addition addition = random_addition(&random, 50);
            apply(model, &addition, 1, random_next(&random));
            model_count(model, addition.item, addition.kind,
                        decay_at(addition.time_ms, HALF_LIFE_MS), addition.time_ms);
        }
        struct store_batch batch = {0};
        model_save(model, &batch);
        CHECK(memory->write(memory, &batch, NULL) == VERDICT_OK);
        CHECK(disk->write(disk, &batch, NULL) == VERDICT_OK);
        batch_release(&batch);
        check_loaded(model, memory);
        check_loaded(model, disk);
    }
    save(model, memory);
    model_free(model);
    memory->free(memory);
    disk->free(disk);
    test_remove_folder(folder);
    free(folder);
}

/* A store with a small model, one row of it replaced. */
static void check_refused(struct bytes key, struct bytes value, const char *message)
{
    struct model *model = new_model(10, 3), *loaded = new_model(10, 0);
    struct store *store = store_memory_new();
    struct addition addition = {.item = 1, .gap = 1, .time_ms = START_MS};
    struct store_batch batch = {0};
    struct error error = {0};
    apply(model, &addition, 1, 0);
    save(model, store);
    batch_put(&batch, FAMILY_MODEL, key, value);
    CHECK(store->write(store, &batch, NULL) == VERDICT_OK);
    enum verdict expected = strstr(message, "table '") ? VERDICT_SKIP : VERDICT_FATAL;
    CHECK(model_load(loaded, store, &error) == expected);
    CHECK_CONTAINS(error.message, message);
    batch_release(&batch);
    model_free(model);
    model_free(loaded);
    store->free(store);
}

#define KEY(text) bytes_of(text, sizeof text - 1)

static struct bytes row_bytes(char *to, uint32_t count, uint32_t item, double weight, double one)
{
    double total = 1;
    memset(to, 0, 48);
    memcpy(to, &total, 8);
    memcpy(to + 20, &count, 4);
    memcpy(to + 24, &item, 4);
    memcpy(to + 32, &weight, 8);
    memcpy(to + 40, &one, 8);
    return bytes_of(to, 48);
}

static void test_damaged(void)
{
    static const double weights[] = {0, -1, NAN, INFINITY};
    char row[48], counts[44] = {0};
    double nan = NAN;
    check_refused(KEY("i\177\377\377\377"), bytes_text("far"), "table 'i'");
    check_refused(KEY("i\0\0\0\3"), bytes_text("item 1"), "table 'i'"); /* twice */
    check_refused(KEY("i\0\0\0"), bytes_text("x"), "table 'i'");
    check_refused(KEY("s\0\0\0\3"), bytes_of(counts, 44), "table 's'"); /* of no item */
    check_refused(KEY("s\0\0\0\1"), bytes_of(counts, 43), "table 's'");
    memcpy(counts + 24, &nan, 8);
    check_refused(KEY("s\0\0\0\1"), bytes_of(counts, 44), "table 's'");
    check_refused(KEY("r\0\0\0\0\0"), bytes_of("", 0), "table 'r'");
    check_refused(KEY("r\0\0\0\0"), row_bytes(row, 1, 1, 1, 1), "table 'r'");
    check_refused(KEY("r\6\0\0\0\0"), row_bytes(row, 1, 1, 1, 1), "table 'r'");
    check_refused(KEY("r\377\0\0\0\0"), row_bytes(row, 1, 1, 1, 1), "table 'r'");
    check_refused(KEY("r\0\0\0\0\0"), row_bytes(row, 2, 1, 1, 1), "table 'r'");
    check_refused(KEY("r\0\0\0\0\0"), row_bytes(row, UINT32_MAX, 1, 1, 1), "table 'r'");
    check_refused(KEY("r\0\0\0\0\0"), row_bytes(row, 1, 3, 1, 1), "table 'r'");
    for (size_t i = 0; i < sizeof weights / sizeof weights[0]; i++)
        check_refused(KEY("r\0\0\0\0\0"), row_bytes(row, 1, 1, weights[i], 1), "table 'r'");
    check_refused(KEY("r\0\0\0\0\0"), row_bytes(row, 1, 1, 1, NAN), "table 'r'");
    check_refused(KEY("x\0\0\0\0"), row_bytes(row, 1, 1, 1, 1), "table 'x'");
    check_refused(KEY("m"), bytes_of("\5\0\0\0", 4), "the stored model has format 5");
    check_refused(KEY("a"), bytes_of(counts, 43), "table 'a'");
    check_refused(KEY("b\0\0\0\0"), bytes_of("\1", 1), "table 'b'");
    check_refused(KEY("b\0\0\0\0"), bytes_of("\0abcdefghabcdefgh", 17), "table 'b'");
    check_refused(KEY("b\0\0\0\0"), bytes_of("\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 17),
                  "table 'b'"); /* without a serial */
    check_refused(KEY("b\0\0\0\7"), bytes_of("\1abcdefghabcdefgh", 17), "table 'b'");
    struct model *loaded = new_model(10, 0);
    struct store *empty = store_memory_new();
    CHECK(model_load(loaded, empty, NULL) == VERDICT_OK);
    CHECK_INT(loaded->item_count, 0);
    empty->free(empty);
    model_free(loaded);
}

/* Counts that come and are taken back: the popular ones are the heaviest of all items. */
static void test_uncounted(void)
{
    enum { MANY = 3 * POPULAR_MAX };
    struct random random = random_from(55);
    struct model_limits few = {.items_max = 1000, .row_entries_max = 10};
    struct model *model = model_new(&few);
    static int counted[MANY];
    for (int i = 0; i < MANY; i++) {
        char id[16];
        snprintf(id, sizeof id, "i%d", i);
        CHECK_INT(model_intern(model, bytes_text(id), 0), i);
    }
    for (int step = 0; step < 20000; step++) {
        uint32_t item = random_below(&random, MANY) * random_below(&random, MANY) / MANY;
        struct decay decay = decay_at(1700000000000, 3600000);
        if (step % 3 == 2) {
            model_uncount(model, item, PAIR_VIEW, decay);
            counted[item] -= counted[item] > 0;
        } else {
            model_count(model, item, PAIR_VIEW, decay, 1700000000000);
            counted[item]++;
        }
        if (step % 50 > 0)
            continue;
        int above = 0, least = counted[model->popular[model->popular_count - 1]];
        for (uint32_t i = 0; i < model->popular_count; i++)
            CHECK(i == 0 || counted[model->popular[i - 1]] >= counted[model->popular[i]]);
        for (int i = 0; i < MANY; i++) {
            CHECK_INT(model->items[i].counts.count[PAIR_VIEW], counted[i]);
            above += counted[i] > least;
        }
        CHECK(above < POPULAR_MAX && least > 0);
    }
    model_free(model);
}

int main(void)
{
    TEST_RUN(test_items);
    TEST_RUN(test_shift);
    TEST_RUN(test_decay);
    TEST_RUN(test_additions);
    TEST_RUN(test_base_moves);
    TEST_RUN(test_row_bound);
    TEST_RUN(test_popular);
    TEST_RUN(test_save);
    TEST_RUN(test_damaged);
    TEST_RUN(test_uncounted);
    return test_done();
}
