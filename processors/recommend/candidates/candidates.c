#include "processors/recommend/candidates/candidates.h"

#include "processors/recommend/candidates/category_popularity.h"
#include "processors/recommend/candidates/content_similarity.h"
#include "processors/recommend/candidates/cooccurrence.h"
#include "processors/recommend/candidates/popular_items.h"
#include "processors/recommend/candidates/repeats.h"
#include "processors/recommend/candidates/session_encoder.h"
#include "processors/recommend/candidates/session_knn.h"
#include "processors/recommend/candidates/two_hop.h"
#include "state/visitor_history.h"

#include <stdlib.h>

#define LOOKED_UP_MAX 256 /* products, and items, at a query: below 100 us */

const struct generator generators[] = {
    {.name = "repeats",
     .reason = "viewed_before",
     .generate = repeats_generate,
     .weight = repeats_weight,
     .cause = repeats_cause,
     .seen_only = true},
    {.name = "forward",
     .reason = "viewed_next",
     .generate = cooccurrence_forward,
     .weight = cooccurrence_forward_weight,
     .cause = cause_last},
    {.name = "backward",
     .reason = "viewed_together",
     .generate = cooccurrence_backward,
     .weight = cooccurrence_backward_weight,
     .cause = cause_last},
    {.name = "previous",
     .reason = "viewed_in_session",
     .generate = cooccurrence_previous,
     .weight = cooccurrence_previous_weight,
     .cause = cooccurrence_previous_cause},
    {.name = "carted",
     .reason = "carted_together",
     .generate = cooccurrence_carted,
     .weight = cooccurrence_carted_weight,
     .cause = cause_last},
    {.name = "bought",
     .reason = "bought_together",
     .generate = cooccurrence_bought,
     .weight = cooccurrence_bought_weight,
     .cause = cause_last},
    {.name = "session_knn",
     .reason = "viewed_by_similar",
     .generate = session_knn_generate,
     .weight = session_knn_weight,
     .cause = cause_last},
    {.name = "two_hop",
     .reason = "related",
     .generate = two_hop_generate,
     .weight = two_hop_weight,
     .cause = cause_last},
    {.name = "content_similarity",
     .reason = "similar",
     .generate = content_similarity_generate,
     .weight = content_similarity_weight,
     .cause = content_similarity_cause},
    {.name = "category_popularity",
     .reason = "popular_in_category",
     .generate = category_popularity_generate,
     .weight = category_popularity_weight,
     .cause = cause_last},
    {.name = "popular",
     .reason = "popular",
     .generate = popular_items_generate,
     .weight = popular_items_weight,
     .cause = cause_none},
};

const int generator_count = sizeof generators / sizeof generators[0];

int generator_find(struct bytes name)
{
    for (int i = 0; i < generator_count; i++)
        if (bytes_equal(bytes_text(generators[i].name), name))
            return i;
    return -1;
}

uint32_t generators_seen_only(void)
{
    uint32_t bits = 0;
    for (int i = 0; i < generator_count; i++)
        bits |= (uint32_t)generators[i].seen_only << i;
    return bits;
}

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

/* Which items are which products, of those that came since the last time. */
static void look_up_new(const struct query *query)
{
    const struct model *model = query->model;
    const struct catalogue *catalogue = query->catalogue;
    struct item_products *products = query->products;
    if (catalogue->product_count > products->items_capacity) {
        uint32_t capacity = catalogue->product_count + catalogue->product_count / 2;
        products->items = memory_resize(products->items, capacity * sizeof *products->items);
        memset(products->items + products->items_capacity, 0,
               (capacity - products->items_capacity) * sizeof *products->items);
        products->items_capacity = capacity;
    }
    for (int i = 0; i < LOOKED_UP_MAX && products->products_seen < catalogue->product_count; i++) {
        uint32_t product = products->products_seen++;
        products->items[product] = model_find(model, product_id(&catalogue->products[product])) + 1;
    }
    for (int i = 0; i < LOOKED_UP_MAX && products->items_seen < model->item_count; i++) {
        uint32_t item = products->items_seen++;
        uint32_t product = catalogue_find(catalogue, model->items[item].id);
        if (product != PRODUCT_NONE)
            products->items[product] = item + 1;
    }
}

void query_init(struct query *query, const struct model *model, const struct catalogue *catalogue,
                const struct visitor *visitor, int64_t gap_ms)
{
    query->model = model;
    query->visitor = bytes_hash(visitor_key(visitor));
    query->tastes = bytes_of(visitor->tastes, visitor->tastes_size);
    query->catalogue = catalogue;
    query->length = query->session_length = query->recent_count = 0;
    query->time_ms = 0;
    query->unknown = false;
    uint32_t ago = 0;
    struct history_walk walk = visitor_history_walk(visitor, gap_ms);
    const struct activity *activity;
    while (ago < RECENT_MAX && (activity = visitor_history_older(&walk))) {
        enum pair_kind rules;
        if (!pair_kind_of((enum kind)activity->kind, &rules))
            continue;
        ago++;
        if (query->time_ms == 0)
            query->time_ms = activity->time_ms;
        uint32_t item = model_find(model, activity_subject(visitor, activity));
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
    /* In a model that is frozen, or behind, nothing has faded since its own newest activity. */
    int64_t now_ms = query->time_ms < model->latest_ms ? query->time_ms : model->latest_ms;
    query->pairs_now = decay_now(now_ms, model->limits.pair_half_life_ms);
    query->popular_now = decay_now(now_ms, model->limits.popular_half_life_ms);
    if (query->products && catalogue)
        look_up_new(query);
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
    struct item_products *products = query->products;
    if (query->catalogue == NULL || query->catalogue->product_count == 0)
        return PRODUCT_NONE;
    if (item_is_product(item))
        return item & ~ITEM_PRODUCT;
    if (products == NULL)
        return catalogue_find(query->catalogue, query->model->items[item].id);
    if (item >= products->capacity) {
        uint32_t capacity = item + item / 2 + 64;
        products->at = memory_resize(products->at, capacity * sizeof *products->at);
        memset(products->at + products->capacity, 0,
               (capacity - products->capacity) * sizeof *products->at);
        products->capacity = capacity;
    }
    if (products->at[item] == 0)
        products->at[item] = catalogue_find(query->catalogue, query->model->items[item].id) + 1u;
    return products->at[item] - 1u;
}

uint32_t query_item(const struct query *query, uint32_t product)
{
    const struct item_products *products = query->products;
    uint32_t item = 0;
    if (products && product < products->products_seen)
        item = products->items[product];
    if (item == 0 && (products == NULL || product >= products->products_seen ||
                      products->items_seen < query->model->item_count))
        item = model_find(query->model, product_id(&query->catalogue->products[product])) + 1;
    return item == 0 ? ITEM_PRODUCT | product : item - 1;
}

void item_products_release(struct item_products *products)
{
    free(products->at);
    free(products->items);
}

struct bytes query_item_id(const struct query *query, uint32_t item)
{
    return item_is_product(item) ? product_id(&query->catalogue->products[item & ~ITEM_PRODUCT])
                                 : query->model->items[item].id;
}

void candidates_init(struct candidates *candidates)
{
    *candidates = (struct candidates){
        .at = memory_get(CANDIDATES_MAX * sizeof *candidates->at),
        .keys = memory_get(CANDIDATES_MAX * sizeof *candidates->keys),
    };
}

void candidates_release(struct candidates *candidates)
{
    free(candidates->at);
    free(candidates->items.at);
    free(candidates->products.at);
    free(candidates->keys);
    *candidates = (struct candidates){0};
}

/* Room for `count` numbers; the new ones were never proposed. */
static void reserve(struct proposed *proposed, uint32_t count)
{
    if (count <= proposed->capacity)
        return;
    uint32_t capacity = count + count / 2;
    proposed->at = memory_resize(proposed->at, capacity * sizeof *proposed->at);
    memset(proposed->at + proposed->capacity, 0,
           (capacity - proposed->capacity) * sizeof *proposed->at);
    proposed->capacity = capacity;
}

static void forget_rounds(struct proposed *proposed)
{
    if (proposed->capacity > 0)
        memset(proposed->at, 0, proposed->capacity * sizeof *proposed->at);
}

void candidates_clear(struct candidates *candidates, uint32_t item_count, uint32_t product_count)
{
    reserve(&candidates->items, item_count);
    reserve(&candidates->products, product_count);
    if (++candidates->round == 0) { /* what was proposed 2^32 rounds ago would look new */
        forget_rounds(&candidates->items);
        forget_rounds(&candidates->products);
        candidates->round = 1;
    }
    candidates->count = 0;
}

static inline struct proposal *proposal_of(const struct candidates *candidates, uint32_t item)
{
    return item_is_product(item) ? &candidates->products.at[item & ~ITEM_PRODUCT]
                                 : &candidates->items.at[item];
}

struct candidate *candidates_propose(struct candidates *candidates, uint32_t item, int generator)
{
    struct candidate *candidate;
    struct proposal *proposal = proposal_of(candidates, item);
    if (proposal->round == candidates->round) {
        candidate = &candidates->at[proposal->place];
    } else {
        if (candidates->count == CANDIDATES_MAX)
            return NULL;
        *proposal = (struct proposal){candidates->round, candidates->count};
        candidate = &candidates->at[candidates->count++];
        memset(candidate, 0, sizeof *candidate);
        candidate->item = item;
    }
    candidate->generators |= 1u << generator;
    return candidate;
}

struct candidate *candidates_find(const struct candidates *candidates, uint32_t item)
{
    const struct proposal *proposal = proposal_of(candidates, item);
    return proposal->round == candidates->round ? &candidates->at[proposal->place] : NULL;
}

uint64_t key_select(uint64_t *keys, uint32_t n, uint32_t k)
{
    uint32_t first = 0, last = n - 1, goal = k - 1;
    while (first < last) {
        uint64_t pivot = keys[first + (last - first) / 2];
        uint32_t i = first, j = last;
        for (;;) {
            while (keys[i] > pivot)
                i++;
            while (keys[j] < pivot)
                j--;
            if (i >= j)
                break;
            uint64_t key = keys[i];
            keys[i++] = keys[j];
            keys[j--] = key;
        }
        if (goal <= j)
            last = j;
        else
            first = j + 1;
    }
    return keys[goal];
}

void candidates_prune(struct candidates *candidates, uint32_t keep)
{
    for (uint32_t i = 0; i < candidates->count; i++) {
        struct candidate *candidate = &candidates->at[i];
        candidate->weight = 0;
        for (uint32_t bits = candidate->generators; bits; bits &= bits - 1)
            candidate->weight += generators[__builtin_ctz(bits)].weight(candidate);
        candidates->keys[i] = key_make(candidate->weight, candidate->item);
    }
    if (candidates->count <= keep)
        return;
    uint64_t least = key_select(candidates->keys, candidates->count, keep);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < candidates->count; i++) {
        if (key_make(candidates->at[i].weight, candidates->at[i].item) < least) {
            proposal_of(candidates, candidates->at[i].item)->round = candidates->round - 1;
            continue;
        }
        if (kept != i)
            candidates->at[kept] = candidates->at[i];
        proposal_of(candidates, candidates->at[kept].item)->place = kept;
        kept++;
    }
    candidates->count = kept;
}

void candidates_generate(struct candidates *candidates, const struct query *query, uint64_t off,
                         uint32_t keep)
{
    candidates_clear(candidates, query->model->item_count,
                     query->catalogue ? query->catalogue->product_count : 0);
    for (int i = 0; i < generator_count; i++)
        if (!(off >> i & 1))
            generators[i].generate(query, candidates, i);
    candidates_prune(candidates, keep);
}

uint32_t cause_last(const struct query *query, const struct candidate *candidate)
{
    (void)candidate;
    return query->recent_count ? query->recent[0] : ITEM_NONE;
}

uint32_t cause_none(const struct query *query, const struct candidate *candidate)
{
    (void)query;
    (void)candidate;
    return ITEM_NONE;
}
