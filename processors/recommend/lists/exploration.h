/* Exploration: a bounded share of a list's places goes to new products, so that the shop learns
 * whether anybody wants them.
 *
 * Options are the new products among the candidates behind the list's end, and the newest products
 * of the catalogue that are no candidates; the latter have the score of the last candidate. One of
 * n options is drawn with the probability
 *
 *     p(i) = exp(u(i)) / sum of exp(u(j)),   u(i) = score(i) + sqrt(2 ln(1 + N) / (1 + clicks(i)))
 *
 * N is the sum of all options' clicks. u is the index of UCB1 (Auer, Cesa-Bianchi, Fischer 2002). A
 * softmax draws from it instead of taking the largest one, so that each option's probability is
 * known and can be written down. Clicks stand for trials, since nobody tells how often a product
 * was seen. */
#ifndef WEFT_LISTS_EXPLORATION_H
#define WEFT_LISTS_EXPLORATION_H

#include "processors/recommend/lists/filter_item.h"
#include "processors/recommend/ranking/rank.h"

#define EXPLORE_OPTIONS_MAX 64
#define EXPLORE_NEWEST_MAX                                                                         \
    CATALOGUE_NEWEST          /* newest products of the catalogue that are looked at */
#define EXPLORE_PLACES_MAX 10 /* in one list */

struct explore_settings {
    float share;     /* of a list's places, 0 to 1; 0: none */
    uint32_t clicks; /* a product with fewer is new */
};

/* Puts new products into the second half of a list of `length` items: at random places of `items`,
 * of which there are `count`, at most RANKED_MAX, the best first, with room for EXPLORE_PLACES_MAX
 * more. A product that was among the items leaves its old place. Returns how many items there are
 * now; drawn ones have a propensity. The draws follow from the visitor and the number of their
 * activities, so that the same input gives the same list. Thread: any; holds the read locks of the
 * model and the catalogue. */
uint32_t explore_items(const struct explore_settings *settings,
                       const struct ranked_candidates *ranked, const struct visitor *visitor,
                       const char *placement, uint32_t length, struct filter_item *items,
                       uint32_t count);

/* ---- the draws ---- */

struct explore_option {
    float score;
    uint32_t clicks;
    uint32_t at; /* the caller's */
};

/* A number from 0 to below 1; the same state gives the same numbers (splitmix64, draw.h). */
double explore_random(uint64_t *state);

/* How many places of a list of `length` are explored: share * length on average, at most that
 * rounded up, and at most EXPLORE_PLACES_MAX. */
uint32_t explore_places(const struct explore_settings *settings, uint32_t length, uint64_t *state);

/* Draws one of `count` options, at least one, by the formula above. Returns its index. */
uint32_t explore_draw(const struct explore_option *options, uint32_t count, uint64_t *state,
                      float *ret_propensity);

#endif
