#include "processors/recommend/lists/reasons.h"

#include "processors/recommend/candidates/cooccurrence.h"
#include "processors/recommend/candidates/generators.h"

static const char *const origin_reasons[ORIGINS] = {
    [ORIGIN_POPULAR] = "popular",
    [ORIGIN_SEARCH] = "searched",
    [ORIGIN_QUERY_HISTORY] = "taken_after_search",
    [ORIGIN_CHANNEL] = "popular_in_channel",
    [ORIGIN_NEW] = "new",
    [ORIGIN_PIN] = "pinned",
};

/* The generator that weighs most in the placement; not one of seen items where these are out. */
static int heaviest_generator(const struct placement *placement, const struct candidate *candidate)
{
    uint32_t left_out = placement->filters & FILTER_SEEN ? generators_seen_only() : 0;
    int heaviest = -1;
    float most = -1;
    for (uint32_t bits = candidate->generators & ~left_out; bits; bits &= bits - 1) {
        int generator = __builtin_ctz(bits);
        float part = generators[generator].weight(candidate) * placement->weights[generator];
        if (part > most) {
            heaviest = generator;
            most = part;
        }
    }
    return heaviest;
}

static bool is_pair(const struct model *model, uint32_t cause, uint32_t item, enum pair_kind kind)
{
    for (int direction = 0; direction < PAIR_DIRECTIONS; direction++) {
        const struct row *row =
            cooccurrence_row(model, cause, kind, (enum pair_direction)direction);
        for (uint32_t i = 0; i < row->count; i++)
            if (row->entries[i].item == item)
                return true;
    }
    return false;
}

/* The walk goes one step, over purchases or over carts. Styling needs no pair. */
static const char *basket_reason(const struct model *model, uint32_t cause, uint32_t item)
{
    if (item != ITEM_NONE && is_pair(model, cause, item, PAIR_PURCHASE))
        return "bought_together";
    if (item != ITEM_NONE && is_pair(model, cause, item, PAIR_CART))
        return "carted_together";
    return "styled_with";
}

static void explain_basket(const struct model *model, uint32_t cause, struct list_item *ret_item)
{
    ret_item->reason = basket_reason(model, cause, model_find(model, ret_item->item_id));
    ret_item->because_item_id = model->items[cause].id;
    if (bytes_equal(ret_item->because_item_id, ret_item->item_id))
        ret_item->reason = "bought_before"; /* the history itself is proposed, too */
}

static void explain_candidate(const struct ranked_candidates *ranked,
                              const struct placement *placement, uint32_t place,
                              struct list_item *ret_item)
{
    const struct candidate *candidate = &ranked->candidates.at[place];
    const struct generator *generator = &generators[heaviest_generator(placement, candidate)];
    uint32_t cause = generator->cause(&ranked->query, candidate);
    ret_item->reason = generator->reason;
    if (cause != ITEM_NONE)
        ret_item->because_item_id = query_item_id(&ranked->query, cause);
}

struct list_item reasons_explain(const struct ranked_candidates *ranked,
                                 const struct placement *placement, const struct filter_item *item)
{
    struct list_item explained = {
        .item_id = item->item_id,
        .score = item->origin == ORIGIN_PIN ? 0 : item->score,
        .reason = origin_reasons[item->origin],
        .propensity = item->propensity,
    };
    if (item->origin == ORIGIN_CANDIDATE)
        explain_candidate(ranked, placement, item->index, &explained);
    else if (item->origin == ORIGIN_BASKET)
        explain_basket(ranked->query.model, item->index, &explained);
    if (!bytes_equal(explained.because_item_id, explained.item_id))
        return explained;
    explained.because_item_id = (struct bytes){0};
    if (item->origin == ORIGIN_CANDIDATE)
        explained.reason = "viewed_before";
    return explained;
}
