#include "processors/recommend/lists/cold_start.h"

#include "processors/recommend/candidates/channel_popularity.h"
#include "state/visitor_history.h"

bool cold_start_applies(const struct ranked_candidates *ranked)
{
    return ranked->query.length == 0 && ranked->focus == ITEM_NONE;
}

static uint32_t channel_items(const struct ranked_candidates *ranked, const struct visitor *visitor,
                              struct filter_item *ret_items)
{
    const struct model *model = ranked->query.model;
    struct top_item top[COLD_START_MAX];
    uint32_t count = channel_popularity_top(model, visitor_channel(visitor), COLD_START_MAX, top);
    for (uint32_t i = 0; i < count; i++)
        ret_items[i] = (struct filter_item){
            .item_id = model->items[top[i].item].id,
            .product = query_product(&ranked->query, top[i].item),
            .score = top[i].score,
            .origin = ORIGIN_CHANNEL,
        };
    return count;
}

/* The items before the ranked ones. */
static uint32_t first_items(struct sources *sources, const struct cold_start_settings *settings,
                            const struct ranked_candidates *ranked, const struct visitor *visitor,
                            struct filter_item *ret_items)
{
    struct bytes term = visitor_history_last_search(visitor);
    uint32_t count = 0;
    if (settings->search && term.at)
        count = source_search(sources, ranked, term, visitor->latest_time_ms, ret_items);
    if (count == 0 && settings->channel)
        count = channel_items(ranked, visitor, ret_items);
    return count < COLD_START_MAX ? count : COLD_START_MAX;
}

static bool contains(const struct filter_item *items, uint32_t count, struct bytes item_id)
{
    for (uint32_t i = 0; i < count; i++)
        if (bytes_equal(items[i].item_id, item_id))
            return true;
    return false;
}

uint32_t source_cold_start(struct sources *sources, const struct cold_start_settings *settings,
                           const struct ranked_candidates *ranked,
                           const struct placement *placement, const struct visitor *visitor,
                           struct filter_item *ret_items)
{
    struct filter_item behind[RANKED_MAX];
    uint32_t behind_count = source_ranked(ranked, placement, behind);
    uint32_t first_count = first_items(sources, settings, ranked, visitor, ret_items);
    uint32_t count = first_count;
    for (uint32_t i = 0; i < behind_count && count < RANKED_MAX; i++) {
        if (contains(ret_items, first_count, behind[i].item_id))
            continue;
        ret_items[count] = behind[i];
        if (first_count > 0) /* scores below those of the first items, in their own order */
            ret_items[count].score += ret_items[first_count - 1].score - behind[0].score - 1;
        count++;
    }
    return count;
}
