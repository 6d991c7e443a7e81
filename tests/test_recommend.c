/* Candidates and lists, against naive versions, on models and visitors at random. */
#include "processors/recommend/popularity.h"
#include "processors/recommend/recommend.h"
#include "processors/recommend/repeats.h"
#include "processors/recommend/rules.h"
#include "tests/test.h"

#include <math.h>

#define ITEMS 150
#define START_MS 1700000000000

static const struct model_limits limits = {.items_max = 1000, .row_entries_max = 100,
                                           .rules_half_life_ms = 86400000,
                                           .popular_half_life_ms = 86400000};

static struct bytes item_id(uint32_t item, char *to)
{
    return bytes_of(to, (size_t)snprintf(to, 16, "item %u", item));
}

static struct model *random_model(struct random *random, uint32_t interactions)
{
    struct model *model = model_new(&limits);
    char ids[NEIGHBOURS_MAX + 2][16];
    for (uint32_t i = 0; i < interactions; i++) {
        struct interaction in = {
            .event_id = bytes_of(&i, sizeof i),
            .kind = (enum kind)random_below(random, KIND_PURCHASE + 1),
            .event_time_ms = START_MS + i * 60000ll,
            .before_count = random_below(random, NEIGHBOURS_MAX + 1),
        };
        in.subject = item_id(random_below(random, 1 + random_below(random, ITEMS)), ids[9]);
        for (uint32_t k = 0; k < in.before_count; k++)
            in.before[k].item_id = item_id(random_below(random, ITEMS), ids[k]);
        rules_fold(model, &in);
        popularity_fold(model, &in);
    }
    return model;
}

static struct visitor *random_visitor(struct random *random, struct visitor_table *table)
{
    struct visitor *visitor = NULL;
    char id[16], key[24];
    snprintf(key, sizeof key, "%" PRIx64, random_next(random));
    visitors_get(table, 0, bytes_text(key), &visitor, NULL);
    for (uint32_t i = random_below(random, 40); i > 0; i--) {
        struct activity activity = {.time_ms = START_MS + random_below(random, 1000000),
                                    .kind = (uint8_t)random_below(random, KINDS)};
        uint32_t item = random_below(random, random_one_in(random, 2) ? 10 : ITEMS + 20);
        visitor_insert(visitor,
                       visitor_position(visitor, activity.time_ms, (enum kind)activity.kind),
                       activity, item_id(item, id), 100);
    }
    return visitor;
}

/* ---- naive versions, from the headers' formulas ---- */

struct naive {
    uint32_t recent[RECENT_MAX], distance[RECENT_MAX], recent_count;
    double parts[GENERATORS_MAX][ITEMS + 20];
};

static void naive_recent(struct naive *naive, const struct model *model,
                         const struct visitor *visitor)
{
    uint32_t ago = 0;
    naive->recent_count = 0;
    for (uint32_t i = visitor->count; i > 0 && ago < RECENT_MAX; i--) {
        const struct activity *activity = &visitor->activities[i - 1];
        uint32_t item = model_find(model, activity_subject(visitor, activity));
        bool again = false;
        if (activity->kind != KIND_VIEW && activity->kind != KIND_CART &&
            activity->kind != KIND_PURCHASE)
            continue;
        ago++;
        for (uint32_t k = 0; k < naive->recent_count; k++)
            again = again || naive->recent[k] == item;
        if (item == ITEM_NONE || again)
            continue;
        naive->recent[naive->recent_count] = item;
        naive->distance[naive->recent_count++] = ago;
    }
}

static void naive_rows(struct naive *naive, const struct model *model, int generator,
                       const struct row *row, uint32_t most, double by_rank, double by_share)
{
    (void)model;
    for (uint32_t i = 0; i < row->count && i < most; i++)
        naive->parts[generator][row->entries[i].item] +=
            by_rank / (3 + (i + 1)) + by_share * row->entries[i].weight / row->total;
}

static void naive_parts(struct naive *naive, const struct model *model)
{
    memset(naive->parts, 0, sizeof naive->parts);
    for (uint32_t i = 0; i < naive->recent_count; i++)
        naive->parts[0][naive->recent[i]] += .4 / (naive->distance[i] + 1) + .05;
    for (uint32_t i = 0; i < model->popular_count && i < 40; i++)
        naive->parts[6][model->popular[i]] += .02 / (1 + i);
    if (naive->recent_count == 0)
        return;
    const struct model_item *last = &model->items[naive->recent[0]];
    naive_rows(naive, model, 1, &last->rows[RULES_VIEW][RULES_FORWARD], 100, 1, 1);
    naive_rows(naive, model, 2, &last->rows[RULES_VIEW][RULES_BACKWARD], 50, .5, 0);
    for (uint32_t j = 1; j <= 4 && j < naive->recent_count; j++)
        naive_rows(naive, model, 3, &model->items[naive->recent[j]].rows[RULES_VIEW][0], 30, 0,
                   .5 * pow(.7, j));
    for (int direction = 0; direction < RULE_DIRECTIONS; direction++) {
        naive_rows(naive, model, 4, &last->rows[RULES_CART][direction], 30, .5, 0);
        naive_rows(naive, model, 5, &last->rows[RULES_PURCHASE][direction], 30, .5, 0);
    }
}

/* The product page's item comes first, as if it had just been looked at. */
static void naive_focus(struct naive *naive, const struct model *model, uint32_t context)
{
    uint32_t recent[RECENT_MAX], distance[RECENT_MAX], count = 1;
    if (context == ITEM_NONE || (naive->recent_count > 0 && naive->recent[0] == context))
        return;
    recent[0] = context;
    distance[0] = 1;
    for (uint32_t i = 0; i < naive->recent_count && count < RECENT_MAX; i++) {
        if (naive->recent[i] == context)
            continue;
        recent[count] = naive->recent[i];
        distance[count++] = naive->distance[i];
    }
    memcpy(naive->recent, recent, sizeof recent);
    memcpy(naive->distance, distance, sizeof distance);
    naive->recent_count = count;
    naive_parts(naive, model);
}

static bool naive_unknown(const struct model *model, const struct visitor *visitor)
{
    uint32_t ago = 0;
    for (uint32_t i = visitor->count; i > 0 && ago < RECENT_MAX; i--) {
        const struct activity *activity = &visitor->activities[i - 1];
        if (activity->kind != KIND_VIEW && activity->kind != KIND_CART &&
            activity->kind != KIND_PURCHASE)
            continue;
        ago++;
        if (model_find(model, activity_subject(visitor, activity)) == ITEM_NONE)
            return true;
    }
    return false;
}

static void check_candidates(const struct model *model, const struct visitor *visitor,
                             struct naive *naive)
{
    struct query query;
    struct candidates candidates;
    bool proposed[ITEMS + 20] = {false};
    naive_recent(naive, model, visitor);
    naive_parts(naive, model);
    query_init(&query, model, NULL, visitor);
    CHECK_INT(query.recent_count, naive->recent_count);
    for (uint32_t i = 0; i < query.recent_count && i < naive->recent_count; i++)
        CHECK(query.recent[i] == naive->recent[i] && query.distance[i] == naive->distance[i]);
    candidates_init(&candidates);
    candidates_clear(&candidates, model->item_count, 0);
    for (int i = 0; i < generator_count; i++)
        generators[i].generate(&query, &candidates, i);
    for (uint32_t i = 0; i < candidates.count; i++) {
        const struct candidate *candidate = &candidates.at[i];
        CHECK(candidate->item < model->item_count && !proposed[candidate->item]);
        proposed[candidate->item] = true;
        for (int k = 0; k < generator_count; k++) {
            double part = naive->parts[k][candidate->item];
            CHECK_SAY(fabs((double)candidate->parts[k] - part) <= 1e-5 * (1 + part),
                      "%s gives %g, not %g", generators[k].name, (double)candidate->parts[k],
                      part);
        }
    }
    for (uint32_t item = 0; item < model->item_count; item++)
        for (int k = 0; k < generator_count; k++)
            CHECK(proposed[item] || naive->parts[k][item] <= 0);
    candidates_release(&candidates);
}

/* ---- lists ---- */

static double naive_score(const struct naive *naive, uint32_t item, bool repeats)
{
    double score = 0;
    for (int k = repeats ? 0 : 1; k < generator_count; k++)
        score += naive->parts[k][item];
    return score;
}

static void check_reason(const struct model *model, const struct naive *naive,
                         const struct list_item *item, uint32_t index, bool repeats)
{
    int reason = -1;
    double most = 0;
    for (int k = 0; k < generator_count; k++)
        if (strcmp(generators[k].reason, item->reason) == 0)
            reason = k;
    CHECK_SAY(reason >= (repeats ? 0 : 1), "reason %s", item->reason);
    for (int k = repeats ? 0 : 1; k < generator_count; k++)
        most = fmax(most, naive->parts[k][index]);
    CHECK(naive->parts[reason][index] >= most - 1e-5 && most > 0); /* what gave most */
    if (reason == 6) {
        CHECK(item->because_item_id.at == NULL);
        return;
    }
    uint32_t cause = model_find(model, item->because_item_id);
    bool recent = false; /* an item of the visitor's history, that gave something */
    for (uint32_t i = 0; i < naive->recent_count; i++)
        recent = recent || naive->recent[i] == cause;
    CHECK(recent);
    if (reason == 0)
        CHECK(cause == index);
    else if (reason != 3)
        CHECK(cause == naive->recent[0]);
}

static void check_list(const struct model *model, const struct naive *naive,
                       const struct list *list, uint32_t length, bool repeats, uint32_t context)
{
    bool seen[ITEMS + 20] = {false};
    uint32_t possible = 0;
    double last = INFINITY;
    CHECK(list->item_count <= length);
    for (uint32_t i = 0; i < list->item_count; i++) {
        uint32_t item = model_find(model, list->items[i].item_id);
        CHECK(item != ITEM_NONE && !seen[item] && item != context);
        seen[item] = true;
        double score = naive_score(naive, item, repeats);
        CHECK_SAY(fabs((double)list->items[i].score - score) <= 1e-5 * (1 + score), "score");
        CHECK(i == 0 || list->items[i].score <= list->items[i - 1].score);
        check_reason(model, naive, &list->items[i], item, repeats);
        last = (double)list->items[i].score;
    }
    for (uint32_t item = 0; item < model->item_count; item++) {
        double score = item == context ? 0 : naive_score(naive, item, repeats);
        possible += score > 0;
        CHECK(seen[item] || list->item_count < length || score <= last + 1e-5);
    }
    CHECK_INT(list->item_count, possible < length ? possible : length);
}

static struct bytes naive_context(const struct visitor *visitor)
{
    struct bytes id = bytes_of(NULL, 0);
    for (uint32_t i = 0; i < visitor->count; i++)
        if (visitor->activities[i].kind == KIND_VIEW)
            id = activity_subject(visitor, &visitor->activities[i]);
    return id;
}

static void check_lists(struct recommender *recommender, struct model *model,
                        const struct visitor *visitor, struct naive *naive, uint32_t length)
{
    bool again = false, unknown = naive_unknown(model, visitor);
    struct arena arena = {0};
    struct list lists[PLACEMENTS];
    struct ranked_item next[LIST_ITEMS_MAX];
    struct bytes context = naive_context(visitor);
    uint32_t count = recommend_lists(recommender, model, NULL, visitor, length, &arena, lists,
                                     &again);
    bool is_short = lists[0].item_count < length ||
                    (context.at && lists[1].item_count < length);
    CHECK_INT(again, unknown || is_short);
    CHECK_INT(count, context.at ? 2 : 1);
    CHECK_TEXT(lists[0].placement, "home");
    CHECK(lists[0].context_item_id.at == NULL);
    check_list(model, naive, &lists[0], length, true, ITEM_NONE);
    uint32_t found = recommend_next(recommender, model, NULL, visitor, length, next);
    CHECK_INT(found, lists[0].item_count); /* the same as home's */
    for (uint32_t i = 0; i < found; i++)
        CHECK_BYTES(model->items[next[i].item].id, lists[0].items[i].item_id);
    if (count == 2) {
        CHECK_TEXT(lists[1].placement, "product");
        CHECK_BYTES(lists[1].context_item_id, context);
        naive_focus(naive, model, model_find(model, context));
        check_list(model, naive, &lists[1], length, false, model_find(model, context));
    }
    arena_release(&arena);
}

static void test_random(void)
{
    static struct naive naive;
    struct random random = random_from(111);
    struct store *store = store_memory_new();
    struct visitor_table *table = visitors_new(store, SIZE_MAX);
    struct recommender *recommender = recommender_new();
    for (int round = 0; round < 40; round++) {
        uint32_t interactions = round < 5 ? (uint32_t)round : random_below(&random, 2000);
        struct model *model = random_model(&random, interactions);
        for (int i = 0; i < 10; i++) {
            const struct visitor *visitor = random_visitor(&random, table);
            uint32_t length =
                1 + random_below(&random, random_one_in(&random, 3) ? LIST_ITEMS_MAX : 20);
            check_candidates(model, visitor, &naive);
            check_lists(recommender, model, visitor, &naive, length);
        }
        model_free(model);
    }
    recommender_free(recommender);
    recommender_free(NULL);
    visitors_free(table);
    store->free(store);
}

/* Causes weigh by their largest part; what comes past the bound is left out. */
static void test_candidates_add(void)
{
    struct candidates candidates;
    candidates_init(&candidates);
    candidates_clear(&candidates, 2 * CANDIDATES_MAX, 10);
    candidates_add(&candidates, 5, 3, .2f, 7);
    candidates_add(&candidates, 5, 3, .3f, 8);
    candidates_add(&candidates, 5, 3, .25f, 9);
    candidates_add(&candidates, 5, 1, .1f, 6);
    CHECK_INT(candidates.count, 1);
    CHECK(fabsf(candidates.at[0].parts[3] - .75f) < 1e-6f);
    CHECK_INT(candidates.at[0].causes[3], 8);
    CHECK_INT(candidates.at[0].causes[1], 6);
    for (uint32_t i = 0; i < 2 * CANDIDATES_MAX; i++)
        candidates_add(&candidates, i, 0, 1, i);
    CHECK_INT(candidates.count, CANDIDATES_MAX);
    CHECK(fabsf(candidates.at[0].parts[0] - 1) < 1e-6f);
    candidates.round = UINT32_MAX; /* stamps of long ago must not look new */
    candidates_clear(&candidates, 2 * CANDIDATES_MAX, 10);
    CHECK_INT(candidates.round, 1);
    candidates_add(&candidates, 5, 0, 1, 1);
    CHECK(candidates.count == 1 && candidates.at[0].parts[3] <= 0);
    candidates_release(&candidates);
}

int main(void)
{
    TEST_RUN(test_random);
    TEST_RUN(test_candidates_add);
    return test_done();
}
