#include "processors/recommend/candidates/generators.h"

#include "processors/recommend/candidates/category_popularity.h"
#include "processors/recommend/candidates/content_similarity.h"
#include "processors/recommend/candidates/cooccurrence.h"
#include "processors/recommend/candidates/popular_items.h"
#include "processors/recommend/candidates/repeats.h"
#include "processors/recommend/candidates/session_encoder.h"
#include "processors/recommend/candidates/session_knn.h"
#include "processors/recommend/candidates/two_hop.h"

static uint32_t cause_last(const struct query *query, const struct candidate *candidate)
{
    (void)candidate;
    return query->recent_count ? query->recent[0] : ITEM_NONE;
}

static uint32_t cause_none(const struct query *query, const struct candidate *candidate)
{
    (void)query;
    (void)candidate;
    return ITEM_NONE;
}

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

static void sum_weights(struct candidates *candidates)
{
    for (uint32_t i = 0; i < candidates->count; i++) {
        struct candidate *candidate = &candidates->at[i];
        candidate->weight = 0;
        for (uint32_t bits = candidate->generators; bits; bits &= bits - 1)
            candidate->weight += generators[__builtin_ctz(bits)].weight(candidate);
    }
}

void candidates_generate(struct candidates *candidates, const struct query *query, uint64_t off,
                         uint32_t length)
{
    candidates_clear(candidates, query->model->item_count,
                     query->catalogue ? query->catalogue->product_count : 0);
    for (int i = 0; i < generator_count; i++)
        if (!(off >> i & 1))
            generators[i].generate(query, candidates, i);
    sum_weights(candidates);
    candidates_prune(candidates, length);
}
