/* Queries against a naive table, saved and loaded; the bounds; what searches are answered by. */
#include "processors/recommend/search/query_history.h"
#include "processors/recommend/search/text.h"
#include "processors/runtime/driver.h"
#include "state/model_store.h"
#include "tests/steps.h"
#include "tests/test.h"

#include <math.h>

#define START_MS 1700000000000
#define HALF_LIFE_MS 86400000

static struct model *new_model(uint32_t queries_max, uint32_t entries_max)
{
    struct model_limits limits = {.items_max = 1000,
                                  .row_entries_max = 10,
                                  .pair_half_life_ms = HALF_LIFE_MS,
                                  .popular_half_life_ms = HALF_LIFE_MS,
                                  .queries = {queries_max, entries_max}};
    return model_new(&limits);
}

static struct bytes some_text(struct random *random, char *to, size_t size)
{
    static const char *const words[] = {"navy", "wool", "coat", "bag", "red", "silk", "scarf"};
    uint32_t count = 1 + random_below(random, 3);
    size_t used = 0;
    for (uint32_t i = 0; i < count; i++)
        used += (size_t)snprintf(to + used, size - used, "%s%s", i ? " " : "",
                                 words[random_below(random, 7)]);
    return bytes_of(to, used);
}

static void fold_of(struct model *model, uint64_t visitor, struct bytes term, uint32_t item,
                    enum kind kind, int64_t time_ms, uint64_t number)
{
    char id[16];
    snprintf(id, sizeof id, "i%u", item);
    weft_step_queries.interaction(
        model, &(struct interaction){.event_id = bytes_of(&number, sizeof number),
                                     .kind = kind,
                                     .subject = bytes_text(id),
                                     .search_term = term,
                                     .visitor = visitor,
                                     .event_time_ms = time_ms});
}

static void fold(struct model *model, struct bytes term, uint32_t item, enum kind kind,
                 int64_t time_ms, uint64_t number)
{
    fold_of(model, 0, term, item, kind, time_ms, number);
}

static void check_same(const struct queries *a, const struct queries *b)
{
    CHECK_INT(a->count, b->count);
    for (uint32_t i = 0; i < a->count; i++) {
        const struct query_row *x = &a->rows[i], *y = &b->rows[i];
        CHECK_BYTES(query_text(x), query_text(y));
        CHECK_INT(x->base, y->base);
        CHECK(x->total >= y->total && x->total <= y->total);
        CHECK_INT(x->count, y->count);
        for (uint32_t e = 0; e < x->count; e++)
            CHECK(x->entries[e].item == y->entries[e].item &&
                  memcmp(&x->entries[e].weight, &y->entries[e].weight, 8) == 0);
        struct bytes text = query_text(x), word;
        CHECK_INT(queries_find(b, text), i);
        while (query_next_word(&text, &word)) {
            const struct query_word *p = queries_word(a, word), *q = queries_word(b, word);
            CHECK(p && q && p->count == q->count &&
                  memcmp(p->at, q->at, p->count * sizeof *p->at) == 0);
        }
    }
}

/* A model that is saved piece by piece loads as the same model, and goes on the same from there. */
static struct model *reload(struct model *model, struct store *store)
{
    struct store_batch batch = {0};
    struct error error = {0};
    model_save(model, &batch);
    CHECK(store->write(store, &batch, &error) == VERDICT_OK);
    batch_release(&batch);
    struct model *loaded = model_new(&model->limits);
    CHECK_SAY(model_load(loaded, store, &error) == VERDICT_OK, "%s", error.message);
    check_same(model->queries, loaded->queries);
    return loaded;
}

#define TEXTS 500

static void test_random(void)
{
    struct random random = random_from(7);
    static double naive[TEXTS][40]; /* units as of START_MS */
    static char texts[TEXTS][64];
    uint32_t text_count = 0;
    struct store *store = store_memory_new();
    struct model *model = new_model(10000, 1000);
    for (int i = 0; i < 5000; i++) {
        char text[64];
        struct bytes term = some_text(&random, text, sizeof text);
        uint32_t item = random_below(&random, 40), at = 0;
        enum kind kind = (enum kind)random_below(&random, KINDS);
        int64_t time_ms = START_MS + random_below(&random, 60) * (int64_t)HALF_LIFE_MS;
        fold(model, term, item, kind, time_ms, (uint64_t)i);
        if (kind == KIND_VIEW || kind == KIND_CART || kind == KIND_PURCHASE) {
            while (at < text_count && !bytes_equal(bytes_text(texts[at]), term))
                at++;
            if (at == text_count)
                snprintf(texts[text_count++], sizeof texts[0], "%.*s", (int)term.size, term.at);
            naive[at][item] += (kind == KIND_CART       ? 3
                                : kind == KIND_PURCHASE ? 6
                                                        : 1) *
                               exp2((double)((time_ms - START_MS) / HALF_LIFE_MS));
        }
        if (i % 1000 == 777) {
            struct model *loaded = reload(model, store);
            model_free(model);
            model = loaded;
        }
    }
    CHECK_INT(model->queries->count, text_count);
    double scale = decay_at(START_MS, HALF_LIFE_MS).m;
    int32_t k = decay_at(START_MS, HALF_LIFE_MS).k;
    for (uint32_t i = 0; i < text_count; i++) {
        uint32_t query = queries_find(model->queries, bytes_text(texts[i]));
        CHECK(query != QUERY_NONE);
        const struct query_row *row = &model->queries->rows[query];
        for (uint32_t e = 0; e < row->count; e++) {
            char id[16];
            uint32_t item = 0;
            snprintf(id, sizeof id, "%.*s", (int)model->items[row->entries[e].item].id.size,
                     model->items[row->entries[e].item].id.at);
            item = (uint32_t)atoi(id + 1);
            double found = ldexp(row->entries[e].weight, row->base - k) / scale;
            CHECK(fabs(found / naive[i][item] - 1) < 1e-9);
            naive[i][item] = 0;
        }
        for (uint32_t item = 0; item < 40; item++)
            CHECK(!(naive[i][item] > 0)); /* each was there */
    }
    CHECK_INT(model->queries->evicted + model->queries->entries_evicted, 0);
    model_free(model);
    store->free(store);
}

/* Full tables: counted, found by their texts and words, the same on every machine and after
 * loading; what is asked often stays. */
static void test_bounds(void)
{
    struct random random = random_from(8);
    struct store *store = store_memory_new();
    struct model *model = new_model(50, 4), *twin = new_model(50, 4);
    for (uint64_t i = 0; i < 4000; i++) {
        char text[64];
        uint32_t item = random_below(&random, 30), draw = random_below(&random, 400);
        struct bytes term = bytes_text("often asked");
        if (random_one_in(&random, 5) == false)
            term = bytes_of(text, (size_t)snprintf(text, sizeof text, "word%u asked", draw));
        uint64_t visitor = random_below(&random, 3); /* 0: not known */
        fold_of(model, visitor, term, item, KIND_VIEW, START_MS + (int64_t)i * 1000, i);
        fold_of(twin, visitor, term, item, KIND_VIEW, START_MS + (int64_t)i * 1000, i);
        CHECK(model->queries->count <= 50);
        if (i % 500 == 499) {
            struct model *loaded = reload(model, store);
            loaded->queries->evicted = model->queries->evicted;
            loaded->queries->entries_evicted = model->queries->entries_evicted;
            model_free(model);
            model = loaded;
        }
    }
    check_same(model->queries, twin->queries);
    CHECK(model->queries->evicted > 1000 && model->queries->entries_evicted > 100);
    CHECK_INT(model->queries->evicted, twin->queries->evicted);
    uint32_t often = queries_find(model->queries, bytes_text("often asked"));
    CHECK(often != QUERY_NONE && model->queries->rows[often].total > 500 * 1024);
    CHECK_INT(model->queries->rows[often].count, 4);
    CHECK_INT(queries_word(model->queries, bytes_text("asked"))->count, 50);
    for (uint32_t i = 0; i < 400; i++) { /* whoever is not found is not listed either */
        char text[64], word[16];
        snprintf(word, sizeof word, "word%u", i);
        snprintf(text, sizeof text, "%s asked", word);
        CHECK((queries_find(model->queries, bytes_text(text)) != QUERY_NONE) ==
              (queries_word(model->queries, bytes_text(word)) != NULL));
    }
    struct model *off = new_model(0, 4);
    fold(off, bytes_text("x"), 1, KIND_VIEW, START_MS, 1);
    fold(off, bytes_text(""), 1, KIND_VIEW, START_MS, 2);
    CHECK_INT(off->queries->count, 0);
    model_free(off);
    model_free(model);
    model_free(twin);
    store->free(store);
}

/* Invented terms push out each other, though a purchase of many items makes each of them heavy. */
static void test_flood(void)
{
    struct model *model = new_model(100, 10);
    char text[64];
    uint64_t number = 0;
    for (uint32_t i = 0; i < 2 * 80; i++) {
        struct bytes term = bytes_of(text, (size_t)snprintf(text, sizeof text, "real %u", i % 80));
        fold_of(model, 1 + i / 80, term, i % 30, KIND_VIEW, START_MS, number++);
    }
    for (uint32_t i = 0; i < 2000; i++) {
        struct bytes term = bytes_of(text, (size_t)snprintf(text, sizeof text, "invented %u", i));
        for (uint32_t k = 0; k < 10; k++)
            fold_of(model, 100 + i, term, k, KIND_PURCHASE, START_MS, number++);
    }
    for (uint32_t i = 0; i < 80; i++) {
        snprintf(text, sizeof text, "real %u", i);
        CHECK_SAY(queries_find(model->queries, bytes_text(text)) != QUERY_NONE, "%s is lost", text);
    }
    CHECK_INT(model->queries->evicted, 2000 - 20);
    CHECK_INT(model->queries->unseated, 0);
    for (uint64_t visitor = 1; visitor < 3; visitor++) /* new ones still come */
        fold_of(model, visitor, bytes_text("late"), 1, KIND_VIEW, START_MS, number++);
    CHECK(!number_queue_has(&model->queries->probation,
                            queries_find(model->queries, bytes_text("late"))));
    model_free(model);
}

static void test_damaged(void)
{
    struct queries_limits limits = {10, 10};
    struct model *model = new_model(10, 10);
    struct store_batch batch = {0};
    fold(model, bytes_text("red bag"), 1, KIND_VIEW, START_MS, 1);
    char key[5] = {'k', 0, 0, 0, 0};
    char row[1 + 7 + 8 + 4 + 4 + 12] = {7, 'r', 'e', 'd', ' ', 'b', 'a', 'g'};
    double total = 1024, weight = 1024;
    uint32_t count = 1, item = 0;
    memcpy(row + 8, &total, 8);
    memcpy(row + 20, &count, 4);
    memcpy(row + 24, &item, 4);
    memcpy(row + 28, &weight, 8);
    for (size_t size = 0; size <= sizeof row; size++) {
        struct queries *queries = queries_new(&limits, MODEL_TABLE_QUERIES);
        char *copy = memory_get(size ? size : 1);
        memcpy(copy, row, size);
        CHECK((queries_load_row(queries, 1, bytes_of(key, 5), bytes_of(copy, size)) ==
               VERDICT_OK) == (size == sizeof row));
        CHECK(queries_load_row(queries, 1, bytes_of(key, 5), bytes_of(row, sizeof row)) ==
                  VERDICT_OK ||
              queries->count > 0); /* its number is taken, if it was good */
        free(copy);
        queries_free(queries);
    }
    struct queries *queries = queries_new(&limits, MODEL_TABLE_QUERIES);
    CHECK(queries_load_row(queries, 0, bytes_of(key, 5), bytes_of(row, sizeof row)) ==
          VERDICT_SKIP); /* no such item */
    queries_free(queries);
    batch_release(&batch);
    model_free(model);
}

/* ---- answers ---- */

static void test_answers(void)
{
    struct model *model = new_model(100, 100);
    struct top_item items[10];
    for (uint64_t i = 0; i < 40; i++)
        fold(model, bytes_text("navy coat"), i % 4 ? 1 : 2, KIND_VIEW, START_MS, i);
    fold(model, bytes_text("navy coat"), 3, KIND_PURCHASE, START_MS, 100);
    fold(model, bytes_text("silk scarf"), 4, KIND_CART, START_MS, 101);
    uint32_t count = query_history_top(model, bytes_text("NAVY Coats!"), START_MS, 10, items);
    CHECK_INT(count, 3);
    CHECK_BYTES(model->items[items[0].item].id, bytes_text("i1"));
    CHECK(fabsf(items[0].score - 30 / (30 + QUERY_HISTORY_TRUST)) < 1e-5f);
    CHECK(fabsf(items[1].score - 10 / (10 + QUERY_HISTORY_TRUST)) < 1e-5f);
    CHECK(fabsf(items[2].score - 6 / (6 + QUERY_HISTORY_TRUST)) < 1e-5f);
    /* half as much a half-life later */
    query_history_top(model, bytes_text("navy coat"), START_MS + HALF_LIFE_MS, 10, items);
    CHECK(fabsf(items[0].score - 15 / (15 + QUERY_HISTORY_TRUST)) < 1e-5f);
    /* by a clock that stands still in 1970 */
    CHECK_INT(query_history_top(model, bytes_text("navy coat"), 0, 10, items), 3);
    for (int i = 0; i < 3; i++)
        CHECK(items[i].score > .99f && items[i].score <= 1);
    /* never asked, but it shares a word: similarity idf^2 / sqrt(2 idf^2 * (idf^2 + rare^2)) */
    count = query_history_top(model, bytes_text("red scarf"), START_MS, 10, items);
    CHECK_INT(count, 1);
    CHECK_BYTES(model->items[items[0].item].id, bytes_text("i4"));
    float evidence = 3 * .25f; /* both words of one query: idf the same, similarity 1/2 */
    CHECK(fabsf(items[0].score - evidence / (evidence + QUERY_HISTORY_TRUST)) < 1e-5f);
    CHECK_INT(query_history_top(model, bytes_text("lamp"), START_MS, 10, items), 0);
    CHECK_INT(query_history_top(model, bytes_text(" ?! "), START_MS, 10, items), 0);
    CHECK_INT(query_history_top(model, bytes_text("navy coat"), START_MS, 2, items), 2);
    model_free(model);
}

static void test_text(void)
{
    char to[TEXT_QUERY_BYTES_MAX], long_text[400];
    CHECK_BYTES(text_query(bytes_text("  Wool,COATS wool "), to), bytes_text("wool coat"));
    struct bytes coat = bytes_text("네이비 울코트");
    CHECK_BYTES(text_query(coat, to), coat);
    CHECK_INT(text_query(bytes_text(" - "), to).size, 0);
    for (int i = 0; i < 80; i++)
        memcpy(long_text + 4 * i, (char[]){'w', (char)('0' + i / 10), (char)('0' + i % 10), ' ', 0},
               5);
    struct bytes cut = text_query(bytes_text(long_text), to);
    CHECK(cut.size <= TEXT_QUERY_BYTES_MAX && cut.size > TEXT_QUERY_BYTES_MAX - 5);
    CHECK(cut.at[cut.size - 1] != ' ' && cut.at[cut.size - 4] == ' '); /* whole words */
}

/* ---- through the topology ---- */

struct shop {
    struct driver *driver;
    uint32_t events;
};

static void send(struct shop *shop, enum event_type type, const char *visitor, int64_t time_ms,
                 const char *rest)
{
    char text[400];
    enum fate fate;
    struct error error = {0};
    snprintf(text, sizeof text,
             "{\"event_id\":\"e%u\",\"visitor_id\":\"%s\",\"event_time\":%" PRId64 ",%s}",
             shop->events++, visitor, time_ms, rest);
    CHECK(driver_record(shop->driver, type, bytes_text(visitor), bytes_text(text), &fate, &error) ==
          VERDICT_OK);
    CHECK_SAY(fate == FATE_PROCESSED, "%s: %s", text, error.message);
}

static double units_of(struct shop *shop, const char *term, const char *item)
{
    struct model *model = driver_model(shop->driver);
    uint32_t query = queries_find(model->queries, bytes_text(term));
    if (query == QUERY_NONE)
        return 0;
    const struct query_row *row = &model->queries->rows[query];
    for (uint32_t i = 0; i < row->count; i++)
        if (bytes_equal(model->items[row->entries[i].item].id, bytes_text(item)))
            return ldexp(row->entries[i].weight, row->base) /
                   ldexp(decay_at(START_MS, model->limits.pair_half_life_ms).m,
                         decay_at(START_MS, model->limits.pair_half_life_ms).k);
    return 0;
}

#define NEAR(x, y) CHECK_SAY(fabs((x) - (y)) < .01, "%g", (double)(x))

static void test_followed(void)
{
    struct shop shop = {0};
    struct config config;
    struct error error = {0};
    int64_t t = START_MS;
    config_init(&config);
    CHECK(config_finish(&config, &error) == VERDICT_OK);
    CHECK(driver_new(&config, true, NULL, NULL, &shop.driver, &error) == VERDICT_OK);
    send(&shop, EVENT_VIEW, "v", t, "\"item\":{\"item_id\":\"A\"}");
    send(&shop, EVENT_SEARCH, "v", t + 1000, "\"search_term\":\"Red BAGS\"");
    send(&shop, EVENT_VIEW, "v", t + 2000, "\"item\":{\"item_id\":\"B\"}");
    send(&shop, EVENT_CART, "v", t + 3000, "\"action\":\"add\",\"items\":[{\"item_id\":\"B\"}]");
    send(&shop, EVENT_CART, "v", t + 4000, "\"action\":\"remove\",\"items\":[{\"item_id\":\"B\"}]");
    send(&shop, EVENT_SEARCH, "v", t + 5000, "\"search_term\":\"blue bag\"");
    send(&shop, EVENT_PURCHASE, "v", t + 6000,
         "\"transaction_id\":\"t\",\"items\":[{\"item_id\":\"C\"}]");
    for (int i = 0; i < 6; i++) { /* the last of these is too far from the search */
        char rest[60];
        snprintf(rest, sizeof rest, "\"item\":{\"item_id\":\"D%d\"}", i);
        send(&shop, EVENT_VIEW, "v", t + 7000 + i * 1000, rest);
    }
    send(&shop, EVENT_SEARCH, "w", t, "\"search_term\":\"red bag\"");
    send(&shop, EVENT_VIEW, "w", t + 600001, "\"item\":{\"item_id\":\"E\"}"); /* too late */
    send(&shop, EVENT_VIEW, "x", t, "\"item\":{\"item_id\":\"F\"}");
    NEAR(units_of(&shop, "red bag", "A"), 0);
    NEAR(units_of(&shop, "red bag", "B"), 4); /* viewed and put in the cart */
    NEAR(units_of(&shop, "blue bag", "C"), 6);
    NEAR(units_of(&shop, "red bag", "C"), 0);
    NEAR(units_of(&shop, "blue bag", "D3"), 1);
    NEAR(units_of(&shop, "blue bag", "D4"), 0);
    NEAR(units_of(&shop, "red bag", "E"), 0);
    CHECK_INT(driver_model(shop.driver)->queries->count, 2);
    /* whoever has only searched, and in whose time nothing else is known */
    struct list lists[PLACEMENTS_MAX];
    struct arena arena = {0};
    bool again;
    send(&shop, EVENT_SEARCH, "y", t + 700000, "\"search_term\":\"blue bags\"");
    struct visitor *visitor = driver_visitor(shop.driver, bytes_text("y"));
    uint32_t count = recommend_lists(driver_recommender(shop.driver), driver_model(shop.driver),
                                     NULL, visitor, 20, &arena, lists, &again),
             found = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(lists[i].placement, "search") != 0)
            continue;
        found++;
        CHECK_INT(lists[i].item_count, 6); /* C, D0 to D3, and B by the similar search */
        CHECK_BYTES(lists[i].items[0].item_id, bytes_text("C"));
        CHECK_TEXT(lists[i].items[0].reason, "taken_after_search");
        for (uint32_t k = 0; k < lists[i].item_count; k++)
            CHECK(lists[i].items[k].score > 0 && lists[i].items[k].score <= 1.5f);
    }
    CHECK_INT(found, 1);
    arena_release(&arena);
    driver_free(shop.driver);
}

static void put_bag(struct shop *shop, const char *id, const char *title)
{
    struct event product;
    event_init(&product, EVENT_PRODUCT);
    product.item_id = bytes_text(id);
    product.title = bytes_text(title);
    driver_product(shop->driver, &product);
}

/* Search results mark only taken items as taken, and rank them higher. */
static void test_found_and_taken(void)
{
    struct shop shop = {0};
    struct config config;
    struct error error = {0};
    int64_t t = START_MS;
    config_init(&config);
    CHECK(config_finish(&config, &error) == VERDICT_OK);
    CHECK(driver_new(&config, true, NULL, NULL, &shop.driver, &error) == VERDICT_OK);
    put_bag(&shop, "taken", "Red Bag");
    put_bag(&shop, "unseen", "Red Bag Small");
    put_bag(&shop, "unseen too", "Red Bag Large");
    put_bag(&shop, "viewed", "Red Bag Long");
    send(&shop, EVENT_VIEW, "v", t, "\"item\":{\"item_id\":\"viewed\"}");
    send(&shop, EVENT_SEARCH, "w", t, "\"search_term\":\"red bag\"");
    send(&shop, EVENT_VIEW, "w", t + 1000, "\"item\":{\"item_id\":\"taken\"}");
    send(&shop, EVENT_SEARCH, "y", t + 2000, "\"search_term\":\"red bag\"");
    struct list lists[PLACEMENTS_MAX];
    struct arena arena = {0};
    bool again;
    uint32_t count = recommend_lists(driver_recommender(shop.driver), driver_model(shop.driver),
                                     driver_catalogue(shop.driver),
                                     driver_visitor(shop.driver, bytes_text("y")), 20, &arena,
                                     lists, &again),
             checked = 0;
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t k = 0; strcmp(lists[i].placement, "search") == 0 && k < lists[i].item_count;
             k++) {
            bool taken = bytes_equal(lists[i].items[k].item_id, bytes_text("taken"));
            CHECK_TEXT(lists[i].items[k].reason, taken ? "taken_after_search" : "searched");
            CHECK(taken == (k == 0));
            checked++;
        }
    CHECK_INT(checked, 4);
    arena_release(&arena);
    driver_free(shop.driver);
}

int main(void)
{
    TEST_RUN(test_random);
    TEST_RUN(test_bounds);
    TEST_RUN(test_flood);
    TEST_RUN(test_damaged);
    TEST_RUN(test_answers);
    TEST_RUN(test_text);
    TEST_RUN(test_followed);
    TEST_RUN(test_found_and_taken);
    return test_done();
}
