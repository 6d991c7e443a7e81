/* One ranking: from a visitor's activities to ordered candidates.
 *
 *     activities -> query -> candidates -> features -> scores -> order
 *
 * The ranker scores the candidates. Until it has learned enough, their weights score them: the sums
 * of their generators' parts (candidates.h). Equal scores are ordered by item number, the smaller
 * one first, so that the same model always gives the same list.
 *
 * Thread: the owner's; each call that makes a ranking holds the model's read lock, then the
 * catalogue's. A ranking points into both and holds until these are released. */
#ifndef WEFT_RANKING_RANK_H
#define WEFT_RANKING_RANK_H

#include "processors/recommend/candidates/generators.h"
#include "processors/recommend/ranking/ranker.h"

struct rank_settings {
    int64_t session_gap_ms;  /* a longer pause ends a session */
    uint32_t candidates_max; /* that the ranker sees, up to RANKED_MAX */
    bool ranker_off;         /* the generators' weights order the candidates */
    uint64_t generators_off; /* bits */
    struct feature_mask features_off;
    float price_band; /* prices at most so far apart are alike; in the shop's currency */
};

/* A query with its candidates in order. A place is an index in candidates.at. */
struct ranked_candidates {
    struct query query;
    struct item_products products;
    uint32_t focus;          /* item that the query is focused on; ITEM_NONE: none */
    uint64_t generators_off; /* bits; in this ranking */
    bool by_ranker;          /* false: the generators' weights made the scores */
    struct candidates candidates;
    struct feature_matrix matrix; /* standardised; filled unless the ranker is off */
    struct goal_mix goals;        /* of the scores */
    float views[RANKED_MAX];      /* by place: the scores for the goal view */
    float scores[RANKED_MAX];     /* by place */
    uint16_t order[RANKED_MAX];   /* places, the best first */
    uint16_t ranks[RANKED_MAX];   /* by place, from 1 */
};

/* Empty; owns its memory until ranked_release(). */
void ranked_init(struct ranked_candidates *ranked);
void ranked_release(struct ranked_candidates *ranked);

/* Ranks the candidates for all that the visitor did. `catalogue` may be NULL. The ranker may take a
 * sample for its statistics (ranker.h). */
void rank_visitor(struct ranked_candidates *ranked, const struct rank_settings *settings,
                  struct ranker *ranker, const struct model *model,
                  const struct catalogue *catalogue, const struct visitor *visitor);

/* Ranks the same visitor's candidates again, as if they had just looked at `focus` (ITEM_NONE: no
 * item), without the generators in `generators_off`. Does nothing if that is the ranking at hand.
 */
void rank_focused(struct ranked_candidates *ranked, const struct rank_settings *settings,
                  struct ranker *ranker, const struct visitor *visitor, uint32_t focus,
                  uint64_t generators_off);

/* Orders the candidates of the ranking at hand for other goals (goals.h). Nothing if these are its
 * goals, or the ranker did not make its scores. */
void rank_for_goals(struct ranked_candidates *ranked, const struct ranker *ranker,
                    const struct goal_mix *goals);

/* The item's rank, from 1; 0: it is no candidate. */
uint32_t ranked_rank(const struct ranked_candidates *ranked, uint32_t item);

#endif
