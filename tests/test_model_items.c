/* Room for items in the model: who is evicted, and that a number never stands for two items in any
 * table. Against naive models, with stops in between. */
#include "state/model_store.h"
#include "tests/hashes.h"
#include "tests/steps.h"

#define IDS 300
#define ITEMS_MAX 40
#define START_MS 1700000000000

static const struct model_limits limits = {
    .items_max = ITEMS_MAX,
    .sweep_steps = 64,
    .row_entries_max = IDS,
    .pair_half_life_ms = 86400000,
    .popular_half_life_ms = 86400000,
    .quick_half_life_ms = 3600000,
    .vectors = {.items_max = 30, .ring_max = 1000},
    .sessions = {.sessions_max = 50, .postings_max = 10, .gap_ms = 1800000},
    .queries = {.queries_max = 24, .entries_max = 20},
    .channels = {.queries_max = 4, .entries_max = 20},
    .encoder_clicks_per_second_max = 1000,
};

static struct bytes id_of(uint32_t number, char *to)
{
    return bytes_of(to, (size_t)snprintf(to, 16, "n%u", number));
}

static bool is_live(const struct model *model, uint32_t number)
{
    char text[16];
    uint32_t item = model_find(model, id_of(number, text));
    return item != ITEM_NONE && model->item_states[item] == ITEM_LIVE;
}

/* The number in the id of an item that something refers to. */
static uint32_t number_of(const struct model *model, uint32_t item)
{
    CHECK(item < model->item_count && model->item_states[item] != ITEM_UNUSED);
    if (item >= model->item_count || model->items[item].id.size == 0)
        return 0;
    CHECK_INT(model_find(model, model->items[item].id), item);
    return (uint32_t)strtoul(model->items[item].id.at + 1, NULL, 10);
}

static void save(struct model *model, struct store *store)
{
    struct store_batch batch = {0};
    model_save(model, &batch);
    CHECK(store->write(store, &batch, NULL) == VERDICT_OK);
    batch_release(&batch);
}

static struct model *load(struct store *store)
{
    struct model *model = model_new(&limits);
    struct error error = {0};
    CHECK_SAY(model_load(model, store, &error) == VERDICT_OK, "%s", error.message);
    return model;
}

/* ---- who is evicted ---- */

struct naive {
    bool live[IDS], probation[IDS];
    uint64_t visitor[IDS];
    uint64_t admitted[IDS]; /* when; 0: never */
    uint64_t count[IDS];
    uint64_t added[IDS][IDS]; /* when the pair was added last */
    uint64_t now;
    uint64_t evictions;
};

static uint32_t count_of(const bool *flags, const bool *also)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < IDS; i++)
        count += flags[i] && also[i];
    return count;
}

static uint32_t oldest_on_probation(const struct naive *naive)
{
    uint32_t oldest = IDS;
    for (uint32_t i = 0; i < IDS; i++)
        if (naive->live[i] && naive->probation[i] &&
            (oldest == IDS || naive->admitted[i] < naive->admitted[oldest]))
            oldest = i;
    return oldest;
}

/* The model chooses among items of several visitors by chance: any of them may be the victim. */
static uint32_t find_victim(const struct naive *naive, const struct model *model, uint32_t share)
{
    if (count_of(naive->live, naive->probation) >= share)
        return oldest_on_probation(naive);
    for (uint32_t i = 0; i < IDS; i++)
        if (naive->live[i] && !naive->probation[i] && !is_live(model, i))
            return i;
    CHECK_SAY(false, "nobody was evicted");
    return 0;
}

static void naive_intern(struct naive *naive, const struct model *model, uint32_t number,
                         uint64_t visitor)
{
    if (naive->live[number]) {
        if (visitor == 0 || naive->visitor[number] != visitor)
            naive->probation[number] = false;
        return;
    }
    if (count_of(naive->live, naive->live) == ITEMS_MAX) {
        uint32_t victim = find_victim(naive, model, probation_share(ITEMS_MAX));
        CHECK_SAY(!is_live(model, victim), "n%u should go", victim);
        naive->live[victim] = false;
        naive->evictions++;
    }
    naive->live[number] = true;
    naive->probation[number] = visitor != 0;
    naive->visitor[number] = visitor;
    naive->admitted[number] = naive->now;
    naive->count[number] = 0;
}

static void check_rows(const struct naive *naive, const struct model *model)
{
    for (uint32_t owner = 0; owner < IDS; owner++) {
        char text[16];
        bool found[IDS] = {false};
        CHECK_INT(is_live(model, owner), naive->live[owner]);
        if (!naive->live[owner])
            continue;
        uint32_t item = model_find(model, id_of(owner, text));
        const struct row *row = &model->items[item].rows[PAIR_VIEW][PAIR_FORWARD];
        CHECK_INT(model->items[item].counts.count[PAIR_VIEW], naive->count[owner]);
        for (uint32_t i = 0; i < row->count; i++) {
            uint32_t other = number_of(model, row->entries[i].item);
            CHECK_SAY(naive->added[owner][other] > naive->admitted[owner], "n%u n%u", owner, other);
            found[other] = true;
        }
        for (uint32_t other = 0; other < IDS; other++) /* both live since the pair was added */
            if (naive->live[other] && naive->added[owner][other] > naive->admitted[owner] &&
                naive->added[owner][other] > naive->admitted[other])
                CHECK_SAY(found[other], "n%u n%u is lost", owner, other);
    }
}

static void add_pair(struct naive *naive, struct model *model, uint32_t owner, uint32_t other)
{
    char a[16], b[16];
    if (!naive->live[owner] || !naive->live[other])
        return;
    naive->now++;
    naive->added[owner][other] = naive->now;
    model_add(model, model_find(model, id_of(owner, a)), PAIR_VIEW, PAIR_FORWARD,
              model_find(model, id_of(other, b)), PAIR_UNITS, true,
              decay_at(START_MS, limits.pair_half_life_ms), START_MS, naive->now);
}

static void step(struct naive *naive, struct model *model, struct random *random)
{
    char text[16];
    uint32_t number = random_below(random, random_one_in(random, 2) ? IDS : 30);
    uint64_t visitor = random_one_in(random, 20) ? 0 : 1 + random_below(random, 5);
    naive->now++;
    uint32_t item = model_intern(model, id_of(number, text), visitor);
    naive_intern(naive, model, number, visitor);
    CHECK_INT(number_of(model, item), number);
    naive->count[number]++;
    model_count(model, item, PAIR_VIEW, decay_at(START_MS, limits.popular_half_life_ms), START_MS);
    for (int i = 0; i < 3; i++)
        add_pair(naive, model, number, random_below(random, IDS));
}

static void test_room(void)
{
    struct naive *naive = memory_zero(1, sizeof *naive);
    struct random random = random_from(301);
    struct model *model = model_new(&limits);
    struct store *store = store_memory_new();
    uint64_t renumbered = 0, unseated = 0;
    for (int i = 0; i < (TEST_SANITIZED ? 2000 : 8000); i++) {
        step(naive, model, &random);
        CHECK_INT(model->live_count, count_of(naive->live, naive->live));
        CHECK_INT(model->probation.count, count_of(naive->live, naive->probation));
        CHECK(model->item_count <= ITEMS_MAX + 2 * limits.sweep_steps);
        if (random_one_in(&random, 20))
            check_rows(naive, model);
        if (!random_one_in(&random, 300))
            continue;
        renumbered += model->renumbered;
        unseated += model->items_unseated;
        save(model, store);
        model_free(model);
        model = load(store);
        check_rows(naive, model);
    }
    CHECK(naive->evictions > 500 && renumbered > 3 && unseated > 10 &&
          naive->evictions > unseated + 100);
    CHECK_INT(model->items_refused, 0);
    model_free(model);
    store->free(store);
    free(naive);
}

/* ---- references of the tables ---- */

#define VISITORS 12
#define TERMS 60

struct seen {
    bool session[VISITORS + 1][IDS]; /* the visitor had the item */
    bool term[TERMS][IDS];           /* it was taken after the term */
    bool before[IDS][IDS];           /* [later][earlier] in a session */
};

static void check_sessions(const struct model *model, const struct seen *seen)
{
    const struct session_memory *memory = model->sessions;
    for (uint32_t place = 0; place < memory->limits.sessions_max; place++) {
        const struct remembered_session *session = &memory->sessions[place];
        for (uint32_t i = 0; i < session->count; i++)
            CHECK(seen->session[session->visitor][number_of(model, session->items[i])]);
    }
    for (uint32_t item = 0; item < memory->item_capacity; item++) {
        for (uint32_t i = 0; i < memory->postings[item].count; i++) {
            const struct remembered_session *session =
                sessions_find(memory, memory->postings[item].serials[i]);
            bool found = session == NULL; /* it was overwritten */
            for (uint32_t k = 0; session && k < session->count; k++)
                found = found || session->items[k] == item;
            CHECK(found);
        }
    }
}

static void check_queries(const struct model *model, const struct seen *seen)
{
    for (uint32_t i = 0; i < model->queries->count; i++) {
        const struct query_row *row = &model->queries->rows[i];
        uint32_t term = (uint32_t)strtoul(row->text + 1, NULL, 10);
        for (uint32_t k = 0; k < row->count; k++)
            CHECK(seen->term[term][number_of(model, row->entries[k].item)]);
    }
}

static void check_vectors(const struct model *model, const struct seen *seen)
{
    const struct vectors *vectors = model->vectors;
    uint32_t clicks = 0;
    for (uint32_t i = 0; i < vectors->ring_count; i++) {
        uint32_t target = number_of(model, vectors->ring[i].target);
        CHECK_INT(vectors->targets[i], vectors->ring[i].target);
        for (uint32_t k = 0; k < vectors->ring[i].before_count; k++)
            CHECK(seen->before[target][number_of(model, vectors->ring[i].before[k])]);
    }
    for (uint32_t item = 0; item < vectors->item_capacity; item++) {
        clicks += vectors->clicks[item];
        if (vectors->clicks[item] > 0 || vectors->places[item] != 0)
            number_of(model, item);
        if (vectors->places[item] != 0)
            CHECK_INT(vectors->items[vectors->places[item] - 1], item);
    }
    CHECK_INT(clicks, vectors->ring_count);
}

static void check_references(const struct model *model, const struct seen *seen)
{
    check_sessions(model, seen);
    check_queries(model, seen);
    check_vectors(model, seen);
    for (uint32_t i = 0; i < model->popular_count; i++)
        CHECK_INT(model->item_states[model->popular[i]], ITEM_LIVE);
    for (uint32_t item = 0; item < model->item_count; item++)
        if (trends_row(model->trends, item))
            CHECK_INT(model->item_states[item], ITEM_LIVE);
}

static void fold(struct model *model, const struct interaction *interaction)
{
    const struct step *const steps[] = {&weft_step_cooccurrence, &weft_step_popularity,
                                        &weft_step_embeddings,   &weft_step_session_memory,
                                        &weft_step_queries,      &weft_step_trends,
                                        &weft_step_channels};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        steps[i]->interaction(model, interaction);
}

struct walk {
    uint32_t items[NEIGHBOURS_MAX]; /* newest first */
    uint32_t count;
};

static void fold_random(struct model **models, struct random *random, struct walk *walks,
                        struct seen *seen, uint64_t number)
{
    char texts[NEIGHBOURS_MAX + 3][16];
    uint32_t visitor = random_below(random, VISITORS), term = random_below(random, TERMS);
    uint32_t item = random_below(random, random_one_in(random, 2) ? IDS : 30);
    struct walk *walk = &walks[visitor];
    struct interaction interaction = {
        .event_id = bytes_of(&number, sizeof number),
        .kind = random_one_in(random, 5) ? KIND_PURCHASE : KIND_VIEW,
        .subject = id_of(item, texts[0]),
        .event_time_ms = START_MS + (int64_t)number * 20000,
        .visitor = visitor + 1,
        .before_count = walk->count,
    };
    for (uint32_t i = 0; i < walk->count; i++) {
        interaction.before[i].item_id = id_of(walk->items[i], texts[i + 1]);
        seen->before[item][walk->items[i]] = true;
    }
    snprintf(texts[NEIGHBOURS_MAX + 1], 16, "t%u", term);
    if (random_one_in(random, 2)) {
        interaction.search_term = bytes_text(texts[NEIGHBOURS_MAX + 1]);
        seen->term[term][item] = true;
    }
    interaction.channel = bytes_of("abcdefgh", 1 + random_below(random, 8));
    seen->session[visitor + 1][item] = true;
    for (int i = 0; i < 2; i++)
        fold(models[i], &interaction);
    memmove(walk->items + 1, walk->items, (NEIGHBOURS_MAX - 1) * sizeof *walk->items);
    walk->items[0] = item;
    walk->count += walk->count < NEIGHBOURS_MAX;
    if (random_one_in(random, 10))
        walk->count = 0;
}

/* One of two models stops and starts again; both end with the same rows. */
static void test_references(void)
{
    struct seen *seen = memory_zero(1, sizeof *seen);
    struct random random = random_from(302);
    struct walk walks[VISITORS] = {{.count = 0}};
    struct model *models[2] = {model_new(&limits), model_new(&limits)};
    struct store *stores[2] = {store_memory_new(), store_memory_new()};
    for (int i = 0; i < TEST_ROUNDS(12000); i++) {
        fold_random(models, &random, walks, seen, (uint64_t)i);
        if (random_one_in(&random, 50))
            check_references(models[0], seen);
        if (!random_one_in(&random, 300))
            continue;
        save(models[0], stores[0]);
        model_free(models[0]);
        models[0] = load(stores[0]);
        check_references(models[0], seen);
    }
    CHECK(models[1]->items_evicted > 300 && models[1]->renumbered > 2);
    CHECK(models[1]->vectors->steps > 30 && models[1]->queries->evicted > 100);
    CHECK(models[1]->channels->evicted > 100);
    struct row_hasher hashers[2];
    for (int i = 0; i < 2; i++) {
        save(models[i], stores[i]);
        hashers[i] = hash_rows(stores[i], FAMILY_MODEL);
        check_tables(&hashers[i], "abisrepqhck");
        model_free(models[i]);
        stores[i]->free(stores[i]);
    }
    CHECK(hashers[0].hash == hashers[1].hash);
    free(seen);
}

/* ---- a flood of invented ids ---- */

static void view(struct model *model, const char *prefix, uint32_t number, uint64_t visitor)
{
    char text[24];
    const struct interaction interaction = {
        .event_id = bytes_of(&number, sizeof number),
        .kind = KIND_VIEW,
        .subject = bytes_of(text, (size_t)snprintf(text, sizeof text, "%s%u", prefix, number)),
        .event_time_ms = START_MS,
        .visitor = visitor,
    };
    fold(model, &interaction);
}

static bool knows(const struct model *model, const char *prefix, uint32_t number)
{
    char text[24];
    uint32_t item = model_find(
        model, bytes_of(text, (size_t)snprintf(text, sizeof text, "%s%u", prefix, number)));
    return item != ITEM_NONE && model->item_states[item] == ITEM_LIVE;
}

/* Items of two visitors stay, and new products are learned. */
static void test_flood(void)
{
    struct model_limits room = limits;
    room.items_max = 200;
    struct model *model = model_new(&room);
    for (uint32_t i = 0; i < 2 * 150; i++)
        view(model, "real", i % 150, 1 + i / 150);
    for (uint32_t i = 0; i < 20000; i++)
        view(model, "invented", i, 100 + i / 500);
    for (uint32_t i = 0; i < 150; i++)
        CHECK_SAY(knows(model, "real", i), "real%u is lost", i);
    CHECK_INT(model->items_evicted, 20000 - 50);
    CHECK_INT(model->items_unseated, 0);
    for (uint32_t i = 0; i < 2 * 10; i++)
        view(model, "new", i % 10, 1 + i / 10);
    for (uint32_t i = 0; i < 10; i++)
        CHECK(knows(model, "new", i));
    for (uint32_t i = 0; i < 1000; i++)
        view(model, "more", i, 7);
    for (uint32_t i = 0; i < 10; i++)
        CHECK(knows(model, "new", i));
    CHECK_INT(model->live_count, 200);
    CHECK_INT(model->items_refused, 0);
    model_free(model);
}

/* Where everything has two visitors, the ones that nobody sees any more go. */
static void test_unseated(void)
{
    struct model *model = model_new(&limits);
    for (uint32_t i = 0; i < 2000; i++) {
        view(model, "old", i % 4, 1 + i % 2);
        view(model, "new", i, 1);
        view(model, "new", i, 2);
        CHECK(knows(model, "new", i));
        CHECK_INT(model->live_count, i + 4 < ITEMS_MAX ? (i < 3 ? 2 * i + 2 : i + 5) : ITEMS_MAX);
    }
    for (uint32_t i = 0; i < 4; i++)
        CHECK_SAY(knows(model, "old", i), "old%u is lost", i);
    CHECK(model->items_unseated > 1900);
    model_free(model);
}

/* ---- the popular items ---- */

#define CROWD 2000 /* more than the reserve has */

struct popular {
    uint32_t at[POPULAR_MAX], count;
};

static void naive_rank(struct popular *popular, const struct model *model, uint32_t item)
{
    const struct model_item *items = model->items;
    uint32_t at = 0;
    while (at < popular->count && popular->at[at] != item)
        at++;
    if (at == popular->count) {
        if (popular->count == POPULAR_MAX &&
            !model_heavier(&items[item].counts, &items[popular->at[at - 1]].counts))
            return;
        at = popular->count < POPULAR_MAX ? popular->count++ : at - 1;
    }
    for (; at > 0 && model_heavier(&items[item].counts, &items[popular->at[at - 1]].counts); at--)
        popular->at[at] = popular->at[at - 1];
    popular->at[at] = item;
}

/* A look at all items, in the order of their numbers. */
static void naive_choose(struct popular *popular, const struct model *model)
{
    popular->count = 0;
    for (uint32_t item = 0; item < model->item_count; item++)
        if (model->items[item].counts.recent > 0)
            naive_rank(popular, model, item);
}

static bool has_evicted(const struct popular *popular, const struct model *model)
{
    for (uint32_t i = 0; i < popular->count; i++)
        if (!(model->items[popular->at[i]].counts.recent > 0))
            return true;
    return false;
}

static void check_popular(const struct popular *popular, const struct model *model)
{
    CHECK_INT(model->popular_count, popular->count);
    CHECK(memcmp(model->popular, popular->at, popular->count * sizeof *popular->at) == 0);
}

struct crowd {
    struct random random;
    struct model *model;
    struct popular popular;
    uint32_t chosen; /* how often a popular item went */
    int64_t time_ms;
};

/* A flood of ids: most weigh the same. Some come back, so that a few are heavier; the time goes on
 * now and then. */
static void crowd_step(struct crowd *crowd, uint32_t step)
{
    char text[16];
    struct model *model = crowd->model;
    uint32_t number =
        random_one_in(&crowd->random, 500) ? random_below(&crowd->random, CROWD) : step;
    crowd->time_ms += random_one_in(&crowd->random, 6 * CROWD) ? 3600000 : 0;
    uint32_t item = model_intern(model, id_of(number, text), 1 + random_one_in(&crowd->random, 50));
    if (has_evicted(&crowd->popular, model)) {
        naive_choose(&crowd->popular, model);
        crowd->chosen++;
    }
    check_popular(&crowd->popular, model);
    model_count(model, item, PAIR_VIEW, decay_at(crowd->time_ms, limits.popular_half_life_ms),
                crowd->time_ms);
    naive_rank(&crowd->popular, model, item);
    check_popular(&crowd->popular, model);
}

/* The order of the popular items is that of a look at all items, no matter which items go. */
static void test_popular(void)
{
    struct model_limits room = limits;
    struct store *store = store_memory_new();
    struct crowd crowd = {.random = random_from(5), .time_ms = START_MS};
    room.items_max = CROWD;
    room.sweep_steps = 4096; /* so that most new ids get new numbers, behind the reserve */
    crowd.model = model_new(&room);
    for (uint32_t step = 0; step < 8 * CROWD; step++) {
        crowd_step(&crowd, step);
        if (step % (2 * CROWD) != CROWD)
            continue;
        save(crowd.model, store);
        model_free(crowd.model);
        crowd.model = model_new(&room);
        CHECK(model_load(crowd.model, store, NULL) == VERDICT_OK);
        naive_choose(&crowd.popular, crowd.model);
        check_popular(&crowd.popular, crowd.model);
    }
    CHECK_SAY(crowd.chosen > 100, "%u popular items went", crowd.chosen);
    model_free(crowd.model);
    store->free(store);
}

/* ---- a model of the format before ---- */

static void test_old_format(void)
{
    struct model *model = model_new(&limits);
    struct store *store = store_memory_new();
    struct store_batch batch = {0};
    uint32_t format = 1;
    char text[16];
    for (uint32_t i = 0; i < ITEMS_MAX; i++) /* each second one is viewed once */
        for (uint32_t k = 0; k < 1 + i % 2; k++)
            model_count(model, model_intern(model, id_of(i, text), 0), PAIR_VIEW,
                        decay_at(START_MS, limits.popular_half_life_ms), START_MS);
    save(model, store);
    model_free(model);
    batch_put(&batch, FAMILY_MODEL, bytes_text("m"), bytes_of(&format, 4));
    batch_delete(&batch, FAMILY_MODEL, bytes_text("a"));
    batch_delete_prefix(&batch, FAMILY_MODEL, bytes_text("b"));
    CHECK(store->write(store, &batch, NULL) == VERDICT_OK);
    batch_release(&batch);
    model = load(store);
    CHECK_INT(model->probation.count, ITEMS_MAX / 2);
    CHECK_INT(number_of(model, number_queue_oldest(&model->probation)), 0);
    save(model, store); /* of this format now */
    model_free(model);
    model = load(store);
    CHECK_INT(model->probation.count, ITEMS_MAX / 2);
    view(model, "n", 0, 1); /* an activity that is not the only one */
    CHECK_INT(model->probation.count, ITEMS_MAX / 2 - 1);
    view(model, "n", 100, 1);
    CHECK(!is_live(model, 2) && is_live(model, 0) && is_live(model, 100));
    model_free(model);
    store->free(store);
}

int main(void)
{
    TEST_RUN(test_room);
    TEST_RUN(test_references);
    TEST_RUN(test_flood);
    TEST_RUN(test_unseated);
    TEST_RUN(test_popular);
    TEST_RUN(test_old_format);
    return test_done();
}
