/* Candidates and lists, against naive versions, on models and visitors at random. */
#include "processors/recommend/candidates/cooccurrence.h"
#include "processors/recommend/candidates/popular_items.h"
#include "processors/recommend/candidates/repeats.h"
#include "processors/recommend/candidates/session_encoder.h"
#include "processors/recommend/recommend.h"
#include "state/visitor_table.h"
#include "tests/steps.h"
#include "tests/test.h"

#include <math.h>

#define ITEMS 150
#define START_MS 1700000000000

static const struct model_limits limits = {.items_max = 1000,
                                           .row_entries_max = 100,
                                           .pair_half_life_ms = 86400000,
                                           .popular_half_life_ms = 86400000,
                                           .vectors = {.items_max = 100, .ring_max = 1000},
                                           .encoder_clicks_per_second_max = 1000};

static struct recommend_settings settings = {.rank.session_gap_ms = 1800000,
                                             .rank.candidates_max = RANKED_MAX,
                                             .learn_every = 1,
                                             .learn_rate_max = UINT32_MAX,
                                             .learning = true,
                                             .merge_ms = 5000,
                                             .training_log_bytes = 1 << 20};

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
        weft_step_cooccurrence.interaction(model, &in);
        weft_step_popularity.interaction(model, &in);
        weft_step_embeddings.interaction(model, &in);
    }
    return model;
}

static struct visitor *random_visitor(struct random *random, struct visitor_table *table)
{
    struct visitor *visitor = NULL;
    char id[16], key[24];
    snprintf(key, sizeof key, "%" PRIx64, random_next(random));
    visitor_table_get(table, 0, bytes_text(key), &visitor, NULL);
    for (uint32_t i = random_below(random, 90); i > 0; i--) {
        struct activity activity = {.time_ms = START_MS + random_below(random, 1000000),
                                    .kind = (uint8_t)random_below(random, KINDS)};
        uint32_t item = random_below(random, random_one_in(random, 2) ? 10 : ITEMS + 20);
        visitor_insert(visitor,
                       visitor_position(visitor, activity.time_ms, (enum kind)activity.kind),
                       activity, item_id(item, id), 100, NULL);
    }
    return visitor;
}

/* ---- naive versions, from the headers' formulas ---- */

enum {
    REPEATS,
    FORWARD,
    BACKWARD,
    PREVIOUS,
    CARTED,
    BOUGHT,
    SESSION_KNN,
    TWO_HOP,
    CONTENT_SIMILARITY,
    CATEGORY_POPULARITY,
    POPULAR
};

struct naive {
    uint32_t sequence[RECENT_MAX], length;
    uint32_t recent[RECENT_MAX], distance[RECENT_MAX], recent_count;
    uint32_t earlier[100], earlier_ago[100], earlier_count; /* each activity, newest first */
    double parts[16][ITEMS + 20];
};

static void naive_recent(struct naive *naive, const struct model *model,
                         const struct visitor *visitor)
{
    uint32_t ago = 0;
    naive->recent_count = naive->length = 0;
    for (uint32_t i = visitor->count; i > 0 && ago < RECENT_MAX; i--) {
        const struct activity *activity = &visitor->activities[i - 1];
        uint32_t item = model_find(model, activity_subject(visitor, activity));
        bool again = false;
        if (activity->kind != KIND_VIEW && activity->kind != KIND_CART &&
            activity->kind != KIND_PURCHASE)
            continue;
        ago++;
        if (item != ITEM_NONE)
            naive->sequence[naive->length++] = item;
        for (uint32_t k = 0; k < naive->recent_count; k++)
            again = again || naive->recent[k] == item;
        if (item == ITEM_NONE || again)
            continue;
        naive->recent[naive->recent_count] = item;
        naive->distance[naive->recent_count++] = ago;
    }
}

/* The activities before the last RECENT_MAX. */
static void naive_earlier(struct naive *naive, const struct model *model,
                          const struct visitor *visitor)
{
    uint32_t ago = 0;
    naive->earlier_count = 0;
    for (uint32_t i = visitor->count; i > 0; i--) {
        const struct activity *activity = &visitor->activities[i - 1];
        uint32_t item = model_find(model, activity_subject(visitor, activity));
        if (activity->kind != KIND_VIEW && activity->kind != KIND_CART &&
            activity->kind != KIND_PURCHASE)
            continue;
        if (++ago <= RECENT_MAX || item == ITEM_NONE)
            continue;
        naive->earlier[naive->earlier_count] = item;
        naive->earlier_ago[naive->earlier_count++] = ago;
    }
}

/* The parts of items that are not among the recent ones. */
static void naive_old_repeats(struct naive *naive)
{
    for (uint32_t i = 0; i < naive->earlier_count; i++) {
        uint32_t item = naive->earlier[i], times = 0;
        bool newer = naive->parts[REPEATS][item] > 0;
        for (uint32_t k = 0; k < naive->earlier_count; k++)
            times += naive->earlier[k] == item;
        if (!newer)
            naive->parts[REPEATS][item] = .4 * times / naive->earlier_ago[i] + .02;
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
    naive_old_repeats(naive);
    for (uint32_t i = 0; i < model->popular_count && i < 40; i++)
        naive->parts[POPULAR][model->popular[i]] += .02 / (1 + i);
    if (naive->recent_count == 0)
        return;
    const struct model_item *last = &model->items[naive->recent[0]];
    naive_rows(naive, model, FORWARD, &last->rows[PAIR_VIEW][PAIR_FORWARD], 100, 1, 1);
    naive_rows(naive, model, BACKWARD, &last->rows[PAIR_VIEW][PAIR_BACKWARD], 50, .5, 0);
    for (uint32_t j = 1; j <= 4 && j < naive->length; j++)
        if (naive->sequence[j] != naive->recent[0])
            naive_rows(naive, model, PREVIOUS, &model->items[naive->sequence[j]].rows[PAIR_VIEW][0],
                       30, 0, .5 * pow(.7, j));
    for (int kind = PAIR_CART; kind <= PAIR_PURCHASE; kind++) {
        int generator = kind == PAIR_CART ? CARTED : BOUGHT;
        double best[ITEMS + 20] = {0};
        for (int direction = 0; direction < PAIR_DIRECTIONS; direction++)
            for (uint32_t i = 0; i < last->rows[kind][direction].count && i < 30; i++)
                best[last->rows[kind][direction].entries[i].item] =
                    fmax(best[last->rows[kind][direction].entries[i].item], .5 / (4 + i));
        for (uint32_t item = 0; item < model->item_count; item++)
            naive->parts[generator][item] = best[item];
    }
    for (int direction = 0; direction < PAIR_DIRECTIONS; direction++) {
        const struct row *row = &last->rows[PAIR_VIEW][direction];
        for (uint32_t i = 0; i < row->count && i < 8; i++)
            if (row->entries[i].item != naive->recent[0])
                naive_rows(naive, model, TWO_HOP,
                           &model->items[row->entries[i].item].rows[PAIR_VIEW][0], 8, 0,
                           .3 * row->entries[i].weight / row->total);
    }
}

/* The product page's item comes first, as if it had just been looked at. */
static void naive_focus(struct naive *naive, const struct model *model, uint32_t context)
{
    uint32_t sequence[RECENT_MAX], at = 0;
    if (context == ITEM_NONE || (naive->recent_count > 0 && naive->recent[0] == context))
        return;
    memcpy(sequence, naive->sequence, sizeof sequence);
    naive->sequence[0] = context;
    uint32_t length = 1;
    while (at < naive->length && sequence[at] != context)
        at++;
    for (uint32_t i = 0; i < naive->length && length < RECENT_MAX; i++)
        if (i != at)
            naive->sequence[length++] = sequence[i];
    naive->length = length;
    naive->recent_count = 0;
    for (uint32_t i = 0; i < length; i++) {
        bool again = false;
        for (uint32_t k = 0; k < naive->recent_count; k++)
            again = again || naive->recent[k] == naive->sequence[i];
        if (again)
            continue;
        naive->recent[naive->recent_count] = naive->sequence[i];
        naive->distance[naive->recent_count++] = i + 1;
    }
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
    naive_earlier(naive, model, visitor);
    naive_parts(naive, model);
    query_init(&query, model, NULL, visitor, settings.rank.session_gap_ms);
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
            double found =
                candidate->generators >> k & 1 ? (double)generators[k].weight(candidate) : 0;
            if (k == POPULAR && found <= 0)
                continue; /* fewer of them where there are others */
            CHECK_SAY(fabs(found - part) <= 1e-5 * (1 + part), "%s gives %g, not %g",
                      generators[k].name, found, part);
        }
    }
    for (uint32_t item = 0; item < model->item_count; item++)
        for (int k = 0; k < generator_count; k++)
            CHECK(proposed[item] || naive->parts[k][item] <= 0 || k == POPULAR);
    candidates_release(&candidates);
}

/* ---- lists ---- */

static void check_reason(const struct model *model, const struct naive *naive,
                         const struct list_item *item, uint32_t index, bool repeats)
{
    int reason = -1;
    double most = 0;
    for (int k = 0; k < generator_count; k++)
        if (strcmp(generators[k].reason, item->reason) == 0)
            reason = k;
    if (strcmp(item->reason, "viewed_before") == 0) { /* itself, whichever generator gave most */
        bool viewed = false;
        for (uint32_t i = 0; i < naive->recent_count; i++)
            viewed = viewed || naive->recent[i] == index;
        for (uint32_t i = 0; i < naive->earlier_count; i++)
            viewed = viewed || naive->earlier[i] == index;
        CHECK(viewed && item->because_item_id.at == NULL);
        return;
    }
    CHECK_SAY(reason >= (repeats ? 0 : 1), "reason %s", item->reason);
    for (int k = repeats ? 0 : 1; k < POPULAR; k++)
        most = fmax(most, naive->parts[k][index]);
    CHECK(naive->parts[reason][index] >= most - 1e-5); /* what gave most */
    if (reason == POPULAR) {
        CHECK(item->because_item_id.at == NULL);
        return;
    }
    uint32_t cause = model_find(model, item->because_item_id);
    bool recent = false; /* an item of the visitor's history, that gave something */
    for (uint32_t i = 0; i < naive->recent_count; i++)
        recent = recent || naive->recent[i] == cause;
    CHECK(recent);
    CHECK(cause != index && reason != REPEATS);
    if (reason != PREVIOUS)
        CHECK(cause == naive->recent[0]);
}

static void check_list(const struct model *model, const struct naive *naive,
                       const struct list *list, uint32_t length, bool repeats, uint32_t context)
{
    bool seen[ITEMS + 20] = {false};
    CHECK(list->item_count <= length);
    for (uint32_t i = 0; i < list->item_count; i++) {
        uint32_t item = model_find(model, list->items[i].item_id);
        CHECK(item != ITEM_NONE && !seen[item] && item != context);
        seen[item] = true;
        CHECK(i == 0 || list->items[i].score <= list->items[i - 1].score);
        check_reason(model, naive, &list->items[i], item, repeats);
    }
}

static struct bytes naive_context(const struct visitor *visitor)
{
    struct bytes id = bytes_of(NULL, 0);
    for (uint32_t i = 0; i < visitor->count; i++)
        if (visitor->activities[i].kind == KIND_VIEW)
            id = activity_subject(visitor, &visitor->activities[i]);
    return id;
}

/* How many items that the model knows are in the cart: the last word on each is that it was put in.
 */
static uint32_t naive_cart(const struct model *model, const struct visitor *visitor)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < visitor->count; i++) {
        struct bytes id = activity_subject(visitor, &visitor->activities[i]);
        enum kind put = (enum kind)visitor->activities[i].kind;
        bool in =
            (put == KIND_CART || put == KIND_CART_UPDATE) && model_find(model, id) != ITEM_NONE;
        for (uint32_t k = i + 1; in && k < visitor->count; k++) {
            enum kind kind = (enum kind)visitor->activities[k].kind;
            in = kind != KIND_CART_CLEAR &&
                 !((kind == KIND_CART || kind == KIND_CART_UPDATE || kind == KIND_CART_REMOVE ||
                    kind == KIND_PURCHASE) &&
                   bytes_equal(activity_subject(visitor, &visitor->activities[k]), id));
        }
        count += in;
    }
    return count;
}

static void check_lists(struct recommender *recommender, struct model *model,
                        struct visitor *visitor, struct naive *naive, uint32_t length)
{
    bool again = false, unknown = naive_unknown(model, visitor);
    struct arena arena = {0};
    struct list lists[PLACEMENTS_MAX];
    struct ranked_item next[LIST_ITEMS_MAX];
    struct bytes context = naive_context(visitor);
    uint32_t count =
        recommend_lists(recommender, model, NULL, visitor, length, &arena, lists, &again);
    bool is_short = lists[0].item_count < length || (context.at && lists[1].item_count < length);
    CHECK_INT(again, unknown || is_short);
    uint32_t of_views = context.at ? 2 : 1;
    CHECK_INT(count, of_views + (naive_cart(model, visitor) > 0)); /* the cart's list is last */
    if (count > of_views)
        CHECK_TEXT(lists[of_views].placement, "cart");
    for (uint32_t i = 0; count > of_views && i < lists[of_views].item_count; i++)
        CHECK(i == 0 || lists[of_views].items[i].score <= lists[of_views].items[i - 1].score);
    count = of_views;
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
    struct visitor_table *table = visitor_table_new(store, SIZE_MAX);
    for (int round = 0; round < 40; round++) {
        uint32_t interactions = round < 5 ? (uint32_t)round : random_below(&random, 2000);
        struct model *model = random_model(&random, interactions);
        struct recommender *recommender = recommender_new(&settings, model);
        for (int i = 0; i < 10; i++) {
            struct visitor *visitor = random_visitor(&random, table);
            uint32_t length =
                1 + random_below(&random, random_one_in(&random, 3) ? LIST_ITEMS_MAX : 20);
            check_candidates(model, visitor, &naive);
            check_lists(recommender, model, visitor, &naive, length);
        }
        recommender_free(recommender);
        model_free(model);
    }
    recommender_free(NULL);
    visitor_table_free(table);
    store->free(store);
}

/* Candidates past the bound are left out; stamps of long ago do not look new. */
static void test_candidates_bounds(void)
{
    struct candidates candidates;
    candidates_init(&candidates);
    candidates_clear(&candidates, 2 * CANDIDATES_MAX, 10);
    struct candidate *five = candidates_propose(&candidates, 5, 3);
    CHECK(candidates_propose(&candidates, 5, 1) == five && five->generators == 10);
    CHECK_INT(candidates.count, 1);
    for (uint32_t i = 0; i < 2 * CANDIDATES_MAX; i++) {
        struct candidate *candidate = candidates_propose(&candidates, i, 7);
        CHECK((candidate == NULL) == (i > CANDIDATES_MAX - 1));
        if (candidate)
            candidate->weight = 1 / (float)(i + 1);
    }
    CHECK_INT(candidates.count, CANDIDATES_MAX);
    candidates_prune(&candidates, 10);
    CHECK_INT(candidates.count, 10);
    for (uint32_t i = 0; i < 20; i++)
        CHECK((candidates_find(&candidates, i) != NULL) == (i < 10));
    candidates.round = UINT32_MAX;
    candidates_clear(&candidates, 2 * CANDIDATES_MAX, 10);
    CHECK_INT(candidates.round, 1);
    CHECK(candidates_find(&candidates, 5) == NULL);
    candidates_release(&candidates);
}

/* Asked long after the model's newest activity, its sums are worth what they were then; before it,
 * what they were at the visitor's own time. */
static void test_frozen_model(void)
{
    struct random random = random_from(31);
    struct model *model = random_model(&random, 500);
    struct store *store = store_memory_new();
    struct visitor_table *table = visitor_table_new(store, 1 << 20);
    struct visitor *visitor = NULL;
    const int64_t newest_ms = START_MS + 499 * INT64_C(60000);
    const int64_t times_ms[] = {newest_ms - 43200000, newest_ms,
                                newest_ms + 40 * INT64_C(86400000)};
    double worth[3];
    for (int i = 0; i < 3; i++) {
        struct query query = {0};
        char key[2] = {(char)('a' + i), 0};
        visitor_table_get(table, 0, bytes_text(key), &visitor, NULL);
        struct activity activity = {.time_ms = times_ms[i], .kind = KIND_VIEW};
        visitor_insert(visitor, 0, activity, bytes_text("item 3"), 10, NULL);
        query_init(&query, model, NULL, visitor, settings.rank.session_gap_ms);
        CHECK_INT(query.time_ms, times_ms[i]);
        worth[i] = (double)decay_count(query.popular_now, 1, (int32_t)(START_MS / 86400000));
        CHECK_REAL((double)decay_count(query.pairs_now, 1, (int32_t)(START_MS / 86400000)),
                   worth[i]);
    }
    CHECK(worth[1] > 0 && worth[2] == worth[1]);
    CHECK(fabs(worth[0] / worth[1] - sqrt(2)) < 1e-3); /* half a half-life before */
    visitor_table_free(table);
    store->free(store);
    model_free(model);
}

int main(void)
{
    TEST_RUN(test_frozen_model);
    placements_init(&settings.placements);
    CHECK(placements_finish(&settings.placements, "email,goes_with,category", NULL) == VERDICT_OK);
    TEST_RUN(test_random);
    TEST_RUN(test_candidates_bounds);
    return test_done();
}
