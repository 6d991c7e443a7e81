/* Rankings against a recomputation from the list of all events and all products, the table they are
 * made from, and what is remembered of a topic. */
#include "processors/recommend/rankings/rankings.h"
#include "processors/recommend/rankings/topic_contents.h"
#include "processors/runtime/model/publication.h"
#include "state/model_store.h"
#include "tests/steps.h"
#include "tests/test.h"

#include <math.h>

#define START_MS 1700000000000
#define HOUR_MS 3600000ll
#define SLOW_MS (72 * HOUR_MS)
#define QUICK_MS (6 * HOUR_MS)
#define ITEMS_MAX 64
#define EVENTS_MAX 4000

static const struct model_limits limits = {.items_max = 1000,
                                           .row_entries_max = 8,
                                           .pair_half_life_ms = 90 * 24 * HOUR_MS,
                                           .popular_half_life_ms = SLOW_MS,
                                           .quick_half_life_ms = QUICK_MS,
                                           .queries = {100, 50}};

static void act(struct model *model, const char *item_id, enum kind kind, int64_t time_ms)
{
    struct interaction interaction = {.event_id = bytes_text("e"),
                                      .kind = kind,
                                      .subject = bytes_text(item_id),
                                      .event_time_ms = time_ms};
    weft_step_trends.interaction(model, &interaction);
}

static void save(struct model *model, struct store *store)
{
    struct store_batch batch = {0};
    model_save(model, &batch);
    CHECK(store->write(store, &batch, NULL) == VERDICT_OK);
    batch_release(&batch);
}

/* ---- the table ---- */

static void test_clock(void)
{
    struct model *model = model_new(&limits);
    CHECK(trends_clock(model->trends) == INT64_MIN);
    CHECK(trends_row(model->trends, 0) == NULL);
    act(model, "a", KIND_VIEW, START_MS);
    CHECK_INT(trends_clock(model->trends), START_MS);
    for (int i = 1; i <= 100; i++)
        act(model, "a", KIND_VIEW, START_MS + i * 1000);
    CHECK_INT(trends_clock(model->trends), START_MS + (100 - TRENDS_CLOCK / 2) * 1000);
    act(model, "a", KIND_VIEW, START_MS + 24 * HOUR_MS); /* a wrong clock */
    CHECK_INT(trends_clock(model->trends), START_MS + (101 - TRENDS_CLOCK / 2) * 1000);
    act(model, "a", KIND_SEARCH, START_MS); /* nothing that is counted */
    act(model, "", KIND_VIEW, START_MS);
    act(model, "a", KIND_REFUND, START_MS);
    CHECK_INT(model->trends->time_count, TRENDS_CLOCK);
    CHECK_INT(trends_clock(model->trends), START_MS + (101 - TRENDS_CLOCK / 2) * 1000);
    model_free(model);
}

/* Sums over long spans, with late events, and stops in the middle. */
static void test_sums(void)
{
    struct random random = random_from(3);
    struct store *store = store_memory_new();
    struct model *model = model_new(&limits), *other = model_new(&limits);
    double slow[8][TREND_KINDS] = {{0}}, quick[8] = {0};
    static struct {
        int item, kind;
        int64_t time_ms;
    } events[3000];
    int64_t now_ms = START_MS;
    for (int i = 0; i < 3000; i++) {
        static const enum kind kinds[TREND_KINDS] = {KIND_VIEW, KIND_CART, KIND_PURCHASE};
        char id[16];
        now_ms += random_below(&random, 2 * HOUR_MS);
        if (random_one_in(&random, 500))
            now_ms += 120 * SLOW_MS; /* beyond the range of a base */
        events[i].item = (int)random_below(&random, 8);
        events[i].kind = (int)random_below(&random, TREND_KINDS);
        events[i].time_ms = now_ms - random_below(&random, 10 * HOUR_MS);
        snprintf(id, sizeof id, "i%d", events[i].item);
        act(model, id, kinds[events[i].kind], events[i].time_ms);
        act(other, id, kinds[events[i].kind], events[i].time_ms);
        if (!random_one_in(&random, 300))
            continue;
        save(other, store);
        model_free(other);
        other = model_new(&limits);
        CHECK(model_load(other, store, NULL) == VERDICT_OK);
    }
    struct rankings_view view = {0}, loaded = {0};
    const struct rankings_settings settings = {.length = 10, .scopes_max = 10, .terms_max = 10};
    rankings_collect(&view, model, 42, &settings);
    rankings_collect(&loaded, other, 42, &settings);
    for (int i = 0; i < 3000; i++) {
        double age_ms = (double)(view.time_ms - events[i].time_ms);
        slow[events[i].item][events[i].kind] += exp2(-age_ms / (double)SLOW_MS);
        quick[events[i].item] += exp2(-age_ms / (double)QUICK_MS);
    }
    CHECK(view.item_count > 0 && view.item_count == loaded.item_count);
    CHECK(view.offset == 42 && view.time_ms == loaded.time_ms);
    for (uint32_t i = 0; i < view.item_count; i++) {
        const struct ranked_counts *found = &view.items[i];
        int item = found->item_id.at[1] - '0';
        CHECK_BYTES(found->item_id, loaded.items[i].item_id);
        CHECK(memcmp(found->counts, loaded.items[i].counts, sizeof found->counts) == 0);
        CHECK_REAL(found->quick, loaded.items[i].quick);
        for (int kind = 0; kind < TREND_KINDS; kind++)
            CHECK_SAY(fabs(found->counts[kind] - slow[item][kind]) <=
                          .002 * slow[item][kind] + 1e-9,
                      "item %d: %g, not %g", item, found->counts[kind], slow[item][kind]);
        CHECK_SAY(fabs(found->quick - quick[item]) <= .002 * quick[item] + 1e-9,
                  "item %d: %g, not %g", item, found->quick, quick[item]);
    }
    rankings_release(&view);
    rankings_release(&loaded);
    model_free(model);
    model_free(other);
    store->free(store);
}

/* ---- trending ---- */

/* The p quantile of Gamma(k, rate), by summing its density. */
static double gamma_quantile(double k, double rate, double p)
{
    double sum = 0, step = 1e-4, x = 0;
    while (sum < p) {
        x += step;
        sum += exp(k * log(rate) + (k - 1) * log(x) - rate * x - lgamma(k)) * step;
    }
    return x;
}

static void test_trend(void)
{
    static const double cases[][2] = {{3, .2}, {0, 5}, {10, 10}, {100, 30}, {9, 0}, {400, 390}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double s = cases[i][0], e = cases[i][1], found = rankings_trend(s, e);
        double exact = gamma_quantile(TREND_PRIOR + s, TREND_PRIOR + e, .05);
        CHECK_SAY(fabs(found - exact) < .005, "%g for %g: %g, not %g", s, e, found, exact);
    }
    CHECK(rankings_trend(3, .2) < 1);   /* three clicks on a new item */
    CHECK(rankings_trend(100, 30) > 2); /* enough to be sure */
    CHECK(rankings_trend(100, 30) > rankings_trend(100, 50));
    CHECK(rankings_trend(200, 60) > rankings_trend(20, 6)); /* the same rate with less behind it */
}

/* ---- everything, against a recomputation ---- */

struct fake_item {
    char id[16];
    bool known; /* to the catalogue */
    bool sold_out, deleted, adult;
    int brand, category, gender, variant; /* -1: none */
    double price;
    double sums[TREND_KINDS], quick;
};

struct fake_shop {
    struct fake_item items[ITEMS_MAX];
    uint32_t count;
    struct catalogue *catalogue;
    struct search_index *search;
    struct model *model;
    struct rankings_settings settings;
    struct filter_settings filters;
    struct merchandising_rules rules;
    int excluded_brand, boosted_brand; /* -1: none */
};

#define TWO_PATHS 4 /* X > Y and X > Z, which meet in X */
static const char *const categories[] = {"X", "X > Y", "X > Z", "W"};
static const struct catalogue_limits catalogue_limits = {1000, 100, 1000, 20};

static void put_product(struct fake_shop *shop, const struct fake_item *item)
{
    struct event event;
    char brand[16], title[32], group[8];
    bool both = item->category == TWO_PATHS;
    struct bytes paths[] = {bytes_text(categories[both                 ? 1
                                                  : item->category < 0 ? 0
                                                                       : item->category]),
                            bytes_text(categories[2])};
    struct bytes gender = bytes_text(item->gender == 0 ? "female" : "male");
    struct bytes tag = bytes_text("adult");
    struct bytes pair[2] = {bytes_text("item_group_id")};
    event_init(&event, EVENT_PRODUCT);
    snprintf(brand, sizeof brand, "B%d", item->brand);
    snprintf(title, sizeof title, "title of %s", item->id);
    snprintf(group, sizeof group, "g%d", item->variant);
    pair[1] = bytes_text(group);
    event.item_id = bytes_text(item->id);
    event.title = bytes_text(title);
    event.item_brand = item->brand < 0 ? bytes_of(NULL, 0) : bytes_text(brand);
    event.categories = (struct event_strings){paths, item->category < 0 ? 0 : both ? 2 : 1, 0};
    event.genders = (struct event_strings){&gender, item->gender < 0 ? 0 : 1, 0};
    event.tags = (struct event_strings){&tag, item->adult ? 1 : 0, 0};
    event.attributes = (struct event_pairs){pair, item->variant < 0 ? 0 : 1, 0};
    event.price = item->price;
    event.availability = item->sold_out ? OUT_OF_STOCK : IN_STOCK;
    catalogue_put(shop->catalogue, &event);
    if (item->deleted)
        catalogue_delete(shop->catalogue, event.item_id);
}

static void open_shop(struct fake_shop *shop, struct random *random)
{
    static const char *const rules[] = {
        "", "exclude brand B1 placement rankings\n", "boost brand B2 by 3\nexclude brand B1\n",
        "exclude brand B1 placement home\nlimit brand 1\npin item i1 at 1\ndiversity 1\n",
        "bury brand B2 by 3 placement rankings\n"};
    uint32_t chosen = random_below(random, 5);
    *shop = (struct fake_shop){
        .count = 5 + random_below(random, ITEMS_MAX - 5),
        .catalogue = catalogue_new(&catalogue_limits),
        .model = model_new(&limits),
        .settings = {.length = 1 + random_below(random, 12),
                     .scopes_max = random_one_in(random, 2) ? 100 : random_below(random, 10),
                     .terms_max = 3},
        .filters = {.adult_off = random_one_in(random, 2),
                    .price_min = random_one_in(random, 2) ? 5 : 0,
                    .brand_max = 1,
                    .diversity = .5f},
        .excluded_brand = chosen == 1 || chosen == 2 ? 1 : -1,
        .boosted_brand = chosen == 2 || chosen == 4 ? 2 : -1,
    };
    shop->search = search_index_new(shop->catalogue);
    CHECK(merchandising_rules_parse(bytes_text(rules[chosen]), &shop->rules, NULL) == VERDICT_OK);
    for (uint32_t i = 0; i < shop->count; i++) {
        struct fake_item *item = &shop->items[i];
        snprintf(item->id, sizeof item->id, "i%u", i);
        item->known = !random_one_in(random, 6);
        item->sold_out = random_one_in(random, 8);
        item->deleted = random_one_in(random, 10);
        item->adult = random_one_in(random, 6);
        item->brand = (int)random_below(random, 5) - 1;
        item->category = (int)random_below(random, 6) - 1;
        item->gender = (int)random_below(random, 3) - 1;
        item->variant = (int)random_below(random, 8) - 4;
        item->price = random_below(random, 20);
        if (item->known)
            put_product(shop, item);
    }
}

static void close_shop(struct fake_shop *shop)
{
    merchandising_rules_release(&shop->rules);
    model_free(shop->model);
    catalogue_free(shop->catalogue);
    search_index_free(shop->search);
}

/* The sums as the table has them, so that ties are ties. */
static void run_shop(struct fake_shop *shop, struct random *random, struct rankings_view *view)
{
    uint32_t events = 1 + random_below(random, EVENTS_MAX);
    for (uint32_t i = 0; i < events; i++) {
        static const enum kind kinds[] = {KIND_VIEW, KIND_VIEW, KIND_CART, KIND_PURCHASE};
        uint32_t item = random_below(random, shop->count) * random_below(random, 3) / 2;
        act(shop->model, shop->items[item].id, kinds[random_below(random, 4)],
            START_MS + (int64_t)i * HOUR_MS / 20 / 24 * (item % 4 == 0 ? 24 : 12));
    }
    rankings_collect(view, shop->model, 7, &shop->settings);
    for (uint32_t i = 0; i < view->item_count; i++) {
        struct fake_item *item = &shop->items[atoi(view->items[i].item_id.at + 1)];
        memcpy(item->sums, view->items[i].counts, sizeof item->sums);
        item->quick = view->items[i].quick;
    }
}

/* A ranking that the sink received. */
struct received {
    enum ranking_kind kind;
    enum ranking_scope scope;
    char name[40];
    char ids[RANKING_ITEMS_MAX][16];
    double scores[RANKING_ITEMS_MAX];
    bool found[RANKING_ITEMS_MAX];
    uint32_t count;
};

struct sink {
    struct rankings_sink sink;
    struct received *at;
    uint32_t count, stop_after;
};

static bool take_ranking(struct rankings_sink *self, const struct ranking *ranking)
{
    struct sink *sink = (struct sink *)(void *)self;
    sink->at = memory_resize(sink->at, (sink->count + 1) * sizeof *sink->at);
    struct received *record = &sink->at[sink->count++];
    *record = (struct received){
        .kind = ranking->kind, .scope = ranking->scope, .count = ranking->item_count};
    snprintf(record->name, sizeof record->name, "%.*s", (int)ranking->name.size,
             ranking->name.at ? ranking->name.at : "");
    CHECK((ranking->name.at == NULL) == (ranking->scope == SCOPE_SHOP));
    CHECK(ranking->item_count > 0);
    CHECK_INT(ranking->offset, 7);
    for (uint32_t i = 0; i < ranking->item_count; i++) {
        snprintf(record->ids[i], 16, "%.*s", (int)ranking->items[i].item_id.size,
                 ranking->items[i].item_id.at);
        record->scores[i] = ranking->items[i].score;
        record->found[i] = ranking->items[i].found;
    }
    return sink->count != sink->stop_after;
}

static uint32_t make(struct fake_shop *shop, const struct rankings_view *view, struct sink *sink)
{
    const struct rankings_inputs inputs = {.catalogue = shop->catalogue,
                                           .search = shop->search,
                                           .rules = &shop->rules,
                                           .filters = &shop->filters,
                                           .settings = &shop->settings};
    sink->sink.ranking = take_ranking;
    return rankings_build(view, &inputs, &sink->sink);
}

static bool is_out(const struct fake_shop *shop, const struct fake_item *item)
{
    return item->known &&
           (item->deleted || item->sold_out || (shop->filters.adult_off && item->adult) ||
            (shop->filters.price_min > 0 && item->price < (double)shop->filters.price_min) ||
            (item->brand >= 0 && item->brand == shop->excluded_brand));
}

static bool in_scope(const struct fake_item *item, enum ranking_scope scope, int number)
{
    if (scope == SCOPE_SHOP)
        return true;
    if (!item->known)
        return false;
    if (scope == SCOPE_BRAND)
        return item->brand == number;
    if (scope == SCOPE_GENDER)
        return item->gender == number;
    if (item->category == TWO_PATHS)
        return number < 3;
    return item->category >= 0 &&
           (item->category == number || (number == 0 && item->category < 3)); /* in X */
}

static double score_of(const struct fake_shop *shop, const struct fake_item *item, int kind)
{
    double all = 0, quick = 0, own = 0;
    double score = kind < TREND_KINDS ? item->sums[kind] : 0;
    for (uint32_t i = 0; i < shop->count && kind == RANKING_TRENDING; i++) {
        for (int k = 0; k < TREND_KINDS; k++)
            all += shop->items[i].sums[k];
        quick += shop->items[i].quick;
    }
    for (int k = 0; k < TREND_KINDS; k++)
        own += item->sums[k];
    if (kind == RANKING_TRENDING)
        score = rankings_trend(item->quick, all > 0 ? own * quick / all : 0);
    if (!(score > (kind == RANKING_TRENDING ? 1 : RANKING_LEAST)))
        return 0;
    double factor = !item->known || item->brand < 0 || item->brand != shop->boosted_brand ? 1
                    : shop->rules.count == 2                                              ? 3
                                                                                          : 1. / 3;
    return score * factor;
}

struct expected {
    const struct fake_item *item;
    double score;
};

static int expected_order(const void *a, const void *b)
{
    const struct expected *x = a, *y = b;
    if (fabs(x->score - y->score) > 1e-9 * x->score)
        return x->score > y->score ? -1 : 1;
    return strcmp(x->item->id, y->item->id);
}

static uint32_t expect(const struct fake_shop *shop, enum ranking_scope scope, int number, int kind,
                       struct expected *list)
{
    uint32_t count = 0, unique = 0;
    for (uint32_t i = 0; i < shop->count; i++) {
        const struct fake_item *item = &shop->items[i];
        double score = score_of(shop, item, kind);
        if (!is_out(shop, item) && in_scope(item, scope, number) && score > 0)
            list[count++] = (struct expected){item, score};
    }
    qsort(list, count, sizeof *list, expected_order);
    for (uint32_t i = 0; i < count && unique < shop->settings.length; i++) {
        bool again = false;
        for (uint32_t k = 0; k < unique; k++)
            again = again ||
                    (list[i].item->known && list[k].item->known && list[i].item->variant >= 0 &&
                     list[i].item->variant == list[k].item->variant);
        if (!again)
            list[unique++] = list[i];
    }
    return unique;
}

static double weight_of(const struct fake_shop *shop, enum ranking_scope scope, int number)
{
    double sum = 0;
    for (uint32_t i = 0; i < shop->count; i++)
        for (int k = 0; k < TREND_KINDS; k++)
            if (!is_out(shop, &shop->items[i]) && in_scope(&shop->items[i], scope, number))
                sum += shop->items[i].sums[k];
    return sum;
}

static const struct received *find_record(const struct sink *sink, enum ranking_scope scope,
                                          const char *name, int kind)
{
    for (uint32_t i = 0; i < sink->count; i++)
        if (sink->at[i].scope == scope && (int)sink->at[i].kind == kind &&
            strcmp(sink->at[i].name, name) == 0)
            return &sink->at[i];
    return NULL;
}

/* Returns how many records there should be of this scope. */
static uint32_t check_scope(const struct fake_shop *shop, const struct sink *sink,
                            enum ranking_scope scope, int number, const char *name)
{
    uint32_t total = 0;
    for (int kind = 0; kind <= RANKING_TRENDING; kind++) {
        struct expected list[ITEMS_MAX];
        uint32_t count = expect(shop, scope, number, kind, list);
        const struct received *record = find_record(sink, scope, name, kind);
        total += count > 0;
        CHECK_SAY((record ? record->count : 0) == count, "%s %s: %u items, not %u",
                  ranking_kind_names[kind], name, record ? record->count : 0, count);
        for (uint32_t i = 0; record && i < count && i < record->count; i++) {
            CHECK_SAY(strcmp(record->ids[i], list[i].item->id) == 0, "%s %s: %u is %s, not %s",
                      ranking_kind_names[kind], name, i, record->ids[i], list[i].item->id);
            CHECK(fabs(record->scores[i] - list[i].score) <= 1e-6 * list[i].score);
        }
    }
    return total;
}

struct scope_row {
    enum ranking_scope scope;
    int number;
    char name[16];
    double weight;
};

static int scope_order(const void *a, const void *b)
{
    const struct scope_row *x = a, *y = b;
    return x->weight > y->weight ? -1 : x->weight < y->weight;
}

static void check_all(const struct fake_shop *shop, const struct sink *sink, uint32_t out)
{
    struct scope_row rows[16];
    uint32_t count = 0, total = check_scope(shop, sink, SCOPE_SHOP, 0, ""), chosen;
    for (int i = 0; i < 4; i++) {
        rows[count] = (struct scope_row){.scope = SCOPE_CATEGORY, .number = i};
        snprintf(rows[count++].name, 16, "%s", categories[i]);
        rows[count] = (struct scope_row){.scope = SCOPE_BRAND, .number = i};
        snprintf(rows[count++].name, 16, "B%d", i);
        rows[count] = (struct scope_row){.scope = SCOPE_GENDER, .number = i};
        snprintf(rows[count++].name, 16, "%s", i == 0 ? "female" : i == 1 ? "male" : "-");
    }
    for (uint32_t i = 0; i < count; i++)
        rows[i].weight = weight_of(shop, rows[i].scope, rows[i].number);
    qsort(rows, count, sizeof *rows, scope_order);
    while (count > 0 && !(rows[count - 1].weight > 0))
        count--;
    chosen = count < shop->settings.scopes_max ? count : shop->settings.scopes_max;
    CHECK_INT(out, count - chosen);
    for (uint32_t i = 0; i < chosen; i++)
        if (chosen == count || rows[i].weight > rows[chosen].weight * (1 + 1e-9)) /* no tie */
            total += check_scope(shop, sink, rows[i].scope, rows[i].number, rows[i].name);
        else
            return;
    CHECK_INT(sink->count, total);
}

static void test_against_recomputation(void)
{
    struct random random = random_from(11);
    struct rankings_view view = {0};
    for (int round = 0; round < TEST_ROUNDS(200); round++) {
        struct fake_shop shop;
        struct sink sink = {0};
        open_shop(&shop, &random);
        run_shop(&shop, &random, &view);
        uint32_t out = make(&shop, &view, &sink);
        check_all(&shop, &sink, out);
        struct sink stopped = {.stop_after = 2};
        make(&shop, &view, &stopped);
        CHECK(stopped.count == 2 || stopped.count == sink.count);
        free(sink.at);
        free(stopped.at);
        close_shop(&shop);
    }
    rankings_release(&view);
}

/* ---- searches ---- */

/* `visitor` 0 counts as several. */
static void take_after_by(struct model *model, uint64_t visitor, const char *term,
                          const char *item_id, double units)
{
    const struct query_activity activity = {
        .visitor = visitor,
        .item = model_intern(model, bytes_text(item_id), 0),
        .units = units,
        .decay = decay_at(START_MS, limits.pair_half_life_ms),
        .chance = 1,
    };
    queries_add(model->queries, bytes_text(term), &activity);
}

static void take_after(struct model *model, const char *term, const char *item_id, double units)
{
    take_after_by(model, 0, term, item_id, units);
}

static void check_term(const struct sink *sink, const char *term, const char *expected)
{
    const struct received *record = find_record(sink, SCOPE_TERM, term, RANKING_TAKEN);
    struct buffer text = {0};
    for (uint32_t i = 0; record && i < record->count; i++)
        buffer_format(&text, "%s%s%s", i > 0 ? " " : "", record->ids[i],
                      record->found[i] ? "?" : "");
    CHECK_BYTES(buffer_bytes(&text), bytes_text(expected));
    buffer_release(&text);
}

static void test_terms(void)
{
    struct fake_shop shop = {.catalogue = catalogue_new(&catalogue_limits),
                             .model = model_new(&limits),
                             .settings = {.length = 4, .scopes_max = 10, .terms_max = 3}};
    struct rankings_view view = {0};
    struct sink sink = {0};
    shop.search = search_index_new(shop.catalogue);
    for (uint32_t i = 0; i < 8; i++) {
        struct fake_item item = {.known = true,
                                 .brand = -1,
                                 .category = -1,
                                 .gender = -1,
                                 .variant = i < 2 ? 1 : -1,
                                 .sold_out = i == 3};
        snprintf(item.id, sizeof item.id, "i%u", i);
        put_product(&shop, &item);
    }
    act(shop.model, "i0", KIND_VIEW, START_MS);
    take_after(shop.model, "title", "i0", 1);
    take_after(shop.model, "title", "i1", 3);   /* a variant of the other */
    take_after(shop.model, "title", "i3", 9);   /* sold out */
    take_after(shop.model, "title", "gone", 2); /* the catalogue does not know it */
    for (int i = 0; i < 6; i++)
        take_after(shop.model, "often", (const char *[]){"i2", "i4", "i5", "i6", "i7", "x"}[i],
                   20 - i);
    take_after(shop.model, "nothing like it", "i3", 5);
    take_after(shop.model, "rare", "i2", .5);
    take_after_by(shop.model, 5, "invented", "i2", 5000);
    rankings_collect(&view, shop.model, 7, &shop.settings);
    CHECK_INT(view.term_count, 3);
    CHECK_INT(view.terms_out, 2);
    make(&shop, &view, &sink);
    check_term(&sink, "often", "i2 i4 i5 i6");
    check_term(&sink, "title", "i1 gone i2? i4?");
    CHECK(find_record(&sink, SCOPE_TERM, "nothing like it", RANKING_TAKEN) == NULL);
    CHECK(find_record(&sink, SCOPE_TERM, "rare", RANKING_TAKEN) == NULL);
    CHECK(find_record(&sink, SCOPE_TERM, "invented", RANKING_TAKEN) == NULL);
    free(sink.at);
    rankings_release(&view);
    close_shop(&shop);
}

/* ---- what is remembered of the topic ---- */

#define KEYS 40

static void test_published(void)
{
    struct random random = random_from(5);
    struct topic_contents *published = topic_contents_new();
    uint64_t topic[KEYS] = {0}; /* 0: nothing, or a deletion */
    for (int round = 0; round < TEST_ROUNDS(2000); round++) {
        uint64_t next[KEYS] = {0};
        bool fails = random_one_in(&random, 5), renewed = random_one_in(&random, 20);
        if (random_one_in(&random, 10)) { /* another publisher reads the topic, history and all */
            topic_contents_clear(published);
            for (int i = 0; i < KEYS; i++) {
                char key[16];
                snprintf(key, sizeof key, "k%d", i);
                topic_contents_found(published, bytes_text(key), 99);
                topic_contents_found_gone(published, bytes_text(key));
                if (topic[i])
                    topic_contents_found(published, bytes_text(key), topic[i]);
            }
            topic_contents_found_gone(published, bytes_text("never there"));
        }
        if (renewed)
            topic_contents_renew(published);
        topic_contents_begin(published);
        for (int i = 0; i < KEYS; i++) {
            char key[16];
            snprintf(key, sizeof key, "k%d", i);
            if (random_one_in(&random, 3))
                continue;
            next[i] = 1 + random_below(&random, 3);
            CHECK(topic_contents_offer(published, bytes_text(key), next[i]) ==
                  (topic[i] != next[i] || renewed));
        }
        size_t cursor = 0, gone = 0, expected = 0, count = 0;
        struct bytes key;
        while (topic_contents_next_gone(published, &cursor, &key)) {
            int i = atoi(key.at + 1);
            CHECK(topic[i] != 0 && next[i] == 0);
            gone++;
        }
        for (int i = 0; i < KEYS; i++) {
            expected += topic[i] != 0 && next[i] == 0;
            count += next[i] != 0;
        }
        CHECK_INT(gone, expected);
        if (fails && !renewed)
            continue; /* the topic is as it was */
        topic_contents_end(published);
        CHECK_INT(topic_contents_count(published), count);
        memcpy(topic, next, sizeof topic);
    }
    topic_contents_free(published);
}

static void check_header(const char *text, bool good)
{
    uint64_t version = 1;
    int64_t offset = 1;
    CHECK_SAY(publication_header_read(bytes_text(text), &version, &offset) == good, "'%s'", text);
    if (good)
        CHECK(version == 0x0123456789abcdef && offset == 987654321);
    else
        CHECK(version == 1 && offset == 1);
}

static void test_header(void)
{
    struct random random = random_from(6);
    check_header("0123456789abcdef:987654321", true);
    check_header("0123456789abcdef:", false);
    check_header("0123456789abcdef-1", false);
    check_header("0123456789abcdeF:1", false);
    check_header("0123456789abcdef:-1", false);
    check_header("0123456789abcdef:1a", false);
    check_header("0123456789abcdef:9999999999999999999", false);
    check_header("", false);
    for (int i = 0; i < TEST_ROUNDS(100000); i++) {
        char bytes[40] = "0123456789abcdef:987654321";
        uint64_t version;
        int64_t offset;
        for (uint32_t n = random_below(&random, 3); n < 3; n++)
            bytes[random_below(&random, 40)] = (char)random_next(&random);
        if (publication_header_read(bytes_of(bytes, random_below(&random, 41)), &version, &offset))
            CHECK(offset >= 0);
    }
}

int main(void)
{
    TEST_RUN(test_clock);
    TEST_RUN(test_sums);
    TEST_RUN(test_trend);
    TEST_RUN(test_against_recomputation);
    TEST_RUN(test_terms);
    TEST_RUN(test_published);
    TEST_RUN(test_header);
    return test_done();
}
