#include "processors/recommend/candidates/query.h"

#include "processors/recommend/candidates/session_encoder.h"
#include "state/visitor_history.h"

static void add_recent(struct query *query, uint32_t item, uint32_t ago)
{
    for (uint32_t k = 0; k < query->recent_count; k++)
        if (query->recent[k] == item)
            return;
    query->recent[query->recent_count] = item;
    query->distance[query->recent_count++] = ago;
}

static struct decay_now decay_now(int64_t time_ms, int64_t half_life_ms)
{
    double age = (double)time_ms / (double)half_life_ms, k = floor(age);
    return (struct decay_now){(int32_t)k, (float)exp2(k - age) / (1 << DECAY_BITS)};
}

static void encode(struct query *query)
{
    query->has_session =
        encoder_session(query->model->vectors, query->sequence, query->length, query->session);
}

static void add_earlier(struct query *query, uint32_t item, uint32_t ago)
{
    for (uint32_t k = 0; k < query->earlier_count; k++) {
        if (query->earlier[k].item != item)
            continue;
        query->earlier[k].times++;
        return;
    }
    if (query->earlier_count < EARLIER_MAX)
        query->earlier[query->earlier_count++] =
            (struct earlier_item){item, (uint16_t)ago, .times = 1};
}

/* The activities that `walk` has left. */
static void read_earlier(struct query *query, const struct visitor *visitor,
                         struct history_walk *walk)
{
    uint32_t ago = RECENT_MAX;
    const struct activity *activity;
    while ((activity = visitor_history_older(walk))) {
        enum pair_kind kind;
        if (!pair_kind_of((enum kind)activity->kind, &kind))
            continue;
        ago++;
        uint32_t item = model_find(query->model, activity_subject(visitor, activity));
        model_drop_evicted(query->model, &item, 1);
        if (item != ITEM_NONE)
            add_earlier(query, item, ago);
    }
}

static void read_activities(struct query *query, const struct visitor *visitor, int64_t gap_ms)
{
    uint32_t ago = 0;
    struct history_walk walk = visitor_history_walk(visitor, gap_ms);
    const struct activity *activity;
    while (ago < RECENT_MAX && (activity = visitor_history_older(&walk))) {
        enum pair_kind kind;
        if (!pair_kind_of((enum kind)activity->kind, &kind))
            continue;
        ago++;
        if (query->time_ms == 0)
            query->time_ms = activity->time_ms;
        uint32_t item = model_find(query->model, activity_subject(visitor, activity));
        model_drop_evicted(query->model, &item, 1);
        if (item == ITEM_NONE) {
            query->unknown = true;
            continue;
        }
        query->sequence[query->length] = item;
        query->kinds[query->length] = activity->kind;
        query->prices[query->length] = activity->price;
        query->length++;
        query->session_length += walk.same_session;
        add_recent(query, item, ago);
    }
    if (ago == RECENT_MAX)
        read_earlier(query, visitor, &walk);
}

void query_init(struct query *query, const struct model *model, const struct catalogue *catalogue,
                const struct visitor *visitor, int64_t gap_ms)
{
    query->model = model;
    query->visitor = bytes_hash(visitor_key(visitor));
    query->tastes = bytes_of(visitor->tastes, visitor->tastes_size);
    query->catalogue = catalogue;
    query->length = query->session_length = query->recent_count = query->earlier_count = 0;
    query->time_ms = 0;
    query->unknown = false;
    read_activities(query, visitor, gap_ms);
    /* In a model that is frozen, or behind, nothing has faded since its own newest activity. */
    int64_t now_ms = query->time_ms < model->latest_ms ? query->time_ms : model->latest_ms;
    query->pairs_now = decay_now(now_ms, model->limits.pair_half_life_ms);
    query->popular_now = decay_now(now_ms, model->limits.popular_half_life_ms);
    if (query->products && catalogue)
        item_products_catch_up(query->products, model, catalogue);
    encode(query);
}

void query_focus(struct query *query, uint32_t item)
{
    uint32_t at = 0;
    while (at < query->length && query->sequence[at] != item)
        at++;
    if (at == query->length) {
        if (query->length < RECENT_MAX)
            query->length++;
        else
            at--;
    }
    uint8_t kind = KIND_VIEW;
    float price = query->prices[at];
    for (; at > 0; at--) {
        query->sequence[at] = query->sequence[at - 1];
        query->kinds[at] = query->kinds[at - 1];
        query->prices[at] = query->prices[at - 1];
    }
    query->sequence[0] = item;
    query->kinds[0] = kind;
    query->prices[0] = price;
    query->recent_count = 0;
    for (uint32_t i = 0; i < query->length; i++)
        add_recent(query, query->sequence[i], i + 1);
    if (query->session_length == 0)
        query->session_length = 1;
    encode(query);
}

uint32_t query_product(const struct query *query, uint32_t item)
{
    return item_products_product(query->products, query->model, query->catalogue, item);
}

uint32_t query_item(const struct query *query, uint32_t product)
{
    return item_products_item(query->products, query->model, query->catalogue, product);
}

struct bytes query_item_id(const struct query *query, uint32_t item)
{
    return item_products_id(query->model, query->catalogue, item);
}
