#include "processors/recommend/recommend.h"

#include "processors/recommend/similar.h"

#include <stdlib.h>

struct placement_row {
    const char *name;
    bool needs_context;
    bool repeats; /* whether what was viewed lately may come again */
};

static const struct placement_row placement_rows[PLACEMENTS] = {
    [PLACEMENT_HOME] = {.name = "home", .repeats = true},
    [PLACEMENT_PRODUCT] = {.name = "product", .needs_context = true},
};

struct recommender {
    struct query query;
    struct candidates candidates;
    struct {
        float score;
        uint32_t place;
    } best[LIST_ITEMS_MAX];
    uint32_t best_count;
};

struct recommender *recommender_new(void)
{
    struct recommender *recommender = memory_zero(1, sizeof *recommender);
    candidates_init(&recommender->candidates);
    recommender->query.similar = similar_new();
    return recommender;
}

void recommender_free(struct recommender *recommender)
{
    if (recommender == NULL)
        return;
    candidates_release(&recommender->candidates);
    similar_free(recommender->query.similar);
    free(recommender);
}

static void propose(struct recommender *recommender, const struct model *model)
{
    const struct catalogue *catalogue = recommender->query.catalogue;
    candidates_clear(&recommender->candidates, model->item_count,
                     catalogue ? catalogue->product_count : 0);
    for (int i = 0; i < generator_count; i++)
        generators[i].generate(&recommender->query, &recommender->candidates, i);
}

/* Ties go to the item that the log named first, so that the same model gives the same list. */
static bool before(const struct recommender *recommender, float score, uint32_t place,
                   uint32_t other)
{
    if (score > recommender->best[other].score)
        return true;
    return !(score < recommender->best[other].score) &&
           recommender->candidates.at[place].item <
               recommender->candidates.at[recommender->best[other].place].item;
}

static void keep_best(struct recommender *recommender, float score, uint32_t place,
                      uint32_t length)
{
    uint32_t at = recommender->best_count;
    if (at == length) {
        if (!before(recommender, score, place, length - 1))
            return;
        at--;
    } else {
        recommender->best_count++;
    }
    for (; at > 0 && before(recommender, score, place, at - 1); at--)
        recommender->best[at] = recommender->best[at - 1];
    recommender->best[at].score = score;
    recommender->best[at].place = place;
}

/* `without`: ITEM_NONE, or the item that must not come. */
static void select_best(struct recommender *recommender, uint32_t length, bool repeats,
                        uint32_t without)
{
    recommender->best_count = 0;
    for (uint32_t i = 0; i < recommender->candidates.count; i++) {
        const struct candidate *candidate = &recommender->candidates.at[i];
        if (candidate->item == without)
            continue;
        float score = 0;
        for (int k = repeats ? 0 : 1; k < generator_count; k++) /* 0: repeats */
            score += candidate->parts[k];
        if (score > 0)
            keep_best(recommender, score, i, length);
    }
}

static void explain(const struct query *query, const struct candidate *candidate, bool repeats,
                    struct list_item *ret_item)
{
    int most = repeats ? 0 : 1;
    for (int k = most + 1; k < generator_count; k++)
        if (candidate->parts[k] > candidate->parts[most])
            most = k;
    uint32_t cause = candidate->causes[most];
    ret_item->item_id = query_item_id(query, candidate->item);
    ret_item->reason = generators[most].reason;
    ret_item->because_item_id =
        cause == ITEM_NONE ? bytes_of(NULL, 0) : query_item_id(query, cause);
}

static struct bytes last_viewed_id(const struct visitor *visitor)
{
    for (uint32_t i = visitor->count; i > 0; i--)
        if (visitor->activities[i - 1].kind == KIND_VIEW)
            return activity_subject(visitor, &visitor->activities[i - 1]);
    return bytes_of(NULL, 0);
}

/* Selects the best and writes them out with their reasons. */
static void fill_list(struct recommender *recommender, const struct placement_row *row,
                      uint32_t length, uint32_t without, struct arena *arena,
                      struct list *ret_list)
{
    select_best(recommender, length, row->repeats, without);
    ret_list->placement = row->name;
    ret_list->item_count = recommender->best_count;
    ret_list->items = arena_get(arena, recommender->best_count * sizeof *ret_list->items);
    for (uint32_t i = 0; i < recommender->best_count; i++) {
        explain(&recommender->query, &recommender->candidates.at[recommender->best[i].place], row->repeats,
                &ret_list->items[i]);
        ret_list->items[i].score = recommender->best[i].score;
    }
}

uint32_t recommend_lists(struct recommender *recommender, struct model *model,
                         const struct catalogue *catalogue, const struct visitor *visitor, uint32_t length, struct arena *arena,
                         struct list *ret_lists, bool *ret_look_again)
{
    struct query *query = &recommender->query;
    uint32_t list_count = 0;
    query_init(query, model, catalogue, visitor);
    propose(recommender, model);
    *ret_look_again = query->unknown;
    for (int placement = 0; placement < PLACEMENTS; placement++) {
        const struct placement_row *row = &placement_rows[placement];
        struct list *list = &ret_lists[list_count];
        uint32_t context = ITEM_NONE;
        *list = (struct list){0};
        if (row->needs_context) {
            list->context_item_id = last_viewed_id(visitor);
            if (list->context_item_id.at == NULL)
                continue;
            context = model_find(model, list->context_item_id);
            if (context != ITEM_NONE &&
                (query->recent_count == 0 || query->recent[0] != context)) {
                query_focus(query, context);
                propose(recommender, model);
            }
        }
        fill_list(recommender, row, length, context, arena, list);
        *ret_look_again = *ret_look_again || list->item_count < length;
        list_count++;
    }
    return list_count;
}

uint32_t recommend_next(struct recommender *recommender, struct model *model,
                        const struct catalogue *catalogue, const struct visitor *visitor, uint32_t length,
                        struct ranked_item *ret_items)
{
    query_init(&recommender->query, model, catalogue, visitor);
    propose(recommender, model);
    select_best(recommender, length, true, ITEM_NONE);
    for (uint32_t i = 0; i < recommender->best_count; i++)
        ret_items[i] = (struct ranked_item){
            .item = recommender->candidates.at[recommender->best[i].place].item,
            .score = recommender->best[i].score,
        };
    return recommender->best_count;
}
